//! What expressions of a run can see.

use sha2::{Digest, Sha256};

use super::state::{Frame, Role, State};
use crate::expression::{Budget, Scope, World};
use crate::plan::Plan;
use crate::value::{Time, Value};

/// The names that a place in a run sees: `input`, `run`, what its strand and those around it have, and what the run
/// remembers.
pub(super) struct Names<'a> {
    pub state: &'a State,
    /// `None`: a place beside all strands, such as a query.
    pub strand: Option<u64>,
    /// Of this place alone, such as the payload of a message.
    pub extra: &'a [(&'a str, &'a Value)],
}

impl Scope for Names<'_> {
    fn get(&self, name: &str) -> Option<Value> {
        if name == "input" {
            return Some(self.state.input.clone());
        }
        if let Some((_, value)) = self.extra.iter().find(|(known, _)| *known == name) {
            return Some(Value::clone(value));
        }
        if name == "run" {
            return Some(Value::map(run_fields(self.state)));
        }
        let mut at = self.strand;
        while let Some(strand) = at.and_then(|id| self.state.strands.get(&id)) {
            for frame in strand.frames.iter().rev() {
                if let Frame::List(list) = frame
                    && let Some(value) = list.names.get(name)
                {
                    return Some(value.clone());
                }
            }
            at = match strand.role {
                Role::Branch { parent, .. } => Some(parent),
                _ => None,
            };
        }
        self.state.names.get(name).cloned()
    }
}

/// What `vars` may use: no other variable (R26).
pub(super) struct FirstNames<'a>(pub &'a State);

impl Scope for FirstNames<'_> {
    fn get(&self, name: &str) -> Option<Value> {
        match name {
            "input" | "run" => Names { state: self.0, strand: None, extra: &[] }.get(name),
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

/// What `run` has.
pub(super) fn run_fields(state: &State) -> impl Iterator<Item = (&'static str, Value)> {
    [
        ("id", Value::text(state.run.id.as_str())),
        ("key", Value::text(state.run.key.as_str())),
        ("process", Value::text(state.run.process.as_str())),
        ("version", Value::integer(state.run.version)),
        ("started", Value::Time(Time(state.started))),
    ]
    .into_iter()
}

/// Evaluates in a strand with the run's clock, its own `uuid()` and the budget of one evaluation, taken from what is
/// left of the event's. `f` gets the scope and the world.
pub(super) fn with_world<T>(
    state: &mut State,
    strand: Option<u64>,
    extra: &[(&str, &Value)],
    left: &mut u64,
    f: impl FnOnce(&dyn Scope, &mut World<'_>) -> T,
) -> T {
    let (uid, first) = (state.run.uid.clone(), state.uuids);
    let mut made = 0;
    let mut uuid = || {
        made += 1;
        derived_uuid(&uid, first + made)
    };
    let mut budget = Budget::within(*left);
    let mut world = World { now: Time(state.clock), uuid: &mut uuid, budget: &mut budget };
    let result = f(&Names { state, strand, extra }, &mut world);
    *left = budget.left();
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
    let mut budget = Budget::alone();
    let mut world = World { now: Time(0), uuid: &mut no_uuid, budget: &mut budget };
    plan.key().evaluate(&InputOnly(input), &mut world).map_err(|failure| failure.message)
}

/// Evaluates beside a run, which stays as it is: no `uuid()` of the run's is used up.
pub(super) fn frozen<T>(
    state: &State,
    extra: &[(&str, &Value)],
    f: impl FnOnce(&dyn Scope, &mut World<'_>) -> Result<T, crate::expression::Failure>,
) -> Result<T, crate::expression::Failure> {
    let mut uuid = || derived_uuid(&state.run.uid, state.uuids + 1);
    let mut budget = Budget::alone();
    let mut world = World { now: Time(state.clock), uuid: &mut uuid, budget: &mut budget };
    f(&Names { state, strand: None, extra }, &mut world)
}
