//! `return` and `fail`: the ends an author writes.

use super::Next;
use crate::machine::error::RunError;
use crate::machine::path::Path;
use crate::machine::state::StepFrame;
use crate::machine::turn::{Exit, Turn};
use crate::plan::Plan;
use crate::syntax::{ErrorType, Own, Written};
use crate::value::Value;

/// The value is fixed here and held against `returns` (R47).
pub(super) fn enter_return(turn: &mut Turn<'_>, id: u64, frame: &StepFrame, value: &Written) -> Next {
    Next::Done(match turn.evaluate(id, &frame.path, value) {
        Ok(value) => {
            let kept = turn.keep(id, &frame.path, value.weight().bytes, || "the result".to_owned());
            match kept.and_then(|()| check_result(turn.plan, &value, &frame.path).map_err(Exit::Error)) {
                Ok(()) => Exit::Return(value),
                Err(exit) => exit,
            }
        }
        Err(exit) => exit,
    })
}

pub(super) fn enter_fail(
    turn: &mut Turn<'_>,
    id: u64,
    frame: &StepFrame,
    error: &str,
    message: Option<&Written>,
    details: Option<&Written>,
) -> Next {
    if error == "cancelled" {
        return Next::Done(Exit::Cancelled);
    }
    let mut values = [Value::Null, Value::Null];
    for (slot, written) in values.iter_mut().zip([message, details]) {
        if let Some(written) = written {
            match turn.evaluate(id, &frame.path, written) {
                Ok(value) => *slot = value,
                Err(exit) => return Next::Done(exit),
            }
        }
    }
    let bytes = values.iter().map(|value| value.weight().bytes).fold(0, u64::saturating_add);
    if let Err(exit) = turn.keep(id, &frame.path, bytes, || "the error".to_owned()) {
        return Next::Done(exit);
    }
    let [message, details] = values;
    let message = if message == Value::Null { error.to_owned() } else { message.to_display() };
    Next::Done(Exit::Error(RunError { details, ..RunError::new(ErrorType::named(error), message, &frame.path) }))
}

/// Whether a result keeps the contract of the process.
pub(in crate::machine) fn check_result(plan: &Plan, value: &Value, path: &Path) -> Result<(), RunError> {
    let violations = plan.returns().map(|schema| schema.violations(value)).unwrap_or_default();
    let Some(first) = violations.first() else { return Ok(()) };
    let place = if first.pointer.is_empty() { "the result".to_owned() } else { format!("`{}`", first.pointer) };
    let message = format!("{place} does not fit `returns`: {}", first.detail);
    let details = Value::map([("result", value.clone())]);
    Err(RunError { details, ..RunError::new(Own::ReturnsInvalid, message, path) })
}
