//! Which names the expressions of a definition read.

use std::collections::BTreeSet;

use super::names::label;
use crate::syntax::{Any, Parts, Seen, Step, Written, walk};

type Paths = BTreeSet<Vec<String>>;

/// Every name with its fields that some expression of these reads, as `["input", "age"]`.
pub fn reads(parts: &dyn Parts) -> Paths {
    let mut found = Paths::new();
    parts.parts(&mut |seen| collect(seen, true, &mut found));
    found
}

/// The steps that read a name or a field of it themselves, by what messages call them.
pub fn readers(steps: &[Step], path: &[&str]) -> Vec<String> {
    let reads = |step: &&Step| {
        let mut own = Paths::new();
        step.parts(&mut |seen| collect(seen, false, &mut own));
        own.iter().any(|found| found.iter().zip(path).all(|(a, b)| a == b))
    };
    walk(steps).into_iter().filter(reads).map(label).collect()
}

/// `steps`: what the steps inside read, too.
fn collect(seen: Seen<'_>, steps: bool, found: &mut Paths) {
    let mut all = |parts: &dyn Parts| parts.parts(&mut |seen| collect(seen, steps, found));
    match seen.any {
        Some(Any::Condition(condition) | Any::Expression(condition)) => {
            found.extend(condition.expression.paths().iter().cloned());
        }
        Some(Any::Value(written)) => of_written(written, found),
        Some(Any::Assignments(assignments)) => assignments.iter().for_each(|a| of_written(&a.value, found)),
        Some(Any::Steps(list)) if steps => list.iter().for_each(|step| all(step)),
        Some(Any::Branches(branches)) if steps => branches.iter().flat_map(|b| &b.steps).for_each(|step| all(step)),
        Some(Any::Map(parts)) => all(parts),
        Some(Any::List(items)) => items.into_iter().for_each(|(parts, _)| all(parts)),
        Some(Any::Named(named)) => named.into_iter().for_each(|(_, _, parts)| all(parts)),
        Some(
            Any::Text(_)
            | Any::Name(_)
            | Any::Integer(_)
            | Any::Factor(_)
            | Any::Flag(_)
            | Any::Duration(_)
            | Any::Schema(_)
            | Any::Texts(_)
            | Any::Steps(_)
            | Any::Branches(_),
        )
        | None => {}
    }
}

fn of_written(written: &Written, found: &mut Paths) {
    for (template, _) in written.templates() {
        found.extend(template.expressions().flat_map(|(expression, _)| expression.paths().to_vec()));
    }
}
