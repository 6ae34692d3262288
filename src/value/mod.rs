//! Values: what expressions compute, variables hold, and requests carry.
//!
//! One kind of number (an exact decimal), and no value whose meaning depends on the machine that reads it.
//! This room may not know: definitions, expressions, runs, hosts.

mod duration;
mod hex;
mod json;
mod number;
mod shared;
mod stored;
mod time;
mod weight;

pub use duration::{Duration, DurationError};
pub use hex::{from_hex, sha256, to_hex};
pub use json::{FromJson, JsonError, from_json, to_json, to_serde};
pub use number::{MAX_INTEGER, NumberError, parse as parse_number};
pub use rust_decimal::Decimal;
pub use shared::{List, Map, Text};
pub use stored::{from_value, to_value};
pub use time::{Time, TimeError};
pub use weight::{DEPTH, Weight, text_work};

/// A value of the language. Maps iterate in byte order of their keys, so that no result depends on insertion. A copy
/// shares what is inside.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Value {
    #[default]
    Null,
    Bool(bool),
    /// Exact, up to 28 digits. Read and written by [`number`]'s rules: at most 15 digits cross the border of a run.
    Number(Decimal),
    Text(Text),
    List(List),
    Map(Map),
    /// A point in time. Becomes RFC 3339 text in UTC wherever it leaves a run.
    Time(Time),
    /// A length of time, in whole milliseconds. Becomes text such as `1h30m` wherever it leaves a run.
    Duration(Duration),
}

impl Value {
    /// The word an author reads for this kind of value.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "true/false",
            Value::Number(_) => "number",
            Value::Text(_) => "text",
            Value::List(_) => "list",
            Value::Map(_) => "map",
            Value::Time(_) => "time",
            Value::Duration(_) => "duration",
        }
    }

    pub fn text(text: impl Into<Text>) -> Value {
        Value::Text(text.into())
    }

    pub fn list(items: impl IntoIterator<Item = Value>) -> Value {
        Value::List(items.into_iter().collect())
    }

    pub fn integer(n: i64) -> Value {
        Value::Number(Decimal::from(n))
    }

    pub fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, Value)>) -> Value {
        Value::Map(entries.into_iter().map(|(k, v)| (k.into(), v)).collect())
    }

    /// The field of a map; `None` for an absent field and for anything that is not a map.
    pub fn get(&self, field: &str) -> Option<&Value> {
        match self {
            Value::Map(fields) => fields.get(field),
            _ => None,
        }
    }

    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// How the value reads inside a text: text as it is, numbers plain, lists and maps as JSON, a time as RFC 3339
    /// in UTC, null as `null`.
    pub fn to_display(&self) -> String {
        match self {
            Value::Text(text) => text.to_string(),
            Value::Time(time) => time.to_string(),
            Value::Duration(duration) => duration.to_string(),
            other => to_json(other),
        }
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Value::Bool(b)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::text(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::text(text)
    }
}
