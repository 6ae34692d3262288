//! What goes in and what comes out: two closed enums.

use super::error::RunError;
use super::request::Request;
use crate::value::{Time, Value};

#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The first event of a run; what the run starts with is in the state already.
    Started,
    /// A message under the author's name. None is declared yet in this engine, so each is a stray.
    Signal { name: String, payload: Value },
    /// The answer to [`Command::Call`].
    Answered { call: u64, outcome: CallOutcome },
    /// A timer of [`Command::Timer`] is due.
    Fired { timer: u64 },
    /// Someone asked to cancel the run. Idempotent (R49).
    Cancel { reason: String },
}

/// How a call ended, after all its attempts.
#[derive(Debug, Clone, PartialEq)]
pub struct CallOutcome {
    /// `{status, headers, body}`, or the error of the last attempt.
    pub result: Result<Value, CallError>,
    pub attempts: Option<u32>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct CallError {
    pub kind: String,
    pub message: String,
    pub details: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Carry out a request; attempts and pauses are the host's (R34).
    Call(Box<Call>),
    /// Tell when this time has come.
    Timer { number: u64, due: Time, path: String },
    /// The answer to this number is no longer wanted; it may come all the same.
    Withdraw { number: u64 },
    /// The run has ended. Nothing follows.
    End(End),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub number: u64,
    /// The activation path of the step.
    pub path: String,
    /// The same for every attempt of this call, and for no other call of any run (R36).
    pub idempotency_key: String,
    pub request: Request,
}

#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase", tag = "status", content = "with")]
pub enum End {
    Completed(Value),
    Failed(RunError),
    Cancelled { reason: String },
}
