//! Conditions that are looked at again, of a `while` and of a `wait`: what changes in between.

use std::collections::BTreeSet;

use fixedbitset::FixedBitSet;

use super::{Known, Names, Walk};
use crate::diagnostic::{Code, Diagnostic};
use crate::expression::{Budget, Scope, World};
use crate::syntax::verbs::While;
use crate::syntax::{Condition, Leaves, Nature, Step, walk as all};
use crate::value::{Time, Value};

impl Walk<'_> {
    /// A `while`: its body may run not once, unless its condition holds at the start.
    pub(super) fn repeat(&mut self, repeat: &While, condition: &Condition, before: Known) -> Known {
        let endless = repeat.is_endless();
        let once = endless || self.holds(condition, &before);
        let body = repeat.body.items();
        let touched = self.names.touched(body);
        if !endless && before.reached && self.ended == 0 {
            self.never_changes(condition, body, &touched);
        }
        // A later round finds what an earlier one has set.
        let mut begins = before.clone();
        begins.perhaps.union_with(&self.names.assigned(body));
        begins.forget(&touched);
        self.breaks.push(None);
        self.continues.push(None);
        let mut end = self.list(body, begins.clone());
        let broken = self.breaks.pop().flatten();
        if let Some(next) = self.continues.pop().flatten() {
            end = end.meet(next);
        }
        end.forget(&touched);
        let perhaps = &before.perhaps | &end.perhaps;
        let through = match (endless, once && end.reached) {
            (true, _) => Known { reached: false, ..begins },
            (false, true) => end,
            (false, false) => Known { perhaps, reached: before.reached, surely: before.surely, ..begins },
        };
        match broken {
            Some(broken) => through.meet(broken),
            None => through,
        }
    }

    /// Whether a condition is true on what is known here.
    fn holds(&self, condition: &Condition, known: &Known) -> bool {
        struct Here<'a>(&'a Names<'a>, &'a Known);
        impl Scope for Here<'_> {
            fn get(&self, name: &str) -> Option<Value> {
                self.1.constants.get(&self.0.number(name)?).map(|value| Value::clone(value))
            }
        }
        let mut budget = Budget::alone();
        let mut uuid = String::new;
        let mut world = World { now: Time(0), uuid: &mut uuid, budget: &mut budget };
        !condition.expression.calls("now")
            && condition.expression.test(&Here(&self.names, known), &mut world).is_ok_and(|holds| holds)
    }

    /// A loop that nothing inside or beside can end: what its condition reads stays as it is.
    fn never_changes(&mut self, condition: &Condition, body: &[Step], touched: &FixedBitSet) {
        let leaves = |step: &Step| match step.nature() {
            Nature::Exit(Leaves::Run | Leaves::Error | Leaves::Loop) => true,
            Nature::Exit(Leaves::Round)
            | Nature::Instant
            | Nature::Call
            | Nature::Message
            | Nature::Wait
            | Nature::Block
            | Nature::Strands => false,
        };
        if all(body).into_iter().any(leaves) {
            return;
        }
        let Some(unchanged) = self.unchanged(condition, Some(touched)) else { return };
        let waits = all(body).into_iter().any(|step| step.nature().suspends());
        let end =
            if waits { "it never ends once it has begun" } else { "once it has begun, only `limit.steps` ends it" };
        let message = match unchanged.as_str() {
            "" => format!("what this condition reads never changes: {end}"),
            names => format!("nothing inside this loop changes {names}: {end}"),
        };
        let help = "assign in its body what the condition asks for, or leave the loop with `break`";
        let span = condition.place.locate(&(0..condition.expression.source().len()));
        self.complaints.push(Diagnostic::warning(Code::EndlessLoop, span, message).help(help));
    }

    /// A wait for a condition that nothing beside it can change.
    pub(super) fn stays(&mut self, until: &Condition) {
        let Some(unchanged) = self.unchanged(until, None) else { return };
        let message = match unchanged.as_str() {
            "" => "what this condition reads never changes: the wait is over at once, or never".to_owned(),
            names => format!("nothing changes {names} while this waits: it is over at once, or never"),
        };
        let help = "assign it in the handler of a message or in a branch beside; to ask but once, write an `if`";
        let span = until.place.locate(&(0..until.expression.source().len()));
        self.complaints.push(Diagnostic::warning(Code::ConstantCondition, span, message).help(help));
    }

    /// The variables that a condition reads, where none of them can change beside it, nor by what touches these; those
    /// that never change are not named. `None`: something may change, or it is not known.
    fn unchanged(&self, condition: &Condition, touched: Option<&FixedBitSet>) -> Option<String> {
        let names: BTreeSet<&str> = condition.expression.names().iter().map(|(name, _)| name.as_str()).collect();
        let number = |name: &str| self.names.number(name);
        let changes = |name: &str| {
            let assigned = |at| touched.is_some_and(|touched| touched.contains(at)) || self.beside.contains(at);
            self.document.lost.contains(name) || number(name).is_some_and(assigned)
        };
        let told = ["now", "uuid"].iter().any(|function| condition.expression.calls(function));
        // Of a name that is nowhere assigned something else is said, if it is not that of an item.
        let known = |name: &&str| ["input", "run"].contains(name) || number(name).is_some();
        if names.is_empty() || told || !names.iter().all(known) || names.iter().any(|name| changes(name)) {
            return None;
        }
        let variables = names.into_iter().filter(|name| number(name).is_some()).map(|name| format!("`{name}`"));
        Some(variables.collect::<Vec<_>>().join(" or "))
    }
}
