//! Signals, updates and queries: what is taken, by whom, and what is answered (R8 to R16).

use std::collections::{BTreeMap, VecDeque};

use super::carried::{self, ENTRY, PIECE};
use super::error::RunError;
use super::event::{Command, UpdateOutcome};
use super::path::{Ends, Part, Path};
use super::position::positions;
use super::refusal::{Refusal, RefusalKind};
use super::scope::{frozen, run_fields};
use super::state::{Message, MessageId, Role, State};
use super::trace::{Shown, What};
use super::turn::{Exit, MAIN, Turn};
use crate::expression::Failure;
use crate::plan::{Plan, Schema};
use crate::syntax::Own;
use crate::value::{DEPTH, Value, to_json};

/// Ids of each kind that are remembered (R14).
const IDS: usize = 256;
/// Bytes of the outcomes of updates that are remembered.
const OUTCOMES: u64 = 256 * 1024;
/// What the inbox holds at most: messages, and bytes of their payloads (R50).
pub const INBOX: usize = 2_000;
pub const INBOX_BYTES: usize = 512 * 1024;

pub(super) fn signal(turn: &mut Turn<'_>, name: &str, payload: Value, id: Option<String>) {
    let Some(declared) = turn.plan.signals.get(name) else { return turn.stray(format!("signal {name}")) };
    if let Some(id) = &id
        && turn.state.signal_ids.iter().any(|known| known.is(name, id))
    {
        return turn.trace(&Path::RUN, What::Duplicate { event: format!("signal {name}") });
    }
    if let Some(reason) = misfit(declared.payload.as_ref(), &payload) {
        return turn.trace(&Path::RUN, What::Refused { event: format!("signal {name}"), reason: reason.message });
    }
    if let Some(id) = id {
        remember(&mut turn.state.signal_ids, MessageId::new(name, id));
    }
    deliver(turn, name, payload);
}

/// A signal that fits, from outside or from the run itself: to its handler, or to the end of the inbox.
pub(super) fn deliver(turn: &mut Turn<'_>, name: &str, payload: Value) {
    let Some(declared) = turn.plan.signals.get(name) else { return };
    let kept =
        turn.keep(MAIN, &Path::RUN, payload.weight().bytes.saturating_add(ENTRY), || format!("a message of `{name}`"));
    if let Err(Exit::Error(over)) = kept {
        return turn.fail_run(over);
    }
    let number = count(turn.state, format!("on.{name}"));
    let path = Path::RUN.with(Part::Signal { name: name.to_owned(), number });
    if let Some(handler) = declared.handler {
        let role = Role::Signal { name: name.to_owned(), number };
        turn.spawn(role, handler, path, BTreeMap::from([("payload".to_owned(), payload)]));
        return;
    }
    if declared.keep_last {
        turn.state.inbox.retain(|message| message.name != name);
    }
    let shown = Shown::of(&payload);
    turn.trace(&Path::RUN, What::Received { signal: name.to_owned(), message: number, payload: shown });
    let size = to_json(&payload).len();
    turn.state.inbox.push_back(Message { name: name.to_owned(), number, payload, size });
    let bytes: usize = turn.state.inbox.iter().map(|message| message.size).sum();
    if turn.state.inbox.len() > INBOX || bytes > INBOX_BYTES {
        let message = format!("more than {INBOX} messages or {INBOX_BYTES} bytes of them are unread");
        return turn.fail_run(RunError::new(Own::LimitInbox, message, &Path::RUN));
    }
    turn.arrived(name, number);
}

/// The how-many-th of its name, from 0.
fn count(state: &mut State, kind: String) -> u64 {
    let count = state.arrived.entry(kind).or_default();
    *count += 1;
    *count - 1
}

fn remember<T>(ids: &mut VecDeque<T>, id: T) {
    if ids.len() == IDS {
        ids.pop_front();
    }
    ids.push_back(id);
}

/// What is wrong with the payload of a message, if anything.
fn misfit(schema: Option<&Schema>, payload: &Value) -> Option<Refusal> {
    let words = match schema {
        None if *payload == Value::Null => return None,
        None => "it carries a payload, and takes none".to_owned(),
        Some(schema) => {
            let violations = schema.violations(payload);
            let violation = violations.first()?;
            let place = if violation.pointer.is_empty() { "the payload" } else { violation.pointer.as_str() };
            format!("{place}: {}", violation.detail)
        }
    };
    Some(Refusal::new(RefusalKind::PayloadInvalid, words))
}

/// The number of an update that has come.
fn numbered(state: &mut State) -> u64 {
    let number = state.updates;
    state.updates += 1;
    number
}

pub(super) fn update(turn: &mut Turn<'_>, name: &str, payload: Value, id: Option<String>) {
    let number = numbered(turn.state);
    if let Some(id) = &id
        && let Some((_, outcome)) = turn.state.update_ids.iter().find(|(known, _)| known.is(name, id))
    {
        let outcome = outcome.clone();
        turn.trace(&Path::RUN, What::Duplicate { event: format!("update {name}") });
        return give(turn, number, outcome);
    }
    if let Some(refusal) = refusal(turn.plan, turn.state, name, &payload, None) {
        return answer(turn, number, name, id, UpdateOutcome::Refused(refusal));
    }
    let Some(declared) = turn.plan.updates.get(name) else { return };
    let count = count(turn.state, format!("update.{name}"));
    let path = Path::RUN.with(Part::Update { name: name.to_owned(), number: count });
    let Some(handler) = declared.handler else {
        let returns = declared.returns.as_ref().map_or(Ok(Value::Null), |written| {
            let path = path.with(Part::Ends(Ends::Returns));
            let extra = [("payload", &payload)];
            turn.compute(u64::MAX, &path, &extra, |scope, world| written.evaluate(scope, world))
        });
        return update_ended(turn, number, name, id, returns.map_or_else(|exit| exit, Exit::Value));
    };
    let role = Role::Update { name: name.to_owned(), id, answer: number };
    turn.spawn(role, handler, path, BTreeMap::from([("payload".to_owned(), payload)]));
}

pub(super) fn update_ended(turn: &mut Turn<'_>, number: u64, name: &str, id: Option<String>, exit: Exit) {
    let kept = turn.keep(MAIN, &Path::RUN, carried::exit(&exit), || format!("the answer to `{name}`"));
    let (outcome, limit) = match kept.map_or_else(|over| over, |()| exit) {
        Exit::Value(value) => (UpdateOutcome::Returned(value), None),
        Exit::Error(error) => (UpdateOutcome::Failed(error.clone()), Some(error).filter(|error| !error.catchable())),
        _ => (UpdateOutcome::Failed(RunError::new(Own::Cancelled, "the update was cancelled", &Path::RUN)), None),
    };
    answer(turn, number, name, id, outcome);
    // The caller hears of a limit, and the run fails (R5).
    if let Some(limit) = limit {
        turn.fail_run(limit);
    }
}

/// Answers an update that had no effect.
pub(super) fn refuse(turn: &mut Turn<'_>, name: &str, refusal: Refusal) {
    let number = numbered(turn.state);
    answer(turn, number, name, None, UpdateOutcome::Refused(refusal));
}

fn answer(turn: &mut Turn<'_>, number: u64, name: &str, id: Option<String>, outcome: UpdateOutcome) {
    let (word, told) = match &outcome {
        UpdateOutcome::Returned(value) => ("returned", Shown::of(value)),
        UpdateOutcome::Refused(refusal) => ("refused", Shown::of(&Value::text(refusal.message.as_str()))),
        UpdateOutcome::Failed(error) => {
            ("failed", Shown::of(&Value::text(format!("{}: {}", error.kind, error.message))))
        }
    };
    turn.trace(&Path::RUN, What::Updated { update: name.to_owned(), outcome: word, told });
    if let Some(id) = id {
        let known = &mut turn.state.update_ids;
        remember(known, (MessageId::new(name, id), outcome.clone()));
        // Of outcomes so many bytes are kept; the last is kept in any case.
        let mut bytes: u64 = known.iter().map(|(_, outcome)| carried::outcome(outcome)).sum();
        while let Some((_, oldest)) = known.front().filter(|_| bytes > OUTCOMES && known.len() > 1) {
            bytes = bytes.saturating_sub(carried::outcome(oldest));
            known.pop_front();
        }
    }
    give(turn, number, outcome);
}

fn give(turn: &mut Turn<'_>, number: u64, outcome: UpdateOutcome) {
    turn.state.answers.insert(number, outcome.clone());
    turn.command(Command::Answer { update: number, outcome });
}

/// Why an update would be refused in this state, if it would (R13). One whose id was seen is not: it gets the outcome
/// again (R14). Changes nothing.
pub fn refusal(plan: &Plan, state: &State, name: &str, payload: &Value, id: Option<&str>) -> Option<Refusal> {
    if id.is_some_and(|id| state.update_ids.iter().any(|(known, _)| known.is(name, id))) {
        return None;
    }
    if state.end.is_some() {
        return Some(Refusal::run_ended());
    }
    let Some(declared) = plan.updates.get(name) else {
        let message = match plan.update_names().as_slice() {
            [] => "this run declares no updates".to_owned(),
            names => format!("there is no update `{name}`; this run takes {}", names.join(", ")),
        };
        return Some(Refusal::new(RefusalKind::Unknown, message));
    };
    if let Some(refusal) = misfit(declared.payload.as_ref(), payload) {
        return Some(refusal);
    }
    let check = declared.check.as_ref()?;
    let extra = [("payload", payload)];
    let words = match frozen(state, &extra, |scope, world| check.test(scope, world)) {
        Ok(true) => return None,
        Ok(false) => {
            let words = declared.otherwise.as_ref().map(|otherwise| {
                let words = frozen(state, &extra, |scope, world| otherwise.evaluate(scope, world));
                words.map_or_else(|_| "the reason could not be computed".to_owned(), |value| value.to_display())
            });
            words.unwrap_or_else(|| format!("`{}` does not hold", check.source()))
        }
        Err(_) => "whether it is allowed could not be computed".to_owned(),
    };
    Some(Refusal::new(RefusalKind::Check, words))
}

/// Answers an author's query on the state as it is (R15). Changes nothing. Errors: a name that is not declared, an
/// expression that fails.
pub fn query(plan: &Plan, state: &State, name: &str) -> Result<Value, Refusal> {
    let Some(written) = plan.queries.get(name) else {
        let message = match plan.query_names().as_slice() {
            [] => "this run answers no queries".to_owned(),
            names => format!("there is no query `{name}`; this run answers {}", names.join(", ")),
        };
        return Err(Refusal::new(RefusalKind::Unknown, message));
    };
    let places = Value::list(positions(plan, state).into_iter().map(|position| Value::text(position.path.to_string())));
    let run = run_fields(state).chain([("position", places)]);
    let answer = frozen(state, &[("run", &Value::map(run))], |scope, world| written.evaluate(scope, world))
        .map_err(|Failure { message, .. }| Refusal::new(RefusalKind::Expression, message))?;
    if answer.weight().bytes > PIECE || answer.is_deep() {
        let message = format!("the answer has more than {PIECE} bytes, or more than {DEPTH} levels");
        return Err(Refusal::new(RefusalKind::Expression, message));
    }
    Ok(answer)
}

/// Why a signal to the run itself would not be taken, if it would not.
pub(super) fn would_refuse(plan: &Plan, name: &str, payload: &Value) -> Option<Refusal> {
    match plan.signals.get(name) {
        None => Some(Refusal::new(RefusalKind::Unknown, format!("this process declares no signal `{name}`"))),
        Some(declared) => misfit(declared.payload.as_ref(), payload),
    }
}
