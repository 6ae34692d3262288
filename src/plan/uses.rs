//! The expressions of a step, each with what it can see.

use crate::expression::Expression;
use crate::syntax::{Action, Any, Condition, Parts, Place, Step, Written};

/// An expression of a step.
pub(super) struct Use<'a> {
    /// The key at which it stands.
    pub key: &'static str,
    pub sees: Sees,
    pub what: What<'a>,
}

#[derive(Clone, Copy)]
pub(super) enum What<'a> {
    Condition(&'a Condition),
    /// A bare expression of any type.
    Expression(&'a Condition),
    Value(&'a Written),
}

/// What an expression sees beside what its step sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sees {
    Nothing,
    /// The payload of the message that the step waits for.
    Payload,
    /// The names of a `for`, and what its body has set.
    Item,
    /// The error of a `catch`.
    Error,
}

impl<'a> What<'a> {
    /// The expressions, each with the place of its text and its offset in it.
    pub fn expressions(self) -> Vec<(&'a Expression, Place, usize)> {
        match self {
            What::Condition(condition) | What::Expression(condition) => {
                vec![(&condition.expression, condition.place, 0)]
            }
            What::Value(value) => value
                .templates()
                .into_iter()
                .flat_map(|(template, place)| template.expressions().map(move |(e, at)| (e, place, at)))
                .collect(),
        }
    }
}

/// The expressions of a step itself, not those of steps inside it.
pub(super) fn uses(step: &Step) -> Vec<Use<'_>> {
    let mut found = Vec::new();
    collect(&step.action, step, false, &mut found);
    found
}

fn collect<'a>(action: &Action, parts: &'a dyn Parts, below: bool, found: &mut Vec<Use<'a>>) {
    let mut inside: Vec<&'a dyn Parts> = Vec::new();
    parts.parts(&mut |seen| {
        let mut one = |what| found.push(Use { key: seen.key, sees: sees(action, seen.key, below), what });
        match seen.any {
            Some(Any::Condition(condition)) => one(What::Condition(condition)),
            Some(Any::Expression(expression)) => one(What::Expression(expression)),
            Some(Any::Value(value)) => one(What::Value(value)),
            Some(Any::Assignments(assignments)) => assignments.iter().for_each(|a| one(What::Value(&a.value))),
            Some(Any::Map(parts)) => inside.push(parts),
            Some(Any::List(items)) => inside.extend(items.into_iter().map(|(parts, _)| parts)),
            Some(Any::Named(named)) => inside.extend(named.into_iter().map(|(_, _, parts)| parts)),
            // Nothing is computed in these, or it is in steps inside.
            Some(
                Any::Text(_)
                | Any::Name(_)
                | Any::Integer(_)
                | Any::Factor(_)
                | Any::Flag(_)
                | Any::Duration(_)
                | Any::Schema(_)
                | Any::Texts(_)
                | Any::Steps(_)
                | Any::Branches(_),
            )
            | None => {}
        }
    });
    inside.into_iter().for_each(|parts| collect(action, parts, true, found));
}

/// What the expression at a key sees; `below`: it stands inside what stands at a key of the step.
fn sees(action: &Action, key: &str, below: bool) -> Sees {
    match action {
        Action::Wait(_) if below && key == "where" => Sees::Payload,
        Action::For(_) if !below && key == "collect" => Sees::Item,
        // All that a `try` computes inside its keys is the `when` of a `catch`.
        Action::Try(_) if below => Sees::Error,
        Action::Set(_)
        | Action::Http(_)
        | Action::Activity(_)
        | Action::Wait(_)
        | Action::If(_)
        | Action::Switch(_)
        | Action::For(_)
        | Action::While(_)
        | Action::Parallel(_)
        | Action::Race(_)
        | Action::Try(_)
        | Action::Do(_)
        | Action::Send(_)
        | Action::Return(_)
        | Action::Fail(_)
        | Action::Break(_)
        | Action::Continue(_)
        | Action::Log(_) => Sees::Nothing,
    }
}
