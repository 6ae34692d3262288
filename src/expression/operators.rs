//! Operators on values. Different types never compare or add: the answer is a message, not `false`.

use std::cmp::Ordering;

use super::meter::Meter;
use super::tree::Operator;
use crate::value::{Decimal, Duration, Time, Value};
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{MathematicalOps, RoundingStrategy};

pub(super) const OVERFLOW: &str = "the number is too large";
pub(super) const TOO_LONG: &str = "the duration is longer than 10000 years";

pub(super) fn apply(operator: Operator, left: &Value, right: &Value, meter: &mut Meter<'_>) -> Result<Value, String> {
    match operator {
        Operator::Equal => equal(left, right, meter).map(Value::Bool),
        Operator::NotEqual => equal(left, right, meter).map(|same| Value::Bool(!same)),
        Operator::Less => compared(left, right, meter).map(|o| Value::Bool(o == Ordering::Less)),
        Operator::LessOrEqual => compared(left, right, meter).map(|o| Value::Bool(o != Ordering::Greater)),
        Operator::Greater => compared(left, right, meter).map(|o| Value::Bool(o == Ordering::Greater)),
        Operator::GreaterOrEqual => compared(left, right, meter).map(|o| Value::Bool(o != Ordering::Less)),
        Operator::In => contains(right, left, meter).map(Value::Bool),
        _ => arithmetic(operator, left, right, meter),
    }
}

/// `==`: null compares with everything, other types only with their own.
pub(super) fn equal(left: &Value, right: &Value, meter: &mut Meter<'_>) -> Result<bool, String> {
    match (left, right) {
        (Value::Null, other) | (other, Value::Null) => Ok(matches!(other, Value::Null)),
        _ if left.kind() != right.kind() => Err(mixed(Operator::Equal, left, right)),
        _ => {
            // Costs what is looked at: no more than the left side.
            if matches!(left, Value::List(_) | Value::Map(_) | Value::Text(_)) {
                meter.visit(left)?;
            }
            Ok(left == right)
        }
    }
}

fn compared(left: &Value, right: &Value, meter: &mut Meter<'_>) -> Result<Ordering, String> {
    if let (Value::Text(_), Value::Text(_)) = (left, right) {
        meter.visit(left)?;
    }
    order(left, right)
}

/// Whoever asks has paid for looking at both.
pub(super) fn order(left: &Value, right: &Value) -> Result<Ordering, String> {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => Ok(a.cmp(b)),
        (Value::Text(a), Value::Text(b)) => Ok(a.cmp(b)),
        (Value::Time(a), Value::Time(b)) => Ok(a.cmp(b)),
        (Value::Duration(a), Value::Duration(b)) => Ok(a.cmp(b)),
        _ if left.kind() == right.kind() => Err(format!("{} has no order", left.kind())),
        _ => Err(mixed(Operator::Less, left, right)),
    }
}

/// `item in whole`: an item of a list, a part of a text, a key of a map.
pub(super) fn contains(whole: &Value, item: &Value, meter: &mut Meter<'_>) -> Result<bool, String> {
    match (whole, item) {
        (Value::List(items), _) => {
            for candidate in items {
                meter.charge(1)?;
                if equal(candidate, item, meter)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        (Value::Text(text), Value::Text(part)) => {
            meter.visit(whole)?;
            Ok(text.contains(part.as_str()))
        }
        (Value::Map(fields), Value::Text(key)) => Ok(fields.contains_key(key.as_str())),
        _ => Err(format!("cannot look for {} in {}", item.kind(), whole.kind())),
    }
}

pub(super) fn negate(value: &Value) -> Result<Value, String> {
    match value {
        Value::Number(n) => Ok(Value::Number(-*n)),
        Value::Duration(d) => {
            d.0.checked_neg().and_then(Duration::new).map(Value::Duration).ok_or_else(|| TOO_LONG.to_owned())
        }
        other => Err(format!("`-` takes a number, not {}", other.kind())),
    }
}

fn mixed(operator: Operator, left: &Value, right: &Value) -> String {
    let (a, b) = (left.kind(), right.kind());
    match (operator, left, right) {
        (Operator::Add, Value::Text(_), _) | (Operator::Add, _, Value::Text(_)) => {
            format!("cannot add {a} and {b}; `text(x)` makes a text of anything")
        }
        _ => format!("cannot {} {a} and {b}", operator.verb()),
    }
}

fn arithmetic(operator: Operator, left: &Value, right: &Value, meter: &mut Meter<'_>) -> Result<Value, String> {
    let ms = |ms: Option<i64>| ms.and_then(Duration::new).map(Value::Duration).ok_or_else(|| TOO_LONG.to_owned());
    match (operator, left, right) {
        (_, Value::Number(a), Value::Number(b)) => number(operator, *a, *b).map(Value::Number),
        (Operator::Add, Value::Text(a), Value::Text(b)) => {
            meter.room_for_text(a.len() + b.len())?;
            Ok(Value::text([a.as_str(), b.as_str()].concat()))
        }
        (Operator::Add, Value::List(a), Value::List(b)) => {
            meter.room_for_list(a.len() + b.len())?;
            meter.paid([&**a, &**b].concat())
        }
        (Operator::Add, Value::Time(t), Value::Duration(d)) | (Operator::Add, Value::Duration(d), Value::Time(t)) => {
            moment(t.0.checked_add(d.0))
        }
        (Operator::Subtract, Value::Time(t), Value::Duration(d)) => moment(t.0.checked_sub(d.0)),
        (Operator::Subtract, Value::Time(a), Value::Time(b)) => ms(a.0.checked_sub(b.0)),
        (Operator::Add, Value::Duration(a), Value::Duration(b)) => ms(a.0.checked_add(b.0)),
        (Operator::Subtract, Value::Duration(a), Value::Duration(b)) => ms(a.0.checked_sub(b.0)),
        (Operator::Multiply, Value::Duration(d), Value::Number(n))
        | (Operator::Multiply, Value::Number(n), Value::Duration(d)) => {
            ms(Decimal::from(d.0).checked_mul(*n).and_then(whole_millis))
        }
        (Operator::Divide, Value::Duration(d), Value::Number(n)) => {
            number(Operator::Divide, Decimal::from(d.0), *n).and_then(|q| ms(whole_millis(q)))
        }
        (Operator::Divide, Value::Duration(a), Value::Duration(b)) => {
            number(Operator::Divide, Decimal::from(a.0), Decimal::from(b.0)).map(Value::Number)
        }
        _ if left.kind() == right.kind() => {
            Err(format!("cannot {} {} and {}", operator.verb(), left.kind(), right.kind()))
        }
        _ => Err(mixed(operator, left, right)),
    }
}

/// Milliseconds are whole: half to even, as everywhere.
pub(super) fn whole_millis(ms: Decimal) -> Option<i64> {
    ms.round_dp_with_strategy(0, RoundingStrategy::MidpointNearestEven).to_i64()
}

fn moment(ms: Option<i64>) -> Result<Value, String> {
    let time = ms.and_then(Time::new);
    time.map(Value::Time).ok_or_else(|| "the time is beyond the years 0000 to 9999".to_owned())
}

fn number(operator: Operator, a: Decimal, b: Decimal) -> Result<Decimal, String> {
    let by_zero = matches!(operator, Operator::Divide | Operator::Remainder) && b.is_zero();
    let result = match operator {
        _ if by_zero => return Err("cannot divide by zero".to_owned()),
        Operator::Add => a.checked_add(b),
        Operator::Subtract => a.checked_sub(b),
        Operator::Multiply => a.checked_mul(b),
        Operator::Divide => a.checked_div(b),
        Operator::Remainder => a.checked_rem(b),
        Operator::Power => power(a, exponent(b)?),
        _ => None,
    };
    result.ok_or_else(|| OVERFLOW.to_owned())
}

/// The right side of `**`.
pub(super) fn exponent(b: Decimal) -> Result<i64, String> {
    let whole = Some(b).filter(|b| b.fract().is_zero()).and_then(|b| b.to_i64());
    let whole = whole.ok_or_else(|| "`**` takes a whole number on its right".to_owned())?;
    Some(whole).filter(|e| (-1_000..=1_000).contains(e)).ok_or_else(|| "`**` takes up to 1000 on its right".to_owned())
}

fn power(a: Decimal, exponent: i64) -> Option<Decimal> {
    if exponent >= 0 {
        return a.checked_powi(exponent);
    }
    match a.checked_powi(-exponent) {
        Some(power) => Decimal::ONE.checked_div(power),
        // What is divided by so much is nothing in 28 digits.
        None => Some(Decimal::ZERO),
    }
}
