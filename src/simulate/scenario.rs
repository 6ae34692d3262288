//! Scenarios: what goes in, how the world answers, what happens when, and what is expected.

use std::collections::BTreeMap;

use crate::diagnostic::Span;
use crate::machine::ErrorType;
use crate::syntax::Node;
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
    /// By the names of steps.
    pub answers: BTreeMap<String, Vec<Answer>>,
    /// In the order of `after`.
    pub timeline: Vec<Entry>,
    /// From the start: nothing that is due later happens, and the run is looked at as it stands then.
    pub until: Option<Duration>,
    pub expect: Option<Expectation>,
    /// Where all of it stands in its file.
    pub places: Places,
}

/// Where the parts of a scenario stand in its file; empty for one that was made up.
#[derive(Debug, Clone, Default)]
pub struct Places {
    pub whole: Span,
    /// One for each of `versions`.
    pub versions: Vec<Span>,
    pub input: Option<Node>,
    pub until: Option<Span>,
    /// One for each of `answers`.
    pub answers: BTreeMap<String, AnswerPlaces>,
    /// One for each thing that happens on the timeline, in its order.
    pub happenings: Vec<HappeningPlace>,
}

#[derive(Debug, Clone)]
pub struct AnswerPlaces {
    pub name: Span,
    /// One for each answer.
    pub answers: Vec<(AnswerForm, Span)>,
}

/// How an answer was written, which says whose it can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerForm {
    /// Anybody's: `ok`, or nothing but `after`.
    Ok,
    /// Of a service: `status`, `headers`, `body`.
    Reply,
    /// Of an activity: `value`.
    Value,
    Error,
    /// An activity's: `error` with `retryable`.
    ErrorOfActivity,
}

#[derive(Debug, Clone)]
pub struct HappeningPlace {
    pub span: Span,
    pub payload: Option<Node>,
    /// Of a signal: the refusal that is expected. An update has it among what it is expected to answer.
    pub refused: Option<(String, Span)>,
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
    pub unread: Option<(Vec<(String, Span)>, Span)>,
    /// Names of the run at the end.
    pub vars: Vec<(String, Value, Span)>,
}

#[derive(Debug, Clone, Default)]
pub struct CallExpectation {
    /// Attempts.
    pub times: Option<i64>,
    /// Parts of the request that must match: `body`, `path`, `query`, `headers`, `method`, `service`; of an activity
    /// `args`, `name`, `queue`; of a signal sent `to`, `signal`, `payload`.
    pub parts: Vec<(String, Value, Span)>,
}

impl Scenario {
    /// Whether it is for this version: for all, unless it names some.
    pub fn is_for(&self, version: i64) -> bool {
        self.versions.is_empty() || self.versions.contains(&version)
    }

    /// A run with this input, in which every call is answered `ok` and nothing else happens.
    pub fn plain(input: Value) -> Scenario {
        Scenario {
            name: String::new(),
            versions: Vec::new(),
            at: START,
            input,
            answers: BTreeMap::new(),
            timeline: Vec::new(),
            until: None,
            expect: None,
            places: Places::default(),
        }
    }

    /// All that happens on the timeline, in order, each with its place in the file where it has one.
    pub fn happenings(&self) -> impl Iterator<Item = (&Happening, Option<&HappeningPlace>)> {
        let places = self.places.happenings.iter().map(Some).chain(std::iter::repeat(None));
        self.timeline.iter().flat_map(|entry| &entry.together).zip(places)
    }

    /// Whether there is anything in it that could fail: an expectation, or one on the timeline.
    pub fn expects(&self) -> bool {
        let asked = |(happening, place): (&Happening, Option<&HappeningPlace>)| match happening {
            Happening::Signal { .. } => place.is_some_and(|place| place.refused.is_some()),
            Happening::Update { expect, .. } | Happening::Query { expect, .. } => expect.is_some(),
            Happening::Cancel | Happening::WorkerDown | Happening::WorkerUp => false,
        };
        self.expect.as_ref().is_some_and(Expectation::says) || self.happenings().any(asked)
    }
}

impl Expectation {
    fn says(&self) -> bool {
        let Expectation { span: _, status, error, result, took, path, never, waiting_for, calls, unread, vars } = self;
        let one = status.is_some() || error.is_some() || result.is_some() || took.is_some() || unread.is_some();
        one || ![path.len(), never.len(), waiting_for.len(), calls.len(), vars.len()].iter().all(|n| *n == 0)
    }
}
