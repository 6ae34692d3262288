//! What is surely set, perhaps set, never used, and never reached.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::check::{every_step, schema_of, usable};
use super::owners::{assigned, branch_lists, level};
use super::types::uses;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::expression::{OPERATIONS, Scope, World};
use crate::syntax::{Condition, Document, Field, Place, Step, Written, WrittenKind};
use crate::value::{Time, Value};

/// What of a definition can ever run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reach {
    /// Whether any way leads to an end without an error.
    pub ends: bool,
    /// The steps that no way leads to.
    pub never: Vec<Span>,
}

pub(crate) fn reach(document: &Document) -> Reach {
    let mut complaints = Vec::new();
    walk(document, BTreeSet::new(), &mut complaints)
}

/// `read` are names that were meant to be read, and are complained about for that.
pub(super) fn check(document: &Document, read: BTreeSet<String>, complaints: &mut Vec<Diagnostic>) {
    walk(document, read, complaints);
}

fn walk(document: &Document, mut read: BTreeSet<String>, complaints: &mut Vec<Diagnostic>) -> Reach {
    let header = &document.header;
    let steps = header.steps("steps").unwrap_or(&[]);
    let vars = header.assignments("vars");
    let mut places: BTreeMap<String, Span> = vars.iter().map(|a| (a.name.clone(), a.span)).collect();
    for step in every_step(document) {
        for (name, span) in assigned(step) {
            places.entry(name).or_insert(span);
        }
    }
    let start: BTreeSet<String> = vars.iter().map(|a| a.name.clone()).collect();
    // A first value cannot read them, which is said there.
    let first = vars
        .iter()
        .flat_map(|a| a.value.templates())
        .chain(header.value("key").map(Written::templates).into_iter().flatten());
    for (template, _) in first {
        read.extend(template.expressions().flat_map(|(e, _)| e.names()).map(|(name, _)| name.clone()));
    }
    let visible = &start | &level(steps);
    let mut walk = Walk { document, visible, read, complaints, breaks: Vec::new(), reach: Reach::default() };
    let begin = Known { surely: start.clone(), perhaps: start.clone(), reached: true };
    let after = walk.list(steps, begin.clone());
    // A handler may run at any moment after the start: what the main line sets may be there.
    let at_any_time = Known { perhaps: walk.visible.clone(), ..begin };
    walk.messages(&at_any_time);
    let Walk { read, mut reach, .. } = walk;
    reach.ends |= after.reached;
    for (name, span) in
        places.into_iter().filter(|(name, _)| !read.contains(name) && !document.lost.contains(name) && usable(name))
    {
        let message = format!("the name `{name}` is never used");
        complaints.push(Diagnostic::warning(Code::UnusedName, span, message).help("use it or remove it"));
    }
    returns(document, after.reached, complaints);
    reach
}

/// Names that are set on every way to a place, and on some way.
#[derive(Debug, Clone)]
struct Known {
    surely: BTreeSet<String>,
    perhaps: BTreeSet<String>,
    /// Whether any way leads here.
    reached: bool,
}

impl Known {
    fn set(&mut self, name: &str) {
        self.surely.insert(name.to_owned());
        self.perhaps.insert(name.to_owned());
    }

    /// What is known where two ways meet.
    fn meet(self, other: Known) -> Known {
        if !self.reached {
            return Known { perhaps: &other.perhaps | &self.perhaps, ..other };
        }
        if !other.reached {
            return Known { perhaps: &other.perhaps | &self.perhaps, ..self };
        }
        Known { surely: &self.surely & &other.surely, perhaps: &self.perhaps | &other.perhaps, reached: true }
    }
}

struct Walk<'a> {
    document: &'a Document,
    /// The names of the levels around the place (R26); of others something else is said.
    visible: BTreeSet<String>,
    read: BTreeSet<String>,
    complaints: &'a mut Vec<Diagnostic>,
    /// What is known at each `break` of the loops around, innermost last.
    breaks: Vec<Option<Known>>,
    reach: Reach,
}

impl Walk<'_> {
    fn messages(&mut self, known: &Known) {
        let header = &self.document.header;
        for message in header.named("signals").iter().chain(header.named("updates")) {
            let mut after = known.clone();
            if let Some(steps) = message.fields.steps("do") {
                let outside = self.visible.clone();
                self.visible.extend(level(steps));
                after = self.list(steps, after);
                if let Some(returns) = message.fields.value("returns") {
                    self.read_value(returns, &after);
                }
                self.visible = outside;
            } else if let Some(returns) = message.fields.value("returns") {
                self.read_value(returns, &after);
            }
            if let Some(otherwise) = message.fields.value("otherwise") {
                self.read_value(otherwise, known);
            }
            if let Some(check) = message.fields.condition("check") {
                self.read_names(check.expression.names(), check.place, 0, known);
            }
        }
        for query in header.assignments("queries") {
            self.read_value(&query.value, known);
        }
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
        self.visible.extend(level(steps));
        let mut after = self.list(steps, before.clone());
        after.surely.retain(|name| outside.contains(name));
        after.perhaps.retain(|name| outside.contains(name));
        self.visible = outside;
        after
    }

    fn list(&mut self, steps: &[Step], mut known: Known) -> Known {
        // Said once, at the first step that never runs.
        let mut said = !known.reached;
        for step in steps {
            if !known.reached {
                self.reach.never.push(step.span);
            }
            if !known.reached && !said {
                said = true;
                let message = "this step never runs: the one before it always leaves";
                self.complaints.push(
                    Diagnostic::warning(Code::Unreachable, step.verb_span, message)
                        .help("remove it, or give the one before it a `when`"),
                );
            }
            known = self.step(step, known);
        }
        known
    }

    fn step(&mut self, step: &Step, before: Known) -> Known {
        self.reads(step, &before);
        let mut after = before.clone();
        match (step.verb.name, &step.action) {
            ("if", _) => {
                let then = step.fields.steps("then").map_or_else(|| before.clone(), |s| self.list(s, before.clone()));
                let other = step.fields.steps("else").map_or_else(|| before.clone(), |s| self.list(s, before.clone()));
                after = then.meet(other);
            }
            ("return" | "fail" | "continue", _) => {
                self.reach.ends |= before.reached && step.verb.name == "return";
                after.reached = false;
            }
            ("break", _) => {
                if let Some(breaks) = self.breaks.last_mut() {
                    *breaks = Some(match breaks.take() {
                        Some(other) => other.meet(before.clone()),
                        None => before.clone(),
                    });
                }
                after.reached = false;
            }
            ("do", Field::Steps(steps)) => after = self.list(steps, before.clone()),
            ("switch", Field::List(ways)) => {
                let mut met: Option<Known> = None;
                for (way, _) in ways {
                    let steps = way.steps("do").or(way.steps("else")).unwrap_or(&[]);
                    let end = self.list(steps, before.clone());
                    met = Some(met.map_or(end.clone(), |other| other.meet(end)));
                }
                after = met.unwrap_or(after);
            }
            ("while", Field::Condition(condition)) => after = self.repeat(step, condition, before.clone()),
            ("for", _) => {
                self.breaks.push(None);
                for (_, body) in branch_lists(step) {
                    let end = self.branch(body, &before);
                    // Not every list has an item.
                    after = Known { perhaps: &after.perhaps | &end.perhaps, ..after };
                }
                self.breaks.pop();
            }
            ("parallel" | "race", Field::Branches(branches)) => {
                let all = step.verb.name == "parallel";
                let ends: Vec<Known> = branches.iter().map(|b| self.branch(&b.steps, &before)).collect();
                let reached = |end: &Known| end.reached;
                let reports = step.fields.text("on-error") == Some("report");
                after.reached = match all {
                    true => before.reached && (reports || ends.iter().all(reached)),
                    false => before.reached && (ends.is_empty() || ends.iter().any(reached)),
                };
                for end in ends {
                    after.perhaps.extend(end.perhaps);
                    if all {
                        after.surely.extend(end.surely);
                    }
                }
            }
            ("try", Field::Steps(body)) => after = self.attempt(step, body, &before),
            _ => {}
        }
        for (name, _) in assigned(step) {
            after.set(&name);
        }
        let skips = step.fields.text("on-error") == Some("skip");
        let inside = !step.lists().is_empty();
        if let Some(steps) = step.fields.steps("on-timeout") {
            let struck = Known { perhaps: after.perhaps.clone(), ..before.clone() };
            after = after.meet(self.list(steps, struck));
        }
        if skips {
            // The result is null, so `save` is set; what steps inside assign is not sure.
            let mut skipped = Known { perhaps: after.perhaps.clone(), ..before.clone() };
            if let (Some(name), false) = (step.fields.text("save"), inside && !after.reached) {
                skipped.set(name);
            }
            after = after.meet(skipped);
        }
        if step.fields.entry("when").is_some() {
            after = after.meet(before);
        }
        after
    }

    /// A `while`: its body may run not once, unless its condition holds at the start.
    fn repeat(&mut self, step: &Step, condition: &Condition, before: Known) -> Known {
        let endless = condition.expression.source().trim() == "true";
        let once = endless || self.holds_at_the_start(condition);
        self.breaks.push(None);
        let body = step.fields.steps("do").unwrap_or(&[]);
        // A later round finds what an earlier one has set.
        let begins = Known { perhaps: &before.perhaps | &level(body), ..before.clone() };
        let end = self.list(body, begins);
        let broken = self.breaks.pop().flatten();
        let perhaps = &before.perhaps | &end.perhaps;
        let through = match (endless, once && end.reached) {
            (true, _) => Known { reached: false, ..before },
            (false, true) => end,
            (false, false) => Known { perhaps, ..before },
        };
        match broken {
            Some(broken) => through.meet(broken),
            None => through,
        }
    }

    /// Whether a condition is true on the first values, where those are constant.
    fn holds_at_the_start(&self, condition: &Condition) -> bool {
        struct First<'a>(&'a Document);
        impl Scope for First<'_> {
            fn get(&self, name: &str) -> Option<Value> {
                self.0.header.assignments("vars").iter().find(|a| a.name == name).and_then(|a| a.value.constant())
            }
        }
        let mut operations = OPERATIONS;
        let mut uuid = String::new;
        let mut world = World { now: Time(0), uuid: &mut uuid, operations: &mut operations };
        !condition.expression.calls("now")
            && condition.expression.test(&First(self.document), &mut world).is_ok_and(|holds| holds)
    }

    fn attempt(&mut self, step: &Step, body: &[Step], before: &Known) -> Known {
        let mut after = self.list(body, before.clone());
        let failed = Known { perhaps: after.perhaps.clone(), ..before.clone() };
        for (catch, _) in step.fields.list("catch") {
            let end = self.list(catch.steps("do").unwrap_or(&[]), failed.clone());
            after = after.meet(end);
        }
        if let Some(finally) = step.fields.steps("finally") {
            let begins = Known { perhaps: after.perhaps.clone(), ..before.clone() };
            let end = self.list(finally, begins);
            after.surely.extend(end.surely);
            after.perhaps.extend(end.perhaps);
            after.reached &= end.reached;
        }
        after
    }

    fn reads(&mut self, step: &Step, known: &Known) {
        // `collect` sees what the body has set.
        let own = step.fields.steps("do").filter(|_| step.verb.name == "for").map(level).unwrap_or_default();
        let outside = self.visible.clone();
        self.visible.retain(|name| !own.contains(name) || outside.contains(name));
        for used in uses(step) {
            for (expression, place, offset) in used.expressions() {
                self.read_names(expression.names(), place, offset, known);
            }
        }
        self.visible = outside;
    }

    fn read_names(&mut self, names: &[(String, std::ops::Range<usize>)], place: Place, offset: usize, known: &Known) {
        for (name, range) in names {
            self.read.insert(name.clone());
            if !known.reached || known.surely.contains(name) || !self.visible.contains(name) {
                continue;
            }
            let span = place.locate(&(range.start + offset..range.end + offset));
            if known.perhaps.contains(name) {
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

/// Results that cannot fit `returns`.
fn returns(document: &Document, end_reached: bool, complaints: &mut Vec<Diagnostic>) {
    let header = &document.header;
    let Some(schema) = schema_of(header.schema("returns")) else { return };
    for step in every_step(document) {
        let ("return", Field::Value(value)) = (step.verb.name, &step.action) else { continue };
        if let Some(constant) = value.constant() {
            if let Some(violation) = schema.violations(&constant).first() {
                let message = format!("the result does not fit `returns`: {}", violation.detail);
                complaints.push(Diagnostic::error(Code::ReturnsMismatch, value.place.span, message));
            }
        } else if let WrittenKind::Map(entries) = &value.kind {
            shape(&schema, entries, value, complaints);
        }
    }
    if end_reached && !schema.violations(&Value::Null).is_empty() {
        let span = header.entry("returns").map_or(Span::default(), |e| e.key_span);
        let message = "the process can end without a `return`, and null does not fit `returns`";
        complaints
            .push(Diagnostic::warning(Code::ReturnsMismatch, span, message).help("end every way with a `return`"));
    }
}

/// A mapping with computed parts: its keys and its constant parts are known.
fn shape(
    schema: &super::Schema,
    entries: &[(String, Span, Written)],
    value: &Written,
    complaints: &mut Vec<Diagnostic>,
) {
    let known = Value::map(entries.iter().map(|(key, _, part)| (key.as_str(), part.constant().unwrap_or_default())));
    for violation in schema.violations(&known) {
        let part = violation.pointer.split('/').nth(1).and_then(|key| entries.iter().find(|(k, ..)| k == key));
        let computed = part.is_some_and(|(_, _, part)| part.constant().is_none());
        if !computed {
            let span = part.map_or(value.place.span, |(_, span, _)| *span);
            let message = format!("the result does not fit `returns`: {}", violation.detail);
            complaints.push(Diagnostic::error(Code::ReturnsMismatch, span, message));
        }
    }
}
