//! The functions of the language: one table that the checker and the evaluator both read.

pub(super) mod calendar;
pub(super) mod each;
pub(super) mod list;
pub(super) mod map;
pub(super) mod number;
pub(super) mod takes;
pub(super) mod text;

use std::borrow::Cow;

use rust_decimal::prelude::ToPrimitive;

use super::meter::Meter;
use super::types::Type;
use crate::value::Value;
use each::Each;
use takes::*;

pub(super) type Native = fn(&[Cow<'_, Value>], &mut Meter<'_>) -> Result<Value, String>;

#[derive(Clone, Copy)]
pub(super) enum Run {
    Native(Native),
    /// Calls a closure per item.
    Each(Each),
    Now,
    Uuid,
}

pub(super) struct Function {
    pub name: &'static str,
    /// What each argument may be; those behind `required` may be left out.
    pub takes: &'static [u16],
    pub required: usize,
    /// Type of the result; a closure's argument stands as the type of its body.
    pub gives: fn(&[Type]) -> Type,
    pub run: Run,
}

/// Shorthand of the table below.
const fn row(
    name: &'static str,
    takes: &'static [u16],
    required: usize,
    gives: fn(&[Type]) -> Type,
    run: Run,
) -> Function {
    Function { name, takes, required, gives, run }
}

const ORDERED: u16 = NUMBER | TEXT | TIME | DURATION;

static FUNCTIONS: &[Function] = &[
    row("abs", &[NUMBER | DURATION], 1, same, Run::Native(number::abs)),
    row("add_business_days", &[TEXT, NUMBER, LIST], 2, text_type, Run::Native(calendar::add_business_days)),
    row("add_days", &[TEXT, NUMBER], 2, text_type, Run::Native(calendar::add_days)),
    row("add_months", &[TEXT, NUMBER], 2, text_type, Run::Native(calendar::add_months)),
    row("all", &[LIST, CLOSURE], 2, truth, Run::Each(Each::All)),
    row("at", &[TEXT, TEXT, TEXT], 3, |_| Type::Time, Run::Native(calendar::at)),
    row("ceil", &[NUMBER], 1, number_type, Run::Native(number::ceil)),
    row("contains", &[LIST | TEXT | MAP, ANY], 2, truth, Run::Native(list::contains)),
    row("date_of", &[TIME, TEXT], 2, text_type, Run::Native(calendar::date_of)),
    row("days", &[NUMBER], 1, duration, Run::Native(calendar::days)),
    row("days_between", &[TEXT, TEXT], 2, number_type, Run::Native(calendar::days_between)),
    row("duration", &[TEXT | DURATION], 1, duration, Run::Native(calendar::duration)),
    row("ends_with", &[TEXT, TEXT], 2, truth, Run::Native(text::ends_with)),
    row("filter", &[LIST, CLOSURE], 2, same, Run::Each(Each::Filter)),
    row("first", &[LIST], 1, item_or_null, Run::Native(list::first)),
    row("flatten", &[LIST], 1, item, Run::Native(list::flatten)),
    row("floor", &[NUMBER], 1, number_type, Run::Native(number::floor)),
    row("get", &[MAP, TEXT, ANY], 3, |_| Type::Any, Run::Native(map::get)),
    row("has", &[MAP, TEXT], 2, truth, Run::Native(map::has)),
    row("hours", &[NUMBER], 1, duration, Run::Native(calendar::hours)),
    row("index_of", &[LIST | TEXT, ANY], 2, place, Run::Native(list::index_of)),
    row("join", &[LIST, TEXT], 2, text_type, Run::Native(text::join)),
    row("keys", &[MAP], 1, |_| Type::List(Box::new(Type::Text)), Run::Native(map::keys)),
    row("last", &[LIST], 1, item_or_null, Run::Native(list::last)),
    row("len", &[LIST | TEXT | MAP], 1, number_type, Run::Native(list::len)),
    row("lower", &[TEXT], 1, text_type, Run::Native(text::lower)),
    row("map", &[LIST, CLOSURE], 2, mapped, Run::Each(Each::Map)),
    row("max", &[LIST | ORDERED, ORDERED], 1, extreme, Run::Native(list::max)),
    row("merge", &[MAP, MAP], 2, |_| Type::map(), Run::Native(map::merge)),
    row("min", &[LIST | ORDERED, ORDERED], 1, extreme, Run::Native(list::min)),
    row("minutes", &[NUMBER], 1, duration, Run::Native(calendar::minutes)),
    row("now", &[], 0, |_| Type::Time, Run::Now),
    row("number", &[TEXT | NUMBER], 1, number_type, Run::Native(number::number)),
    row("reduce", &[LIST, CLOSURE, ANY], 3, |_| Type::Any, Run::Each(Each::Reduce)),
    row("replace", &[TEXT, TEXT, TEXT], 3, text_type, Run::Native(text::replace)),
    row("reversed", &[LIST], 1, same, Run::Native(list::reversed)),
    row("round", &[NUMBER, NUMBER], 1, number_type, Run::Native(number::round)),
    row("seconds", &[NUMBER], 1, duration, Run::Native(calendar::seconds)),
    row("slice", &[LIST | TEXT, NUMBER, NUMBER], 2, part, Run::Native(list::sliced)),
    row("some", &[LIST, CLOSURE], 2, truth, Run::Each(Each::Some)),
    row("sorted", &[LIST, CLOSURE], 1, same, Run::Each(Each::Sorted)),
    row("split", &[TEXT, TEXT], 2, |_| Type::List(Box::new(Type::Text)), Run::Native(text::split)),
    row("starts_with", &[TEXT, TEXT], 2, truth, Run::Native(text::starts_with)),
    row("sum", &[LIST, CLOSURE], 1, summed, Run::Each(Each::Sum)),
    row("text", &[ANY], 1, text_type, Run::Native(text::text)),
    row("time", &[TEXT | TIME], 1, |_| Type::Time, Run::Native(calendar::time)),
    row("trim", &[TEXT], 1, text_type, Run::Native(text::trim)),
    row("unique", &[LIST], 1, same, Run::Native(list::unique)),
    row("upper", &[TEXT], 1, text_type, Run::Native(text::upper)),
    row("uuid", &[], 0, text_type, Run::Uuid),
    row("values", &[MAP], 1, |_| Type::List(Box::new(Type::Any)), Run::Native(map::values)),
];

pub(super) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.binary_search_by(|function| function.name.cmp(name)).ok().and_then(|at| FUNCTIONS.get(at))
}

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|function| function.name)
}

impl Function {
    pub fn arity_problem(&self, given: usize) -> Option<String> {
        let (least, most) = (self.required, self.takes.len());
        let wanted = match (least, most) {
            _ if (least..=most).contains(&given) => return None,
            (0, 0) => "nothing".to_owned(),
            (1, 1) => "1 value".to_owned(),
            (a, b) if a == b => format!("{a} values"),
            (a, b) => format!("{a} to {b} values"),
        };
        Some(format!("`{}` takes {wanted}, not {given}", self.name))
    }

    pub fn takes_closure(&self, at: usize) -> bool {
        self.takes.get(at) == Some(&CLOSURE)
    }

    /// `reduce` hands its closure two values and the index, all others one and the index.
    pub fn closure_problem(&self, params: usize) -> Option<String> {
        let (least, most, form) = if self.name == "reduce" { (2, 3, "|sum, x| …") } else { (1, 2, "|x| …") };
        (!(least..=most).contains(&params)).then(|| format!("`{}` takes a closure `{form}`", self.name))
    }

    /// Why a call fails with this argument, whatever the others are.
    pub fn refuses(&self, at: usize, argument: &Value) -> Option<String> {
        let refused = match (self.name, at) {
            ("add_business_days" | "add_days" | "add_months" | "at" | "days_between", 0) | ("days_between", 1) => {
                calendar::is_date(argument)
            }
            ("at", 1) => calendar::is_clock(argument),
            ("at", 2) | ("date_of", 1) => calendar::is_zone(argument),
            ("add_business_days", 2) => calendar::are_holidays(argument),
            ("add_business_days" | "add_days" | "add_months", 1) | ("slice", 1 | 2) => whole(argument).map(drop),
            ("round", 1) => number::places(argument).map(drop),
            ("split", 1) => text::separator(argument),
            ("replace", 1) => text::looked_for(argument),
            _ => Ok(()),
        };
        refused.err()
    }

    /// What was most likely meant by an argument that is refused.
    pub fn near(&self, at: usize, argument: &Value) -> Option<String> {
        match (self.name, at) {
            ("at", 1) => argument.as_text().and_then(calendar::near_clock),
            ("at", 2) | ("date_of", 1) => argument.as_text().and_then(calendar::near_zone),
            _ => None,
        }
    }

    pub fn argument_problem(&self, at: usize, given: u16, kind: &str) -> Option<String> {
        let wanted = *self.takes.get(at)?;
        if wanted & given != 0 {
            return None;
        }
        let which = ["", " as its second value", " as its third value"].get(at).unwrap_or(&"");
        Some(format!("`{}` takes {}{which}, not {kind}", self.name, describe(wanted)))
    }
}

/// A whole number, as a position or a count.
pub(super) fn whole(value: &Value) -> Result<i64, String> {
    match value {
        Value::Number(n) if n.fract().is_zero() => n.to_i64().ok_or_else(|| "the number is too large".to_owned()),
        Value::Number(n) => Err(format!("a whole number is wanted, not {}", n.normalize())),
        other => Err(format!("a whole number is wanted, not {}", other.kind())),
    }
}

fn truth(_: &[Type]) -> Type {
    Type::Bool
}
fn number_type(_: &[Type]) -> Type {
    Type::Number
}
fn text_type(_: &[Type]) -> Type {
    Type::Text
}
fn duration(_: &[Type]) -> Type {
    Type::Duration
}
fn place(_: &[Type]) -> Type {
    Type::union([Type::Number, Type::Null])
}
fn same(args: &[Type]) -> Type {
    args.first().cloned().unwrap_or(Type::Any)
}
fn part(args: &[Type]) -> Type {
    args.first().cloned().unwrap_or(Type::Any).part()
}
fn item(args: &[Type]) -> Type {
    args.first().map_or(Type::Any, Type::item)
}
fn item_or_null(args: &[Type]) -> Type {
    Type::union([item(args), Type::Null])
}
fn mapped(args: &[Type]) -> Type {
    Type::List(Box::new(args.get(1).cloned().unwrap_or(Type::Any)))
}
fn summed(args: &[Type]) -> Type {
    let item = args.get(1).cloned().unwrap_or_else(|| item(args));
    if item == Type::Number { Type::Number } else { Type::Any }
}
fn extreme(args: &[Type]) -> Type {
    match args {
        [only] => only.item(),
        [first, ..] => first.clone(),
        [] => Type::Any,
    }
}

#[cfg(test)]
#[test]
fn the_table_is_in_order() {
    assert!(FUNCTIONS.windows(2).all(|pair| matches!(pair, [a, b] if a.name < b.name)));
}
