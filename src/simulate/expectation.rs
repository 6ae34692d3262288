//! Holds a run against what a scenario expects.

use super::host::Report;
use super::scenario::{Expectation, Scenario};
use crate::diagnostic::Span;
use crate::machine::What;
use crate::value::{Value, to_json};

/// Where expectation and run parted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// In the scenario.
    pub span: Span,
    pub message: String,
}

/// Every expectation that does not hold, in the order of the scenario's keys.
pub fn check(scenario: &Scenario, report: &Report) -> Vec<Mismatch> {
    let Some(expect) = &scenario.expect else { return Vec::new() };
    let mut wrong = Vec::new();
    let mut differ = |span: &Span, message: String| wrong.push(Mismatch { span: *span, message });
    let error = report.error.as_ref().map(|e| format!("{}: {}", e.kind, e.message));
    if let Some((status, span)) = &expect.status
        && status != report.status.word()
    {
        let because = error.as_ref().map_or(String::new(), |e| format!(" ({e})"));
        differ(span, format!("expected the run to be {status}, it is {}{because}", report.status.word()));
    }
    if let Some((kind, span)) = &expect.error {
        match &report.error {
            Some(found) if found.kind == *kind => {}
            Some(found) => {
                differ(span, format!("expected the error `{kind}`, found `{}`: {}", found.kind, found.message))
            }
            None => differ(span, format!("expected the error `{kind}`, there was none")),
        }
    }
    if let Some((result, span)) = &expect.result {
        match &report.result {
            Some(found) if to_json(found) == to_json(result) => {}
            Some(found) => differ(span, format!("expected the result {}, found {}", to_json(result), to_json(found))),
            None => differ(span, format!("expected the result {}, there was none", to_json(result))),
        }
    }
    if let Some((took, span)) = &expect.took
        && *took != report.took
    {
        differ(span, format!("expected it to take {took}, it took {}", report.took));
    }
    steps(expect, report, &mut differ);
    calls(expect, report, &mut differ);
    wrong
}

fn steps(expect: &Expectation, report: &Report, differ: &mut dyn FnMut(&Span, String)) {
    let entered: Vec<&str> =
        report.trace.iter().filter(|(_, t)| t.what == What::Entered).map(|(_, t)| t.path.as_str()).collect();
    let mut rest = entered.iter();
    for (step, span) in &expect.path {
        if !rest.any(|path| is_step(path, step)) {
            let known = entered.iter().any(|path| is_step(path, step));
            let why = if known { "not at this point" } else { "at all" };
            differ(span, format!("`{step}` was not entered {why}; the way was {}", entered.join(", ")));
            break;
        }
    }
    for (step, span) in &expect.never {
        if entered.iter().any(|path| is_step(path, step)) {
            differ(span, format!("`{step}` was entered"));
        }
    }
    for (step, span) in &expect.waiting_for {
        if !report.waiting.iter().any(|p| is_step(&p.path, step)) {
            let found: Vec<&str> = report.waiting.iter().map(|p| p.path.as_str()).collect();
            differ(span, format!("the run does not wait at `{step}`; it waits at: {}", found.join(", ")));
        }
    }
}

fn calls(expect: &Expectation, report: &Report, differ: &mut dyn FnMut(&Span, String)) {
    for (step, call, span) in &expect.calls {
        let attempts: Vec<&Value> =
            report.attempts.iter().filter(|(path, _)| is_step(path, step)).map(|(_, request)| request).collect();
        if let Some(times) = call.times
            && usize::try_from(times).ok() != Some(attempts.len())
        {
            differ(span, format!("expected {times} attempts of `{step}`, there were {}", attempts.len()));
        }
        if attempts.is_empty() && call.times.is_none() {
            differ(span, format!("`{step}` was not called"));
        }
        for (part, wanted) in &call.parts {
            for found in &attempts {
                let found = found.get(part).cloned().unwrap_or_default();
                let fits = match part.as_str() {
                    "query" | "headers" => pairs_hold(&found, wanted),
                    _ => holds(&found, wanted),
                };
                if !fits {
                    let message =
                        format!("`{step}` was called with {part} {}, expected {}", to_json(&found), to_json(wanted));
                    differ(span, message);
                }
            }
        }
    }
}

/// Whether a path is an activation of a step named by its id or by the end of its path.
fn is_step(path: &str, step: &str) -> bool {
    path == step || path.strip_suffix(step).is_some_and(|before| before.ends_with('.'))
}

/// Whether everything that is wanted is found; a mapping may hold more.
fn holds(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Map(found), Value::Map(wanted)) => {
            wanted.iter().all(|(key, value)| found.get(key).is_some_and(|f| holds(f, value)))
        }
        (Value::List(found), Value::List(wanted)) => {
            found.len() == wanted.len() && found.iter().zip(wanted).all(|(f, w)| holds(f, w))
        }
        (found, wanted) => to_json(found) == to_json(wanted),
    }
}

fn pairs_hold(found: &Value, wanted: &Value) -> bool {
    let (Value::List(found), Value::Map(wanted)) = (found, wanted) else { return false };
    wanted.iter().all(|(name, value)| {
        let pair = Value::List(vec![Value::text(name.as_str()), Value::text(value.to_display())]);
        found.contains(&pair)
    })
}
