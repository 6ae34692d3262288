//! `if` and `switch`: one way among several.

use crate::syntax::document::Condition;
use crate::syntax::keys::{Form, Verb, key, must};
use crate::syntax::part::{Item, Keyed, keys, verb};
use crate::syntax::step::Step;

verb! {
    pub struct If = Verb::new("if", Form::Condition, "one way or the other");
    condition: Condition,
    beside {
        then: Vec<Step> = must("then", Form::Steps, "steps if it is true"),
        otherwise: Vec<Step> = key("else", Form::Steps, "steps if it is false"),
    }
}

verb! {
    pub struct Switch = Verb::new("switch", Form::List(Way::KEYS, "a way"), "the first way that fits");
    ways: Vec<Item<Way>>,
    beside {}
}

keys! {
    pub struct Way {
        when: Condition = key("when", Form::Condition, "this way is taken if it is the first that is true"),
        body: Vec<Step> = key("do", Form::Steps, "its steps"),
        otherwise: Vec<Step> = key("else", Form::Steps, "steps where no way fits; stands last and alone"),
    }
}
