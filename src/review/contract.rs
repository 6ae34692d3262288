//! The start contract and the result: who the process is, what makes a run unique, what goes in and what comes out.

use std::collections::BTreeSet;

use super::finding::{Change, Finder, Seen, short};
use super::model::Certainty;
use super::schema::{Difference, Kind, differences};
use super::spelling::{Spelling, readers, reads};
use crate::diagnostic::Span;
use crate::plan::{Duplicates, Schema};
use crate::syntax::{Fields, Node};

pub(super) fn find(finder: &mut Finder<'_>) {
    head(finder);
    let (old, new) = (&finder.old.document.header, &finder.new.document.header);
    let (before, after) = (finder.old.plan.input(), finder.new.plan.input());
    let found = differences(before.map(Schema::json), after.map(Schema::json));
    let read = reads(new);
    for difference in found {
        if let Some(id) = of_input(difference.kind) {
            let mut change = change(id, "input", &difference, (old, new), "input");
            change.certainty = certainty(&difference, &read, &["input"]);
            if matches!(difference.kind, Kind::BecameOptional | Kind::TypeWidened { .. }) {
                change.message.push_str(&read_by(new, &difference.path));
            }
            finder.find(change);
        }
    }
    let (before, after) = (finder.old.plan.returns(), finder.new.plan.returns());
    if let (Some(_), None) = (before, after) {
        finder.find(Change {
            id: "result-removed",
            subject: "result".into(),
            message: "the result is not promised to have any shape any more".into(),
            old: seen(old, "returns", "promised"),
            new: Seen::nowhere(),
            ..Change::default()
        });
        return;
    }
    for difference in differences(before.map(Schema::json), after.map(Schema::json)) {
        if let Some(id) = of_result(difference.kind, before.is_none()) {
            finder.find(change(id, "result", &difference, (old, new), "returns"));
        }
    }
}

/// The steps that meet what may be missing, or another type, now.
fn read_by(fields: &Fields, path: &str) -> String {
    let names = path.split('.').filter(|name| !name.is_empty()).map(|name| name.trim_end_matches("[]"));
    let path: Vec<&str> = ["input"].into_iter().chain(names).collect();
    let steps = readers(fields.steps("steps").unwrap_or_default(), &path);
    let shown = steps.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ");
    match steps.len() {
        0 => String::new(),
        1 => format!("; {shown} reads it"),
        2..=5 => format!("; {shown} read it"),
        more => format!("; {shown} and {} more read it", more - 5),
    }
}

/// A process that is only on one side.
pub(super) fn alone(finder: &mut Finder<'_>, gone: bool) {
    let side = finder.old;
    let name = side.plan.process();
    let here = seen(&side.document.header, "process", name);
    let (id, message, old, new) = match gone {
        true => ("process-removed", format!("the process `{name}` is gone"), here, Seen::nowhere()),
        false => ("process-added", format!("the process `{name}` is new"), Seen::nowhere(), here),
    };
    finder.find(Change { id, subject: "process".into(), message, old, new, ..Change::default() });
}

/// What callers send is contravariant: less is a break.
fn of_input(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::RequiredAdded => "input-required-added",
        Kind::OptionalAdded => "input-optional-added",
        Kind::BecameRequired => "input-became-required",
        Kind::BecameOptional => "input-became-optional",
        Kind::Removed { .. } => "input-removed",
        Kind::TypeNarrowed | Kind::TypeChanged => "input-type-narrowed",
        Kind::TypeWidened { .. } => "input-type-widened",
        Kind::EnumRemoved => "enum-value-removed",
        Kind::EnumAdded => "enum-value-added",
        Kind::Tightened { .. } => "bound-tightened",
        Kind::Loosened => "bound-loosened",
        Kind::Closed => "input-closed",
        Kind::Opened => "input-opened",
        Kind::DefaultChanged => "input-default-changed",
    })
}

/// What callers get is covariant: more is a break. `None` where nothing is said of what comes out.
fn of_result(kind: Kind, first: bool) -> Option<&'static str> {
    Some(match kind {
        _ if first => "result-added",
        Kind::RequiredAdded | Kind::OptionalAdded => "result-added",
        Kind::BecameRequired | Kind::TypeNarrowed | Kind::EnumRemoved | Kind::Tightened { .. } | Kind::Closed => {
            "result-narrowed"
        }
        Kind::BecameOptional | Kind::TypeWidened { only_null: true } => "result-became-nullable",
        Kind::Removed { .. } => "result-removed",
        Kind::EnumAdded => "result-enum-added",
        Kind::TypeChanged | Kind::TypeWidened { .. } | Kind::Loosened | Kind::Opened => "result-type-changed",
        Kind::DefaultChanged => return None,
    })
}

/// Tightened, loosened or neither, for what a message or a reply carries.
pub(super) fn tightened(kind: Kind) -> Option<bool> {
    match of_input(kind)? {
        "input-optional-added"
        | "input-became-optional"
        | "input-type-widened"
        | "enum-value-added"
        | "bound-loosened"
        | "input-opened" => Some(false),
        "input-default-changed" => None,
        _ => Some(true),
    }
}

/// Whether the old contract is certainly broken, and whether steps of the new version read the property.
pub(super) fn certainty(difference: &Difference, read: &BTreeSet<Vec<String>>, root: &[&str]) -> Certainty {
    let path: Vec<&str> = root
        .iter()
        .copied()
        .chain(difference.path.split('.').filter(|p| !p.is_empty()).map(|p| p.trim_end_matches("[]")))
        .collect();
    let touches = |found: &Vec<String>| found.iter().zip(&path).all(|(a, b)| a == b);
    match difference.kind {
        Kind::Removed { refused } => Certainty { read: Some(read.iter().any(touches)), ..Certainty::of(refused) },
        Kind::Tightened { certain } => Certainty::of(certain),
        _ => Certainty::default(),
    }
}

/// The change that a difference of two schemas is; `key` is where they stand in the fields.
pub(super) fn change(
    id: &'static str,
    what: &str,
    difference: &Difference,
    (old, new): (&Fields, &Fields),
    key: &str,
) -> Change {
    let place = |fields: &Fields, pointer: &str, gone: &str| match fields.schema(key) {
        _ if gone.is_empty() => fields.entry(key).map(|e| e.key_span),
        Some(node) => Some(key_span(node, pointer)),
        None => None,
    };
    let subject = format!("{what}{}", difference.path);
    let words = match (key, difference.kind) {
        ("returns", Kind::Removed { .. }) => "is not promised any more",
        ("returns", Kind::Closed) => "has no other properties any more",
        ("returns", Kind::Opened) => "may have other properties now",
        ("returns", Kind::RequiredAdded | Kind::OptionalAdded) => "is new",
        ("returns", Kind::BecameRequired) => "is always there now",
        ("returns", Kind::BecameOptional) => "may be missing now",
        _ => &difference.words,
    };
    Change {
        id,
        message: format!("`{subject}` {}", short(words)),
        old: Seen { span: place(old, &difference.old_pointer, &difference.old), value: difference.old.clone() },
        new: Seen { span: place(new, &difference.new_pointer, &difference.new), value: difference.new.clone() },
        about: difference
            .path
            .rsplit('.')
            .next()
            .map(|name| name.trim_end_matches("[]").to_owned())
            .filter(|n| !n.is_empty()),
        subject,
        ..Change::default()
    }
}

/// The key that a pointer leads to, or the node where it is none.
fn key_span(node: &Node, pointer: &str) -> Span {
    let (parent, key) = pointer.rsplit_once('/').unwrap_or(("", ""));
    let key = key.replace("~1", "/").replace("~0", "~");
    let entry = node.at_pointer(parent).entries().iter().find(|e| e.key == key);
    entry.map_or_else(|| node.at_pointer(pointer).span, |e| e.key_span)
}

/// The key of the header, with what counts of its value.
pub(super) fn seen(fields: &Fields, key: &str, value: impl Into<String>) -> Seen {
    Seen { span: fields.entry(key).map(|e| e.key_span), value: value.into() }
}

fn head(finder: &mut Finder<'_>) {
    let (old, new) = (&finder.old.document.header, &finder.new.document.header);
    let plans = (&finder.old.plan, &finder.new.plan);
    let (process, other) = (plans.0.process(), plans.1.process());
    let message = format!("the process is now called `{other}`, it was `{process}`");
    differ(finder, "process-renamed", "process", (process, other), message);
    let spelling = Spelling::default();
    let version = plans.1.version();
    if (process, plans.0.version()) == (other, version) && spelling.fields(old) != spelling.fields(new) {
        finder.find(Change {
            id: "version-content-changed",
            subject: "version".into(),
            message: format!("version {version} has other content now: a change wants a number of its own"),
            old: seen(old, "version", plans.0.digest()),
            new: seen(new, "version", plans.1.digest()),
            ..Change::default()
        });
    }
    let (before, after) = (spelling.written(plans.0.key()), spelling.written(plans.1.key()));
    let message = format!("the business key is now {}, it was {}", quoted(&after), quoted(&before));
    differ(finder, "business-key-changed", "key", (&before, &after), message);
    let policy = |duplicates| match duplicates {
        Duplicates::Return => "return",
        Duplicates::Reject => "reject",
    };
    let (before, after) = (policy(plans.0.duplicates()), policy(plans.1.duplicates()));
    let message = format!("a second start of a key is now met with `{after}`, it was `{before}`");
    differ(finder, "duplicates-policy-changed", "duplicates", (before, after), message);
    for (id, key) in [("summary-changed", "summary"), ("owner-changed", "owner")] {
        let (before, after) = (old.text(key).unwrap_or_default(), new.text(key).unwrap_or_default());
        differ(finder, id, key, (before, after), format!("the {key} is now `{}`", short(after)));
    }
}

fn differ(finder: &mut Finder<'_>, id: &'static str, key: &str, (before, after): (&str, &str), message: String) {
    if before != after {
        let (old, new) = (&finder.old.document.header, &finder.new.document.header);
        let (old, new) = (seen(old, key, before), seen(new, key, after));
        finder.find(Change { id, subject: key.to_owned(), message, old, new, ..Change::default() });
    }
}

/// A written value as the author wrote it, in back quotes.
pub(super) fn quoted(spelled: &str) -> String {
    let text = spelled.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(spelled);
    format!("`{}`", short(text))
}
