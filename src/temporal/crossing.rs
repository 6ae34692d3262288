//! Crossing into a fresh history (R38 to R42): when a run does it, and what it takes along.

use std::cell::Cell;
use std::collections::VecDeque;

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser};
use serde_json::value::RawValue;

use super::issue::{Key, RESULT};
use super::wire::{StartInput, WireError};
use crate::machine::{Call, Command, Event, Send, State};
use crate::value::{Value, to_json};

/// Bounds of one history, beyond which a run goes on in a fresh one. The server ends a run at 51,200 events or 50 MiB,
/// and takes 10,000 signals and 2,000 updates of one execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marks {
    /// From here on it crosses where nothing is out but timers.
    pub soft: Mark,
    /// From here on no new call is issued, so that it comes to that.
    pub firm: Mark,
    /// From here on the run fails: calls are out that do not end.
    pub hard: Mark,
}

/// What is counted in a history; reaching any of them is reaching the mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    pub events: u64,
    /// Of the payloads that came and went, as JSON.
    pub bytes: u64,
    pub signals: u64,
    pub updates: u64,
}

impl Marks {
    /// The marks of every run; tests lower them.
    pub const USUAL: Marks = Marks {
        soft: Mark { events: 8_000, bytes: 4 << 20, signals: 8_000, updates: 1_500 },
        firm: Mark { events: 16_000, bytes: 10 << 20, signals: 8_500, updates: 1_600 },
        hard: Mark { events: 40_000, bytes: 40 << 20, signals: 9_800, updates: 1_950 },
    };
}

impl Mark {
    fn reached(self, by: Mark) -> bool {
        by.events >= self.events || by.bytes >= self.bytes || by.signals >= self.signals || by.updates >= self.updates
    }
}

/// How far a history has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fill {
    Free,
    Soft,
    Firm,
    Hard,
}

/// One history of a run, as it is counted. All counts are functions of the history, so that a replay crosses where the
/// run did.
pub(super) struct Filling {
    marks: Marks,
    count: Mark,
    /// What the server says of its tasks, which is heard while the workflow only looks at its state.
    events: Cell<u64>,
    suggested: Cell<bool>,
    /// Something was applied: a history in which nothing happened is not left.
    begun: bool,
}

impl Filling {
    pub fn new(marks: Option<Marks>) -> Filling {
        let count = Mark { events: 0, bytes: 0, signals: 0, updates: 0 };
        let marks = marks.unwrap_or(Marks::USUAL);
        Filling { marks, count, events: Cell::new(0), suggested: Cell::new(false), begun: false }
    }

    /// Counts what came.
    pub fn took(&mut self, event: &Event) {
        self.begun = true;
        let size = |value: &Value| to_json(value).len() as u64;
        let bytes = match event {
            Event::Signal { payload, .. } => {
                self.count.signals += 1;
                size(payload)
            }
            Event::Update { payload, .. } => {
                self.count.updates += 1;
                size(payload)
            }
            Event::Answered { outcome, .. } => match &outcome.result {
                Ok(value) => size(value),
                Err(error) => size(&error.details) + error.message.len() as u64,
            },
            Event::Started | Event::Fired { .. } | Event::Cancel { .. } | Event::Exceeded { .. } => 0,
        };
        self.count.bytes = self.count.bytes.saturating_add(bytes);
    }

    /// Counts what went.
    pub fn gave(&mut self, command: &Command) {
        let size = |value: &Value| to_json(value).len() as u64;
        let bytes = match command {
            Command::Call(call) => size(&call.work.to_value()),
            Command::Send(send) => size(&send.payload),
            Command::Answer { .. } | Command::Timer { .. } | Command::Withdraw { .. } | Command::End(_) => 0,
        };
        self.count.bytes = self.count.bytes.saturating_add(bytes);
    }

    /// Looks at what the server says of a task in which something was applied.
    pub fn told(&self, events: u64, suggested: bool) {
        self.events.set(self.events.get().max(events));
        self.suggested.set(self.suggested.get() || suggested);
    }

    pub fn fill(&self) -> Fill {
        let Marks { soft, firm, hard } = self.marks;
        match (Mark { events: self.events.get(), ..self.count }) {
            _ if !self.begun => Fill::Free,
            count if hard.reached(count) => Fill::Hard,
            count if firm.reached(count) => Fill::Firm,
            count if soft.reached(count) || self.suggested.get() => Fill::Soft,
            _ => Fill::Free,
        }
    }
}

/// Whether nothing is out that a fresh history could not take up: timers are armed anew there (R39).
pub(super) fn portable<'a>(mut out: impl Iterator<Item = &'a Key>) -> bool {
    out.all(|(class, ..)| *class != RESULT)
}

/// What the machine asked for and the host has not issued yet, in order.
pub(super) struct Queue {
    next: VecDeque<Command>,
    /// Calls that are not issued any more in this history (R40).
    held: Vec<Command>,
}

impl Queue {
    pub fn new(first: Vec<Command>) -> Queue {
        Queue { next: first.into(), held: Vec::new() }
    }

    pub fn push(&mut self, command: Command) {
        self.next.push_back(command);
    }

    /// Whether nothing is to be issued; calls may be held back.
    pub fn is_empty(&self) -> bool {
        self.next.is_empty()
    }

    /// Gives back what was held: there will be no other history.
    pub fn release(&mut self) {
        for held in self.held.drain(..).rev() {
            self.next.push_front(held);
        }
    }

    /// The next command to issue. From the firm mark on calls are held back, until the run has crossed.
    pub fn next(&mut self, fill: Fill) -> Option<Command> {
        loop {
            match self.next.pop_front()? {
                held @ (Command::Call(_) | Command::Send(_)) if fill >= Fill::Firm => self.held.push(held),
                Command::Withdraw { number } if self.held.iter().any(|held| held.asks() == Some(number)) => {
                    self.held.retain(|held| held.asks() != Some(number));
                }
                other => return Some(other),
            }
        }
    }

    /// All that the fresh history has to issue and does not find in the state.
    fn left(&self) -> Vec<Queued> {
        let left = || self.held.iter().chain(&self.next);
        let withdrawn: Vec<u64> = left().filter_map(Command::withdraws).collect();
        let wanted = |command: &&Command| command.asks().is_none_or(|number| !withdrawn.contains(&number));
        left().filter(wanted).cloned().filter_map(Queued::of).collect()
    }
}

/// The start input of the history after this one, of which `number` have been before (R42). Errors: none that data could
/// cause.
pub(super) fn onwards(start: &StartInput, number: u64, state: &State, queue: &Queue) -> Result<String, WireError> {
    let state = Stored(state.write().map_err(WireError::Form)?);
    let carried = Carried { number: number + 1, state, queued: queue.left() };
    Ok(StartInput { carried: Some(carried), ..start.clone() }.to_json())
}

/// The largest start input: a server takes payloads of 2 MiB.
pub(super) const LARGEST: usize = 2_000_000;

/// What a run takes along into a fresh history, beside what it was started with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Carried {
    /// How many histories there were before.
    pub number: u64,
    /// The state of the machine, in its own form.
    pub state: Stored,
    /// What the machine asked for and was not issued, in order.
    pub queued: Vec<Queued>,
}

/// JSON that travels as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored(pub String);

impl Serialize for Stored {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Stored {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Stored, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|raw| Stored(raw.get().to_owned()))
    }
}

/// A command that waits for the fresh history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Queued {
    Call(Box<Call>),
    Send(Box<Send>),
}

impl Queued {
    /// `None`: a command that the state holds by itself.
    fn of(command: Command) -> Option<Queued> {
        match command {
            Command::Call(call) => Some(Queued::Call(call)),
            Command::Send(send) => Some(Queued::Send(send)),
            Command::Answer { .. } | Command::Timer { .. } | Command::Withdraw { .. } | Command::End(_) => None,
        }
    }

    pub(super) fn command(self) -> Command {
        match self {
            Queued::Call(call) => Command::Call(call),
            Queued::Send(send) => Command::Send(send),
        }
    }
}
