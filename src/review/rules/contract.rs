//! The start contract and the result: who the process is, what makes a run unique, what goes in and what comes out.

use super::finder::{Change, Finder, Seen};
use super::shapes::{Goes, certainty, change, names};
use crate::plan::Schema;
use crate::review::schema::{Kind, differences};
use crate::review::side::{Spelling, quoted, readers, reads, short};
use crate::review::verdict::FindingId;
use crate::syntax::{Header, Parts};

pub fn find(finder: &mut Finder<'_>) {
    head(finder);
    input(finder);
    result(finder);
}

fn input(finder: &mut Finder<'_>) {
    let (old, new) = (&finder.old.document.header, &finder.new.document.header);
    let (before, after) = (finder.old.plan.input(), finder.new.plan.input());
    let found = differences(before.map(Schema::json), after.map(Schema::json));
    let read = reads(new);
    for difference in found {
        let id = of_input(difference.kind);
        let mut change = change(id, "input", &difference, (&old.input, &new.input), Goes::In);
        change.certainty = certainty(&difference, &read, &["input"]);
        if matches!(difference.kind, Kind::BecameOptional | Kind::TypeWidened { .. }) {
            change.message.push_str(&read_by(new, &difference.path));
        }
        finder.find(change);
    }
}

fn result(finder: &mut Finder<'_>) {
    let (old, new) = (&finder.old.document.header, &finder.new.document.header);
    let (before, after) = (finder.old.plan.returns(), finder.new.plan.returns());
    if let (Some(_), None) = (before, after) {
        finder.find(Change {
            subject: "result".into(),
            message: "the result is not promised to have any shape any more".into(),
            old: Seen::key(&old.returns, "promised"),
            ..Change::of(FindingId::ResultRemoved)
        });
        return;
    }
    for difference in differences(before.map(Schema::json), after.map(Schema::json)) {
        if let Some(id) = of_result(difference.kind, before.is_none()) {
            finder.find(change(id, "result", &difference, (&old.returns, &new.returns), Goes::Out));
        }
    }
}

/// The steps that meet what may be missing, or another type, now.
fn read_by(header: &Header, path: &str) -> String {
    let path: Vec<&str> = ["input"].into_iter().chain(names(path)).collect();
    let steps = readers(header.steps.items(), &path);
    let shown = steps.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ");
    match steps.len() {
        0 => String::new(),
        1 => format!("; {shown} reads it"),
        2..=5 => format!("; {shown} read it"),
        more => format!("; {shown} and {} more read it", more - 5),
    }
}

/// A process that is only on one side.
pub fn alone(finder: &mut Finder<'_>, gone: bool) {
    let side = finder.old;
    let name = side.plan.process();
    let here = Seen::key(&side.document.header.process, name);
    let (id, message, old, new) = match gone {
        true => (FindingId::ProcessRemoved, format!("the process `{name}` is gone"), here, Seen::nowhere()),
        false => (FindingId::ProcessAdded, format!("the process `{name}` is new"), Seen::nowhere(), here),
    };
    finder.find(Change { subject: "process".into(), message, old, new, ..Change::of(id) });
}

/// What callers send is contravariant: less is a break.
fn of_input(kind: Kind) -> FindingId {
    match kind {
        Kind::RequiredAdded => FindingId::InputRequiredAdded,
        Kind::OptionalAdded => FindingId::InputOptionalAdded,
        Kind::BecameRequired => FindingId::InputBecameRequired,
        Kind::BecameOptional => FindingId::InputBecameOptional,
        Kind::Removed { .. } => FindingId::InputRemoved,
        Kind::TypeNarrowed | Kind::TypeChanged => FindingId::InputTypeNarrowed,
        Kind::TypeWidened { .. } => FindingId::InputTypeWidened,
        Kind::EnumRemoved => FindingId::EnumValueRemoved,
        Kind::EnumAdded => FindingId::EnumValueAdded,
        Kind::Tightened { .. } => FindingId::BoundTightened,
        Kind::Loosened => FindingId::BoundLoosened,
        Kind::Closed => FindingId::InputClosed,
        Kind::Opened => FindingId::InputOpened,
        Kind::DefaultChanged => FindingId::InputDefaultChanged,
    }
}

/// What callers get is covariant: more is a break. `first`: nothing was promised before. `None` where nothing is said
/// of what comes out.
fn of_result(kind: Kind, first: bool) -> Option<FindingId> {
    if first {
        return Some(FindingId::ResultAdded);
    }
    match kind {
        Kind::RequiredAdded | Kind::OptionalAdded => Some(FindingId::ResultAdded),
        Kind::BecameRequired | Kind::TypeNarrowed | Kind::EnumRemoved | Kind::Tightened { .. } | Kind::Closed => {
            Some(FindingId::ResultNarrowed)
        }
        Kind::BecameOptional | Kind::TypeWidened { only_null: true } => Some(FindingId::ResultBecameNullable),
        Kind::Removed { .. } => Some(FindingId::ResultRemoved),
        Kind::EnumAdded => Some(FindingId::ResultEnumAdded),
        Kind::TypeChanged | Kind::TypeWidened { only_null: false } | Kind::Loosened | Kind::Opened => {
            Some(FindingId::ResultTypeChanged)
        }
        Kind::DefaultChanged => None,
    }
}

fn head(finder: &mut Finder<'_>) {
    let (old, new) = (&finder.old.document.header, &finder.new.document.header);
    let plans = (&finder.old.plan, &finder.new.plan);
    let (process, other) = (plans.0.process(), plans.1.process());
    let message = format!("the process is now called `{other}`, it was `{process}`");
    differ(finder, FindingId::ProcessRenamed, "process", (process, other), message);
    let spelling = Spelling::default();
    let version = plans.1.version();
    if (process, plans.0.version()) == (other, version) && spelling.parts(old) != spelling.parts(new) {
        finder.find(Change {
            subject: "version".into(),
            message: format!("version {version} has other content now: a change wants a number of its own"),
            old: Seen::key(&old.version, plans.0.digest()),
            new: Seen::key(&new.version, plans.1.digest()),
            ..Change::of(FindingId::VersionContentChanged)
        });
    }
    let (before, after) = (spelling.written(plans.0.key()), spelling.written(plans.1.key()));
    let message = format!("the business key is now {}, it was {}", quoted(&after), quoted(&before));
    differ(finder, FindingId::BusinessKeyChanged, "key", (&before, &after), message);
    let (before, after) = (plans.0.duplicates().word(), plans.1.duplicates().word());
    let message = format!("a second start of a key is now met with `{after}`, it was `{before}`");
    differ(finder, FindingId::DuplicatesPolicyChanged, "duplicates", (before, after), message);
    for (id, key, old, new) in [
        (FindingId::SummaryChanged, "summary", &old.summary, &new.summary),
        (FindingId::OwnerChanged, "owner", &old.owner, &new.owner),
    ] {
        let (before, after) = (old.text().unwrap_or_default(), new.text().unwrap_or_default());
        differ(finder, id, key, (before, after), format!("the {key} is now `{}`", short(after)));
    }
}

/// Says of a key of the header that both differ.
fn differ(finder: &mut Finder<'_>, id: FindingId, key: &str, (before, after): (&str, &str), message: String) {
    if before != after {
        let span = |header: &Header| header.part(key).map(|seen| seen.key_span);
        let old = Seen { span: span(&finder.old.document.header), value: before.to_owned() };
        let new = Seen { span: span(&finder.new.document.header), value: after.to_owned() };
        finder.find(Change { subject: key.to_owned(), message, old, new, ..Change::of(id) });
    }
}
