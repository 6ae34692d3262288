//! The machine: `apply(plan, state, now, event) -> commands`. Pure: the same state and the same event give the same
//! commands, on every platform, in every process, for as long as the engine number is the same.
//!
//! This room may not know: Temporal, HTTP, tokio, the clock of the machine it runs on, randomness, unordered maps.
//! Time arrives with events. The rules it follows are written in `docs/semantics.md`; comments name them as R1, R2, ….

mod budget;
mod carried;
mod error;
mod event;
mod messages;
mod path;
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
mod watch;

pub use budget::Spent;
pub use carried::STATE;
pub use error::RunError;
pub use event::{
    ActivityRequest, Call, CallError, CallOutcome, Command, End, Event, Exceeded, Send, UpdateOutcome, Work,
};
pub use messages::{INBOX, INBOX_BYTES, query, refusal};
pub(crate) use path::{Between, passages};
pub use path::{Ends, Level, Part, Path};
pub use position::{Alarm, Armed, Position, positions};
pub use refusal::{Refusal, RefusalKind};
pub use reply::{Attempt, Reply, Verdict, judge};
pub use request::Request;
pub use retry::next_attempt;
pub use start::{Prepared, Refused, prepare};
pub use state::{FORMAT, Run, State, StateError};
pub(crate) use trace::awaits_of;
#[cfg(feature = "server")]
pub(crate) use trace::outside_of;
pub use trace::{Fault, Shown, Trace, What, is_pause, line_at, line_of, reply_of};

pub use crate::syntax::{ErrorType, Fit, Maker, Own, can_fit};

use crate::plan::Plan;
use crate::value::{Time, Value};

/// What one event led to.
#[derive(Debug, Clone, Default)]
pub struct Output {
    /// In order of issue; the end of the run, if it came, is last (R54).
    pub commands: Vec<Command>,
    pub trace: Vec<Trace>,
    pub spent: Spent,
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
        Value::Text(text) => text.to_string(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Home, from_yaml};
    use crate::value::Duration;

    /// A server may tell of a timer a little early by the clock that the machine is given.
    #[test]
    fn a_fired_timer_is_authoritative() {
        let text = "fermata: 1\nprocess: P\nversion: 1\nkey: ${input.k}\nsteps:\n  - id: pause\n    wait: 1h\n  \
                    - id: more\n    wait: ${minutes(1)}\n  - return: ${now()}\n";
        let (plan, complaints) = from_yaml(text, &Home::default());
        let plan = plan.unwrap_or_else(|| panic!("{complaints:?}"));
        let run = Run { id: "P.a".into(), uid: "u".into(), key: "a".into(), process: "P".into(), version: 1 };
        let mut state = State::new(run, Value::map([("k", Value::text("a"))]));
        let (start, hour) = (Time(1_767_225_600_000), Duration::from_secs(3_600).millis());
        let timer = |output: &Output| match output.commands.as_slice() {
            [Command::Timer { number, due, .. }] => (*number, *due),
            other => panic!("{other:?}"),
        };
        let (first, due) = timer(&apply(&plan, &mut state, start, Event::Started));
        assert_eq!(due, Time(start.millis() + hour));
        let early = Time(due.millis() - 5);
        let (second, next) = timer(&apply(&plan, &mut state, early, Event::Fired { timer: first }));
        assert_eq!((state.clock(), next), (due, Time(due.millis() + 60_000)));
        let output = apply(&plan, &mut state, early, Event::Fired { timer: second });
        assert_eq!(output.commands, [Command::End(End::Completed(Value::Time(next)))]);
    }

    fn begun(text: &str, input: Value) -> (std::sync::Arc<Plan>, State, Output) {
        let (plan, complaints) = from_yaml(text, &Home::default());
        let plan = plan.unwrap_or_else(|| panic!("{complaints:?}"));
        let run = Run { id: "P.a".into(), uid: "u".into(), key: "a".into(), process: "P".into(), version: 1 };
        let mut state = State::new(run, input);
        let output = apply(&plan, &mut state, Time(1_767_225_600_000), Event::Started);
        (plan, state, output)
    }

    /// Two hundred items each wait for their own message, and the messages come in the other order (R9).
    #[test]
    fn a_message_is_looked_at_once_by_each_that_waits() {
        let text = "fermata: 1\nprocess: P\nversion: 1\nkey: ${input.k}\nsignals: { got: { payload: { type: integer } } }\n\
                    steps:\n  - for: x\n    in: input.items\n    parallel: 200\n    do:\n      - id: w\n        \
                    wait: { signal: got, where: payload == x }\n        forever: true\n  - return: done\n";
        let items = Value::list((0..400).map(Value::integer));
        let (plan, mut state, _) = begun(text, Value::map([("k", Value::text("a")), ("items", items)]));
        let mut most = 0;
        let mut ended = false;
        for n in (0..400).rev() {
            let event = Event::Signal { name: "got".into(), payload: Value::integer(n), id: None };
            let output = apply(&plan, &mut state, Time(1_767_225_600_000), event);
            // These stay in the inbox: their items begin when those before them have ended.
            if n >= 200 {
                most = most.max(output.spent.operations);
            }
            ended = state.end().is_some();
        }
        assert!(ended);
        // Two hundred looks at one message, however many are there.
        assert!((200..2_000).contains(&most), "{most}");
    }
}
