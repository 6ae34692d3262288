//! `parallel`: all branches; the first that fails decides, and the others are cancelled and waited for (R22).

use super::{Next, branches, keep_result, report};
use crate::machine::path::Path;
use crate::machine::state::{Join, StepFrame};
use crate::machine::trace::What;
use crate::machine::turn::{Exit, Turn};
use crate::plan::ListId;
use crate::value::Value;

pub(super) fn enter(turn: &mut Turn<'_>, id: u64, frame: &StepFrame, written: &[(String, ListId)]) -> Next {
    branches(turn, id, frame, written)
}

/// `path` is the branch's own.
pub(super) fn branch_ended(
    turn: &mut Turn<'_>,
    id: u64,
    path: &Path,
    reporting: bool,
    join: &mut Join,
    index: usize,
    exit: Exit,
) {
    let result = match exit {
        Exit::Value(value) if reporting => Ok(report(None, value, None)),
        Exit::Value(value) => Ok(value),
        Exit::Error(error) if reporting && error.catchable() => {
            turn.trace(path, What::Skipped { error: (&error).into() });
            Ok(report(None, Value::Null, Some(&error)))
        }
        other => Err(other),
    };
    if let Err(exit) = result.and_then(|result| keep_result(turn, id, path, &mut join.progress, index, result)) {
        join.decided = Some((Some(index), exit));
    }
}

pub(super) fn joined(branches: &[(String, ListId)], join: Join) -> Exit {
    match join.decided {
        Some((_, exit)) => exit,
        None => {
            let names = branches.iter().map(|(name, _)| name.as_str());
            let values = join.progress.results.into_values();
            Exit::Value(Value::map(names.zip(values)))
        }
    }
}
