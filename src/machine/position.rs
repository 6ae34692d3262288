//! Where a run stands: the steps that are suspended, and what each waits for.

use serde::{Deserialize, Serialize};

use super::path::Path;
use super::state::{Frame, PendingKind, Role, Stage, State, Strand};
use crate::plan::{Awaits, Outside, Plan};
use crate::syntax::verbs;
use crate::value::Time;

/// A suspended step. Off the wire its paths are texts, which [`Position::of`] reads by the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Position<P = Path> {
    /// The step's id, or its part of the path where it has none.
    pub step: String,
    pub path: P,
    pub verb: String,
    /// In the words of the definition.
    pub waits_for: String,
    /// When the wait is over, or the nearest timeout around it strikes.
    pub until: Option<Time>,
    /// What is armed here and around.
    pub armed: Vec<Armed<P>>,
    /// The line in the definition, where the source was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
}

/// A timer that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Armed<P = Path> {
    /// Of its step.
    pub path: P,
    pub what: Alarm,
    pub due: Time,
}

/// What a timer is to its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Alarm {
    /// Its own wait.
    Wait,
    Timeout,
}

impl<P> Position<P> {
    /// Whether nothing but time, a condition or a message ends it.
    pub fn is_wait(&self) -> bool {
        self.verb == verbs::Wait::VERB.name
    }
}

impl Position<String> {
    /// The position in its plan. `None`: nothing of the plan stands there.
    pub fn of(self, plan: &Plan) -> Option<Position> {
        let armed = |armed: Armed<String>| {
            Some(Armed { path: Path::parse(plan, &armed.path)?, what: armed.what, due: armed.due })
        };
        Some(Position {
            path: Path::parse(plan, &self.path)?,
            armed: self.armed.into_iter().map(armed).collect::<Option<_>>()?,
            step: self.step,
            verb: self.verb,
            waits_for: self.waits_for,
            until: self.until,
            line: self.line,
        })
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
            let own = awaited.map(|number| (frame.path.clone(), number, Alarm::Wait));
            let timers = limits.map(|(path, number)| (path, number, Alarm::Timeout)).chain(own);
            let armed: Vec<Armed> =
                timers.filter_map(|(path, number, what)| Some(Armed { path, what, due: due(number)? })).collect();
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
                verb: step.verb.to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Part;
    use crate::value::{Value, from_json, from_value, to_json, to_value};

    #[test]
    fn a_position_travels_as_the_contract_says() {
        let path: Path = [Part::Step("group".to_owned()), Part::Step("pause".to_owned())].into_iter().collect();
        let due = Time(1_767_225_600_250);
        let position = Position {
            step: "pause".to_owned(),
            path: path.clone(),
            verb: "wait".to_owned(),
            waits_for: "the time".to_owned(),
            until: Some(due),
            armed: vec![Armed { path, what: Alarm::Wait, due }],
            line: None,
        };
        let text = concat!(
            r#"{"armed":[{"due":"2026-01-01T00:00:00.25Z","path":"group.pause","what":"wait"}],"path":"group.pause","#,
            r#""step":"pause","until":"2026-01-01T00:00:00.25Z","verb":"wait","waitsFor":"the time"}"#
        );
        assert_eq!(to_value(&position).map(|value| to_json(&value)).ok().as_deref(), Some(text));
        let travelled: Value = from_json(text).unwrap();
        let read: Position<String> = from_value(&travelled).unwrap();
        assert_eq!(to_value(&read).ok(), Some(travelled));
        assert_eq!((read.path.as_str(), read.until), ("group.pause", position.until));
    }
}
