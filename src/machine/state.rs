//! The state of a run: one serialisable type with a format number in it, complete at every quiescent moment.
//!
//! What later constructs add has its place already (docs/decisions/0005-machine.md): branches, items and handlers are
//! further strands; an inbox, ids of messages and undo logs are further fields with defaults.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::event::End;
use crate::plan::{ListId, StepId};
use crate::value::{Time, Value};

/// The format of [`State`] as stored.
pub const FORMAT: u32 = 1;

/// What identifies a run and never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// `Process.key`.
    pub id: String,
    /// Made at the first start; another for another run of the same key.
    pub uid: String,
    pub key: String,
    pub process: String,
    pub version: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub(super) format: u32,
    pub(super) run: Run,
    /// Frozen at the start, defaults filled in (R46).
    pub(super) input: Value,
    pub(super) started: i64,
    /// Milliseconds since 1970; never goes back (R32).
    pub(super) clock: i64,
    /// The names that belong to the run (R26).
    pub(super) names: BTreeMap<String, Value>,
    pub(super) strands: BTreeMap<u64, Strand>,
    /// Strands that can go on, first in, first out (R3).
    pub(super) ready: VecDeque<u64>,
    /// Commands whose answer is awaited, by number.
    pub(super) pending: BTreeMap<u64, Pending>,
    pub(super) next_number: u64,
    /// How many `uuid()` were made (R31).
    pub(super) uuids: u64,
    pub(super) cancel: Option<String>,
    pub(super) end: Option<End>,
}

/// A line of execution: the main line now; branches, items and handlers later. Cooperative (R3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Strand {
    pub id: u64,
    pub frames: Vec<Frame>,
    /// Frames from this index upward are being unwound by a cancel.
    #[serde(default)]
    pub cancelling: Option<usize>,
}

/// A level of nesting. A strand's frames alternate: a list, the step of it that runs, the list inside that step, ….
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Frame {
    List { list: ListId, next: usize, value: Value },
    Step(StepFrame),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct StepFrame {
    pub step: StepId,
    /// The activation path (R37).
    pub path: String,
    pub stage: Stage,
    /// The timer of the step's own `timeout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
    /// That timer has fired, and what is inside is being cancelled.
    #[serde(default)]
    pub struck: bool,
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Stage {
    Entered,
    /// Suspended until the command of this number is answered.
    Awaiting(u64),
    /// A list inside it runs.
    Inside,
    /// Its `on-timeout` list runs.
    OnTimeout,
}

/// Who waits for the answer to a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pending {
    pub strand: u64,
    /// Index of the frame of the step.
    pub frame: usize,
    pub kind: PendingKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PendingKind {
    Call,
    /// A `wait` step's timer.
    Timer {
        due: i64,
    },
    /// A step's `timeout`.
    Timeout {
        due: i64,
    },
}

impl State {
    /// The state of a run before its first event. `input` is validated and has its defaults (R46).
    pub fn new(run: Run, input: Value) -> State {
        State {
            format: FORMAT,
            run,
            input,
            started: 0,
            clock: 0,
            names: BTreeMap::new(),
            strands: BTreeMap::new(),
            ready: VecDeque::new(),
            pending: BTreeMap::new(),
            next_number: 1,
            uuids: 0,
            cancel: None,
            end: None,
        }
    }

    /// How the run ended, once it has.
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    pub fn clock(&self) -> Time {
        Time(self.clock)
    }

    /// The names that belong to the run, with their values now.
    pub fn names(&self) -> &BTreeMap<String, Value> {
        &self.names
    }
}
