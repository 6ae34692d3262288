//! The change that a difference of two schemas is: how it is called, how certain it is, and where it stands.

use std::collections::BTreeSet;

use super::finder::{Change, Seen};
use crate::diagnostic::Span;
use crate::review::schema::{Difference, Kind};
use crate::review::side::short;
use crate::review::verdict::{Certainty, FindingId};
use crate::syntax::{Node, Part};

/// Which way a value goes that a schema is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goes {
    In,
    Out,
}

/// Whether the old contract is certainly broken, and whether steps of the new version read the property.
pub fn certainty(difference: &Difference, read: &BTreeSet<Vec<String>>, root: &[&str]) -> Certainty {
    let path: Vec<&str> = root.iter().copied().chain(names(&difference.path)).collect();
    let touches = |found: &Vec<String>| found.iter().zip(&path).all(|(a, b)| a == b);
    match difference.kind {
        Kind::Removed { refused } => Certainty { read: Some(read.iter().any(touches)), ..Certainty::of(refused) },
        Kind::Tightened { certain } => Certainty::of(certain),
        Kind::RequiredAdded
        | Kind::OptionalAdded
        | Kind::BecameRequired
        | Kind::BecameOptional
        | Kind::TypeNarrowed
        | Kind::TypeWidened { .. }
        | Kind::TypeChanged
        | Kind::EnumRemoved
        | Kind::EnumAdded
        | Kind::Loosened
        | Kind::Closed
        | Kind::Opened
        | Kind::DefaultChanged => Certainty::default(),
    }
}

/// The names of a path such as `.items[].price`.
pub fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('.').filter(|name| !name.is_empty()).map(|name| name.trim_end_matches("[]"))
}

/// The change that a difference is; both schemas stand at keys.
pub fn change(
    id: FindingId,
    what: &str,
    difference: &Difference,
    (old, new): (&Part<Node>, &Part<Node>),
    goes: Goes,
) -> Change {
    let place = |part: &Part<Node>, pointer: &str, gone: &str| match part.get() {
        _ if gone.is_empty() => part.key_span(),
        Some(node) => Some(key_span(node, pointer)),
        None => None,
    };
    let subject = format!("{what}{}", difference.path);
    let words = match goes {
        Goes::In => None,
        Goes::Out => promised(difference.kind),
    };
    let last = difference.path.rsplit('.').next().map(|name| name.trim_end_matches("[]").to_owned());
    Change {
        message: format!("`{subject}` {}", short(words.unwrap_or(&difference.words))),
        old: Seen { span: place(old, &difference.old_pointer, &difference.old), value: difference.old.clone() },
        new: Seen { span: place(new, &difference.new_pointer, &difference.new), value: difference.new.clone() },
        about: last.filter(|name| !name.is_empty()),
        subject,
        ..Change::of(id)
    }
}

/// What is said of what comes out, where it is not said as of what goes in.
fn promised(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Removed { .. } => Some("is not promised any more"),
        Kind::Closed => Some("has no other properties any more"),
        Kind::Opened => Some("may have other properties now"),
        Kind::RequiredAdded | Kind::OptionalAdded => Some("is new"),
        Kind::BecameRequired => Some("is always there now"),
        Kind::BecameOptional => Some("may be missing now"),
        Kind::TypeNarrowed
        | Kind::TypeWidened { .. }
        | Kind::TypeChanged
        | Kind::EnumRemoved
        | Kind::EnumAdded
        | Kind::Tightened { .. }
        | Kind::Loosened
        | Kind::DefaultChanged => None,
    }
}

/// The key that a pointer leads to, or the node where it is none.
fn key_span(node: &Node, pointer: &str) -> Span {
    let (parent, key) = pointer.rsplit_once('/').unwrap_or(("", ""));
    let key = key.replace("~1", "/").replace("~0", "~");
    let entry = node.at_pointer(parent).entries().iter().find(|e| e.key == key);
    entry.map_or_else(|| node.at_pointer(pointer).span, |e| e.key_span)
}
