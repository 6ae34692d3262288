//! `set`: names get values.

use crate::syntax::document::Assignment;
use crate::syntax::keys::{Form, Verb};
use crate::syntax::part::verb;

verb! {
    pub struct Set = Verb::new("set", Form::Assignments, "assign names");
    assignments: Vec<Assignment>,
    beside {}
}
