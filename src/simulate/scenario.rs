//! Scenarios: what goes in, how the world answers, what happens when, and what is expected.

use std::collections::BTreeMap;

use crate::diagnostic::{Code, Diagnostic, Span};
use crate::expression::similar;
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
    /// By activation path or step id.
    pub answers: BTreeMap<String, Vec<Answer>>,
    /// In the order of `after`.
    pub timeline: Vec<Entry>,
    pub expect: Option<Expectation>,
}

#[derive(Debug, Clone)]
pub struct Entry {
    /// From the start of the run.
    pub after: Duration,
    pub happening: Happening,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Happening {
    Cancel,
}

/// How a service answers one attempt; the default is at once, 200, with nothing in it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    pub after: Duration,
    pub reaction: Reaction,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Reaction {
    Reply { status: u16, headers: BTreeMap<String, String>, body: Value },
    Error { kind: String, message: String, details: Value },
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
}

#[derive(Debug, Clone, Default)]
pub struct CallExpectation {
    /// Attempts.
    pub times: Option<i64>,
    /// Parts of the request that must match: `body`, `path`, `query`, `headers`, `method`, `service`.
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
const ANSWER_KEYS: [&str; 6] = ["status", "headers", "body", "error", "message", "after"];
const TIMELINE_KEYS: [&str; 9] = ["after", "at", "cancel", "signal", "update", "query", "task", "worker", "together"];
const EXPECT_KEYS: [&str; 8] = ["status", "error", "result", "took", "path", "never", "for", "calls"];
const CALL_KEYS: [&str; 7] = ["times", "body", "path", "query", "headers", "method", "service"];

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
            return Some(Answer { after, reaction: Reaction::Error { kind, message, details: Value::Null } });
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
        if !self.keys(node, &TIMELINE_KEYS, "an entry of the timeline") {
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
        if let Some(cancel) = node.get("cancel") {
            if !matches!(cancel.kind, Kind::Bool(true)) {
                self.complain(Code::WrongShape, cancel.span, "write `cancel: true`", None);
                return None;
            }
            return Some(Entry { after, happening: Happening::Cancel });
        }
        let what = node.entries().iter().find(|e| !["after", "at"].contains(&e.key.as_str()));
        match what {
            Some(entry) => {
                let message = format!("`{}` is not supported yet", entry.key);
                self.complain(Code::NotSupported, entry.key_span, message, None);
            }
            None => {
                self.complain(Code::MissingKey, node.span, "nothing happens here", Some("add `cancel: true`".into()))
            }
        }
        None
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
