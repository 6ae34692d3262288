//! What is surely set, perhaps set, never used, and never reached. `nulls` is what is null, `changes` what conditions that
//! are looked at again depend on.

mod changes;
mod nulls;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use fixedbitset::FixedBitSet;

use super::check::usable;
use super::owners::direct;
use super::returns;
use super::uses::uses;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::syntax::verbs::Try;
use crate::syntax::{Action, Branch, Document, Level, OnError, Part, Place, Step, StepId, Written, walk as all};
use crate::value::Value;

/// What of a definition can ever run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reach {
    /// Whether any way leads to an end without an error.
    pub ends: bool,
    /// The steps that no way leads to.
    pub never: BTreeSet<StepId>,
    /// The names that a step reads and that are null on some way to it, where no condition stands between; each with the
    /// words for where.
    pub nulls: BTreeMap<StepId, BTreeMap<String, String>>,
}

pub(crate) fn reach(document: &Document) -> Reach {
    let mut complaints = Vec::new();
    walk(document, BTreeSet::new(), BTreeSet::new(), &mut complaints)
}

/// `read` are names that were meant to be read, and are complained about for that; `refused` exits that may not stand
/// where they stand.
pub(super) fn check(
    document: &Document,
    read: BTreeSet<String>,
    refused: BTreeSet<StepId>,
    complaints: &mut Vec<Diagnostic>,
) -> Reach {
    walk(document, read, refused, complaints)
}

fn walk(
    document: &Document,
    mut read: BTreeSet<String>,
    refused: BTreeSet<StepId>,
    complaints: &mut Vec<Diagnostic>,
) -> Reach {
    let header = &document.header;
    let steps = header.steps.items();
    let vars = header.vars.items();
    let mut places: BTreeMap<&str, Span> = vars.iter().map(|a| (a.name.as_str(), a.span)).collect();
    for (name, span) in document.walk().into_iter().flat_map(Step::assigns) {
        places.entry(name).or_insert(span);
    }
    // A first value cannot read them, which is said there.
    let first = vars
        .iter()
        .flat_map(|a| a.value.templates())
        .chain(header.key.get().map(Written::templates).into_iter().flatten());
    for (template, _) in first {
        read.extend(template.expressions().flat_map(|(e, _)| e.names()).map(|(name, _)| name.clone()));
    }
    let names = Names(places.keys().enumerate().map(|(at, name)| (*name, at)).collect());
    let start = names.set(vars.iter().map(|a| a.name.as_str()));
    let mut visible = start.clone();
    visible.union_with(&names.assigned(steps));
    let beside = names.beside(document);
    let mut constants = BTreeMap::new();
    for (at, value) in vars.iter().filter_map(|a| Some((names.number(&a.name)?, a.value.constant()?))) {
        if !beside.contains(at) {
            constants.insert(at, Rc::new(value));
        }
    }
    let null = vars.iter().filter(|a| a.value.constant() == Some(Value::Null)).map(|a| a.name.as_str());
    let nulls = names.set(null.filter(|name| !document.lost.contains(*name)));
    let begin = Known { surely: start.clone(), perhaps: start, constants: Rc::new(constants), nulls, reached: true };
    let mut walk = Walk {
        document,
        names,
        beside,
        visible,
        read,
        refused,
        complaints,
        breaks: Vec::new(),
        continues: Vec::new(),
        whys: BTreeMap::new(),
        ended: 0,
        reach: Reach::default(),
    };
    let after = walk.list(steps, begin.clone());
    // A handler may run at any moment after the start: what the main line sets may be there.
    let at_any_time =
        Known { perhaps: walk.visible.clone(), constants: Rc::default(), nulls: FixedBitSet::new(), ..begin };
    walk.messages(&at_any_time);
    let Walk { read, refused, mut reach, .. } = walk;
    reach.ends |= after.reached;
    for (name, span) in
        places.into_iter().filter(|(name, _)| !read.contains(*name) && !document.lost.contains(*name) && usable(name))
    {
        let message = format!("the name `{name}` is never used");
        complaints.push(Diagnostic::warning(Code::UnusedName, span, message).help("use it or remove it"));
    }
    // Where an exit was refused it is not known how the process would end.
    returns::check(document, after.reached && refused.is_empty(), complaints);
    reach
}

/// The names that something assigns, by numbers.
struct Names<'a>(BTreeMap<&'a str, usize>);

impl<'a> Names<'a> {
    fn number(&self, name: &str) -> Option<usize> {
        self.0.get(name).copied()
    }

    fn set<'n>(&self, names: impl Iterator<Item = &'n str>) -> FixedBitSet {
        let mut set = FixedBitSet::with_capacity(self.0.len());
        names.filter_map(|name| self.number(name)).for_each(|at| set.insert(at));
        set
    }

    /// What a level assigns itself.
    fn assigned(&self, steps: &[Step]) -> FixedBitSet {
        self.set(direct(steps).into_iter().map(|(name, _)| name))
    }

    /// What these steps and all inside them assign.
    fn touched(&self, steps: &[Step]) -> FixedBitSet {
        self.set(all(steps).into_iter().flat_map(Step::assigns).map(|(name, _)| name))
    }

    /// What may be assigned beside the main line: in branches, in items, in handlers.
    fn beside(&self, document: &Document) -> FixedBitSet {
        let mut set = FixedBitSet::with_capacity(self.0.len());
        for (_, handler) in document.roots().iter().skip(1) {
            set.union_with(&self.touched(handler));
        }
        // Of branches inside branches the outer ones say all.
        let mut lists: Vec<&[Step]> = document.header.steps.get().map(Vec::as_slice).into_iter().collect();
        while let Some(list) = lists.pop() {
            for child in list.iter().flat_map(Step::children) {
                match child.level {
                    Level::Around => lists.push(child.steps),
                    Level::Branch | Level::Item => set.union_with(&self.touched(child.steps)),
                }
            }
        }
        set
    }
}

/// Names that are set on every way to a place, and on some way.
#[derive(Debug, Clone)]
struct Known {
    surely: FixedBitSet,
    perhaps: FixedBitSet,
    /// The names whose value is the same on every way, of those that only the main line assigns.
    constants: Rc<BTreeMap<usize, Rc<Value>>>,
    /// The names that are null on some way. What follows a condition may go with it, so behind one none is known.
    nulls: FixedBitSet,
    /// Whether any way leads here.
    reached: bool,
}

impl Known {
    fn set(&mut self, at: usize, value: Option<Value>) {
        self.surely.insert(at);
        self.perhaps.insert(at);
        match value {
            Some(value) => {
                Rc::make_mut(&mut self.constants).insert(at, Rc::new(value));
            }
            None if self.constants.contains_key(&at) => {
                Rc::make_mut(&mut self.constants).remove(&at);
            }
            None => {}
        }
    }

    /// What these assign may be anything.
    fn forget(&mut self, touched: &FixedBitSet) {
        if self.constants.keys().any(|at| touched.contains(*at)) {
            Rc::make_mut(&mut self.constants).retain(|at, _| !touched.contains(*at));
        }
    }

    /// What is known where two ways meet.
    fn meet(mut self, mut other: Known) -> Known {
        if !self.reached {
            other.perhaps.union_with(&self.perhaps);
            return other;
        }
        self.perhaps.union_with(&other.perhaps);
        if other.reached {
            self.surely.intersect_with(&other.surely);
            if !Rc::ptr_eq(&self.constants, &other.constants) {
                let there = other.constants;
                Rc::make_mut(&mut self.constants).retain(|at, value| there.get(at) == Some(value));
            }
        }
        self
    }

    /// What is known where something that has begun here was broken off: it may have touched all it touches.
    fn broken_off(&self, after: &Known, touched: &FixedBitSet) -> Known {
        let nulls = FixedBitSet::new();
        let mut known = Known { perhaps: after.perhaps.clone(), nulls, ..self.clone() };
        known.forget(touched);
        known
    }
}

struct Walk<'a> {
    document: &'a Document,
    names: Names<'a>,
    /// What may be assigned beside the main line.
    beside: FixedBitSet,
    /// The names of the levels around the place (R26); of others something else is said.
    visible: FixedBitSet,
    read: BTreeSet<String>,
    /// Exits that may not stand where they stand. That what follows them never runs is not said too.
    refused: BTreeSet<StepId>,
    complaints: &'a mut Vec<Diagnostic>,
    /// What is known at each `break` of the loops around, innermost last.
    breaks: Vec<Option<Known>>,
    /// The same for `continue`.
    continues: Vec<Option<Known>>,
    /// Where a name was last left as null; as its first value, unless it is named here.
    whys: BTreeMap<usize, String>,
    /// How many steps around end what is inside them.
    ended: usize,
    reach: Reach,
}

impl Walk<'_> {
    fn messages(&mut self, known: &Known) {
        let document = self.document;
        let header = &document.header;
        for body in header.signals.items().iter().filter_map(|signal| signal.keys.body.get()) {
            self.handler(body, known, None);
        }
        for update in header.updates.items() {
            let keys = &update.keys;
            match keys.body.get() {
                Some(body) => self.handler(body, known, keys.returns.get()),
                None => keys.returns.get().into_iter().for_each(|returns| self.read_value(returns, known)),
            }
            if let Some(otherwise) = keys.otherwise.get() {
                self.read_value(otherwise, known);
            }
            if let Some(check) = keys.check.get() {
                self.read_names(check.expression.names(), check.place, 0, known);
            }
        }
        for query in header.queries.items() {
            self.read_value(&query.value, known);
        }
    }

    /// The steps for a message, and what its caller gets, which sees what they have set.
    fn handler(&mut self, steps: &[Step], known: &Known, returns: Option<&Written>) {
        let outside = self.visible.clone();
        self.visible.union_with(&self.names.assigned(steps));
        let after = self.list(steps, known.clone());
        if let Some(returns) = returns {
            self.read_value(returns, &after);
        }
        self.visible = outside;
    }

    fn read_value(&mut self, value: &Written, known: &Known) {
        for (template, place) in value.templates() {
            for (expression, at) in template.expressions() {
                self.read_names(expression.names(), place, at, known);
            }
        }
    }

    /// The steps of a branch, whose own names are gone behind it.
    fn branch(&mut self, steps: &[Step], before: &Known) -> Known {
        let outside = self.visible.clone();
        self.visible.union_with(&self.names.assigned(steps));
        let mut after = self.list(steps, before.clone());
        after.surely.intersect_with(&outside);
        after.perhaps.intersect_with(&outside);
        self.visible = outside;
        after
    }

    fn list(&mut self, steps: &[Step], mut known: Known) -> Known {
        // Said once, at the first step that never runs.
        let mut said = !known.reached;
        let mut before: Option<&Step> = None;
        for step in steps {
            if !known.reached {
                self.reach.never.insert(step.number);
            }
            if !known.reached && !said {
                said = true;
                let endless = |before: &Step| matches!(&before.action, Action::While(repeat) if repeat.is_endless());
                let (message, help) = if before.is_some_and(endless) {
                    (
                        "this step never runs: the loop before it never ends",
                        "let a `break` end the loop, or remove the step",
                    )
                } else {
                    let message = "this step never runs: the one before it always leaves";
                    (message, "remove it, or give the one before it a `when`")
                };
                self.complaints.push(Diagnostic::warning(Code::Unreachable, step.verb_span, message).help(help));
            }
            before = Some(step);
            known = self.step(step, known);
        }
        known
    }

    fn step(&mut self, step: &Step, mut before: Known) -> Known {
        let nulls = std::mem::take(&mut before.nulls);
        if before.reached && !nulls.is_clear() {
            self.note_nulls(step, &nulls);
        }
        before.nulls = self.nulls_inside(step, &nulls);
        let mut after = self.ways(step, before);
        after.nulls = self.nulls_behind(step, nulls);
        after
    }

    fn ways(&mut self, step: &Step, before: Known) -> Known {
        self.reads(step, &before);
        // What a timeout or a lost race ends need not end itself.
        let ended = step.common.timeout.is_there() || matches!(step.action, Action::Race(_));
        self.ended += usize::from(ended);
        let mut after = self.action(step, &before);
        self.ended -= usize::from(ended);
        self.assign(step, &mut after);
        let children = step.children();
        let touched = || {
            children
                .iter()
                .map(|child| self.names.touched(child.steps))
                .fold(self.names.set(step.assigns().into_iter().map(|(name, _)| name)), |all, one| &all | &one)
        };
        let inside = children.iter().any(|child| !child.steps.is_empty());
        let broken = (step.common.on_timeout.is_there() || step.on_error() == OnError::Skip)
            .then(|| before.broken_off(&after, &touched()));
        if let (Some(steps), Some(broken)) = (step.common.on_timeout.get(), &broken) {
            let struck = self.list(steps, broken.clone());
            after = after.meet(struck);
        }
        if let (OnError::Skip, Some(broken)) = (step.on_error(), broken) {
            // The result is null, so `save` is set; what steps inside assign is not sure.
            let mut skipped = Known { perhaps: after.perhaps.clone(), ..broken };
            if let (Some(at), false) = (self.saves(step), inside && !after.reached) {
                skipped.set(at, None);
            }
            after = after.meet(skipped);
        }
        if step.common.when.is_there() {
            after = after.meet(before);
        }
        after
    }

    /// The number of the name that the result of a step is saved under.
    fn saves(&self, step: &Step) -> Option<usize> {
        step.common.save.text().and_then(|name| self.names.number(name))
    }

    fn assign(&self, step: &Step, known: &mut Known) {
        if let Action::Set(set) = &step.action {
            for assignment in set.assignments.items() {
                if let Some(at) = self.names.number(&assignment.name) {
                    known.set(at, assignment.value.constant().filter(|_| !self.beside.contains(at)));
                }
            }
        }
        if let Some(at) = self.saves(step) {
            known.set(at, None);
        }
    }

    /// What is known behind what a step does.
    fn action(&mut self, step: &Step, before: &Known) -> Known {
        let refused = self.refused.contains(&step.number);
        let left = || Known { reached: before.reached && refused, ..before.clone() };
        match &step.action {
            Action::If(choice) => {
                let mut way = |part: &Part<Vec<Step>>| match part.get() {
                    Some(steps) => self.list(steps, before.clone()),
                    None => before.clone(),
                };
                let then = way(&choice.then);
                then.meet(way(&choice.otherwise))
            }
            Action::Switch(switch) => {
                let mut met: Option<Known> = None;
                for way in switch.ways.items() {
                    let steps = way.keys.body.get().or(way.keys.otherwise.get()).map_or(&[][..], Vec::as_slice);
                    let end = self.list(steps, before.clone());
                    met = Some(met.map_or(end.clone(), |other| other.meet(end)));
                }
                met.unwrap_or_else(|| before.clone())
            }
            Action::While(repeat) => match repeat.condition.get() {
                Some(condition) => self.repeat(repeat, condition, before.clone()),
                None => before.clone(),
            },
            Action::For(each) => {
                let Some(body) = each.body.get() else { return before.clone() };
                let mut begins = before.clone();
                begins.forget(&self.names.touched(body));
                self.breaks.push(None);
                self.continues.push(None);
                let end = self.branch(body, &begins);
                self.breaks.pop();
                self.continues.pop();
                // Not every list has an item.
                Known { perhaps: &before.perhaps | &end.perhaps, ..begins }
            }
            Action::Parallel(parallel) => {
                let ends = self.branches(&parallel.branches, before);
                let reports = step.on_error() == OnError::Report;
                let mut after = before.clone();
                after.reached &= reports || ends.iter().all(|end| end.reached);
                for end in ends {
                    after.perhaps.union_with(&end.perhaps);
                    after.surely.union_with(&end.surely);
                }
                after
            }
            Action::Race(race) => {
                let ends = self.branches(&race.branches, before);
                let mut after = before.clone();
                after.reached &= ends.is_empty() || ends.iter().any(|end| end.reached);
                ends.iter().for_each(|end| after.perhaps.union_with(&end.perhaps));
                after
            }
            Action::Try(shield) => self.attempt(shield, before),
            Action::Do(group) => match group.body.get() {
                Some(steps) => self.list(steps, before.clone()),
                None => before.clone(),
            },
            Action::Return(_) => {
                self.reach.ends |= before.reached;
                left()
            }
            Action::Break(_) => {
                note(self.breaks.last_mut(), before);
                left()
            }
            Action::Continue(_) => {
                note(self.continues.last_mut(), before);
                left()
            }
            Action::Fail(_) => left(),
            Action::Wait(wait) => {
                let awaited = wait.awaited().filter(|awaited| before.reached && !awaited.signal.is_there());
                if let Some(until) = awaited.and_then(|awaited| awaited.until.get()) {
                    self.stays(until);
                }
                before.clone()
            }
            Action::Set(_) | Action::Http(_) | Action::Activity(_) | Action::Send(_) | Action::Log(_) => before.clone(),
        }
    }

    fn branches(&mut self, branches: &Part<Vec<Branch>>, before: &Known) -> Vec<Known> {
        branches.items().iter().map(|branch| self.branch(&branch.steps, before)).collect()
    }

    fn attempt(&mut self, shield: &Try, before: &Known) -> Known {
        let Some(body) = shield.body.get() else { return before.clone() };
        let mut after = self.list(body, before.clone());
        let mut touched = self.names.touched(body);
        let failed = before.broken_off(&after, &touched);
        for catch in shield.catches.items() {
            let steps = catch.keys.body.items();
            touched.union_with(&self.names.touched(steps));
            let end = self.list(steps, failed.clone());
            after = after.meet(end);
        }
        if let Some(finally) = shield.finally.get() {
            let end = self.list(finally, before.broken_off(&after, &touched));
            after.forget(&self.names.touched(finally));
            after.surely.union_with(&end.surely);
            after.perhaps.union_with(&end.perhaps);
            after.reached &= end.reached;
        }
        after
    }

    fn reads(&mut self, step: &Step, known: &Known) {
        // What a `for` collects sees names of its items too, which are not visible here: nothing is said of them.
        for (expression, place, offset) in uses(step).into_iter().flat_map(|used| used.what.expressions()) {
            self.read_names(expression.names(), place, offset, known);
        }
    }

    fn read_names(&mut self, names: &[(String, std::ops::Range<usize>)], place: Place, offset: usize, known: &Known) {
        for (name, range) in names {
            self.read.insert(name.clone());
            let Some(at) = self.names.number(name) else { continue };
            if !known.reached || known.surely.contains(at) || !self.visible.contains(at) {
                continue;
            }
            let span = place.locate(&(range.start + offset..range.end + offset));
            if known.perhaps.contains(at) {
                let message = format!("`{name}` is not set on every way to this step");
                let help = format!("give it a first value in `vars`: `{name}: null`");
                self.complaints.push(Diagnostic::warning(Code::PerhapsUnset, span, message).help(help));
            } else {
                let message = format!("`{name}` is not set on any way to this step");
                let help = format!("set it before, or give it a first value in `vars`: `{name}: null`");
                self.complaints.push(Diagnostic::error(Code::UnsetName, span, message).help(help));
            }
        }
    }
}

/// What is known at one more way out.
fn note(ways: Option<&mut Option<Known>>, known: &Known) {
    if let Some(way) = ways {
        *way = Some(match way.take() {
            Some(other) => other.meet(known.clone()),
            None => known.clone(),
        });
    }
}
