//! The budget of an evaluation: operations, sizes and depth, never time, so that it strikes at the same place on
//! every replay. Values share what is inside, so a copy costs one operation; what goes through a whole value pays its
//! weight before it looks.

use crate::value::{DEPTH, List, Map, Value, text_work};

/// Operations of one evaluation.
pub const OPERATIONS: u64 = 100_000;
/// Of evaluations that belong together, such as those of one event of a run.
pub const TOGETHER: u64 = 2_000_000;
/// Longest text an expression may make, in bytes.
pub const TEXT: usize = 64 * 1024;
/// Most items of a list, or fields of a map, that an expression may make.
pub const LIST: usize = 10_000;

/// What is left to spend: for one evaluation, and for all that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    one: u64,
    all: u64,
}

impl Budget {
    /// Of one evaluation, out of what is left for all.
    pub fn within(all: u64) -> Budget {
        Budget { one: OPERATIONS, all }
    }

    /// Of an evaluation that stands alone.
    pub fn alone() -> Budget {
        Budget::within(TOGETHER)
    }

    /// Of one that shall cost less.
    pub(super) fn small(operations: u64) -> Budget {
        Budget { one: operations, all: operations }
    }

    /// For all.
    pub fn left(self) -> u64 {
        self.all
    }

    /// Errors: words, where that is not left; then nothing is left.
    pub(super) fn spend(&mut self, cost: u64) -> Result<(), String> {
        let enough = cost <= self.one.min(self.all);
        let cost = cost.min(self.one);
        self.one -= cost;
        self.all = self.all.saturating_sub(cost);
        if enough { Ok(()) } else { Err("the expression is over its budget of operations".to_owned()) }
    }

    /// What an evaluation gives is gone through by whoever gets it. Errors: words, where that would cost more than is
    /// left.
    pub(super) fn give(&mut self, value: &Value) -> Result<(), String> {
        not_deep(value)?;
        if value.weight().work() > self.all {
            self.all = 0;
            return Err("the value is over the budget of operations".to_owned());
        }
        Ok(())
    }
}

fn not_deep(value: &Value) -> Result<(), String> {
    if value.is_deep() { Err(format!("the value is over the budget of {DEPTH} levels of nesting")) } else { Ok(()) }
}

pub(super) struct Meter<'a> {
    budget: &'a mut Budget,
}

impl<'a> Meter<'a> {
    pub fn new(budget: &'a mut Budget) -> Meter<'a> {
        Meter { budget }
    }

    pub fn charge(&mut self, cost: usize) -> Result<(), String> {
        self.budget.spend(u64::try_from(cost).unwrap_or(u64::MAX))
    }

    pub fn weigh(&mut self, cost: u64) -> Result<(), String> {
        self.budget.spend(cost)
    }

    /// Pays for looking at a whole value.
    pub fn visit(&mut self, value: &Value) -> Result<(), String> {
        self.visits(value, 1)
    }

    /// So many times.
    pub fn visits(&mut self, value: &Value, times: u64) -> Result<(), String> {
        self.budget.spend(value.weight().work().saturating_mul(times))
    }

    pub fn copy(&mut self, value: &Value) -> Result<Value, String> {
        self.charge(1)?;
        Ok(value.clone())
    }

    pub fn give(&mut self, value: &Value) -> Result<(), String> {
        self.budget.give(value)
    }

    /// A text of `length` bytes is about to be made.
    pub fn room_for_text(&mut self, length: usize) -> Result<(), String> {
        if length > TEXT {
            return Err(format!("the text is over the budget of {TEXT} bytes"));
        }
        self.budget.spend(1 + text_work(length))
    }

    /// A list of `length` items is about to be made.
    pub fn room_for_list(&mut self, length: usize) -> Result<(), String> {
        if length > LIST {
            return Err(format!("the list is over the budget of {LIST} items"));
        }
        self.charge(1 + length)
    }

    pub fn text(&mut self, text: String) -> Result<Value, String> {
        self.room_for_text(text.len())?;
        Ok(Value::text(text))
    }

    pub fn list(&mut self, items: Vec<Value>) -> Result<Value, String> {
        self.room_for_list(items.len())?;
        self.paid(items)
    }

    /// A list for which there was room.
    pub fn paid(&mut self, items: impl Into<List>) -> Result<Value, String> {
        let list = Value::List(items.into());
        not_deep(&list).map(|()| list)
    }

    pub fn map(&mut self, fields: impl Into<Map>) -> Result<Value, String> {
        let fields = fields.into();
        if fields.len() > LIST {
            return Err(format!("the map is over the budget of {LIST} fields"));
        }
        self.budget.spend(1 + fields.parts())?;
        let map = Value::Map(fields);
        not_deep(&map).map(|()| map)
    }
}
