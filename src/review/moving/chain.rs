//! The way to a step: the steps around it, each with the list that it stands in.

use std::collections::BTreeMap;

use crate::machine::Path;
use crate::plan::{Action, ListId, Plan, Step};
use crate::syntax::{Role, StepId};

/// One level of a chain: the list a step stands in, and what that list is to the step around.
#[derive(Clone)]
pub struct Link<'a> {
    pub list: ListId,
    /// `None`: the list of the process itself.
    pub role: Option<Role<'a>>,
    pub at: usize,
    pub step: &'a Step,
}

/// The chain of steps that a path names.
pub fn chain<'a>(plan: &'a Plan, path: &Path) -> Option<Vec<Link<'a>>> {
    let mut links: Vec<Link<'a>> = Vec::new();
    let mut within = vec![(None, plan.root)];
    for level in path.levels(plan)? {
        let (role, _) = within.iter().find(|(_, list)| *list == level.list)?;
        links.push(Link { list: level.list, role: *role, at: level.at, step: level.step });
        within = lists(level.step);
    }
    (!links.is_empty()).then_some(links)
}

/// The chain to each step of the process itself; a run stands in no handler.
pub fn chains(plan: &Plan) -> BTreeMap<StepId, Vec<Link<'_>>> {
    let mut all = BTreeMap::new();
    below(plan, vec![(None, plan.root)], &[], &mut all);
    all
}

/// The same for the steps in these lists, and below.
fn below<'a>(
    plan: &'a Plan,
    within: Vec<(Option<Role<'a>>, ListId)>,
    above: &[Link<'a>],
    into: &mut BTreeMap<StepId, Vec<Link<'a>>>,
) {
    for (role, list) in within {
        for (at, step) in plan.list(list).iter().enumerate().filter_map(|(at, id)| Some((at, plan.step(*id)?))) {
            let chain: Vec<Link<'a>> = above.iter().cloned().chain([Link { list, role, at, step }]).collect();
            below(plan, lists(step), &chain, into);
            into.insert(step.number, chain);
        }
    }
}

/// The lists inside a step, with what each is to it. A run holds the ways of a `switch` by their places, and so the
/// `else` is the last of them.
fn lists(step: &Step) -> Vec<(Option<Role<'_>>, ListId)> {
    let switch = matches!(step.action, Action::Switch(_));
    let role = |at: usize, role| if switch && role == Role::Else { Role::Way(at) } else { role };
    step.lists().into_iter().enumerate().map(|(at, (own, list))| (Some(role(at, own)), list)).collect()
}
