//! Witnesses: an input and a scenario that were run on both versions, and what each did. Nothing is claimed that was not
//! run.

use crate::review::side::Behaviour;
use crate::value::Value;

#[derive(Debug, Clone, PartialEq)]
pub struct Witness {
    pub input: Value,
    /// That of the new version, where no input that was tried fits both.
    pub new_input: Option<Value>,

    /// What happens beside the input, in words; empty: every call succeeds and nothing else happens.
    pub scenario: Vec<String>,
    pub old: Behaviour,
    pub new: Behaviour,
}

/// An input that takes another way: the steps that only one of the versions comes to with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Way {
    pub input: Value,
    pub old: Vec<String>,
    pub new: Vec<String>,
}
