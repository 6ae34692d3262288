//! `set`: every right side is taken before any name is assigned.

use super::Next;
use crate::machine::state::StepFrame;
use crate::machine::turn::Turn;
use crate::syntax::Written;
use crate::value::Value;

pub(super) fn enter(turn: &mut Turn<'_>, id: u64, frame: &StepFrame, assignments: &[(String, Written)]) -> Next {
    let mut values = Vec::with_capacity(assignments.len());
    for (name, written) in assignments {
        match turn.evaluate(id, &frame.path, written) {
            Ok(value) => values.push((name, value)),
            Err(exit) => return Next::Done(exit),
        }
    }
    for (name, value) in &values {
        if let Err(exit) = turn.keep_named(id, &frame.path, name, value) {
            return Next::Done(exit);
        }
    }
    for (name, value) in values {
        turn.assign(id, &frame.path, name, value);
    }
    Next::value(Value::Null)
}
