//! Which level a name belongs to (R26): the run, or the branch that assigns it. `while`, `if`, `switch`, `try` and `do`
//! are no levels of their own; a `for` body, a branch of `parallel` or `race`, and a handler are.

use std::collections::BTreeSet;

use crate::diagnostic::Span;
use crate::syntax::{Field, Step};

/// The names that are assigned in these steps and in lists inside them that are no branches.
pub(super) fn level(steps: &[Step]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    collect(steps, &mut names);
    names
}

fn collect(steps: &[Step], names: &mut BTreeSet<String>) {
    for step in steps {
        names.extend(assigned(step).into_iter().map(|(name, _)| name));
        for list in plain_lists(step) {
            collect(list, names);
        }
    }
}

/// The names a step assigns itself, with their places.
pub(super) fn assigned(step: &Step) -> Vec<(String, Span)> {
    let mut names = Vec::new();
    if let ("set", Field::Assignments(assignments)) = (step.verb.name, &step.action) {
        names.extend(assignments.iter().map(|a| (a.name.clone(), a.span)));
    }
    if let (Some(name), Some(entry)) = (step.fields.text("save"), step.fields.entry("save")) {
        names.push((name.to_owned(), entry.span));
    }
    names
}

/// The lists inside a step that are branches: `(name, steps)`; the body of a `for` has no name.
pub(super) fn branch_lists(step: &Step) -> Vec<(Option<&str>, &[Step])> {
    match &step.action {
        Field::Branches(branches) => branches.iter().map(|b| (Some(b.name.as_str()), b.steps.as_slice())).collect(),
        _ if step.verb.name == "for" => step.fields.steps("do").map(|steps| (None, steps)).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// The lists inside a step that belong to its own level.
pub(super) fn plain_lists(step: &Step) -> Vec<&[Step]> {
    let branches = branch_lists(step);
    step.lists().into_iter().filter(|list| !branches.iter().any(|(_, branch)| std::ptr::eq(*branch, *list))).collect()
}
