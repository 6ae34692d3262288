//! `while`: the condition is tested before each round; rounds count from 0 (R37).

use std::collections::BTreeMap;

use super::{Inner, Next};
use crate::expression::Expression;
use crate::machine::state::{Stage, StepFrame};
use crate::machine::turn::{Exit, Turn};
use crate::plan::ListId;
use crate::value::Value;

/// Begins a round, if there is another.
pub(super) fn round(
    turn: &mut Turn<'_>,
    id: u64,
    frame: &StepFrame,
    condition: &Expression,
    body: ListId,
    round: u64,
) -> Next {
    match turn.spend(&frame.path).and_then(|()| turn.test(id, &frame.path, condition)) {
        Ok(true) => Next::Inside(Inner {
            list: body,
            stage: Stage::Round(round),
            path: Some(frame.path.counter(round)),
            names: BTreeMap::new(),
        }),
        Ok(false) => Next::value(Value::Null),
        Err(exit) => Next::Done(exit),
    }
}

/// A round has ended.
pub(super) fn inside(
    turn: &mut Turn<'_>,
    id: u64,
    frame: &StepFrame,
    condition: &Expression,
    body: ListId,
    exit: Exit,
) -> Next {
    let Stage::Round(last) = frame.stage else { return Next::Done(exit) };
    match exit {
        Exit::Value(_) | Exit::Continue => round(turn, id, frame, condition, body, last + 1),
        Exit::Break => Next::value(Value::Null),
        other => Next::Done(other),
    }
}
