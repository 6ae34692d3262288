//! Witnesses: an input and a scenario that were run on both versions, and what each did. Nothing is claimed that was not
//! run.

use std::collections::BTreeSet;

use super::Side;
use super::candidates::{Candidate, Hints, around, at_call, plain, together};
use super::catalogue::row;
use super::finding::Finding;
use super::guess::{Guess, knobs, settings};
use super::live::lists;
use super::model::{Direction, Severity, Subject};
use crate::machine::{Refused, UpdateOutcome, What};
use crate::plan::Plan;
use crate::simulate::{Happening, Replied, Scenario, Status, simulate_within};
use crate::value::{Duration, Value, to_json};

/// Runs on each side, and lines of trace and attempts on both, after which nothing more is tried.
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

#[derive(Debug, Clone, PartialEq)]
pub struct Witness {
    pub input: Value,
    /// That of the new version, where no input that was tried fits both.
    pub new_input: Option<Value>,

    /// What happens beside the input, in words; empty: every call succeeds and nothing else happens.
    pub scenario: Vec<String>,
    pub old: Behaviour,
    pub new: Behaviour,
}

/// An input that takes another way: the steps that only one of the versions comes to with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Way {
    pub input: Value,
    pub old: Vec<String>,
    pub new: Vec<String>,
}

/// What a version did.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Behaviour {
    /// The input was not taken: why.
    pub refused: Option<String>,
    pub key: String,
    /// `completed`, `failed`, `cancelled`, `waiting`.
    pub status: &'static str,
    pub result: Option<Value>,
    /// The type of the error.
    pub error: Option<String>,
    pub took: Duration,
    /// Every attempt, in order: the step, and the request.
    pub calls: Vec<(String, Value)>,
    /// What became of messages and queries, in order.
    pub heard: Vec<String>,
    /// The steps that were entered, in order.
    pub way: Vec<String>,
    /// Those too whose `when` failed.
    touched: BTreeSet<String>,
}

impl Behaviour {
    fn of(plan: &Plan, scenario: &Scenario, events: usize) -> (Behaviour, usize) {
        let report = match simulate_within(plan, scenario, events) {
            Ok(report) => report,
            Err(refused) => return (Behaviour { refused: Some(reason(&refused)), ..Behaviour::default() }, 1),
        };
        let last = |path: &str| path.rsplit('.').next().unwrap_or(path).to_owned();
        let mut heard: Vec<String> = Vec::new();
        let happenings = scenario.timeline.iter().flat_map(|entry| &entry.together);
        for (at, happening) in happenings.enumerate() {
            let (word, name) = match happening {
                Happening::Update { name, .. } => ("update", name),
                Happening::Query { name, .. } => ("query", name),
                _ => continue,
            };
            let answer = match report.replies.get(&at) {
                Some(Replied::Update(UpdateOutcome::Returned(value)) | Replied::Query(Ok(value))) => to_json(value),
                Some(Replied::Update(UpdateOutcome::Refused(refusal))) => format!("refused: {}", refusal.message),
                Some(Replied::Update(UpdateOutcome::Failed(error))) => format!("failed with {}", error.kind),
                Some(Replied::Query(Err(error))) => format!("failed: {error}"),
                None => "no answer".to_owned(),
            };
            heard.push(format!("{word} `{name}`: {answer}"));
        }
        for (_, trace) in &report.trace {
            match &trace.what {
                What::Refused { event, reason } => heard.push(format!("{event} refused: {reason}")),
                What::Stray { event } if event.starts_with("signal ") => heard.push(format!("{event} is not taken")),
                What::Took { .. } => heard.push(format!("`{}` took a signal", last(&trace.path))),
                What::Dead { signal, .. } => heard.push(format!("signal `{signal}` could not be judged")),
                _ => {}
            }
        }
        heard.extend(report.unread.iter().map(|name| format!("signal `{name}` was never read")));
        let entered = report.trace.iter().filter(|(_, t)| t.what == What::Entered).map(|(_, t)| last(&t.path));
        let lines = report.trace.len() + report.attempts.len();
        let behaviour = Behaviour {
            refused: None,
            key: report.key.clone(),
            status: report.status.word(),
            result: report.result.clone().filter(|_| report.status == Status::Completed),
            error: report.error.as_ref().map(|error| error.kind.clone()),
            took: report.took,
            calls: report.attempts.iter().map(|(path, request)| (last(path), sent(request))).collect(),
            heard,
            way: entered.collect(),
            touched: report.trace.iter().map(|(_, t)| last(&t.path)).collect(),
        };
        (behaviour, lines)
    }

    /// What a caller sees of it.
    fn seen(&self) -> (bool, &'static str, Option<String>, Option<&str>, &[String]) {
        (self.refused.is_some(), self.status, self.result.as_ref().map(to_json), self.error.as_deref(), &self.heard)
    }

    fn requests(&self) -> Vec<String> {
        self.calls.iter().map(|(_, request)| to_json(request)).collect()
    }

    /// In a few words.
    pub fn words(&self) -> String {
        if let Some(refused) = &self.refused {
            return format!("refused: {refused}");
        }
        let end = match (&self.result, &self.error) {
            (Some(Value::Null), _) => String::new(),
            (Some(result), _) => format!(" with {}", to_json(result)),
            (_, Some(error)) => format!(" with {error}"),
            _ => String::new(),
        };
        format!("{} after {}{end}", self.status, self.took)
    }

    /// The steps that called, in order; one that repeats at once is counted.
    pub fn called(&self) -> String {
        let mut steps: Vec<(&str, usize)> = Vec::new();
        for (step, _) in &self.calls {
            match steps.last_mut() {
                Some((last, count)) if last == step => *count += 1,
                _ => steps.push((step, 1)),
            }
        }
        let shown =
            steps.iter().take(12).map(|(step, n)| if *n > 1 { format!("{step} ×{n}") } else { (*step).to_owned() });
        let mut shown: Vec<String> = shown.collect();
        if steps.len() > 12 {
            shown.push("…".into());
        }
        if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
    }
}

/// Why an input is not taken: its first misfit.
fn reason(refused: &Refused) -> String {
    match refused {
        Refused::Input(violations) => match violations.first() {
            Some(first) if !first.pointer.is_empty() => format!("at `{}`: {}", first.pointer, first.detail),
            Some(first) => first.detail.clone(),
            None => String::new(),
        },
        Refused::Key(words) => words.clone(),
    }
}

/// What a service sees of a request; how it is tried and judged is ours.
fn sent(request: &Value) -> Value {
    match request {
        Value::Map(fields) => {
            let ours = ["expect", "timeout", "retry"];
            Value::map(fields.iter().filter(|(k, _)| !ours.contains(&k.as_str())).map(|(k, v)| (k.as_str(), v.clone())))
        }
        other => other.clone(),
    }
}

/// A candidate that was run on both.
struct Trial {
    candidate: Candidate,
    old: Behaviour,
    new: Behaviour,
    /// Steps whose calls differ, steps on one way only, and words heard on one side only.
    named: BTreeSet<String>,
    size: usize,
}

impl Trial {
    /// The steps that it came to, on each side.
    fn came(&self) -> BTreeSet<(bool, String)> {
        let old = self.old.touched.iter().map(|step| (false, step.clone()));
        old.chain(self.new.touched.iter().map(|step| (true, step.clone()))).collect()
    }

    fn taken(&self) -> bool {
        self.old.refused.is_none() && self.new.refused.is_none()
    }

    /// Whether the scenario says what this step is answered.
    fn answers(&self, step: &str) -> bool {
        self.candidate.scenario.answers.contains_key(step)
    }

    fn callers(&self) -> bool {
        self.old.seen() != self.new.seen()
    }

    fn downstream(&self) -> bool {
        self.old.requests() != self.new.requests()
    }

    fn any(&self) -> bool {
        let (old, new) = (&self.old, &self.new);
        self.callers() || self.downstream() || old.took != new.took || old.way != new.way || old.key != new.key
    }
}

/// Finds a witness for every finding that is worth one.
pub(super) fn attach(findings: &mut [Finding], old: &Side, new: &Side, scenarios: &[Scenario]) {
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
        if row(finding.id).is_some_and(|row| row.fact.subject == Subject::Control) {
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
            let (old, some) = Behaviour::of(&self.old.plan, &candidate.scenario, self.events);
            let (new, more) = Behaviour::of(&self.new.plan, &candidate.for_new(), self.events);
            self.lines += some + more;
            if 2 * some.max(more) >= self.events {
                self.events = FEWEST.max(self.events / 8);
            }
            let words = &candidate.words;
            let size = to_json(&candidate.scenario.input).len()
                + 40 * words.len()
                + words.iter().map(String::len).sum::<usize>();
            let named = named(&old, &new);
            self.tried.push(Trial { candidate, old, new, named, size });
        }
    }

    /// The steps inside the one that a finding about control is about: by them it shows.
    fn inner(&self, finding: &Finding) -> BTreeSet<String> {
        let control = row(finding.id).is_some_and(|row| row.fact.subject == Subject::Control);
        let step = finding.step.as_ref().filter(|_| control);
        step.into_iter().flat_map(|step| [self.old, self.new].map(|side| inside(&side.plan, step))).flatten().collect()
    }

    /// What shows most of it, then what is simple.
    fn best(&self, finding: &Finding, alone: bool) -> Option<Witness> {
        let inner = &self.inner(finding);
        let shown = self.tried.iter().filter(|trial| trial.any() && shows(trial, finding, inner, alone));
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
        let calls: Vec<String> = [self.old, self.new].into_iter().flat_map(|side| inside(&side.plan, step)).collect();
        let calls: BTreeSet<&str> = calls.iter().map(String::as_str).collect();
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

/// The ids of a step and of those inside it.
fn inside(plan: &Plan, segment: &str) -> Vec<String> {
    let Some(step) = plan.steps.iter().find(|step| step.segment == segment) else { return Vec::new() };
    let below = lists(step).into_iter().flat_map(|(_, list)| plan.list(list)).filter_map(|id| plan.step(*id));
    step.id.iter().cloned().chain(below.flat_map(|step| inside(plan, &step.segment))).collect()
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
    let ways = |one: &Behaviour, other: &Behaviour| {
        one.way.iter().filter(|step| !other.way.contains(step)).cloned().collect::<Vec<_>>()
    };
    names.extend(ways(old, new));
    names.extend(ways(new, old));
    let count = |of: &Behaviour, words: &String| of.heard.iter().filter(|heard| *heard == words).count();
    names.extend(old.heard.iter().chain(&new.heard).filter(|w| count(old, w) != count(new, w)).cloned());
    names.extend(old.refused.iter().chain(&new.refused).cloned());
    names
}

fn about(trial: &Trial, finding: &Finding, inner: &BTreeSet<String>) -> bool {
    let Some(about) = &finding.about else { return true };
    let (old, new) = (&trial.old, &trial.new);
    let told = match row(finding.id).map(|row| row.fact.subject) {
        Some(Subject::Time) => old.took != new.took && (old.way.contains(about) || new.way.contains(about)),
        // What comes of a failure of the step shows behind it.
        Some(Subject::Failure) => trial.answers(about),
        _ => false,
    };
    told || trial.named.iter().any(|name| name.contains(about.as_str()) || inner.contains(name))
}

/// Whether it is the very thing that the finding says: of a call that is another, both were made; of a failure, it was
/// the step's.
fn precise(trial: &Trial, finding: &Finding) -> bool {
    let (Some(about), Some(row)) = (&finding.about, row(finding.id)) else { return true };
    let of = |behaviour: &Behaviour| -> Vec<String> {
        behaviour.calls.iter().filter(|(step, _)| step == about).map(|(_, request)| to_json(request)).collect()
    };
    match (row.fact.subject, row.fact.direction) {
        (Subject::Effect, Direction::Changed) => {
            let (old, new) = (of(&trial.old), of(&trial.new));
            old.first().zip(new.first()).is_some_and(|(old, new)| old != new)
        }
        (Subject::Failure, _) => trial.answers(about),
        _ => true,
    }
}

/// Whether a trial shows what the finding says. `alone`: nothing else has changed that could have caused it.
fn shows(trial: &Trial, finding: &Finding, inner: &BTreeSet<String>, alone: bool) -> bool {
    let Some(row) = row(finding.id) else { return false };
    let (old, new) = (&trial.old, &trial.new);
    let refusals = old.refused.is_some() != new.refused.is_some();
    match row.fact.subject {
        _ if finding.id == "business-key-changed" => old.key != new.key,
        // Where the inputs differ, what shows is what the steps do, not what is taken.
        Subject::CallerIn if trial.candidate.new_input.is_some() => false,
        Subject::CallerIn if finding.subject.starts_with("input") => {
            // A default shows in what is done, everything else in what is refused.
            let wanted =
                if finding.id == "input-default-changed" { trial.callers() || trial.downstream() } else { refusals };
            wanted && (alone || about(trial, finding, inner))
        }
        // Everything else is about runs that both versions take.
        _ if refusals => false,
        _ if !(alone || about(trial, finding, inner)) => false,
        Subject::Time => trial.any(),
        Subject::Platform => finding.id == "version-content-changed" && trial.any(),
        _ => {
            let callers = finding.callers == Some(Severity::Error) && trial.callers();
            let downstream = finding.downstream == Some(Severity::Error) && trial.downstream();
            callers || downstream || (finding.worst() == Severity::Warning && trial.any())
        }
    }
}
