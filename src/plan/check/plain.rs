//! Constant text that reads like an expression: most likely its `${…}` was forgotten.

use std::collections::BTreeSet;

use crate::diagnostic::{Code, Diagnostic};
use crate::expression::Expression;
use crate::syntax::{Written, WrittenKind, short};
use crate::value::Value;

const OPERATORS: [&str; 15] =
    [" + ", " - ", " * ", " / ", " % ", " == ", " != ", " > ", " < ", " >= ", " <= ", " && ", " || ", " ?? ", " in "];

/// `known` are the names that an expression could read here; those that were meant to be read go into `read`.
pub(super) fn text(
    written: &Written,
    known: &BTreeSet<&str>,
    read: &mut BTreeSet<String>,
    complaints: &mut Vec<Diagnostic>,
) {
    match &written.kind {
        WrittenKind::Constant(Value::Text(text)) => {
            if let Some(meant) = meant(text, known) {
                let message = format!("this is the text `{}`, not a value that is computed", short(text));
                if let Ok(expression) = Expression::parse(meant) {
                    read.extend(expression.names().iter().map(|(name, _)| name.clone()));
                }
                let help = format!("write `${{{meant}}}`, with quotes around the text where it stands inside `{{ }}`");
                complaints.push(Diagnostic::warning(Code::PlainText, written.place.span, message).help(help));
            }
        }
        WrittenKind::Constant(_) | WrittenKind::Template(_) => {}
        WrittenKind::List(items) => items.iter().for_each(|item| self::text(item, known, read, complaints)),
        WrittenKind::Map(entries) => {
            entries.iter().for_each(|(_, _, value)| self::text(value, known, read, complaints))
        }
    }
}

/// The expression that was meant, where there can hardly be a doubt.
fn meant<'a>(text: &'a str, known: &BTreeSet<&str>) -> Option<&'a str> {
    let between = |open: &str, close: &str| {
        let start = text.find(open)? + open.len();
        text.get(start..)?.find(close).and_then(|end| text.get(start..start + end)).map(str::trim)
    };
    let marked = || between("{{", "}}").or_else(|| between("$(", ")")).or_else(|| between("#{", "}"));
    if let Some(inside) = marked().filter(|inside| reads(inside, known)) {
        return Some(inside);
    }
    // A brace or a sign alone stands in many a text: only a name that is there tells.
    let named = |open: char, close: Option<char>| {
        text.match_indices(open).find_map(|(at, _)| {
            let rest = text.get(at + 1..)?;
            let (inside, behind) = rest.split_at(rest.find(|c: char| !of_a_path(c) && c != ' ').unwrap_or(rest.len()));
            let name = match close {
                Some(_) => inside.trim(),
                None => inside.split(' ').next()?.trim_end_matches('.'),
            };
            (close.is_none_or(|close| behind.starts_with(close)) && reads_path(name, known)).then_some(name)
        })
    };
    if let Some(name) = named('{', Some('}')).or_else(|| named('%', Some('%'))).or_else(|| named('$', None)) {
        return Some(name);
    }
    let inner = text.strip_prefix('$').or_else(|| text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')));
    let inner = inner.map_or(text, str::trim);
    let dotted = inner.contains('.') && inner.chars().all(of_a_path);
    let computes = OPERATORS.iter().any(|sign| inner.contains(sign)) || (inner.ends_with(')') && !inner.contains(" ("));
    ((dotted || computes) && reads(inner, known)).then_some(inner)
}

fn of_a_path(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_.?".contains(c)
}

fn reads_path(text: &str, known: &BTreeSet<&str>) -> bool {
    text.chars().all(of_a_path) && reads(text, known)
}

/// Whether it is an expression that reads names which are there, and no others.
fn reads(text: &str, known: &BTreeSet<&str>) -> bool {
    Expression::parse(text)
        .is_ok_and(|e| !e.names().is_empty() && e.names().iter().all(|(name, _)| known.contains(name.as_str())))
}
