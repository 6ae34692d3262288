//! Why a signal, an update or a query was not taken: one registry of kinds. `docs/contract.md` has the same words; a test
//! walks both ways.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($($name:ident = $text:literal, $words:literal;)*) => {
        /// What kind of refusal it is; stable, for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum RefusalKind { $(#[serde(rename = $text)] $name,)* }

        impl RefusalKind {
            pub const ALL: &'static [RefusalKind] = &[$(RefusalKind::$name,)*];

            /// The form that travels.
            pub fn text(self) -> &'static str {
                match self { $(RefusalKind::$name => $text,)* }
            }

            /// What it means.
            pub fn words(self) -> &'static str {
                match self { $(RefusalKind::$name => $words,)* }
            }

            pub fn named(text: &str) -> Option<RefusalKind> {
                match text { $($text => Some(RefusalKind::$name),)* _ => None }
            }
        }
    };
}

kinds! {
    Unknown = "unknown", "the run's version does not declare it";
    PayloadInvalid = "payload-invalid", "the payload does not fit what is declared";
    Check = "refused", "the `check` of the update is not true, or failed";
    RunEnded = "run-ended", "the run has ended";
    Expression = "expression", "the expression that answers the query failed";
}

impl fmt::Display for RefusalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// Why a message was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    pub kind: RefusalKind,
    /// For the caller; where a `check` refused, the definition's own words.
    pub message: String,
}

impl Refusal {
    pub fn new(kind: RefusalKind, message: impl Into<String>) -> Refusal {
        Refusal { kind, message: message.into() }
    }

    pub fn run_ended() -> Refusal {
        Refusal::new(RefusalKind::RunEnded, "the run has ended")
    }

    /// `kind: words`: of what a validator or a query refuses only a text travels.
    pub fn text(&self) -> String {
        format!("{}: {}", self.kind, self.message)
    }

    /// Reads what [`Refusal::text`] wrote.
    pub fn read(text: &str) -> Option<Refusal> {
        let (kind, message) = text.split_once(": ")?;
        Some(Refusal::new(RefusalKind::named(kind)?, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_reads_back_from_its_text() {
        for kind in RefusalKind::ALL {
            let refusal = Refusal::new(*kind, "why: because");
            assert_eq!(Refusal::read(&refusal.text()), Some(refusal));
            let json = serde_json::to_string(kind).unwrap();
            assert_eq!(json, format!("\"{}\"", kind.text()));
            assert_eq!(serde_json::from_str::<RefusalKind>(&json).ok(), Some(*kind));
        }
        assert_eq!(Refusal::read("gone: words"), None);
        assert_eq!(Refusal::read("unknown"), None);
    }
}
