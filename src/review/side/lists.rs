//! The lists of a definition: those inside a step, with what decides whether each runs, and all that stands in them.

use super::spelling::Spelling;
use crate::plan::{self, Plan};
use crate::syntax::verbs::{Catch, Way};
use crate::syntax::{Action, Branch, Child, Role, Root, Step, walk};

/// A list inside a step. `guard` is what decides whether it runs, where there are several of its kind.
#[derive(Debug, Clone)]
pub struct Slot<'a> {
    pub role: Role<'a>,
    pub guard: String,
    pub steps: &'a [Step],
}

impl Slot<'_> {
    /// What it is called in the places of findings.
    pub fn word(&self) -> &'static str {
        match self.role {
            Role::Then => "then",
            Role::Else => "else",
            Role::Way(_) => "way",
            Role::Do => "do",
            Role::Try => "body",
            Role::Catch(_) => "catch",
            Role::Finally => "finally",
            Role::Branch(_) => "branch",
            Role::OnTimeout => "on-timeout",
        }
    }

    /// Its part of the places of the steps in it; `None`: it is the step's own list, and needs no name.
    pub fn place(&self) -> Option<&str> {
        match self.role {
            Role::Then | Role::Do | Role::Try => None,
            Role::Branch(name) => Some(name),
            Role::Else | Role::Way(_) | Role::Catch(_) | Role::Finally | Role::OnTimeout => Some(self.word()),
        }
    }

    /// Whether both are the same kind of list, whichever of its kind.
    pub fn is_like(&self, other: &Slot<'_>) -> bool {
        std::mem::discriminant(&self.role) == std::mem::discriminant(&other.role)
    }

    pub fn is_branch(&self) -> bool {
        matches!(self.role, Role::Branch(_))
    }

    /// Whether its place among those of its kind counts.
    pub fn is_ordered(&self) -> bool {
        match self.role {
            Role::Way(_) | Role::Branch(_) | Role::Catch(_) => true,
            Role::Then | Role::Else | Role::Do | Role::Try | Role::Finally | Role::OnTimeout => false,
        }
    }
}

/// The lists inside a step: what stands at its verb first, then in the order written.
pub fn slots<'a>(step: &'a Step, spelling: &Spelling) -> Vec<Slot<'a>> {
    let mut lists = step.children();
    lists.sort_by_key(|list| (!at_verb(step, list), list.key.start)); // stable: a frozen document has no places
    let slot = |list: Child<'a>| Slot { role: list.role, guard: guard(step, list.role, spelling), steps: list.steps };
    lists.into_iter().map(slot).collect()
}

/// Whether a list stands at the key of the verb, and not beside it.
fn at_verb(step: &Step, list: &Child<'_>) -> bool {
    match list.role {
        Role::Try | Role::Way(_) | Role::Branch(_) => true,
        Role::Do => list.key == step.verb_span,
        Role::Else => matches!(step.action, Action::Switch(_)),
        Role::Then | Role::Catch(_) | Role::Finally | Role::OnTimeout => false,
    }
}

fn guard(step: &Step, role: Role<'_>, spelling: &Spelling) -> String {
    match role {
        Role::Way(at) => {
            let when = way(step, at).and_then(|way| way.when.get());
            when.map(|when| spelling.expression(&when.expression)).unwrap_or_default()
        }
        Role::Catch(at) => catch(step, at).map(|catch| caught(catch, spelling)).unwrap_or_default(),
        Role::Branch(name) => name.to_owned(),
        Role::Then | Role::Else | Role::Do | Role::Try | Role::Finally | Role::OnTimeout => String::new(),
    }
}

fn way(step: &Step, at: usize) -> Option<&Way> {
    let Action::Switch(switch) = &step.action else { return None };
    switch.ways.items().get(at).map(|way| &way.keys)
}

fn catch(step: &Step, at: usize) -> Option<&Catch> {
    let Action::Try(shield) = &step.action else { return None };
    shield.catches.items().get(at).map(|catch| &catch.keys)
}

fn caught(catch: &Catch, spelling: &Spelling) -> String {
    let errors = catch.errors.get().map(|errors| Spelling::texts(errors)).unwrap_or_default();
    let when = catch.when.get().map(|when| spelling.expression(&when.expression)).unwrap_or_default();
    format!("{errors} {when}")
}

/// The branches of a step that has such, and whether it waits for all of them.
pub fn beside(step: &Step) -> Option<(&[Branch], bool)> {
    match &step.action {
        Action::Parallel(parallel) => Some((parallel.branches.items(), true)),
        Action::Race(race) => Some((race.branches.items(), false)),
        Action::Set(_)
        | Action::Http(_)
        | Action::Activity(_)
        | Action::Wait(_)
        | Action::If(_)
        | Action::Switch(_)
        | Action::For(_)
        | Action::While(_)
        | Action::Try(_)
        | Action::Do(_)
        | Action::Send(_)
        | Action::Return(_)
        | Action::Fail(_)
        | Action::Break(_)
        | Action::Continue(_)
        | Action::Log(_) => None,
    }
}

/// How places call a list that stands in no step.
pub fn root_name(root: Root<'_>) -> String {
    match root {
        Root::Main => "steps".to_owned(),
        Root::Signal(name) => format!("signal {name}"),
        Root::Update(name) => format!("update {name}"),
    }
}

/// Whether a step calls somebody or leaves the list, or has such a step inside.
pub fn acts(step: &Step) -> bool {
    walk(std::slice::from_ref(step)).into_iter().any(|step| step.nature().acts())
}

/// A step that is proven and all inside it.
pub fn everything<'a>(plan: &'a Plan, step: &'a plan::Step) -> Vec<&'a plan::Step> {
    let inside = step.lists().into_iter().flat_map(|(_, list)| plan.list(list)).filter_map(|id| plan.step(*id));
    [step].into_iter().chain(inside.flat_map(|step| everything(plan, step))).collect()
}
