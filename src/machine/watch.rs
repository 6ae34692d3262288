//! Who waits for a condition or a message, and is due for another look (R4, R9): of all that wait only those whose names
//! were assigned, or for whose signal a message came. Nothing is due between events.

use std::collections::{BTreeMap, BTreeSet};

use super::state::{Frame, PendingKind, State};
use super::steps;
use super::turn::Turn;
use crate::plan::{Awaits, Plan, Step};

/// By what they wait for, those that do. Derived from the state, when an event first asks.
#[derive(Default)]
struct Index<'a> {
    names: BTreeMap<&'a str, Waits>,
    signals: BTreeMap<&'a str, Waits>,
}

#[derive(Default)]
struct Waits {
    numbers: BTreeSet<u64>,
    /// All of them are due: a name that is assigned again and again marks them once.
    marked: bool,
}

#[derive(Default)]
pub(super) struct Watch<'a> {
    index: Option<Index<'a>>,
    due: BTreeSet<u64>,
}

impl Waits {
    fn add(&mut self, number: u64) {
        self.numbers.insert(number);
        self.marked = false;
    }
}

impl<'a> Index<'a> {
    fn of(plan: &'a Plan, state: &State) -> Index<'a> {
        let mut index = Index::default();
        for (number, pending) in &state.pending {
            let PendingKind::Condition { .. } = pending.kind else { continue };
            let top = state.strands.get(&pending.strand).and_then(|strand| strand.frames.last());
            if let Some(Frame::Step(frame)) = top
                && let Some(step) = plan.step(frame.step)
            {
                index.add(*number, step);
            }
        }
        index
    }

    fn add(&mut self, number: u64, step: &'a Step) {
        let condition = match step.action.awaits() {
            Some(Awaits::Condition(condition)) => Some(condition),
            Some(Awaits::Message { signal, condition }) => {
                self.signals.entry(signal).or_default().add(number);
                condition
            }
            Some(Awaits::Moment) | None => None,
        };
        for (name, _) in condition.map(|condition| condition.names()).into_iter().flatten() {
            self.names.entry(name).or_default().add(number);
        }
    }
}

impl<'a> Turn<'a> {
    /// Takes a number for a step that waits for a condition or a message.
    pub fn watch(&mut self, id: u64, step: &'a Step) -> u64 {
        let number = self.number(id, PendingKind::Condition { stale: false, unseen: None });
        if let Some(index) = &mut self.watch.index {
            index.add(number, step);
        }
        number
    }

    /// A name was assigned: those that read it look at everything again.
    pub(super) fn assigned(&mut self, name: &str) {
        self.mark(|index| index.names.get_mut(name), |stale, _| *stale = true);
    }

    /// A message came: those that wait for its signal look at it, and at those behind it.
    pub(super) fn arrived(&mut self, signal: &str, message: u64) {
        self.mark(
            |index| index.signals.get_mut(signal),
            |_, unseen| {
                unseen.get_or_insert(message);
            },
        );
    }

    fn mark(
        &mut self,
        waits: impl for<'i> FnOnce(&'i mut Index<'a>) -> Option<&'i mut Waits>,
        mark: impl Fn(&mut bool, &mut Option<u64>),
    ) {
        let (plan, state, watch) = (self.plan, &mut *self.state, &mut self.watch);
        let index = watch.index.get_or_insert_with(|| Index::of(plan, state));
        let Some(waits) = waits(index).filter(|waits| !waits.marked) else { return };
        waits.marked = true;
        // Those that are over are forgotten on the way.
        waits.numbers.retain(|number| match state.pending.get_mut(number).map(|pending| &mut pending.kind) {
            Some(PendingKind::Condition { stale, unseen }) => {
                mark(stale, unseen);
                watch.due.insert(*number);
                true
            }
            Some(PendingKind::Call | PendingKind::Timer { .. } | PendingKind::Timeout { .. }) | None => false,
        });
    }

    /// Looks at what is due, in the order it was armed, until one wait is over. Says whether one was.
    pub(super) fn look(&mut self) -> bool {
        if let Some(index) = self.watch.index.as_mut().filter(|_| !self.watch.due.is_empty()) {
            index.names.values_mut().chain(index.signals.values_mut()).for_each(|waits| waits.marked = false);
        }
        while let Some(number) = self.watch.due.pop_first() {
            let Some(pending) = self.state.pending.get_mut(&number) else { continue };
            let (id, PendingKind::Condition { stale, unseen }) = (pending.strand, &mut pending.kind) else { continue };
            // All of the inbox again only where a name was assigned.
            let from = unseen.take().filter(|_| !*stale).unwrap_or(0);
            *stale = false;
            let top = self.state.strands.get(&id).and_then(|strand| strand.frames.last());
            let Some(Frame::Step(frame)) = top else { continue };
            let (path, step) = (frame.path.clone(), self.plan.step(frame.step));
            if let Some(next) = step.and_then(|step| steps::look(self, id, &path, step, from)) {
                self.wake(number, |_, _, _| next);
                return true;
            }
        }
        false
    }
}
