//! What goes in and what comes out: two closed enums.

use serde::{Deserialize, Serialize};

use super::error::RunError;
use super::path::{Path, parts};
use super::refusal::Refusal;
use super::request::{Request, RetryForm, millis};
use crate::plan::Retry;
use crate::syntax::ErrorType;
use crate::value::{Duration, Time, Value};

#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The first event of a run; what the run starts with is in the state already.
    Started,
    /// A message under the author's name. `id`: a second one of the same id is a double (R14). `payload`: null for
    /// a message that carries nothing.
    Signal { name: String, payload: Value, id: Option<String> },
    /// A request that is answered by [`Command::Answer`]; updates are numbered as they come, from 0.
    Update { name: String, payload: Value, id: Option<String> },
    /// The answer to [`Command::Call`] or [`Command::Send`].
    Answered { call: u64, outcome: CallOutcome },
    /// A timer of [`Command::Timer`] is due.
    Fired { timer: u64 },
    /// Someone asked to cancel the run. Idempotent (R49).
    Cancel { reason: String },
    /// What the host keeps of the run is full, and the run cannot be carried on (R40).
    Exceeded(Exceeded),
}

/// A bound of the host.
#[derive(Debug, Clone, PartialEq)]
pub enum Exceeded {
    /// The history, which a call that is out keeps from being left behind.
    History { events: u64 },
    /// What a fresh history would be begun with.
    State { bytes: u64 },
}

/// How an update ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum UpdateOutcome {
    Returned(Value),
    /// It had no effect.
    Refused(Refusal),
    /// Its handler failed; the run goes on (R11).
    Failed(RunError),
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
    pub kind: ErrorType,
    pub message: String,
    pub details: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Carry out a request; attempts and pauses are the host's (R34).
    Call(Box<Call>),
    /// Hand a signal to another run; answered when the server has taken it, or cannot (R16).
    Send(Box<Send>),
    /// The outcome of an update, which the state keeps until the host takes it.
    Answer { update: u64, outcome: UpdateOutcome },
    /// Tell when this time has come.
    Timer { number: u64, due: Time, path: Path },
    /// The answer to this number is no longer wanted; it may come all the same.
    Withdraw { number: u64 },
    /// The run has ended. Nothing follows.
    End(End),
}

impl Command {
    /// The number under which something is asked for that a fresh history would have to ask for again.
    pub fn asks(&self) -> Option<u64> {
        match self {
            Command::Call(call) => Some(call.number),
            Command::Send(send) => Some(send.number),
            Command::Timer { .. } | Command::Withdraw { .. } | Command::Answer { .. } | Command::End(_) => None,
        }
    }

    /// The number of what is no longer wanted.
    pub fn withdraws(&self) -> Option<u64> {
        match self {
            Command::Withdraw { number } => Some(*number),
            Command::Call(_) | Command::Send(_) | Command::Timer { .. } => None,
            Command::Answer { .. } | Command::End(_) => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Call {
    pub number: u64,
    /// Of the step.
    #[serde(with = "parts")]
    pub path: Path,
    /// The same for every attempt of this call, and for no other call of any run (R36).
    pub idempotency_key: String,
    pub work: Work,
}

/// What a call does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Work {
    Http(Request),
    Activity(ActivityRequest),
}

/// A Temporal activity of any worker, and the rules for trying it again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActivityRequest {
    pub name: String,
    pub queue: String,
    pub args: Vec<Value>,
    /// Of one attempt.
    #[serde(with = "millis")]
    pub timeout: Duration,
    #[serde(with = "RetryForm")]
    pub retry: Retry,
}

impl ActivityRequest {
    /// Whether another attempt may follow an error of this type: the server compares what the worker named, without
    /// `activity.`.
    pub fn may_retry(&self, kind: &ErrorType) -> bool {
        let text = kind.text();
        let named = text.strip_prefix("activity.").unwrap_or(&text);
        let again = !matches!(kind, ErrorType::Own(own) if !own.again());
        again && !self.retry.unless.iter().any(|unless| unless == named)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Send {
    pub number: u64,
    #[serde(with = "parts")]
    pub path: Path,
    pub signal: String,
    /// The id of the run.
    pub to: String,
    /// Null where it carries nothing.
    pub payload: Value,
}

impl Send {
    /// What is compared and shown of it.
    pub fn to_value(&self) -> Value {
        Value::map([
            ("signal", Value::text(self.signal.as_str())),
            ("to", Value::text(self.to.as_str())),
            ("payload", self.payload.clone()),
        ])
    }
}

impl Work {
    pub fn retry(&self) -> &Retry {
        match self {
            Work::Http(request) => &request.retry,
            Work::Activity(activity) => &activity.retry,
        }
    }

    /// Of one attempt.
    pub fn timeout(&self) -> Duration {
        match self {
            Work::Http(request) => request.timeout,
            Work::Activity(activity) => activity.timeout,
        }
    }

    /// What is compared and shown of it: JSON.
    pub fn to_value(&self) -> Value {
        match self {
            Work::Http(request) => request.to_value(),
            Work::Activity(activity) => Value::map([
                ("name", Value::text(activity.name.as_str())),
                ("queue", Value::text(activity.queue.as_str())),
                ("args", Value::List(activity.args.clone().into())),
            ]),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "status", content = "with", deny_unknown_fields)]
pub enum End {
    Completed(Value),
    Failed(RunError),
    Cancelled { reason: String },
}
