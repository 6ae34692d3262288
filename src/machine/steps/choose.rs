//! `if`, `then`, `else`.

use super::Next;
use crate::expression::Expression;
use crate::machine::state::StepFrame;
use crate::machine::turn::{Exit, Turn};
use crate::plan::ListId;
use crate::value::Value;

pub(super) fn enter(
    turn: &mut Turn<'_>,
    frame: &StepFrame,
    condition: &Expression,
    then: ListId,
    otherwise: Option<ListId>,
) -> Next {
    match (turn.test(&frame.path, condition), otherwise) {
        (Ok(true), _) => Next::Inside(then),
        (Ok(false), Some(otherwise)) => Next::Inside(otherwise),
        (Ok(false), None) => Next::Done(Exit::Value(Value::Null)),
        (Err(exit), _) => Next::Done(exit),
    }
}
