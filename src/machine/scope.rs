//! What expressions of a run can see.

use sha2::{Digest, Sha256};

use super::state::State;
use crate::expression::{OPERATIONS, Scope, World};
use crate::plan::Plan;
use crate::value::{Time, Value};

/// The names of a run: `input`, `run`, and what it remembers.
pub(super) struct Names<'a>(pub &'a State);

impl Scope for Names<'_> {
    fn get(&self, name: &str) -> Option<Value> {
        match name {
            "input" => Some(self.0.input.clone()),
            "run" => Some(run_value(self.0)),
            other => self.0.names.get(other).cloned(),
        }
    }
}

/// What `vars` may use: no other variable (R26).
pub(super) struct FirstNames<'a>(pub &'a State);

impl Scope for FirstNames<'_> {
    fn get(&self, name: &str) -> Option<Value> {
        match name {
            "input" | "run" => Names(self.0).get(name),
            _ => None,
        }
    }
}

struct InputOnly<'a>(&'a Value);

impl Scope for InputOnly<'_> {
    fn get(&self, name: &str) -> Option<Value> {
        (name == "input").then(|| self.0.clone())
    }
}

fn run_value(state: &State) -> Value {
    Value::map([
        ("id", Value::text(state.run.id.as_str())),
        ("key", Value::text(state.run.key.as_str())),
        ("process", Value::text(state.run.process.as_str())),
        ("version", Value::integer(state.run.version)),
        ("started", Value::Time(Time(state.started))),
    ])
}

/// Evaluates with the run's clock, its own `uuid()` and the budget of one evaluation, taken from what is left of the
/// event's. `f` gets the scope and the world.
pub(super) fn with_world<T>(state: &mut State, left: &mut u64, f: impl FnOnce(&dyn Scope, &mut World<'_>) -> T) -> T {
    let (uid, first) = (state.run.uid.clone(), state.uuids);
    let mut made = 0;
    let mut uuid = || {
        made += 1;
        derived_uuid(&uid, first + made)
    };
    let given = OPERATIONS.min(*left);
    let mut operations = given;
    let mut world = World { now: Time(state.clock), uuid: &mut uuid, operations: &mut operations };
    let result = f(&Names(state), &mut world);
    *left -= given - operations.min(given);
    state.uuids += made;
    result
}

/// The n-th UUID of a run: a function of the run's uid and a counter, the same on every replay and over fresh
/// histories (R31). Version 8 of RFC 9562.
fn derived_uuid(uid: &str, n: u64) -> String {
    let digest = Sha256::digest(format!("{uid}:uuid:{n}").as_bytes());
    let mut bytes = [0_u8; 16];
    for (to, from) in bytes.iter_mut().zip(digest.iter()) {
        *to = *from;
    }
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

/// Evaluates the business key, which may use the input and nothing else.
pub(super) fn evaluate_key(plan: &Plan, input: &Value) -> Result<Value, String> {
    let mut no_uuid = String::new;
    let mut operations = OPERATIONS;
    let mut world = World { now: Time(0), uuid: &mut no_uuid, operations: &mut operations };
    plan.key().evaluate(&InputOnly(input), &mut world).map_err(|failure| failure.message)
}
