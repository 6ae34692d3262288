//! `activity`: any Temporal activity.

use super::{ON_RETRY, Retry};
use crate::syntax::document::Written;
use crate::syntax::keys::{Form, Verb, key, must};
use crate::syntax::part::{Keyed, keys, verb};
use crate::syntax::tree::Node;

verb! {
    pub struct Activity = Verb::leaving("activity", Form::Map(Call::KEYS), "any Temporal activity");
    call: Call,
    beside {
        retry: Retry = ON_RETRY,
    }
}

keys! {
    pub struct Call {
        name: String = must("name", Form::Word, "the type of the activity, as its worker names it"),
        queue: String = key("queue", Form::Word, "the task queue of its worker"),
        args: Written = key("args", Form::ValueList, "its arguments, in order"),
        reply: Node = key("reply", Form::Schema, "JSON Schema of what it gives"),
    }
}
