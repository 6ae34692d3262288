//! Time: how long a step waits, how long it may take, and what follows when its time is up.

use super::calls::proven;
use super::finding::Finder;
use super::matching::Pair;
use super::spelling::Spelling;
use super::steps::differ;
use crate::plan::{Action, Plan};
use crate::syntax::{Field, Step, Written};
use crate::value::{Duration, Time, Value};

pub(super) fn find(finder: &mut Finder<'_>, pair: &Pair<'_>) {
    if let (Field::Value(before), Field::Value(after), "wait") =
        (&pair.old.step.action, &pair.new.step.action, pair.new.step.verb.name)
    {
        wait(finder, pair, before, after);
    }
    timeout(finder, pair);
}

/// A moment that is known before the run, in milliseconds: a length, or a point in time.
fn known(moment: &Written) -> Option<(bool, i64)> {
    let Some(Value::Text(text)) = moment.constant() else { return None };
    let length = Duration::parse(&text).ok().map(|d| (true, d.millis()));
    length.or_else(|| Time::parse(&text).ok().map(|t| (false, t.millis())))
}

fn wait(finder: &mut Finder<'_>, pair: &Pair<'_>, before: &Written, after: &Written) {
    let ids = match (known(before), known(after)) {
        (Some((true, one)), Some((true, other))) | (Some((false, one)), Some((false, other))) => {
            match other.cmp(&one) {
                std::cmp::Ordering::Less => "wait-shortened",
                std::cmp::Ordering::Greater => "wait-lengthened",
                std::cmp::Ordering::Equal => return,
            }
        }
        _ => "wait-changed",
    };
    let shown = |text: String| text.trim_matches('"').to_owned();
    let (before, after) = (shown(Spelling::default().written(before)), shown(finder.spelling.written(after)));
    let message = format!("{} waits `{after}` now, it was `{before}`", pair.label());
    differ(finder, pair, ids, "", &before, &after, message);
}

/// Of an attempt for a call, of the whole for any other step.
fn limit(plan: &Plan, step: &Step) -> Option<Duration> {
    match proven(plan, step).map(|s| &s.action) {
        Some(Action::Http(http)) => Some(http.timeout),
        Some(Action::Activity(activity)) => Some(activity.timeout),
        _ => step.fields.duration("timeout"),
    }
}

fn timeout(finder: &mut Finder<'_>, pair: &Pair<'_>) {
    let (before, after) = (limit(&finder.old.plan, pair.old.step), limit(&finder.new.plan, pair.new.step));
    let label = pair.label();
    let what = if ["http", "activity"].contains(&pair.new.step.verb.name) { "an attempt of " } else { "" };
    let (id, message) = match (before, after) {
        (Some(before), Some(after)) if after < before => {
            ("timeout-shortened", format!("{what}{label} may take {after} now, it was {before}"))
        }
        (Some(before), Some(after)) if after > before => {
            ("timeout-lengthened", format!("{what}{label} may take {after} now, it was {before}"))
        }
        (None, Some(after)) => ("timeout-added", format!("{what}{label} may take {after} at most now")),
        (Some(before), None) => ("timeout-removed", format!("{what}{label} may take for ever now, it was {before}")),
        _ => return,
    };
    let shown = |duration: Option<Duration>| duration.map_or("none".to_owned(), |d| d.to_string());
    differ(finder, pair, id, "timeout", &shown(before), &shown(after), message);
}
