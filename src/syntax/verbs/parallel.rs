//! `parallel`: branches beside each other.

use crate::syntax::keys::{Form, Verb, key};
use crate::syntax::part::verb;
use crate::syntax::step::{Branch, OnError};

verb! {
    pub struct Parallel = Verb::new("parallel", Form::Branches, "branches beside each other");
    branches: Vec<Branch>,
    beside {
        on_error: OnError =
            key("on-error", Form::Choice(OnError::WORDS), "what a branch that fails does; `fail` unless said"),
    }
}
