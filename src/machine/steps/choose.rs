//! `if`, `then`, `else`, and `switch`: the first way that fits.

use super::Next;
use crate::expression::Expression;
use crate::machine::error::RunError;
use crate::machine::state::StepFrame;
use crate::machine::turn::{Exit, Turn};
use crate::plan::ListId;
use crate::syntax::Own;
use crate::value::Value;

pub(super) fn enter(
    turn: &mut Turn<'_>,
    id: u64,
    frame: &StepFrame,
    condition: &Expression,
    then: ListId,
    otherwise: Option<ListId>,
) -> Next {
    match (turn.test(id, &frame.path, condition), otherwise) {
        (Ok(true), _) => Next::list(then),
        (Ok(false), Some(otherwise)) => Next::list(otherwise),
        (Ok(false), None) => Next::value(Value::Null),
        (Err(exit), _) => Next::Done(exit),
    }
}

/// A way without a condition is the `else`; without one, no way is the error `no-branch`.
pub(super) fn enter_switch(
    turn: &mut Turn<'_>,
    id: u64,
    frame: &StepFrame,
    ways: &[(Option<Expression>, ListId)],
) -> Next {
    for (condition, list) in ways {
        match condition.as_ref().map_or(Ok(true), |condition| turn.test(id, &frame.path, condition)) {
            Ok(true) => return Next::list(*list),
            Ok(false) => {}
            Err(exit) => return Next::Done(exit),
        }
    }
    Next::Done(Exit::Error(RunError::new(Own::NoBranch, "no way of the `switch` fits", &frame.path)))
}
