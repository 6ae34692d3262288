//! Which step of the new version is which of the old: by id, then by what it does, then by its place; list by list from
//! the outside in, and last over all lists, for what was moved.

use std::collections::{BTreeMap, BTreeSet};

use super::Side;
use super::locals::renamed;
use super::messages::handlers;
use super::spelling::{Spelling, id_of};
use crate::syntax::{Field, Step};

/// A step and where it stands.
#[derive(Debug, Clone)]
pub(super) struct At<'a> {
    pub step: &'a Step,
    /// Its part of a run's path: its id, or `verb~n`.
    pub segment: String,
    /// The names of the steps and lists around it.
    pub path: Vec<String>,
    pub around: Vec<&'a Step>,
    /// A finding about the list it stands in says it already.
    pub covered: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moved {
    Nested,
    Unnested,
    Elsewhere,
}

#[derive(Debug, Clone)]
pub(super) struct Pair<'a> {
    pub old: At<'a>,
    pub new: At<'a>,
    pub moved: Option<Moved>,
    /// What it has passed, in the same list.
    pub passed: Option<Passed>,
}

#[derive(Debug, Clone)]
pub(super) struct Passed {
    pub words: String,
    /// Both it and something that it has passed call somebody, or leave.
    pub acts: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Matched<'a> {
    pub pairs: Vec<Pair<'a>>,
    pub removed: Vec<At<'a>>,
    pub added: Vec<At<'a>>,
    pub spelling: Spelling,
}

/// Matches twice: what was renamed is known only when the steps are.
pub(super) fn matched<'a>(old: &'a Side, new: &'a Side) -> Matched<'a> {
    let first = Matcher::new(old, new, Spelling::default()).run(old, new);
    let renamed = renamed(old, new, &first.pairs);
    if renamed.is_empty() { first } else { Matcher::new(old, new, Spelling { renamed }).run(old, new) }
}

/// A list inside a step. `guard` is what decides whether it runs, where there are several of its kind.
#[derive(Debug, Clone)]
pub(super) struct Slot<'a> {
    pub kind: &'static str,
    pub guard: String,
    pub steps: &'a [Step],
}

/// The lists inside a step.
pub(super) fn slots<'a>(step: &'a Step, spelling: &Spelling) -> Vec<Slot<'a>> {
    let one = |kind: &'static str, steps: &'a [Step]| Slot { kind, guard: String::new(), steps };
    let mut found = Vec::new();
    match (step.verb.name, &step.action) {
        ("switch", Field::List(ways)) => found.extend(ways.iter().filter_map(|(way, _)| {
            match (way.condition("when"), way.steps("do"), way.steps("else")) {
                (Some(when), Some(steps), _) => {
                    Some(Slot { kind: "way", guard: spelling.expression(&when.expression), steps })
                }
                (None, _, Some(steps)) => Some(one("else", steps)),
                _ => None,
            }
        })),
        (_, Field::Branches(branches)) => {
            found.extend(branches.iter().map(|b| Slot { kind: "branch", guard: b.name.clone(), steps: &b.steps }));
        }
        ("try" | "do", Field::Steps(steps)) => found.push(one("body", steps)),
        _ => {}
    }
    for entry in &step.fields.0 {
        match (entry.key, &entry.field) {
            ("catch", Field::List(catches)) => found.extend(catches.iter().filter_map(|(catch, _)| {
                let part = |key: &str| catch.field(key).map_or(String::new(), |field| spelling.field(field));
                Some(Slot {
                    kind: "catch",
                    guard: format!("{} {}", part("error"), part("when")),
                    steps: catch.steps("do")?,
                })
            })),
            (key, Field::Steps(steps)) => found.push(one(key, steps)),
            _ => {}
        }
    }
    found
}

/// Which list of the new step is which of the old: by kind and guard, then by what it does, then in order. A branch is
/// known by its name, or by what it does where neither version has the name of the other.
pub(super) fn paired_slots(
    old: &[Slot<'_>],
    new: &[Slot<'_>],
    spelling: &Spelling,
) -> Vec<(Option<usize>, Option<usize>)> {
    let mut partner: Vec<Option<usize>> = vec![None; old.len()];
    let plain = Spelling::default();
    for round in 0..3 {
        for (at, slot) in old.iter().enumerate() {
            if partner.get(at).copied().flatten().is_some() {
                continue;
            }
            let named = |slots: &[Slot<'_>], guard: &str| slots.iter().any(|s| s.guard == guard);
            let fits = |(other, candidate): &(usize, &Slot<'_>)| {
                let renamed = || !named(new, &slot.guard) && !named(old, &candidate.guard);
                candidate.kind == slot.kind
                    && !partner.contains(&Some(*other))
                    && match round {
                        0 => candidate.guard == slot.guard,
                        1 => {
                            (slot.kind != "branch" || renamed())
                                && plain.steps(slot.steps) == spelling.steps(candidate.steps)
                        }
                        _ => slot.kind != "branch" && old.len() == new.len(),
                    }
            };
            let found = new.iter().enumerate().find(fits).map(|(other, _)| other);
            if let Some(cell) = partner.get_mut(at) {
                *cell = found;
            }
        }
    }
    let mut pairs: Vec<(Option<usize>, Option<usize>)> =
        partner.iter().enumerate().map(|(at, p)| (Some(at), *p)).collect();
    pairs.extend((0..new.len()).filter(|at| !partner.contains(&Some(*at))).map(|at| (None, Some(at))));
    pairs
}

/// A list of steps and where it stands.
#[derive(Clone)]
struct List<'a> {
    steps: &'a [Step],
    path: Vec<String>,
    around: Vec<&'a Step>,
}

/// The part of a run's path that a step is, by where the step begins in the text.
type Segments = BTreeMap<usize, String>;

impl<'a> List<'a> {
    fn at(&self, step: &'a Step, covered: bool, segments: &Segments) -> At<'a> {
        let segment = segments.get(&step.span.start).cloned().unwrap_or_else(|| id_of(step).to_owned());
        At { step, segment, path: self.path.clone(), around: self.around.clone(), covered }
    }

    fn inside(at: &At<'a>, slot: &Slot<'a>) -> List<'a> {
        let mut path = at.path.clone();
        let id = id_of(at.step);
        path.push(if id.is_empty() { at.step.verb.name.to_owned() } else { id.to_owned() });
        if !["body", "do", "then"].contains(&slot.kind) {
            path.push(if slot.kind == "branch" { slot.guard.clone() } else { slot.kind.to_owned() });
        }
        let around = at.around.iter().copied().chain([at.step]).collect();
        List { steps: slot.steps, path, around }
    }
}

struct Matcher<'a> {
    plain: Spelling,
    spelling: Spelling,
    old_ids: BTreeSet<String>,
    new_ids: BTreeSet<String>,
    old_segments: Segments,
    new_segments: Segments,
    pairs: Vec<Pair<'a>>,
    removed: Vec<At<'a>>,
    added: Vec<At<'a>>,
}

impl<'a> Matcher<'a> {
    fn new(old: &Side, new: &Side, spelling: Spelling) -> Matcher<'a> {
        let ids = |side: &Side| side.plan.ids().map(str::to_owned).collect();
        let segments = |side: &Side| side.plan.steps.iter().map(|step| (step.start, step.segment.clone())).collect();
        Matcher {
            plain: Spelling::default(),
            spelling,
            old_ids: ids(old),
            new_ids: ids(new),
            old_segments: segments(old),
            new_segments: segments(new),
            pairs: Vec::new(),
            removed: Vec::new(),
            added: Vec::new(),
        }
    }

    fn run(mut self, old: &'a Side, new: &'a Side) -> Matched<'a> {
        let list = |name: &str, steps: &'a [Step]| List { steps, path: vec![name.to_owned()], around: Vec::new() };
        let main = |side: &'a Side| list("steps", side.document.header.steps("steps").unwrap_or_default());
        self.lists(&main(old), &main(new));
        // A signal says that its handler came or went, and a message that itself came or went; an update does not.
        let said = |name: &str, other: &Side| {
            let update = name.strip_prefix("update ");
            update.is_none_or(|name| !other.document.header.named("updates").iter().any(|u| u.name == name))
        };
        let (before, after) = (handlers(&old.document.header), handlers(&new.document.header));
        for (name, steps) in &before {
            match after.iter().find(|(other, _)| other == name) {
                Some((_, others)) => self.lists(&list(name, steps), &list(name, others)),
                None => self.leave(&list(name, steps), true, said(name, new)),
            }
        }
        for (name, steps) in after.iter().filter(|(name, _)| !before.iter().any(|(other, _)| other == name)) {
            self.leave(&list(name, steps), false, said(name, old));
        }
        self.moved();
        Matched { pairs: self.pairs, removed: self.removed, added: self.added, spelling: self.spelling }
    }

    /// Steps without a partner, with all inside them.
    fn leave(&mut self, list: &List<'a>, old: bool, covered: bool) {
        for step in list.steps {
            let segments = if old { &self.old_segments } else { &self.new_segments };
            self.leave_step(list.at(step, covered, segments), old);
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
        old.verb.name == new.verb.name && self.plain.body(old) == self.spelling.body(new)
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
                            both && step.verb.name == candidate.verb.name && before == last()
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
                self.leave_step(old.at(step, false, &self.old_segments), true);
                continue;
            };
            let passed = (!stay.contains(&other)).then(|| {
                let crossed = old.steps.iter().zip(&partner).scan(true, |before, (one, place)| {
                    *before &= !std::ptr::eq(one, step);
                    Some((one, place.is_some_and(|place| (place > other) == *before && place != other)))
                });
                let acts = acts(step) && crossed.into_iter().any(|(one, crossed)| crossed && self::acts(one));
                let next = new.steps.iter().enumerate().find(|(at, _)| *at > other && stay.contains(at));
                let last = new.steps.iter().enumerate().rev().find(|(at, _)| *at < other && stay.contains(at));
                let word = |word: &str, found: Option<(usize, &Step)>| {
                    found.map(|(_, step)| format!("{word} {}", label(step)))
                };
                let came_forward = order.iter().take_while(|p| **p != other).any(|p| *p > other);
                let (first, second) = (word("before", next), word("after", last));
                let words = if came_forward { first.or(second) } else { second.or(first) };
                Passed { words: words.unwrap_or_else(|| "at another place".into()), acts }
            });
            let both = (old.at(step, false, &self.old_segments), new.at(heir, false, &self.new_segments));
            self.pair(both.0, both.1, None, passed);
        }
        for (at, step) in new.steps.iter().enumerate() {
            if taken.get(at) != Some(&true) {
                self.leave_step(new.at(step, false, &self.new_segments), false);
            }
        }
    }

    fn pair(&mut self, old: At<'a>, new: At<'a>, moved: Option<Moved>, passed: Option<Passed>) {
        let (before, after) = (slots(old.step, &self.plain), slots(new.step, &self.spelling));
        let same_shape = old.step.verb.name == new.step.verb.name
            || matches!((&old.step.action, &new.step.action), (Field::Branches(_), Field::Branches(_)));
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
                let ends = ["return", "fail", "break", "continue", "log"].contains(&old.step.verb.name);
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
                    std::ptr::eq(left.step, step) || left.around.iter().any(|around| std::ptr::eq(*around, step))
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

/// Whether a step calls somebody or leaves the list, or has such a step inside.
pub(super) fn acts(step: &Step) -> bool {
    let own = ["http", "activity", "send", "return", "fail", "break", "continue"].contains(&step.verb.name);
    own || step.lists().into_iter().flatten().any(acts)
}

/// The members of a longest rising part of the sequence; of two that changed places the one that was first.
fn longest_rising(order: &[usize]) -> BTreeSet<usize> {
    // From the end, where it is a falling one; numbers are turned over so that it rises.
    let order: Vec<usize> = order.iter().rev().map(|number| usize::MAX - number).collect();
    // For each length the place of the smallest last member so far, and for each place the one before it.
    let (mut ends, mut before): (Vec<usize>, Vec<Option<usize>>) = (Vec::new(), Vec::new());
    let value = |at: &usize| order.get(*at).copied().unwrap_or_default();
    for (at, number) in order.iter().enumerate() {
        let length = ends.partition_point(|end| value(end) < *number);
        before.push(length.checked_sub(1).and_then(|last| ends.get(last)).copied());
        match ends.get_mut(length) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    let mut members = BTreeSet::new();
    let mut next = ends.last().copied();
    while let Some(at) = next {
        members.insert(usize::MAX - value(&at));
        next = before.get(at).copied().flatten();
    }
    members
}

/// How a message names a step.
pub(super) fn label(step: &Step) -> String {
    match (id_of(step), &step.action) {
        ("", Field::Assignments(assignments)) if step.verb.name == "set" => {
            let names: Vec<String> = assignments.iter().map(|a| format!("`{}`", a.name)).collect();
            format!("`set` of {}", names.join(", "))
        }
        ("", _) => format!("`{}`", step.verb.name),
        (id, _) => format!("`{id}`"),
    }
}

impl At<'_> {
    /// Where it stands, by names that survive unrelated edits.
    pub fn subject(&self) -> String {
        let id = id_of(self.step);
        let name = if id.is_empty() { self.step.verb.name } else { id };
        format!("{}.{name}", self.path.join("."))
    }
}
