//! Control flow: conditions, ways and branches, loops.

use super::finder::{Change, Finder, Seen};
use super::pairs::differ;
use crate::expression::Expression;
use crate::review::matching::{Both, Pair, paired_slots};
use crate::review::side::{Slot, Spelling, acts, short, slots};
use crate::review::verdict::{Certainty, FindingId};
use crate::syntax::verbs::{For, Wait};
use crate::syntax::{Condition, Part, Parts, Role};

pub fn find(finder: &mut Finder<'_>, pair: &Pair<'_>) {
    let (old, new) = (&pair.old.step.common, &pair.new.step.common);
    condition(finder, pair, "when", (&old.when, &new.when), FindingId::ConditionChanged);
    match Both::of(pair) {
        Some(Both::If(old, new)) => {
            condition(finder, pair, "if", (&old.condition, &new.condition), FindingId::ConditionChanged);
        }
        Some(Both::While(old, new)) => {
            condition(finder, pair, "while", (&old.condition, &new.condition), FindingId::LoopBoundChanged);
        }
        Some(Both::Wait(old, new)) => awaited(finder, pair, old, new),
        Some(Both::For(old, new)) => each(finder, pair, old, new),
        Some(
            Both::Set(..)
            | Both::Http(..)
            | Both::Activity(..)
            | Both::Switch
            | Both::Parallel
            | Both::Race
            | Both::Try(..)
            | Both::Do
            | Both::Send(..)
            | Both::Return(..)
            | Both::Fail(..)
            | Both::Break
            | Both::Continue
            | Both::Log(..),
        )
        | None => {}
    }
    lists(finder, pair);
}

fn awaited(finder: &mut Finder<'_>, pair: &Pair<'_>, old: &Wait, new: &Wait) {
    if let (Some(old), Some(new)) = (old.awaited(), new.awaited()) {
        condition(finder, pair, "until", (&old.until, &new.until), FindingId::ConditionChanged);
        condition(finder, pair, "where", (&old.filter, &new.filter), FindingId::SignalConditionChanged);
    }
}

fn condition(
    finder: &mut Finder<'_>,
    pair: &Pair<'_>,
    key: &str,
    (old, new): (&Part<Condition>, &Part<Condition>),
    id: FindingId,
) {
    let (old, new) = (old.get(), new.get());
    let before = old.map(|c| Spelling::default().expression(&c.expression)).unwrap_or_default();
    let after = new.map(|c| finder.spelling.expression(&c.expression)).unwrap_or_default();
    let label = pair.label();
    // As the authors wrote them; what counts is spelled without the blanks.
    let written = |c: Option<&Condition>| c.map_or(String::new(), |c| short(c.expression.source()));
    let (was, is) = (written(old), written(new));
    let message = match (old.is_some(), new.is_some()) {
        (false, _) => format!("{label} now happens only if `{is}`"),
        (_, false) => format!("{label} now happens whether or not `{was}`"),
        _ => format!("the condition of {label} is `{is}` now, it was `{was}`"),
    };
    differ(finder, pair, id, key, (&before, &after), message);
    let constant = |c: Option<&Condition>| c.is_some_and(|c| c.expression.is_constant());
    if constant(new) && !constant(old) && id == FindingId::ConditionChanged {
        let message = format!("the condition of {label} is the same in every run now: `{is}`");
        differ(finder, pair, FindingId::ConditionNowConstant, key, (&before, &after), message);
    }
}

/// The items of a `for`, and how many run at once.
fn each(finder: &mut Finder<'_>, pair: &Pair<'_>, old: &For, new: &For) {
    let items = |each: &For, spelling: &Spelling| {
        let items = each.part("in").and_then(|seen| seen.any);
        items.map_or(String::new(), |items| spelling.any(items))
    };
    let (before, after) = (items(old, &Spelling::default()), items(new, &finder.spelling));
    let message = format!("{} is repeated for each of `{after}` now, it was `{before}`", pair.label());
    differ(finder, pair, FindingId::LoopBoundChanged, "in", (&before, &after), message);
    let (before, after) = (old.at_once().to_string(), new.at_once().to_string());
    let message = format!("{} works on {after} at once now, it was {before}", pair.label());
    differ(finder, pair, FindingId::ParallelLimitChanged, "parallel", (&before, &after), message);
}

/// Lists that came, went, or changed places.
fn lists(finder: &mut Finder<'_>, pair: &Pair<'_>) {
    let spelling = finder.spelling.clone();
    let (old, new) = (slots(pair.old.step, &Spelling::default()), slots(pair.new.step, &spelling));
    let pairs = paired_slots(&old, &new, &spelling);
    for (one, other) in &pairs {
        let last = other.is_none_or(|at| at + 1 >= new.len());
        match (one.and_then(|at| old.get(at)), other.and_then(|at| new.get(at))) {
            (Some(before), Some(after)) if before.guard != after.guard => guarded(finder, pair, (before, after), last),
            (Some(before), None) => gone(finder, pair, before),
            (None, Some(after)) => come(finder, pair, after),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
    let order: Vec<usize> = pairs.iter().filter_map(|(one, other)| one.and(*other)).collect();
    let kinds = |at: &usize| new.get(*at).is_some_and(Slot::is_ordered);
    let order: Vec<usize> = order.into_iter().filter(kinds).collect();
    if !order.is_sorted() {
        let names = |slots: &[Slot<'_>]| {
            let ordered = slots.iter().filter(|slot| slot.is_ordered());
            ordered.map(|slot| slot.guard.trim().to_owned()).collect::<Vec<_>>().join(", ")
        };
        let message = format!("the order in {} is another: {}", pair.label(), names(&new));
        finder.find(pair.change(FindingId::BranchesReordered, "", &names(&old), &names(&new), message));
    }
}

/// A list that stayed, and runs for another reason or under another name.
fn guarded(finder: &mut Finder<'_>, pair: &Pair<'_>, (before, after): (&Slot<'_>, &Slot<'_>), last: bool) {
    match after.role {
        Role::Way(_) => {
            let label = pair.label();
            let message = format!("a way of {label} is taken if `{}` now, it was if `{}`", after.guard, before.guard);
            say(finder, pair, FindingId::ConditionChanged, Some(before), Some(after), message);
            constant_way(finder, pair, (before, after), last);
        }
        Role::Branch(_) => {
            let message = format!("the branch `{}` of {} is now called `{}`", before.guard, pair.label(), after.guard);
            say(finder, pair, FindingId::StepRenamed, Some(before), Some(after), message.clone());
            let message = format!("{message}, also in its result");
            say(finder, pair, FindingId::ValueChanged, Some(before), Some(after), message);
        }
        // What a catch takes is a matter of failure.
        Role::Catch(_) | Role::Then | Role::Else | Role::Do | Role::Try | Role::Finally | Role::OnTimeout => {}
    }
}

/// A way that is now always taken, and those below it that never are.
fn constant_way(finder: &mut Finder<'_>, pair: &Pair<'_>, (before, after): (&Slot<'_>, &Slot<'_>), last: bool) {
    let constant = |guard: &str| Expression::parse(guard).is_ok_and(|e| e.is_constant());
    if constant(&before.guard) || !constant(&after.guard) {
        return;
    }
    let message = format!("the condition of a way of {} is the same in every run now: `{}`", pair.label(), after.guard);
    say(finder, pair, FindingId::ConditionNowConstant, Some(before), Some(after), message);
    if !last && after.guard == "true" {
        let message = format!("the ways of {} below `{}` are never taken now", pair.label(), after.guard);
        say(finder, pair, FindingId::BranchUnreachable, Some(before), Some(after), message);
    }
}

fn gone(finder: &mut Finder<'_>, pair: &Pair<'_>, slot: &Slot<'_>) {
    let label = pair.label();
    let (id, message) = match slot.role {
        Role::Way(_) => (FindingId::BranchRemoved, format!("{label} has no way for `{}` any more", slot.guard)),
        Role::Else => {
            (FindingId::ElseRemoved, format!("{label} does nothing any more where its condition does not hold"))
        }
        Role::Branch(name) => (FindingId::ParallelBranchRemoved, format!("the branch `{name}` of {label} is gone")),
        Role::Catch(_) => (FindingId::CatchRemoved, format!("{label} does not catch {} any more", caught(&slot.guard))),
        Role::Finally => (
            FindingId::CancelHandlingRemoved,
            format!("{label} does not clean up any more when it fails or is cancelled"),
        ),
        Role::OnTimeout => (
            FindingId::TimeoutTargetChanged,
            format!("{label} fails with `timeout` when its time is up, it had steps for that"),
        ),
        // Without it there is no such step.
        Role::Then | Role::Do | Role::Try => return,
    };
    say(finder, pair, id, Some(slot), None, message);
}

fn come(finder: &mut Finder<'_>, pair: &Pair<'_>, slot: &Slot<'_>) {
    let label = pair.label();
    let (id, message) = match slot.role {
        Role::Way(_) => (FindingId::BranchAddedAbove, format!("{label} has a new way, taken if `{}`", slot.guard)),
        Role::Else => (FindingId::ElseAdded, format!("{label} now does something where its condition does not hold")),
        Role::Branch(name) => (FindingId::ParallelBranchAdded, format!("the branch `{name}` of {label} is new")),
        Role::Catch(_) => (FindingId::CatchWidened, format!("{label} now catches {}", caught(&slot.guard))),
        Role::Finally => {
            (FindingId::CancelHandlingAdded, format!("{label} now cleans up when it ends, fails or is cancelled"))
        }
        Role::OnTimeout => (
            FindingId::TimeoutTargetChanged,
            format!("{label} has steps for when its time is up, it failed with `timeout`"),
        ),
        // Without it there is no such step.
        Role::Then | Role::Do | Role::Try => return,
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
    id: FindingId,
    old: Option<&Slot<'_>>,
    new: Option<&Slot<'_>>,
    message: String,
) {
    let value = |slot: Option<&Slot<'_>>, spelling: &Spelling| {
        slot.map_or(String::new(), |s| format!("{} {}", s.guard, spelling.steps(s.steps)))
    };
    let (before, after) = (value(old, &Spelling::default()), value(new, &finder.spelling));
    let change = pair.change(id, "", &before, &after, message);
    let kind = old.or(new).map_or("", Slot::word);
    let catches = old.or(new).is_some_and(|slot| matches!(slot.role, Role::Catch(_)));
    let span = |slot: Option<&Slot<'_>>, seen: Seen| match slot.and_then(|slot| slot.steps.first()) {
        Some(first) => Seen { span: Some(first.span), ..seen },
        None => seen,
    };
    // A list that calls nobody breaks no promise to those who are called; an error that is not caught is felt anyway.
    let acts = old.into_iter().chain(new).flat_map(|slot| slot.steps).any(acts);
    finder.find(Change {
        certainty: Certainty::of(acts || catches),
        subject: format!("{} {kind}", change.subject),
        old: span(old, change.old.clone()),
        new: span(new, change.new.clone()),
        ..change
    });
}
