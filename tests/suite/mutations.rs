//! The proof that the review misses nothing: definitions of the cases are changed at random, old and new are run under
//! the same random scenarios, and what behaves differently must have a finding about the place that was changed. Seeds
//! are fixed: the same on every machine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use fermata::machine::{Path, RefusalKind, UpdateOutcome};
use fermata::review::{Finding, Severity, Side, compare, compare_with};
use fermata::simulate::{
    Answer, Entry as Moment, Happening, Reaction, Replied, Scenario, Status, scenario_from, simulate,
};
use fermata::syntax::{Entry, Kind, Node, Text, keys, read_tree};
use fermata::value::{Duration, Value, from_json, to_json};
use libtest_mimic::Trial;
use serde_json::{Value as Json, json};

use crate::random::Random;

mod operators;
mod places;
mod scenarios;
mod tree;
mod whereabouts;

use operators::*;
use places::*;
use scenarios::*;
use tree::*;
use whereabouts::*;

/// Scenarios of each definition. A mutant with a finding is run under a few only: where those show no difference it
/// does not count as found, which is the harder way to reckon.
const SCENARIOS: usize = 200;
const FEW: usize = 10;
/// How many of a hundred operators are tried on a definition, unless `FERMATA_MUTANTS` says otherwise.
const SHARE: usize = 47;
/// Mutants below which the proof is none.
const LEAST: usize = 1_000;
/// Every so many mutants that behave differently are looked at for witnesses, unless `FERMATA_SAMPLE` says otherwise;
/// fewer of long definitions, whose runs take long.
const SAMPLE: usize = 5;
const SAMPLE_OF_LONG: usize = 20;
const LONG: usize = 2_500;
const SECOND: i64 = 1_000;

/// The richest of `tests/cases`.
const CORPUS: [&str; 38] = [
    "R10-state-machine-in-a-handler",
    "R11-an-update-handler-that-fails",
    "R13-small-updates",
    "R14-doubles",
    "R15-queries",
    "R16-answers-of-a-send",
    "R16-send-to-a-branch-and-to-a-handler",
    "R17-fail-leaves-until-caught",
    "R17-return-out-of-branches",
    "R18-a-race-of-signals",
    "R18-race-first-branch-wins",
    "R19-catch-and-a-group-timeout",
    "R22-for-parallel-fails",
    "R22-for-skip-and-report",
    "R22-parallel-first-error",
    "R22-parallel-skip-and-report",
    "R24-error-in-a-catch",
    "R24-finally-runs-always",
    "R24-first-matching-catch",
    "R25-error-in-finally",
    "R28-save-of-blocks",
    "R33-a-wait-for-a-message-times-out",
    "R33-on-timeout-of-each-block",
    "R34-activity-errors-are-caught",
    "R34-activity-results-and-retries",
    "R34-expect",
    "R34-retry-schedule",
    "R34-what-is-retried",
    "R46-defaults",
    "R47-result",
    "R9-the-oldest-that-fits",
    "long-expense-approval",
    "long-invoice-dunning",
    "long-order-shipping",
    "long-trial-expiry",
    "long-user-granted",
    "verb-break-continue",
    "verb-switch",
];

/// Mutants that behave differently and are not found where they were changed: which those are, by the line about them, and
/// why that has to be borne.
const EXCEPTIONS: &[Exception] = &[Exception {
    name: "the condition of a way",
    is: |line| {
        let way = line.rsplit_once("/switch/").map(|(_, way)| way.trim_start_matches(|c: char| c.is_ascii_digit()));
        way.is_some_and(|way| way.starts_with("/when")) && line.contains("found elsewhere: condition-changed")
    },
    why: "it is found, and the review points at the first step of the way: it knows no other place of a list in a step",
}];

struct Exception {
    name: &'static str,
    is: fn(&str) -> bool,
    why: &'static str,
}

fn excepted(survivor: &str) -> bool {
    EXCEPTIONS.iter().any(|exception| (exception.is)(survivor))
}

pub fn trials() -> Vec<Trial> {
    vec![
        crate::trial("mutations::every_change_of_behaviour_is_found", every_change_of_behaviour_is_found),
        crate::trial("mutations::a_place_is_told_from_its_neighbours", a_place_is_told_from_its_neighbours),
    ]
}

/// Of the environment.
fn number(name: &str) -> Option<usize> {
    std::env::var(name).ok()?.parse().ok()
}

#[derive(Default)]
struct Tally {
    tried: usize,
    changed: usize,
    survivors: Vec<String>,
    errors: usize,
    shown: usize,
    /// Errors without a witness.
    unshown: Vec<String>,
    operators: BTreeSet<String>,
}

fn every_change_of_behaviour_is_found() -> Result<(), String> {
    let bases = bases()?;
    if bases.len() < 30 {
        return Err(format!("{} definitions are too few", bases.len()));
    }
    let share = number("FERMATA_MUTANTS").unwrap_or(SHARE);
    let next = AtomicUsize::new(0);
    // The long ones, which stand last, begin.
    let dealt = || bases.len().checked_sub(next.fetch_add(1, Ordering::Relaxed) + 1);
    let work = || std::iter::from_fn(dealt).map(|at| bases[at].judge(share, &mut Random(at as u64 + 1))).collect();
    let tallies: Vec<Vec<Tally>> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut all = Tally::default();
    for tally in tallies.into_iter().flatten() {
        all.tried += tally.tried;
        all.changed += tally.changed;
        all.survivors.extend(tally.survivors);
        all.errors += tally.errors;
        all.shown += tally.shown;
        all.operators.extend(tally.operators);
        all.unshown.extend(tally.unshown);
    }
    all.survivors.sort();
    all.unshown.sort();
    let (found, of) = (all.changed - all.survivors.len(), |part: usize, all: usize| part * 1_000 / all.max(1));
    let (excepted, missed): (Vec<&String>, Vec<&String>) =
        all.survivors.iter().partition(|survivor| excepted(survivor));
    // Those of the usual mutants only: others come with other numbers.
    let usual = number("FERMATA_MUTANTS").is_none();
    let stale = EXCEPTIONS.iter().filter(|exception| usual && !all.survivors.iter().any(|line| (exception.is)(line)));
    let stale: Vec<String> = stale.map(|exception| format!("{} ({})", exception.name, exception.why)).collect();
    let summary = format!(
        "{} mutants of {} definitions by {} operators, {} behave differently, {found} are found where they are, {} are \
         excepted; {} of {} errors have a witness\nnot found:\n  {}\nexcepted, and found:\n  {}\nwithout a witness:\n  {}",
        all.tried,
        bases.len(),
        all.operators.len(),
        all.changed,
        excepted.len(),
        all.shown,
        all.errors,
        missed.iter().map(|missed| missed.as_str()).collect::<Vec<_>>().join("\n  "),
        stale.join("\n  "),
        all.unshown.join("\n  "),
    );
    let holds = all.tried >= LEAST
        && all.operators.len() >= 40
        && missed.is_empty()
        && stale.is_empty()
        && of(all.shown, all.errors) >= 800;
    // What was judged is said in any case; what was missed, where something was.
    let all_of_it = number("FERMATA_SAMPLE").is_some();
    let said = if !all_of_it { summary.lines().next().unwrap_or_default() } else { &summary };
    println!("{said}");
    if holds { Ok(()) } else { Err(summary) }
}

/// A definition of the corpus, and how it behaves under its scenarios.
struct Base {
    name: String,
    tree: Node,
    old: Side,
    /// The old under the mutants' number.
    same: Side,
    /// Of `old`.
    parts: Parts,
    own: Vec<Scenario>,
    scenarios: Vec<Scenario>,
    /// Of `same`.
    behaviours: Vec<OnceLock<Behaviour>>,
}

fn bases() -> Result<Vec<Base>, String> {
    let read = |path: &std::path::Path| -> Result<Node, String> {
        let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        read_tree(&text).0.ok_or(format!("{} is not YAML", path.display()))
    };
    let mut bases = Vec::new();
    for name in CORPUS {
        let tree = read(&crate::root().join(format!("tests/cases/{name}.yaml")))?;
        let definition = tree.get("definition").ok_or("no definition")?.clone();
        let own = match tree.get("scenarios").map(|s| &s.kind) {
            Some(Kind::List(items)) => items.iter().filter_map(scenario).collect(),
            _ => Vec::new(),
        };
        bases.push(Base::new(name, definition, own)?);
    }
    let folder = "definitions/UserGranted";
    let own: Vec<Scenario> = crate::files(&format!("{folder}/tests"), "yaml")
        .iter()
        .filter_map(|path| scenario(&read(path).ok()?))
        .collect();
    let newest = crate::files(folder, "yaml").pop().ok_or("no version")?;
    bases.push(Base::new("UserGranted", read(&newest)?, own)?);
    Ok(bases)
}

/// A scenario without what it expects.
fn scenario(node: &Node) -> Option<Scenario> {
    let mut node = node.clone();
    for key in ["expect", "trace"] {
        take(&mut node, key);
    }
    scenario_from(&node).0
}

impl Base {
    fn new(name: &str, mut tree: Node, own: Vec<Scenario>) -> Result<Base, String> {
        guard_loops(&mut tree);
        few_attempts(&mut tree);
        let side =
            |tree: &Node| Side::read_or_say(&tree.canonical(keys::ORDERED), "old").map_err(|e| format!("{name}: {e}"));
        let old = side(&tree)?;
        // A mutant has a number of its own, and so has what it is compared with.
        put(&mut tree, "version", json!(old.plan.version() + 1));
        let same = side(&tree)?;
        if let Some(finding) = compare(&old, &same).findings.first() {
            return Err(format!("{name}: another number is no finding, but: {}", finding.message));
        }
        let scenarios = Maker::new(&tree, &old, &own).scenarios(&own);
        let behaviours = scenarios.iter().map(|_| OnceLock::new()).collect();
        let parts = Parts::of(&old);
        Ok(Base { name: name.to_owned(), tree, old, same, parts, own, scenarios, behaviours })
    }

    fn judge(&self, share: usize, random: &mut Random) -> Tally {
        let mut tally = Tally::default();
        let places = places(&self.tree);
        let names = assigned(&self.tree, &places);
        let mut seen = BTreeSet::from([self.tree.canonical(keys::ORDERED)]);
        // Scenarios that showed a difference come first.
        let mut order: Vec<usize> = (0..self.scenarios.len()).collect();
        for (operator, on, edit) in operators() {
            let mut fitting: Vec<&Place> = places.iter().filter(|place| place.on == on).collect();
            if !random.chance(share) {
                continue;
            }
            while !fitting.is_empty() {
                let place = fitting.swap_remove(random.below(fitting.len()));
                let mut tree = self.tree.clone();
                let Some(node) = reach(&mut tree, &place.path) else { continue };
                if edit(node, random, &names).is_none() {
                    continue;
                }
                let text = tree.canonical(keys::ORDERED);
                if !seen.insert(text.clone()) {
                    continue;
                }
                // What does not check is no version.
                let Ok(new) = Side::read(&text, "new") else { continue };
                tally.tried += 1;
                let what = format!("{}: {operator} at {}", self.name, pointer(&self.tree, &place.path));
                self.judge_mutant(&new, &operator, &what, &mut order, &mut tally);
                break;
            }
        }
        tally
    }

    fn behaviour(&self, at: usize) -> &Behaviour {
        self.behaviours[at].get_or_init(|| Behaviour::of(&self.same, &self.scenarios[at]))
    }

    fn judge_mutant(&self, new: &Side, operator: &str, what: &str, order: &mut Vec<usize>, tally: &mut Tally) {
        let findings = compare(&self.old, new).findings;
        let parts = Parts::of(new);
        let differences = Differences::between(&self.parts, &parts);
        let found = |finding: &&Finding| !finding.cosmetic && differences.shown_by(finding, &self.parts, &parts);
        let found = findings.iter().any(|finding| found(&finding));
        let some = if found { FEW } else { SCENARIOS };
        let difference = order.iter().take(some).enumerate().find_map(|(nth, at)| {
            let after = Behaviour::of(new, &self.scenarios[*at]);
            self.behaviour(*at).differs(&after).map(|difference| (nth, difference))
        });
        let Some((nth, difference)) = difference else {
            // Others are tried next time.
            order.rotate_left(some);
            return;
        };
        let showed = order.remove(nth);
        order.insert(0, showed);
        tally.changed += 1;
        tally.operators.insert(operator.to_owned());
        if !found {
            // Where the finding points instead, by how the text goes on there.
            let at = |finding: &Finding| {
                let place = finding.old.as_ref().map(|place| (&self.old, place.column));
                let place = place.or(finding.new.as_ref().map(|place| (new, place.column)));
                let there: Option<String> =
                    place.map(|(side, column)| side.source.text().chars().skip(column - 1).take(20).collect());
                format!("{} at `{}`", finding.id, there.unwrap_or_default())
            };
            let elsewhere: Vec<String> = findings.iter().filter(|finding| !finding.cosmetic).map(at).collect();
            tally.survivors.push(format!("{what}: {difference}; found elsewhere: {}", elsewhere.join(", ")));
        }
        let grave = |finding: &&Finding| finding.callers.max(finding.downstream) == Some(Severity::Error);
        let usual = if self.old.source.text().len() > LONG { SAMPLE_OF_LONG } else { SAMPLE };
        let sample = number("FERMATA_SAMPLE").unwrap_or(usual).max(1);
        if tally.changed % sample != 1 % sample || !findings.iter().any(|f| grave(&f)) {
            return;
        }
        for finding in compare_with(&self.old, new, &self.own).findings.iter().filter(grave) {
            tally.errors += 1;
            match finding.witness {
                Some(_) => tally.shown += 1,
                None => tally.unshown.push(format!("{what}: {}", finding.id)),
            }
        }
    }
}

/// What callers and services see of a run.
#[derive(PartialEq)]
struct Behaviour {
    /// `None`: the input was refused.
    key: Option<String>,
    /// Status, result, error.
    end: String,
    calls: Vec<String>,
    replies: Vec<String>,
    took: i64,
}

impl Behaviour {
    fn of(side: &Side, scenario: &Scenario) -> Behaviour {
        let Ok(report) = simulate(&side.plan, scenario) else {
            return Behaviour { key: None, end: String::new(), calls: Vec::new(), replies: Vec::new(), took: 0 };
        };
        let result = report.result.as_ref().filter(|_| report.status == Status::Completed).map(to_json);
        let error = report.error.as_ref().map(|error| error.kind.text());
        let reply = |replied: &Replied| match replied {
            Replied::Update(UpdateOutcome::Returned(value)) | Replied::Query(Ok(value)) => to_json(value),
            Replied::Update(UpdateOutcome::Refused(refusal)) if refusal.kind == RefusalKind::Check => {
                refusal.message.clone()
            }
            Replied::Update(UpdateOutcome::Refused(refusal)) => refusal.kind.to_string(),
            Replied::Update(UpdateOutcome::Failed(error)) => error.kind.to_string(),
            Replied::Query(Err(_)) => "failed".to_owned(),
        };
        let last = |path: &Path| path.segment().unwrap_or_default().to_owned();
        Behaviour {
            key: Some(report.key.clone()),
            end: format!("{} {result:?} {error:?}", report.status.word()),
            calls: report.attempts.iter().map(|(path, sent)| format!("{} {}", last(path), to_json(sent))).collect(),
            replies: report.replies.iter().map(|(at, replied)| format!("{at} {}", reply(replied))).collect(),
            took: report.took.millis(),
        }
    }

    /// What is another, in a word.
    fn differs(&self, other: &Behaviour) -> Option<String> {
        let lists = |what: &str, old: &[String], new: &[String]| {
            let at = old.iter().zip(new).take_while(|(a, b)| a == b).count();
            let or_none = |list: &[String]| list.get(at).cloned().unwrap_or_else(|| "none".into());
            format!("{what} {} is now {}", or_none(old), or_none(new))
        };
        if self.key != other.key {
            Some(format!("key {:?} is now {:?}", self.key, other.key))
        } else if self.calls != other.calls {
            Some(lists("call", &self.calls, &other.calls))
        } else if self.end != other.end {
            Some(format!("end {} is now {}", self.end, other.end))
        } else if self.replies != other.replies {
            Some(lists("reply", &self.replies, &other.replies))
        } else {
            (self.took != other.took).then(|| format!("took {} is now {}", Duration(self.took), Duration(other.took)))
        }
    }
}
