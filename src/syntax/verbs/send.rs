//! `send`: a signal to another run.

use crate::syntax::document::Written;
use crate::syntax::keys::{Form, Verb, key, must};
use crate::syntax::part::{Keyed, keys, verb};

verb! {
    pub struct Send = Verb::leaving("send", Form::Map(Delivery::KEYS), "a signal to another run");
    delivery: Delivery,
    beside {}
}

keys! {
    pub struct Delivery {
        signal: String = must("signal", Form::Word, "the name of the signal"),
        to: Written = must("to", Form::Template, "the id of the run that gets it"),
        payload: Written = key("payload", Form::Value, "what it carries"),
    }
}
