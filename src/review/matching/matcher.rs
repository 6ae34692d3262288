//! The steps of two versions, list by list from the outside in, and last over all lists, for what was moved.

use std::collections::BTreeSet;

use super::order::longest_rising;
use super::pair::{At, Matched, Moved, Pair, Passed};
use super::slots::paired_slots;
use crate::review::side::{Side, Slot, Spelling, acts, beside, id_of, label, name_of, root_name, slots};
use crate::syntax::{Action, Root, Step};

/// A list of steps and where it stands.
#[derive(Clone)]
struct List<'a> {
    steps: &'a [Step],
    path: Vec<String>,
    around: Vec<&'a Step>,
}

impl<'a> List<'a> {
    fn at(&self, step: &'a Step, covered: bool) -> At<'a> {
        At { step, path: self.path.clone(), around: self.around.clone(), covered }
    }

    fn inside(at: &At<'a>, slot: &Slot<'a>) -> List<'a> {
        let mut path = at.path.clone();
        path.push(name_of(at.step).to_owned());
        path.extend(slot.place().map(str::to_owned));
        let around = at.around.iter().copied().chain([at.step]).collect();
        List { steps: slot.steps, path, around }
    }
}

pub struct Matcher<'a> {
    plain: Spelling,
    spelling: Spelling,
    old_ids: BTreeSet<String>,
    new_ids: BTreeSet<String>,
    pairs: Vec<Pair<'a>>,
    removed: Vec<At<'a>>,
    added: Vec<At<'a>>,
}

impl<'a> Matcher<'a> {
    pub fn new(old: &Side, new: &Side, spelling: Spelling) -> Matcher<'a> {
        let ids = |side: &Side| side.plan.ids().map(str::to_owned).collect();
        Matcher {
            plain: Spelling::default(),
            spelling,
            old_ids: ids(old),
            new_ids: ids(new),
            pairs: Vec::new(),
            removed: Vec::new(),
            added: Vec::new(),
        }
    }

    pub fn run(mut self, old: &'a Side, new: &'a Side) -> Matched<'a> {
        let list = |root: Root<'a>, steps: &'a [Step]| List { steps, path: vec![root_name(root)], around: Vec::new() };
        let lists = |side: &'a Side| -> Vec<(Root<'a>, List<'a>)> {
            side.document.roots().into_iter().map(|(root, steps)| (root, list(root, steps))).collect()
        };
        // A signal says that its handler came or went, and a message that itself came or went; an update does not.
        let said = |root: Root<'_>, other: &Side| match root {
            Root::Main | Root::Signal(_) => true,
            Root::Update(name) => !other.document.header.updates.items().iter().any(|update| update.name == name),
        };
        let (before, after) = (lists(old), lists(new));
        for (root, steps) in &before {
            match after.iter().find(|(_, others)| others.path == steps.path) {
                Some((_, others)) => self.lists(steps, others),
                None => self.leave(steps, true, said(*root, new)),
            }
        }
        for (root, steps) in
            after.iter().filter(|(_, steps)| !before.iter().any(|(_, others)| others.path == steps.path))
        {
            self.leave(steps, false, said(*root, old));
        }
        self.moved();
        Matched { pairs: self.pairs, removed: self.removed, added: self.added, spelling: self.spelling }
    }

    /// Steps without a partner, with all inside them.
    fn leave(&mut self, list: &List<'a>, old: bool, covered: bool) {
        for step in list.steps {
            self.leave_step(list.at(step, covered), old);
        }
    }

    fn leave_step(&mut self, at: At<'a>, old: bool) {
        let spelling = if old { self.plain.clone() } else { self.spelling.clone() };
        let inside: Vec<List<'a>> = slots(at.step, &spelling).iter().map(|slot| List::inside(&at, slot)).collect();
        let covered = at.covered;
        if old {
            self.removed.push(at)
        } else {
            self.added.push(at)
        }
        for list in inside {
            self.leave(&list, old, covered);
        }
    }

    /// Whether two steps without the same id may be the same: neither id is of the other version.
    fn may_be(&self, old: &Step, new: &Step) -> bool {
        let (before, after) = (id_of(old), id_of(new));
        !self.new_ids.contains(before) && !self.old_ids.contains(after)
    }

    fn same_body(&self, old: &Step, new: &Step) -> bool {
        old.verb().name == new.verb().name && self.plain.body(old) == self.spelling.body(new)
    }

    fn lists(&mut self, old: &List<'a>, new: &List<'a>) {
        let mut partner: Vec<Option<usize>> = vec![None; old.steps.len()];
        let mut taken: Vec<bool> = vec![false; new.steps.len()];
        let body = |steps: &[Step], spelling: &Spelling| steps.iter().map(|s| spelling.body(s)).collect::<Vec<_>>();
        let (bodies, others) = (body(old.steps, &self.plain), body(new.steps, &self.spelling));
        let ids: Vec<&str> = new.steps.iter().map(id_of).collect();
        for round in 0..4 {
            for (at, step) in old.steps.iter().enumerate() {
                if partner.get(at).copied().flatten().is_some() {
                    continue;
                }
                let own = id_of(step);
                let unnamed = own.is_empty();
                let before = partner.iter().take(at).rev().find_map(|p| *p);
                let fits = |(other, candidate): &(usize, &Step)| {
                    if taken.get(*other) == Some(&true) {
                        return false;
                    }
                    let id = ids.get(*other).copied().unwrap_or_default();
                    let both = unnamed && id.is_empty();
                    let same = || bodies.get(at) == others.get(*other);
                    match round {
                        0 => !unnamed && own == id,
                        1 => both && same(),
                        2 => !both && same() && self.may_be(step, candidate),
                        _ => {
                            let last = || taken.iter().take(*other).rposition(|taken| *taken);
                            both && step.verb().name == candidate.verb().name && before == last()
                        }
                    }
                };
                let found = new.steps.iter().enumerate().find(fits).map(|(other, _)| other);
                if let Some(cell) = found.and_then(|other| taken.get_mut(other)) {
                    *cell = true;
                }
                if let Some(cell) = partner.get_mut(at) {
                    *cell = found;
                }
            }
        }
        let order: Vec<usize> = partner.iter().flatten().copied().collect();
        let stay = longest_rising(&order);
        for (step, found) in old.steps.iter().zip(&partner) {
            let Some((other, heir)) = found.and_then(|p| new.steps.get(p).map(|heir| (p, heir))) else {
                self.leave_step(old.at(step, false), true);
                continue;
            };
            let passed = (!stay.contains(&other)).then(|| {
                let crossed = old.steps.iter().zip(&partner).scan(true, |before, (one, place)| {
                    *before &= one.number != step.number;
                    Some((one, place.is_some_and(|place| (place > other) == *before && place != other)))
                });
                let both = acts(step) && crossed.into_iter().any(|(one, crossed)| crossed && acts(one));
                let next = new.steps.iter().enumerate().find(|(at, _)| *at > other && stay.contains(at));
                let last = new.steps.iter().enumerate().rev().find(|(at, _)| *at < other && stay.contains(at));
                let word = |word: &str, found: Option<(usize, &Step)>| {
                    found.map(|(_, step)| format!("{word} {}", label(step)))
                };
                let came_forward = order.iter().take_while(|p| **p != other).any(|p| *p > other);
                let (first, second) = (word("before", next), word("after", last));
                let words = if came_forward { first.or(second) } else { second.or(first) };
                Passed { words: words.unwrap_or_else(|| "at another place".into()), acts: both }
            });
            let both = (old.at(step, false), new.at(heir, false));
            self.pair(both.0, both.1, None, passed);
        }
        for (at, step) in new.steps.iter().enumerate() {
            if taken.get(at) != Some(&true) {
                self.leave_step(new.at(step, false), false);
            }
        }
    }

    fn pair(&mut self, old: At<'a>, new: At<'a>, moved: Option<Moved>, passed: Option<Passed>) {
        let (before, after) = (slots(old.step, &self.plain), slots(new.step, &self.spelling));
        let same_shape =
            old.step.verb().name == new.step.verb().name || (beside(old.step).is_some() && beside(new.step).is_some());
        let lists =
            |at: &At<'a>, slots: &[Slot<'a>]| slots.iter().map(|slot| List::inside(at, slot)).collect::<Vec<_>>();
        let (olds, news) = (lists(&old, &before), lists(&new, &after));
        self.pairs.push(Pair { old, new, moved, passed });
        if !same_shape {
            olds.iter().for_each(|list| self.leave(list, true, false));
            news.iter().for_each(|list| self.leave(list, false, false));
            return;
        }
        for (one, other) in paired_slots(&before, &after, &self.spelling.clone()) {
            match (one.and_then(|at| olds.get(at)), other.and_then(|at| news.get(at))) {
                (Some(old), Some(new)) => self.lists(old, new),
                (Some(old), None) => self.leave(old, true, true),
                (None, Some(new)) => self.leave(new, false, true),
                (None, None) => {}
            }
        }
    }

    /// What has no partner in its own list may have one in another: by id first, then by what it does.
    fn moved(&mut self) {
        for by_id in [true, false] {
            let mut at = 0;
            while let Some(old) = self.removed.get(at) {
                let ends = is_end_or_log(old.step);
                let fits = |new: &&At<'a>| match by_id {
                    true => !id_of(old.step).is_empty() && id_of(old.step) == id_of(new.step),
                    false => {
                        let named = !id_of(old.step).is_empty() || !id_of(new.step).is_empty();
                        let same = !named || self.may_be(old.step, new.step);
                        let said = ends || (old.covered && new.covered);
                        !said && same && self.same_body(old.step, new.step)
                    }
                };
                let Some(new) = self.added.iter().find(fits).cloned() else {
                    at += 1;
                    continue;
                };
                let old = old.clone();
                let gone = |left: &At<'a>, step: &'a Step| {
                    [left.step].iter().chain(&left.around).any(|one| one.number == step.number)
                };
                self.removed.retain(|left| !gone(left, old.step));
                self.added.retain(|left| !gone(left, new.step));
                let moved = match new.around.len().cmp(&old.around.len()) {
                    std::cmp::Ordering::Greater => Moved::Nested,
                    std::cmp::Ordering::Less => Moved::Unnested,
                    std::cmp::Ordering::Equal => Moved::Elsewhere,
                };
                self.pair(old, new, Some(moved), None);
                at = 0;
            }
        }
    }
}

/// Whether a step that came or went says so at its place, and is never one that was moved.
fn is_end_or_log(step: &Step) -> bool {
    match &step.action {
        Action::Return(_) | Action::Fail(_) | Action::Break(_) | Action::Continue(_) | Action::Log(_) => true,
        Action::Set(_)
        | Action::Http(_)
        | Action::Activity(_)
        | Action::Wait(_)
        | Action::If(_)
        | Action::Switch(_)
        | Action::For(_)
        | Action::While(_)
        | Action::Parallel(_)
        | Action::Race(_)
        | Action::Try(_)
        | Action::Do(_)
        | Action::Send(_) => false,
    }
}
