//! Lists, and what texts and maps share with them. Positions count from 0, negative ones from the end.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::whole;
use crate::expression::meter::{LIST, Meter};
use crate::expression::operators;
use crate::value::{List, Value};

type Args<'a, 'v> = &'a [Cow<'v, Value>];
type Made = Result<Value, String>;

fn items<'a>(args: Args<'a, '_>) -> &'a [Value] {
    match args.first().map(|arg| &**arg) {
        Some(Value::List(items)) => items,
        _ => &[],
    }
}

fn count(n: usize) -> Value {
    Value::integer(i64::try_from(n).unwrap_or(i64::MAX))
}

/// A position as written to an offset; `None` before the beginning.
pub fn from_end(position: i64, length: usize) -> Option<usize> {
    if position >= 0 {
        return usize::try_from(position).ok();
    }
    length.checked_sub(usize::try_from(position.unsigned_abs()).ok()?)
}

pub fn len(args: Args<'_, '_>, meter: &mut Meter<'_>) -> Made {
    Ok(match args.first().map(|arg| &**arg) {
        Some(text @ Value::Text(t)) => {
            meter.visit(text)?;
            count(t.chars().count())
        }
        Some(Value::Map(fields)) => count(fields.len()),
        _ => count(items(args).len()),
    })
}

pub fn contains(args: Args<'_, '_>, meter: &mut Meter<'_>) -> Made {
    match args {
        [whole, item] => operators::contains(whole, item, meter).map(Value::Bool),
        _ => Ok(Value::Null),
    }
}

pub fn first(args: Args<'_, '_>, meter: &mut Meter<'_>) -> Made {
    items(args).first().map_or(Ok(Value::Null), |item| meter.copy(item))
}

pub fn last(args: Args<'_, '_>, meter: &mut Meter<'_>) -> Made {
    items(args).last().map_or(Ok(Value::Null), |item| meter.copy(item))
}

/// The position of an item, or of a part of a text; null where there is none.
pub fn index_of(args: Args<'_, '_>, meter: &mut Meter<'_>) -> Made {
    match args {
        [whole, item] => match (&**whole, &**item) {
            (Value::Text(text), Value::Text(part)) => {
                meter.visit(whole)?;
                let before = text.find(part.as_str()).and_then(|at| text.get(..at));
                Ok(before.map_or(Value::Null, |before| count(before.chars().count())))
            }
            (Value::Text(_), other) => Err(format!("cannot look for {} in text", other.kind())),
            _ => {
                for (at, candidate) in items(args).iter().enumerate() {
                    meter.charge(1)?;
                    if operators::equal(candidate, item, meter)? {
                        return Ok(count(at));
                    }
                }
                Ok(Value::Null)
            }
        },
        _ => Ok(Value::Null),
    }
}

pub fn flatten(args: Args<'_, '_>, meter: &mut Meter<'_>) -> Made {
    let mut flat = Vec::new();
    for item in items(args) {
        match item {
            Value::List(inner) => {
                if flat.len() + inner.len() > LIST {
                    return Err(format!("the list is over the budget of {LIST} items"));
                }
                meter.charge(1 + inner.len())?;
                flat.extend(inner.iter().cloned());
            }
            other => return Err(format!("`flatten` takes a list of lists, not of {}", other.kind())),
        }
    }
    meter.paid(flat)
}

pub fn reversed(args: Args<'_, '_>, meter: &mut Meter<'_>) -> Made {
    let items = items(args);
    meter.charge(1 + items.len())?;
    meter.paid(items.iter().rev().cloned().collect::<List>())
}

pub fn unique(args: Args<'_, '_>, meter: &mut Meter<'_>) -> Made {
    let mut kept: Vec<Value> = Vec::new();
    for item in items(args) {
        let mut known = false;
        for earlier in &kept {
            meter.charge(1)?;
            if operators::equal(earlier, item, meter)? {
                known = true;
                break;
            }
        }
        if !known {
            kept.push(meter.copy(item)?);
        }
    }
    meter.paid(kept)
}

pub fn min(args: Args<'_, '_>, meter: &mut Meter<'_>) -> Made {
    extreme(args, meter, "min", Ordering::Less)
}

pub fn max(args: Args<'_, '_>, meter: &mut Meter<'_>) -> Made {
    extreme(args, meter, "max", Ordering::Greater)
}

fn extreme(args: Args<'_, '_>, meter: &mut Meter<'_>, name: &str, wanted: Ordering) -> Made {
    let candidates: Vec<&Value> = match args {
        [only] if matches!(**only, Value::List(_)) => items(args).iter().collect(),
        [only] => return Err(format!("`{name}` takes a list or two values, not {}", only.kind())),
        several => several.iter().map(|arg| &**arg).collect(),
    };
    meter.charge(candidates.len())?;
    for text in candidates.iter().filter(|candidate| matches!(candidate, Value::Text(_))) {
        meter.visit(text)?;
    }
    let mut candidates = candidates.into_iter();
    let Some(mut best) = candidates.next() else { return Err(format!("`{name}` of an empty list")) };
    operators::order(best, best)?;
    for candidate in candidates {
        if operators::order(candidate, best)? == wanted {
            best = candidate;
        }
    }
    meter.copy(best)
}

pub fn sliced(args: Args<'_, '_>, meter: &mut Meter<'_>) -> Made {
    match args {
        [whole_value, from] => slice(whole_value, whole(from)?, None, meter),
        [whole_value, from, to] => slice(whole_value, whole(from)?, Some(whole(to)?), meter),
        _ => Ok(Value::Null),
    }
}

/// From `from` up to, not with, `to`. Ends beyond the list are taken as its ends.
pub fn slice(value: &Value, from: i64, to: Option<i64>, meter: &mut Meter<'_>) -> Made {
    let ends = |length: usize| {
        let end = to.map_or(length, |to| from_end(to, length).unwrap_or(0).min(length));
        let start = from_end(from, length).unwrap_or(0).min(end);
        (start, end - start)
    };
    match value {
        Value::List(items) => {
            let (start, length) = ends(items.len());
            meter.charge(1 + length)?;
            meter.paid(items.iter().skip(start).take(length).cloned().collect::<List>())
        }
        Value::Text(text) => {
            meter.visit(value)?;
            let (start, length) = ends(text.chars().count());
            meter.text(text.chars().skip(start).take(length).collect())
        }
        other => Err(format!("cannot take a part of {}", other.kind())),
    }
}
