//! `try` and `do`: steps as a group, with a way out of errors or without.

use crate::diagnostic::Span;
use crate::syntax::document::Condition;
use crate::syntax::keys::{Form, Verb, key, must};
use crate::syntax::part::{Item, Keyed, Name, keys, verb};
use crate::syntax::step::Step;

verb! {
    pub struct Try = Verb::new("try", Form::Steps, "steps with a way out of errors");
    body: Vec<Step>,
    beside {
        catches: Vec<Item<Catch>> =
            key("catch", Form::List(Catch::KEYS, "a `catch`"), "steps for errors; the first that fits"),
        finally: Vec<Step> = key("finally", Form::Steps, "steps that always run"),
    }
}

keys! {
    pub struct Catch {
        errors: Vec<(String, Span)> = key("error", Form::Patterns, "the errors it takes; all unless said"),
        when: Condition = key("when", Form::Condition, "only if; `error` may be asked"),
        name: Name = key("as", Form::Name, "a name for the error; `error` unless said"),
        body: Vec<Step> = must("do", Form::Steps, "the steps for the error"),
    }
}

verb! {
    pub struct Do = Verb::new("do", Form::Steps, "a group of steps");
    body: Vec<Step>,
    beside {}
}

impl Catch {
    /// What the error is called inside.
    pub fn called(&self) -> &str {
        self.name.text().unwrap_or("error")
    }
}
