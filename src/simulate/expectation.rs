//! Holds a run against what a scenario expects.

use super::host::{Replied, Report, Status};
use super::scenario::{Expectation, Happening, ReplyExpectation, Scenario};
use crate::diagnostic::Span;
use crate::machine::{Path, Refusal, RunError, UpdateOutcome, What};
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

/// Everything in which the run is not as the scenario has it, in the order of the scenario's keys; a failure that was
/// not expected comes first, since the rest follows from it.
pub fn check(scenario: &Scenario, report: &Report) -> Vec<Mismatch> {
    if let Some(unfinished) = unfinished(scenario, report) {
        return vec![unfinished];
    }
    let mut wrong = Vec::new();
    let unexpected = failure(scenario, report);
    let failed = unexpected.is_some();
    wrong.extend(unexpected);
    replies(scenario, report, &mut wrong);
    let Some(expect) = &scenario.expect else { return wrong };
    let stood = report.stood();
    let mut differ = |span: &Span, message: String| wrong.push(Mismatch { span: *span, message, step: stood.clone() });
    if let Some((status, span)) = &expect.status
        && status != report.status.word()
        && !failed
    {
        let result = report.result.as_ref().map_or(String::new(), |result| format!(" with {}", to_json(result)));
        differ(span, format!("expected the run to be {status}, it is {}{result}", report.status.word()));
    }
    if let Some((kind, span)) = &expect.error {
        match &report.error {
            Some(found) if found.kind == **kind => {}
            Some(found) => differ(span, format!("expected the error `{kind}`, found {}", told(found))),
            None => differ(span, format!("expected the error `{kind}`, there was none")),
        }
    }
    if let Some((result, span)) = &expect.result {
        match &report.result {
            Some(found) if to_json(found) == to_json(result) => {}
            Some(found) => differ(span, format!("expected the result {}, found {}", to_json(result), to_json(found))),
            None if failed => {}
            None => differ(span, format!("expected the result {}, there was none", to_json(result))),
        }
    }
    if let Some((took, span)) = &expect.took
        && *took != report.took
    {
        differ(span, format!("expected it to take {took}, it took {}", report.took));
    }
    if let Some((wanted, span)) = &expect.unread {
        let wanted: Vec<&str> = wanted.iter().map(|(name, _)| name.as_str()).collect();
        if wanted != report.unread {
            let found = report.unread.join(", ");
            differ(span, format!("expected the unread signals [{}], found [{found}]", wanted.join(", ")));
        }
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

/// A run that goes on and on: nothing that is expected of it can be looked at.
fn unfinished(scenario: &Scenario, report: &Report) -> Option<Mismatch> {
    let whole = scenario.expect.as_ref().map_or(scenario.places.whole, |expect| expect.span);
    let forward = match scenario.until {
        None => "say when to look at it, as in `until: 30d`",
        Some(_) => "let `until` be earlier",
    };
    let message =
        format!("the run does not come to rest: after {} of its time it still goes on; {forward}", report.took);
    let span = scenario.places.until.unwrap_or(whole);
    report.unfinished.then(|| Mismatch { span, message, step: report.stood() })
}

/// A run that failed, where the scenario expects something else or does not speak of it.
fn failure(scenario: &Scenario, report: &Report) -> Option<Mismatch> {
    let error = report.error.as_ref().filter(|_| report.status == Status::Failed)?;
    let expect = scenario.expect.as_ref();
    let status = expect.and_then(|expect| expect.status.as_ref());
    let foreseen = status.map_or(expect.is_some_and(|expect| expect.error.is_some()), |(status, _)| status == "failed");
    if foreseen {
        return None;
    }
    let result = expect.and_then(|expect| expect.result.as_ref()).map(|(_, span)| *span);
    let whole = expect.map_or(scenario.places.whole, |expect| expect.span);
    let span = status.map(|(_, span)| *span).or(result).unwrap_or(whole);
    let wanted = match status {
        Some((status, _)) => format!("expected the run to be {status}, it failed with "),
        None => "the run failed, and the scenario does not say so: ".to_owned(),
    };
    Some(Mismatch { span, message: format!("{wanted}{}", told(error)), step: report.stood() })
}

/// An error with what a person wants to know of it.
fn told(error: &RunError) -> String {
    let at = if error.step.is_empty() { String::new() } else { format!(" at `{}`", error.step) };
    let attempts = error.attempts.filter(|n| *n > 1).map_or(String::new(), |n| format!(" after {n} attempts"));
    format!("`{}`{at}{attempts}: {}", error.kind, error.message)
}

fn list(paths: &[&Path]) -> String {
    paths.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The last steps of a way, which may be long.
fn way(entered: &[&Path]) -> String {
    const SHOWN: usize = 20;
    let shown = entered.get(entered.len().saturating_sub(SHOWN)..).unwrap_or_default();
    format!("{}{}", if entered.len() > SHOWN { "…, " } else { "" }, list(shown))
}

fn steps(expect: &Expectation, report: &Report, wrong: &mut Vec<Mismatch>) {
    let entered: Vec<&Path> =
        report.trace.iter().filter(|(_, t)| t.what == What::Entered).map(|(_, t)| &t.path).collect();
    let (mut rest, mut last) = (entered.as_slice(), None);
    for (step, span) in &expect.path {
        match rest.iter().position(|path| path.is_named(step)) {
            Some(at) => {
                last = rest.get(at).copied();
                rest = rest.get(at + 1..).unwrap_or_default();
            }
            None => {
                let known = entered.iter().any(|path| path.is_named(step));
                let why = if known { "not at this point" } else { "at all" };
                // They parted at the step that was entered in its place, or where the way ended.
                let parted = rest.first().copied().or(last).map(Path::to_string);
                let message = format!("`{step}` was not entered {why}; the way was {}", way(&entered));
                wrong.push(Mismatch { span: *span, message, step: parted });
                break;
            }
        }
    }
    for (step, span) in &expect.never {
        if let Some(path) = entered.iter().find(|path| path.is_named(step)) {
            wrong.push(Mismatch {
                span: *span,
                message: format!("`{step}` was entered"),
                step: Some(path.to_string()),
            });
        }
    }
    for (step, span) in &expect.waiting_for {
        if !report.waiting.iter().any(|p| p.path.is_named(step)) {
            let found: Vec<&Path> = report.waiting.iter().map(|position| &position.path).collect();
            let message = format!("the run does not wait at `{step}`; it waits at: {}", list(&found));
            wrong.push(Mismatch { span: *span, message, step: report.stood() });
        }
    }
}

fn calls(expect: &Expectation, report: &Report, wrong: &mut Vec<Mismatch>) {
    for (step, call, span) in &expect.calls {
        let of_step: Vec<&(Path, Value)> = report.attempts.iter().filter(|(path, _)| path.is_named(step)).collect();
        let path = of_step.first().map(|(path, _)| path.to_string());
        let mut differ =
            |message: String| wrong.push(Mismatch { span: *span, message, step: path.clone().or(report.stood()) });
        if let Some(times) = call.times
            && usize::try_from(times).ok() != Some(of_step.len())
        {
            differ(format!("expected {times} attempts of `{step}`, there were {}", of_step.len()));
        }
        if of_step.is_empty() && call.times.is_none() {
            differ(format!("`{step}` was not called"));
        }
        for (part, wanted, span) in &call.parts {
            for (path, request) in &of_step {
                let found = request.get(part).cloned().unwrap_or_default();
                let fits = match part.as_str() {
                    "query" | "headers" => pairs_hold(&found, wanted, part == "headers"),
                    _ => holds(&found, wanted),
                };
                if !fits {
                    let (found, wanted) = (to_json(&found), to_json(wanted));
                    let message = format!("`{path}` was called with {part} {found}, expected {wanted}");
                    wrong.push(Mismatch { span: *span, message, step: Some(path.to_string()) });
                }
            }
        }
    }
}

/// What became of the messages of the timeline. One that was refused or that failed must have been expected to.
fn replies(scenario: &Scenario, report: &Report, wrong: &mut Vec<Mismatch>) {
    for (at, (happening, place)) in scenario.happenings().enumerate() {
        let whole = place.map_or(Span::default(), |place| place.span);
        let (name, what, expect) = match happening {
            Happening::Signal { name, .. } => {
                let expect = place.and_then(|place| place.refused.as_ref());
                let message = match (expect, report.refusals.get(&at)) {
                    (None, None) => continue,
                    (Some((words, _)), Some(refusal)) if is_refusal(words, refusal) => continue,
                    (Some((words, _)), found) => {
                        let found = found.map_or("it was taken".to_owned(), refused);
                        format!("expected the signal `{name}` to be refused with `{words}`; {found}")
                    }
                    (None, Some(refusal)) => unsaid("signal", name, refusal),
                };
                wrong.push(Mismatch { span: expect.map_or(whole, |(_, span)| *span), message, step: None });
                continue;
            }
            Happening::Update { name, expect, .. } => (name, "update", expect),
            Happening::Query { name, expect } => (name, "query", expect),
            Happening::Cancel | Happening::WorkerDown | Happening::WorkerUp => continue,
        };
        let reply = report.replies.get(&at);
        let Some((expect, span)) = expect else {
            let message = match reply {
                Some(Replied::Update(UpdateOutcome::Returned(_)) | Replied::Query(Ok(_))) => continue,
                Some(Replied::Update(UpdateOutcome::Refused(refusal))) => unsaid(what, name, refusal),
                Some(Replied::Update(UpdateOutcome::Failed(error))) => {
                    format!("the {what} `{name}` failed, and the scenario does not say so: {}", told(error))
                }
                Some(Replied::Query(Err(error))) => {
                    format!("the {what} `{name}` failed, and the scenario does not say so: {}", error.message)
                }
                None => format!("the {what} `{name}` was not answered"),
            };
            wrong.push(Mismatch { span: whole, message, step: None });
            continue;
        };
        let found = match reply {
            Some(Replied::Update(UpdateOutcome::Returned(value)) | Replied::Query(Ok(value))) => {
                if matches!(expect, ReplyExpectation::Returns(wanted) if to_json(wanted) == to_json(value)) {
                    continue;
                }
                format!("it returned {}", to_json(value))
            }
            Some(Replied::Update(UpdateOutcome::Refused(refusal))) => {
                if matches!(expect, ReplyExpectation::Refused(words) if is_refusal(words, refusal)) {
                    continue;
                }
                refused(refusal)
            }
            Some(Replied::Update(UpdateOutcome::Failed(error))) => {
                if matches!(expect, ReplyExpectation::Error(kind) if error.kind == **kind) {
                    continue;
                }
                format!("it failed with {}", told(error))
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

/// Whether a refusal is the one that is expected: by its kind, or by a part of its words.
fn is_refusal(words: &str, refusal: &Refusal) -> bool {
    refusal.kind.text() == words || refusal.message.contains(words)
}

fn refused(refusal: &Refusal) -> String {
    format!("it was refused as `{}`: {}", refusal.kind, refusal.message)
}

fn unsaid(what: &str, name: &str, refusal: &Refusal) -> String {
    format!(
        "the {what} `{name}` was refused as `{}`, and the scenario does not say so: {}",
        refusal.kind, refusal.message
    )
}

/// Whether pairs of names and values hold what is wanted: a value is one of those of its name, a list is all of them in
/// their order, null a name that is not there. The names of headers are written in any case.
fn pairs_hold(found: &Value, wanted: &Value, headers: bool) -> bool {
    let (Value::List(found), Value::Map(wanted)) = (found, wanted) else { return false };
    let pairs: Vec<(String, String)> = found
        .iter()
        .filter_map(|pair| match pair {
            Value::List(pair) => pair.first().zip(pair.get(1)).map(|(name, v)| (name.to_display(), v.to_display())),
            _ => None,
        })
        .collect();
    wanted.iter().all(|(name, value)| {
        let same = |other: &str| if headers { other.eq_ignore_ascii_case(name) } else { other == name };
        let found: Vec<&str> = pairs.iter().filter(|(other, _)| same(other)).map(|(_, v)| v.as_str()).collect();
        match value {
            Value::Null => found.is_empty(),
            Value::List(items) => found == items.iter().map(Value::to_display).collect::<Vec<_>>(),
            one => found.contains(&one.to_display().as_str()),
        }
    })
}
