//! Holds a run against what a scenario expects.

use super::host::{Replied, Report};
use super::scenario::{Expectation, Happening, ReplyExpectation, Scenario};
use crate::diagnostic::Span;
use crate::expression::similar;
use crate::machine::{UpdateOutcome, What};
use crate::plan::Plan;
use crate::value::{Value, to_json};

/// Where expectation and run parted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// In the scenario.
    pub span: Span,
    pub message: String,
    /// The activation path of the step in the definition that it is about: where run and expectation parted.
    pub step: Option<String>,
}

/// What a scenario names that the definition does not have: it could never hold.
pub fn misfits(plan: &Plan, scenario: &Scenario) -> Vec<Mismatch> {
    let mut wrong = Vec::new();
    let mut unknown = |span: Span, what: &str, name: &str, known: Vec<&str>| {
        let near = similar(name, known.iter().copied()).map(|word| format!("; did you mean `{word}`?"));
        let all = || {
            if known.is_empty() { "; there are none".to_owned() } else { format!("; there are {}", known.join(", ")) }
        };
        let message = format!("there is no {what} `{name}` in the definition{}", near.unwrap_or_else(all));
        wrong.push(Mismatch { span, message, step: None });
    };
    let ids = || plan.ids().collect::<Vec<_>>();
    let has = |name: &str| name.split('.').any(|part| plan.has_segment(part));
    for (name, span) in scenario.answer_places.iter().filter(|(name, _)| !has(name)) {
        unknown(*span, "step", name, ids());
    }
    for entry in &scenario.timeline {
        for happening in &entry.together {
            match happening {
                Happening::Signal { name, .. } if plan.signal(name).is_none() => {
                    unknown(entry.span, "signal", name, plan.signal_names());
                }
                Happening::Update { name, .. } if plan.update(name).is_none() => {
                    unknown(entry.span, "update", name, plan.update_names());
                }
                Happening::Query { name, .. } if plan.query(name).is_none() => {
                    unknown(entry.span, "query", name, plan.query_names());
                }
                _ => {}
            }
        }
    }
    if let Some(expect) = &scenario.expect {
        let calls = expect.calls.iter().map(|(name, _, span)| (name, span));
        let named =
            [&expect.path, &expect.never, &expect.waiting_for].into_iter().flatten().map(|(name, span)| (name, span));
        for (name, span) in named.chain(calls).filter(|(name, _)| !has(name)) {
            unknown(*span, "step", name, ids());
        }
    }
    wrong
}

/// Every expectation that does not hold, in the order of the scenario's keys.
pub fn check(scenario: &Scenario, report: &Report) -> Vec<Mismatch> {
    let mut wrong = Vec::new();
    replies(scenario, report, &mut wrong);
    let Some(expect) = &scenario.expect else { return wrong };
    let stood = report.stood();
    let mut differ = |span: &Span, message: String| wrong.push(Mismatch { span: *span, message, step: stood.clone() });
    let error = report.error.as_ref().map(|e| format!("{}: {}", e.kind, e.message));
    if let Some((status, span)) = &expect.status
        && status != report.status.word()
    {
        let because = error.as_ref().map_or(String::new(), |e| format!(" ({e})"));
        differ(span, format!("expected the run to be {status}, it is {}{because}", report.status.word()));
    }
    if let Some((kind, span)) = &expect.error {
        match &report.error {
            Some(found) if found.kind == **kind => {}
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
    if let Some((wanted, span)) = &expect.unread
        && *wanted != report.unread
    {
        differ(
            span,
            format!("expected the unread signals [{}], found [{}]", wanted.join(", "), report.unread.join(", ")),
        );
    }
    for (name, wanted, span) in &expect.vars {
        match report.names.get(name) {
            Some(found) if to_json(found) == to_json(wanted) => {}
            Some(found) => {
                differ(span, format!("expected `{name}` to be {}, it is {}", to_json(wanted), to_json(found)))
            }
            None => differ(span, format!("expected `{name}` to be {}, it is not set", to_json(wanted))),
        }
    }
    steps(expect, report, &mut wrong);
    calls(expect, report, &mut wrong);
    wrong
}

fn steps(expect: &Expectation, report: &Report, wrong: &mut Vec<Mismatch>) {
    let entered: Vec<&str> =
        report.trace.iter().filter(|(_, t)| t.what == What::Entered).map(|(_, t)| t.path.as_str()).collect();
    let (mut rest, mut last) = (entered.as_slice(), None);
    for (step, span) in &expect.path {
        match rest.iter().position(|path| is_step(path, step)) {
            Some(at) => {
                last = rest.get(at).copied();
                rest = rest.get(at + 1..).unwrap_or_default();
            }
            None => {
                let known = entered.iter().any(|path| is_step(path, step));
                let why = if known { "not at this point" } else { "at all" };
                // They parted at the step that was entered in its place, or where the way ended.
                let parted = rest.first().copied().or(last).map(str::to_owned);
                let message = format!("`{step}` was not entered {why}; the way was {}", entered.join(", "));
                wrong.push(Mismatch { span: *span, message, step: parted });
                break;
            }
        }
    }
    for (step, span) in &expect.never {
        if let Some(path) = entered.iter().find(|path| is_step(path, step)) {
            wrong.push(Mismatch {
                span: *span,
                message: format!("`{step}` was entered"),
                step: Some((*path).to_owned()),
            });
        }
    }
    for (step, span) in &expect.waiting_for {
        if !report.waiting.iter().any(|p| is_step(&p.path, step)) {
            let found: Vec<&str> = report.waiting.iter().map(|p| p.path.as_str()).collect();
            let message = format!("the run does not wait at `{step}`; it waits at: {}", found.join(", "));
            wrong.push(Mismatch { span: *span, message, step: report.stood() });
        }
    }
}

fn calls(expect: &Expectation, report: &Report, wrong: &mut Vec<Mismatch>) {
    for (step, call, span) in &expect.calls {
        let of_step: Vec<&(String, Value)> = report.attempts.iter().filter(|(path, _)| is_step(path, step)).collect();
        let attempts: Vec<&Value> = of_step.iter().map(|(_, request)| request).collect();
        let path = of_step.first().map(|(path, _)| path.clone());
        let mut differ =
            |message: String| wrong.push(Mismatch { span: *span, message, step: path.clone().or(report.stood()) });
        if let Some(times) = call.times
            && usize::try_from(times).ok() != Some(attempts.len())
        {
            differ(format!("expected {times} attempts of `{step}`, there were {}", attempts.len()));
        }
        if attempts.is_empty() && call.times.is_none() {
            differ(format!("`{step}` was not called"));
        }
        for (part, wanted) in &call.parts {
            for found in &attempts {
                let found = found.get(part).cloned().unwrap_or_default();
                let fits = match part.as_str() {
                    "query" | "headers" => pairs_hold(&found, wanted),
                    _ => holds(&found, wanted),
                };
                if !fits {
                    differ(format!(
                        "`{step}` was called with {part} {}, expected {}",
                        to_json(&found),
                        to_json(wanted)
                    ));
                }
            }
        }
    }
}

/// What updates and queries of the timeline answered.
fn replies(scenario: &Scenario, report: &Report, wrong: &mut Vec<Mismatch>) {
    let happenings = scenario.timeline.iter().flat_map(|entry| &entry.together);
    for (at, happening) in happenings.enumerate() {
        let (name, what, expect) = match happening {
            Happening::Update { name, expect, .. } => (name, "update", expect),
            Happening::Query { name, expect } => (name, "query", expect),
            _ => continue,
        };
        let Some((expect, span)) = expect else { continue };
        let found = match report.replies.get(&at) {
            Some(Replied::Update(UpdateOutcome::Returned(value)) | Replied::Query(Ok(value))) => {
                if matches!(expect, ReplyExpectation::Returns(wanted) if to_json(wanted) == to_json(value)) {
                    continue;
                }
                format!("it returned {}", to_json(value))
            }
            Some(Replied::Update(UpdateOutcome::Refused(refusal))) => {
                let told = refusal.kind.text();
                if matches!(expect, ReplyExpectation::Refused(words) if refusal.message.contains(words) || told == words)
                {
                    continue;
                }
                format!("it was refused: {}", refusal.message)
            }
            Some(Replied::Update(UpdateOutcome::Failed(error))) => {
                if matches!(expect, ReplyExpectation::Error(kind) if error.kind == **kind) {
                    continue;
                }
                format!("it failed with {}: {}", error.kind, error.message)
            }
            Some(Replied::Query(Err(refusal))) => {
                if matches!(expect, ReplyExpectation::Error(kind) if kind == refusal.kind.text()) {
                    continue;
                }
                format!("it failed: {}", refusal.message)
            }
            None => "it was not answered".to_owned(),
        };
        let wanted = match expect {
            ReplyExpectation::Returns(value) => format!("to return {}", to_json(value)),
            ReplyExpectation::Refused(words) => format!("to be refused with `{words}`"),
            ReplyExpectation::Error(kind) => format!("to fail with `{kind}`"),
        };
        let message = format!("expected the {what} `{name}` {wanted}; {found}");
        wrong.push(Mismatch { span: *span, message, step: None });
    }
}

/// Whether a path is an activation of a step: named by its id, by the end of its path, or by its id and its counters,
/// as in `ship.1` for the second item of a loop.
pub(super) fn is_step(path: &str, step: &str) -> bool {
    path == step || path.strip_suffix(step).is_some_and(|before| before.ends_with('.')) || counted(path) == step
}

/// `each.1.ship` as `ship.1`, `book.0.pages.3.page` as `page.0.3`: the step, then the counters around it.
pub(super) fn counted(path: &str) -> String {
    let (around, step) = path.rsplit_once('.').unwrap_or(("", path));
    let counters = around.split('.').filter(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    std::iter::once(step).chain(counters).collect::<Vec<_>>().join(".")
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
