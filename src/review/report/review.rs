//! Everything that is known of one change.

use super::picture::Picture;
use crate::review::moving::Counts;
use crate::review::side::Side;
use crate::review::verdict::{Approval, Finding, Severity, Stand, stand};

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
    pub fn of(side: &Side) -> Version {
        Version {
            process: side.plan.process().to_owned(),
            number: side.plan.version(),
            digest: side.plan.digest().to_owned(),
            file: side.source.name().to_owned(),
        }
    }
}

impl Review {
    /// Marks what was approved; `today` is `YYYY-MM-DD`.
    pub fn approve(&mut self, approvals: &[Approval], today: &str) {
        for finding in &mut self.findings {
            finding.stand = stand(approvals, &finding.fingerprint, today);
        }
    }

    /// Findings at or above a level that nobody has approved.
    pub fn open(&self, level: Severity) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(move |f| !f.cosmetic && f.worst() >= level && !matches!(f.stand, Stand::Approved(_)))
    }
}
