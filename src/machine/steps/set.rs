//! `set`: every right side is taken before any name is assigned.

use super::Next;
use crate::machine::scope;
use crate::machine::state::StepFrame;
use crate::machine::turn::{Exit, Turn, expression_error};
use crate::syntax::Written;
use crate::value::Value;

pub(super) fn enter(turn: &mut Turn<'_>, frame: &StepFrame, assignments: &[(String, Written)]) -> Next {
    let mut values = Vec::with_capacity(assignments.len());
    for (name, written) in assignments {
        match scope::evaluate(turn.state, written) {
            Ok(value) => values.push((name, value)),
            Err(failure) => return Next::Done(expression_error(&failure, &frame.path)),
        }
    }
    for (name, value) in values {
        turn.assign(&frame.path, name, value);
    }
    Next::Done(Exit::Value(Value::Null))
}
