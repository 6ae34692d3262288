//! The budget of an evaluation: operations, sizes and depth, never time, so that it strikes at the same place on
//! every replay. Copying a value costs its size, so that the operations bound the memory too.

use crate::value::Value;

/// Operations of one evaluation.
pub const OPERATIONS: u64 = 100_000;
/// Longest text an expression may make, in bytes.
pub const TEXT: usize = 64 * 1024;
/// Most items of a list, or fields of a map, that an expression may make.
pub const LIST: usize = 10_000;
const DEPTH: usize = 64;
/// Bytes of text that cost one operation.
const BYTES: usize = 64;

pub(super) struct Meter<'a> {
    operations: &'a mut u64,
}

impl<'a> Meter<'a> {
    pub fn new(operations: &'a mut u64) -> Meter<'a> {
        Meter { operations }
    }

    pub fn charge(&mut self, cost: usize) -> Result<(), String> {
        let cost = u64::try_from(cost).unwrap_or(u64::MAX);
        if *self.operations < cost {
            *self.operations = 0;
            return Err("the expression is over its budget of operations".to_owned());
        }
        *self.operations -= cost;
        Ok(())
    }

    /// Pays for looking at a whole value, or copying it, and refuses one that is nested too deeply.
    pub fn visit(&mut self, value: &Value) -> Result<(), String> {
        self.visit_below(value, DEPTH)
    }

    fn visit_below(&mut self, value: &Value, depth: usize) -> Result<(), String> {
        if depth == 0 {
            return Err(format!("the value is over the budget of {DEPTH} levels of nesting"));
        }
        match value {
            Value::Text(text) => self.charge(1 + text.len() / BYTES),
            Value::List(items) => {
                self.charge(1)?;
                items.iter().try_for_each(|item| self.visit_below(item, depth - 1))
            }
            Value::Map(fields) => {
                self.charge(1)?;
                fields.iter().try_for_each(|(key, item)| {
                    self.charge(key.len() / BYTES)?;
                    self.visit_below(item, depth - 1)
                })
            }
            _ => self.charge(1),
        }
    }

    pub fn copy(&mut self, value: &Value) -> Result<Value, String> {
        self.visit(value)?;
        Ok(value.clone())
    }

    /// A text of `length` bytes is about to be made.
    pub fn room_for_text(&mut self, length: usize) -> Result<(), String> {
        if length > TEXT {
            return Err(format!("the text is over the budget of {TEXT} bytes"));
        }
        self.charge(1 + length / BYTES)
    }

    /// A list or map of `length` entries is about to be made.
    pub fn room_for_list(&mut self, length: usize) -> Result<(), String> {
        if length > LIST {
            return Err(format!("the list is over the budget of {LIST} items"));
        }
        self.charge(1)
    }

    pub fn text(&mut self, text: String) -> Result<Value, String> {
        self.room_for_text(text.len())?;
        Ok(Value::Text(text))
    }

    /// A list that was made of copies already paid for; only its depth is new.
    pub fn list(&mut self, items: Vec<Value>) -> Result<Value, String> {
        self.room_for_list(items.len())?;
        self.nested(Value::List(items))
    }

    /// A list or map around values: pays again, as the depth has to be looked at.
    pub fn nested(&mut self, value: Value) -> Result<Value, String> {
        self.visit(&value)?;
        Ok(value)
    }
}
