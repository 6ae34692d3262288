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
    let places = args.get(1).map_or(Ok(0), |places| whole(places))?;
    let places = u32::try_from(places).ok().filter(|places| *places <= 28);
    let places = places.ok_or_else(|| "`round` takes 0 to 28 decimal places".to_owned())?;
    Ok(Value::Number(of(args).round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero)))
}

/// Reads a text as JSON reads a number.
pub fn number(args: Args<'_, '_>, _: &mut Meter<'_>) -> Made {
    match args.first().map(|arg| &**arg) {
        Some(Value::Text(text)) => {
            if text.len() > 64 {
                return Err("the text is too long for a number".to_owned());
            }
            parse_number(text.trim()).map(Value::Number).map_err(|error| error.to_string())
        }
        _ => Ok(Value::Number(of(args))),
    }
}
