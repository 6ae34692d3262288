//! Steps: what came, went, moved, and what of a step that stayed is another now. What is special to a subject is in the
//! file of its name.

use super::finder::{Change, Finder, Seen};
use super::pairs::{about, differ};
use super::{calls, control, failure, time, values};
use crate::review::matching::{At, Matched, Moved, Pair};
use crate::review::side::{Spelling, acts, beside, id_of, label};
use crate::review::verdict::{Certainty, FindingId};
use crate::syntax::{Action, Nature, Step, walk};

pub fn find(finder: &mut Finder<'_>, matched: &Matched<'_>) {
    values::variables(finder);
    for pair in &matched.pairs {
        placed(finder, pair);
        if pair.old.step.verb().name != pair.new.step.verb().name {
            another_verb(finder, pair);
            continue;
        }
        if pair.is_unrelated(&finder.spelling) {
            calls::reused(finder, pair);
            continue;
        }
        control::find(finder, pair);
        time::find(finder, pair);
        failure::find(finder, pair);
        calls::find(finder, pair);
        values::find(finder, pair);
        words(finder, pair);
    }
    for (left, gone) in matched.removed.iter().map(|at| (at, true)).chain(matched.added.iter().map(|at| (at, false))) {
        let inside = |pair: &&Pair<'_>| {
            let around = if gone { &pair.old.around } else { &pair.new.around };
            pair.moved.is_some() && around.iter().any(|around| around.number == left.step.number)
        };
        if !left.covered {
            alone(finder, left, gone, matched.pairs.iter().find(inside));
        }
    }
    calls::services(finder);
}

/// The place of a step among the others, and its name.
fn placed(finder: &mut Finder<'_>, pair: &Pair<'_>) {
    let (before, after) = (id_of(pair.old.step), id_of(pair.new.step));
    if before != after {
        let named = |step: &Step, id: &str| {
            if id.is_empty() { format!("`{}` without an id", step.verb().name) } else { format!("`{id}`") }
        };
        let message = format!("{} is now called {}", named(pair.old.step, before), named(pair.new.step, after));
        finder.find(Change {
            subject: pair.old.subject(),
            message,
            old: Seen::at(pair.old.step.place_of("id"), before),
            new: Seen::at(pair.new.step.place_of("id"), after),
            ..pair.blank(FindingId::StepRenamed)
        });
    }
    let place = |at: &At<'_>| at.path.join(".");
    let (from, to) = (place(&pair.old), place(&pair.new));
    let label = pair.label();
    let moved = match pair.moved {
        Some(Moved::Nested) => {
            Some((FindingId::StepNested, format!("{label} now stands inside `{to}`, it stood in `{from}`")))
        }
        Some(Moved::Unnested) => {
            Some((FindingId::StepUnnested, format!("{label} now stands in `{to}`, it stood inside `{from}`")))
        }
        Some(Moved::Elsewhere) if from != to => {
            Some((FindingId::StepReordered, format!("{label} now stands in `{to}`, it stood in `{from}`")))
        }
        Some(Moved::Elsewhere) | None => {
            pair.passed.as_ref().map(|passed| (FindingId::StepReordered, format!("{label} now comes {}", passed.words)))
        }
    };
    if let Some((id, message)) = moved.filter(|_| !is_log(pair.new.step)) {
        let mut change = pair.change(id, "", &from, &to, message);
        change.new.value.push_str(pair.passed.as_ref().map_or("", |passed| &passed.words));
        let certain = pair.passed.as_ref().map_or_else(|| acts(pair.new.step), |passed| passed.acts);
        change.certainty = Certainty::of(certain);
        finder.find(change);
    }
}

fn another_verb(finder: &mut Finder<'_>, pair: &Pair<'_>) {
    let (before, after) = (pair.old.step.verb().name, pair.new.step.verb().name);
    let label = pair.label();
    let waits_for_all = |step: &Step| beside(step).map(|(_, all)| all);
    let (id, message) = match (waits_for_all(pair.old.step), waits_for_all(pair.new.step)) {
        (Some(false), Some(true)) => {
            (FindingId::RaceBecameParallel, format!("{label} now waits for all branches, it took the first"))
        }
        (Some(true), Some(false)) => {
            (FindingId::ParallelBecameRace, format!("{label} now takes the first branch, it waited for all"))
        }
        _ => (FindingId::StepVerbChanged, format!("{label} is `{after}` now, it was `{before}`")),
    };
    let mut change = pair.change(id, "", before, after, message);
    change.certainty = Certainty::of(acts(pair.old.step) || acts(pair.new.step));
    finder.find(change);
    if id != FindingId::StepVerbChanged {
        control::find(finder, pair);
    }
}

/// A step that has no partner. `moved`: something inside has one, elsewhere.
fn alone(finder: &mut Finder<'_>, at: &At<'_>, gone: bool, moved: Option<&Pair<'_>>) {
    let step = at.step;
    let Some((id, message)) = said(at, gone, moved) else { return };
    let body = if gone { Spelling::default().body(step) } else { finder.spelling.body(step) };
    let here = Seen::at(step.span, body);
    let (old, new) = if gone { (here, Seen::nowhere()) } else { (Seen::nowhere(), here) };
    finder.find(Change {
        subject: at.subject(),
        message,
        old,
        new,
        // Nobody who is called misses a wait.
        certainty: Certainty::of(step.nature() != Nature::Wait),
        about: about(step),
        step: Some(step.segment.clone()),
        steps: if gone { (Some(step.number), None) } else { (None, Some(step.number)) },
        ..Change::of(id)
    });
}

/// What is said of a step without a partner; `None`: what is inside says it.
fn said(at: &At<'_>, gone: bool, moved: Option<&Pair<'_>>) -> Option<(FindingId, String)> {
    let step = at.step;
    let name = label(step);
    let pick = |removed: (FindingId, String), added: (FindingId, String)| Some(if gone { removed } else { added });
    let plain = |removed: FindingId, added: FindingId| {
        pick((removed, format!("{name} is gone")), (added, format!("{name} is new")))
    };
    let place = at.path.join(".");
    let outcome = |way: String| {
        pick(
            (FindingId::OutcomeRemoved, format!("a run does not {way} in `{place}` any more")),
            (FindingId::OutcomeAdded, format!("a run may {way} in `{place}` now")),
        )
    };
    // Of what does nothing itself, the value may be read.
    let block = || (!tells(step)).then(|| plain(FindingId::ValueChanged, FindingId::ValueChanged)).flatten();
    let inside = moved.map(Pair::label);
    match (&step.action, inside) {
        (Action::Http(_) | Action::Activity(_) | Action::Send(_) | Action::Wait(_), _) => {
            plain(FindingId::StepRemoved, FindingId::StepAdded)
        }
        (Action::Set(_), _) => plain(FindingId::ValueChanged, FindingId::ValueChanged),
        (Action::Log(_), _) => plain(FindingId::LogChanged, FindingId::LogChanged),
        (Action::Return(_), _) => outcome("end with a `return`".to_owned()),
        (Action::Fail(fail), _) => {
            let error = fail.failure.get().and_then(|failure| failure.error.text()).unwrap_or_default();
            outcome(format!("fail with `{error}`"))
        }
        (Action::Break(_) | Action::Continue(_), _) => pick(
            (FindingId::LoopBoundChanged, format!("the loop has no {name} any more")),
            (FindingId::LoopBoundChanged, format!("the loop has a {name} now")),
        ),
        (Action::If(_) | Action::Switch(_), Some(inside)) => pick(
            (FindingId::ConditionChanged, format!("{inside} does not depend on an {name} any more")),
            (FindingId::ConditionChanged, format!("{inside} now depends on an {name}")),
        ),
        (Action::While(_) | Action::For(_), Some(inside)) => pick(
            (FindingId::LoopBoundChanged, format!("{inside} is not repeated by {name} any more")),
            (FindingId::LoopBoundChanged, format!("{inside} is now repeated by {name}")),
        ),
        (Action::Try(_), Some(inside)) => pick(
            (FindingId::CatchRemoved, format!("errors of {inside} are not caught any more")),
            (FindingId::CatchWidened, format!("errors of {inside} are now caught")),
        ),
        (Action::If(_) | Action::Switch(_) | Action::While(_) | Action::For(_) | Action::Try(_), None)
        | (Action::Parallel(_) | Action::Race(_) | Action::Do(_), _) => block(),
    }
}

/// Whether something inside a block has a finding of its own when the block comes or goes.
fn tells(step: &Step) -> bool {
    let own = |step: &Step| match step.nature() {
        Nature::Call | Nature::Message | Nature::Exit(_) | Nature::Wait => true,
        Nature::Instant => !is_log(step),
        Nature::Block | Nature::Strands => false,
    };
    walk(std::slice::from_ref(step)).into_iter().skip(1).any(own)
}

/// Whether it is there for those who read along, and for nothing in the run.
pub fn is_log(step: &Step) -> bool {
    matches!(step.action, Action::Log(_))
}

fn words(finder: &mut Finder<'_>, pair: &Pair<'_>) {
    let summary = |step: &'_ Step| step.common.summary.text().unwrap_or_default().to_owned();
    let (before, after) = (summary(pair.old.step), summary(pair.new.step));
    let message = format!("the summary of {} is another", pair.label());
    differ(finder, pair, FindingId::SummaryChanged, "summary", (&before, &after), message);
}
