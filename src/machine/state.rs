//! The state of a run: one serialisable type with a format number in it, complete at every quiescent moment.
//!
//! What later constructs add has its place already (docs/decisions/0005-machine.md): undo logs are further fields, which
//! raise the number; a fresh history carries the state as it is. What is written is read whole or not at all: no field
//! may be missing, none may be unknown.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Deserializer, Serialize, de};

use super::error::RunError;
use super::event::{Command, End, UpdateOutcome};
use super::path::{Path, parts};
use super::turn::Exit;
use crate::plan::{ListId, Plan, StepId};
use crate::value::{Time, Value};

/// The format of [`State`] as stored.
pub const FORMAT: u32 = 1;

/// Why a stored state cannot be gone on with. One of another form is no fault of the run: a worker that knows the form can
/// go on with it, so a host fails the task, not the run.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("the state has the form {found}; this program knows the form {FORMAT}")]
    Form { found: u32 },
    #[error("the state cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
}

/// What identifies a run and never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
#[serde(deny_unknown_fields)]
pub struct State {
    #[serde(deserialize_with = "form")]
    pub(super) format: u32,
    pub(super) run: Run,
    /// Frozen at the start, defaults filled in (R46). What a run was started with has it, so the stored form has not.
    #[serde(skip)]
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
    pub(super) inbox: VecDeque<Message>,
    /// How many messages of a name arrived: their numbers, and those of their handlers (R37).
    pub(super) arrived: BTreeMap<String, u64>,
    /// The last ids of signals (R14).
    pub(super) signal_ids: VecDeque<MessageId>,
    /// The last ids of updates with their outcome (R14).
    pub(super) update_ids: VecDeque<(MessageId, UpdateOutcome)>,
    /// How many updates came: their numbers.
    pub(super) updates: u64,
    /// Outcomes of updates that the host has not picked up, by number.
    pub(super) answers: BTreeMap<u64, UpdateOutcome>,
    #[serde(deserialize_with = "present")]
    pub(super) cancel: Option<String>,
    /// The error of a signal's handler, which fails the run once the main line has ended (R11).
    #[serde(deserialize_with = "present")]
    pub(super) failing: Option<RunError>,
    /// How the main line ended, while handlers that were begun before go on (R12).
    #[serde(deserialize_with = "present")]
    pub(super) main_exit: Option<Exit>,
    #[serde(deserialize_with = "present")]
    pub(super) end: Option<End>,
}

/// The id that a message came with: ids count per name (R14).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
#[serde(deny_unknown_fields)]
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
#[serde(deny_unknown_fields)]
pub(super) struct Strand {
    pub id: u64,
    pub role: Role,
    pub frames: Vec<Frame>,
    /// All of it is being unwound by a cancel.
    pub cancelled: bool,
}

/// What a strand is for, and so who hears of its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
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
        #[serde(deserialize_with = "present")]
        id: Option<String>,
        /// The number of the update.
        answer: u64,
    },
}

/// A level of nesting. A strand's frames alternate: a list, the step of it that runs, the list inside that step, ….
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Frame {
    List(ListFrame),
    Step(StepFrame),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListFrame {
    pub list: ListId,
    pub next: usize,
    /// The result of the last step.
    pub value: Value,
    /// What is around its steps; the run itself at the top.
    #[serde(with = "parts")]
    pub path: Path,
    /// Names of this activation: what a branch owns, an item and its index, an error, a payload (R26).
    pub names: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepFrame {
    pub step: StepId,
    /// The activation path (R37).
    #[serde(with = "parts")]
    pub path: Path,
    pub stage: Stage,
    /// The timer of the step's own `timeout`.
    #[serde(deserialize_with = "present")]
    pub timeout: Option<u64>,
    /// That timer has fired, and what is inside is being cancelled.
    pub struck: bool,
}

/// Where a step stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
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
#[serde(deny_unknown_fields)]
pub(super) struct Progress {
    pub items: Vec<Value>,
    /// The next item to begin.
    pub next: usize,
    /// Of the items or branches that are finished, by their index.
    pub results: BTreeMap<usize, Value>,
    /// What all of these take (R42).
    pub bytes: u64,
}

/// Strands that run inside a step.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Join {
    /// Strands that have not ended, by index of their branch or item.
    pub open: BTreeMap<usize, u64>,
    /// Of a `parallel`, by branch.
    pub progress: Progress,
    /// What the step ends with once all strands have ended, and the branch that decided it; `None`: a cancel did.
    #[serde(deserialize_with = "present")]
    pub decided: Option<(Option<usize>, Exit)>,
}

/// Who waits for the answer to a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pending {
    pub strand: u64,
    /// Index of the frame of the step.
    pub frame: usize,
    pub kind: PendingKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
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
        #[serde(deserialize_with = "present")]
        unseen: Option<u64>,
    },
}

impl Frame {
    pub fn list(list: ListId, path: Path, names: BTreeMap<String, Value>) -> Frame {
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
            updates: 0,
            answers: BTreeMap::new(),
            cancel: None,
            failing: None,
            main_exit: None,
            end: None,
        }
    }

    /// The stored form: JSON. Errors: none that data could cause.
    pub fn write(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// Reads what [`State::write`] wrote, of a run that was started with this input. Errors: another form, which is told apart from what is broken.
    pub fn read(text: &str, input: Value) -> Result<State, StateError> {
        #[derive(Deserialize)]
        struct Form {
            format: u32,
        }
        match serde_json::from_str::<Form>(text)?.format {
            FORMAT => Ok(State { input, ..serde_json::from_str(text)? }),
            found => Err(StateError::Form { found }),
        }
    }

    /// The timers that the run waits for, as they were asked for: a host that has lost them arms them anew (R39).
    pub fn timers(&self) -> Vec<Command> {
        let timer = |(number, pending): (&u64, &Pending)| {
            let due = match pending.kind {
                PendingKind::Timer { due } | PendingKind::Timeout { due } => Time(due),
                PendingKind::Call | PendingKind::Condition { .. } => return None,
            };
            match self.strands.get(&pending.strand)?.frames.get(pending.frame)? {
                Frame::Step(frame) => Some(Command::Timer { number: *number, due, path: frame.path.clone() }),
                Frame::List(_) => None,
            }
        };
        self.pending.iter().filter_map(timer).collect()
    }

    /// Whether it can be a state of this plan: every list and step that it names is there.
    pub fn fits(&self, plan: &Plan) -> bool {
        let mut frames = self.strands.values().flat_map(|strand| &strand.frames);
        frames.all(|frame| match frame {
            Frame::List(list) => plan.has_list(list.list),
            Frame::Step(step) => plan.step(step.step).is_some(),
        })
    }

    pub fn run(&self) -> &Run {
        &self.run
    }

    /// When it began, in milliseconds since 1970.
    pub fn started(&self) -> Time {
        Time(self.started)
    }

    /// What it was started with.
    pub fn input(&self) -> &Value {
        &self.input
    }

    /// The number that the next update gets, by which its answer is known.
    pub fn next_update(&self) -> u64 {
        self.updates
    }

    /// Whether an update has its answer.
    pub fn has_answer(&self, update: u64) -> bool {
        self.answers.contains_key(&update)
    }

    /// The answer to an update, once.
    pub fn take_answer(&mut self, update: u64) -> Option<UpdateOutcome> {
        self.answers.remove(&update)
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

/// Reads the number of a form, which must be the one that this program knows.
fn form<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    match u32::deserialize(deserializer)? {
        FORMAT => Ok(FORMAT),
        found => Err(de::Error::custom(StateError::Form { found })),
    }
}

/// Reads a field that may be null and may not be missing.
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}
