//! The review of a change: what two versions of a definition mean for callers, for those who are called, and for runs
//! that are alive. A finding has a place in both files, and where a party can break, an executed witness.
//!
//! Pure: two definitions in, findings out. This room may not know: the network, Temporal, HTTP, files, the real clock.
//!
//! It has rooms of its own. They stand in reading order, and each may use only those above it; a test keeps it true.

mod side;

mod schema;

mod matching;

mod moving;

mod verdict;

mod rules;

mod report;

mod witness;

pub mod show;

pub use moving::{About, Counts, Live, Mover, NOT_KNOWN, Reason, Standing, Verdict};
pub use report::{Block, Picture, Review, Version};
pub use side::{Behaviour, Side};
pub use verdict::{
    Approval, Certainty, Direction, Fact, Finding, FindingId, InFlight, Place, ROWS, Row, Severities, Severity, Stand,
    Subject, Way, Witness, derive, is_date, read_approvals,
};

use crate::simulate::Scenario;
use matching::matched;
use report::picture;

/// Every finding, without witnesses. Definitions of equal meaning have none.
pub fn compare(old: &Side, new: &Side) -> Review {
    let same = old.plan.digest() == new.plan.digest();
    let mut findings = if same { Vec::new() } else { rules::find(old, new, &matched(old, new)) };
    findings.sort_by_key(|f| {
        (std::cmp::Reverse(f.worst()), f.cosmetic, f.new.as_ref().or(f.old.as_ref()).map(Place::order))
    });
    let pictures = (picture(old, &findings, &|f| f.steps.0), picture(new, &findings, &|f| f.steps.1));
    Review { old: Some(Version::of(old)), new: Some(Version::of(new)), findings, live: None, pictures }
}

/// The review of a process that only one side has: the newest version that is there.
pub fn compare_with_nothing(side: &Side, gone: bool) -> Review {
    let findings = rules::find_alone(side, gone);
    let (version, drawn) = (Version::of(side), picture(side, &findings, &|_| None));
    match gone {
        true => Review { old: Some(version), new: None, findings, live: None, pictures: (drawn, Vec::new()) },
        false => Review { old: None, new: Some(version), findings, live: None, pictures: (Vec::new(), drawn) },
    }
}

/// The same, and for each finding with an error an input and a scenario that show it, run on both versions. `scenarios`
/// are tried first.
pub fn compare_with(old: &Side, new: &Side, scenarios: &[Scenario]) -> Review {
    let mut review = compare(old, new);
    witness::attach(&mut review.findings, old, new, scenarios);
    review
}
