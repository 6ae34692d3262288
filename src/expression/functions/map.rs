//! Maps. They iterate by key, in byte order.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::expression::meter::Meter;
use crate::value::{List, Value};

type Args<'a, 'v> = &'a [Cow<'v, Value>];
type Made = Result<Value, String>;

pub fn keys(args: Args<'_, '_>, meter: &mut Meter<'_>) -> Made {
    match args.first().map(|arg| &**arg) {
        Some(Value::Map(fields)) => {
            meter.weigh(fields.parts())?;
            meter.list(fields.keys().map(|key| Value::text(key.as_str())).collect())
        }
        _ => Ok(Value::Null),
    }
}

pub fn values(args: Args<'_, '_>, meter: &mut Meter<'_>) -> Made {
    match args.first().map(|arg| &**arg) {
        Some(Value::Map(fields)) => {
            meter.charge(1 + fields.len())?;
            meter.paid(fields.values().cloned().collect::<List>())
        }
        _ => Ok(Value::Null),
    }
}

pub fn has(args: Args<'_, '_>, _: &mut Meter<'_>) -> Made {
    match args {
        [map, key] => Ok(Value::Bool(key.as_text().is_some_and(|key| map.get(key).is_some()))),
        _ => Ok(Value::Null),
    }
}

/// The field, or the third value where it is missing.
pub fn get(args: Args<'_, '_>, meter: &mut Meter<'_>) -> Made {
    match args {
        [map, key, other] => meter.copy(key.as_text().and_then(|key| map.get(key)).unwrap_or(other)),
        _ => Ok(Value::Null),
    }
}

/// The fields of both; where both have one, the second's.
pub fn merge(args: Args<'_, '_>, meter: &mut Meter<'_>) -> Made {
    let mut merged = BTreeMap::new();
    for arg in args {
        if let Value::Map(fields) = &**arg {
            meter.weigh(fields.parts())?;
            merged.extend(fields.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
    }
    meter.map(merged)
}
