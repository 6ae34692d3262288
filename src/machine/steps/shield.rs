//! `try`, `catch`, `finally`: the first catch that fits, then `finally`, which runs however the rest ended and which no
//! cancel from outside reaches (R24, R25).

use std::collections::BTreeMap;

use super::{Inner, Next};
use crate::machine::carried;
use crate::machine::error::RunError;
use crate::machine::state::{Stage, StepFrame};
use crate::machine::trace::What;
use crate::machine::turn::{Exit, Turn};
use crate::plan::{Catch, ListId};
use crate::value::Value;

pub(super) fn inside(
    turn: &mut Turn<'_>,
    id: u64,
    frame: &mut StepFrame,
    catches: &[Catch],
    finally: Option<ListId>,
    exit: Exit,
) -> Next {
    let exit = match (std::mem::replace(&mut frame.stage, Stage::Inside), exit) {
        (Stage::Finally(held), exit) => return Next::Done(after(turn, frame, *held, exit)),
        (Stage::Inside, Exit::Error(error)) if error.catchable() => match taker(turn, id, frame, catches, &error) {
            Ok(Some((catch, value))) => {
                turn.trace(&frame.path, What::Caught { error: (&error).into() });
                let names = BTreeMap::from([(catch.name.clone(), value)]);
                return Next::Inside(Inner { list: catch.body, stage: Stage::Caught, path: None, names });
            }
            Ok(None) => Exit::Error(error),
            Err(exit) => exit,
        },
        (_, exit) => exit,
    };
    let Some(list) = finally else { return Next::Done(exit) };
    turn.refill();
    let exit = match turn.keep(id, &frame.path, carried::exit(&exit), || "what `finally` holds".to_owned()) {
        Ok(()) => exit,
        Err(over) => over,
    };
    Next::Inside(Inner { list, stage: Stage::Finally(Box::new(exit)), path: None, names: BTreeMap::new() })
}

/// The first catch that takes the error, and the error as it sees it. Errors: the exit of a `when` that fails.
fn taker<'a>(
    turn: &mut Turn<'_>,
    id: u64,
    frame: &StepFrame,
    catches: &'a [Catch],
    error: &RunError,
) -> Result<Option<(&'a Catch, Value)>, Exit> {
    if catches.is_empty() {
        return Ok(None);
    }
    let value = error.to_value();
    turn.charge(&frame.path, &value)?;
    turn.keep(id, &frame.path, value.weight().bytes, || "the error".to_owned())?;
    for catch in catches {
        let fits = catch.errors.as_ref().is_none_or(|patterns| patterns.iter().any(|p| error.kind.fits(p)));
        if !fits {
            continue;
        }
        let holds = match &catch.when {
            Some(when) => {
                let extra = [(catch.name.as_str(), &value)];
                turn.compute(id, &frame.path, &extra, |scope, world| when.test(scope, world))?
            }
            None => true,
        };
        if holds {
            return Ok(Some((catch, value)));
        }
    }
    Ok(None)
}

/// What goes outward after a `finally` that ended with `exit`.
fn after(turn: &mut Turn<'_>, frame: &StepFrame, held: Exit, exit: Exit) -> Exit {
    match (held, exit) {
        // A limit is passed over by nothing, not even by what the `finally` had held (R5).
        (held, Exit::Error(limit)) if !limit.catchable() => {
            if let Exit::Error(error) = &held {
                turn.trace(&frame.path, What::Suppressed { error: error.into() });
            }
            Exit::Error(limit)
        }
        (held @ (Exit::Error(_) | Exit::Cancelled), Exit::Error(error)) => {
            turn.trace(&frame.path, What::Suppressed { error: (&error).into() });
            held
        }
        (_, error @ Exit::Error(_)) => error,
        (Exit::Error(error), Exit::Cancelled) => Exit::Error(error),
        (_, Exit::Cancelled) => Exit::Cancelled,
        (held, _) => held,
    }
}
