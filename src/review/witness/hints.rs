//! What two versions have that is worth trying: the constants in conditions, the lengths of waits, the errors that
//! somebody catches.

use std::collections::BTreeSet;

use crate::review::side::{Side, Spelling};
use crate::syntax::{Any, Parts, Written};
use crate::value::Duration;

#[derive(Default)]
pub struct Hints {
    pub numbers: BTreeSet<i64>,
    pub texts: BTreeSet<String>,
    pub moments: BTreeSet<i64>,
    pub errors: BTreeSet<String>,
}

impl Hints {
    pub fn of(old: &Side, new: &Side) -> Hints {
        let mut hints = Hints::default();
        hints.learn(&old.document.header);
        hints.learn(&new.document.header);
        hints
    }

    fn learn(&mut self, parts: &dyn Parts) {
        parts.parts(&mut |seen| {
            if let Some(any) = seen.any {
                self.learn_any(any);
            }
        });
    }

    fn learn_any(&mut self, any: Any<'_>) {
        match any {
            Any::Condition(condition) | Any::Expression(condition) => self.constants(condition.expression.source()),
            Any::Value(written) => self.learn_written(written),
            Any::Assignments(list) => list.iter().for_each(|a| self.learn_written(&a.value)),
            Any::Duration(duration) => {
                self.moments.insert(duration.millis());
            }
            Any::Texts(texts) => self.errors.extend(texts.iter().map(|(text, _)| text.clone())),
            Any::Steps(steps) => steps.iter().for_each(|step| self.learn(step)),
            Any::Branches(branches) => branches.iter().flat_map(|b| &b.steps).for_each(|step| self.learn(step)),
            Any::Map(parts) => self.learn(parts),
            Any::List(items) => items.into_iter().for_each(|(parts, _)| self.learn(parts)),
            Any::Named(named) => named.into_iter().for_each(|(_, _, parts)| self.learn(parts)),
            Any::Text(_) | Any::Name(_) | Any::Integer(_) | Any::Factor(_) | Any::Flag(_) | Any::Schema(_) => {}
        }
    }

    fn learn_written(&mut self, written: &Written) {
        let spelled = Spelling::default().written(written);
        if let Ok(duration) = Duration::parse(spelled.trim_matches('"')) {
            self.moments.insert(duration.millis());
        }
        let templates = written.templates();
        templates.iter().flat_map(|(t, _)| t.expressions()).for_each(|(e, _)| self.constants(e.source()));
    }

    /// Whole numbers and quoted texts of an expression.
    fn constants(&mut self, source: &str) {
        for quote in ['\'', '"'] {
            self.texts.extend(source.split(quote).skip(1).step_by(2).filter(|t| t.len() < 40).map(str::to_owned));
        }
        let digits = source.split(|c: char| !c.is_ascii_digit());
        self.numbers.extend(digits.filter_map(|digits| digits.parse::<i64>().ok()).filter(|n| *n < 1_000_000_000));
    }
}
