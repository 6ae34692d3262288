//! `for`: the items in order. One at a time they run in the strand of the step itself, so nothing comes between two items
//! that do not suspend (R3); several at a time they are strands, and a freed slot begins the next in the same event
//! (R22).

use std::collections::BTreeMap;

use super::{Inner, Next, keep_result, report};
use crate::machine::error::RunError;
use crate::machine::path::Path;
use crate::machine::state::{Join, Progress, Role, Stage, StepFrame};
use crate::machine::trace::What;
use crate::machine::turn::{Exit, Turn};
use crate::plan::{For, Items, OnError};
use crate::syntax::Own;
use crate::value::{Decimal, Value};

pub(super) fn enter(turn: &mut Turn<'_>, id: u64, frame: &StepFrame, each: &For) -> Next {
    let items = match &each.items {
        Items::Expression(expression) => {
            turn.compute(id, &frame.path, &[], |scope, world| expression.evaluate(scope, world))
        }
        Items::List(written) => turn.evaluate(id, &frame.path, written),
    };
    let items = match items {
        Ok(Value::List(items)) => items,
        Ok(other) => {
            let message = format!("`in` gives {} `{}`, not a list", other.kind(), other.to_display());
            return Next::Done(Exit::Error(RunError::new(Own::Expression, message, &frame.path)));
        }
        Err(exit) => return Next::Done(exit),
    };
    if let Err(exit) = turn.toll(&frame.path, u64::try_from(items.len()).unwrap_or(u64::MAX)) {
        return Next::Done(exit);
    }
    // Once as they are gone through, and once under the name of each.
    let bytes = items.weight().bytes;
    if let Err(exit) = turn.keep(id, &frame.path, bytes.saturating_mul(2), || "the list of items".to_owned()) {
        return Next::Done(exit);
    }
    let mut progress = Progress { items: items.into_items(), bytes, ..Progress::default() };
    if each.parallel == 1 {
        return item(turn, frame, each, progress);
    }
    if progress.items.is_empty() {
        return Next::value(list(progress));
    }
    let mut join = Join::default();
    std::mem::swap(&mut join.progress, &mut progress);
    begin_items(turn, id, &frame.path, each, &mut join);
    Next::Join(Box::new(join))
}

fn names(each: &For, item: &Value, index: usize) -> BTreeMap<String, Value> {
    let number = Value::Number(Decimal::from(index));
    let index = each.index.iter().map(|name| (name.clone(), number.clone()));
    index.chain([(each.item.clone(), item.clone())]).collect()
}

/// The results so far, in the order of the items.
pub(super) fn list(progress: Progress) -> Value {
    Value::List(progress.results.into_values().collect())
}

/// The result of an item that ended, or the exit that ends the loop.
fn result(turn: &mut Turn<'_>, path: &Path, each: &For, item: Option<&Value>, exit: Exit) -> Result<Value, Exit> {
    let (value, error) = match exit {
        Exit::Value(value) => (value, None),
        Exit::Continue => (Value::Null, None),
        Exit::Error(error) if error.catchable() && each.on_error != OnError::Fail => {
            turn.trace(path, What::Skipped { error: (&error).into() });
            (Value::Null, Some(error))
        }
        other => return Err(other),
    };
    Ok(match each.on_error {
        OnError::Report => report(item.cloned().or(Some(Value::Null)), value, error.as_ref()),
        OnError::Fail | OnError::Skip => value,
    })
}

// ---- one at a time

fn item(turn: &mut Turn<'_>, frame: &StepFrame, each: &For, mut progress: Progress) -> Next {
    let at = progress.next;
    let Some(value) = progress.items.get(at) else { return Next::value(list(progress)) };
    if let Err(exit) = turn.spend(&frame.path) {
        return Next::Done(exit);
    }
    let names = names(each, value, at);
    progress.next += 1;
    Next::Inside(Inner {
        list: each.body,
        stage: Stage::Item(Box::new(progress)),
        path: Some(frame.path.item(at)),
        names,
    })
}

/// An item has ended.
pub(super) fn inside(turn: &mut Turn<'_>, id: u64, frame: &mut StepFrame, each: &For, exit: Exit) -> Next {
    let Stage::Item(progress) = std::mem::replace(&mut frame.stage, Stage::Inside) else { return Next::Done(exit) };
    let mut progress = *progress;
    if exit == Exit::Break {
        return Next::value(list(progress));
    }
    let at = progress.next.saturating_sub(1);
    let path = frame.path.item(at);
    let kept = result(turn, &path, each, progress.items.get(at), exit)
        .and_then(|value| keep_result(turn, id, &path, &mut progress, at, value));
    match kept {
        Ok(()) => item(turn, frame, each, progress),
        Err(exit) => Next::Done(exit),
    }
}

// ---- several at a time

fn begin_items(turn: &mut Turn<'_>, id: u64, path: &Path, each: &For, join: &mut Join) {
    while join.open.len() < each.parallel {
        let index = join.progress.next;
        let Some(value) = join.progress.items.get(index) else { return };
        let names = names(each, value, index);
        join.progress.next += 1;
        let role = Role::Branch { parent: id, index };
        let strand = turn.spawn(role, each.body, path.item(index), names);
        join.open.insert(index, strand);
    }
}

pub(super) fn item_ended(
    turn: &mut Turn<'_>,
    id: u64,
    path: &Path,
    each: &For,
    join: &mut Join,
    index: usize,
    exit: Exit,
) {
    let item_path = path.item(index);
    let kept = result(turn, &item_path, each, join.progress.items.get(index), exit)
        .and_then(|value| keep_result(turn, id, &item_path, &mut join.progress, index, value));
    match kept {
        Ok(()) => begin_items(turn, id, path, each, join),
        Err(exit) => join.decided = Some((Some(index), exit)),
    }
}
