//! Control flow: conditions, ways and branches, loops.

use super::finding::{Change, Finder, Seen, short};
use super::matching::{Pair, Slot, acts, paired_slots, slots};
use super::model::Certainty;
use super::spelling::Spelling;
use super::steps::differ;
use crate::expression::Expression;
use crate::syntax::{Condition, Field, Step};

pub(super) fn find(finder: &mut Finder<'_>, pair: &Pair<'_>) {
    let (old, new) = (pair.old.step, pair.new.step);
    let when = |step: &'_ Step| step.fields.condition("when").cloned();
    condition(finder, pair, "when", when(old), when(new), "condition-changed");
    match (new.verb.name, &old.action, &new.action) {
        ("if", Field::Condition(before), Field::Condition(after)) => {
            condition(finder, pair, "if", Some(before.clone()), Some(after.clone()), "condition-changed");
        }
        ("while", Field::Condition(before), Field::Condition(after)) => {
            condition(finder, pair, "while", Some(before.clone()), Some(after.clone()), "loop-bound-changed");
        }
        ("wait", Field::Map(before), Field::Map(after)) => {
            for (key, id) in [("until", "condition-changed"), ("where", "signal-condition-changed")] {
                let of = |fields: &crate::syntax::Fields| fields.condition(key).cloned();
                condition(finder, pair, key, of(before), of(after), id);
            }
        }
        ("for", ..) => each(finder, pair),
        _ => {}
    }
    lists(finder, pair);
}

fn condition(
    finder: &mut Finder<'_>,
    pair: &Pair<'_>,
    key: &str,
    old: Option<Condition>,
    new: Option<Condition>,
    id: &'static str,
) {
    let before = old.as_ref().map(|c| Spelling::default().expression(&c.expression)).unwrap_or_default();
    let after = new.as_ref().map(|c| finder.spelling.expression(&c.expression)).unwrap_or_default();
    let label = pair.label();
    // As the authors wrote them; what counts is spelled without the blanks.
    let written = |c: &Option<Condition>| c.as_ref().map_or(String::new(), |c| short(c.expression.source()));
    let (was, is) = (written(&old), written(&new));
    let message = match (old.is_some(), new.is_some()) {
        (false, _) => format!("{label} now happens only if `{is}`"),
        (_, false) => format!("{label} now happens whether or not `{was}`"),
        _ => format!("the condition of {label} is `{is}` now, it was `{was}`"),
    };
    differ(finder, pair, id, key, &before, &after, message);
    let constant = |c: &Option<Condition>| c.as_ref().is_some_and(|c| c.expression.is_constant());
    if constant(&new) && !constant(&old) && id == "condition-changed" {
        let message = format!("the condition of {label} is the same in every run now: `{is}`");
        differ(finder, pair, "condition-now-constant", key, &before, &after, message);
    }
}

/// The items of a `for`, and how many run at once.
fn each(finder: &mut Finder<'_>, pair: &Pair<'_>) {
    let items = |step: &Step, spelling: &Spelling| step.fields.field("in").map_or(String::new(), |f| spelling.field(f));
    let (before, after) = (items(pair.old.step, &Spelling::default()), items(pair.new.step, &finder.spelling));
    let message = format!("{} is repeated for each of `{after}` now, it was `{before}`", pair.label());
    differ(finder, pair, "loop-bound-changed", "in", &before, &after, message);
    let limit = |step: &Step| step.fields.integer("parallel").unwrap_or(1).to_string();
    let (before, after) = (limit(pair.old.step), limit(pair.new.step));
    let message = format!("{} works on {after} at once now, it was {before}", pair.label());
    differ(finder, pair, "parallel-limit-changed", "parallel", &before, &after, message);
}

/// Lists that came, went, or changed places.
fn lists(finder: &mut Finder<'_>, pair: &Pair<'_>) {
    let spelling = finder.spelling.clone();
    let (old, new) = (slots(pair.old.step, &Spelling::default()), slots(pair.new.step, &spelling));
    let pairs = paired_slots(&old, &new, &spelling);
    for (one, other) in &pairs {
        match (one.and_then(|at| old.get(at)), other.and_then(|at| new.get(at))) {
            (Some(before), Some(after)) if before.kind == "way" && before.guard != after.guard => {
                let message = format!(
                    "a way of {} is taken if `{}` now, it was if `{}`",
                    pair.label(),
                    after.guard,
                    before.guard
                );
                say(finder, pair, "condition-changed", Some(before), Some(after), message);
                constant_way(finder, pair, (before, after), other.is_some_and(|at| at + 1 < new.len()));
            }
            (Some(before), Some(after)) if before.kind == "branch" && before.guard != after.guard => {
                let message =
                    format!("the branch `{}` of {} is now called `{}`", before.guard, pair.label(), after.guard);
                say(finder, pair, "step-renamed", Some(before), Some(after), message.clone());
                say(finder, pair, "value-changed", Some(before), Some(after), format!("{message}, also in its result"));
            }
            (Some(before), None) => gone(finder, pair, before),
            (None, Some(after)) => come(finder, pair, after),
            _ => {}
        }
    }
    let order: Vec<usize> = pairs.iter().filter_map(|(one, other)| one.and(*other)).collect();
    let ordered = ["way", "branch", "catch"];
    let kinds = |at: &usize| new.get(*at).is_some_and(|slot| ordered.contains(&slot.kind));
    let order: Vec<usize> = order.into_iter().filter(kinds).collect();
    if !order.is_sorted() {
        let names = |slots: &[Slot<'_>]| {
            slots
                .iter()
                .filter(|s| ordered.contains(&s.kind))
                .map(|s| s.guard.trim().to_owned())
                .collect::<Vec<_>>()
                .join(", ")
        };
        let message = format!("the order in {} is another: {}", pair.label(), names(&new));
        finder.find(pair.change("branches-reordered", "", &names(&old), &names(&new), message));
    }
}

/// A way that is now always taken, and those below it that never are.
fn constant_way(finder: &mut Finder<'_>, pair: &Pair<'_>, (before, after): (&Slot<'_>, &Slot<'_>), more: bool) {
    let constant = |guard: &str| Expression::parse(guard).is_ok_and(|e| e.is_constant());
    if constant(&before.guard) || !constant(&after.guard) {
        return;
    }
    let message = format!("the condition of a way of {} is the same in every run now: `{}`", pair.label(), after.guard);
    say(finder, pair, "condition-now-constant", Some(before), Some(after), message);
    if more && after.guard == "true" {
        let message = format!("the ways of {} below `{}` are never taken now", pair.label(), after.guard);
        say(finder, pair, "branch-unreachable", Some(before), Some(after), message);
    }
}

fn gone(finder: &mut Finder<'_>, pair: &Pair<'_>, slot: &Slot<'_>) {
    let label = pair.label();
    let (id, message) = match slot.kind {
        "way" => ("branch-removed", format!("{label} has no way for `{}` any more", slot.guard)),
        "else" => ("else-removed", format!("{label} does nothing any more where its condition does not hold")),
        "branch" => ("parallel-branch-removed", format!("the branch `{}` of {label} is gone", slot.guard)),
        "catch" => ("catch-removed", format!("{label} does not catch {} any more", caught(&slot.guard))),
        "finally" => {
            ("cancel-handling-removed", format!("{label} does not clean up any more when it fails or is cancelled"))
        }
        "on-timeout" => (
            "timeout-target-changed",
            format!("{label} fails with `timeout` when its time is up, it had steps for that"),
        ),
        _ => return,
    };
    say(finder, pair, id, Some(slot), None, message);
}

fn come(finder: &mut Finder<'_>, pair: &Pair<'_>, slot: &Slot<'_>) {
    let label = pair.label();
    let (id, message) = match slot.kind {
        "way" => ("branch-added-above", format!("{label} has a new way, taken if `{}`", slot.guard)),
        "else" => ("else-added", format!("{label} now does something where its condition does not hold")),
        "branch" => ("parallel-branch-added", format!("the branch `{}` of {label} is new", slot.guard)),
        "catch" => ("catch-widened", format!("{label} now catches {}", caught(&slot.guard))),
        "finally" => ("cancel-handling-added", format!("{label} now cleans up when it ends, fails or is cancelled")),
        "on-timeout" => {
            ("timeout-target-changed", format!("{label} has steps for when its time is up, it failed with `timeout`"))
        }
        _ => return,
    };
    say(finder, pair, id, None, Some(slot), message);
}

fn caught(guard: &str) -> String {
    match guard.trim() {
        "" => "every error".to_owned(),
        some => format!("`{some}`"),
    }
}

/// A change of one list inside the step.
fn say(
    finder: &mut Finder<'_>,
    pair: &Pair<'_>,
    id: &'static str,
    old: Option<&Slot<'_>>,
    new: Option<&Slot<'_>>,
    message: String,
) {
    let value = |slot: Option<&Slot<'_>>, spelling: &Spelling| {
        slot.map_or(String::new(), |s| format!("{} {}", s.guard, spelling.steps(s.steps)))
    };
    let (before, after) = (value(old, &Spelling::default()), value(new, &finder.spelling));
    let change = pair.change(id, "", &before, &after, message);
    let kind = old.or(new).map_or("", |slot| slot.kind);
    let span = |slot: Option<&Slot<'_>>, seen: Seen| match slot.and_then(|slot| slot.steps.first()) {
        Some(first) => Seen { span: Some(first.span), ..seen },
        None => seen,
    };
    // A list that calls nobody breaks no promise to those who are called; an error that is not caught is felt anyway.
    let acts = old.into_iter().chain(new).flat_map(|slot| slot.steps).any(acts);
    finder.find(Change {
        certainty: Certainty::of(acts || kind == "catch"),
        subject: format!("{} {kind}", change.subject),
        old: span(old, change.old.clone()),
        new: span(new, change.new.clone()),
        ..change
    });
}
