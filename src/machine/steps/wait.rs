//! `wait` for a duration or a time. What is due already is over at once, with no command (R4, R32).

use super::Next;
use crate::machine::error::RunError;
use crate::machine::state::{PendingKind, StepFrame};
use crate::machine::turn::{At, Exit, Turn};
use crate::syntax::Written;
use crate::value::{Duration, Time, Value};

pub(super) fn enter(turn: &mut Turn<'_>, frame: &StepFrame, moment: &Written, at: At) -> Next {
    let value = match turn.evaluate(&frame.path, moment) {
        Ok(value) => value,
        Err(exit) => return Next::Done(exit),
    };
    let clock = turn.state.clock();
    let Some(due) = due(&value, clock) else {
        let message = format!("expected a duration or a time, got {} `{}`", value.kind(), value.to_display());
        return Next::Done(Exit::Error(RunError::new("expression", message, &frame.path)));
    };
    if due <= clock {
        return Next::Done(Exit::Value(Value::Null));
    }
    let kind = PendingKind::Timer { due: due.millis() };
    Next::Suspend(turn.timer(at.strand, at.frame, kind, due, &frame.path))
}

/// The absolute time a moment means when it is armed now. Text is read as an author writes durations and times.
fn due(value: &Value, clock: Time) -> Option<Time> {
    match value {
        Value::Duration(duration) => Some(clock.plus(*duration)),
        Value::Time(time) => Some(*time),
        Value::Text(text) => match Duration::parse(text) {
            Ok(duration) => Some(clock.plus(duration)),
            Err(_) => Time::parse(text).ok(),
        },
        _ => None,
    }
}
