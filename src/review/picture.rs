//! A version as a picture: its steps as boxes inside boxes, as a structure chart has them, each with what was found
//! about it. A picture is data here; what draws it is in `show`.

use super::Side;
use super::finding::{Finding, short};
use super::matching::slots;
use super::messages::handlers;
use super::model::Severity;
use super::spelling::{Spelling, id_of};
use crate::syntax::{Field, Fields, Step};

/// One version: its own steps, and those of its handlers, with the words above each list.
pub type Picture = Vec<(String, Vec<Block>)>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub verb: &'static str,
    /// Empty where it has none.
    pub id: String,
    /// What it does, in a few words of the author's.
    pub words: String,
    /// Counts from 1.
    pub line: usize,
    /// The fingerprints of the findings about it that count, with the gravest letter; `None`: it is as it was.
    pub mark: Option<(Severity, Vec<String>)>,
    /// Side by side, as branches are, and not one below the other.
    pub beside: bool,
    pub lists: Vec<(String, Vec<Block>)>,
}

/// Draws one side; `at` is where a finding's step begins on this side.
pub(super) fn picture(side: &Side, findings: &[Finding], at: &dyn Fn(&Finding) -> Option<usize>) -> Picture {
    let header = &side.document.header;
    let draw = |steps: &[Step]| -> Vec<Block> { steps.iter().map(|step| block(side, step, findings, at)).collect() };
    let main = (String::new(), draw(header.steps("steps").unwrap_or_default()));
    let handlers = handlers(header).into_iter().map(|(name, steps)| (format!("on {name}"), draw(steps)));
    [main].into_iter().chain(handlers).collect()
}

fn block(side: &Side, step: &Step, findings: &[Finding], at: &dyn Fn(&Finding) -> Option<usize>) -> Block {
    let own = findings.iter().filter(|f| !f.cosmetic && at(f) == Some(step.span.start));
    let own: Vec<&Finding> = own.collect();
    let lists = slots(step, &Spelling::default()).into_iter().map(|slot| {
        let name = match slot.kind {
            "body" | "do" | "then" => String::new(),
            "way" => format!("if {}", slot.guard),
            "branch" => slot.guard.clone(),
            "catch" => format!("catch {}", slot.guard.trim()),
            kind => kind.to_owned(),
        };
        (name, slot.steps.iter().map(|step| block(side, step, findings, at)).collect())
    });
    Block {
        verb: step.verb.name,
        id: id_of(step).to_owned(),
        words: words(step),
        line: side.source.position(step.span.start).line,
        mark: own
            .iter()
            .map(|f| f.worst())
            .max()
            .map(|worst| (worst, own.iter().map(|f| f.fingerprint.clone()).collect())),
        beside: matches!(step.action, Field::Branches(_)),
        lists: lists.collect(),
    }
}

/// What a step does, and when: the part of its text that a reader looks for first.
fn words(step: &Step) -> String {
    let spelling = Spelling::default();
    let written = |fields: &Fields, key: &str| fields.value(key).map(|v| spelling.written(v)).unwrap_or_default();
    let plain = |text: String| text.trim_matches('"').to_owned();
    let own = match (step.verb.name, &step.action) {
        ("http", Field::Map(fields)) => {
            let method = fields.text("method").unwrap_or("GET");
            format!("{method} {} {}", fields.text("service").unwrap_or_default(), plain(written(fields, "path")))
        }
        ("activity", Field::Map(fields)) => fields.text("name").unwrap_or_default().to_owned(),
        ("send", Field::Map(fields)) => {
            format!("{} to {}", fields.text("signal").unwrap_or_default(), plain(written(fields, "to")))
        }
        ("wait", Field::Map(fields)) => match fields.condition("until") {
            Some(condition) => format!("until {}", condition.expression.source()),
            None => format!("signal {}", fields.text("signal").unwrap_or_default()),
        },
        ("fail", Field::Map(fields)) => fields.text("error").unwrap_or_default().to_owned(),
        ("for", _) => {
            let items = step.fields.field("in").map(|field| spelling.field(field)).unwrap_or_default();
            format!("{} in {items}", spelling.field(&step.action).trim_matches('"'))
        }
        ("set", Field::Assignments(all)) => all.iter().map(|a| a.name.clone()).collect::<Vec<_>>().join(", "),
        (_, Field::Condition(condition)) => condition.expression.source().to_owned(),
        (_, Field::Value(written)) => plain(spelling.written(written)),
        _ => String::new(),
    };
    let when = step.fields.condition("when").map(|c| format!("only if {}", c.expression.source()));
    let timeout = step.fields.duration("timeout").map(|timeout| format!("timeout {timeout}"));
    let parts: Vec<String> = [own].into_iter().chain(when).chain(timeout).filter(|part| !part.is_empty()).collect();
    short(&parts.join(", "))
}
