//! Signals, updates and queries: what may be sent to a run, what is checked, and what is answered.

use super::contract::{certainty, change, quoted, tightened};
use super::finding::{Change, Finder, Seen};
use super::model::Certainty;
use super::schema::{Kind, differences};
use super::spelling::{Spelling, reads};

use crate::plan::Schema;
use crate::syntax::{Assignment, Fields, Named, Step, Written, WrittenKind};

/// The ids of one kind of message.
struct Ids {
    what: &'static str,
    key: &'static str,
    added: &'static str,
    removed: &'static str,
    renamed: &'static str,
    tightened: &'static str,
    loosened: &'static str,
}

const SIGNAL: Ids = Ids {
    what: "signal",
    key: "signals",
    added: "signal-added",
    removed: "signal-removed",
    renamed: "signal-renamed",
    tightened: "signal-payload-tightened",
    loosened: "signal-payload-loosened",
};
const UPDATE: Ids = Ids {
    what: "update",
    key: "updates",
    added: "update-added",
    removed: "update-removed",
    renamed: "update-renamed",
    tightened: "update-input-tightened",
    loosened: "update-input-loosened",
};

pub(super) fn find(finder: &mut Finder<'_>) {
    let (old, new) = (&finder.old.document.header, &finder.new.document.header);
    for ids in [&SIGNAL, &UPDATE] {
        for (before, after) in paired(finder, old.named(ids.key), new.named(ids.key), ids) {
            payload(finder, ids, before, after);
            if ids.what == "signal" {
                signal(finder, before, after);
            } else {
                update(finder, before, after);
            }
        }
    }
    queries(finder);
}

/// Messages of the same name; those that came, went or were renamed are said.
fn paired<'a>(finder: &mut Finder<'_>, old: &'a [Named], new: &'a [Named], ids: &Ids) -> Vec<(&'a Named, &'a Named)> {
    let mut pairs = Vec::new();
    let spelling = finder.spelling.clone();
    let mut come: Vec<&Named> = new.iter().filter(|n| !old.iter().any(|o| o.name == n.name)).collect();
    for before in old {
        if let Some(after) = new.iter().find(|n| n.name == before.name) {
            pairs.push((before, after));
            continue;
        }
        let body = Spelling::default().fields(&before.fields);
        let heir = come.iter().position(|n| spelling.fields(&n.fields) == body);
        let heir = heir.map(|at| come.remove(at));
        let (id, message) = match heir {
            Some(heir) => (ids.renamed, format!("the {} `{}` is now called `{}`", ids.what, before.name, heir.name)),
            None => (ids.removed, format!("the {} `{}` is not taken any more", ids.what, before.name)),
        };
        finder.find(Change {
            id,
            subject: format!("{} {}", ids.what, before.name),
            message,
            old: Seen::at(before.span, body),
            new: heir.map_or_else(Seen::nowhere, |heir| Seen::at(heir.span, heir.name.as_str())),
            about: Some(before.name.clone()),
            ..Change::default()
        });
    }
    for after in come {
        finder.find(Change {
            id: ids.added,
            subject: format!("{} {}", ids.what, after.name),
            message: format!("the {} `{}` is new", ids.what, after.name),
            new: Seen::at(after.span, spelling.fields(&after.fields)),
            ..Change::default()
        });
    }
    pairs
}

fn payload(finder: &mut Finder<'_>, ids: &Ids, old: &Named, new: &Named) {
    let schema = |side: &super::Side, name: &str| -> Option<serde_json::Value> {
        let plan = &side.plan;
        let schema = match ids.what {
            "signal" => plan.signal(name)?.payload(),
            _ => plan.update(name)?.payload(),
        };
        // Without a schema it carries nothing.
        Some(schema.map_or_else(|| serde_json::json!({"type": "null"}), |s| Schema::json(s).clone()))
    };
    let (before, after) = (schema(finder.old, &old.name), schema(finder.new, &new.name));
    let read = reads(&new.fields);
    for difference in differences(before.as_ref(), after.as_ref()) {
        let Some(tighter) = tightened(difference.kind) else { continue };
        let id = if tighter { ids.tightened } else { ids.loosened };
        let what = format!("{}.{}", new.name, "payload");
        let mut found = change(id, &what, &difference, (&old.fields, &new.fields), "payload");
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

fn signal(finder: &mut Finder<'_>, old: &Named, new: &Named) {
    let keep = |named: &Named| named.fields.text("keep").unwrap_or("all").to_owned();
    let (before, after) = (keep(old), keep(new));
    if before != after {
        let (id, message) = match after.as_str() {
            "last" => ("signal-window-narrowed", "an unread one is dropped now when the next comes"),
            _ => ("signal-window-widened", "each one that comes is kept now until it is read"),
        };
        let message = format!("of the signal `{}` {message}", new.name);
        finder.find(of(id, "signal", old, new, ("keep", before), ("keep", after), message));
    }
    let handled = |named: &Named| named.fields.entry("do").is_some();
    let (before, after) = (handled(old), handled(new));
    if before != after {
        let message = match after {
            true => format!("the signal `{}` is now handled when it comes, it was kept for a `wait`", new.name),
            false => format!("the signal `{}` is now kept for a `wait`, it was handled when it came", new.name),
        };
        let values = (before.to_string(), after.to_string());
        finder.find(of("signal-handling-changed", "signal", old, new, ("do", values.0), ("do", values.1), message));
    }
}

fn of(
    id: &'static str,
    what: &str,
    old: &Named,
    new: &Named,
    (old_key, before): (&str, String),
    (new_key, after): (&str, String),
    message: String,
) -> Change {
    let span = |named: &Named, key: &str| named.fields.entry(key).map_or(named.span, |e| e.key_span);
    Change {
        id,
        subject: format!("{what} {}", new.name),
        message,
        old: Seen::at(span(old, old_key), before),
        new: Seen::at(span(new, new_key), after),
        about: Some(new.name.clone()),
        ..Change::default()
    }
}

fn update(finder: &mut Finder<'_>, old: &Named, new: &Named) {
    let spelling = finder.spelling.clone();
    let check = |named: &'_ Named, spelling: &Spelling| {
        named.fields.condition("check").map(|c| spelling.expression(&c.expression))
    };
    let (before, after) = (check(old, &Spelling::default()), check(new, &spelling));
    if before != after {
        let shown = |check: &Option<String>| check.clone().unwrap_or_default();
        let (id, message) = match (&before, &after) {
            (None, Some(after)) => ("update-check-tightened", format!("is refused now unless `{after}`")),
            (Some(before), None) => ("update-check-loosened", format!("is taken now whether or not `{before}`")),
            _ if loosened(&before, &after) => (
                "update-check-loosened",
                format!("is taken now if `{}`, it was if `{}`", shown(&after), shown(&before)),
            ),
            _ => {
                let words = format!("is refused now unless `{}`, it was unless `{}`", shown(&after), shown(&before));
                ("update-check-tightened", words)
            }
        };
        let message = format!("the update `{}` {message}", new.name);
        finder.find(of(id, "update", old, new, ("check", shown(&before)), ("check", shown(&after)), message));
    }
    let written = |named: &'_ Named, spelling: &Spelling, key: &str| spelling.maybe(named.fields.value(key));
    for (id, key, words) in
        [("update-result-changed", "returns", "answers"), ("update-refusal-changed", "otherwise", "says of a refusal")]
    {
        let (before, after) = (written(old, &Spelling::default(), key), written(new, &spelling, key));
        if before != after {
            let message =
                format!("the update `{}` {words} {} now, it was {}", new.name, quoted(&after), quoted(&before));
            finder.find(of(id, "update", old, new, (key, before), (key, after), message));
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
    let (old, new) = (old.assignments("queries"), new.assignments("queries"));
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
            Some(heir) => ("query-renamed", format!("the query `{}` is now called `{}`", before.name, heir.name)),
            None => ("query-removed", format!("the query `{}` is not answered any more", before.name)),
        };
        finder.find(Change {
            id,
            subject: format!("query {}", before.name),
            message,
            old: Seen::at(before.span, value),
            new: heir.map_or_else(Seen::nowhere, |heir| Seen::at(heir.span, heir.name.as_str())),
            about: Some(before.name.clone()),
            ..Change::default()
        });
    }
    for after in come {
        finder.find(Change {
            id: "query-added",
            subject: format!("query {}", after.name),
            message: format!("the query `{}` is new", after.name),
            new: Seen::at(after.span, spelling.written(&after.value)),
            ..Change::default()
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
    let mut say = |id: &'static str, subject: String, message: String, old: Seen, new: Seen| {
        finder.find(Change { id, subject, message, old, new, about: Some(name.clone()), ..Change::default() });
    };
    let (WrittenKind::Map(fields), WrittenKind::Map(others)) = (&old.value.kind, &new.value.kind) else {
        let message = format!("the query `{name}` answers {} now, it was {}", quoted(&after), quoted(&before));
        say(
            "query-result-changed",
            format!("query {name}"),
            message,
            Seen::at(old.span, before),
            Seen::at(new.span, after),
        );
        return;
    };
    let field = |fields: &[(String, crate::diagnostic::Span, Written)], key: &str, spelling: &Spelling| {
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
                say("query-result-changed", subject, message, before, after);
            }
            (Some(before), None) => {
                let message = format!("`{key}` of the query `{name}` is not answered any more");
                say("query-result-changed", subject, message, before, Seen::at(new.span, ""));
            }
            _ => {}
        }
    }
    for (key, ..) in others.iter().filter(|(key, ..)| !fields.iter().any(|(k, ..)| k == key)) {
        let after = field(others, key, spelling).unwrap_or_default();
        let message = format!("the query `{name}` also answers `{key}` now");
        say("query-result-added", format!("query {name}.{key}"), message, Seen::at(old.span, ""), after);
    }
}

/// What a message may carry and who hears of it are in the header; a tree of its steps is compared with all others.
pub(super) fn handlers(fields: &Fields) -> Vec<(String, &[Step])> {
    let of = |key: &'static str, prefix: &'static str| {
        fields.named(key).iter().filter_map(move |n| Some((format!("{prefix} {}", n.name), n.fields.steps("do")?)))
    };
    of("signals", "signal").chain(of("updates", "update")).collect()
}
