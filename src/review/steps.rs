//! Steps: what came, went, moved, and what of a step that stayed is another now. What is special to a subject is in the
//! file of its name.

use std::collections::BTreeSet;

use super::contract::quoted;
use super::finding::{Change, Finder, Seen};
use super::matching::{At, Matched, Moved, Pair, acts, label};
use super::model::Certainty;
use super::spelling::{Spelling, id_of};
use super::{calls, control, failure, time, whole};
use crate::diagnostic::Span;
use crate::syntax::{Assignment, Field, Step};

pub(super) fn find(finder: &mut Finder<'_>, matched: &Matched<'_>) {
    variables(finder);
    for pair in &matched.pairs {
        placed(finder, pair);
        if pair.old.step.verb.name != pair.new.step.verb.name {
            another_verb(finder, pair);
            continue;
        }
        if calls::unrelated(&finder.spelling, pair) {
            calls::reused(finder, pair);
            continue;
        }
        control::find(finder, pair);
        time::find(finder, pair);
        failure::find(finder, pair);
        calls::find(finder, pair);
        values(finder, pair);
        words(finder, pair);
    }
    for (left, gone) in matched.removed.iter().map(|at| (at, true)).chain(matched.added.iter().map(|at| (at, false))) {
        let inside = |pair: &&Pair<'_>| {
            let around = if gone { &pair.old.around } else { &pair.new.around };
            pair.moved.is_some() && around.iter().any(|around| std::ptr::eq(*around, left.step))
        };
        if !left.covered {
            alone(finder, left, gone, matched.pairs.iter().find(inside));
        }
    }
    calls::services(finder);
    whole::find(finder, matched);
}

impl Pair<'_> {
    /// A change of a key of the step; the place is the key's, or the step's where it is not there.
    pub fn change(&self, id: &'static str, key: &str, before: &str, after: &str, message: String) -> Change {
        let subject = if key.is_empty() { self.new.subject() } else { format!("{}.{key}", self.new.subject()) };
        let old = Seen::at(key_span(self.old.step, key), before);
        let new = Seen::at(key_span(self.new.step, key), after);
        Change { id, subject, message, old, new, about: about(self.new.step), ..self.blank() }
    }

    /// A change that is about this step, of which nothing else is known.
    pub fn blank(&self) -> Change {
        let starts = (Some(self.old.step.span.start), Some(self.new.step.span.start));
        Change { step: Some(self.new.segment.clone()), starts, ..Change::default() }
    }

    /// How a message names it.
    pub fn label(&self) -> String {
        label(self.new.step)
    }
}

fn about(step: &Step) -> Option<String> {
    Some(id_of(step)).filter(|id| !id.is_empty()).map(str::to_owned)
}

/// Where a key of a step stands, beside its verb or below it.
fn key_span(step: &Step, key: &str) -> Span {
    let below = match &step.action {
        Field::Map(fields) => fields.entry(key),
        _ => None,
    };
    step.fields.entry(key).or(below).map_or(step.verb_span, |entry| entry.key_span)
}

/// The place of a step among the others, and its name.
fn placed(finder: &mut Finder<'_>, pair: &Pair<'_>) {
    let (before, after) = (id_of(pair.old.step), id_of(pair.new.step));
    if before != after {
        let named = |step: &Step, id: &str| {
            if id.is_empty() { format!("`{}` without an id", step.verb.name) } else { format!("`{id}`") }
        };
        let message = format!("{} is now called {}", named(pair.old.step, before), named(pair.new.step, after));
        finder.find(Change {
            id: "step-renamed",
            subject: pair.old.subject(),
            message,
            old: Seen::at(key_span(pair.old.step, "id"), before),
            new: Seen::at(key_span(pair.new.step, "id"), after),
            ..pair.blank()
        });
    }
    let place = |at: &At<'_>| at.path.join(".");
    let (from, to) = (place(&pair.old), place(&pair.new));
    let label = pair.label();
    let moved = match pair.moved {
        Some(Moved::Nested) => Some(("step-nested", format!("{label} now stands inside `{to}`, it stood in `{from}`"))),
        Some(Moved::Unnested) => {
            Some(("step-unnested", format!("{label} now stands in `{to}`, it stood inside `{from}`")))
        }
        Some(Moved::Elsewhere) if from != to => {
            Some(("step-reordered", format!("{label} now stands in `{to}`, it stood in `{from}`")))
        }
        _ => pair.passed.as_ref().map(|passed| ("step-reordered", format!("{label} now comes {}", passed.words))),
    };
    if let Some((id, message)) = moved.filter(|_| pair.new.step.verb.name != "log") {
        let mut change = pair.change(id, "", &from, &to, message);
        change.new.value.push_str(pair.passed.as_ref().map_or("", |passed| &passed.words));
        let certain = pair.passed.as_ref().map_or_else(|| acts(pair.new.step), |passed| passed.acts);
        change.certainty = Certainty::of(certain);
        finder.find(change);
    }
}

fn another_verb(finder: &mut Finder<'_>, pair: &Pair<'_>) {
    let (before, after) = (pair.old.step.verb.name, pair.new.step.verb.name);
    let label = pair.label();
    let (id, message) = match (before, after) {
        ("race", "parallel") => {
            ("race-became-parallel", format!("{label} now waits for all branches, it took the first"))
        }
        ("parallel", "race") => {
            ("parallel-became-race", format!("{label} now takes the first branch, it waited for all"))
        }
        _ => ("step-verb-changed", format!("{label} is `{after}` now, it was `{before}`")),
    };
    let mut change = pair.change(id, "", before, after, message);
    change.certainty = Certainty::of(acts(pair.old.step) || acts(pair.new.step));
    finder.find(change);
    if id != "step-verb-changed" {
        control::find(finder, pair);
    }
}

/// A step that has no partner. `moved`: something inside has one, elsewhere.
fn alone(finder: &mut Finder<'_>, at: &At<'_>, gone: bool, moved: Option<&Pair<'_>>) {
    let step = at.step;
    let name = label(step);
    let pick = |removed: (&'static str, String), added: (&'static str, String)| if gone { removed } else { added };
    let said = match (step.verb.name, moved) {
        ("http" | "activity" | "send" | "wait", _) => {
            Some(pick(("step-removed", format!("{name} is gone")), ("step-added", format!("{name} is new"))))
        }
        ("set", _) => {
            Some(pick(("value-changed", format!("{name} is gone")), ("value-changed", format!("{name} is new"))))
        }
        ("return" | "fail", _) => {
            let way = match (step.verb.name, &step.action) {
                ("fail", Field::Map(fields)) => format!("fail with `{}`", fields.text("error").unwrap_or_default()),
                _ => "end with a `return`".to_owned(),
            };
            let place = at.path.join(".");
            Some(pick(
                ("outcome-removed", format!("a run does not {way} in `{place}` any more")),
                ("outcome-added", format!("a run may {way} in `{place}` now")),
            ))
        }
        ("break" | "continue", _) => Some(pick(
            ("loop-bound-changed", format!("the loop has no {name} any more")),
            ("loop-bound-changed", format!("the loop has a {name} now")),
        )),
        ("log", _) => Some(pick(("log-changed", format!("{name} is gone")), ("log-changed", format!("{name} is new")))),
        ("if" | "switch", Some(inside)) => Some(pick(
            ("condition-changed", format!("{} does not depend on an {name} any more", inside.label())),
            ("condition-changed", format!("{} now depends on an {name}", inside.label())),
        )),
        ("while" | "for", Some(inside)) => Some(pick(
            ("loop-bound-changed", format!("{} is not repeated by {name} any more", inside.label())),
            ("loop-bound-changed", format!("{} is now repeated by {name}", inside.label())),
        )),
        ("try", Some(inside)) => Some(pick(
            ("catch-removed", format!("errors of {} are not caught any more", inside.label())),
            ("catch-widened", format!("errors of {} are now caught", inside.label())),
        )),
        // Of what does nothing itself, the value may be read.
        _ if !tells(step) => {
            Some(pick(("value-changed", format!("{name} is gone")), ("value-changed", format!("{name} is new"))))
        }
        _ => None,
    };
    let Some((id, message)) = said else { return };
    let body = if gone { Spelling::default().body(step) } else { finder.spelling.body(step) };
    let here = Seen::at(step.span, body);
    let (old, new) = if gone { (here, Seen::nowhere()) } else { (Seen::nowhere(), here) };
    finder.find(Change {
        id,
        subject: at.subject(),
        message,
        old,
        new,
        // Nobody who is called misses a wait.
        certainty: Certainty::of(step.verb.name != "wait"),
        about: about(step),
        step: Some(at.segment.clone()),
        starts: if gone { (Some(step.span.start), None) } else { (None, Some(step.span.start)) },
    });
}

/// Whether something inside a block has a finding of its own when the block comes or goes.
fn tells(step: &Step) -> bool {
    let own = |step: &Step| acts(step) || ["wait", "set"].contains(&step.verb.name);
    step.lists().into_iter().flatten().any(|step| own(step) || tells(step))
}

/// What names are set to, what is returned and collected.
fn values(finder: &mut Finder<'_>, pair: &Pair<'_>) {
    let (old, new) = (pair.old.step, pair.new.step);
    let spelling = finder.spelling.clone();
    match (new.verb.name, &old.action, &new.action) {
        ("set", Field::Assignments(before), Field::Assignments(after)) => {
            for (name, old, new) in assigned(before, after, &spelling) {
                let message = match (old.span, new.span) {
                    (Some(_), Some(_)) => {
                        format!("`{name}` is set to {} now, it was {}", quoted(&new.value), quoted(&old.value))
                    }
                    (None, _) => format!("`{name}` is set here now, to {}", quoted(&new.value)),
                    (_, None) => format!("`{name}` is not set here any more"),
                };
                let subject = format!("{}.{name}", pair.new.subject());
                finder.find(Change { id: "value-changed", subject, message, old, new, ..pair.blank() });
            }
        }
        ("return", Field::Value(before), Field::Value(after)) => {
            let (before, after) = (Spelling::default().written(before), spelling.written(after));
            let message = format!("the run returns {} now, it was {}", quoted(&after), quoted(&before));
            differ(finder, pair, "value-changed", "", &before, &after, message);
        }
        ("log", Field::Value(before), Field::Value(after)) => {
            let (before, after) = (Spelling::default().written(before), spelling.written(after));
            differ(
                finder,
                pair,
                "log-changed",
                "",
                &before,
                &after,
                format!("the journal says {} now", quoted(&after)),
            );
        }
        ("fail", Field::Map(before), Field::Map(after)) => {
            let (one, other) = (before.text("error").unwrap_or_default(), after.text("error").unwrap_or_default());
            let message = format!("the run fails with `{other}` now, it was `{one}`");
            differ(finder, pair, "error-type-renamed", "error", one, other, message);
            for key in ["message", "details"] {
                let (one, other) = (Spelling::default().maybe(before.value(key)), spelling.maybe(after.value(key)));
                let message = format!("the {key} of the error is {} now, it was {}", quoted(&other), quoted(&one));
                differ(finder, pair, "value-changed", key, &one, &other, message);
            }
        }
        _ => {}
    }
    let (before, after) =
        (Spelling::default().maybe(old.fields.value("collect")), spelling.maybe(new.fields.value("collect")));
    let message = format!("an item of {} gives {} now, it was {}", pair.label(), quoted(&after), quoted(&before));
    differ(finder, pair, "value-changed", "collect", &before, &after, message);
    saved(finder, pair);
}

/// The name of a result, where somebody reads it.
fn saved(finder: &mut Finder<'_>, pair: &Pair<'_>) {
    let name = |step: &Step, read: &BTreeSet<String>| {
        step.fields.text("save").filter(|name| read.contains(*name)).unwrap_or_default().to_owned()
    };
    let before = name(pair.old.step, &finder.old_reads);
    let after = name(pair.new.step, &finder.new_reads);
    let spelled = finder.spelling.name(&after);
    let message = match (before.as_str(), after.as_str()) {
        (_, "") => format!("the result of {} is not kept as `{before}` any more", pair.label()),
        ("", _) => format!("the result of {} is kept as `{after}` now", pair.label()),
        _ => format!("the result of {} is kept as `{after}` now, it was `{before}`", pair.label()),
    };
    differ(finder, pair, "value-changed", "save", &before, &spelled, message);
}

fn words(finder: &mut Finder<'_>, pair: &Pair<'_>) {
    let summary = |step: &Step| step.fields.text("summary").unwrap_or_default().to_owned();
    let (before, after) = (summary(pair.old.step), summary(pair.new.step));
    let message = format!("the summary of {} is another", pair.label());
    differ(finder, pair, "summary-changed", "summary", &before, &after, message);
}

/// Says it where both differ.
pub(super) fn differ(
    finder: &mut Finder<'_>,
    pair: &Pair<'_>,
    id: &'static str,
    key: &str,
    before: &str,
    after: &str,
    message: String,
) {
    if before != after {
        finder.find(pair.change(id, key, before, after, message));
    }
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
fn variables(finder: &mut Finder<'_>) {
    let (old, new) = (&finder.old.document.header, &finder.new.document.header);
    for (name, old, new) in assigned(old.assignments("vars"), new.assignments("vars"), &finder.spelling.clone()) {
        let message = match (old.span, new.span) {
            (None, _) => format!("`{name}` begins as {} now, and is new", quoted(&new.value)),
            (_, None) => format!("`{name}` has no first value any more"),
            _ => format!("`{name}` begins as {} now, it was {}", quoted(&new.value), quoted(&old.value)),
        };
        finder.find(Change {
            id: "value-changed",
            subject: format!("vars.{name}"),
            message,
            old,
            new,
            ..Change::default()
        });
    }
}
