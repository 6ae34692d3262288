//! A step of the old version and the one that it is in the new, with where each stands.

use crate::review::side::{Spelling, label, name_of};
use crate::syntax::Step;

/// A step and where it stands.
#[derive(Debug, Clone)]
pub struct At<'a> {
    pub step: &'a Step,
    /// The names of the steps and lists around it.
    pub path: Vec<String>,
    pub around: Vec<&'a Step>,
    /// A finding about the list it stands in says it already.
    pub covered: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    Nested,
    Unnested,
    Elsewhere,
}

#[derive(Debug, Clone)]
pub struct Pair<'a> {
    pub old: At<'a>,
    pub new: At<'a>,
    pub moved: Option<Moved>,
    /// What it has passed, in the same list.
    pub passed: Option<Passed>,
}

#[derive(Debug, Clone)]
pub struct Passed {
    pub words: String,
    /// Both it and something that it has passed call somebody, or leave.
    pub acts: bool,
}

#[derive(Debug, Clone)]
pub struct Matched<'a> {
    pub pairs: Vec<Pair<'a>>,
    pub removed: Vec<At<'a>>,
    pub added: Vec<At<'a>>,
    pub spelling: Spelling,
}

impl At<'_> {
    /// Where it stands, by names that survive unrelated edits.
    pub fn subject(&self) -> String {
        format!("{}.{}", self.path.join("."), name_of(self.step))
    }
}

impl Pair<'_> {
    /// How a message names it.
    pub fn label(&self) -> String {
        label(self.new.step)
    }
}
