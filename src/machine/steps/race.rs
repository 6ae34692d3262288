//! `race`: the first branch to end in any way decides; the step ends when the losers have ended too (R18).

use super::{Next, branches};
use crate::machine::state::{Join, StepFrame};
use crate::machine::turn::{Exit, Turn};
use crate::plan::ListId;
use crate::value::Value;

pub(super) fn enter(turn: &mut Turn<'_>, id: u64, frame: &StepFrame, written: &[(String, ListId)]) -> Next {
    branches(turn, id, frame, written)
}

pub(super) fn joined(branches: &[(String, ListId)], join: Join) -> Exit {
    match join.decided {
        Some((Some(index), Exit::Value(value))) => {
            let winner = branches.get(index).map_or("", |(name, _)| name.as_str());
            Exit::Value(Value::map([("winner", Value::text(winner)), ("value", value)]))
        }
        Some((_, exit)) => exit,
        None => Exit::Value(Value::Null),
    }
}
