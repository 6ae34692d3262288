//! What each kind of step does when it is entered and when what it awaits has come. One file per verb; to add one, copy
//! the nearest and add its arm below.

mod call;
mod choose;
mod ending;
mod log;
mod set;
mod wait;

pub(super) use ending::check_result;

use super::event::CallOutcome;
use super::state::StepFrame;
use super::turn::{At, Exit, Turn};
use crate::plan::{Action, ListId, Step};
use crate::value::Value;

/// What a step wants next.
pub(super) enum Next {
    Done(Exit),
    /// The answer to this command number is awaited.
    Suspend(u64),
    /// A list inside the step runs; its exit is the step's.
    Inside(ListId),
}

pub(super) fn enter<'a>(turn: &mut Turn<'a>, frame: &mut StepFrame, step: &'a Step, at: At) -> Next {
    match &step.action {
        Action::Set(assignments) => set::enter(turn, frame, assignments),
        Action::Http(http) => call::enter(turn, frame, http, at),
        Action::Wait(moment) => wait::enter(turn, frame, moment, at),
        Action::If { condition, then, otherwise } => choose::enter(turn, frame, condition, *then, *otherwise),
        Action::Return(value) => ending::enter_return(turn, frame, value),
        Action::Fail { error, message, details } => {
            ending::enter_fail(turn, frame, error, message.as_ref(), details.as_ref())
        }
        Action::Log(text) => log::enter(turn, frame, text),
    }
}

/// The call that the step awaited came back.
pub(super) fn answered(turn: &mut Turn<'_>, frame: &mut StepFrame, step: &Step, outcome: CallOutcome) -> Next {
    match &step.action {
        Action::Http(http) => call::answered(turn, frame, http, outcome),
        _ => Next::Done(Exit::Value(Value::Null)),
    }
}
