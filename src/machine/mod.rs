//! The machine: `apply(plan, state, now, event) -> commands`. Pure: the same state and the same event give the same
//! commands, on every platform, in every process, for as long as the engine number is the same.
//!
//! This room may not know: Temporal, HTTP, tokio, the clock of the machine it runs on, randomness, unordered maps.
//! Time arrives with events. The rules it follows are written in `docs/semantics.md`; comments name them as R1, R2, ….

mod error;
mod event;
mod messages;
mod position;
mod refusal;
mod reply;
mod request;
mod retry;
mod scope;
mod start;
mod state;
mod steps;
mod trace;
mod turn;
mod unwind;

pub use error::RunError;
pub use event::{ActivityRequest, Call, CallError, CallOutcome, Command, End, Event, Send, UpdateOutcome, Work};
pub use messages::{INBOX, INBOX_BYTES, query, refusal};
pub use position::{Armed, Position, positions};
pub use refusal::{Refusal, RefusalKind};
pub use reply::{Attempt, Reply, Verdict, judge};
pub use request::{Request, RequestError};
pub use retry::next_attempt;
pub use start::{Prepared, Refused, prepare};
pub use state::{Run, State};
pub use trace::{Fault, Shown, Trace, What, is_pause, line_of, reply_of, strand_of};

pub use crate::syntax::{ErrorType, Fit, Maker, Own, can_fit};

use crate::plan::Plan;
use crate::value::{Time, Value};

/// What one event led to.
#[derive(Debug, Clone, Default)]
pub struct Output {
    /// In order of issue; the end of the run, if it came, is last (R54).
    pub commands: Vec<Command>,
    pub trace: Vec<Trace>,
}

/// Applies one event and runs until nothing is ready (R2). Total: an unknown or late event changes nothing and is
/// traced as a stray (R6).
pub fn apply(plan: &Plan, state: &mut State, now: Time, event: Event) -> Output {
    turn::Turn::new(plan, state, now).apply(event)
}

/// Computes the business key of an input. Errors: an expression that fails, or a value that is no key: keys are text or
/// integers of 1 to 200 bytes, taken as they are.
pub fn business_key(plan: &Plan, input: &Value) -> Result<String, String> {
    let value = scope::evaluate_key(plan, input)?;
    let key = match &value {
        Value::Text(text) => text.clone(),
        Value::Number(n) if n.is_integer() => crate::value::to_json(&value),
        other => return Err(format!("the business key must be text or a whole number, not {}", other.to_display())),
    };
    check_key(key)
}

/// Whether a text can be a business key: 1 to 200 bytes, taken as it is. Errors: words for the caller.
pub fn check_key(key: String) -> Result<String, String> {
    match key.len() {
        0 => Err("the business key is empty".to_owned()),
        1..=200 => Ok(key),
        n => Err(format!("the business key has {n} bytes; at most 200 are allowed")),
    }
}
