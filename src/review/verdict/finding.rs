//! A finding: what is said of a change, to whom it matters, and where it stands in both files.

use super::approval::Stand;
use super::catalogue::FindingId;
use super::model::{InFlight, Severities, Severity};
use super::witness::{Way, Witness};
use crate::diagnostic::{Source, Span};
use crate::review::moving::Counts;
use crate::syntax::StepId;

#[derive(Debug, Clone)]
pub struct Finding {
    /// Of the catalogue.
    pub id: FindingId,
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
    /// Its step in both versions.
    pub(in crate::review) steps: (Option<StepId>, Option<StepId>),
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
    pub(in crate::review) fn of(source: &Source, span: Span) -> Place {
        let at = source.position(span.start);
        Place { file: source.name().to_owned(), line: at.line, column: at.column }
    }

    pub(in crate::review) fn order(&self) -> (usize, usize) {
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
