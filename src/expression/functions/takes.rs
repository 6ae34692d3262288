//! Which kinds of value an argument may be, as bits.

use crate::value::Value;

pub const NULL: u16 = 1;
pub const BOOL: u16 = 2;
pub const NUMBER: u16 = 4;
pub const TEXT: u16 = 8;
pub const TIME: u16 = 16;
pub const DURATION: u16 = 32;
pub const LIST: u16 = 64;
pub const MAP: u16 = 128;
pub const ANY: u16 = 255;
pub const CLOSURE: u16 = 256;

pub fn of(value: &Value) -> u16 {
    match value {
        Value::Null => NULL,
        Value::Bool(_) => BOOL,
        Value::Number(_) => NUMBER,
        Value::Text(_) => TEXT,
        Value::Time(_) => TIME,
        Value::Duration(_) => DURATION,
        Value::List(_) => LIST,
        Value::Map(_) => MAP,
    }
}

/// `text`, `list or text`.
pub fn describe(kinds: u16) -> String {
    const WORDS: [(u16, &str); 9] = [
        (LIST, "a list"),
        (MAP, "a map"),
        (TEXT, "a text"),
        (NUMBER, "a number"),
        (TIME, "a time"),
        (DURATION, "a duration"),
        (BOOL, "true/false"),
        (NULL, "null"),
        (CLOSURE, "a closure `|x| …`"),
    ];
    if kinds == ANY {
        return "a value".to_owned();
    }
    WORDS.iter().filter(|(bit, _)| kinds & bit != 0).map(|(_, word)| *word).collect::<Vec<_>>().join(" or ")
}
