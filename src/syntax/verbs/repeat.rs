//! `while`: steps as long as a condition holds.

use crate::syntax::document::Condition;
use crate::syntax::keys::{Form, Verb, must};
use crate::syntax::part::verb;
use crate::syntax::step::Step;

verb! {
    pub struct While = Verb::new("while", Form::Condition, "steps as long as a condition holds");
    condition: Condition,
    beside {
        body: Vec<Step> = must("do", Form::Steps, "the steps of a round"),
    }
}

impl While {
    /// Whether nothing but what is inside can end it.
    pub fn is_endless(&self) -> bool {
        self.condition.get().is_some_and(|condition| condition.expression.source().trim() == "true")
    }
}
