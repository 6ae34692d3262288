//! Numbers: exact decimals, never a binary float.

use std::borrow::Cow;

use rust_decimal::{Decimal, RoundingStrategy};

use super::whole;
use crate::expression::meter::Meter;
use crate::value::{Duration, Value, parse_number};

type Args<'a, 'v> = &'a [Cow<'v, Value>];
type Made = Result<Value, String>;

fn of(args: Args<'_, '_>) -> Decimal {
    args.first().and_then(|arg| if let Value::Number(n) = &**arg { Some(*n) } else { None }).unwrap_or_default()
}

pub fn abs(args: Args<'_, '_>, _: &mut Meter<'_>) -> Made {
    match args.first().map(|arg| &**arg) {
        Some(Value::Duration(d)) => Ok(Value::Duration(Duration(d.0.saturating_abs()))),
        _ => Ok(Value::Number(of(args).abs())),
    }
}

pub fn floor(args: Args<'_, '_>, _: &mut Meter<'_>) -> Made {
    Ok(Value::Number(of(args).floor()))
}

pub fn ceil(args: Args<'_, '_>, _: &mut Meter<'_>) -> Made {
    Ok(Value::Number(of(args).ceil()))
}

/// Half away from zero.
pub fn round(args: Args<'_, '_>, _: &mut Meter<'_>) -> Made {
    let places = args.get(1).map_or(Ok(0), |given| places(given))?;
    Ok(Value::Number(of(args).round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero)))
}

/// The decimal places to round to.
pub fn places(given: &Value) -> Result<u32, String> {
    let places = u32::try_from(whole(given)?).ok().filter(|places| *places <= 28);
    places.ok_or_else(|| "`round` takes 0 to 28 decimal places".to_owned())
}

/// Whether JSON would read it as a number: no sign in front but `-`, digits on both sides of a point, and no zero in
/// front of other digits.
fn is_json(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let whole = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let fraction = digits.get(whole..).and_then(|rest| rest.strip_prefix('.'));
    whole > 0
        && (whole == 1 || !digits.starts_with('0'))
        && fraction.is_none_or(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Reads a text as JSON reads a number; blanks around it count for nothing.
pub fn number(args: Args<'_, '_>, _: &mut Meter<'_>) -> Made {
    match args.first().map(|arg| &**arg) {
        Some(Value::Text(text)) => {
            if text.len() > 64 {
                return Err("the text is too long for a number".to_owned());
            }
            let text = text.trim_matches([' ', '\t', '\r', '\n']);
            if !is_json(text) {
                return Err(format!("`{text}` is not a number"));
            }
            parse_number(text).map(Value::Number).map_err(|error| error.to_string())
        }
        _ => Ok(Value::Number(of(args))),
    }
}
