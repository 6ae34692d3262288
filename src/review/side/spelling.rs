//! Parts of a definition as one text each, so that layout, the order of keys and the names of locals do not count: two
//! parts are the same if their texts are.

use std::collections::BTreeMap;

use super::names::id_of;
use crate::diagnostic::Span;
use crate::expression::{Expression, Template};
use crate::syntax::{Any, Parts, Seen, Step, Written, WrittenKind};
use crate::value::{Value, to_json};

/// How the parts of one version are written down.
#[derive(Debug, Clone, Default)]
pub struct Spelling {
    /// Names of this version that are other names in the version it is compared with.
    pub renamed: BTreeMap<String, String>,
}

impl Spelling {
    pub fn name(&self, name: &str) -> String {
        self.renamed.get(name).map_or(name, String::as_str).to_owned()
    }

    pub fn expression(&self, expression: &Expression) -> String {
        let mut source = expression.source().to_owned();
        let mut names: Vec<_> = expression.names().iter().filter(|(name, _)| self.renamed.contains_key(name)).collect();
        names.sort_by_key(|(_, range)| std::cmp::Reverse(range.start));
        for (name, range) in names {
            if source.get(range.clone()) == Some(name) {
                source.replace_range(range.clone(), &self.name(name));
            }
        }
        tidy(&source)
    }

    fn template(&self, template: &Template) -> String {
        let source = template.source();
        let (mut text, mut at) = (String::new(), 0);
        for (expression, start) in template.expressions() {
            text.push_str(source.get(at..start).unwrap_or_default());
            text.push_str(&self.expression(expression));
            at = start + expression.source().len();
        }
        text.push_str(source.get(at..).unwrap_or_default());
        text
    }

    pub fn written(&self, written: &Written) -> String {
        match &written.kind {
            WrittenKind::Constant(value) => to_json(value),
            WrittenKind::Template(template) => to_json(&Value::text(self.template(template))),
            WrittenKind::List(items) => format!("[{}]", joined(items.iter().map(|item| self.written(item)))),
            WrittenKind::Map(entries) => {
                let mut entries: Vec<String> = entries
                    .iter()
                    .map(|(key, _, value)| format!("{}:{}", to_json(&Value::text(key.as_str())), self.written(value)))
                    .collect();
                entries.sort();
                format!("{{{}}}", entries.join(","))
            }
        }
    }

    /// `none` where there is nothing.
    pub fn maybe(&self, written: Option<&Written>) -> String {
        written.map_or_else(|| "none".to_owned(), |written| self.written(written))
    }

    /// `none` where there is nothing.
    pub fn part(&self, any: Option<Any<'_>>) -> String {
        any.map_or_else(|| "none".to_owned(), |any| self.any(any))
    }

    pub fn any(&self, any: Any<'_>) -> String {
        match any {
            Any::Text(text) => to_json(&Value::text(text)),
            Any::Name(name) => self.name(name),
            Any::Integer(n) => n.to_string(),
            Any::Factor(n) => n.normalize().to_string(),
            Any::Flag(flag) => flag.to_string(),
            Any::Duration(duration) => duration.to_string(),
            Any::Condition(condition) | Any::Expression(condition) => self.expression(&condition.expression),
            Any::Value(written) => self.written(written),
            Any::Assignments(assignments) => {
                let each = assignments.iter().map(|a| format!("{}={}", self.name(&a.name), self.written(&a.value)));
                let mut each: Vec<String> = each.collect();
                each.sort();
                format!("{{{}}}", each.join(","))
            }
            Any::Schema(node) => node.canonical(&[]),
            Any::Texts(texts) => Spelling::texts(texts),
            Any::Steps(steps) => self.steps(steps),
            Any::Branches(branches) => {
                format!("{{{}}}", joined(branches.iter().map(|b| format!("{}:{}", b.name, self.steps(&b.steps)))))
            }
            Any::Map(parts) => self.parts(parts),
            Any::List(items) => format!("[{}]", joined(items.into_iter().map(|(parts, _)| self.parts(parts)))),
            Any::Named(named) => {
                let each = named.into_iter().map(|(name, _, parts)| format!("{name}:{}", self.parts(parts)));
                format!("{{{}}}", joined(each))
            }
        }
    }

    /// Texts whose order has no meaning.
    pub fn texts(texts: &[(String, Span)]) -> String {
        let mut texts: Vec<&str> = texts.iter().map(|(text, _)| text.as_str()).collect();
        texts.sort_unstable();
        format!("[{}]", texts.join(","))
    }

    /// Without the words for people.
    pub fn parts(&self, parts: &dyn Parts) -> String {
        self.keys(parts, &["summary", "owner"])
    }

    fn keys(&self, parts: &dyn Parts, without: &[&str]) -> String {
        let mut keys = Vec::new();
        parts.parts(&mut |seen| {
            if !without.contains(&seen.key) {
                keys.push(self.seen(seen));
            }
        });
        keys.sort();
        format!("{{{}}}", keys.join(","))
    }

    fn seen(&self, seen: Seen<'_>) -> String {
        format!("{}:{}", seen.key, seen.any.map_or_else(|| "broken".to_owned(), |any| self.any(any)))
    }

    pub fn steps(&self, steps: &[Step]) -> String {
        format!("[{}]", joined(steps.iter().map(|step| format!("{} {}", id_of(step), self.body(step)))))
    }

    /// What a step does, without its id.
    pub fn body(&self, step: &Step) -> String {
        let verb = step.verb().name;
        let own = step.action.parts().part(verb).map(|seen| self.seen(seen)).unwrap_or_default();
        format!("{verb} {own} {}", self.keys(step, &[verb, "summary", "id"]))
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(",")
}

/// An expression without the blanks that mean nothing.
fn tidy(source: &str) -> String {
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let glues = |c: char| "+-*/%<>=!&|?.".contains(c);
    let (mut text, mut quote, mut escaped, mut blank) = (String::new(), None, false, false);
    for c in source.chars() {
        if quote.is_none() && c.is_whitespace() {
            blank = true;
            continue;
        }
        let before = text.chars().next_back();
        if blank && before.is_some_and(|b| (word(b) && word(c)) || (glues(b) && glues(c))) {
            text.push(' ');
        }
        blank = false;
        text.push(c);
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(q) if c == q => quote = None,
            None if c == '\'' || c == '"' || c == '`' => quote = Some(c),
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::tidy;

    #[test]
    fn blanks_that_mean_nothing_are_left_out() {
        assert_eq!(tidy("a  in [ 1, 2 ]"), "a in[1,2]");
        assert_eq!(tidy("x == ' a  b '"), "x==' a  b '");
        assert_eq!(tidy("a - -b"), "a- -b");
    }
}
