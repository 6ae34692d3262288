//! Failure: how often a call is tried, which errors are caught, and what an error does to the whole.

use std::collections::BTreeSet;

use super::calls::proven;
use super::finding::{Change, Finder, Seen};
use super::matching::{Pair, paired_slots, slots};
use super::model::Certainty;
use super::spelling::Spelling;
use super::steps::differ;
use crate::plan::{Action, Plan, Retry};
use crate::syntax::{Field, Fields, Step};

pub(super) fn find(finder: &mut Finder<'_>, pair: &Pair<'_>) {
    retry(finder, pair);
    passed_over(finder, pair);
    catches(finder, pair);
}

fn retry_of(plan: &Plan, step: &Step) -> Option<Retry> {
    match proven(plan, step).map(|s| &s.action)? {
        Action::Http(http) => Some(http.retry.clone()),
        Action::Activity(activity) => Some(activity.retry.clone()),
        _ => None,
    }
}

/// Whether an error is named before and not after.
fn loses(before: &[String], after: &[String]) -> bool {
    before.iter().any(|one| !after.contains(one))
}

fn retry(finder: &mut Finder<'_>, pair: &Pair<'_>) {
    let of = |plan: &Plan, step| retry_of(plan, step);
    let (Some(before), Some(after)) = (of(&finder.old.plan, pair.old.step), of(&finder.new.plan, pair.new.step)) else {
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
        ("retry-removed", "is not tried again any more")
    } else if weaker {
        ("retry-weakened", "is tried again less")
    } else if stronger {
        ("retry-strengthened", "is tried again more")
    } else if pace(&after) > pace(&before) {
        ("retry-weakened", "is tried again more slowly")
    } else if pace(&after) < pace(&before) {
        ("retry-strengthened", "is tried again faster")
    } else {
        return; // only the total differs, which follows from a timeout that is said elsewhere
    };
    let (one, other) = (shown(&before), shown(&after));
    let mut change = pair.change(id, "retry", &one, &other, format!("{label} {words}: {other}; it was {one}"));
    // Where errors are passed over, a failure ends nothing.
    change.certainty = Certainty::of(matches!(pair.new.step.fields.text("on-error"), None | Some("fail")));
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
    let of = |step: &Step| step.fields.text("on-error").unwrap_or("fail").to_owned();
    let (before, after) = (of(pair.old.step), of(pair.new.step));
    let label = pair.label();
    let (id, message) = match (before.as_str(), after.as_str()) {
        (_, "fail") => ("catch-removed", format!("an error in {label} is not passed over any more")),
        ("fail", _) => ("catch-widened", format!("an error in {label} is passed over now: `{after}`")),
        _ => ("step-result-changed", format!("an error in {label} is met with `{after}` now, it was `{before}`")),
    };
    differ(finder, pair, id, "on-error", &before, &after, message);
}

/// The catches that stayed, with other errors or another condition.
fn catches(finder: &mut Finder<'_>, pair: &Pair<'_>) {
    let spelling = finder.spelling.clone();
    let (old, new) = (slots(pair.old.step, &Spelling::default()), slots(pair.new.step, &spelling));
    let fields = |step: &'_ Step, body: *const Step| -> Option<Fields> {
        let Some(Field::List(items)) = step.fields.field("catch") else { return None };
        let same = |f: &&(Fields, _)| f.0.steps("do").is_some_and(|steps| steps.as_ptr() == body);
        items.iter().find(same).map(|(fields, _)| fields.clone())
    };
    for (one, other) in paired_slots(&old, &new, &spelling) {
        let (Some(before), Some(after)) = (one.and_then(|at| old.get(at)), other.and_then(|at| new.get(at))) else {
            continue;
        };
        if before.kind != "catch" || before.guard == after.guard {
            continue;
        }
        let (Some(before), Some(after)) =
            (fields(pair.old.step, before.steps.as_ptr()), fields(pair.new.step, after.steps.as_ptr()))
        else {
            continue;
        };
        caught(finder, pair, &before, &after);
    }
}

fn caught(finder: &mut Finder<'_>, pair: &Pair<'_>, old: &Fields, new: &Fields) {
    let errors = |fields: &Fields| -> Option<BTreeSet<String>> {
        fields.texts("error").map(|texts| texts.iter().map(|(text, _)| text.clone()).collect())
    };
    let named = |errors: &Option<BTreeSet<String>>| match errors {
        None => "every error".to_owned(),
        Some(errors) => errors.iter().map(|e| format!("`{e}`")).collect::<Vec<_>>().join(", "),
    };
    let span = |fields: &Fields, key: &str| fields.entry(key).or(fields.entry("do")).map(|e| e.key_span);
    let mut say = |id: &'static str, key: &str, before: String, after: String, message: String| {
        let subject = format!("{} catch.{key}", pair.new.subject());
        let (old, new) = (Seen { span: span(old, key), value: before }, Seen { span: span(new, key), value: after });
        finder.find(Change { id, subject, message, old, new, ..pair.blank() });
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
        say("catch-narrowed", "error", named(&before), named(&after), message.clone());
    }
    if wider {
        say("catch-widened", "error", named(&before), named(&after), message);
    }
    let when =
        |fields: &Fields, spelling: &Spelling| fields.condition("when").map(|c| spelling.expression(&c.expression));
    let spelling = Spelling::default();
    let (before, after) = (when(old, &spelling).unwrap_or_default(), when(new, &spelling).unwrap_or_default());
    if before != after {
        let message = format!("{} catches only if `{after}` now, it was `{before}`", pair.label());
        say("condition-changed", "when", before, after, message);
    }
}
