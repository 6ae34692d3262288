//! `wait`: let time pass, or wait for a condition or a signal.

use crate::syntax::document::{Condition, Written};
use crate::syntax::keys::{Form, Verb, key};
use crate::syntax::part::{Any, Keyed, Kind, keys, verb};
use crate::syntax::read::Field;

verb! {
    pub struct Wait = Verb::leaving(
        "wait",
        Form::MomentOr(Awaited::KEYS),
        "let time pass, or wait for a condition or a signal"
    );
    what: WaitFor,
    beside {
        forever: bool = key("forever", Form::True, "that the wait may last for ever"),
    }
}

/// What a `wait` waits for.
#[derive(Debug, Clone)]
pub enum WaitFor {
    /// A duration or a time, constant or computed.
    Moment(Written),
    Event(Awaited),
}

keys! {
    pub struct Awaited {
        until: Condition = key("until", Form::Condition, "a condition to wait for"),
        signal: String = key("signal", Form::Word, "a signal to wait for"),
        filter: Condition = key("where", Form::Condition, "which message to take"),
    }
}

impl Kind for WaitFor {
    fn of(field: Field) -> Option<Self> {
        match field {
            Field::Value(moment) => Some(WaitFor::Moment(moment)),
            other => Kind::of(other).map(WaitFor::Event),
        }
    }
    fn any(&self) -> Any<'_> {
        match self {
            WaitFor::Moment(moment) => Any::Value(moment),
            WaitFor::Event(awaited) => Any::Map(awaited),
        }
    }
}

impl Wait {
    /// The moment, where it is for one.
    pub fn moment(&self) -> Option<&Written> {
        match self.what.get()? {
            WaitFor::Moment(moment) => Some(moment),
            WaitFor::Event(_) => None,
        }
    }

    /// The condition or signal, where it is for one.
    pub fn awaited(&self) -> Option<&Awaited> {
        match self.what.get()? {
            WaitFor::Moment(_) => None,
            WaitFor::Event(awaited) => Some(awaited),
        }
    }
}
