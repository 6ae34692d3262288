//! Failure: how often a call is tried, which errors are caught, and what an error does to the whole.

use std::collections::BTreeSet;

use super::finder::{Change, Finder, Seen};
use super::pairs::differ;
use crate::diagnostic::Span;
use crate::plan::{Plan, Retry};
use crate::review::matching::{Both, Pair, paired_slots};
use crate::review::side::{Call, Slot, Spelling, slots};
use crate::review::verdict::{Certainty, FindingId};
use crate::syntax::verbs::{Catch, Try};
use crate::syntax::{OnError, Parts, Role, Step};

pub fn find(finder: &mut Finder<'_>, pair: &Pair<'_>) {
    retry(finder, pair);
    passed_over(finder, pair);
    if let Some(Both::Try(old, new)) = Both::of(pair) {
        catches(finder, pair, (old, new));
    }
}

fn retry_of(plan: &Plan, step: &Step) -> Option<Retry> {
    plan.step(step.number).and_then(Call::of)?.retry().cloned()
}

/// Whether an error is named before and not after.
fn loses(before: &[String], after: &[String]) -> bool {
    before.iter().any(|one| !after.contains(one))
}

fn retry(finder: &mut Finder<'_>, pair: &Pair<'_>) {
    let (Some(before), Some(after)) =
        (retry_of(&finder.old.plan, pair.old.step), retry_of(&finder.new.plan, pair.new.step))
    else {
        return;
    };
    if before == after {
        return;
    }
    let label = pair.label();
    let often = |retry: &Retry| retry.attempts.unwrap_or(u32::MAX);
    // With a number of attempts given, the total follows from it, the pauses and the timeout.
    let counted = before.attempts.is_some() || after.attempts.is_some();
    let total = |retry: &Retry| if counted { 0 } else { retry.total.millis() };
    let on = |retry: &Retry| retry.on.clone().unwrap_or_default();
    let (weaker_on, stronger_on) = match (&before.on, &after.on) {
        (None, None) => (false, false),
        (None, Some(_)) => (true, false),
        (Some(_), None) => (false, true),
        _ => (loses(&on(&before), &on(&after)), loses(&on(&after), &on(&before))),
    };
    let weaker = often(&after) < often(&before)
        || total(&after) < total(&before)
        || weaker_on
        || loses(&after.unless, &before.unless);
    let stronger = often(&after) > often(&before)
        || total(&after) > total(&before)
        || stronger_on
        || loses(&before.unless, &after.unless);
    let pace = |retry: &Retry| (retry.first, retry.factor, retry.longest);
    let (id, words) = if after.attempts == Some(1) && before.attempts != Some(1) {
        (FindingId::RetryRemoved, "is not tried again any more")
    } else if weaker {
        (FindingId::RetryWeakened, "is tried again less")
    } else if stronger {
        (FindingId::RetryStrengthened, "is tried again more")
    } else if pace(&after) > pace(&before) {
        (FindingId::RetryWeakened, "is tried again more slowly")
    } else if pace(&after) < pace(&before) {
        (FindingId::RetryStrengthened, "is tried again faster")
    } else {
        return; // only the total differs, which follows from a timeout that is said elsewhere
    };
    let (one, other) = (shown(&before), shown(&after));
    let mut change = pair.change(id, "retry", &one, &other, format!("{label} {words}: {other}; it was {one}"));
    // Where errors are passed over, a failure ends nothing.
    change.certainty = Certainty::of(pair.new.step.on_error() == OnError::Fail);
    finder.find(change);
}

fn shown(retry: &Retry) -> String {
    let mut parts = vec![match retry.attempts {
        Some(1) => "one attempt".to_owned(),
        Some(n) => format!("{n} attempts"),
        None => format!("for {}", retry.total),
    }];
    parts.push(format!("pauses from {} by {} to {}", retry.first, retry.factor.normalize(), retry.longest));
    if let Some(on) = &retry.on {
        parts.push(format!("only on {}", on.join(", ")));
    }
    if !retry.unless.is_empty() {
        parts.push(format!("unless {}", retry.unless.join(", ")));
    }
    parts.join(", ")
}

/// `on-error`: what an error of the step, of a branch or of an item does.
fn passed_over(finder: &mut Finder<'_>, pair: &Pair<'_>) {
    let (old, new) = (pair.old.step.on_error(), pair.new.step.on_error());
    let (before, after) = (old.word(), new.word());
    let label = pair.label();
    let (id, message) = match (old, new) {
        (_, OnError::Fail) => (FindingId::CatchRemoved, format!("an error in {label} is not passed over any more")),
        (OnError::Fail, _) => (FindingId::CatchWidened, format!("an error in {label} is passed over now: `{after}`")),
        (OnError::Skip | OnError::Report, OnError::Skip | OnError::Report) => {
            (FindingId::StepResultChanged, format!("an error in {label} is met with `{after}` now, it was `{before}`"))
        }
    };
    differ(finder, pair, id, "on-error", (before, after), message);
}

/// The catches that stayed, with other errors or another condition.
fn catches(finder: &mut Finder<'_>, pair: &Pair<'_>, (old, new): (&Try, &Try)) {
    let spelling = finder.spelling.clone();
    let (olds, news) = (slots(pair.old.step, &Spelling::default()), slots(pair.new.step, &spelling));
    for (one, other) in paired_slots(&olds, &news, &spelling) {
        let (Some(before), Some(after)) = (one.and_then(|at| olds.get(at)), other.and_then(|at| news.get(at))) else {
            continue;
        };
        if before.guard != after.guard
            && let (Some(before), Some(after)) = (catch(old, before), catch(new, after))
        {
            caught(finder, pair, before, after);
        }
    }
}

/// The catch whose steps these are.
fn catch<'a>(shield: &'a Try, slot: &Slot<'_>) -> Option<&'a Catch> {
    match slot.role {
        Role::Catch(at) => shield.catches.items().get(at).map(|catch| &catch.keys),
        Role::Then
        | Role::Else
        | Role::Way(_)
        | Role::Do
        | Role::Try
        | Role::Finally
        | Role::Branch(_)
        | Role::OnTimeout => None,
    }
}

fn caught(finder: &mut Finder<'_>, pair: &Pair<'_>, old: &Catch, new: &Catch) {
    let errors = |catch: &Catch| -> Option<BTreeSet<String>> {
        catch.errors.get().map(|texts| texts.iter().map(|(text, _)| text.clone()).collect())
    };
    let named = |errors: &Option<BTreeSet<String>>| match errors {
        None => "every error".to_owned(),
        Some(errors) => errors.iter().map(|e| format!("`{e}`")).collect::<Vec<_>>().join(", "),
    };
    let span = |catch: &Catch, key: &str| -> Option<Span> {
        catch.part(key).map(|seen| seen.key_span).or(catch.body.key_span())
    };
    let mut say = |id: FindingId, key: &str, before: String, after: String, message: String| {
        let subject = format!("{} catch.{key}", pair.new.subject());
        let (old, new) = (Seen { span: span(old, key), value: before }, Seen { span: span(new, key), value: after });
        finder.find(Change { subject, message, old, new, ..pair.blank(id) });
    };
    let (before, after) = (errors(old), errors(new));
    let narrower = match (&before, &after) {
        (None, Some(_)) => true,
        (Some(before), Some(after)) => before.iter().any(|e| !after.contains(e)),
        _ => false,
    };
    let wider = match (&before, &after) {
        (Some(_), None) => true,
        (Some(before), Some(after)) => after.iter().any(|e| !before.contains(e)),
        _ => false,
    };
    let message = format!("{} catches {} now, it was {}", pair.label(), named(&after), named(&before));
    if narrower {
        say(FindingId::CatchNarrowed, "error", named(&before), named(&after), message.clone());
    }
    if wider {
        say(FindingId::CatchWidened, "error", named(&before), named(&after), message);
    }
    let when = |catch: &Catch, spelling: &Spelling| {
        catch.when.get().map(|when| spelling.expression(&when.expression)).unwrap_or_default()
    };
    let spelling = Spelling::default();
    let (before, after) = (when(old, &spelling), when(new, &spelling));
    if before != after {
        let message = format!("{} catches only if `{after}` now, it was `{before}`", pair.label());
        say(FindingId::ConditionChanged, "when", before, after, message);
    }
}
