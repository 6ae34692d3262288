//! What a version does with an input and a scenario, on the virtual clock.

use std::collections::BTreeSet;

use crate::machine::{Path, Refused, UpdateOutcome, What};
use crate::plan::Plan;
use crate::simulate::{Happening, Replied, Scenario, Status, simulate_within};
use crate::value::{Duration, Value, to_json};

/// Of a run that had not come to rest when it was broken off.
pub const RUNNING: &str = "running";

/// What a version did.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Behaviour {
    /// The input was not taken: why.
    pub refused: Option<String>,
    pub key: String,
    /// `completed`, `failed`, `cancelled`, `waiting`, or [`RUNNING`].
    pub status: &'static str,
    pub result: Option<Value>,
    /// The type of the error.
    pub error: Option<String>,
    pub took: Duration,
    /// Every attempt, in order: the step, and the request.
    pub calls: Vec<(String, Value)>,
    /// What became of messages and queries, in order.
    pub heard: Vec<String>,
    /// The steps that were entered, in order.
    pub way: Vec<String>,
    /// Those too whose `when` failed.
    pub(in crate::review) touched: BTreeSet<String>,
}

impl Behaviour {
    pub(in crate::review) fn of(plan: &Plan, scenario: &Scenario, events: usize) -> (Behaviour, usize) {
        let report = match simulate_within(plan, scenario, events) {
            Ok(report) => report,
            Err(refused) => return (Behaviour { refused: Some(reason(&refused)), ..Behaviour::default() }, 1),
        };
        let last = |path: &Path| path.segment().unwrap_or_default().to_owned();
        let mut heard: Vec<String> = Vec::new();
        let happenings = scenario.timeline.iter().flat_map(|entry| &entry.together);
        for (at, happening) in happenings.enumerate() {
            let (word, name) = match happening {
                Happening::Update { name, .. } => ("update", name),
                Happening::Query { name, .. } => ("query", name),
                _ => continue,
            };
            let answer = match report.replies.get(&at) {
                Some(Replied::Update(UpdateOutcome::Returned(value)) | Replied::Query(Ok(value))) => to_json(value),
                Some(Replied::Update(UpdateOutcome::Refused(refusal))) => format!("refused: {}", refusal.message),
                Some(Replied::Update(UpdateOutcome::Failed(error))) => format!("failed with {}", error.kind),
                Some(Replied::Query(Err(refusal))) => format!("failed: {}", refusal.message),
                None => "no answer".to_owned(),
            };
            heard.push(format!("{word} `{name}`: {answer}"));
        }
        for (_, trace) in &report.trace {
            match &trace.what {
                What::Refused { event, reason } => heard.push(format!("{event} refused: {reason}")),
                What::Stray { event } if event.starts_with("signal ") => heard.push(format!("{event} is not taken")),
                What::Took { .. } => heard.push(format!("`{}` took a signal", last(&trace.path))),
                What::Dead { signal, .. } => heard.push(format!("signal `{signal}` could not be judged")),
                _ => {}
            }
        }
        heard.extend(report.unread.iter().map(|name| format!("signal `{name}` was never read")));
        let entered = report.trace.iter().filter(|(_, t)| t.what == What::Entered).map(|(_, t)| last(&t.path));
        let lines = report.trace.len() + report.attempts.len();
        let behaviour = Behaviour {
            refused: None,
            key: report.key.clone(),
            status: if report.unfinished { RUNNING } else { report.status.word() },
            result: report.result.clone().filter(|_| report.status == Status::Completed),
            error: report.error.as_ref().map(|error| error.kind.to_string()),
            took: report.took,
            calls: report.attempts.iter().map(|(path, request)| (last(path), sent(request))).collect(),
            heard,
            way: entered.collect(),
            touched: report.trace.iter().map(|(_, t)| last(&t.path)).collect(),
        };
        (behaviour, lines)
    }

    /// What a caller sees of it.
    pub(in crate::review) fn seen(&self) -> (bool, &'static str, Option<String>, Option<&str>, &[String]) {
        (self.refused.is_some(), self.status, self.result.as_ref().map(to_json), self.error.as_deref(), &self.heard)
    }

    pub(in crate::review) fn requests(&self) -> Vec<String> {
        self.calls.iter().map(|(_, request)| to_json(request)).collect()
    }

    /// In a few words.
    pub fn words(&self) -> String {
        if let Some(refused) = &self.refused {
            return format!("refused: {refused}");
        }
        let end = match (&self.result, &self.error) {
            (Some(Value::Null), _) => String::new(),
            (Some(result), _) => format!(" with {}", to_json(result)),
            (_, Some(error)) => format!(" with {error}"),
            _ => String::new(),
        };
        format!("{} after {}{end}", self.status, self.took)
    }

    /// The steps that called, in order; one that repeats at once is counted.
    pub fn called(&self) -> String {
        let mut steps: Vec<(&str, usize)> = Vec::new();
        for (step, _) in &self.calls {
            match steps.last_mut() {
                Some((last, count)) if last == step => *count += 1,
                _ => steps.push((step, 1)),
            }
        }
        let shown =
            steps.iter().take(12).map(|(step, n)| if *n > 1 { format!("{step} ×{n}") } else { (*step).to_owned() });
        let mut shown: Vec<String> = shown.collect();
        if steps.len() > 12 {
            shown.push("…".into());
        }
        if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
    }
}

/// Why an input is not taken: its first misfit.
fn reason(refused: &Refused) -> String {
    match refused {
        Refused::Input(violations) => match violations.first() {
            Some(first) if !first.pointer.is_empty() => format!("at `{}`: {}", first.pointer, first.detail),
            Some(first) => first.detail.clone(),
            None => String::new(),
        },
        Refused::Key(words) => words.clone(),
    }
}

/// What a service sees of a request; how it is tried and judged is ours.
fn sent(request: &Value) -> Value {
    match request {
        Value::Map(fields) => {
            let ours = ["expect", "timeout", "retry"];
            Value::map(fields.iter().filter(|(k, _)| !ours.contains(&k.as_str())).map(|(k, v)| (k.as_str(), v.clone())))
        }
        other => other.clone(),
    }
}
