//! `send`: a signal to another run; its result is that the server has taken it (R16). One to the run itself goes to the
//! end of its own inbox, without a command.

use super::Next;
use crate::machine::error::RunError;
use crate::machine::event::{Command, Send};
use crate::machine::messages;
use crate::machine::state::{PendingKind, StepFrame};
use crate::machine::trace::{What, digest};
use crate::machine::turn::{Exit, Turn};
use crate::syntax::{Own, Written};
use crate::value::{Value, from_json, to_json};

/// The largest payload that is handed to the host, in bytes of its JSON.
const MAX_PAYLOAD: usize = 1024 * 1024;

pub(super) fn enter(
    turn: &mut Turn<'_>,
    id: u64,
    frame: &StepFrame,
    signal: &str,
    to: &Written,
    payload: Option<&Written>,
) -> Next {
    let path = &frame.path;
    let to = match turn.evaluate(id, path, to) {
        Ok(to) => to.to_display(),
        Err(exit) => return Next::Done(exit),
    };
    let payload = match payload.map_or(Ok(Value::Null), |payload| turn.evaluate(id, path, payload)) {
        Ok(payload) => payload,
        Err(exit) => return Next::Done(exit),
    };
    if to == turn.state.run.id {
        // It leaves the run as any message does, and comes back as its JSON reads (R30).
        let payload = match from_json(&to_json(&payload)) {
            Ok(payload) => payload,
            Err(error) => return Next::Done(Exit::Error(RunError::new(Own::SendRejected, error.to_string(), path))),
        };
        if let Some(refusal) = messages::would_refuse(turn.plan, signal, &payload) {
            return Next::Done(Exit::Error(RunError::new(Own::SendRejected, refusal.message, path)));
        }
        messages::deliver(turn, signal, payload);
        return Next::value(Value::Null);
    }
    let size = to_json(&payload).len();
    if size > MAX_PAYLOAD {
        let message = format!("the payload has {size} bytes; at most {MAX_PAYLOAD} can be sent");
        return Next::Done(Exit::Error(RunError::new(Own::SendRejected, message, path)));
    }
    if let Err(exit) = turn.send(path, size) {
        return Next::Done(exit);
    }
    let number = turn.number(id, PendingKind::Call);
    let request =
        Value::map([("signal", Value::text(signal)), ("to", Value::text(to.as_str())), ("payload", payload.clone())]);
    turn.trace(path, What::Called { request: digest(&request) });
    let signal = signal.to_owned();
    turn.command(Command::Send(Box::new(Send { number, path: path.clone(), signal, to, payload })));
    Next::Suspend(number)
}
