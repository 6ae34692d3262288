//! The rules: what of a change is a finding, by subject.
//!
//! May not know: how a finding is shown to be true, or how it is shown to people.

mod calls;
mod contract;
mod control;
mod failure;
mod finder;
mod messages;
mod pairs;
mod shapes;
mod steps;
mod time;
mod values;
mod whole;

use crate::review::matching::Matched;
use crate::review::side::{Side, Spelling};
use crate::review::verdict::Finding;
use finder::Finder;

/// Everything that is found.
pub fn find(old: &Side, new: &Side, matched: &Matched<'_>) -> Vec<Finding> {
    let mut finder = Finder::new(old, new, matched.spelling.clone());
    contract::find(&mut finder);
    messages::find(&mut finder);
    steps::find(&mut finder, matched);
    whole::find(&mut finder, matched);
    finder.findings()
}

/// What is found about a process that only one side has.
pub fn find_alone(side: &Side, gone: bool) -> Vec<Finding> {
    let mut finder = Finder::new(side, side, Spelling::default());
    contract::alone(&mut finder, gone);
    finder.findings()
}
