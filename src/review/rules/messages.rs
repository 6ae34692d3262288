//! Signals, updates and queries: what may be sent to a run, what is checked, and what is answered.

use serde_json::json;

use super::finder::{Change, Finder, Seen};
use super::shapes::{Goes, certainty, change};
use crate::diagnostic::Span;
use crate::plan::Schema;
use crate::review::schema::{Kind, differences};
use crate::review::side::{Spelling, quoted, reads};
use crate::review::verdict::{Certainty, FindingId};
use crate::syntax::{Assignment, Keep, Named, Node, Part, Parts, Signal, Update, Written, WrittenKind};

/// The ids of one kind of message.
struct Ids {
    what: &'static str,
    added: FindingId,
    removed: FindingId,
    renamed: FindingId,
    tightened: FindingId,
    loosened: FindingId,
}

const SIGNAL: Ids = Ids {
    what: "signal",
    added: FindingId::SignalAdded,
    removed: FindingId::SignalRemoved,
    renamed: FindingId::SignalRenamed,
    tightened: FindingId::SignalPayloadTightened,
    loosened: FindingId::SignalPayloadLoosened,
};
const UPDATE: Ids = Ids {
    what: "update",
    added: FindingId::UpdateAdded,
    removed: FindingId::UpdateRemoved,
    renamed: FindingId::UpdateRenamed,
    tightened: FindingId::UpdateInputTightened,
    loosened: FindingId::UpdateInputLoosened,
};

pub fn find(finder: &mut Finder<'_>) {
    let (old, new) = (finder.old, finder.new);
    let (header, other) = (&old.document.header, &new.document.header);
    for (before, after) in paired(finder, header.signals.items(), other.signals.items(), &SIGNAL) {
        let schemas = (
            old.plan.signal(&before.name).and_then(|signal| signal.payload()),
            new.plan.signal(&after.name).and_then(|signal| signal.payload()),
        );
        payload(finder, &SIGNAL, (before, after), (&before.keys.payload, &after.keys.payload), schemas);
        signal(finder, before, after);
    }
    for (before, after) in paired(finder, header.updates.items(), other.updates.items(), &UPDATE) {
        let schemas = (
            old.plan.update(&before.name).and_then(|update| update.payload()),
            new.plan.update(&after.name).and_then(|update| update.payload()),
        );
        payload(finder, &UPDATE, (before, after), (&before.keys.payload, &after.keys.payload), schemas);
        update(finder, before, after);
    }
    queries(finder);
}

/// Messages of the same name; those that came, went or were renamed are said.
fn paired<'a, T: Parts>(
    finder: &mut Finder<'_>,
    old: &'a [Named<T>],
    new: &'a [Named<T>],
    ids: &Ids,
) -> Vec<(&'a Named<T>, &'a Named<T>)> {
    let mut pairs = Vec::new();
    let spelling = finder.spelling.clone();
    let mut come: Vec<&Named<T>> = new.iter().filter(|n| !old.iter().any(|o| o.name == n.name)).collect();
    for before in old {
        if let Some(after) = new.iter().find(|n| n.name == before.name) {
            pairs.push((before, after));
            continue;
        }
        let body = Spelling::default().parts(&before.keys);
        let heir = come.iter().position(|n| spelling.parts(&n.keys) == body);
        let heir = heir.map(|at| come.remove(at));
        let (id, message) = match heir {
            Some(heir) => (ids.renamed, format!("the {} `{}` is now called `{}`", ids.what, before.name, heir.name)),
            None => (ids.removed, format!("the {} `{}` is not taken any more", ids.what, before.name)),
        };
        finder.find(Change {
            subject: format!("{} {}", ids.what, before.name),
            message,
            old: Seen::at(before.span, body),
            new: heir.map_or_else(Seen::nowhere, |heir| Seen::at(heir.span, heir.name.as_str())),
            about: Some(before.name.clone()),
            ..Change::of(id)
        });
    }
    for after in come {
        finder.find(Change {
            subject: format!("{} {}", ids.what, after.name),
            message: format!("the {} `{}` is new", ids.what, after.name),
            new: Seen::at(after.span, spelling.parts(&after.keys)),
            ..Change::of(ids.added)
        });
    }
    pairs
}

/// What two messages of the same name carry, by the plan and where it stands.
fn payload<T: Parts>(
    finder: &mut Finder<'_>,
    ids: &Ids,
    (old, new): (&Named<T>, &Named<T>),
    keys: (&Part<Node>, &Part<Node>),
    schemas: (Option<&Schema>, Option<&Schema>),
) {
    // Without a schema it carries nothing.
    let json = |schema: Option<&Schema>| schema.map_or_else(|| json!({"type": "null"}), |s| s.json().clone());
    let read = reads(&new.keys);
    for difference in differences(Some(&json(schemas.0)), Some(&json(schemas.1))) {
        let Some(tighter) = difference.kind.tightens() else { continue };
        let id = if tighter { ids.tightened } else { ids.loosened };
        let mut found = change(id, &format!("{}.payload", new.name), &difference, keys, Goes::In);
        found.about = Some(new.name.clone());
        found.certainty = match difference.kind {
            // Nothing is read of what is not there any more, and a run that holds it unread holds it whole.
            Kind::Removed { refused } => Certainty::of(refused),
            _ => Certainty { read: None, ..certainty(&difference, &read, &["payload"]) },
        };
        found.old.span = found.old.span.or(Some(old.span));
        found.new.span = found.new.span.or(Some(new.span));
        finder.find(found);
    }
}

fn signal(finder: &mut Finder<'_>, old: &Named<Signal>, new: &Named<Signal>) {
    let keep = |signal: &Named<Signal>| signal.keys.keep.value().unwrap_or(Keep::All);
    let (before, after) = (keep(old), keep(new));
    if before != after {
        let (id, message) = match after {
            Keep::Last => (FindingId::SignalWindowNarrowed, "an unread one is dropped now when the next comes"),
            Keep::All => (FindingId::SignalWindowWidened, "each one that comes is kept now until it is read"),
        };
        let message = format!("of the signal `{}` {message}", new.name);
        let values = (before.word().to_owned(), after.word().to_owned());
        finder.find(of(id, &SIGNAL, (old, new), "keep", values, message));
    }
    let (before, after) = (old.keys.body.is_there(), new.keys.body.is_there());
    if before != after {
        let message = match after {
            true => format!("the signal `{}` is now handled when it comes, it was kept for a `wait`", new.name),
            false => format!("the signal `{}` is now kept for a `wait`, it was handled when it came", new.name),
        };
        let values = (before.to_string(), after.to_string());
        finder.find(of(FindingId::SignalHandlingChanged, &SIGNAL, (old, new), "do", values, message));
    }
}

/// A change of a key of a message; its place is the message's where the key is not there.
fn of<T: Parts>(
    id: FindingId,
    ids: &Ids,
    (old, new): (&Named<T>, &Named<T>),
    key: &str,
    (before, after): (String, String),
    message: String,
) -> Change {
    let span = |named: &Named<T>| named.keys.part(key).map_or(named.span, |seen| seen.key_span);
    Change {
        subject: format!("{} {}", ids.what, new.name),
        message,
        old: Seen::at(span(old), before),
        new: Seen::at(span(new), after),
        about: Some(new.name.clone()),
        ..Change::of(id)
    }
}

fn update(finder: &mut Finder<'_>, old: &Named<Update>, new: &Named<Update>) {
    let spelling = finder.spelling.clone();
    let check = |update: &Named<Update>, spelling: &Spelling| {
        update.keys.check.get().map(|check| spelling.expression(&check.expression))
    };
    let (before, after) = (check(old, &Spelling::default()), check(new, &spelling));
    if before != after {
        let shown = |check: &Option<String>| check.clone().unwrap_or_default();
        let (id, message) = match (&before, &after) {
            (None, Some(after)) => (FindingId::UpdateCheckTightened, format!("is refused now unless `{after}`")),
            (Some(before), None) => (FindingId::UpdateCheckLoosened, format!("is taken now whether or not `{before}`")),
            _ if loosened(&before, &after) => (
                FindingId::UpdateCheckLoosened,
                format!("is taken now if `{}`, it was if `{}`", shown(&after), shown(&before)),
            ),
            _ => {
                let words = format!("is refused now unless `{}`, it was unless `{}`", shown(&after), shown(&before));
                (FindingId::UpdateCheckTightened, words)
            }
        };
        let message = format!("the update `{}` {message}", new.name);
        finder.find(of(id, &UPDATE, (old, new), "check", (shown(&before), shown(&after)), message));
    }
    for (id, key, words, before, after) in [
        (FindingId::UpdateResultChanged, "returns", "answers", &old.keys.returns, &new.keys.returns),
        (FindingId::UpdateRefusalChanged, "otherwise", "says of a refusal", &old.keys.otherwise, &new.keys.otherwise),
    ] {
        let (before, after) = (Spelling::default().maybe(before.get()), spelling.maybe(after.get()));
        if before != after {
            let message =
                format!("the update `{}` {words} {} now, it was {}", new.name, quoted(&after), quoted(&before));
            finder.find(of(id, &UPDATE, (old, new), key, (before, after), message));
        }
    }
}

/// Whether a check only lost a part: `a && b` has become `a`, or `a` has become `a || b`.
fn loosened(before: &Option<String>, after: &Option<String>) -> bool {
    let (Some(before), Some(after)) = (before, after) else { return false };
    let parts = |text: &str, by: &str| text.split(by).map(str::to_owned).collect::<Vec<_>>();
    let flat = |text: &str| !text.contains('(');
    if !flat(before) || !flat(after) {
        return false;
    }
    let (all_before, all_after) = (parts(before, "&&"), parts(after, "&&"));
    let (any_before, any_after) = (parts(before, "||"), parts(after, "||"));
    let fewer = all_after.len() < all_before.len() && all_after.iter().all(|part| all_before.contains(part));
    let more = any_before.len() < any_after.len() && any_before.iter().all(|part| any_after.contains(part));
    (fewer && any_before.len() == 1) || (more && all_after.len() == 1)
}

fn queries(finder: &mut Finder<'_>) {
    let (old, new) = (&finder.old.document.header, &finder.new.document.header);
    let (old, new) = (old.queries.items(), new.queries.items());
    let spelling = finder.spelling.clone();
    let mut come: Vec<&Assignment> = new.iter().filter(|n| !old.iter().any(|o| o.name == n.name)).collect();
    for before in old {
        let value = Spelling::default().written(&before.value);
        if let Some(after) = new.iter().find(|n| n.name == before.name) {
            answer(finder, &spelling, before, after);
            continue;
        }
        let heir = come.iter().position(|n| spelling.written(&n.value) == value).map(|at| come.remove(at));
        let (id, message) = match heir {
            Some(heir) => {
                (FindingId::QueryRenamed, format!("the query `{}` is now called `{}`", before.name, heir.name))
            }
            None => (FindingId::QueryRemoved, format!("the query `{}` is not answered any more", before.name)),
        };
        finder.find(Change {
            subject: format!("query {}", before.name),
            message,
            old: Seen::at(before.span, value),
            new: heir.map_or_else(Seen::nowhere, |heir| Seen::at(heir.span, heir.name.as_str())),
            about: Some(before.name.clone()),
            ..Change::of(id)
        });
    }
    for after in come {
        finder.find(Change {
            subject: format!("query {}", after.name),
            message: format!("the query `{}` is new", after.name),
            new: Seen::at(after.span, spelling.written(&after.value)),
            ..Change::of(FindingId::QueryAdded)
        });
    }
}

/// What a query answers, field by field where it is a mapping in both.
fn answer(finder: &mut Finder<'_>, spelling: &Spelling, old: &Assignment, new: &Assignment) {
    let (before, after) = (Spelling::default().written(&old.value), spelling.written(&new.value));
    if before == after {
        return;
    }
    let name = &new.name;
    let mut say = |id: FindingId, subject: String, message: String, old: Seen, new: Seen| {
        finder.find(Change { subject, message, old, new, about: Some(name.clone()), ..Change::of(id) });
    };
    let (WrittenKind::Map(fields), WrittenKind::Map(others)) = (&old.value.kind, &new.value.kind) else {
        let message = format!("the query `{name}` answers {} now, it was {}", quoted(&after), quoted(&before));
        say(
            FindingId::QueryResultChanged,
            format!("query {name}"),
            message,
            Seen::at(old.span, before),
            Seen::at(new.span, after),
        );
        return;
    };
    let field = |fields: &[(String, Span, Written)], key: &str, spelling: &Spelling| {
        fields.iter().find(|(k, ..)| k == key).map(|(_, span, value)| Seen::at(*span, spelling.written(value)))
    };
    for (key, ..) in fields {
        let subject = format!("query {name}.{key}");
        match (field(fields, key, &Spelling::default()), field(others, key, spelling)) {
            (Some(before), Some(after)) if before.value != after.value => {
                let message = format!(
                    "`{key}` of the query `{name}` is {} now, it was {}",
                    quoted(&after.value),
                    quoted(&before.value)
                );
                say(FindingId::QueryResultChanged, subject, message, before, after);
            }
            (Some(before), None) => {
                let message = format!("`{key}` of the query `{name}` is not answered any more");
                say(FindingId::QueryResultChanged, subject, message, before, Seen::at(new.span, ""));
            }
            _ => {}
        }
    }
    for (key, ..) in others.iter().filter(|(key, ..)| !fields.iter().any(|(k, ..)| k == key)) {
        let after = field(others, key, spelling).unwrap_or_default();
        let message = format!("the query `{name}` also answers `{key}` now");
        say(FindingId::QueryResultAdded, format!("query {name}.{key}"), message, Seen::at(old.span, ""), after);
    }
}
