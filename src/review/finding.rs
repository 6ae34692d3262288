//! A finding, and how it is made: an id of the catalogue, what it is about, places in both files, a fingerprint.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::Side;
use super::approval::Stand;
use super::catalogue::row;
use super::live::Counts;
use super::model::{Certainty, InFlight, Severities, Severity};
use super::spelling::{Spelling, reads};
use super::witness::{Way, Witness};
use crate::diagnostic::{Source, Span};

#[derive(Debug, Clone)]
pub struct Finding {
    /// Of the catalogue.
    pub id: &'static str,
    pub callers: Option<Severity>,
    pub downstream: Option<Severity>,
    pub in_flight: Option<InFlight>,
    /// One fragment in the author's words.
    pub message: String,
    /// `None`: it is not there.
    pub old: Option<Place>,
    pub new: Option<Place>,
    /// `None`: nothing that was tried shows it, or it needs none.
    pub witness: Option<Witness>,
    /// Inputs that take another way now, where it is about control.
    pub ways: Vec<Way>,
    /// Eight hexadecimal digits that survive reformatting and unrelated edits.
    pub fingerprint: String,
    /// Words for people only.
    pub cosmetic: bool,
    pub security: bool,
    /// Where it is in the definition, by names: `input.age`, `step charge`.
    pub subject: String,
    /// The word by which a run's behaviour shows it: the name of a step, of a property, of a message.
    pub about: Option<String>,
    /// The step it is about, as paths of runs name it: of the new version, or of the old where it is gone.
    pub step: Option<String>,
    /// Where its step begins in the texts of both versions, in bytes.
    pub(super) starts: (Option<usize>, Option<usize>),
    /// How many of the runs that are alive it is about, where they were asked.
    pub live: Option<Counts>,
    /// What people have decided about it.
    pub stand: Stand,
}

/// Both count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub file: String,
    pub line: usize,
    pub column: usize,
}

impl Place {
    fn of(source: &Source, span: Span) -> Place {
        let at = source.position(span.start);
        Place { file: source.name().to_owned(), line: at.line, column: at.column }
    }

    pub(super) fn order(&self) -> (usize, usize) {
        (self.line, self.column)
    }
}

impl Finding {
    fn severities(&self) -> Severities {
        Severities { callers: self.callers, downstream: self.downstream, in_flight: self.in_flight }
    }

    /// The gravest for callers and downstream.
    pub fn worst(&self) -> Severity {
        self.severities().worst()
    }

    /// As in `E/–/M`.
    pub fn letters(&self) -> String {
        self.severities().letters()
    }
}

/// One side of a change: where it stands, and what counts of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub span: Option<Span>,
    pub value: String,
}

impl Seen {
    pub fn at(span: Span, value: impl Into<String>) -> Seen {
        Seen { span: Some(span), value: value.into() }
    }

    pub fn nowhere() -> Seen {
        Seen::default()
    }
}

/// A change as it was detected.
#[derive(Debug, Clone, Default)]
pub(super) struct Change {
    pub id: &'static str,
    pub subject: String,
    pub message: String,
    pub old: Seen,
    pub new: Seen,
    pub certainty: Certainty,
    pub about: Option<String>,
    pub step: Option<String>,
    pub starts: (Option<usize>, Option<usize>),
}

/// Gathers what is found.
pub(super) struct Finder<'a> {
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
        let Some(row) = row(change.id) else { return };
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
            starts: change.starts,
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
    let text = [change.id, &change.subject, &change.old.value, &change.new.value].join("\u{0}");
    Sha256::digest(text.as_bytes()).iter().take(4).map(|b| format!("{b:02x}")).collect()
}

/// A value short enough for a message.
pub(super) fn short(text: &str) -> String {
    const MOST: usize = 100;
    if text.chars().count() <= MOST {
        text.to_owned()
    } else {
        format!("{}…", text.chars().take(MOST).collect::<String>())
    }
}
