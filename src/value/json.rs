//! JSON in and out, number by number from its text: 64-bit floats would change what an author wrote.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{NumberError, Value, number};

/// Nesting beyond this is refused before it is read. YAML definitions stop at 32.
const DEPTH: usize = 64;

#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    #[error("not JSON: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("at `{pointer}`: {error}")]
    Number { pointer: String, error: NumberError },
    #[error("nested more than {DEPTH} levels deep")]
    Deep,
    #[error("at `{pointer}`: the key `{key}` stands twice")]
    Twice { pointer: String, key: String },
}

/// What a JSON text is read into.
pub trait FromJson: Sized {
    fn scalar(value: Value) -> Self;
    fn list(items: Vec<Self>) -> Self;
    /// The entries in the order written; no key stands twice.
    fn map(entries: Vec<(String, Self)>) -> Self;
}

impl FromJson for Value {
    fn scalar(value: Value) -> Value {
        value
    }
    fn list(items: Vec<Value>) -> Value {
        Value::List(items.into())
    }
    fn map(entries: Vec<(String, Value)>) -> Value {
        Value::Map(entries.into_iter().collect())
    }
}

/// Reads JSON text. Numbers are exact or refused, keys that stand twice are refused.
pub fn from_json<T: FromJson>(text: &str) -> Result<T, JsonError> {
    let raw: &RawValue = serde_json::from_str(text)?;
    read(raw.get(), &mut String::new(), 0)
}

/// The children of a JSON list or map, each still text, in the order written.
enum Shape<'a> {
    List(Vec<&'a RawValue>),
    Map(Vec<(String, &'a RawValue)>),
}

impl<'de> Deserialize<'de> for Shape<'de> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Children;
        impl<'de> Visitor<'de> for Children {
            type Value = Shape<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list or a map")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape<'de>, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Shape::List(items))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Shape::Map(entries))
            }
        }
        deserializer.deserialize_any(Children)
    }
}

fn read<T: FromJson>(text: &str, pointer: &mut String, depth: usize) -> Result<T, JsonError> {
    if depth > DEPTH {
        return Err(JsonError::Deep);
    }
    match text.trim_start().as_bytes().first() {
        Some(b'n') => Ok(T::scalar(Value::Null)),
        Some(b't') => Ok(T::scalar(Value::Bool(true))),
        Some(b'f') => Ok(T::scalar(Value::Bool(false))),
        Some(b'"') => Ok(T::scalar(Value::text(serde_json::from_str::<String>(text)?))),
        Some(b'[' | b'{') => match serde_json::from_str(text)? {
            Shape::List(items) => items
                .into_iter()
                .enumerate()
                .map(|(at, item)| below(pointer, &at.to_string(), |p| read(item.get(), p, depth + 1)))
                .collect::<Result<_, _>>()
                .map(T::list),
            Shape::Map(entries) => {
                let (mut seen, mut fields) = (BTreeSet::new(), Vec::with_capacity(entries.len()));
                for (key, item) in entries {
                    let value = below(pointer, &key, |p| read(item.get(), p, depth + 1))?;
                    if !seen.insert(key.clone()) {
                        return Err(JsonError::Twice { pointer: pointer.clone(), key });
                    }
                    fields.push((key, value));
                }
                Ok(T::map(fields))
            }
        },
        _ => number::parse(text.trim())
            .map(|n| T::scalar(Value::Number(n)))
            .map_err(|error| JsonError::Number { pointer: pointer.clone(), error }),
    }
}

/// Runs `f` with `segment` appended to the JSON pointer (RFC 6901).
fn below<T>(pointer: &mut String, segment: &str, f: impl FnOnce(&mut String) -> T) -> T {
    let length = pointer.len();
    pointer.push('/');
    pointer.push_str(&segment.replace('~', "~0").replace('/', "~1"));
    let result = f(pointer);
    pointer.truncate(length);
    result
}

/// Writes JSON: keys in byte order, no white space, numbers by the rules of the border, times and durations as text.
/// Equal values give equal bytes.
pub fn to_json(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Number(n) => out.push_str(&number::write(*n)),
        Value::Text(text) => write_text(text, out),
        Value::Time(time) => write_text(&time.to_string(), out),
        Value::Duration(duration) => write_text(&duration.to_string(), out),
        Value::List(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Map(fields) => {
            out.push('{');
            for (at, (key, item)) in fields.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_text(key, out);
                out.push(':');
                write(item, out);
            }
            out.push('}');
        }
    }
}

/// Writes a JSON string.
fn write_text(text: &str, out: &mut String) {
    // A `&str` always serialises; the empty text stands for the impossible.
    out.push_str(&serde_json::to_string(text).unwrap_or_else(|_| "\"\"".to_owned()));
}

/// The value as other libraries take it (JSON Schema validation, HTTP bodies). Numbers of up to 15 digits survive the
/// way through a 64-bit float unchanged.
pub fn to_serde(value: &Value) -> serde_json::Value {
    serde_json::from_str(&to_json(value)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_survives_unchanged() {
        for text in
            [r#"{"a":[1,0.1,-2.5],"b":{"c":null,"d":true},"é":"\"\n"}"#, "[]", "{}", "\"x\"", "12", "9007199254740992"]
        {
            assert_eq!(from_json::<Value>(text).map(|v| to_json(&v)).ok().as_deref(), Some(text));
        }
    }

    #[test]
    fn refusals_say_where() {
        let error = |text: &str| from_json::<Value>(text).map_err(|e| e.to_string()).err().unwrap_or_default();
        assert!(
            error(r#"{"a":{"b/c":[0,9007199254740993]}}"#).starts_with("at `/a/b~1c/1`: the number 9007199254740993")
        );
        assert_eq!(error(r#"{"a":{"x":1,"x":2}}"#), "at `/a`: the key `x` stands twice");
        assert!(error("{").starts_with("not JSON:"));
        let nested = |levels: usize| error(&format!("{}1{}", "[".repeat(levels), "]".repeat(levels)));
        assert_eq!(nested(64), "");
        assert_eq!(nested(65), "nested more than 64 levels deep");
    }
}
