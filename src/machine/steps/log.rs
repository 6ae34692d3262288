//! `log`: a line in the run's journal. An expression that fails is said in the line; it is never an error (R29).

use super::Next;
use crate::machine::scope;
use crate::machine::state::StepFrame;
use crate::machine::trace::What;
use crate::machine::turn::{Exit, Turn};
use crate::syntax::Written;
use crate::value::Value;

pub(super) fn enter(turn: &mut Turn<'_>, frame: &StepFrame, text: &Written) -> Next {
    let text = match scope::evaluate(turn.state, text) {
        Ok(value) => value.to_display(),
        Err(failure) => format!("this line could not be written: {}", failure.message),
    };
    turn.trace(&frame.path, What::Log { text });
    Next::Done(Exit::Value(Value::Null))
}
