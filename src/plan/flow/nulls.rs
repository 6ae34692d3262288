//! The names that are null on some way to a step, as far as no condition stands between.

use std::collections::BTreeMap;

use fixedbitset::FixedBitSet;

use super::super::uses::uses;
use super::Walk;
use crate::syntax::{Action, Named, Nature, OnError, Outcome, Part, Signal, Step, walk as all};
use crate::value::Value;

impl Walk<'_> {
    /// Keeps which of these names the step itself reads.
    pub(super) fn note_nulls(&mut self, step: &Step, nulls: &FixedBitSet) {
        let read = uses(step).into_iter().flat_map(|used| used.what.expressions());
        let read = read.flat_map(|(expression, ..)| expression.names()).map(|(name, _)| name);
        let null = read.filter_map(|name| Some((name, self.names.number(name).filter(|at| nulls.contains(*at))?)));
        let why = |at| self.whys.get(&at).cloned().unwrap_or_else(|| "until something is assigned to it".to_owned());
        let null: BTreeMap<String, String> = null.map(|(name, at)| (name.clone(), why(at))).collect();
        if !null.is_empty() {
            self.reach.nulls.insert(step.number, null);
        }
    }

    /// What of this is still null at the beginning of the lists that surely run with the step.
    pub(super) fn nulls_inside(&self, step: &Step, nulls: &FixedBitSet) -> FixedBitSet {
        if step.common.when.is_there() {
            return FixedBitSet::new();
        }
        let beside = match &step.action {
            Action::Do(_) | Action::Try(_) => return nulls.clone(),
            Action::Parallel(_) | Action::Race(_) => self.touched_inside(step),
            Action::Set(_)
            | Action::Http(_)
            | Action::Activity(_)
            | Action::Wait(_)
            | Action::If(_)
            | Action::Switch(_)
            | Action::For(_)
            | Action::While(_)
            | Action::Send(_)
            | Action::Return(_)
            | Action::Fail(_)
            | Action::Break(_)
            | Action::Continue(_)
            | Action::Log(_) => return FixedBitSet::new(),
        };
        let mut nulls = nulls.clone();
        nulls.difference_with(&beside);
        nulls
    }

    /// What of this is still null behind the step, and what the step itself leaves as null.
    pub(super) fn nulls_behind(&mut self, step: &Step, mut nulls: FixedBitSet) -> FixedBitSet {
        let leaves = |step: &Step| matches!(step.nature(), Nature::Exit(_));
        if leaves(step) || step.children().iter().any(|child| all(child.steps).into_iter().any(leaves)) {
            // Whoever is still here may be so because it is not null.
            return FixedBitSet::new();
        }
        nulls.difference_with(&self.touched_inside(step));
        if matches!(&step.action, Action::Wait(wait) if wait.awaited().is_some_and(|awaited| awaited.until.is_there()))
        {
            nulls.difference_with(&self.beside);
        }
        let sure = !step.common.when.is_there();
        if let Action::Set(set) = &step.action {
            for assignment in set.assignments.items() {
                if let Some(at) = self.names.number(&assignment.name) {
                    nulls.grow(self.names.0.len());
                    nulls.set(at, sure && assignment.value.constant() == Some(Value::Null));
                    self.whys.insert(at, "as it was set".to_owned());
                }
            }
        }
        if let Some(at) = self.saves(step) {
            let skips = step.on_error() == OnError::Skip && !matches!(step.action, Action::For(_));
            // Where `on-timeout` ran, nothing is assigned.
            let stays = step.common.on_timeout.is_there() && nulls.contains(at);
            nulls.grow(self.names.0.len());
            nulls.set(at, sure && (skips || stays || self.is_null(step)));
            let step = step.id().unwrap_or(&step.segment);
            let why = match (skips, stays) {
                (true, _) => format!("where `{step}` failed and was passed over"),
                (false, true) => format!("where the time of `{step}` was up"),
                (false, false) => format!("where `{step}` ended without a value"),
            };
            self.whys.insert(at, why);
        }
        nulls
    }

    fn touched_inside(&self, step: &Step) -> FixedBitSet {
        let mut set = FixedBitSet::with_capacity(self.names.0.len());
        step.children().iter().for_each(|child| set.union_with(&self.names.touched(child.steps)));
        set
    }

    /// Whether the step ends with null on some way, errors aside.
    fn is_null(&self, step: &Step) -> bool {
        let list = |steps: &[Step]| steps.last().is_none_or(|last| self.ends_null(last));
        let part = |part: &Part<Vec<Step>>| part.get().map_or(!part.is_there(), |steps| list(steps));
        match step.action.outcome() {
            Outcome::Nothing => !matches!(step.nature(), Nature::Exit(_)),
            Outcome::Null => true,
            Outcome::Message(name) => {
                let declared = |signal: &&Named<Signal>| Some(signal.name.as_str()) == name;
                let signal = self.document.header.signals.items().iter().find(declared);
                signal.is_some_and(|signal| !signal.keys.payload.is_there())
            }
            Outcome::Reply(_) | Outcome::Answer(_) | Outcome::Items | Outcome::Branches(_) | Outcome::Winner(_) => {
                false
            }
            Outcome::Last => match &step.action {
                Action::If(choice) => part(&choice.then) || part(&choice.otherwise),
                Action::Switch(switch) => switch.ways.items().iter().any(|way| {
                    let body = if way.keys.otherwise.is_there() { &way.keys.otherwise } else { &way.keys.body };
                    body.get().is_some_and(|steps| list(steps))
                }),
                Action::Try(shield) => {
                    let catches = shield.catches.items().iter();
                    part(&shield.body) || catches.filter_map(|catch| catch.keys.body.get()).any(|steps| list(steps))
                }
                Action::Do(group) => part(&group.body),
                Action::Set(_)
                | Action::Http(_)
                | Action::Activity(_)
                | Action::Wait(_)
                | Action::For(_)
                | Action::While(_)
                | Action::Parallel(_)
                | Action::Race(_)
                | Action::Send(_)
                | Action::Return(_)
                | Action::Fail(_)
                | Action::Break(_)
                | Action::Continue(_)
                | Action::Log(_) => false,
            },
        }
    }

    /// The same of the last step of a list, which may be passed over.
    fn ends_null(&self, step: &Step) -> bool {
        let skips = step.on_error() == OnError::Skip && !matches!(step.action, Action::For(_));
        skips || self.is_null(step) || step.common.when.is_there() && !matches!(step.nature(), Nature::Exit(_))
    }
}
