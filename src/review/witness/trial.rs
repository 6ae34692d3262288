//! A candidate that was run on both versions, and whether it shows what a finding says.

use std::collections::BTreeSet;

use super::candidates::Candidate;
use crate::review::side::{Behaviour, RUNNING, Side};
use crate::review::verdict::{Direction, Finding, FindingId, Severity, Subject};
use crate::value::to_json;

/// A candidate that was run on both.
pub struct Trial {
    pub candidate: Candidate,
    pub old: Behaviour,
    pub new: Behaviour,
    /// Steps whose calls differ, steps on one way only, and words heard on one side only.
    named: BTreeSet<String>,
    pub size: usize,
    /// Whether callers, whether those who are called, and whether anybody sees a difference.
    callers: bool,
    downstream: bool,
    pub differs: bool,
}

impl Trial {
    /// Runs a candidate on both, for so many events at most; and how many lines of trace and attempts came of it, on the
    /// side that has more, and on both.
    pub fn run(candidate: Candidate, (old, new): (&Side, &Side), events: usize) -> (Trial, usize, usize) {
        let (before, some) = Behaviour::of(&old.plan, &candidate.scenario, events);
        let (after, more) = Behaviour::of(&new.plan, &candidate.for_new(), events);
        let words = &candidate.words;
        let size =
            to_json(&candidate.scenario.input).len() + 40 * words.len() + words.iter().map(String::len).sum::<usize>();
        let named = named(&before, &after);
        let callers = before.seen() != after.seen();
        let downstream = before.requests() != after.requests();
        let other = before.took != after.took || before.way != after.way || before.key != after.key;
        let differs = callers || downstream || other;
        let trial = Trial { candidate, old: before, new: after, named, size, callers, downstream, differs };
        (trial, some.max(more), some + more)
    }

    /// The steps that it came to, on each side.
    pub fn came(&self) -> BTreeSet<(bool, String)> {
        let old = self.old.touched.iter().map(|step| (false, step.clone()));
        old.chain(self.new.touched.iter().map(|step| (true, step.clone()))).collect()
    }

    pub fn taken(&self) -> bool {
        self.old.refused.is_none() && self.new.refused.is_none()
    }

    /// Whether the scenario says what this step is answered.
    fn answers(&self, step: &str) -> bool {
        self.candidate.scenario.answers.contains_key(step)
    }
}

/// Names of what differs between two behaviours.
fn named(old: &Behaviour, new: &Behaviour) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let calls =
        |behaviour: &Behaviour| behaviour.calls.iter().map(|(step, r)| (step.clone(), to_json(r))).collect::<Vec<_>>();
    let (before, after) = (calls(old), calls(new));
    if before != after {
        let first = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
        names.extend(before.iter().skip(first).chain(after.iter().skip(first)).map(|(step, _)| step.clone()));
    }
    let way = |behaviour: &Behaviour| behaviour.way.iter().cloned().collect::<BTreeSet<String>>();
    names.extend(way(old).symmetric_difference(&way(new)).cloned());
    let count = |of: &Behaviour, words: &String| of.heard.iter().filter(|heard| *heard == words).count();
    names.extend(old.heard.iter().chain(&new.heard).filter(|w| count(old, w) != count(new, w)).cloned());
    names.extend(old.refused.iter().chain(&new.refused).cloned());
    names
}

/// Whether it has to do with what the finding is about; `inner` are the steps inside that one, where it is about control.
pub fn about(trial: &Trial, finding: &Finding, inner: &BTreeSet<String>) -> bool {
    let inside = || trial.named.iter().any(|name| inner.contains(name));
    let Some(about) = &finding.about else { return inner.is_empty() || inside() };
    let (old, new) = (&trial.old, &trial.new);
    let told = match finding.id.row().fact.subject {
        Subject::Time => old.took != new.took && (old.way.contains(about) || new.way.contains(about)),
        // What comes of a failure of the step shows behind it.
        Subject::Failure => trial.answers(about),
        Subject::CallerIn
        | Subject::CallerOut
        | Subject::Effect
        | Subject::Manner
        | Subject::Control
        | Subject::Platform
        | Subject::Budget
        | Subject::Words => false,
    };
    told || inside() || trial.named.iter().any(|name| name.contains(about.as_str()))
}

/// Whether it is the very thing that the finding says: of a call that is another, both were made; of a failure, it was
/// the step's.
pub fn precise(trial: &Trial, finding: &Finding) -> bool {
    let Some(about) = &finding.about else { return true };
    let fact = finding.id.row().fact;
    let of = |behaviour: &Behaviour| behaviour.calls.iter().find(|(step, _)| step == about).map(|(_, r)| to_json(r));
    match (fact.subject, fact.direction) {
        (Subject::Effect, Direction::Changed) => {
            of(&trial.old).zip(of(&trial.new)).is_some_and(|(old, new)| old != new)
        }
        (Subject::Failure, _) => trial.answers(about),
        _ => true,
    }
}

/// Whether a trial shows what the finding says. `alone`: nothing else has changed that could have caused it.
pub fn shows(trial: &Trial, finding: &Finding, inner: &BTreeSet<String>, alone: bool) -> bool {
    let (old, new) = (&trial.old, &trial.new);
    let refusals = old.refused.is_some() != new.refused.is_some();
    match finding.id.row().fact.subject {
        _ if finding.id == FindingId::BusinessKeyChanged => old.key != new.key,
        // Where the inputs differ, what shows is what the steps do, not what is taken.
        Subject::CallerIn if trial.candidate.new_input.is_some() => false,
        Subject::CallerIn if finding.subject.starts_with("input") => {
            // A default shows in what is done, everything else in what is refused.
            let wanted =
                if finding.id == FindingId::InputDefaultChanged { trial.callers || trial.downstream } else { refusals };
            wanted && (alone || about(trial, finding, inner))
        }
        Subject::Budget => false,
        _ if finding.id == FindingId::EndUnreachable => {
            old.status == "completed" && ["waiting", RUNNING].contains(&new.status)
        }
        // Everything else is about runs that both versions take.
        _ if refusals => false,
        _ if !(alone || about(trial, finding, inner)) => false,
        Subject::Time => trial.differs,
        Subject::Platform => finding.id == FindingId::VersionContentChanged && trial.differs,
        Subject::CallerIn
        | Subject::CallerOut
        | Subject::Effect
        | Subject::Manner
        | Subject::Control
        | Subject::Failure
        | Subject::Words => {
            let callers = finding.callers == Some(Severity::Error) && trial.callers;
            let downstream = finding.downstream == Some(Severity::Error) && trial.downstream;
            callers || downstream || (finding.worst() == Severity::Warning && trial.differs)
        }
    }
}
