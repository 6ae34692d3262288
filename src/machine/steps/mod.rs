//! What each kind of step does when it is entered, when what it awaits has come, and when a list or branch inside it
//! has ended. One file per verb; to add one, copy the nearest and add its arms below.

mod activity;
mod call;
mod choose;
mod each;
mod ending;
mod log;
mod parallel;
mod race;
mod repeat;
mod send;
mod set;
mod shield;
mod wait;

use std::collections::BTreeMap;

pub(super) use ending::check_result;

use super::error::RunError;
use super::event::CallOutcome;
use super::path::Path;
use super::state::{Join, Progress, Role, Stage, StepFrame};
use super::trace::What;
use super::turn::{Exit, Turn};
use crate::plan::{Action, Gathers, ListId, Outside, Schema, Step};
use crate::syntax::Own;
use crate::value::Value;

/// What a step wants next.
pub(super) enum Next {
    Done(Exit),
    /// The answer to this number is awaited.
    Suspend(u64),
    /// A list inside the step runs; the step hears of its end.
    Inside(Inner),
    /// Strands of these numbers run; the step hears of the end of each.
    Join(Box<Join>),
}

/// A list to run inside a step.
pub(super) struct Inner {
    pub list: ListId,
    /// Where the step then stands.
    pub stage: Stage,
    /// What paths inside begin with, if not with the step's own.
    pub path: Option<Path>,
    pub names: BTreeMap<String, Value>,
}

impl Next {
    /// A list whose exit is the step's.
    fn list(list: ListId) -> Next {
        Next::Inside(Inner { list, stage: Stage::Inside, path: None, names: BTreeMap::new() })
    }

    fn value(value: Value) -> Next {
        Next::Done(Exit::Value(value))
    }
}

pub(super) fn enter<'a>(turn: &mut Turn<'a>, id: u64, frame: &mut StepFrame, step: &'a Step) -> Next {
    match &step.action {
        Action::Set(assignments) => set::enter(turn, id, frame, assignments),
        Action::Http(http) => call::enter(turn, id, frame, http),
        Action::Activity(activity) => activity::enter(turn, id, frame, activity),
        Action::Wait(moment) => wait::enter(turn, id, frame, moment),
        Action::Until(_) | Action::Receive { .. } => wait::enter_condition(turn, id, frame, step),
        Action::If { condition, then, otherwise } => choose::enter(turn, id, frame, condition, *then, *otherwise),
        Action::Switch(ways) => choose::enter_switch(turn, id, frame, ways),
        Action::While { condition, body } => repeat::round(turn, id, frame, condition, *body, 0),
        Action::For(each) => each::enter(turn, id, frame, each),
        Action::Parallel { branches, .. } => parallel::enter(turn, id, frame, branches),
        Action::Race(branches) => race::enter(turn, id, frame, branches),
        Action::Try { body, .. } => Next::list(*body),
        Action::Do(list) => Next::list(*list),
        Action::Send { signal, to, payload } => send::enter(turn, id, frame, signal, to, payload.as_ref()),
        Action::Return(value) => ending::enter_return(turn, id, frame, value),
        Action::Fail { error, message, details } => {
            ending::enter_fail(turn, id, frame, error, message.as_ref(), details.as_ref())
        }
        Action::Break => Next::Done(Exit::Break),
        Action::Continue => Next::Done(Exit::Continue),
        Action::Log(text) => log::enter(turn, id, frame, text),
    }
}

/// The call that the step awaited came back.
pub(super) fn answered(turn: &mut Turn<'_>, frame: &mut StepFrame, step: &Step, outcome: CallOutcome) -> Next {
    let attempts = outcome.attempts;
    let error = |e: super::event::CallError| RunError {
        attempts,
        details: e.details,
        ..RunError::new(e.kind, e.message, &frame.path)
    };
    let result = outcome.result.map_err(error).and_then(|value| match step.action.outside() {
        Some(Outside::Http(http)) => {
            let body = value.get("body").unwrap_or(&Value::Null);
            check_reply(http.reply.as_ref(), body, Own::HttpInvalidReply, &frame.path, attempts).map(|()| value)
        }
        Some(Outside::Activity(activity)) => {
            check_reply(activity.reply.as_ref(), &value, Own::ActivityInvalidReply, &frame.path, attempts)
                .map(|()| value)
        }
        Some(Outside::Run { .. }) | None => Ok(Value::Null),
    });
    let named = result.as_ref().map_or_else(|error| error.kind.to_string(), |_| "ok".to_owned());
    turn.trace(&frame.path, What::Ended { outcome: named, attempts });
    Next::Done(result.map_or_else(Exit::Error, Exit::Value))
}

fn check_reply(
    schema: Option<&Schema>,
    reply: &Value,
    kind: Own,
    path: &Path,
    attempts: Option<u32>,
) -> Result<(), RunError> {
    let violations = schema.map(|schema| schema.violations(reply)).unwrap_or_default();
    let Some(violation) = violations.first() else { return Ok(()) };
    let message = format!("the reply does not fit `reply`: at `{}`: {}", violation.pointer, violation.detail);
    Err(RunError { attempts, ..RunError::new(kind, message, path) })
}

/// A list inside the step ended. The frame is not on the strand.
pub(super) fn inside<'a>(turn: &mut Turn<'a>, id: u64, frame: &mut StepFrame, step: &'a Step, exit: Exit) -> Next {
    match &step.action {
        Action::While { condition, body } => repeat::inside(turn, id, frame, condition, *body, exit),
        Action::For(each) => each::inside(turn, id, frame, each, exit),
        Action::Try { catches, finally, .. } => shield::inside(turn, id, frame, catches, *finally, exit),
        Action::If { .. } | Action::Switch(_) | Action::Do(_) => Next::Done(exit),
        // No list of these runs in the strand of the step.
        Action::Set(_)
        | Action::Http(_)
        | Action::Activity(_)
        | Action::Wait(_)
        | Action::Until(_)
        | Action::Receive { .. }
        | Action::Parallel { .. }
        | Action::Race(_)
        | Action::Send { .. }
        | Action::Return(_)
        | Action::Fail { .. }
        | Action::Break
        | Action::Continue
        | Action::Log(_) => Next::Done(exit),
    }
}

/// A wait whose condition or inbox may have changed: `None` goes on waiting. Of the messages those are looked at whose
/// number is `from` or more.
pub(super) fn look(turn: &mut Turn<'_>, id: u64, path: &Path, step: &Step, from: u64) -> Option<Next> {
    wait::look(turn, id, path, step, from)
}

/// A branch or item of an undecided step ended; what it decides goes into the join.
pub(super) fn branch_ended(
    turn: &mut Turn<'_>,
    id: u64,
    path: &Path,
    step: &Step,
    join: &mut Join,
    index: usize,
    exit: Exit,
) {
    match step.action.gathers() {
        Some(Gathers::First(_)) => join.decided = Some((Some(index), exit)),
        Some(Gathers::All { branches, report }) => {
            let name = branches.get(index).map_or("", |(name, _)| name.as_str());
            parallel::branch_ended(turn, id, &path.branch(name), report, join, index, exit)
        }
        Some(Gathers::Items(each)) => each::item_ended(turn, id, path, each, join, index, exit),
        None => {}
    }
}

/// All branches have ended: the exit of the step.
pub(super) fn joined(step: &Step, join: Join) -> Exit {
    match step.action.gathers() {
        Some(Gathers::First(branches)) => race::joined(branches, join),
        Some(Gathers::All { branches, .. }) => parallel::joined(branches, join),
        Some(Gathers::Items(_)) | None => match join.decided {
            Some((_, exit)) => exit,
            None => Exit::Value(each::list(join.progress)),
        },
    }
}

/// Begins the branches of a step, each a strand, in the order written (R3).
fn branches(turn: &mut Turn<'_>, id: u64, frame: &StepFrame, branches: &[(String, ListId)]) -> Next {
    let mut join = Join::default();
    for (index, (name, list)) in branches.iter().enumerate() {
        let role = Role::Branch { parent: id, index };
        let strand = turn.spawn(role, *list, frame.path.branch(name), BTreeMap::new());
        join.open.insert(index, strand);
    }
    match branches {
        [] => Next::value(Value::Null),
        _ => Next::Join(Box::new(join)),
    }
}

/// What `report` gives of an item or branch.
fn report(item: Option<Value>, value: Value, error: Option<&RunError>) -> Value {
    let item = item.map(|item| ("item", item));
    let error = error.map_or(Value::Null, RunError::to_value);
    Value::map([("value", value), ("error", error)].into_iter().chain(item))
}

/// The result of an item or branch is kept until all have ended. Errors: one that is too large.
fn keep_result(
    turn: &mut Turn<'_>,
    id: u64,
    path: &Path,
    progress: &mut Progress,
    index: usize,
    result: Value,
) -> Result<(), Exit> {
    let bytes = result.weight().bytes.saturating_add(16);
    turn.keep_beside(id, path, bytes, progress.bytes, || "its result".to_owned())?;
    progress.bytes = progress.bytes.saturating_add(bytes);
    progress.results.insert(index, result);
    Ok(())
}
