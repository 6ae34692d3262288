//! Which level a name belongs to (R26): the run, or the branch that assigns it. `while`, `if`, `switch`, `try` and `do`
//! are no levels of their own; a `for` body, a branch of `parallel` or `race`, and a handler are.

use std::collections::BTreeSet;

use crate::diagnostic::Span;
use crate::syntax::{Child, Level, Step};

/// The names that are assigned in these steps and in lists inside them that are no branches.
pub(super) fn level(steps: &[Step]) -> BTreeSet<String> {
    direct(steps).into_iter().map(|(name, _)| name.to_owned()).collect()
}

/// The assignments of a level itself, with their places.
pub(super) fn direct(steps: &[Step]) -> Vec<(&str, Span)> {
    let mut found = Vec::new();
    collect(steps, &mut found);
    found
}

fn collect<'a>(steps: &'a [Step], found: &mut Vec<(&'a str, Span)>) {
    for step in steps {
        found.extend(step.assigns());
        for child in step.children().into_iter().filter(|child| child.level == Level::Around) {
            collect(child.steps, found);
        }
    }
}

/// The lists inside a step that are levels of their own.
pub(super) fn branches(step: &Step) -> impl Iterator<Item = Child<'_>> {
    step.children().into_iter().filter(|child| child.level != Level::Around)
}
