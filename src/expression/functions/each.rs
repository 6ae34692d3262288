//! Functions that call a closure for the items of a list.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;

use crate::expression::Failure;
use crate::expression::evaluate::{Closure, Machine, a, add};
use crate::expression::operators::order;
use crate::value::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Each {
    All,
    Some,
    Filter,
    Map,
    Reduce,
    Sorted,
    Sum,
}

type Items<'v> = Vec<Cow<'v, Value>>;

pub fn run<'v>(
    each: Each,
    machine: &mut Machine<'v, '_>,
    values: Vec<Cow<'v, Value>>,
    closure: Option<Closure<'v>>,
    span: &Range<usize>,
) -> Result<Value, Failure> {
    let fail = |message: String| Failure { message, range: Some(span.clone()) };
    let mut values = values.into_iter();
    let items: Items<'v> = match values.next() {
        Some(Cow::Borrowed(Value::List(items))) => items.iter().map(Cow::Borrowed).collect(),
        Some(Cow::Owned(Value::List(items))) => items.into_iter().map(Cow::Owned).collect(),
        _ => Vec::new(),
    };
    machine.meter.charge(items.len()).map_err(fail)?;
    let Some(closure) = closure else {
        return match each {
            Each::Sum => {
                let mut sum = None;
                for item in &items {
                    sum = Some(add(sum, item, &mut machine.meter).map_err(fail)?);
                }
                Ok(sum.unwrap_or(Value::integer(0)))
            }
            Each::Sorted => {
                let keyed = items.into_iter().map(|item| (item.clone(), item)).collect();
                sorted(machine, keyed, span)
            }
            _ => Err(fail("a closure `|x| …` is missing".to_owned())),
        };
    };
    match each {
        Each::All | Each::Some => {
            for (at, item) in items.into_iter().enumerate() {
                if truth(machine, &closure, item, at)? == (each == Each::Some) {
                    return Ok(Value::Bool(each == Each::Some));
                }
            }
            Ok(Value::Bool(each == Each::All))
        }
        Each::Filter => {
            let mut kept = Vec::new();
            for (at, item) in items.into_iter().enumerate() {
                if truth(machine, &closure, item.clone(), at)? {
                    kept.push(machine.owned(item, span)?);
                }
            }
            machine.meter.list(kept).map_err(fail)
        }
        Each::Map => {
            let mut mapped = Vec::with_capacity(items.len());
            for (at, item) in items.into_iter().enumerate() {
                let value = machine.apply(&closure, [item, index(at)])?;
                mapped.push(machine.owned(value, span)?);
            }
            machine.meter.list(mapped).map_err(fail)
        }
        Each::Sum => {
            let mut sum = None;
            for (at, item) in items.into_iter().enumerate() {
                let value = machine.apply(&closure, [item, index(at)])?;
                sum = Some(add(sum, &value, &mut machine.meter).map_err(fail)?);
            }
            Ok(sum.unwrap_or(Value::integer(0)))
        }
        Each::Sorted => {
            let mut keyed = Vec::with_capacity(items.len());
            for (at, item) in items.into_iter().enumerate() {
                keyed.push((machine.apply(&closure, [item.clone(), index(at)])?, item));
            }
            sorted(machine, keyed, span)
        }
        Each::Reduce => {
            let mut sum = values.next().unwrap_or(Cow::Owned(Value::Null));
            for (at, item) in items.into_iter().enumerate() {
                sum = machine.apply(&closure, [sum, item, index(at)])?;
            }
            machine.owned(sum, span)
        }
    }
}

fn index<'v>(at: usize) -> Cow<'v, Value> {
    Cow::Owned(Value::integer(i64::try_from(at).unwrap_or(i64::MAX)))
}

fn truth<'v>(
    machine: &mut Machine<'v, '_>,
    closure: &Closure<'v>,
    item: Cow<'v, Value>,
    at: usize,
) -> Result<bool, Failure> {
    match &*machine.apply(closure, [item, index(at)])? {
        Value::Bool(answer) => Ok(*answer),
        other => Err(Failure {
            message: format!("the closure must give true or false, not {}", a(other)),
            range: Some(closure.body.span.clone()),
        }),
    }
}

/// By key, equal keys in their old order.
fn sorted<'v>(
    machine: &mut Machine<'v, '_>,
    mut keyed: Vec<(Cow<'v, Value>, Cow<'v, Value>)>,
    span: &Range<usize>,
) -> Result<Value, Failure> {
    let fail = |message: String| Failure { message, range: Some(span.clone()) };
    let rounds = usize::try_from(keyed.len().checked_ilog2().unwrap_or(0)).unwrap_or(0) + 1;
    machine.meter.charge(keyed.len() * rounds).map_err(fail)?;
    let times = u64::try_from(rounds).unwrap_or(u64::MAX);
    if let Some((first, _)) = keyed.first() {
        for (key, _) in &keyed {
            order(first, key).map_err(fail)?;
            machine.meter.visits(key, times).map_err(fail)?;
        }
    }
    // All keys are of one kind that has an order: the fallback is never taken.
    keyed.sort_by(|(a, _), (b, _)| order(a, b).unwrap_or(Ordering::Equal));
    let mut items = Vec::with_capacity(keyed.len());
    for (_, item) in keyed {
        items.push(machine.owned(item, span)?);
    }
    machine.meter.list(items).map_err(fail)
}
