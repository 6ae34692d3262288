//! Texts. Lengths and positions count characters.

use std::borrow::Cow;

use crate::expression::meter::{LIST, Meter};
use crate::value::Value;

type Args<'a, 'v> = &'a [Cow<'v, Value>];
type Made = Result<Value, String>;

fn of<'a>(args: Args<'a, '_>, at: usize) -> &'a str {
    args.get(at).and_then(|arg| arg.as_text()).unwrap_or_default()
}

/// Pays for looking through the first text.
fn first<'a>(args: Args<'a, '_>, meter: &mut Meter<'_>) -> Result<&'a str, String> {
    if let Some(arg) = args.first() {
        meter.visit(arg)?;
    }
    Ok(of(args, 0))
}

pub fn upper(args: Args<'_, '_>, meter: &mut Meter<'_>) -> Made {
    let text = first(args, meter)?.to_uppercase();
    meter.text(text)
}

pub fn lower(args: Args<'_, '_>, meter: &mut Meter<'_>) -> Made {
    let text = first(args, meter)?.to_lowercase();
    meter.text(text)
}

pub fn trim(args: Args<'_, '_>, meter: &mut Meter<'_>) -> Made {
    Ok(Value::text(first(args, meter)?.trim()))
}

pub fn starts_with(args: Args<'_, '_>, meter: &mut Meter<'_>) -> Made {
    Ok(Value::Bool(first(args, meter)?.starts_with(of(args, 1))))
}

pub fn ends_with(args: Args<'_, '_>, meter: &mut Meter<'_>) -> Made {
    Ok(Value::Bool(first(args, meter)?.ends_with(of(args, 1))))
}

pub fn separator(value: &Value) -> Result<(), String> {
    if value.as_text() == Some("") { Err("`split` takes a separator that is not empty".to_owned()) } else { Ok(()) }
}

pub fn looked_for(value: &Value) -> Result<(), String> {
    if value.as_text() == Some("") {
        return Err("`replace` takes an `old` that is not empty".to_owned());
    }
    Ok(())
}

pub fn split(args: Args<'_, '_>, meter: &mut Meter<'_>) -> Made {
    let (text, separator) = (first(args, meter)?, of(args, 1));
    args.get(1).map_or(Ok(()), |arg| self::separator(arg))?;
    meter.list(text.split(separator).take(LIST + 1).map(Value::text).collect())
}

pub fn replace(args: Args<'_, '_>, meter: &mut Meter<'_>) -> Made {
    let (text, old, new) = (first(args, meter)?, of(args, 1), of(args, 2));
    args.get(1).map_or(Ok(()), |arg| looked_for(arg))?;
    // Counted before it is made: the result may be very much longer than what goes in.
    let found = text.matches(old).count();
    let length = text.len().saturating_sub(found * old.len()).saturating_add(found.saturating_mul(new.len()));
    meter.room_for_text(length)?;
    Ok(Value::text(text.replace(old, new)))
}

pub fn join(args: Args<'_, '_>, meter: &mut Meter<'_>) -> Made {
    let mut joined = String::new();
    if let Some(Value::List(items)) = args.first().map(|arg| &**arg) {
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                joined.push_str(of(args, 1));
            }
            meter.visit(item)?;
            joined.push_str(&item.to_display());
            meter.room_for_text(joined.len())?;
        }
    }
    Ok(Value::text(joined))
}

pub fn text(args: Args<'_, '_>, meter: &mut Meter<'_>) -> Made {
    let Some(arg) = args.first() else { return Ok(Value::Null) };
    meter.visit(arg)?;
    let text = arg.to_display();
    meter.text(text)
}
