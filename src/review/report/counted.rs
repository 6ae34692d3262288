//! The open runs of the old version, counted for each finding.

use super::review::Review;
use crate::review::moving::{About, Counts, Live, Reason, Verdict};
use crate::review::verdict::Finding;

impl Review {
    /// Counts the open runs of the old version: in all, and for each finding those that it is about. `unknown` could not
    /// be asked.
    pub fn count(&mut self, runs: &[&Live], unknown: usize) {
        let mut all = Counts { unknown, ..Counts::default() };
        runs.iter().for_each(|run| all.count(run.verdict));
        self.live = Some(all);
        // Of a finding about what no place can tell, such as a message, nothing is counted.
        let told = |finding: &&mut Finding| {
            let placed = finding.step.is_some() || ["input", "vars"].iter().any(|s| finding.subject.starts_with(s));
            placed && finding.in_flight.is_some()
        };
        for finding in self.findings.iter_mut().filter(told) {
            let mut counts = Counts { unknown, ..Counts::default() };
            for run in runs {
                let own = run.reasons.iter().filter(|reason| concerns(reason, finding)).map(|reason| reason.verdict);
                counts.count(own.max().unwrap_or(Verdict::Safe));
            }
            finding.live = Some(counts);
        }
    }
}

/// Whether a reason is about what a finding is about.
fn concerns(reason: &Reason, finding: &Finding) -> bool {
    match &reason.about {
        About::Input(property) => finding.subject.starts_with("input") && finding.about.as_ref() == Some(property),
        About::Variable(name) => finding.subject == format!("vars.{name}"),
        About::Step(step) => finding.step.as_ref() == Some(step),
    }
}
