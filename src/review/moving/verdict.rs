//! What is said of a run that might be moved: a verdict with its reasons, and how many runs there are of each.

use crate::machine::{Armed, Path};
use crate::value::Time;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Safe,
    /// Needs a mapping, a value, or a decision.
    Choice,
    Blocked,
}

impl Verdict {
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Safe => "safe",
            Verdict::Choice => "needs a choice",
            Verdict::Blocked => "blocked",
        }
    }
}

/// Of a run that could not be asked.
pub const NOT_KNOWN: &str = "not known";

/// A verdict with its reasons, the gravest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    pub verdict: Verdict,
    pub reasons: Vec<Reason>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason {
    pub verdict: Verdict,
    pub words: String,
    pub about: About,
    /// When what is armed is due, and when it would be, armed as the new version has it.
    pub due: Option<(Time, Time)>,
}

/// A place where a run is suspended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    pub path: Path,
    /// The timers of this step and of those around it.
    pub armed: Vec<Armed>,
}

/// What of the definition a reason is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// A property of the input, by its name; empty: the whole.
    Input(String),
    Variable(String),
    /// By its part of a path in the new version, or in the old where it is gone.
    Step(String),
}

/// Runs by verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub safe: usize,
    pub choice: usize,
    pub blocked: usize,
    /// Those that could not be asked where they stand.
    pub unknown: usize,
}

impl Counts {
    pub fn all(&self) -> usize {
        self.safe + self.choice + self.blocked + self.unknown
    }

    /// With the words for each, the gravest first; without those that there are none of.
    pub fn words(&self) -> Vec<(usize, &'static str)> {
        let all = [
            (self.blocked, Verdict::Blocked.word()),
            (self.choice, Verdict::Choice.word()),
            (self.safe, Verdict::Safe.word()),
            (self.unknown, NOT_KNOWN),
        ];
        all.into_iter().filter(|(n, _)| *n > 0).collect()
    }

    /// By their words, as in `{"safe": 2}`.
    pub fn to_json(&self) -> serde_json::Value {
        self.words().into_iter().map(|(n, words)| (words.to_owned(), serde_json::Value::from(n))).collect()
    }

    pub fn count(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Safe => self.safe += 1,
            Verdict::Choice => self.choice += 1,
            Verdict::Blocked => self.blocked += 1,
        }
    }
}
