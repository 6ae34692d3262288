//! `race`: the first branch to end wins.

use crate::syntax::keys::{Form, Verb};
use crate::syntax::part::verb;
use crate::syntax::step::Branch;

verb! {
    pub struct Race = Verb::new("race", Form::Branches, "the first branch to end wins");
    branches: Vec<Branch>,
    beside {}
}
