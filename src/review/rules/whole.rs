//! What a change means for the definition as a whole: whether it can end, what never runs any more, how long the history
//! of a run can become.

use super::finder::{Change, Finder, Seen};
use super::steps::is_log;
use crate::plan::reach;
use crate::review::matching::{Matched, Pair};
use crate::review::verdict::{Certainty, FindingId, Severity};
use crate::syntax::Step;

/// Events of a history from which Temporal warns, and at which it ends the run (defaults of its server).
const WARNS: u64 = 10_240;
const ENDS: u64 = 51_200;
/// Below a tenth of that nobody need look.
const TELLS: u64 = 1_024;

pub fn find(finder: &mut Finder<'_>, matched: &Matched<'_>) {
    let (before, after) = (reach(&finder.old.document), reach(&finder.new.document));
    if before.ends && !after.ends {
        finder.find(Change {
            subject: "steps".into(),
            message: "no run comes to its end any more".into(),
            old: Seen::key(&finder.old.document.header.steps, "ends"),
            new: Seen::key(&finder.new.document.header.steps, "does not end"),
            ..Change::of(FindingId::EndUnreachable)
        });
    }
    let dead = |step: &Step| after.never.contains(&step.number);
    let newly = |pair: &&Pair<'_>| {
        dead(pair.new.step)
            && !before.never.contains(&pair.old.step.number)
            && !pair.new.around.iter().any(|around| dead(around))
            && !is_log(pair.new.step)
    };
    let found: Vec<Change> = matched
        .pairs
        .iter()
        .filter(newly)
        .map(|pair| {
            let message = format!("{} never runs now: no way leads to it", pair.label());
            pair.change(FindingId::StepUnreachable, "", "reached", "never reached", message)
        })
        .collect();
    found.into_iter().for_each(|change| finder.find(change));
    history(finder);
}

/// The longest history that is possible, where it is longer now.
fn history(finder: &mut Finder<'_>) {
    let Some(before) = finder.old.plan.worst_case_history() else { return };
    let after = finder.new.plan.worst_case_history();
    let (most, words) = match after {
        None => (Severity::Warning, "nothing bounds the history of a run any more".to_owned()),
        Some(after) if after <= before || after < TELLS => return,
        Some(after) => {
            let words = format!("the history of a run can have {after} events now");
            match after {
                ENDS.. => (Severity::Error, format!("{words}, and Temporal ends a run at {ENDS}")),
                WARNS.. => (Severity::Warning, format!("{words}, and Temporal warns from {WARNS}")),
                _ => (Severity::Info, words),
            }
        }
    };
    finder.find(Change {
        subject: "history".into(),
        message: format!("{words}; it was {before} at most"),
        old: Seen::key(&finder.old.document.header.steps, before.to_string()),
        new: Seen::key(&finder.new.document.header.steps, after.map_or("none".to_owned(), |after| after.to_string())),
        certainty: Certainty { most, read: None },
        ..Change::of(FindingId::WorstCaseHistoryRaised)
    });
}
