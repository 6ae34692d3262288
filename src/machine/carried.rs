//! What a run carries from one event to the next, in bytes of its stored state at most (R42). Counted by the weights of its
//! values, which are known, never by writing it down: in full where an event begins to add to it, and again where what
//! was added since might be too much.

use std::collections::BTreeMap;

use super::error::RunError;
use super::event::UpdateOutcome;
use super::path::Path;
use super::state::{Frame, Progress, Role, Stage, State, Strand};
use super::turn::{Exit, Turn};
use crate::syntax::Own;
use crate::value::Value;

/// Bytes that the state of a run has at most, beside its input: the server takes 2 MiB in one piece.
pub const STATE: u64 = 1024 * 1024;
/// What is shielded may go beyond by so much, so that a `finally` can run where the state is full.
const RESERVE: u64 = 128 * 1024;
/// Of a strand, a frame, a wait, a message, an id, beside what stands in it.
pub(super) const ENTRY: u64 = 250;
/// The largest value that leaves a run in one piece, as a result or an answer.
pub(super) const PIECE: u64 = 1024 * 1024;

pub(super) fn length(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

/// A path by its parts, each with its name and the braces around it.
pub(super) fn way(path: &Path) -> u64 {
    const PART: u64 = 40;
    let parts = u64::try_from(path.parts().len()).unwrap_or(u64::MAX);
    length(&path.to_string()).saturating_add(parts.saturating_mul(PART))
}

fn count(entries: usize) -> u64 {
    u64::try_from(entries).unwrap_or(u64::MAX).saturating_mul(ENTRY)
}

fn names(names: &BTreeMap<String, Value>) -> u64 {
    names.iter().map(|(name, value)| named(name, value)).fold(0, u64::saturating_add)
}

fn named(name: &str, value: &Value) -> u64 {
    value.weight().bytes.saturating_add(length(name) + 4)
}

fn error(error: &RunError) -> u64 {
    ENTRY + length(&error.message) * 2 + length(&error.step) + error.details.weight().bytes
}

pub(super) fn exit(exit: &Exit) -> u64 {
    match exit {
        Exit::Value(value) | Exit::Return(value) => value.weight().bytes.saturating_add(ENTRY),
        Exit::Error(found) => error(found),
        Exit::Break | Exit::Continue | Exit::Cancelled => ENTRY,
    }
}

pub(super) fn outcome(outcome: &UpdateOutcome) -> u64 {
    match outcome {
        UpdateOutcome::Returned(value) => value.weight().bytes.saturating_add(ENTRY),
        UpdateOutcome::Refused(refusal) => ENTRY + length(&refusal.message) * 2,
        UpdateOutcome::Failed(failed) => error(failed),
    }
}

fn progress(progress: &Progress) -> u64 {
    progress.bytes.saturating_add(ENTRY)
}

fn strand(strand: &Strand) -> u64 {
    let frame = |frame: &Frame| match frame {
        Frame::List(list) => {
            (ENTRY + way(&list.path)).saturating_add(list.value.weight().bytes).saturating_add(names(&list.names))
        }
        Frame::Step(step) => (ENTRY + way(&step.path)).saturating_add(match &step.stage {
            Stage::Item(items) => progress(items),
            Stage::Joining(join) => progress(&join.progress)
                .saturating_add(count(join.open.len()))
                .saturating_add(join.decided.as_ref().map_or(0, |(_, decided)| exit(decided))),
            Stage::Finally(held) => exit(held),
            Stage::Entered
            | Stage::Awaiting(_)
            | Stage::Inside
            | Stage::OnTimeout
            | Stage::Round(_)
            | Stage::Caught => 0,
        }),
    };
    strand.frames.iter().map(frame).fold(ENTRY, u64::saturating_add)
}

impl State {
    /// No fewer bytes than it takes where it is stored, beside the input, which is bounded by itself.
    pub fn weight(&self) -> u64 {
        let strands = self.strands.values().map(strand).fold(0, u64::saturating_add);
        let messages = self.inbox.iter().map(|message| message.payload.weight().bytes).fold(0, u64::saturating_add);
        let ids = self.signal_ids.iter().chain(self.update_ids.iter().map(|(id, _)| id));
        let ids = ids.map(|id| ENTRY + length(&id.name) + length(&id.id)).fold(0, u64::saturating_add);
        let outcomes = self.update_ids.iter().map(|(_, answer)| answer).chain(self.answers.values());
        let outcomes = outcomes.map(outcome).fold(0, u64::saturating_add);
        let entries = self.pending.len() + self.inbox.len() + self.arrived.len() + self.ready.len();
        let held = self.main_exit.as_ref().map_or(0, exit) + self.failing.as_ref().map_or(0, error);
        let all = [names(&self.names), strands, messages, ids, outcomes, count(entries), held, 8 * ENTRY];
        all.into_iter().fold(0, u64::saturating_add)
    }
}

/// What an event may still add to what the run carries; `None` until it begins to.
pub(super) type Room = Option<u64>;

impl Turn<'_> {
    /// Is about to keep so many bytes more; `what` says of what. Errors: the exit `limit.state`, where that would be too
    /// much.
    pub fn keep(&mut self, id: u64, path: &Path, bytes: u64, what: impl FnOnce() -> String) -> Result<(), Exit> {
        self.keep_beside(id, path, bytes, 0, what)
    }

    /// Where a step that is not on its strand just now holds so much `beside`.
    pub fn keep_beside(
        &mut self,
        id: u64,
        path: &Path,
        bytes: u64,
        beside: u64,
        what: impl FnOnce() -> String,
    ) -> Result<(), Exit> {
        if let Some(left) = self.room.and_then(|room| room.checked_sub(bytes)) {
            self.room = Some(left);
            return Ok(());
        }
        // Counting costs what is looked at.
        let entries = self.state.strands.len() + self.state.inbox.len() + self.state.names.len();
        self.toll(path, 1 + u64::try_from(entries / 16).unwrap_or(u64::MAX))?;
        let carried = self.state.weight().saturating_add(beside).saturating_add(bytes);
        let most = if self.is_shielded(id) { STATE + RESERVE } else { STATE };
        if carried <= most {
            self.room = Some(STATE.saturating_sub(carried));
            return Ok(());
        }
        self.room = None;
        let heaviest = self.state.names.iter().max_by_key(|(_, value)| value.weight().bytes);
        let most = heaviest.filter(|(_, value)| value.weight().bytes > bytes);
        let most = most
            .map_or_else(String::new, |(name, value)| format!(", and `{name}` holds {}", told(value.weight().bytes)));
        let message = format!("the run would carry more than {STATE} bytes: {} takes {}{most}", what(), told(bytes));
        Err(Exit::Error(RunError::new(Own::LimitState, message, path)))
    }

    /// Is about to give a name a value, in the place of the one that it has.
    pub fn keep_named(&mut self, id: u64, path: &Path, name: &str, value: &Value) -> Result<(), Exit> {
        let (before, now) = (self.held(id, name), named(name, value));
        match now.checked_sub(before) {
            Some(more) => self.keep(id, path, more, || format!("`{name}`")),
            None => {
                self.room = self.room.map(|room| room.saturating_add(before - now));
                Ok(())
            }
        }
    }

    /// What the owner of a name holds under it.
    fn held(&self, id: u64, name: &str) -> u64 {
        let mut at = Some(id);
        while let Some(strand) = at.and_then(|id| self.state.strands.get(&id)) {
            for frame in strand.frames.iter().rev() {
                if let Frame::List(list) = frame
                    && self.plan.owns(list.list, name)
                {
                    return list.names.get(name).map_or(0, |value| named(name, value));
                }
            }
            at = strand.parent();
        }
        self.state.names.get(name).map_or(0, |value| named(name, value))
    }

    fn is_shielded(&self, id: u64) -> bool {
        let mut at = Some(id);
        while let Some(strand) = at.and_then(|id| self.state.strands.get(&id)) {
            let finally = |frame: &Frame| matches!(frame, Frame::Step(step) if matches!(step.stage, Stage::Finally(_)));
            if strand.frames.iter().any(finally) {
                return true;
            }
            at = strand.parent();
        }
        false
    }
}

impl Strand {
    fn parent(&self) -> Option<u64> {
        match self.role {
            Role::Branch { parent, .. } => Some(parent),
            Role::Main | Role::Signal { .. } | Role::Update { .. } => None,
        }
    }
}

fn told(bytes: u64) -> String {
    if bytes == u64::MAX { "more than can be counted".to_owned() } else { bytes.to_string() }
}
