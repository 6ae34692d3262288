//! Parts of a definition as one text each, so that layout, the order of keys and the names of locals do not count: two
//! parts are the same if their texts are.

use std::collections::{BTreeMap, BTreeSet};

use crate::expression::{Expression, Template};
use crate::syntax::{Field, Fields, Step, Written, WrittenKind};
use crate::value::{Value, to_json};

/// How the parts of one version are written down.
#[derive(Debug, Clone, Default)]
pub(super) struct Spelling {
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

    pub fn field(&self, field: &Field) -> String {
        match field {
            Field::Text(text) => to_json(&Value::text(text.as_str())),
            Field::Integer(n) => n.to_string(),
            Field::Factor(n) => n.normalize().to_string(),
            Field::Flag(flag) => flag.to_string(),
            Field::Duration(duration) => duration.to_string(),
            Field::Condition(condition) | Field::Expression(condition) => self.expression(&condition.expression),
            Field::Value(written) => self.written(written),
            Field::Assignments(assignments) => {
                let each = assignments.iter().map(|a| format!("{}={}", self.name(&a.name), self.written(&a.value)));
                let mut each: Vec<String> = each.collect();
                each.sort();
                format!("{{{}}}", each.join(","))
            }
            Field::Schema(node) => node.canonical(&[]),
            Field::Steps(steps) => self.steps(steps),
            Field::Texts(texts) => {
                let mut texts: Vec<&str> = texts.iter().map(|(text, _)| text.as_str()).collect();
                texts.sort_unstable();
                format!("[{}]", texts.join(","))
            }
            Field::Map(fields) => self.fields(fields),
            Field::Branches(branches) => {
                format!("{{{}}}", joined(branches.iter().map(|b| format!("{}:{}", b.name, self.steps(&b.steps)))))
            }
            Field::List(items) => format!("[{}]", joined(items.iter().map(|(fields, _)| self.fields(fields)))),
            Field::Named(named) => {
                format!("{{{}}}", joined(named.iter().map(|n| format!("{}:{}", n.name, self.fields(&n.fields)))))
            }
            Field::Broken => "broken".to_owned(),
        }
    }

    /// Without the words for people.
    pub fn fields(&self, fields: &Fields) -> String {
        let keys =
            fields.0.iter().filter(|e| e.key != "summary" && e.key != "owner").map(|e| self.entry(e.key, &e.field));
        let mut keys: Vec<String> = keys.collect();
        keys.sort();
        format!("{{{}}}", keys.join(","))
    }

    fn entry(&self, key: &str, field: &Field) -> String {
        match (key, field) {
            ("save" | "index" | "as" | "for", Field::Text(name)) => format!("{key}:{}", self.name(name)),
            _ => format!("{key}:{}", self.field(field)),
        }
    }

    pub fn steps(&self, steps: &[Step]) -> String {
        format!("[{}]", joined(steps.iter().map(|step| format!("{} {}", id_of(step), self.body(step)))))
    }

    /// What a step does, without its id.
    pub fn body(&self, step: &Step) -> String {
        let keys = step.fields.0.iter().filter(|e| e.key != "summary" && e.key != "id");
        let mut keys: Vec<String> = keys.map(|e| self.entry(e.key, &e.field)).collect();
        keys.sort();
        format!("{} {} {{{}}}", step.verb.name, self.entry(step.verb.name, &step.action), keys.join(","))
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(",")
}

pub(super) fn id_of(step: &Step) -> &str {
    step.fields.text("id").unwrap_or_default()
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

/// Every name with its fields that some expression of these reads, as `["input", "age"]`.
pub(super) fn reads(fields: &Fields) -> BTreeSet<Vec<String>> {
    let mut found = BTreeSet::new();
    collect(fields, &mut found);
    found
}

/// The steps that read a name or a field of it themselves, by what messages call them.
pub(super) fn readers(steps: &[Step], path: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for step in steps {
        let mut read = BTreeSet::new();
        collect_own(&step.action, &mut read);
        step.fields.0.iter().for_each(|entry| collect_own(&entry.field, &mut read));
        let touches = |found: &Vec<String>| found.iter().zip(path).all(|(a, b)| a == b);
        if read.iter().any(touches) {
            found.push(super::matching::label(step));
        }
        found.extend(step.lists().into_iter().flat_map(|list| readers(list, path)));
    }
    found
}

/// What a step reads without the steps inside it.
fn collect_own(field: &Field, found: &mut BTreeSet<Vec<String>>) {
    match field {
        Field::Steps(_) | Field::Branches(_) => {}
        Field::List(items) => {
            items.iter().flat_map(|(fields, _)| &fields.0).for_each(|entry| collect_own(&entry.field, found));
        }
        other => collect_field(other, found),
    }
}

fn collect(fields: &Fields, found: &mut BTreeSet<Vec<String>>) {
    fields.0.iter().for_each(|entry| collect_field(&entry.field, found));
}

fn collect_field(field: &Field, found: &mut BTreeSet<Vec<String>>) {
    let steps = |steps: &[Step], found: &mut BTreeSet<Vec<String>>| {
        for step in steps {
            collect_field(&step.action, found);
            collect(&step.fields, found);
        }
    };
    match field {
        Field::Condition(condition) | Field::Expression(condition) => {
            found.extend(condition.expression.paths().iter().cloned());
        }
        Field::Value(written) => of_written(written, found),
        Field::Assignments(assignments) => assignments.iter().for_each(|a| of_written(&a.value, found)),
        Field::Steps(list) => steps(list, found),
        Field::Branches(branches) => branches.iter().for_each(|b| steps(&b.steps, found)),
        Field::Map(fields) => collect(fields, found),
        Field::List(items) => items.iter().for_each(|(fields, _)| collect(fields, found)),
        Field::Named(named) => named.iter().for_each(|n| collect(&n.fields, found)),
        _ => {}
    }
}

fn of_written(written: &Written, found: &mut BTreeSet<Vec<String>>) {
    let templates = written.templates().into_iter().map(|(template, _)| template);
    found.extend(templates.flat_map(|t| t.expressions().flat_map(|(e, _)| e.paths().to_vec()).collect::<Vec<_>>()));
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
