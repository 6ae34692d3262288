//! The trace: what happened, in the words of the definition. It is output, never state; a host keeps it or not.
//!
//! No wall times, no ids of servers or workers, so that two hosts can be compared (R53).

use serde::{Serialize, Serializer};

use super::error::RunError;
use super::path::Path;
use crate::plan::{Awaits, Outside, Plan, Schema};
use crate::syntax::ErrorType;
use crate::value::{Value, sha256, to_json};

/// One line of a trace: JSON `{path, what, …}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trace {
    pub path: Path,
    #[serde(flatten)]
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum What {
    /// The step began. A step whose `when` is false is not entered.
    Entered,
    /// A request was handed to the host.
    Called {
        request: String,
    },
    /// A call came back.
    Ended {
        outcome: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        attempts: Option<u32>,
    },
    /// A timer was set; milliseconds from now.
    Armed {
        after: i64,
    },
    Fired,
    /// A name got a value.
    Set {
        name: String,
        value: String,
        #[serde(skip)]
        shown: Shown,
    },
    /// A line of the journal.
    Log {
        text: String,
    },
    /// An error was noted and passed over by `on-error: skip`.
    Skipped {
        error: Fault,
    },
    /// A `catch` took an error.
    Caught {
        error: Fault,
    },
    /// An error beside one that had decided already (R18, R22, R25).
    Suppressed {
        error: Fault,
    },
    /// A message went into the inbox; `message` is its number among those of its name.
    Received {
        signal: String,
        message: u64,
        #[serde(skip)]
        payload: Shown,
    },
    /// A `wait` took a message.
    Took {
        message: u64,
        #[serde(skip)]
        payload: Shown,
    },
    /// The `where` of a wait failed on a message, which left the inbox (R9).
    Dead {
        signal: String,
        message: u64,
    },
    /// A message was not taken: undeclared, or its payload does not fit (R11).
    Refused {
        event: String,
        reason: String,
    },
    /// A message whose id was seen before (R14).
    Duplicate {
        event: String,
    },
    /// An update was answered: `returned`, `refused`, `failed`.
    Updated {
        update: String,
        outcome: &'static str,
        /// What was returned; else the words.
        #[serde(skip)]
        told: Shown,
    },
    /// Messages that nobody read, at the end (R12).
    Unread {
        signals: Vec<String>,
    },
    /// The step ended: `value`, `error`, `return`, `break`, `continue`, `cancelled`.
    Exit {
        with: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<Fault>,
    },
    /// An event that nothing waited for (R6).
    Stray {
        event: String,
    },
    /// The cancel of the run arrived.
    CancelRequested,
    /// The run ended.
    End {
        status: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<Fault>,
    },
}

/// Bytes of a value or of a message that a trace carries at most.
const SHOWN: usize = 1024;
/// Of a longer value its beginning.
const BEGINNING: usize = 200;

/// A value for people: its JSON, or of a long one the beginning and the size, so that a trace stays bounded. It is no
/// part of what hosts compare: that is a digest, or the calls and answers themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    json: String,
    bytes: usize,
}

impl Shown {
    pub(super) fn of(value: &Value) -> Shown {
        Shown::cut(to_json(value))
    }

    /// With the digest of it, out of one writing.
    pub(super) fn with_digest(value: &Value) -> (Shown, String) {
        let json = to_json(value);
        let digest = sha256(&json, 8);
        (Shown::cut(json), digest)
    }

    fn cut(mut json: String) -> Shown {
        let bytes = json.len();
        if bytes > SHOWN {
            cut(&mut json, BEGINNING);
        }
        Shown { json, bytes }
    }

    /// All of it as JSON, where it is not too long.
    pub fn whole(&self) -> Option<&str> {
        (self.json.len() == self.bytes).then_some(self.json.as_str())
    }

    /// All of it, or the beginning.
    pub fn beginning(&self) -> &str {
        &self.json
    }

    /// The size of all of it as JSON.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// An error in a trace. Hosts compare its type; the words of many an error are those of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub kind: ErrorType,
    pub message: String,
}

impl From<&RunError> for Fault {
    fn from(error: &RunError) -> Fault {
        let mut message = error.message.clone();
        cut(&mut message, SHOWN);
        Fault { kind: error.kind.clone(), message }
    }
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.kind.serialize(serializer)
    }
}

/// Keeps so many bytes at most, whole characters.
fn cut(text: &mut String, most: usize) {
    if text.len() > most {
        let end = (0..=most).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
    }
}

/// A short digest of a value, for traces: 16 hexadecimal digits of SHA-256 over its JSON.
pub(super) fn digest(value: &Value) -> String {
    sha256(&to_json(value), 8)
}

/// The line of the definition where the step of a path stands, where its source was there.
pub fn line_of(plan: &Plan, path: &str) -> Option<usize> {
    line_at(plan, &Path::parse(plan, path)?)
}

/// The same of a path that was read.
pub fn line_at(plan: &Plan, path: &Path) -> Option<usize> {
    path.levels(plan)?.last().map(|level| level.step.line).filter(|line| *line > 0)
}

/// Whether the step of a path lets time pass; a timer of any other step bounds it.
pub fn is_pause(plan: &Plan, path: &Path) -> bool {
    let levels = path.levels(plan).unwrap_or_default();
    levels.last().is_some_and(|level| matches!(level.step.action.awaits(), Some(Awaits::Moment)))
}

/// The schema that the reply to the call at a path must fit, where there is one.
pub fn reply_of<'a>(plan: &'a Plan, path: &Path) -> Option<&'a Schema> {
    match outside_of(plan, path)? {
        Outside::Http(http) => http.reply.as_ref(),
        Outside::Activity(activity) => activity.reply.as_ref(),
        Outside::Run { .. } => None,
    }
}

/// What the step of a path waits for of itself.
pub(crate) fn awaits_of<'a>(plan: &'a Plan, path: &Path) -> Option<Awaits<'a>> {
    path.levels(plan)?.last()?.step.action.awaits()
}

/// Whom the step of a path asks, or tells something.
pub(crate) fn outside_of<'a>(plan: &'a Plan, path: &Path) -> Option<Outside<'a>> {
    path.levels(plan)?.last()?.step.action.outside()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Home, from_yaml};

    #[test]
    fn a_path_leads_to_its_step_and_its_strand() {
        let text = "fermata: 1
process: P
version: 1
key: ${input.k}
steps:
  - id: attempt
    try:
      - id: pause
        wait: 1h
    catch:
      - do:
          - id: caught
            log: a
    finally:
      - id: last
        wait: 1h
  - id: both
    parallel:
      one:
        - id: in-one
          wait: 1h
      two:
        - log: b
";
        let (plan, complaints) = from_yaml(text, &Home::default());
        let plan = plan.unwrap_or_else(|| panic!("{complaints:?}"));
        let of = |text: &str| {
            let path = Path::parse(&plan, text).unwrap();
            (line_of(&plan, text), is_pause(&plan, &path), path.strand(&plan).to_string())
        };
        assert_eq!(of("attempt"), (Some(6), false, String::new()));
        assert_eq!(of("attempt.pause"), (Some(8), true, String::new()));
        assert_eq!(of("attempt.caught"), (Some(12), false, String::new()));
        assert_eq!(of("attempt.last"), (Some(15), true, String::new()));
        assert_eq!(of("both.one.in-one"), (Some(20), true, "both.one".to_owned()));
    }

    #[test]
    fn a_long_value_is_shown_by_its_beginning() {
        let short = Shown::of(&Value::text("abc"));
        assert_eq!((short.beginning(), short.whole(), short.bytes()), ("\"abc\"", Some("\"abc\""), 5));
        let long = Shown::of(&Value::text("a".repeat(2_000)));
        assert_eq!((long.beginning().len(), long.whole(), long.bytes()), (BEGINNING, None, 2_002));
    }
}
