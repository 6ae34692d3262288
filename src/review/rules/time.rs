//! Time: how long a step waits, how long it may take, and what follows when its time is up.

use std::cmp::Ordering;

use super::finder::Finder;
use super::pairs::differ;
use crate::plan::Plan;
use crate::review::matching::{Both, Pair};
use crate::review::side::{Call, Spelling};
use crate::review::verdict::FindingId;
use crate::syntax::{Nature, Step, Written};
use crate::value::{Duration, Time, Value};

pub fn find(finder: &mut Finder<'_>, pair: &Pair<'_>) {
    if let Some(Both::Wait(old, new)) = Both::of(pair)
        && let (Some(before), Some(after)) = (old.moment(), new.moment())
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
    let id = match (known(before), known(after)) {
        (Some((true, one)), Some((true, other))) | (Some((false, one)), Some((false, other))) => {
            match other.cmp(&one) {
                Ordering::Less => FindingId::WaitShortened,
                Ordering::Greater => FindingId::WaitLengthened,
                Ordering::Equal => return,
            }
        }
        _ => FindingId::WaitChanged,
    };
    let shown = |text: String| text.trim_matches('"').to_owned();
    let (before, after) = (shown(Spelling::default().written(before)), shown(finder.spelling.written(after)));
    let message = format!("{} waits `{after}` now, it was `{before}`", pair.label());
    differ(finder, pair, id, "", (&before, &after), message);
}

/// Of an attempt for a call, of the whole for any other step.
fn limit(plan: &Plan, step: &Step) -> Option<Duration> {
    let call = plan.step(step.number).and_then(Call::of);
    call.and_then(Call::timeout).or(step.common.timeout.value())
}

fn timeout(finder: &mut Finder<'_>, pair: &Pair<'_>) {
    let (before, after) = (limit(&finder.old.plan, pair.old.step), limit(&finder.new.plan, pair.new.step));
    let label = pair.label();
    let what = if pair.new.step.nature() == Nature::Call { "an attempt of " } else { "" };
    let (id, message) = match (before, after) {
        (Some(before), Some(after)) if after < before => {
            (FindingId::TimeoutShortened, format!("{what}{label} may take {after} now, it was {before}"))
        }
        (Some(before), Some(after)) if after > before => {
            (FindingId::TimeoutLengthened, format!("{what}{label} may take {after} now, it was {before}"))
        }
        (None, Some(after)) => (FindingId::TimeoutAdded, format!("{what}{label} may take {after} at most now")),
        (Some(before), None) => {
            (FindingId::TimeoutRemoved, format!("{what}{label} may take for ever now, it was {before}"))
        }
        _ => return,
    };
    let shown = |duration: Option<Duration>| duration.map_or("none".to_owned(), |d| d.to_string());
    differ(finder, pair, id, "timeout", (&shown(before), &shown(after)), message);
}
