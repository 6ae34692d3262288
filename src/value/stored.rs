//! How values stand in the stored state of a run. JSON has no decimals, times or durations that read back as what they
//! were, so those are tagged: `{"$n": "1.10"}`, `{"$t": ms}`, `{"$d": ms}`; an author's own map whose first key begins
//! with `$` is wrapped as `{"$m": {…}}`.

use std::collections::BTreeMap;
use std::fmt;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::de::{self, DeserializeOwned, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Duration, MAX_INTEGER, Time, Value};

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(b) => serializer.serialize_bool(*b),
            Value::Number(n) => {
                match n.to_i64().filter(|i| n.scale() == 0 && i.unsigned_abs() <= MAX_INTEGER.unsigned_abs()) {
                    Some(integer) => serializer.serialize_i64(integer),
                    None => tagged(serializer, "$n", &n.to_string()),
                }
            }
            Value::Text(text) => serializer.serialize_str(text),
            Value::List(items) => {
                let mut seq = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    seq.serialize_element(item)?;
                }
                seq.end()
            }
            Value::Map(fields) if fields.keys().next().is_some_and(|k| k.starts_with('$')) => {
                tagged(serializer, "$m", &Fields(fields))
            }
            Value::Map(fields) => Fields(fields).serialize(serializer),
            Value::Time(time) => tagged(serializer, "$t", &time.0),
            Value::Duration(duration) => tagged(serializer, "$d", &duration.0),
        }
    }
}

fn tagged<S: Serializer>(serializer: S, tag: &str, content: &impl Serialize) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(tag, content)?;
    map.end()
}

struct Fields<'a>(&'a BTreeMap<String, Value>);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Stored)
    }
}

struct Stored;

impl<'de> Visitor<'de> for Stored {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a stored value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, b: bool) -> Result<Value, E> {
        Ok(Value::Bool(b))
    }
    fn visit_i64<E>(self, n: i64) -> Result<Value, E> {
        Ok(Value::integer(n))
    }
    fn visit_u64<E>(self, n: u64) -> Result<Value, E> {
        Ok(Value::Number(Decimal::from(n)))
    }
    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::text(text))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items.into()))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "$n" => {
                    let text: String = map.next_value()?;
                    return Decimal::from_str_exact(&text).map(Value::Number).map_err(de::Error::custom);
                }
                "$t" => return map.next_value().map(|ms| Value::Time(Time(ms))),
                "$d" => return map.next_value().map(|ms| Value::Duration(Duration(ms))),
                "$m" => return map.next_value::<PlainMap>().map(|plain| Value::Map(plain.0.into())),
                _ => {
                    let value = map.next_value()?;
                    fields.insert(key, value);
                }
            }
        }
        Ok(Value::Map(fields.into()))
    }
}

/// The value that a type of ours writes itself as, for what travels as plain JSON.
pub fn to_value<T: Serialize>(written: &T) -> Result<Value, serde_json::Error> {
    serde_json::from_value(serde_json::to_value(written)?)
}

/// Reads what [`to_value`] gave, also after it has travelled. Errors: what is missing, too much, or of another kind.
pub fn from_value<T: DeserializeOwned>(value: &Value) -> Result<T, serde_json::Error> {
    serde_json::from_value(serde_json::to_value(value)?)
}

#[derive(Deserialize)]
#[serde(transparent)]
struct PlainMap(BTreeMap<String, Value>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_reads_back_as_it_was() {
        let values = Value::list([
            Value::Null,
            Value::Number(Decimal::new(110, 2)),
            Value::Number(Decimal::ONE / Decimal::from(3)),
            Value::integer(MAX_INTEGER),
            Value::Time(Time(5)),
            Value::Duration(Duration(7)),
            Value::map([("$n", Value::text("not a tag")), ("a", Value::map([("$t", Value::Null)]))]),
            Value::map([("a", Value::integer(1)), ("z", Value::Bool(true))]),
        ]);
        let text = serde_json::to_string(&values).unwrap_or_default();
        assert_eq!(serde_json::from_str::<Value>(&text).ok(), Some(values), "{text}");
    }
}
