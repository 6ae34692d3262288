//! Reads a scenario, with the care that a definition gets: a key or a shape that would be passed over in silence is a
//! complaint with its place.

use crate::diagnostic::{Code, Diagnostic, Span};
use crate::expression::similar;
use crate::machine::ErrorType;
use crate::syntax::{Entry as Field, Kind, Node, read_tree};
use crate::value::{Duration, Time, Value};

use super::scenario::{
    Answer, AnswerForm, AnswerPlaces, CallExpectation, Entry, Expectation, Happening, HappeningPlace, Reaction,
    ReplyExpectation, Scenario,
};

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

const KEYS: [&str; 8] = ["scenario", "versions", "at", "input", "answers", "timeline", "until", "expect"];
/// The ways to write an answer: the key that tells it, and those beside it.
const ANSWERS: [(&str, &[&str]); 2] =
    [("error", &["error", "message", "after", "retryable"]), ("value", &["value", "after"])];
/// Where neither of them stands.
const REPLY: (&str, &[&str]) = ("status", &["status", "headers", "body", "after"]);
const ANSWER_KEYS: [&str; 8] = ["status", "headers", "body", "value", "error", "message", "after", "retryable"];
const MOMENT_KEYS: [&str; 2] = ["after", "at"];
/// What can happen, each with the keys beside it.
const HAPPENINGS: [(&str, &[&str]); 6] = [
    ("cancel", &[]),
    ("signal", &["payload", "id", "refused"]),
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
const STATUSES: [&str; 4] = ["completed", "failed", "cancelled", "waiting"];

struct Reader(Vec<Diagnostic>);

impl Reader {
    fn complain(&mut self, code: Code, span: Span, message: impl Into<String>, help: Option<&str>) {
        self.0.push(Diagnostic::error(code, span, message).maybe_help(help.map(str::to_owned)));
    }

    /// A mapping of these keys, all of them known.
    fn keys(&mut self, node: &Node, known: &[&str], of: &str) -> bool {
        let Some(fields) = self.fields(node, of) else { return false };
        for field in fields.iter().filter(|field| !known.contains(&field.key.as_str())) {
            let help = match similar(&field.key, known.iter().copied()) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("expected one of {}", quoted(known.iter().copied())),
            };
            let message = format!("`{}` is not a key of {of}", field.key);
            self.complain(Code::UnknownKey, field.key_span, message, Some(&help));
        }
        true
    }

    fn fields<'a>(&mut self, node: &'a Node, what: &str) -> Option<&'a [Field]> {
        match &node.kind {
            Kind::Map(fields) => Some(fields),
            _ => {
                let message = format!("{what} is a mapping, this is {}", node.describe());
                self.complain(Code::WrongShape, node.span, message, None);
                None
            }
        }
    }

    /// The entries below a key that are named by their author, such as steps; at least one.
    fn named<'a>(&mut self, node: Option<&'a Node>, key: &str, of: &str) -> &'a [Field] {
        let Some(node) = node else { return &[] };
        let Some(fields) = self.fields(node, &format!("`{key}`")) else { return &[] };
        if fields.is_empty() {
            self.says_nothing(node.span, key, of);
        }
        fields
    }

    fn says_nothing(&mut self, span: Span, key: &str, of: &str) {
        self.complain(
            Code::WrongShape,
            span,
            format!("`{key}` names no {of}, so it says nothing"),
            Some("leave it out"),
        );
    }

    fn items<'a>(&mut self, node: &'a Node, key: &str, of: &str) -> &'a [Node] {
        match &node.kind {
            Kind::List(items) => items,
            _ => {
                let message = format!("`{key}` is a list of {of}, this is {}", node.describe());
                self.complain(Code::WrongShape, node.span, message, None);
                &[]
            }
        }
    }

    fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        match &node.kind {
            Kind::Text(text) if !text.text.is_empty() => Some(text.text.clone()),
            Kind::Text(_) => {
                self.complain(Code::WrongShape, node.span, format!("expected {what}, this text is empty"), None);
                None
            }
            _ => {
                self.complain(Code::WrongShape, node.span, format!("expected {what}, found {}", node.describe()), None);
                None
            }
        }
    }

    fn whole(&mut self, node: &Node, least: i64, what: &str) -> Option<i64> {
        let number = match node.to_value() {
            Value::Number(n) if n.is_integer() => i64::try_from(n).ok().filter(|n| *n >= least),
            _ => None,
        };
        if number.is_none() {
            let message = format!("{what} is a whole number, {least} or more");
            self.complain(Code::WrongShape, node.span, message, None);
        }
        number
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
                self.complain(Code::Duration, node.span, error.to_string(), Some(help));
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

    /// One word or a list of them.
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
        // The first key stands for the whole.
        scenario.places.whole = node.entries().first().map_or(node.span, |first| first.key_span);
        if let Some(name) = node.get("scenario") {
            scenario.name = self.text(name, "the name of the scenario")?;
        }
        if let Some(versions) = node.get("versions") {
            let items = self.items(versions, "versions", "versions");
            if matches!(&versions.kind, Kind::List(items) if items.is_empty()) {
                self.says_nothing(versions.span, "versions", "version");
            }
            for item in items {
                if let Some(version) = self.whole(item, 1, "a version") {
                    scenario.versions.push(version);
                    scenario.places.versions.push(item.span);
                }
            }
        }
        if let Some(at) = node.get("at") {
            scenario.at = self.time(at)?;
        }
        if let Some(input) = node.get("input") {
            scenario.input = input.to_value();
            scenario.places.input = Some(input.clone());
        }
        self.answers(node.get("answers"), &mut scenario);
        if let Some(timeline) = node.get("timeline") {
            self.timeline(timeline, &mut scenario);
        }
        if let Some(until) = node.get("until") {
            scenario.until = self.duration(until);
            scenario.places.until = Some(until.span);
            self.beyond(&scenario);
        }
        scenario.expect = node.get("expect").map(|expect| self.expectation(expect));
        Some(scenario)
    }

    /// What stands on the timeline and would never happen.
    fn beyond(&mut self, scenario: &Scenario) {
        let Some(until) = scenario.until else { return };
        for entry in scenario.timeline.iter().filter(|entry| entry.after > until) {
            let message = format!("this never happens: the scenario ends after {until}");
            self.complain(Code::WrongShape, entry.span, message, Some("leave it out, or let `until` be later"));
        }
    }

    fn answers(&mut self, node: Option<&Node>, scenario: &mut Scenario) {
        for field in self.named(node, "answers", "step") {
            let items = match &field.value.kind {
                Kind::List(items) => items.as_slice(),
                _ => std::slice::from_ref(&field.value),
            };
            if items.is_empty() {
                let message = format!("`{}` has no answer", field.key);
                self.complain(Code::WrongShape, field.value.span, message, Some("leave it out: it is `ok` then"));
            }
            let read: Vec<_> = items.iter().filter_map(|item| Some((self.answer(item)?, item.span))).collect();
            let places = read.iter().map(|((form, _), span)| (*form, *span)).collect();
            let answers = read.into_iter().map(|((_, answer), _)| answer).collect();
            scenario.answers.insert(field.key.clone(), answers);
            let places = AnswerPlaces { name: field.key_span, answers: places };
            scenario.places.answers.insert(field.key.clone(), places);
        }
    }

    fn answer(&mut self, node: &Node) -> Option<(AnswerForm, Answer)> {
        const HELP: &str = "`ok`, or `{ status: 404 }`, or `{ error: http.timeout }`, or `{ value: 1 }`";
        if let Kind::Text(text) = &node.kind {
            if text.text == "ok" {
                return Some((AnswerForm::Ok, Answer::default()));
            }
            self.complain(Code::WrongShape, node.span, format!("`{}` is not an answer", text.text), Some(HELP));
            return None;
        }
        if !self.keys(node, &ANSWER_KEYS, "an answer") {
            return None;
        }
        if node.entries().is_empty() {
            self.complain(Code::WrongShape, node.span, "this answer says nothing", Some(HELP));
            return None;
        }
        let form = ANSWERS.iter().find(|(key, _)| node.get(key).is_some()).unwrap_or(&REPLY);
        for field in node.entries().iter().filter(|f| ANSWER_KEYS.contains(&f.key.as_str())) {
            if !form.1.contains(&field.key.as_str()) {
                let message = format!("`{}` means nothing beside `{}`", field.key, form.0);
                self.complain(Code::MisplacedKey, field.key_span, message, Some(HELP));
            }
        }
        let after = node.get("after").and_then(|n| self.duration(n)).unwrap_or_default();
        if let Some(error) = node.get("error") {
            let kind = self.text(error, "the type of an error")?;
            let message = node.get("message").and_then(|m| self.text(m, "text")).unwrap_or_else(|| kind.clone());
            let retryable = match node.get("retryable").map(|n| (&n.kind, n.span)) {
                None | Some((Kind::Bool(true), _)) => true,
                Some((Kind::Bool(false), _)) => false,
                Some((_, span)) => {
                    self.complain(Code::WrongShape, span, "`retryable` is true or false", None);
                    true
                }
            };
            let form = if node.get("retryable").is_some() { AnswerForm::ErrorOfActivity } else { AnswerForm::Error };
            return Some((
                form,
                Answer {
                    after,
                    reaction: Reaction::Error {
                        kind: ErrorType::named(&kind),
                        message,
                        details: Value::Null,
                        retryable,
                    },
                },
            ));
        }
        if let Some(value) = node.get("value") {
            return Some((AnswerForm::Value, Answer { after, reaction: Reaction::Value(value.to_value()) }));
        }
        let status = match node.get("status") {
            None => 200,
            Some(status) => match status.to_value() {
                Value::Number(n) if n.is_integer() => u16::try_from(n).ok().filter(|s| (100..600).contains(s)),
                _ => None,
            }
            .or_else(|| {
                self.complain(Code::WrongShape, status.span, "the status is a number from 100 to 599", None);
                None
            })?,
        };
        let mut headers = std::collections::BTreeMap::new();
        if let Some(fields) = node.get("headers").and_then(|node| self.fields(node, "`headers`")) {
            for field in fields {
                match &field.value.kind {
                    Kind::Text(_) | Kind::Number(_) | Kind::Bool(_) => {
                        headers.insert(field.key.to_ascii_lowercase(), field.value.to_value().to_display());
                    }
                    _ => {
                        let message = format!("a header is text, this is {}", field.value.describe());
                        self.complain(Code::WrongShape, field.value.span, message, None);
                    }
                }
            }
        }
        let body = node.get("body").map(Node::to_value).unwrap_or_default();
        let says = ["status", "headers", "body"].iter().any(|key| node.get(key).is_some());
        let form = if says { AnswerForm::Reply } else { AnswerForm::Ok };
        Some((form, Answer { after, reaction: Reaction::Reply { status, headers, body } }))
    }

    fn timeline(&mut self, node: &Node, scenario: &mut Scenario) {
        let items = self.items(node, "timeline", "what happens");
        let mut entries: Vec<_> = items.iter().filter_map(|item| self.entry(item, scenario.at)).collect();
        entries.sort_by_key(|(entry, _)| entry.after);
        let mut down: Option<Span> = None;
        for (entry, places) in entries {
            for (happening, place) in entry.together.iter().zip(&places) {
                match happening {
                    Happening::WorkerDown if down.is_some() => {
                        self.complain(Code::WrongShape, place.span, "the worker is down already", None);
                    }
                    Happening::WorkerDown => down = Some(place.span),
                    Happening::WorkerUp if down.take().is_none() => {
                        self.complain(Code::WrongShape, place.span, "the worker was not down", None);
                    }
                    _ => {}
                }
            }
            scenario.timeline.push(entry);
            scenario.places.happenings.extend(places);
        }
        if let Some(span) = down {
            let message = "nothing reaches the run any more: the worker never comes back";
            self.complain(Code::WrongShape, span, message, Some("add `worker: up`"));
        }
    }

    fn entry(&mut self, node: &Node, start: Time) -> Option<(Entry, Vec<HappeningPlace>)> {
        self.fields(node, "an entry of the timeline")?;
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
            self.complain(Code::WrongShape, node.span, message, Some("`at` is the start of the scenario"));
        }
        if start.plus(after).is_none() {
            self.complain(Code::WrongShape, node.span, "this is after the year 9999", None);
        }
        let (together, places) = match node.get("together") {
            None => vec![self.happening(node, &MOMENT_KEYS)?],
            Some(together) => {
                self.keys(node, &["after", "at", "together"], "an entry with `together`");
                let items = self.items(together, "together", "what happens");
                if matches!(&together.kind, Kind::List(items) if items.is_empty()) {
                    self.complain(Code::WrongShape, together.span, "nothing happens here", Some("leave it out"));
                }
                items.iter().filter_map(|item| self.happening(item, &[])).collect()
            }
        }
        .into_iter()
        .unzip();
        Some((Entry { after, together, span: node.span }, places))
    }

    fn happening(&mut self, node: &Node, beside: &[&str]) -> Option<(Happening, HappeningPlace)> {
        self.fields(node, "what happens")?;
        let found = node.entries().iter().find_map(|e| HAPPENINGS.iter().find(|(key, _)| *key == e.key));
        let Some((what, keys)) = found else {
            let known = || HAPPENINGS.iter().map(|(key, _)| *key);
            let others = node.entries().iter().filter(|e| !beside.contains(&e.key.as_str()));
            let near = others.filter_map(|e| similar(&e.key, known())).next();
            let help =
                near.map_or_else(|| format!("add one of {}", quoted(known())), |n| format!("did you mean `{n}`?"));
            self.complain(Code::MissingKey, node.span, "nothing happens here", Some(&help));
            return None;
        };
        let known: Vec<&str> = keys.iter().chain(beside).copied().chain([*what]).collect();
        self.keys(node, &known, &format!("an entry with `{what}`"));
        let value = node.get(what)?;
        let payload = node.get("payload");
        let mut place = HappeningPlace { span: value.span, payload: payload.cloned(), refused: None };
        let payload = payload.map(Node::to_value).unwrap_or_default();
        let happening = match *what {
            "cancel" if matches!(value.kind, Kind::Bool(true)) => Happening::Cancel,
            "cancel" => {
                self.complain(Code::WrongShape, value.span, "write `cancel: true`", None);
                return None;
            }
            "signal" => {
                let name = self.text(value, "the name of a signal")?;
                let refused = node.get("refused");
                place.refused = refused.and_then(|n| Some((self.text(n, "words of the refusal")?, n.span)));
                Happening::Signal { name, payload, id: self.id(node) }
            }
            "update" => {
                let name = self.text(value, "the name of an update")?;
                Happening::Update { name, payload, id: self.id(node), expect: self.reply(node) }
            }
            "query" => Happening::Query { name: self.text(value, "the name of a query")?, expect: self.reply(node) },
            "worker" => match self.text(value, "`down` or `up`")?.as_str() {
                "down" => Happening::WorkerDown,
                "up" => Happening::WorkerUp,
                other => {
                    let message = format!("`{other}` is nothing that a worker does");
                    self.complain(Code::WrongShape, value.span, message, Some("`down` or `up`"));
                    return None;
                }
            },
            _ => {
                self.complain(Code::NotSupported, value.span, format!("`{what}` is not supported yet"), None);
                return None;
            }
        };
        Some((happening, place))
    }

    fn id(&mut self, node: &Node) -> Option<String> {
        node.get("id").and_then(|id| self.text(id, "an id"))
    }

    /// The one thing that an update or a query is expected to answer.
    fn reply(&mut self, node: &Node) -> Option<(ReplyExpectation, Span)> {
        let fields = node.entries().iter().filter(|e| ["returns", "refused", "error"].contains(&e.key.as_str()));
        let mut read: Option<(ReplyExpectation, Span)> = None;
        let mut first: Option<&str> = None;
        for Field { key, key_span, value } in fields {
            if let Some(first) = first {
                let message = format!("`{key}` cannot hold beside `{first}`: there is one answer");
                self.complain(Code::MisplacedKey, *key_span, message, Some("leave one of them out"));
                continue;
            }
            first = Some(key);
            let expected = match key.as_str() {
                "returns" => Some(ReplyExpectation::Returns(value.to_value())),
                "refused" => self.text(value, "words of the refusal").map(ReplyExpectation::Refused),
                _ => self.text(value, "the type of an error").map(ReplyExpectation::Error),
            };
            read = expected.map(|expected| (expected, value.span));
        }
        read
    }

    fn expectation(&mut self, node: &Node) -> Expectation {
        let mut expect = Expectation { span: node.span, ..Expectation::default() };
        if !self.keys(node, &EXPECT_KEYS, "`expect`") {
            return expect;
        }
        if node.entries().is_empty() {
            let help = format!("say at least one of {}", quoted(EXPECT_KEYS.iter().copied()));
            self.complain(Code::WrongShape, node.span, "`expect` says nothing, so it could not fail", Some(&help));
        }
        let text = |reader: &mut Reader, key: &str, what: &str| {
            node.get(key).and_then(|n| reader.text(n, what).map(|text| (text, n.span)))
        };
        expect.status = text(self, "status", "a status");
        if let Some((status, span)) = &expect.status
            && !STATUSES.contains(&status.as_str())
        {
            let near = similar(status, STATUSES.iter().copied());
            let help = near.map_or_else(
                || "`completed`, `failed`, `cancelled` or `waiting`".to_owned(),
                |n| format!("did you mean `{n}`?"),
            );
            self.complain(Code::WrongShape, *span, format!("`{status}` is not a status"), Some(&help));
        }
        expect.error = text(self, "error", "the type of an error");
        expect.result = node.get("result").map(|n| (n.to_value(), n.span));
        expect.took = node.get("took").and_then(|n| self.duration(n).map(|d| (d, n.span)));
        for (key, into) in [("path", &mut expect.path), ("never", &mut expect.never), ("for", &mut expect.waiting_for)]
        {
            if let Some(node) = node.get(key) {
                *into = self.words(node, "the name of a step");
                if matches!(&node.kind, Kind::List(items) if items.is_empty()) {
                    self.says_nothing(node.span, key, "step");
                }
            }
        }
        if let Some(unread) = node.get("unread") {
            expect.unread = Some((self.words(unread, "the name of a signal"), unread.span));
        }
        for field in self.named(node.get("vars"), "vars", "variable") {
            expect.vars.push((field.key.clone(), field.value.to_value(), field.key_span));
        }
        for field in self.named(node.get("calls"), "calls", "step") {
            if let Some(call) = self.call(&field.value) {
                expect.calls.push((field.key.clone(), call, field.key_span));
            }
        }
        expect
    }

    fn call(&mut self, node: &Node) -> Option<CallExpectation> {
        if !self.keys(node, &CALL_KEYS, "an expected call") {
            return None;
        }
        let mut call = CallExpectation::default();
        for Field { key, key_span, value } in node.entries() {
            match key.as_str() {
                "times" => call.times = self.whole(value, 0, "`times`"),
                "query" | "headers" => {
                    self.fields(value, &format!("`{key}`"))?;
                    call.parts.push((key.clone(), value.to_value(), *key_span));
                }
                _ => call.parts.push((key.clone(), value.to_value(), *key_span)),
            }
        }
        if let (Some(0), Some((part, _, span))) = (call.times, call.parts.first()) {
            let message = format!("`{part}` is of a call that is never made");
            self.complain(Code::MisplacedKey, *span, message, Some("leave it out, or let `times` be more than 0"));
        }
        Some(call)
    }
}

/// `` `a`, `b` ``
fn quoted<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
