//! Where a run stands: the steps that are suspended, and what each waits for.

use super::state::{Frame, PendingKind, Role, Stage, State, Strand};
use crate::plan::{Awaits, Outside, Plan};
use crate::value::{Time, Value};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The step's id, or its part of the path where it has none.
    pub step: String,
    pub path: String,
    pub verb: &'static str,
    /// In the words of the definition.
    pub waits_for: String,
    /// When the wait is over, or the nearest timeout around it strikes.
    pub until: Option<Time>,
    /// What is armed here and around.
    pub armed: Vec<Armed>,
    /// The line in the definition, where the source was there.
    pub line: Option<usize>,
}

/// A timer that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Armed {
    /// The activation path of its step.
    pub path: String,
    /// The step's own wait; else its timeout.
    pub wait: bool,
    pub due: Time,
}

impl Armed {
    fn to_value(&self) -> Value {
        let what = if self.wait { "wait" } else { "timeout" };
        Value::map([
            ("path", Value::text(self.path.as_str())),
            ("what", Value::text(what)),
            ("due", Value::Time(self.due)),
        ])
    }

    /// Reads what a position says; `None` where it is not understood.
    pub fn from_value(value: &Value) -> Option<Armed> {
        let text = |key: &str| value.get(key).map(Value::to_display);
        Some(Armed { path: text("path")?, wait: text("what")? == "wait", due: Time::parse(&text("due")?).ok()? })
    }
}

impl Position {
    pub fn to_value(&self) -> Value {
        Value::map([
            ("step", Value::text(self.step.as_str())),
            ("path", Value::text(self.path.as_str())),
            ("verb", Value::text(self.verb)),
            ("waitsFor", Value::text(self.waits_for.as_str())),
            ("until", self.until.map_or(Value::Null, Value::Time)),
            ("armed", Value::list(self.armed.iter().map(Armed::to_value))),
        ])
    }
}

/// The suspended steps, in the order of their strands.
pub fn positions(plan: &Plan, state: &State) -> Vec<Position> {
    state
        .strands
        .values()
        .filter_map(|strand| {
            let Some(Frame::Step(frame)) = strand.frames.last() else { return None };
            if matches!(frame.stage, Stage::Joining(_)) {
                return None; // its branches say where they are
            }
            let step = plan.step(frame.step)?;
            let limits = around(state, strand).into_iter().flat_map(|strand| &strand.frames).filter_map(|f| match f {
                Frame::Step(f) => Some((f.path.clone(), f.timeout?)),
                Frame::List(_) => None,
            });
            let awaited = match frame.stage {
                Stage::Awaiting(number) => Some(number),
                _ => None,
            };
            let due = |number: u64| match state.pending.get(&number)?.kind {
                PendingKind::Timer { due } | PendingKind::Timeout { due } => Some(Time(due)),
                PendingKind::Call | PendingKind::Condition { .. } => None,
            };
            let own = awaited.map(|number| (frame.path.clone(), number, true));
            let timers = limits.map(|(path, number)| (path, number, false)).chain(own);
            let armed: Vec<Armed> =
                timers.filter_map(|(path, number, wait)| Some(Armed { path, wait, due: due(number)? })).collect();
            let outside = step.action.outside().map(|outside| match outside {
                Outside::Http(http) => format!("the answer of service {} to {}", http.service, http.method),
                Outside::Activity(activity) => format!("the activity {} on queue {}", activity.name, activity.queue),
                Outside::Run { signal } => format!("another run to take the signal {signal}"),
            });
            let own = step.action.awaits().map(|awaits| match awaits {
                Awaits::Moment => "the time".to_owned(),
                Awaits::Condition(condition) => format!("`{}`", condition.source()),
                Awaits::Message { signal, .. } => format!("the signal {signal}"),
            });
            let waits_for = outside.or(own).unwrap_or_else(|| "what is inside".to_owned());
            Some(Position {
                step: step.segment.clone(),
                path: frame.path.clone(),
                verb: step.verb,
                waits_for,
                until: armed.iter().map(|armed| armed.due).min(),
                armed,
                line: (step.line > 0).then_some(step.line),
            })
        })
        .collect()
}

/// The strand and those that it is a branch of.
fn around<'a>(state: &'a State, strand: &'a Strand) -> Vec<&'a Strand> {
    let mut found = vec![strand];
    while let Some(Role::Branch { parent, .. }) = found.last().map(|strand| &strand.role)
        && let Some(strand) = state.strands.get(parent)
    {
        found.push(strand);
    }
    found
}
