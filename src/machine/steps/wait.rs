//! `wait` for a duration or a time, until a condition holds, or for a message. What is due, true or there already is
//! over at once, with no command (R4, R9, R32).

use super::Next;
use crate::expression::Expression;
use crate::machine::error::RunError;
use crate::machine::path::Path;
use crate::machine::state::{Message, PendingKind, StepFrame};
use crate::machine::trace::{Shown, What};
use crate::machine::turn::{Exit, Turn};
use crate::plan::{Awaits, Step};
use crate::syntax::{Own, Written};
use crate::value::{Duration, Time, Value};

pub(super) fn enter(turn: &mut Turn<'_>, id: u64, frame: &StepFrame, moment: &Written) -> Next {
    let value = match turn.evaluate(id, &frame.path, moment) {
        Ok(value) => value,
        Err(exit) => return Next::Done(exit),
    };
    let clock = turn.state.clock();
    let due = match due(&value, clock) {
        Ok(due) => due,
        Err(message) => return Next::Done(Exit::Error(RunError::new(Own::Expression, message, &frame.path))),
    };
    if due <= clock {
        return Next::value(Value::Null);
    }
    let kind = PendingKind::Timer { due: due.millis() };
    Next::Suspend(turn.timer(id, kind, due, &frame.path))
}

/// The absolute time a moment means when it is armed now. Text is read as an author writes durations and times. Errors:
/// words.
fn due(value: &Value, clock: Time) -> Result<Time, String> {
    let none = || format!("expected a duration or a time, got {} `{}`", value.kind(), value.to_display());
    let duration = match value {
        Value::Duration(duration) => *duration,
        Value::Time(time) => return Ok(*time),
        Value::Text(text) => match Duration::read(text) {
            Ok(duration) => duration,
            Err(_) => return Time::parse(text).map_err(|_| none()),
        },
        _ => return Err(none()),
    };
    clock.plus(duration).ok_or_else(|| format!("{duration} from now is after the year 9999"))
}

pub(super) fn enter_condition<'a>(turn: &mut Turn<'a>, id: u64, frame: &StepFrame, step: &'a Step) -> Next {
    match look(turn, id, &frame.path, step, 0) {
        Some(next) => next,
        None => Next::Suspend(turn.watch(id, step)),
    }
}

/// Whether the wait is over: `None` where it is not.
pub(super) fn look(turn: &mut Turn<'_>, id: u64, path: &Path, step: &Step, from: u64) -> Option<Next> {
    match step.action.awaits()? {
        Awaits::Condition(condition) => match turn.test(id, path, condition) {
            Ok(true) => Some(Next::value(Value::Null)),
            Ok(false) => None,
            Err(exit) => Some(Next::Done(exit)),
        },
        Awaits::Message { signal, condition } => receive(turn, id, path, signal, condition, from),
        // A timer ends it.
        Awaits::Moment => None,
    }
}

/// Takes the oldest message of the name for which the condition holds, from a number on. One on which it fails is dead,
/// and the wait fails (R9).
fn receive(
    turn: &mut Turn<'_>,
    id: u64,
    path: &Path,
    signal: &str,
    condition: Option<&Expression>,
    from: u64,
) -> Option<Next> {
    let seen = |message: &Message| message.name == signal && message.number < from;
    // The new ones stand at the end.
    let mut at = turn.state.inbox.iter().rposition(seen).map_or(0, |last| last + 1);
    // Those behind it are gone through, and those of other names passed over.
    let behind = turn.state.inbox.len().saturating_sub(at) / 64;
    if let Err(exit) = turn.toll(path, 1 + u64::try_from(behind).unwrap_or(u64::MAX)) {
        return Some(Next::Done(exit));
    }
    while let Some(message) = turn.state.inbox.get_mut(at) {
        if message.name != signal {
            at += 1;
            continue;
        }
        // Lent to the expression, not copied.
        let (number, payload) = (message.number, std::mem::take(&mut message.payload));
        let holds = match condition {
            Some(condition) => {
                turn.compute(id, path, &[("payload", &payload)], |scope, world| condition.test(scope, world))
            }
            None => Ok(true),
        };
        match holds {
            Ok(false) => {
                if let Some(message) = turn.state.inbox.get_mut(at) {
                    message.payload = payload;
                }
                at += 1;
            }
            Ok(true) => {
                turn.state.inbox.remove(at);
                turn.trace(path, What::Took { message: number, payload: Shown::of(&payload) });
                return Some(Next::value(payload));
            }
            Err(exit) => {
                turn.state.inbox.remove(at);
                turn.trace(path, What::Dead { signal: signal.to_owned(), message: number });
                return Some(Next::Done(exit));
            }
        }
    }
    None
}
