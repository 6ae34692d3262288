//! What is surely set, perhaps set, never used, and never reached.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::check::{all_steps, schema_of, usable};
use super::types::uses;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::syntax::{Document, Field, Step, Written, WrittenKind};
use crate::value::Value;

/// `read` are names that were meant to be read, and are complained about for that.
pub(super) fn check(document: &Document, mut read: BTreeSet<String>, complaints: &mut Vec<Diagnostic>) {
    let header = &document.header;
    let steps = header.steps("steps").unwrap_or(&[]);
    let vars = header.assignments("vars");
    let mut everywhere: BTreeSet<String> = vars.iter().map(|a| a.name.clone()).collect();
    let mut places: BTreeMap<String, Span> = vars.iter().map(|a| (a.name.clone(), a.span)).collect();
    for step in all_steps(steps) {
        for (name, span) in assigned(step) {
            everywhere.insert(name.clone());
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
    let mut walk = Walk { everywhere, read, complaints };
    let after = walk.list(steps, Known { surely: start.clone(), perhaps: start, reached: true });
    let read = walk.read;
    for (name, span) in
        places.into_iter().filter(|(name, _)| !read.contains(name) && !document.lost.contains(name) && usable(name))
    {
        let message = format!("the name `{name}` is never used");
        complaints.push(Diagnostic::warning(Code::UnusedName, span, message).help("use it or remove it"));
    }
    returns(document, after.reached, complaints);
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
    everywhere: BTreeSet<String>,
    read: BTreeSet<String>,
    complaints: &'a mut Vec<Diagnostic>,
}

impl Walk<'_> {
    fn list(&mut self, steps: &[Step], mut known: Known) -> Known {
        // Said once, at the first step that never runs.
        let mut said = !known.reached;
        for step in steps {
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
            ("return" | "fail", _) => after.reached = false,
            _ => {}
        }
        for (name, _) in assigned(step) {
            after.set(&name);
        }
        let skips = step.fields.text("on-error") == Some("skip");
        let inside = step.verb.name == "if";
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

    fn reads(&mut self, step: &Step, known: &Known) {
        for used in uses(step) {
            for (expression, place, offset) in used.expressions() {
                for (name, range) in expression.names() {
                    self.read.insert(name.clone());
                    if !known.reached || known.surely.contains(name) || !self.everywhere.contains(name) {
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
    }
}

/// The names a step assigns itself, with their places.
fn assigned(step: &Step) -> Vec<(String, Span)> {
    let mut names = Vec::new();
    if let ("set", Field::Assignments(assignments)) = (step.verb.name, &step.action) {
        names.extend(assignments.iter().map(|a| (a.name.clone(), a.span)));
    }
    if let (Some(name), Some(entry)) = (step.fields.text("save"), step.fields.entry("save")) {
        names.push((name.to_owned(), entry.span));
    }
    names
}

/// Results that cannot fit `returns`.
fn returns(document: &Document, end_reached: bool, complaints: &mut Vec<Diagnostic>) {
    let header = &document.header;
    let Some(schema) = schema_of(header.schema("returns")) else { return };
    for step in all_steps(header.steps("steps").unwrap_or(&[])) {
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
