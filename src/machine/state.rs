//! The state of a run: one serialisable type with a format number in it, complete at every quiescent moment.
//!
//! What later constructs add has its place already (docs/decisions/0005-machine.md): undo logs are further fields with
//! defaults, a fresh history carries the state as it is.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::error::RunError;
use super::event::{End, UpdateOutcome};
use super::turn::Exit;
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
    pub(super) next_strand: u64,
    /// How many `uuid()` were made (R31).
    pub(super) uuids: u64,
    /// Messages that no wait has taken, in order of arrival (R9).
    #[serde(default)]
    pub(super) inbox: VecDeque<Message>,
    /// How many messages of a name arrived: their numbers, and those of their handlers (R37).
    #[serde(default)]
    pub(super) arrived: BTreeMap<String, u64>,
    /// The last ids of signals (R14).
    #[serde(default)]
    pub(super) signal_ids: VecDeque<MessageId>,
    /// The last ids of updates with their outcome (R14).
    #[serde(default)]
    pub(super) update_ids: VecDeque<(MessageId, UpdateOutcome)>,
    pub(super) cancel: Option<String>,
    /// The error of a signal's handler, which fails the run once the main line has ended (R11).
    #[serde(default)]
    pub(super) failing: Option<RunError>,
    /// How the main line ended, while handlers that were begun before go on (R12).
    #[serde(default)]
    pub(super) main_exit: Option<Exit>,
    pub(super) end: Option<End>,
}

/// The id that a message came with: ids count per name (R14).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MessageId {
    pub name: String,
    pub id: String,
}

impl MessageId {
    pub fn new(name: &str, id: String) -> MessageId {
        MessageId { name: name.to_owned(), id }
    }

    pub fn is(&self, name: &str, id: &str) -> bool {
        self.name == name && self.id == id
    }
}

/// A message in the inbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Message {
    pub name: String,
    /// The how-many-th of its name, from 0.
    pub number: u64,
    pub payload: Value,
    /// Bytes of the payload as JSON.
    pub size: usize,
}

/// A line of execution: the main line, a branch or an item, a handler. Cooperative (R3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Strand {
    pub id: u64,
    pub role: Role,
    pub frames: Vec<Frame>,
    /// All of it is being unwound by a cancel.
    #[serde(default)]
    pub cancelled: bool,
}

/// What a strand is for, and so who hears of its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Role {
    Main,
    /// A branch or item of the step that the parent strand is suspended in.
    Branch {
        parent: u64,
        index: usize,
    },
    Signal {
        name: String,
        number: u64,
    },
    Update {
        name: String,
        id: Option<String>,
        /// The host's number of the update.
        answer: u64,
    },
}

/// A level of nesting. A strand's frames alternate: a list, the step of it that runs, the list inside that step, ….
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Frame {
    List(ListFrame),
    Step(StepFrame),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ListFrame {
    pub list: ListId,
    pub next: usize,
    /// The result of the last step.
    pub value: Value,
    /// What the paths of its steps begin with; empty at the top.
    pub path: String,
    /// Names of this activation: what a branch owns, an item and its index, an error, a payload (R26).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, Value>,
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Stage {
    Entered,
    /// Suspended until the command, condition or message of this number has come.
    Awaiting(u64),
    /// A list inside it runs.
    Inside,
    /// Its `on-timeout` list runs.
    OnTimeout,
    /// The round of a `while` with this number runs.
    Round(u64),
    /// An item of a `for` runs in the step's own strand.
    Item(Box<Progress>),
    /// Branches or items run as strands of their own.
    Joining(Box<Join>),
    /// A `catch` runs.
    Caught,
    /// A `finally` runs, which no cancel from outside reaches; then this exit goes outward (R25).
    Finally(Box<Exit>),
}

/// The items of a `for`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Progress {
    pub items: Vec<Value>,
    /// The next item to begin.
    pub next: usize,
    /// Of the items or branches that are finished, by their index.
    pub results: BTreeMap<usize, Value>,
    /// What all of these take (R42).
    #[serde(default)]
    pub bytes: u64,
}

/// Strands that run inside a step.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Join {
    /// Strands that have not ended, by index of their branch or item.
    pub open: BTreeMap<usize, u64>,
    /// Of a `parallel`, by branch.
    pub progress: Progress,
    /// What the step ends with once all strands have ended, and the branch that decided it; `None`: a cancel did.
    pub decided: Option<(Option<usize>, Exit)>,
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
    /// A `wait` until a condition or for a message. `stale`: a name it reads was assigned since it was looked at (R4).
    /// `unseen`: the number of the first message that came since (R9).
    Condition {
        stale: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unseen: Option<u64>,
    },
}

impl Frame {
    pub fn list(list: ListId, path: String, names: BTreeMap<String, Value>) -> Frame {
        Frame::List(ListFrame { list, next: 0, value: Value::Null, path, names })
    }
}

impl Strand {
    /// Whether a cancel unwinds the frame at an index: the strand's own, or that of a timeout at or below it, with no
    /// `finally` between.
    pub fn unwinding(&self, index: usize) -> bool {
        let below = self.frames.iter().enumerate().take(index.saturating_add(1)).rev();
        for (at, frame) in below {
            let Frame::Step(step) = frame else { continue };
            if at < index && matches!(step.stage, Stage::Finally(_)) {
                return false;
            }
            if step.struck {
                return true;
            }
        }
        self.cancelled
    }
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
            next_strand: 1,
            uuids: 0,
            inbox: VecDeque::new(),
            arrived: BTreeMap::new(),
            signal_ids: VecDeque::new(),
            update_ids: VecDeque::new(),
            cancel: None,
            failing: None,
            main_exit: None,
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
