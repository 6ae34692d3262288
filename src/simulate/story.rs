//! What happened in a simulated run, line by line: for people, and as JSON. It is the trace with what it stands for:
//! values instead of digests, messages of errors, dates, requests and answers.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::host::{Beside, Deal, Replied, Report, Status};
use super::scenario::{Happening, Reaction, Scenario};
use crate::machine::{Fault, Path, Position, Shown, Trace, UpdateOutcome, What, is_pause};
use crate::plan::Plan;
use crate::value::{Duration, Time, Value, to_json, to_serde};

/// Characters of a value or a message that a person is shown in a line.
const SHOWN: usize = 120;

/// One thing that happened.
pub struct Line {
    pub at: Time,
    /// The step it belongs to; empty for the run.
    pub path: String,
    /// For people; `None` for what only repeats another line.
    pub words: Option<String>,
    /// The kind of line, and its parts.
    what: String,
    parts: Map<String, Json>,
}

impl Line {
    /// One line of JSON: `at`, `path`, `what`, then the rest in the order of the names.
    pub fn json(&self) -> String {
        let head = [("at", self.at.to_string()), ("path", self.path.clone()), ("what", self.what.clone())];
        let head = head.iter().map(|(key, text)| format!("\"{key}\":{}", Json::from(text.as_str())));
        let rest = self.parts.iter().map(|(key, value)| format!("{}:{value}", Json::from(key.as_str())));
        format!("{{{}}}", head.chain(rest).collect::<Vec<_>>().join(","))
    }
}

/// The whole story, in the order it happened; of a run that has not ended, at last, where it waits.
pub fn lines<'a>(plan: &'a Plan, scenario: &'a Scenario, report: &'a Report) -> impl Iterator<Item = Line> + 'a {
    let teller = Teller::new(plan, scenario, report);
    let mut beside = report.beside.iter().peekable();
    let mut trace = report.trace.iter();
    let happened = std::iter::from_fn(move || {
        let told = report.trace.len() - trace.len();
        if let Some((_, at, what)) = beside.next_if(|(before, ..)| *before <= told) {
            return Some(teller.beside(*at, *what));
        }
        trace.next().map(|(at, line)| teller.line(*at, line))
    });
    let stands = scenario.until.filter(|_| !report.unfinished).unwrap_or(report.took);
    let stands = scenario.at.plus(stands).unwrap_or(scenario.at);
    let waits = report.waiting.iter().filter(|_| report.status == Status::Waiting);
    happened.chain(waits.map(move |position| waiting(stands, position)))
}

struct Teller<'a> {
    plan: &'a Plan,
    report: &'a Report,
    happenings: Vec<&'a Happening>,
    /// The request of each call, by its path.
    requests: BTreeMap<&'a Path, &'a Value>,
    /// The attempt that was the last of its call.
    last: BTreeMap<&'a Path, &'a Deal>,
}

impl<'a> Teller<'a> {
    fn new(plan: &'a Plan, scenario: &'a Scenario, report: &'a Report) -> Teller<'a> {
        let requests = report.attempts.iter().map(|(path, request)| (path, request)).collect();
        let last = report.deals.iter().map(|deal| (&deal.path, deal)).collect();
        let happenings = scenario.timeline.iter().flat_map(|entry| &entry.together).collect();
        Teller { plan, report, happenings, requests, last }
    }

    fn line(&self, at: Time, trace: &Trace) -> Line {
        let path = &trace.path;
        let json = serde_json::to_value(trace).unwrap_or_default();
        let mut parts = match json {
            Json::Object(parts) => parts,
            _ => Map::new(),
        };
        parts.remove("path");
        let what = parts.remove("what").and_then(|what| Some(what.as_str()?.to_owned())).unwrap_or_default();
        let words = self.words(at, path, &trace.what, &mut parts);
        Line { at, path: path.to_string(), words, what, parts }
    }

    /// The words of a line; what they have beyond the trace goes into its parts.
    fn words(&self, at: Time, path: &Path, what: &What, parts: &mut Map<String, Json>) -> Option<String> {
        Some(match what {
            What::Entered => return None,
            What::Called { .. } => match self.requests.get(path) {
                Some(request) => {
                    let request = sent(request);
                    parts.insert("request".to_owned(), to_serde(&request));
                    format!("called {}", asked(&request))
                }
                // It was taken back before an attempt began.
                None => {
                    parts.remove("request");
                    "called".to_owned()
                }
            },
            What::Ended { outcome, attempts } => {
                let answer = self.last.get(path).and_then(|deal| self.answered(deal, parts));
                let answer = answer.unwrap_or_else(|| outcome.clone());
                match attempts {
                    Some(n) if *n > 1 => format!("answered {answer}, attempt {n}"),
                    _ => format!("answered {answer}"),
                }
            }
            What::Armed { after } => {
                let due = Time(at.millis().saturating_add(*after));
                parts.insert("due".to_owned(), due.to_string().into());
                let word = if is_pause(self.plan, path) { "waits" } else { "at most" };
                format!("{word} {}, until {due}", Duration(*after))
            }
            What::Fired => "time is up".to_owned(),
            What::Set { name, value, shown } => {
                parts.remove("value");
                put(parts, "value", shown);
                if shown.whole().is_none() {
                    parts.insert("digest".to_owned(), value.as_str().into());
                }
                format!("set {name} = {}", brief(shown))
            }
            What::Log { text } => format!("log: {}", short(text)),
            What::Skipped { error } => format!("passed over {}", fault(error, parts)),
            What::Caught { error } => format!("caught {}", fault(error, parts)),
            What::Suppressed { error } => format!("beside it failed with {}", fault(error, parts)),
            What::Received { signal, payload, .. } => {
                put(parts, "payload", payload);
                format!("signal {signal} into the inbox{}", with(payload))
            }
            What::Took { payload, .. } => {
                put(parts, "payload", payload);
                format!("took the signal{}", with(payload))
            }
            What::Dead { signal, .. } => format!("signal {signal} could not be judged"),
            What::Refused { event, reason } => format!("{event} refused: {}", short(reason)),
            What::Duplicate { event } => format!("{event} came twice"),
            What::Updated { update, outcome, told } => {
                put(parts, if *outcome == "returned" { "value" } else { "reason" }, told);
                format!("update {update} {outcome} {}", brief(told))
            }
            What::Unread { signals } => format!("never read: {}", signals.join(", ")),
            What::Exit { error: Some(error), .. } => format!("failed with {}", fault(error, parts)),
            What::Exit { with: "return", .. } => "returned".to_owned(),
            What::Exit { with: "cancelled", .. } => "cancelled".to_owned(),
            What::Exit { .. } => return None,
            What::End { error, .. } => {
                if let Some(error) = error {
                    fault(error, parts);
                    let step = self.report.error.as_ref().map(|error| error.step.as_str()).unwrap_or_default();
                    parts.insert("step".to_owned(), step.into());
                }
                if let Some(result) = &self.report.result {
                    parts.insert("result".to_owned(), to_serde(result));
                }
                return None;
            }
            What::Stray { event } => format!("nothing waited for {event}"),
            What::CancelRequested => "cancel".to_owned(),
        })
    }

    fn beside(&self, at: Time, beside: Beside) -> Line {
        let mut parts = Map::new();
        let line = |path: &str, what: &str, words: String, parts| Line {
            at,
            path: path.to_owned(),
            words: Some(words),
            what: what.to_owned(),
            parts,
        };
        match beside {
            Beside::Again(deal) => {
                let Some(deal) = self.report.deals.get(deal) else { return line("", "attempt", String::new(), parts) };
                let answer = self.answered(deal, &mut parts).unwrap_or_else(|| "nothing in time".to_owned());
                parts.insert("attempt".to_owned(), deal.attempt.into());
                let next = deal.next.map_or_else(String::new, |next| next.to_string());
                parts.insert("next".to_owned(), next.as_str().into());
                let words = format!("attempt {} answered {answer}, the next at {next}", deal.attempt);
                line(&deal.path.to_string(), "attempt", words, parts)
            }
            Beside::Queried(number) => {
                let name = self.name(number);
                parts.insert("query".to_owned(), name.into());
                let answer = match self.report.replies.get(&number) {
                    Some(Replied::Query(Ok(value))) => {
                        parts.insert("value".to_owned(), to_serde(value));
                        format!("answered {}", short(&to_json(value)))
                    }
                    Some(Replied::Query(Err(refusal))) => {
                        parts.insert("message".to_owned(), refusal.message.as_str().into());
                        format!("failed: {}", short(&refusal.message))
                    }
                    Some(Replied::Update(_)) | None => "was not answered".to_owned(),
                };
                line("", "queried", format!("query {name} {answer}"), parts)
            }
            Beside::Refused(number) => {
                let refusal = match self.report.replies.get(&number) {
                    Some(Replied::Update(UpdateOutcome::Refused(refusal))) => Some(refusal),
                    _ => self.report.refusals.get(&number),
                };
                let reason = refusal.map(|refusal| refusal.message.as_str()).unwrap_or_default();
                let word = match self.happenings.get(number) {
                    Some(Happening::Update { .. }) => "update",
                    _ => "signal",
                };
                let event = format!("{word} {}", self.name(number));
                parts.insert("event".to_owned(), event.as_str().into());
                parts.insert("reason".to_owned(), reason.into());
                line("", "refused", format!("{event} refused: {}", short(reason)), parts)
            }
        }
    }

    /// What an attempt was answered, in words and parts; `None` where no answer came in time.
    fn answered(&self, deal: &Deal, parts: &mut Map<String, Json>) -> Option<String> {
        if deal.late {
            return None;
        }
        let with = |value: &Value| match value {
            Value::Null => String::new(),
            value => format!(" {}", short(&to_json(value))),
        };
        let of_http = self.requests.get(&deal.path).is_some_and(|request| request.get("method").is_some());
        let (status, value) = match &deal.answer.reaction {
            Reaction::Reply { status, body, .. } => (*status, body),
            Reaction::Value(value) => (200, value),
            Reaction::Error { kind, message, .. } => {
                let kind = kind.text();
                parts.insert("outcome".to_owned(), kind.as_ref().into());
                parts.insert("message".to_owned(), message.as_str().into());
                return Some(if kind == *message { kind.into_owned() } else { format!("{kind}: {}", short(message)) });
            }
        };
        if of_http {
            parts.insert("status".to_owned(), status.into());
            parts.insert("body".to_owned(), to_serde(value));
            return Some(format!("{status}{}", with(value)));
        }
        parts.insert("value".to_owned(), to_serde(value));
        Some(format!("ok{}", with(value)))
    }

    fn name(&self, number: usize) -> &'a str {
        match self.happenings.get(number) {
            Some(Happening::Signal { name, .. } | Happening::Update { name, .. } | Happening::Query { name, .. }) => {
                name
            }
            Some(Happening::Cancel | Happening::WorkerDown | Happening::WorkerUp) | None => "",
        }
    }
}

fn waiting(at: Time, position: &Position) -> Line {
    let mut parts = Map::from_iter([("for".to_owned(), Json::from(position.waits_for.as_str()))]);
    let until = position.until.map_or_else(String::new, |until| {
        parts.insert("until".to_owned(), until.to_string().into());
        format!(" until {until}")
    });
    let words = format!("waits for {}{until}", position.waits_for);
    Line { at, path: position.path.to_string(), words: Some(words), what: "waits".to_owned(), parts }
}

/// What the other side sees of a request; how it is tried and judged is ours.
fn sent(request: &Value) -> Value {
    let Value::Map(fields) = request else { return request.clone() };
    let seen = fields.iter().filter(|(key, _)| !["expect", "timeout", "retry"].contains(&key.as_str()));
    Value::map(seen.map(|(key, value)| (key.as_str(), value.clone())))
}

/// A request in a few words.
fn asked(request: &Value) -> String {
    let text = |key: &str| request.get(key).map(Value::to_display).unwrap_or_default();
    let of = |key: &str| match request.get(key) {
        None | Some(Value::Null) => String::new(),
        Some(value) => format!(" with {}", short(&to_json(value))),
    };
    if request.get("method").is_some() {
        let query = match request.get("query") {
            Some(Value::List(pairs)) => format!("?{}", pairs.iter().map(pair).collect::<Vec<_>>().join("&")),
            _ => String::new(),
        };
        format!("{} {} {}{}{}", text("method"), text("service"), text("path"), short(&query), of("body"))
    } else if request.get("queue").is_some() {
        format!("{} on {}{}", text("name"), text("queue"), of("args"))
    } else {
        format!("{}: signal {}{}", text("to"), text("signal"), of("payload"))
    }
}

fn pair(pair: &Value) -> String {
    match pair {
        Value::List(parts) => parts.iter().map(Value::to_display).collect::<Vec<_>>().join("="),
        other => other.to_display(),
    }
}

/// A value into the parts: as it is, or its size where the trace keeps only its beginning.
fn put(parts: &mut Map<String, Json>, key: &str, shown: &Shown) {
    match shown.whole().map(serde_json::from_str::<Json>) {
        Some(Ok(value)) => parts.insert(key.to_owned(), value),
        Some(Err(_)) | None => parts.insert("bytes".to_owned(), shown.bytes().into()),
    };
}

fn fault(error: &Fault, parts: &mut Map<String, Json>) -> String {
    parts.insert("message".to_owned(), error.message.as_str().into());
    format!("{}: {}", error.kind, short(&error.message))
}

fn with(shown: &Shown) -> String {
    if shown.beginning() == "null" { String::new() } else { format!(": {}", brief(shown)) }
}

fn brief(shown: &Shown) -> String {
    match shown.whole() {
        Some(json) => short(json),
        None => format!("{} ({} bytes)", short(shown.beginning()), shown.bytes()),
    }
}

/// One line of so many characters at most.
fn short(text: &str) -> String {
    let line = text.replace(['\n', '\r'], " ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}
