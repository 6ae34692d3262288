//! Tells the lines of a trace, given what its host knows beside it.

use serde_json::{Map, Value as Json};

use super::line::Line;
use super::veil::Veil;
use crate::machine::{Fault, Path, Shown, Trace, What, awaits_of, is_pause, line_at};
use crate::plan::{Awaits, Plan, Schema};
use crate::value::{Duration, Time, Value, from_json, to_json};

/// Characters of a value or a message that a person is shown in a line.
const SHOWN: usize = 120;

/// What a line stands for, as far as its host knows: the trace has digests and types alone.
#[derive(Debug, Clone, Default)]
pub struct Known<'a> {
    /// What was called or sent.
    pub request: Option<&'a Value>,
    /// How a call came back.
    pub answer: Option<Answer<'a>>,
    /// What the run ended with.
    pub result: Option<&'a Value>,
    /// The step of the error that the run ended with.
    pub step: Option<&'a str>,
}

/// How a call came back.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer<'a> {
    /// Of a service. `body`: `None` where it was not kept.
    Reply {
        status: u16,
        body: Option<&'a Value>,
    },
    /// Of an activity.
    Value(&'a Value),
    Failed {
        kind: String,
        message: &'a str,
    },
}

/// A value as it is told: all of it, or its size where it is long.
pub(crate) struct Told {
    json: String,
    bytes: usize,
}

impl Told {
    fn of_shown(shown: &Shown) -> Told {
        Told { json: shown.beginning().to_owned(), bytes: shown.bytes() }
    }

    /// So many bytes of JSON are told at most.
    pub fn of(value: &Value, most: usize) -> Told {
        let mut json = to_json(value);
        let bytes = json.len();
        if bytes > most {
            let end = json.char_indices().nth(SHOWN + 1).map_or(bytes, |(end, _)| end);
            json.truncate(end);
        }
        Told { json, bytes }
    }

    fn whole(&self) -> Option<&str> {
        (self.json.len() == self.bytes).then_some(self.json.as_str())
    }

    /// Into the parts: as it is, or its size.
    pub fn put(&self, parts: &mut Map<String, Json>, key: &str) {
        match self.whole().map(serde_json::from_str::<Json>) {
            Some(Ok(value)) => parts.insert(key.to_owned(), value),
            Some(Err(_)) | None => parts.insert("bytes".to_owned(), self.bytes.into()),
        };
    }

    /// In a few words.
    pub fn brief(&self) -> String {
        match self.whole() {
            Some(json) => short(json),
            None if self.json.is_empty() => format!("({} bytes)", self.bytes),
            None => format!("{} ({} bytes)", short(&self.json), self.bytes),
        }
    }

    /// After what carries it; nothing for null.
    pub fn with(&self) -> String {
        if self.json == "null" { String::new() } else { format!(": {}", self.brief()) }
    }

    fn after(&self) -> String {
        if self.json == "null" { String::new() } else { format!(" {}", self.brief()) }
    }
}

/// Tells what happened in a run of a plan.
pub struct Teller<'a> {
    plan: &'a Plan,
    /// Bytes of JSON that a value of the host may have; a longer one is told by its size.
    most: usize,
    /// What must not be shown.
    pub veil: Veil,
    /// What schemas mark is covered. What is made up for a scenario is not.
    pub covers: bool,
}

impl<'a> Teller<'a> {
    /// `plan`: the one whose lines are told, where its source is there.
    pub fn new(plan: &'a Plan, most: usize) -> Teller<'a> {
        Teller { plan, most, veil: Veil::default(), covers: false }
    }

    /// A line of the trace.
    pub fn line(&self, at: Time, trace: &Trace, known: &Known<'_>) -> Line {
        let mut parts = match serde_json::to_value(trace).unwrap_or_default() {
            Json::Object(parts) => parts,
            _ => Map::new(),
        };
        parts.remove("path");
        let what = parts.remove("what").and_then(|what| Some(what.as_str()?.to_owned())).unwrap_or_default();
        let words = self.words(at, &trace.path, &trace.what, known, &mut parts);
        let line = line_at(self.plan, &trace.path);
        Line { at, path: trace.path.to_string(), line, words, what, parts }
    }

    /// A line of a step, with where that stands.
    pub fn placed(&self, line: Line, path: &Path) -> Line {
        Line { line: line_at(self.plan, path), ..line }
    }

    /// The words of a line; what they have beyond the trace goes into its parts.
    fn words(
        &self,
        at: Time,
        path: &Path,
        what: &What,
        known: &Known<'_>,
        parts: &mut Map<String, Json>,
    ) -> Option<String> {
        Some(match what {
            What::Entered => return None,
            What::Called { .. } => {
                parts.remove("request");
                match known.request {
                    Some(request) => {
                        let request = self.veil.value(&sent(request));
                        Told::of(&request, self.most).put(parts, "request");
                        format!("called {}", self.asked(&request))
                    }
                    // It was taken back before an attempt began.
                    None => "called".to_owned(),
                }
            }
            What::Ended { outcome, attempts } => {
                let answer = known.answer.as_ref().map(|answer| self.answered(answer, parts));
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
                let told = self.shown(shown);
                told.put(parts, "value");
                if told.whole().is_none() && !self.veil.hides() {
                    parts.insert("digest".to_owned(), value.as_str().into());
                }
                format!("set {name} = {}", told.brief())
            }
            What::Log { text } => format!("log: {}", self.say("text", text, parts)),
            What::Skipped { error } => format!("passed over {}", self.fault(error, parts)),
            What::Caught { error } => format!("caught {}", self.fault(error, parts)),
            What::Suppressed { error } => format!("beside it failed with {}", self.fault(error, parts)),
            What::Received { signal, payload, .. } => {
                let payload = self.message(signal, payload);
                payload.put(parts, "payload");
                format!("signal {signal} into the inbox{}", payload.with())
            }
            What::Took { payload, .. } => {
                let payload = match awaits_of(self.plan, path) {
                    Some(Awaits::Message { signal, .. }) => self.message(signal, payload),
                    Some(Awaits::Moment | Awaits::Condition(_)) | None => self.shown(payload),
                };
                payload.put(parts, "payload");
                format!("took the signal{}", payload.with())
            }
            What::Dead { signal, .. } => format!("signal {signal} could not be judged"),
            What::Refused { event, reason } => {
                let event = self.say("event", event, parts);
                format!("{event} refused: {}", self.say("reason", reason, parts))
            }
            What::Duplicate { event } => format!("{} came twice", self.say("event", event, parts)),
            What::Updated { update, outcome, told } => {
                let told = self.shown(told);
                told.put(parts, if *outcome == "returned" { "value" } else { "reason" });
                format!("update {update} {outcome} {}", told.brief())
            }
            What::Unread { signals } => format!("never read: {}", signals.join(", ")),
            What::Exit { error: Some(error), .. } => format!("failed with {}", self.fault(error, parts)),
            What::Exit { with: "return", .. } => "returned".to_owned(),
            What::Exit { with: "cancelled", .. } => "cancelled".to_owned(),
            What::Exit { .. } => return None,
            What::End { error, .. } => {
                if let Some(error) = error {
                    self.fault(error, parts);
                    parts.insert("step".to_owned(), known.step.unwrap_or_default().into());
                }
                if let Some(result) = known.result {
                    self.value(result).put(parts, "result");
                }
                return None;
            }
            What::Stray { event } => format!("nothing waited for {}", self.say("event", event, parts)),
            What::CancelRequested => "cancel".to_owned(),
        })
    }

    /// What a call was answered, in words and parts.
    pub fn answered(&self, answer: &Answer<'_>, parts: &mut Map<String, Json>) -> String {
        match answer {
            Answer::Reply { status, body } => {
                parts.insert("status".to_owned(), (*status).into());
                let body = body.map(|body| self.value(body));
                body.iter().for_each(|body| body.put(parts, "body"));
                format!("{status}{}", body.map_or_else(String::new, |body| body.after()))
            }
            Answer::Value(value) => {
                let value = self.value(value);
                value.put(parts, "value");
                format!("ok{}", value.after())
            }
            Answer::Failed { kind, message } => {
                parts.insert("outcome".to_owned(), kind.as_str().into());
                let words = self.say("message", message, parts);
                if kind == message { words } else { format!("{kind}: {words}") }
            }
        }
    }

    /// A value that the host knows.
    pub(crate) fn value(&self, value: &Value) -> Told {
        Told::of(&self.veil.value(value), self.most)
    }

    fn shown(&self, shown: &Shown) -> Told {
        self.covered(shown, None)
    }

    /// The payload of a signal, as its schema allows it to be shown.
    fn message(&self, signal: &str, shown: &Shown) -> Told {
        self.covered(shown, self.plan.signal(signal).and_then(|signal| signal.payload()))
    }

    fn covered(&self, shown: &Shown, schema: Option<&Schema>) -> Told {
        let schema = schema.filter(|schema| self.covers && schema.has_marks());
        if !self.veil.hides() && schema.is_none() {
            return Told::of_shown(shown);
        }
        match shown.whole().map(from_json::<Value>) {
            Some(Ok(value)) => {
                let value = schema.map_or(value.clone(), |schema| schema.cover(&value, &mut Vec::new()));
                Told::of(&self.veil.value(&value), usize::MAX)
            }
            // Of what is cut nobody knows what is in it.
            Some(Err(_)) | None => Told { json: String::new(), bytes: shown.bytes() },
        }
    }

    /// A text of a run, into the parts, and in a few words.
    pub(crate) fn say(&self, key: &str, text: &str, parts: &mut Map<String, Json>) -> String {
        let text = self.veil.text(text);
        parts.insert(key.to_owned(), text.as_ref().into());
        short(&text)
    }

    fn fault(&self, error: &Fault, parts: &mut Map<String, Json>) -> String {
        format!("{}: {}", error.kind, self.say("message", &error.message, parts))
    }

    /// A request in a few words.
    fn asked(&self, request: &Value) -> String {
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
}

/// What the other side sees of a request; how it is tried and judged is ours.
fn sent(request: &Value) -> Value {
    let Value::Map(fields) = request else { return request.clone() };
    let seen = fields.iter().filter(|(key, _)| !["expect", "timeout", "retry"].contains(&key.as_str()));
    Value::map(seen.map(|(key, value)| (key.as_str(), value.clone())))
}

fn pair(pair: &Value) -> String {
    match pair {
        Value::List(parts) => parts.iter().map(Value::to_display).collect::<Vec<_>>().join("="),
        other => other.to_display(),
    }
}

/// One line of so many characters at most.
pub(crate) fn short(text: &str) -> String {
    let line = text.replace(['\n', '\r'], " ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}
