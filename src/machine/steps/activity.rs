//! `activity`: any Temporal activity, by name, on any task queue. Attempts and pauses belong to the server (R34).

use super::Next;
use crate::machine::error::RunError;
use crate::machine::event::{ActivityRequest, Call, Command, Work};
use crate::machine::state::{PendingKind, StepFrame};
use crate::machine::trace::{What, digest};
use crate::machine::turn::{Exit, Turn};
use crate::plan::Activity;
use crate::syntax::Own;
use crate::value::{Value, to_json};

/// The largest list of arguments that is handed to the host, in bytes of its JSON.
const MAX_ARGS: usize = 1024 * 1024;

pub(super) fn enter(turn: &mut Turn<'_>, id: u64, frame: &StepFrame, activity: &Activity) -> Next {
    let args = match activity.args.as_ref().map(|args| turn.evaluate(id, &frame.path, args)) {
        None => Vec::new(),
        Some(Ok(Value::List(args))) => args.into_items(),
        Some(Ok(other)) => vec![other],
        Some(Err(exit)) => return Next::Done(exit),
    };
    let work = Work::Activity(ActivityRequest {
        name: activity.name.clone(),
        queue: activity.queue.clone(),
        args,
        timeout: activity.timeout,
        retry: activity.retry.clone(),
    });
    let value = work.to_value();
    if let Err(exit) = turn.charge(&frame.path, &value) {
        return Next::Done(exit);
    }
    let size = to_json(&value).len();
    if size > MAX_ARGS {
        let message = format!("the arguments have {size} bytes; at most {MAX_ARGS} can be sent");
        return Next::Done(Exit::Error(RunError::new(Own::ActivityTooLarge, message, &frame.path)));
    }
    if let Err(exit) = turn.send(&frame.path, size) {
        return Next::Done(exit);
    }
    let number = turn.number(id, PendingKind::Call);
    turn.trace(&frame.path, What::Called { request: digest(&value) });
    let idempotency_key = format!("{}:{}", turn.state.run.uid, frame.path);
    turn.command(Command::Call(Box::new(Call { number, path: frame.path.clone(), idempotency_key, work })));
    Next::Suspend(number)
}
