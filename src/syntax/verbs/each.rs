//! `for`: steps for each item.

use crate::syntax::document::{Condition, Written};
use crate::syntax::keys::{Form, Verb, key, must};
use crate::syntax::part::{Any, Kind, Name, verb};
use crate::syntax::read::Field;
use crate::syntax::step::{OnError, Step};

verb! {
    pub struct For = Verb::new("for", Form::Name, "steps for each item");
    /// What an item is called.
    item: Name,
    beside {
        items: Items = must("in", Form::Items, "the items: an expression or a list"),
        body: Vec<Step> = must("do", Form::Steps, "the steps for an item"),
        index: Name = key("index", Form::Name, "a name for the number of the item, from 0"),
        collect: Written = key("collect", Form::Value, "the result of an item; that of its last step unless said"),
        parallel: i64 =
            key("parallel", Form::Integer { least: 1, most: 1_000 }, "how many items at once; 1 unless said"),
        on_error: OnError =
            key("on-error", Form::Choice(OnError::WORDS), "what an item that fails does; `fail` unless said"),
    }
}

/// The items of a `for`.
#[derive(Debug, Clone)]
pub enum Items {
    /// A bare expression that gives a list.
    Expression(Condition),
    List(Written),
}

impl Kind for Items {
    fn of(field: Field) -> Option<Self> {
        match field {
            Field::Expression(expression) => Some(Items::Expression(expression)),
            other => Kind::of(other).map(Items::List),
        }
    }
    fn any(&self) -> Any<'_> {
        match self {
            Items::Expression(expression) => Any::Expression(expression),
            Items::List(list) => Any::Value(list),
        }
    }
}

impl For {
    /// How many items at once.
    pub fn at_once(&self) -> i64 {
        self.parallel.value().unwrap_or(1)
    }
}
