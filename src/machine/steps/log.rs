//! `log`: a line in the run's journal. An expression that fails is said in the line; it is never an error (R29),
//! but a limit is (R5).

use super::Next;
use crate::machine::state::StepFrame;
use crate::machine::trace::What;
use crate::machine::turn::{Exit, Turn};
use crate::syntax::Written;
use crate::value::Value;

pub(super) fn enter(turn: &mut Turn<'_>, id: u64, frame: &StepFrame, text: &Written) -> Next {
    let text = match turn.evaluate(id, &frame.path, text) {
        Ok(value) => value.to_display(),
        Err(Exit::Error(error)) if error.catchable() => format!("this line could not be written: {}", error.message),
        Err(exit) => return Next::Done(exit),
    };
    turn.trace(&frame.path, What::Log { text });
    Next::value(Value::Null)
}
