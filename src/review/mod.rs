//! The review of a change: what two versions of a definition mean for callers, for those who are called, and for runs
//! that are alive. A finding has a place in both files, and where a party can break, an executed witness.
//!
//! Pure: two definitions in, findings out. This room may not know: the network, Temporal, HTTP, files, the real clock.

mod approval;
mod calls;
mod candidates;
mod catalogue;
mod contract;
mod control;
mod failure;
mod finding;
mod guess;
mod live;
mod locals;
mod matching;
mod messages;
mod model;
mod picture;
mod schema;
mod search;
pub mod show;
mod spelling;
mod steps;
mod time;
mod trial;
mod values;
mod whole;
mod witness;

use std::sync::Arc;

pub use approval::{Approval, Stand, is_date, read_approvals};
pub use catalogue::{ROWS, Row};
pub use finding::{Finding, Place};
pub use live::{About, Counts, Live, Mover, NOT_KNOWN, Reason, Standing, Verdict};
pub use model::{Certainty, Direction, Fact, InFlight, Severities, Severity, Subject, derive};
pub use picture::{Block, Picture};
pub use witness::{Behaviour, Way, Witness};

use crate::diagnostic::{Diagnostic, Source, has_errors, render_all};
use crate::plan::{Home, Plan, from_yaml};
use crate::simulate::Scenario;
use crate::syntax::{Document, read_yaml};

/// One of the two versions.
#[derive(Debug, Clone)]
pub struct Side {
    pub document: Document,
    pub plan: Arc<Plan>,
    pub source: Source,
}

impl Side {
    /// Reads a definition; `name` is what places name it by. Errors: every complaint, where no run could come of it.
    pub fn read(text: &str, name: &str) -> Result<Side, Vec<Diagnostic>> {
        let (plan, complaints) = from_yaml(text, &Home::default());
        let (document, _) = read_yaml(text);
        match (plan, document) {
            (Some(plan), Some(document)) if !has_errors(&complaints) => {
                Ok(Side { document, plan, source: Source::new(name, text) })
            }
            _ => Err(complaints),
        }
    }

    /// The same, with the complaints as a person reads them.
    pub fn read_or_say(text: &str, name: &str) -> Result<Side, String> {
        Side::read(text, name).map_err(|complaints| render_all(&complaints, &Source::new(name, text), false))
    }
}

/// What a change means.
#[derive(Debug, Clone)]
pub struct Review {
    /// `None`: the process is new.
    pub old: Option<Version>,
    /// `None`: the process is gone.
    pub new: Option<Version>,
    /// The gravest first.
    pub findings: Vec<Finding>,
    /// The open runs of the old version by what a move would mean to them, where they were asked.
    pub live: Option<Counts>,
    /// Of both versions.
    pub pictures: (Picture, Picture),
}

/// One of the two versions, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub process: String,
    pub number: i64,
    pub digest: String,
    pub file: String,
}

impl Version {
    fn of(side: &Side) -> Version {
        Version {
            process: side.plan.process().to_owned(),
            number: side.plan.version(),
            digest: side.plan.digest().to_owned(),
            file: side.source.name().to_owned(),
        }
    }
}

/// Every finding, without witnesses. Definitions of equal meaning have none.
pub fn compare(old: &Side, new: &Side) -> Review {
    let mut findings = if old.plan.digest() == new.plan.digest() { Vec::new() } else { find(old, new) };
    findings.sort_by_key(|f| {
        (std::cmp::Reverse(f.worst()), f.cosmetic, f.new.as_ref().or(f.old.as_ref()).map(Place::order))
    });
    let pictures =
        (picture::picture(old, &findings, &|f| f.starts.0), picture::picture(new, &findings, &|f| f.starts.1));
    Review { old: Some(Version::of(old)), new: Some(Version::of(new)), findings, live: None, pictures }
}

/// The review of a process that only one side has: the newest version that is there.
pub fn compare_with_nothing(side: &Side, gone: bool) -> Review {
    let mut finder = finding::Finder::new(side, side, spelling::Spelling::default());
    contract::alone(&mut finder, gone);
    let findings = finder.findings();
    let (version, drawn) = (Version::of(side), picture::picture(side, &findings, &|_| None));
    match gone {
        true => Review { old: Some(version), new: None, findings, live: None, pictures: (drawn, Vec::new()) },
        false => Review { old: None, new: Some(version), findings, live: None, pictures: (Vec::new(), drawn) },
    }
}

/// The same, and for each finding with an error an input and a scenario that show it, run on both versions. `scenarios`
/// are tried first.
pub fn compare_with(old: &Side, new: &Side, scenarios: &[Scenario]) -> Review {
    let mut review = compare(old, new);
    search::attach(&mut review.findings, old, new, scenarios);
    review
}

impl Review {
    /// Marks what was approved; `today` is `YYYY-MM-DD`.
    pub fn approve(&mut self, approvals: &[Approval], today: &str) {
        for finding in &mut self.findings {
            finding.stand = approval::stand(approvals, &finding.fingerprint, today);
        }
    }

    /// Findings at or above a level that nobody has approved.
    pub fn open(&self, level: Severity) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(move |f| !f.cosmetic && f.worst() >= level && !matches!(f.stand, Stand::Approved(_)))
    }
}

fn find(old: &Side, new: &Side) -> Vec<Finding> {
    let matched = matching::matched(old, new);
    let mut finder = finding::Finder::new(old, new, matched.spelling.clone());
    contract::find(&mut finder);
    messages::find(&mut finder);
    steps::find(&mut finder, &matched);
    finder.findings()
}
