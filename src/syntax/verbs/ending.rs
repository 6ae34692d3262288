//! `return`, `fail`, `break` and `continue`: ways out of what is around.

use crate::syntax::document::Written;
use crate::syntax::keys::{Form, Verb, key, must};
use crate::syntax::part::{Keyed, keys, verb};

verb! {
    pub struct Return = Verb::new("return", Form::Value, "end the run with a result");
    value: Written,
    beside {}
}

verb! {
    pub struct Fail = Verb::new("fail", Form::Map(Failure::KEYS), "end with an error");
    failure: Failure,
    beside {}
}

keys! {
    pub struct Failure {
        error: String = must("error", Form::Word, "the type of the error"),
        message: Written = key("message", Form::Template, "what happened, for people"),
        details: Written = key("details", Form::Value, "data for whoever handles it"),
    }
}

verb! {
    pub struct Break = Verb::new("break", Form::True, "leave the loop");
    flag: bool,
    beside {}
}

verb! {
    pub struct Continue = Verb::new("continue", Form::True, "the next round of the loop");
    flag: bool,
    beside {}
}
