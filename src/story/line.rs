//! A line: when, where, what, and its parts.

use serde_json::{Map, Value as Json};

use crate::machine::Position;
use crate::value::Time;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub at: Time,
    /// The step it belongs to; empty for the run.
    pub path: String,
    /// Where that step stands in the definition, where its source is there.
    pub line: Option<usize>,
    /// For people; `None` for what only repeats another line.
    pub words: Option<String>,
    pub what: String,
    pub parts: Map<String, Json>,
}

impl Line {
    /// A line without parts.
    pub fn new(at: Time, path: impl Into<String>, what: &str, words: impl Into<Option<String>>) -> Line {
        let (path, what) = (path.into(), what.to_owned());
        Line { at, path, line: None, words: words.into(), what, parts: Map::new() }
    }

    /// With one more part.
    pub fn with(mut self, key: &str, value: impl Into<Json>) -> Line {
        self.parts.insert(key.to_owned(), value.into());
        self
    }

    /// One line of JSON: `at`, `path`, `line`, `what`, then the rest in the order of the names.
    pub fn json(&self) -> String {
        let head = [("at", Json::from(self.at.to_string())), ("path", self.path.as_str().into())];
        let line = self.line.map(|line| ("line", line.into()));
        let head = head.into_iter().chain(line).chain([("what", self.what.as_str().into())]);
        let head = head.map(|(key, value)| format!("\"{key}\":{value}"));
        let rest = self.parts.iter().map(|(key, value)| format!("{}:{value}", Json::from(key.as_str())));
        format!("{{{}}}", head.chain(rest).collect::<Vec<_>>().join(","))
    }
}

/// Where a run that goes on stands at a time.
pub fn waiting(at: Time, position: &Position) -> Line {
    let until = position.until.map_or_else(String::new, |until| format!(" until {until}"));
    let words = format!("waits for {}{until}", position.waits_for);
    let line = Line::new(at, position.path.to_string(), "waits", words).with("for", position.waits_for.as_str());
    let line = Line { line: position.line, ..line };
    match position.until {
        Some(until) => line.with("until", until.to_string()),
        None => line,
    }
}
