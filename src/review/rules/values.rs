//! Values: what names are set to, what is returned and collected, and what a run begins with.

use std::collections::BTreeSet;

use super::finder::{Change, Finder, Seen};
use super::pairs::differ;
use crate::review::matching::{Both, Pair};
use crate::review::side::{Spelling, quoted};
use crate::review::verdict::FindingId;
use crate::syntax::verbs::{Fail, For};
use crate::syntax::{Assignment, Step, Written};

pub fn find(finder: &mut Finder<'_>, pair: &Pair<'_>) {
    match Both::of(pair) {
        Some(Both::Set(old, new)) => set(finder, pair, old.assignments.items(), new.assignments.items()),
        Some(Both::Return(old, new)) => {
            let (before, after) = spelled(finder, (old.value.get(), new.value.get()));
            let message = format!("the run returns {} now, it was {}", quoted(&after), quoted(&before));
            differ(finder, pair, FindingId::ValueChanged, "", (&before, &after), message);
        }
        Some(Both::Log(old, new)) => {
            let (before, after) = spelled(finder, (old.text.get(), new.text.get()));
            let message = format!("the journal says {} now", quoted(&after));
            differ(finder, pair, FindingId::LogChanged, "", (&before, &after), message);
        }
        Some(Both::Fail(old, new)) => fail(finder, pair, old, new),
        Some(Both::For(old, new)) => collected(finder, pair, old, new),
        Some(
            Both::Http(..)
            | Both::Activity(..)
            | Both::Wait(..)
            | Both::If(..)
            | Both::Switch
            | Both::While(..)
            | Both::Parallel
            | Both::Race
            | Both::Try(..)
            | Both::Do
            | Both::Send(..)
            | Both::Break
            | Both::Continue,
        )
        | None => {}
    }
    saved(finder, pair);
}

fn spelled(finder: &Finder<'_>, (old, new): (Option<&Written>, Option<&Written>)) -> (String, String) {
    (Spelling::default().maybe(old), finder.spelling.maybe(new))
}

fn set(finder: &mut Finder<'_>, pair: &Pair<'_>, before: &[Assignment], after: &[Assignment]) {
    for (name, old, new) in assigned(before, after, &finder.spelling.clone()) {
        let message = match (old.span, new.span) {
            (Some(_), Some(_)) => {
                format!("`{name}` is set to {} now, it was {}", quoted(&new.value), quoted(&old.value))
            }
            (None, _) => format!("`{name}` is set here now, to {}", quoted(&new.value)),
            (_, None) => format!("`{name}` is not set here any more"),
        };
        let subject = format!("{}.{name}", pair.new.subject());
        finder.find(Change { subject, message, old, new, ..pair.blank(FindingId::ValueChanged) });
    }
}

fn fail(finder: &mut Finder<'_>, pair: &Pair<'_>, old: &Fail, new: &Fail) {
    let (Some(before), Some(after)) = (old.failure.get(), new.failure.get()) else { return };
    let (one, other) = (before.error.text().unwrap_or_default(), after.error.text().unwrap_or_default());
    let message = format!("the run fails with `{other}` now, it was `{one}`");
    differ(finder, pair, FindingId::ErrorTypeRenamed, "error", (one, other), message);
    for (key, old, new) in [("message", &before.message, &after.message), ("details", &before.details, &after.details)]
    {
        let (one, other) = spelled(finder, (old.get(), new.get()));
        let message = format!("the {key} of the error is {} now, it was {}", quoted(&other), quoted(&one));
        differ(finder, pair, FindingId::ValueChanged, key, (&one, &other), message);
    }
}

fn collected(finder: &mut Finder<'_>, pair: &Pair<'_>, old: &For, new: &For) {
    let (before, after) = spelled(finder, (old.collect.get(), new.collect.get()));
    let message = format!("an item of {} gives {} now, it was {}", pair.label(), quoted(&after), quoted(&before));
    differ(finder, pair, FindingId::ValueChanged, "collect", (&before, &after), message);
}

/// The name of a result, where somebody reads it.
fn saved(finder: &mut Finder<'_>, pair: &Pair<'_>) {
    let name = |step: &Step, read: &BTreeSet<String>| {
        step.common.save.text().filter(|name| read.contains(*name)).unwrap_or_default().to_owned()
    };
    let before = name(pair.old.step, &finder.old_reads);
    let after = name(pair.new.step, &finder.new_reads);
    let spelled = finder.spelling.name(&after);
    let message = match (before.as_str(), after.as_str()) {
        (_, "") => format!("the result of {} is not kept as `{before}` any more", pair.label()),
        ("", _) => format!("the result of {} is kept as `{after}` now", pair.label()),
        _ => format!("the result of {} is kept as `{after}` now, it was `{before}`", pair.label()),
    };
    differ(finder, pair, FindingId::ValueChanged, "save", (&before, &spelled), message);
}

/// Names whose value is another, by the name of the new version.
fn assigned(old: &[Assignment], new: &[Assignment], spelling: &Spelling) -> Vec<(String, Seen, Seen)> {
    let value = |list: &[Assignment], name: &str, spelling: &Spelling| {
        let found = list.iter().find(|a| spelling.name(&a.name) == name);
        found.map_or_else(Seen::nowhere, |a| Seen::at(a.span, spelling.written(&a.value)))
    };
    let names: BTreeSet<String> =
        old.iter().map(|a| a.name.clone()).chain(new.iter().map(|a| spelling.name(&a.name))).collect();
    let both = names.into_iter().map(|name| {
        let (before, after) = (value(old, &name, &Spelling::default()), value(new, &name, spelling));
        (name, before, after)
    });
    both.filter(|(_, before, after)| before.value != after.value || before.span.is_none() != after.span.is_none())
        .collect()
}

/// The first values of the variables.
pub fn variables(finder: &mut Finder<'_>) {
    let (old, new) = (&finder.old.document.header, &finder.new.document.header);
    for (name, old, new) in assigned(old.vars.items(), new.vars.items(), &finder.spelling.clone()) {
        let message = match (old.span, new.span) {
            (None, _) => format!("`{name}` begins as {} now, and is new", quoted(&new.value)),
            (_, None) => format!("`{name}` has no first value any more"),
            _ => format!("`{name}` begins as {} now, it was {}", quoted(&new.value), quoted(&old.value)),
        };
        finder.find(Change {
            subject: format!("vars.{name}"),
            message,
            old,
            new,
            ..Change::of(FindingId::ValueChanged)
        });
    }
}
