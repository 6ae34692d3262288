//! The trace: what happened, in the words of the definition. It is output, never state; a host keeps it or not.
//!
//! No wall times, no ids of servers or workers, so that two hosts can be compared (R53).

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::value::{Value, to_json};

/// One line of a trace: JSON `{path, what, …}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trace {
    /// The activation path of the step; empty for the run itself.
    pub path: String,
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
    },
    /// A line of the journal.
    Log {
        text: String,
    },
    /// An error was noted and passed over by `on-error: skip`.
    Skipped {
        error: String,
    },
    /// The step ended: `value`, `error`, `return`, `cancelled`.
    Exit {
        with: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
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
        error: Option<String>,
    },
}

/// A short digest of a value, for traces: 16 hexadecimal digits of SHA-256 over its JSON.
pub(super) fn digest(value: &Value) -> String {
    Sha256::digest(to_json(value).as_bytes()).iter().take(8).map(|b| format!("{b:02x}")).collect()
}
