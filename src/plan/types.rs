//! The types of names and expressions, as far as schemas and literals tell.

use std::collections::BTreeMap;

use super::check::{RESERVED, all_steps, schema_of};
use crate::diagnostic::{Code, Diagnostic};
use crate::expression::{Expression, Field as TypeField, Fields as TypeFields, Type, Types};
use crate::syntax::{Condition, Document, Field, Fields, Place, Step, Written, WrittenKind, located};

pub(super) fn check(document: &Document, complaints: &mut Vec<Diagnostic>) {
    let header = &document.header;
    let input = schema_of(header.schema("input")).map_or(Type::Any, |schema| schema.to_type());
    let only_input = Types { names: BTreeMap::from([("input".to_owned(), input.clone())]) };
    let mut first = only_input.clone();
    first.names.insert("run".to_owned(), run_type());
    if let Some(key) = header.value("key") {
        written(key, &only_input, complaints);
    }
    for assignment in header.assignments("vars") {
        written(&assignment.value, &first, complaints);
        for (template, place) in assignment.value.templates() {
            for (expression, at) in template.expressions().filter(|(e, _)| e.calls("uuid")) {
                let range = at..at + expression.source().len();
                let message = "`uuid()` cannot be used in `vars`";
                complaints.push(
                    Diagnostic::error(Code::UnknownFunction, place.locate(&range), message)
                        .help("assign it with a `set` step"),
                );
            }
        }
    }
    let steps = all_steps(header.steps("steps").unwrap_or(&[]));
    let names = names_of(document, &steps, &first);
    for step in &steps {
        for used in uses(step) {
            match used {
                Use::Condition(condition, verb) => check_condition(condition, verb, &names, complaints),
                Use::Value(value) => {
                    written(value, &names, complaints);
                }
            }
        }
    }
}

/// What the names of a run are: everything ever assigned to each.
fn names_of(document: &Document, steps: &[&Step], first: &Types) -> Types {
    let mut assigned: Vec<(&str, &Written)> =
        document.header.assignments("vars").iter().map(|a| (a.name.as_str(), &a.value)).collect();
    let mut saved: Vec<(&str, Type)> = Vec::new();
    for step in steps {
        if let ("set", Field::Assignments(assignments)) = (step.verb.name, &step.action) {
            assigned.extend(assignments.iter().map(|a| (a.name.as_str(), &a.value)));
        }
        if let Some(name) = step.fields.text("save") {
            saved.push((name, result_type(step)));
        }
    }
    // The first round knows no names' types, the second uses what the first found.
    let mut known = first.clone();
    for (name, _) in &assigned {
        known.names.insert((*name).to_owned(), Type::Any);
    }
    for (name, _) in &saved {
        known.names.insert((*name).to_owned(), Type::Any);
    }
    for _ in 0..2 {
        let mut found: BTreeMap<String, Vec<Type>> = BTreeMap::new();
        for (name, value) in &assigned {
            found.entry((*name).to_owned()).or_default().push(written(value, &known, &mut Vec::new()));
        }
        for (name, ty) in &saved {
            found.entry((*name).to_owned()).or_default().push(ty.clone());
        }
        for (name, types) in found.into_iter().filter(|(name, _)| !RESERVED.contains(&name.as_str())) {
            known.names.insert(name, union(types));
        }
    }
    known
}

fn union(mut types: Vec<Type>) -> Type {
    types.dedup();
    if types.contains(&Type::Any) {
        return Type::Any;
    }
    match types.len() {
        1 => types.pop().unwrap_or(Type::Any),
        _ => Type::Union(types),
    }
}

fn closed(fields: impl IntoIterator<Item = (&'static str, Type)>) -> Type {
    let known = fields.into_iter().map(|(name, ty)| (name.to_owned(), TypeField { ty, required: true })).collect();
    Type::Map(TypeFields { known, open: false })
}

pub(super) fn run_type() -> Type {
    closed([
        ("id", Type::Text),
        ("key", Type::Text),
        ("process", Type::Text),
        ("version", Type::Number),
        ("started", Type::Time),
    ])
}

/// The type of a step's result, for `save`.
fn result_type(step: &Step) -> Type {
    let result = match (step.verb.name, &step.action) {
        ("http", Field::Map(fields)) => {
            let body = schema_of(fields.schema("reply")).map_or(Type::Any, |schema| schema.to_type());
            let headers = Type::Map(TypeFields { known: BTreeMap::new(), open: true });
            closed([("status", Type::Number), ("headers", headers), ("body", body)])
        }
        ("wait", _) => Type::Null,
        _ => Type::Any,
    };
    match step.fields.text("on-error") {
        Some("skip") if result != Type::Any => Type::Union(vec![result, Type::Null]),
        _ => result,
    }
}

/// An expression of a step.
pub(super) enum Use<'a> {
    Condition(&'a Condition, &'static str),
    Value(&'a Written),
}

impl Use<'_> {
    /// The expressions, each with the place of its text and its offset in it.
    pub fn expressions(&self) -> Vec<(&Expression, Place, usize)> {
        match self {
            Use::Condition(condition, _) => vec![(&condition.expression, condition.place, 0)],
            Use::Value(value) => value
                .templates()
                .into_iter()
                .flat_map(|(template, place)| template.expressions().map(move |(e, at)| (e, place, at)))
                .collect(),
        }
    }
}

/// The expressions of a step itself, not those of steps inside it.
pub(super) fn uses(step: &Step) -> Vec<Use<'_>> {
    let mut found = Vec::new();
    for entry in &step.fields.0 {
        collect(&entry.field, entry.key, &mut found);
    }
    collect(&step.action, step.verb.name, &mut found);
    found
}

fn collect<'a>(field: &'a Field, key: &'static str, found: &mut Vec<Use<'a>>) {
    match field {
        Field::Condition(condition) => found.push(Use::Condition(condition, key)),
        Field::Value(value) => found.push(Use::Value(value)),
        Field::Assignments(assignments) => found.extend(assignments.iter().map(|a| Use::Value(&a.value))),
        Field::Map(Fields(entries)) => entries.iter().for_each(|e| collect(&e.field, e.key, found)),
        _ => {}
    }
}

fn check_condition(condition: &Condition, key: &str, names: &Types, complaints: &mut Vec<Diagnostic>) {
    let problems = condition.expression.check_condition(names);
    if problems.is_empty() && condition.expression.is_constant() {
        let message = format!("`{key}` does not depend on anything: it is always the same");
        complaints.push(Diagnostic::warning(Code::ConstantCondition, condition.place.span, message));
    }
    complaints.extend(problems.iter().map(|p| located(p, condition.place)));
}

/// Checks a value field and gives its type.
fn written(value: &Written, names: &Types, complaints: &mut Vec<Diagnostic>) -> Type {
    match &value.kind {
        WrittenKind::Constant(constant) => Type::of(constant),
        WrittenKind::Template(template) => {
            let (ty, problems) = template.check(names);
            complaints.extend(problems.iter().map(|p| located(p, value.place)));
            ty
        }
        WrittenKind::List(items) => {
            let mut types: Vec<Type> = items.iter().map(|item| written(item, names, complaints)).collect();
            types.dedup();
            Type::List(Box::new(if types.len() == 1 { types.pop().unwrap_or(Type::Any) } else { Type::Any }))
        }
        WrittenKind::Map(entries) => {
            let field = |ty| TypeField { ty, required: true };
            let known = entries.iter().map(|(k, _, v)| (k.clone(), field(written(v, names, complaints)))).collect();
            Type::Map(TypeFields { known, open: false })
        }
    }
}
