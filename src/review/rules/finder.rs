//! How a rule says what it found: a change, with what counts of it on both sides; its letters, its places and its
//! fingerprint follow.

use std::collections::BTreeSet;

use crate::diagnostic::Span;
use crate::review::side::{Side, Spelling, reads};
use crate::review::verdict::{Certainty, Finding, FindingId, Place, Stand};
use crate::syntax::{Part, StepId};

/// One side of a change: where it stands, and what counts of it.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub span: Option<Span>,
    pub value: String,
}

impl Seen {
    pub fn at(span: Span, value: impl Into<String>) -> Seen {
        Seen { span: Some(span), value: value.into() }
    }

    /// At a key, if it is there.
    pub fn key<T>(part: &Part<T>, value: impl Into<String>) -> Seen {
        Seen { span: part.key_span(), value: value.into() }
    }

    pub fn nowhere() -> Seen {
        Seen::default()
    }
}

/// A change as it was detected.
#[derive(Debug, Clone)]
pub struct Change {
    pub id: FindingId,
    pub subject: String,
    pub message: String,
    pub old: Seen,
    pub new: Seen,
    pub certainty: Certainty,
    pub about: Option<String>,
    pub step: Option<String>,
    /// Its step in both versions.
    pub steps: (Option<StepId>, Option<StepId>),
}

impl Change {
    /// With nothing but its id.
    pub fn of(id: FindingId) -> Change {
        Change {
            id,
            subject: String::new(),
            message: String::new(),
            old: Seen::nowhere(),
            new: Seen::nowhere(),
            certainty: Certainty::default(),
            about: None,
            step: None,
            steps: (None, None),
        }
    }
}

/// Gathers what is found.
pub struct Finder<'a> {
    pub old: &'a Side,
    pub new: &'a Side,
    /// How the new version is written down in the names of the old.
    pub spelling: Spelling,
    /// The names that some expression of each version reads.
    pub old_reads: BTreeSet<String>,
    pub new_reads: BTreeSet<String>,
    found: Vec<Finding>,
}

impl<'a> Finder<'a> {
    pub fn new(old: &'a Side, new: &'a Side, spelling: Spelling) -> Finder<'a> {
        let names = |side: &Side| {
            let paths = reads(&side.document.header).into_iter();
            paths.filter_map(|path| path.into_iter().next()).collect()
        };
        Finder { old, new, spelling, old_reads: names(old), new_reads: names(new), found: Vec::new() }
    }

    pub fn find(&mut self, change: Change) {
        let row = change.id.row();
        let severities = row.severities(change.certainty);
        let place = |side: &Side, seen: &Seen| seen.span.map(|span| Place::of(&side.source, span));
        self.found.push(Finding {
            id: row.id,
            callers: severities.callers,
            downstream: severities.downstream,
            in_flight: severities.in_flight,
            fingerprint: fingerprint(&change),
            message: change.message,
            old: place(self.old, &change.old),
            new: place(self.new, &change.new),
            witness: None,
            ways: Vec::new(),
            cosmetic: row.cosmetic(),
            security: row.security,
            subject: change.subject,
            about: change.about,
            step: change.step,
            steps: change.steps,
            live: None,
            stand: Stand::Open,
        });
    }

    pub fn findings(self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = Vec::new();
        for finding in self.found {
            if !findings
                .iter()
                .any(|known| known.fingerprint == finding.fingerprint && known.message == finding.message)
            {
                findings.push(finding);
            }
        }
        findings
    }
}

fn fingerprint(change: &Change) -> String {
    let text = [change.id.slug(), &change.subject, &change.old.value, &change.new.value].join("\u{0}");
    crate::value::sha256(&text, 4)
}
