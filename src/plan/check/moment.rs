//! Constant lengths and points of time: what of them is none, and what was meant.

use std::collections::BTreeSet;

use crate::diagnostic::{Code, Diagnostic};
use crate::expression::{Budget, Expression, Scope, World};
use crate::syntax::verbs::Wait;
use crate::syntax::{Document, Step, Written, WrittenKind, length};
use crate::value::{Duration, Time, Value};

const MOMENTS: &str = "write a length such as `45s`, `2h`, `3d`, or a time such as `2026-03-29T09:00[Europe/Berlin]`";

/// A `wait` whose moment is constant; `known` are the names that an expression could read.
pub(super) fn wait(
    document: &Document,
    step: &Step,
    wait: &Wait,
    known: &BTreeSet<&str>,
    complaints: &mut Vec<Diagnostic>,
) {
    let Some(moment) = wait.moment() else { return };
    let Some(Value::Text(text)) = constant(moment) else { return };
    let text = text.as_str();
    match (Duration::parse(text), Time::parse(text)) {
        (Ok(length), _) => outlasts(step, length, complaints),
        (_, Ok(_)) => {}
        (Err(error), Err(_)) => {
            let (code, message, mut help) = misread(text, &error.to_string(), known);
            if let Some(signal) = super::messages::meant(document, step) {
                help = format!("it is a signal: write `wait: {{ signal: {signal} }}`");
            }
            complaints.push(Diagnostic::error(code, moment.place.span, message).help(help));
        }
    }
}

/// What the moment is, where it depends on nothing.
fn constant(moment: &Written) -> Option<Value> {
    struct Nothing;
    impl Scope for Nothing {
        fn get(&self, _: &str) -> Option<Value> {
            None
        }
    }
    match &moment.kind {
        WrittenKind::Constant(value) => Some(value.clone()),
        WrittenKind::Template(template) if template.expressions().all(|(expression, _)| expression.is_constant()) => {
            let (mut uuid, mut budget) = (String::new, Budget::alone());
            let mut world = World { now: Time(0), uuid: &mut uuid, budget: &mut budget };
            // One that fails is complained about as such.
            template.evaluate(&Nothing, &mut world).ok()
        }
        WrittenKind::Template(_) | WrittenKind::List(_) | WrittenKind::Map(_) => None,
    }
}

fn outlasts(step: &Step, length: Duration, complaints: &mut Vec<Diagnostic>) {
    if let Some((timeout, stated)) = step.common.timeout.read()
        && timeout.millis() > 0
        && *timeout < length
    {
        let message = format!("the timeout of {timeout} always strikes: the step waits for {length}");
        complaints.push(
            Diagnostic::warning(Code::Meaningless, stated.span, message)
                .help("wait for the shorter of the two, and do behind it what `on-timeout` does"),
        );
    }
}

fn misread(text: &str, as_length: &str, known: &BTreeSet<&str>) -> (Code, String, String) {
    let digits = text.starts_with(|c: char| c.is_ascii_digit());
    let date = |text: &str| {
        let bytes = text.as_bytes();
        bytes.len() == 10
            && bytes.iter().enumerate().all(|(at, b)| if at == 4 || at == 7 { *b == b'-' } else { b.is_ascii_digit() })
    };
    if date(text) {
        let help = format!("a time needs a time of day and a zone: `{text}T09:00[Europe/Berlin]`");
        return (Code::Time, format!("`{text}` is a date, not a time"), help);
    }
    let clock = text.split_once(':').is_some_and(|(hours, minutes)| {
        let two = |part: &str| (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        two(hours) && minutes.split(':').all(two)
    });
    if clock {
        let help =
            format!("compute the time of a day: `${{at(date_of(now(), 'Europe/Berlin'), '{text}', 'Europe/Berlin')}}`");
        return (Code::Time, format!("`{text}` is a time of day, and says neither the day nor the zone"), help);
    }
    if text.get(..10).is_some_and(date) {
        let zone = text.split_once('[').and_then(|(_, zone)| zone.strip_suffix(']'));
        let (message, help) = match zone {
            Some(zone) if Time::parse(&text.replace(zone, "UTC")).is_ok() => {
                (format!("there is no zone `{zone}`"), "a zone is named as in `Europe/Berlin` or `UTC`".to_owned())
            }
            None if Time::parse(&format!("{text}Z")).is_ok() => {
                let help = format!("write `{text}[Europe/Berlin]`, or `{text}Z` for UTC");
                (format!("`{text}` does not say its zone"), help)
            }
            _ => (format!("`{text}` is not a time"), "a time is written `2026-03-29T09:00[Europe/Berlin]`".to_owned()),
        };
        return (Code::Time, message, help);
    }
    let reads =
        |e: Expression| !e.names().is_empty() && e.names().iter().all(|(name, _)| known.contains(name.as_str()));
    let help = match length(text) {
        Some(length) => format!("did you mean `{length}`?"),
        None if !digits && Expression::parse(text).is_ok_and(reads) => {
            format!("a computed moment stands in `${{…}}`: \"${{{text}}}\"")
        }
        None => MOMENTS.to_owned(),
    };
    let message = if text.is_empty() { "the wait has no length".to_owned() } else { as_length.to_owned() };
    (Code::Duration, message, help)
}
