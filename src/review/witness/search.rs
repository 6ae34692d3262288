//! The search for witnesses: what is tried in which order, and when it is given up. It goes where runs come to steps that
//! none came to before.

use std::collections::BTreeSet;

use super::candidates::{Candidate, around, at_call, plain, together};
use super::guess::{Guess, knobs, settings};
use super::hints::Hints;
use super::trial::{Trial, about, precise, shows};
use crate::plan::Step;
use crate::review::side::{Side, everything};
use crate::review::verdict::{Finding, Severity, Subject, Way, Witness};
use crate::simulate::Scenario;
use crate::syntax::StepId;

/// Runs on each side in one part of the search, and lines of trace and attempts on both in all of it.
const RUNS: usize = 400;
const LINES: usize = 1_000_000;
/// Events of one run after which nothing new is expected of it, at first and at least: an eighth of them after each run that
/// has used up all, as a loop without an end does.
const EVENTS: usize = 40_000;
const FEWEST: usize = 2_000;
/// Lines in a table of ways.
const WAYS: usize = 5;
/// Runs that set the fields of which no schema speaks.
const TURNS: usize = 600;
/// Runs that come to the step of a finding from which a closer search goes on, and runs tried from each.
const BASES: usize = 3;
const NEAR: usize = 40;
/// Runs of each version after which no closer search begins or goes on.
const ALL: usize = 2_000;

/// Finds a witness for every finding that is worth one.
pub fn attach(findings: &mut [Finding], old: &Side, new: &Side, scenarios: &[Scenario]) {
    let wanted = |finding: &Finding| !finding.cosmetic && finding.worst() >= Severity::Warning;
    let number = findings.iter().filter(|finding| wanted(finding)).count();
    if number == 0 {
        return;
    }
    let hints = Hints::of(old, new);
    let mut trials = Trials { old, new, hints, tried: Vec::new(), lines: 0, events: EVENTS };
    trials.begin(scenarios);
    for finding in findings.iter_mut().filter(|finding| wanted(finding)) {
        finding.witness = trials.best(finding, number == 1);
        if finding.witness.is_none() && finding.worst() == Severity::Error {
            trials.closer(finding);
            finding.witness = trials.best(finding, number == 1);
        }
        if finding.id.row().fact.subject == Subject::Control {
            finding.ways = trials.ways(finding);
        }
    }
}

struct Trials<'a> {
    old: &'a Side,
    new: &'a Side,
    hints: Hints,
    tried: Vec<Trial>,
    lines: usize,
    /// How many each run may have.
    events: usize,
}

impl Trials<'_> {
    /// Plain inputs, then variations of those that come to the most steps.
    fn begin(&mut self, scenarios: &[Scenario]) {
        self.run(plain(self.old, self.new, scenarios, &self.hints), RUNS, LINES);
        self.turn();
        let bases = self.bases();
        self.run(together(self.old, self.new, &bases), RUNS, LINES);
        let made: Vec<Vec<Candidate>> =
            bases.iter().map(|base| around(self.old, self.new, base, &self.hints)).collect();
        let longest = made.iter().map(Vec::len).max().unwrap_or(0);
        // One of each in turn, so that none is left out for want of runs.
        let mixed = (0..longest).flat_map(|at| made.iter().filter_map(move |all| all.get(at)));
        self.run(mixed.cloned().collect(), RUNS, LINES);
    }

    /// Sets the fields of which no schema speaks. Settings that bring a run to a step where none was before are kept, and
    /// one more field is set in them, before it goes on where it was.
    fn turn(&mut self) {
        let (knobs, settings) = (knobs(self.old, self.new), settings(&self.hints));
        let Some(base) = self.bases().into_iter().next().filter(|_| !knobs.is_empty()) else { return };
        let mut known: BTreeSet<(bool, String)> = self.tried.iter().flat_map(Trial::came).collect();
        // Each with the knob to begin with, and how many of its settings were tried.
        let mut kept = vec![(Guess::default(), 0, 0)];
        for _ in 0..TURNS {
            while kept.last().is_some_and(|(.., tried)| *tried == knobs.len() * settings.len()) {
                kept.pop();
            }
            let Some((guess, first, tried)) = kept.last_mut() else { return };
            let at = (*first + *tried / settings.len()) % knobs.len();
            let (Some(knob), Some(setting)) = (knobs.get(at), settings.get(*tried % settings.len())) else { return };
            let turned = guess.with(knob, setting);
            *tried += 1;
            let before = self.tried.len();
            self.run(vec![turned.applied(&base)], 1, LINES);
            let Some(trial) = self.tried.get(before) else { return };
            let more: Vec<(bool, String)> = trial.came().into_iter().filter(|step| !known.contains(step)).collect();
            if !more.is_empty() {
                known.extend(more);
                kept.push((turned, at + 1, 0));
            }
        }
    }

    /// Runs that both take, such that together they come to as many steps as may be; the simplest where some are alike.
    fn bases(&self) -> Vec<Candidate> {
        let mut known: BTreeSet<(bool, String)> = BTreeSet::new();
        let mut found: Vec<&Trial> = Vec::new();
        while found.len() < BASES {
            let left = self
                .tried
                .iter()
                .filter(|trial| trial.taken())
                .filter(|t| !found.iter().any(|known| std::ptr::eq(*known, *t)));
            let gain = |trial: &Trial| trial.came().iter().filter(|step| !known.contains(*step)).count();
            let Some(next) = left.max_by_key(|trial| (gain(trial), std::cmp::Reverse(trial.size))) else { break };
            if !found.is_empty() && gain(next) == 0 {
                break;
            }
            known.extend(next.came());
            found.push(next);
        }
        found.into_iter().map(|trial| trial.candidate.clone()).collect()
    }

    /// At most so many runs of each version, and until so many lines of trace were written by all.
    fn run(&mut self, candidates: Vec<Candidate>, runs: usize, lines: usize) {
        for candidate in candidates.into_iter().take(runs) {
            if self.lines > lines || self.tried.len() >= ALL {
                return;
            }
            let (trial, most, all) = Trial::run(candidate, (self.old, self.new), self.events);
            self.lines += all;
            if 2 * most >= self.events {
                self.events = FEWEST.max(self.events / 8);
            }
            self.tried.push(trial);
        }
    }

    /// The steps inside the one that a finding about control is about: by them it shows.
    fn inner(&self, finding: &Finding) -> BTreeSet<String> {
        let control = finding.id.row().fact.subject == Subject::Control;
        let steps = [(self.old, finding.steps.0), (self.new, finding.steps.1)];
        let inside = steps.into_iter().filter(|_| control).flat_map(|(side, step)| inside(side, step));
        inside.map(|step| step.segment.clone()).collect()
    }

    /// What shows most of it, then what is simple.
    fn best(&self, finding: &Finding, alone: bool) -> Option<Witness> {
        let inner = &self.inner(finding);
        let shown = self.tried.iter().filter(|trial| trial.differs && shows(trial, finding, inner, alone));
        let broken = |trial: &Trial| [&trial.old, &trial.new].iter().any(|b| b.error.as_deref() == Some("expression"));
        let best = shown
            .min_by_key(|trial| (!about(trial, finding, inner), !precise(trial, finding), broken(trial), trial.size))?;
        Some(Witness {
            input: best.candidate.scenario.input.clone(),
            new_input: best.candidate.new_input.clone(),
            scenario: best.candidate.words.clone(),
            old: best.old.clone(),
            new: best.new.clone(),
        })
    }

    /// Inputs, with nothing beside them, that come to other steps: one of each kind.
    fn ways(&self, finding: &Finding) -> Vec<Way> {
        let only = |one: &[String], other: &[String]| -> Vec<String> {
            let mut seen = BTreeSet::new();
            one.iter().filter(|step| !other.contains(step) && seen.insert(*step)).cloned().collect()
        };
        let inner = &self.inner(finding);
        let mut found: Vec<Way> = Vec::new();
        let plain = self.tried.iter().filter(|trial| trial.candidate.words.is_empty() && trial.taken());
        let mut plain: Vec<&Trial> = plain.filter(|trial| about(trial, finding, inner)).collect();
        plain.sort_by_key(|trial| trial.size);
        for trial in plain {
            let (old, new) = (only(&trial.old.way, &trial.new.way), only(&trial.new.way, &trial.old.way));
            let known = found.iter().any(|way| (&way.old, &way.new) == (&old, &new));
            let differ = !old.is_empty() || !new.is_empty();
            if differ && !known && found.len() < WAYS {
                found.push(Way { input: trial.candidate.scenario.input.clone(), old, new });
            }
        }
        found
    }

    /// Goes on from the simplest runs that came to the step of a finding: the call there, or those inside, are answered
    /// otherwise.
    fn closer(&mut self, finding: &Finding) {
        let Some(step) = &finding.step else { return };
        let came = |trial: &&Trial| trial.old.way.contains(step) || trial.new.way.contains(step);
        let mut near: Vec<&Trial> = self.tried.iter().filter(came).collect();
        let both = |trial: &Trial| trial.old.way.contains(step) && trial.new.way.contains(step);
        near.sort_by_key(|trial| (!both(trial), trial.size));
        let below = inside(self.old, finding.steps.0).into_iter().chain(inside(self.new, finding.steps.1));
        let calls: BTreeSet<&str> = below.filter_map(|step| step.id.as_deref()).chain([step.as_str()]).collect();
        let each = NEAR / calls.len().max(1);
        let mut found = Vec::new();
        for trial in near.into_iter().take(BASES) {
            let at =
                |call: &&str| at_call(self.old, self.new, call, &trial.candidate, &self.hints).into_iter().take(each);
            found.extend(calls.iter().flat_map(at));
        }
        self.run(found, NEAR * BASES, 2 * LINES);
    }
}

/// The steps inside one.
fn inside(side: &Side, step: Option<StepId>) -> Vec<&Step> {
    let step = step.and_then(|number| side.plan.step(number));
    step.map_or(Vec::new(), |step| everything(&side.plan, step).into_iter().skip(1).collect())
}
