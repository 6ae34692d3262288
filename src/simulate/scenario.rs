//! Scenarios: what goes in, how the world answers, what happens when, and what is expected.

use std::collections::BTreeMap;

use crate::diagnostic::{Code, Diagnostic, Span};
use crate::expression::similar;
use crate::machine::ErrorType;
use crate::syntax::{Kind, Node, read_tree};
use crate::value::{Duration, Time, Value};

/// 2026-01-01T00:00:00Z, when a run starts unless the scenario says otherwise.
const START: Time = Time(1_767_225_600_000);

#[derive(Debug, Clone)]
pub struct Scenario {
    pub name: String,
    /// Empty: all versions.
    pub versions: Vec<i64>,
    pub at: Time,
    pub input: Value,
    /// By activation path, or step id with or without counters.
    pub answers: BTreeMap<String, Vec<Answer>>,
    /// Where each of them stands in the scenario.
    pub answer_places: BTreeMap<String, Span>,
    /// In the order of `after`.
    pub timeline: Vec<Entry>,
    pub expect: Option<Expectation>,
}

#[derive(Debug, Clone)]
pub struct Entry {
    /// From the start of the run.
    pub after: Duration,
    /// More than one reach the machine in one task, in this order.
    pub together: Vec<Happening>,
    /// In the scenario.
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Happening {
    Cancel,
    Signal {
        name: String,
        payload: Value,
        id: Option<String>,
    },
    Update {
        name: String,
        payload: Value,
        id: Option<String>,
        expect: Option<(ReplyExpectation, Span)>,
    },
    /// Looked at after everything of its instant.
    Query {
        name: String,
        expect: Option<(ReplyExpectation, Span)>,
    },
    /// Until the next `WorkerUp` nothing reaches the machine; then all of it does, in one task.
    WorkerDown,
    WorkerUp,
}

/// What an update or a query is expected to answer.
#[derive(Debug, Clone, PartialEq)]
pub enum ReplyExpectation {
    Returns(Value),
    /// The words of the refusal hold this text.
    Refused(String),
    /// The type of the error.
    Error(String),
}

/// How a service answers one attempt; the default is at once, 200, with nothing in it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    pub after: Duration,
    pub reaction: Reaction,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Reaction {
    Reply {
        status: u16,
        headers: BTreeMap<String, String>,
        body: Value,
    },
    /// What an activity gives.
    Value(Value),
    Error {
        kind: ErrorType,
        message: String,
        details: Value,
        /// Whether an activity says that it may be tried again.
        retryable: bool,
    },
}

impl Default for Reaction {
    fn default() -> Self {
        Reaction::Reply { status: 200, headers: BTreeMap::new(), body: Value::Null }
    }
}

/// What a scenario expects; every part names its place.
#[derive(Debug, Clone, Default)]
pub struct Expectation {
    pub span: Span,
    pub status: Option<(String, Span)>,
    pub error: Option<(String, Span)>,
    pub result: Option<(Value, Span)>,
    pub took: Option<(Duration, Span)>,
    pub path: Vec<(String, Span)>,
    pub never: Vec<(String, Span)>,
    pub waiting_for: Vec<(String, Span)>,
    pub calls: Vec<(String, CallExpectation, Span)>,
    /// The signals that nobody read, in order of arrival.
    pub unread: Option<(Vec<String>, Span)>,
    /// Names of the run at the end.
    pub vars: Vec<(String, Value, Span)>,
}

#[derive(Debug, Clone, Default)]
pub struct CallExpectation {
    /// Attempts.
    pub times: Option<i64>,
    /// Parts of the request that must match: `body`, `path`, `query`, `headers`, `method`, `service`; of an activity
    /// `args`, `name`, `queue`; of a signal sent `to`, `signal`, `payload`.
    pub parts: Vec<(String, Value)>,
}

impl Scenario {
    /// A run with this input, in which every call is answered `ok` and nothing else happens.
    pub fn plain(input: Value) -> Scenario {
        Scenario {
            name: String::new(),
            versions: Vec::new(),
            at: START,
            input,
            answers: BTreeMap::new(),
            answer_places: BTreeMap::new(),
            timeline: Vec::new(),
            expect: None,
        }
    }
}

/// Reads a scenario file.
pub fn read_scenario(text: &str) -> (Option<Scenario>, Vec<Diagnostic>) {
    let (tree, mut complaints) = read_tree(text);
    let Some(tree) = tree else { return (None, complaints) };
    let (scenario, more) = scenario_from(&tree);
    complaints.extend(more);
    (scenario, complaints)
}

/// Reads a scenario out of a tree that holds more.
pub fn scenario_from(tree: &Node) -> (Option<Scenario>, Vec<Diagnostic>) {
    let mut reader = Reader(Vec::new());
    let scenario = reader.scenario(tree);
    (scenario, reader.0)
}

const KEYS: [&str; 7] = ["scenario", "versions", "at", "input", "answers", "timeline", "expect"];
const ANSWER_KEYS: [&str; 8] = ["status", "headers", "body", "value", "error", "message", "after", "retryable"];
const MOMENT_KEYS: [&str; 2] = ["after", "at"];
/// What can happen, each with the keys beside it.
const HAPPENINGS: [(&str, &[&str]); 6] = [
    ("cancel", &[]),
    ("signal", &["payload", "id"]),
    ("update", &["payload", "id", "returns", "refused", "error"]),
    ("query", &["returns", "error"]),
    ("worker", &[]),
    ("task", &["by", "value", "refused"]),
];
const EXPECT_KEYS: [&str; 10] =
    ["status", "error", "result", "took", "path", "never", "for", "calls", "unread", "vars"];
const CALL_KEYS: [&str; 13] = [
    "times", "body", "path", "query", "headers", "method", "service", "args", "name", "queue", "to", "signal",
    "payload",
];

struct Reader(Vec<Diagnostic>);

impl Reader {
    fn complain(&mut self, code: Code, span: Span, message: impl Into<String>, help: Option<String>) {
        self.0.push(Diagnostic::error(code, span, message).maybe_help(help));
    }

    fn keys(&mut self, node: &Node, known: &[&str], of: &str) -> bool {
        if !matches!(node.kind, Kind::Map(_)) {
            self.complain(Code::WrongShape, node.span, format!("{of} is a mapping, this is {}", node.describe()), None);
            return false;
        }
        for entry in node.entries().iter().filter(|e| !known.contains(&e.key.as_str())) {
            let help = match similar(&entry.key, known.iter().copied()) {
                Some(word) => format!("did you mean `{word}`?"),
                None => {
                    format!("expected one of {}", known.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", "))
                }
            };
            let message = format!("`{}` is not a key of {of}", entry.key);
            self.complain(Code::UnknownKey, entry.key_span, message, Some(help));
        }
        true
    }

    fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        match &node.kind {
            Kind::Text(text) => Some(text.text.clone()),
            _ => {
                self.complain(Code::WrongShape, node.span, format!("expected {what}, found {}", node.describe()), None);
                None
            }
        }
    }

    fn duration(&mut self, node: &Node) -> Option<Duration> {
        let text = match &node.kind {
            Kind::Number(_) => node.to_value().to_display(),
            _ => self.text(node, "a duration")?,
        };
        match Duration::parse(&text) {
            Ok(duration) => Some(duration),
            Err(error) => {
                let help = "write a length such as `45s`, `10m`, `2h`, `3d`";
                self.complain(Code::Duration, node.span, error.to_string(), Some(help.to_owned()));
                None
            }
        }
    }

    fn time(&mut self, node: &Node) -> Option<Time> {
        let text = self.text(node, "a time")?;
        match Time::parse(&text) {
            Ok(time) => Some(time),
            Err(error) => {
                self.complain(Code::Time, node.span, error.to_string(), None);
                None
            }
        }
    }

    fn words(&mut self, node: &Node, what: &str) -> Vec<(String, Span)> {
        match &node.kind {
            Kind::List(items) => {
                items.iter().filter_map(|item| self.text(item, what).map(|text| (text, item.span))).collect()
            }
            _ => self.text(node, what).map(|text| (text, node.span)).into_iter().collect(),
        }
    }

    fn scenario(&mut self, node: &Node) -> Option<Scenario> {
        if !self.keys(node, &KEYS, "a scenario") {
            return None;
        }
        let mut scenario = Scenario::plain(Value::map::<String>([]));
        if let Some(name) = node.get("scenario") {
            scenario.name = self.text(name, "the name of the scenario")?;
        }
        if let Some(versions) = node.get("versions") {
            match versions.to_value() {
                Value::List(items) => scenario.versions.extend(items.iter().filter_map(|v| match v {
                    Value::Number(n) => i64::try_from(*n).ok(),
                    _ => None,
                })),
                _ => self.complain(Code::WrongShape, versions.span, "`versions` is a list of numbers", None),
            }
        }
        if let Some(at) = node.get("at") {
            scenario.at = self.time(at)?;
        }
        if let Some(input) = node.get("input") {
            scenario.input = input.to_value();
        }
        for entry in node.get("answers").map_or(&[][..], Node::entries) {
            let single = std::slice::from_ref(&entry.value);
            let items = match &entry.value.kind {
                Kind::List(items) => items.as_slice(),
                _ => single,
            };
            let answers = items.iter().filter_map(|item| self.answer(item)).collect();
            scenario.answers.insert(entry.key.clone(), answers);
            scenario.answer_places.insert(entry.key.clone(), entry.key_span);
        }
        match node.get("timeline").map(|t| &t.kind) {
            Some(Kind::List(items)) => {
                scenario.timeline.extend(items.iter().filter_map(|item| self.entry(item, scenario.at)));
            }
            Some(_) => {
                let span = node.get("timeline").map_or(Span::default(), |t| t.span);
                self.complain(Code::WrongShape, span, "`timeline` is a list", None);
            }
            None => {}
        }
        scenario.timeline.sort_by_key(|e| e.after);
        scenario.expect = node.get("expect").map(|expect| self.expectation(expect));
        Some(scenario)
    }

    fn answer(&mut self, node: &Node) -> Option<Answer> {
        if let Kind::Text(text) = &node.kind {
            if text.text == "ok" {
                return Some(Answer::default());
            }
            let message = format!("`{}` is not an answer", text.text);
            self.complain(
                Code::WrongShape,
                node.span,
                message,
                Some("`ok`, or `{ status: 404 }`, or `{ error: http.timeout }`".into()),
            );
            return None;
        }
        if !self.keys(node, &ANSWER_KEYS, "an answer") {
            return None;
        }
        let after = node.get("after").and_then(|n| self.duration(n)).unwrap_or_default();
        if let Some(error) = node.get("error") {
            let kind = self.text(error, "the type of an error")?;
            let message = node.get("message").and_then(|m| self.text(m, "text")).unwrap_or_else(|| kind.clone());
            let retryable = !matches!(node.get("retryable").map(|n| &n.kind), Some(Kind::Bool(false)));
            let kind = ErrorType::named(&kind);
            let reaction = Reaction::Error { kind, message, details: Value::Null, retryable };
            return Some(Answer { after, reaction });
        }
        if let Some(value) = node.get("value") {
            return Some(Answer { after, reaction: Reaction::Value(value.to_value()) });
        }
        let status = match node.get("status").map(Node::to_value) {
            None => 200,
            Some(Value::Number(n)) => u16::try_from(n).ok().filter(|s| (100..600).contains(s)).unwrap_or(0),
            Some(_) => 0,
        };
        if status == 0 {
            self.complain(Code::WrongShape, node.span, "the status is a number from 100 to 599", None);
            return None;
        }
        let headers = node
            .get("headers")
            .map_or(&[][..], Node::entries)
            .iter()
            .map(|e| (e.key.to_ascii_lowercase(), e.value.to_value().to_display()))
            .collect();
        let body = node.get("body").map(Node::to_value).unwrap_or_default();
        Some(Answer { after, reaction: Reaction::Reply { status, headers, body } })
    }

    fn entry(&mut self, node: &Node, start: Time) -> Option<Entry> {
        if !matches!(node.kind, Kind::Map(_)) {
            self.keys(node, &[], "an entry of the timeline");
            return None;
        }
        let after = match (node.get("after"), node.get("at")) {
            (Some(after), None) => self.duration(after)?,
            (None, Some(at)) => Duration(self.time(at)?.millis() - start.millis()),
            _ => {
                let message = "an entry of the timeline wants one of `after` and `at`";
                self.complain(Code::MissingKey, node.span, message, None);
                return None;
            }
        };
        if after < Duration::ZERO {
            let message = "this is before the run starts";
            self.complain(Code::WrongShape, node.span, message, Some("`at` is the start of the scenario".into()));
        }
        let Some(together) = node.get("together") else {
            return Some(Entry { after, together: vec![self.happening(node, &MOMENT_KEYS)?], span: node.span });
        };
        self.keys(node, &["after", "at", "together"], "an entry with `together`");
        let Kind::List(items) = &together.kind else {
            self.complain(Code::WrongShape, together.span, "`together` is a list of what happens", None);
            return None;
        };
        let together = items.iter().filter_map(|item| self.happening(item, &[])).collect();
        Some(Entry { after, together, span: node.span })
    }

    fn happening(&mut self, node: &Node, beside: &[&str]) -> Option<Happening> {
        let found = node.entries().iter().find_map(|e| HAPPENINGS.iter().find(|(key, _)| *key == e.key));
        let Some((what, keys)) = found else {
            let list = HAPPENINGS.iter().map(|(key, _)| format!("`{key}`")).collect::<Vec<_>>().join(", ");
            self.complain(Code::MissingKey, node.span, "nothing happens here", Some(format!("add one of {list}")));
            return None;
        };
        let known: Vec<&str> = keys.iter().chain(beside).copied().chain([*what]).collect();
        self.keys(node, &known, &format!("an entry with `{what}`"));
        let value = node.get(what)?;
        let payload = node.get("payload").map(Node::to_value).unwrap_or_default();
        match *what {
            "cancel" if matches!(value.kind, Kind::Bool(true)) => Some(Happening::Cancel),
            "cancel" => {
                self.complain(Code::WrongShape, value.span, "write `cancel: true`", None);
                None
            }
            "signal" => {
                let name = self.text(value, "the name of a signal")?;
                Some(Happening::Signal { name, payload, id: self.id(node) })
            }
            "update" => {
                let name = self.text(value, "the name of an update")?;
                Some(Happening::Update { name, payload, id: self.id(node), expect: self.reply(node) })
            }
            "query" => {
                Some(Happening::Query { name: self.text(value, "the name of a query")?, expect: self.reply(node) })
            }
            "worker" => match self.text(value, "`down` or `up`")?.as_str() {
                "down" => Some(Happening::WorkerDown),
                "up" => Some(Happening::WorkerUp),
                other => {
                    let message = format!("`{other}` is nothing that a worker does");
                    self.complain(Code::WrongShape, value.span, message, Some("`down` or `up`".into()));
                    None
                }
            },
            _ => {
                self.complain(Code::NotSupported, value.span, format!("`{what}` is not supported yet"), None);
                None
            }
        }
    }

    fn id(&mut self, node: &Node) -> Option<String> {
        node.get("id").and_then(|id| self.text(id, "an id"))
    }

    fn reply(&mut self, node: &Node) -> Option<(ReplyExpectation, Span)> {
        let returns = node.get("returns").map(|n| (ReplyExpectation::Returns(n.to_value()), n.span));
        let refused = node.get("refused");
        let refused = refused.and_then(|n| self.text(n, "words").map(|t| (ReplyExpectation::Refused(t), n.span)));
        let error = node.get("error");
        let error =
            error.and_then(|n| self.text(n, "the type of an error").map(|t| (ReplyExpectation::Error(t), n.span)));
        returns.or(refused).or(error)
    }

    fn expectation(&mut self, node: &Node) -> Expectation {
        let mut expect = Expectation { span: node.span, ..Expectation::default() };
        if !self.keys(node, &EXPECT_KEYS, "`expect`") {
            return expect;
        }
        let text = |reader: &mut Reader, key: &str| {
            node.get(key).and_then(|n| reader.text(n, "text").map(|text| (text, n.span)))
        };
        expect.status = text(self, "status");
        if let Some((status, span)) = &expect.status
            && !["completed", "failed", "cancelled", "waiting"].contains(&status.as_str())
        {
            let help = "`completed`, `failed`, `cancelled` or `waiting`";
            self.complain(Code::WrongShape, *span, format!("`{status}` is not a status"), Some(help.into()));
        }
        expect.error = text(self, "error");
        expect.result = node.get("result").map(|n| (n.to_value(), n.span));
        expect.took = node.get("took").and_then(|n| self.duration(n).map(|d| (d, n.span)));
        for (key, into) in [("path", &mut expect.path), ("never", &mut expect.never), ("for", &mut expect.waiting_for)]
        {
            if let Some(node) = node.get(key) {
                *into = self.words(node, "the id of a step");
            }
        }
        if let Some(unread) = node.get("unread") {
            let names = self.words(unread, "the name of a signal").into_iter().map(|(name, _)| name).collect();
            expect.unread = Some((names, unread.span));
        }
        for entry in node.get("vars").map_or(&[][..], Node::entries) {
            expect.vars.push((entry.key.clone(), entry.value.to_value(), entry.value.span));
        }
        for entry in node.get("calls").map_or(&[][..], Node::entries) {
            if !self.keys(&entry.value, &CALL_KEYS, "an expected call") {
                continue;
            }
            let mut call = CallExpectation::default();
            for part in entry.value.entries() {
                match (part.key.as_str(), part.value.to_value()) {
                    ("times", Value::Number(n)) => call.times = i64::try_from(n).ok(),
                    ("times", _) => self.complain(Code::WrongShape, part.value.span, "`times` is a number", None),
                    (key, value) => call.parts.push((key.to_owned(), value)),
                }
            }
            expect.calls.push((entry.key.clone(), call, entry.key_span));
        }
        expect
    }
}
