//! The types of names and expressions, as far as schemas and literals tell. `scopes` walks the levels of names, `results`
//! says what steps give.

mod results;
mod scopes;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::check::{constant_key, schema_of};
use super::uses::{What, uses};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::expression::{Asked, Field as TypeField, Fields as TypeFields, Shared, Type, Types};
use crate::syntax::verbs::{Http, Wait};
use crate::syntax::{Action, Condition, Document, Node, Step, StepId, Written, WrittenKind, located_in, short};
use crate::value::Value;

type Nulls = BTreeMap<StepId, BTreeMap<String, String>>;

/// `nulls`: which names are null on some way to a step, each with the words for where.
pub(super) fn check(document: &Document, nulls: &Nulls, complaints: &mut Vec<Diagnostic>) {
    let header = &document.header;
    let input = input_type(header.input.get());
    let names = Shared::from_iter([("input".to_owned(), input.clone())]);
    let only_input = Types { names, asked: asked(document), ..Types::default() };
    let mut first = only_input.clone();
    first.names.insert_mut("run".to_owned(), run_type(false));
    if let Some((value, stated)) = header.key.read() {
        key(document, (value, stated.span), &only_input, complaints);
    }
    scopes::check(document, &first, nulls, complaints);
    let hint = "first values may read `input` and `run` only: assign it with a `set` step";
    let names = document.walk().into_iter().flat_map(Step::assigns).map(|(name, _)| name.to_owned());
    let vars = header.vars.items().iter().map(|a| a.name.clone());
    first.hints = vars.chain(names).map(|name| (name, hint.to_owned())).collect();
    for assignment in header.vars.items() {
        written(&assignment.value, &first, complaints);
        no_calls(&assignment.value, &["uuid"], "vars", "assign it with a `set` step", complaints);
    }
}

/// What conditions ask for, wherever they stand: that it may be missing is known to the author. Where something could not
/// be read, so may be a condition.
fn asked(document: &Document) -> Option<Arc<Asked>> {
    if !document.lost.is_empty() {
        return None;
    }
    let mut asked = asked_in(&document.walk());
    for check in document.header.updates.items().iter().filter_map(|update| update.keys.check.get()) {
        asked.join(check.expression.asks());
    }
    // Each payload and each error is asked for itself.
    Some(Arc::new(asked.without("payload").without("error")))
}

/// What the conditions of these steps ask for. What is assigned may be a condition's other half.
fn asked_in(steps: &[&Step]) -> Asked {
    let mut asked = Asked::default();
    for step in steps {
        for used in uses(step) {
            match used.what {
                What::Condition(condition) => asked.join(condition.expression.asks()),
                What::Value(value) if matches!(step.action, Action::Set(_)) => {
                    let expressions = value.templates().into_iter().flat_map(|(template, _)| template.expressions());
                    expressions.for_each(|(expression, _)| asked.join(expression.asks().told()));
                }
                What::Value(_) | What::Expression(_) => {}
            }
        }
    }
    asked
}

/// The business key: computed from the input alone, and it must use it.
fn key(document: &Document, (value, span): (&Written, Span), only_input: &Types, complaints: &mut Vec<Diagnostic>) {
    let before = complaints.len();
    let mut scope = only_input.clone();
    let hint = "the key is computed before there is a run: it may read `input` only";
    let steps = document.walk();
    let saved = steps.iter().filter_map(|step| step.common.save.text());
    let vars = document.header.vars.items().iter().map(|a| a.name.as_str());
    scope.hints = ["run"].into_iter().chain(saved).chain(vars).map(|name| (name.to_owned(), hint.to_owned())).collect();
    let ty = written(value, &scope, complaints);
    no_calls(value, &["now", "uuid"], "key", "compute the key from the input alone", complaints);
    let failed = complaints.iter().skip(before).any(Diagnostic::is_error);
    if !failed && constant_key(value) {
        let message = "the key does not depend on the input, so there could be only one run for ever";
        let read = match &value.kind {
            WrittenKind::Constant(Value::Text(text)) => Some(text.as_str()).filter(|text| text.starts_with("input.")),
            _ => None,
        };
        let help = format!("compute it from the input: `key: ${{{}}}`", short(read.unwrap_or("input.userId")));
        complaints.push(Diagnostic::error(Code::ConstantKey, span, message).help(help));
    } else if !failed && !may_be(&ty, &[Type::Text, Type::Number]) {
        let message = format!("the key is {}, and must be text or a whole number", a(&ty));
        let help = "use a field that names the run, or put the values into a text: `key: ${input.a}-${input.b}`";
        complaints.push(Diagnostic::error(Code::TypeMismatch, span, message).help(help));
    }
}

/// Functions that cannot be called in this place.
fn no_calls(value: &Written, functions: &[&str], place_of: &str, help: &str, complaints: &mut Vec<Diagnostic>) {
    for (template, place) in value.templates() {
        for (expression, at) in template.expressions() {
            for function in functions.iter().filter(|function| expression.calls(function)) {
                let range = at..at + expression.source().len();
                let message = format!("`{function}()` cannot be used in `{place_of}`");
                complaints.push(Diagnostic::error(Code::UnknownFunction, place.locate(&range), message).help(help));
            }
        }
    }
}

/// The same for a condition.
fn no_calls_in(
    condition: &Condition,
    functions: &[&str],
    place_of: &str,
    help: &str,
    complaints: &mut Vec<Diagnostic>,
) {
    for function in functions.iter().filter(|function| condition.expression.calls(function)) {
        let range = 0..condition.expression.source().len();
        let message = format!("`{function}()` cannot be used in `{place_of}`");
        complaints.push(Diagnostic::error(Code::UnknownFunction, condition.place.locate(&range), message).help(help));
    }
}

/// The type in a sentence.
fn a(ty: &Type) -> String {
    match ty {
        Type::Number | Type::Time | Type::Duration | Type::List(_) | Type::Map(_) => format!("a {}", ty.describe()),
        Type::Union(members) => members.iter().map(a).collect::<Vec<_>>().join(" or "),
        _ => ty.describe(),
    }
}

/// Whether a value of the type may be of one of these kinds.
fn may_be(ty: &Type, kinds: &[Type]) -> bool {
    match ty {
        Type::Any => true,
        Type::Union(members) => members.iter().any(|member| may_be(member, kinds)),
        other => kinds.iter().any(|kind| kind.is_like(other)),
    }
}

/// Places that take some kinds of value only.
fn takes(step: &Step, names: &Types, complaints: &mut Vec<Diagnostic>) {
    match &step.action {
        Action::Wait(wait) => moment(wait, names, complaints),
        Action::Http(http) => path(http, names, complaints),
        Action::Set(_)
        | Action::Activity(_)
        | Action::If(_)
        | Action::Switch(_)
        | Action::For(_)
        | Action::While(_)
        | Action::Parallel(_)
        | Action::Race(_)
        | Action::Try(_)
        | Action::Do(_)
        | Action::Send(_)
        | Action::Return(_)
        | Action::Fail(_)
        | Action::Break(_)
        | Action::Continue(_)
        | Action::Log(_) => {}
    }
}

fn moment(wait: &Wait, names: &Types, complaints: &mut Vec<Diagnostic>) {
    let Some(moment) = wait.moment() else { return };
    let ty = written(moment, names, &mut Vec::new());
    if !may_be(&ty, &[Type::Duration, Type::Time, Type::Text]) {
        let message = format!("a wait takes a duration or a time, and this is {}", a(&ty));
        let help = match ty {
            Type::Number => "make a duration of it: `days(x)`, `hours(x)`, `minutes(x)`",
            _ => "compute a duration or a time, such as `days(3)` or `now() + hours(2)`",
        };
        complaints.push(Diagnostic::error(Code::TypeMismatch, moment.place.span, message).help(help));
    }
}

fn path(http: &Http, names: &Types, complaints: &mut Vec<Diagnostic>) {
    let Some(path) = http.request.get().and_then(|request| request.path.get()) else { return };
    let WrittenKind::Template(template) = &path.kind else { return };
    for (expression, at) in template.expressions() {
        let (ty, _) = expression.check(names);
        let span = path.place.locate(&(at..at + expression.source().len()));
        let data = [Type::Text, Type::Number, Type::Bool, Type::Null, Type::Time, Type::Duration];
        if template.is_single() && !may_be(&ty, &[Type::Text]) {
            let message = format!("the whole path is {}, and must be text that begins with `/`", a(&ty));
            let help = "write the path around it: `/users/${x}`";
            complaints.push(Diagnostic::error(Code::TypeMismatch, span, message).help(help));
        } else if !may_be(&ty, &data) {
            let message = format!("a part of a path cannot be {}", a(&ty));
            let help = "use one of its fields or items";
            complaints.push(Diagnostic::error(Code::TypeMismatch, span, message).help(help));
        }
    }
}

fn result(value: &Written, wanted: &Type, what: &str, names: &Types, complaints: &mut Vec<Diagnostic>) {
    match (&value.kind, wanted) {
        (WrittenKind::Map(entries), Type::Map(fields)) => {
            for (name, _, part) in entries {
                if let Some(field) = fields.known.get(name) {
                    result(part, &field.ty, &format!("`{name}`"), names, complaints);
                }
            }
        }
        (WrittenKind::Template(_), _) => {
            // Times and durations leave a run as text.
            let ty = match written(value, names, &mut Vec::new()) {
                Type::Union(members) => Type::union(members.into_iter().map(as_left)),
                one => as_left(one),
            };
            let members = match &ty {
                Type::Union(members) => members.clone(),
                other => vec![other.clone()],
            };
            if !members.iter().any(|member| may_be(wanted, std::slice::from_ref(member)) || *member == Type::Any) {
                let message = format!("{what} does not fit `returns`: it is {}, not {}", a(&ty), a(wanted));
                let help = "correct the value or the schema: `text(x)` and `number(x)` make one of the other";
                complaints.push(Diagnostic::error(Code::ReturnsMismatch, value.place.span, message).help(help));
            }
        }
        _ => {}
    }
}

/// What a value is to who gets it.
fn as_left(ty: Type) -> Type {
    match ty {
        Type::Time | Type::Duration => Type::Text,
        other => other,
    }
}

fn closed(fields: impl IntoIterator<Item = (&'static str, Type)>) -> Type {
    let known = fields.into_iter().map(|(name, ty)| (name.to_owned(), TypeField { ty, required: true })).collect();
    Type::Map(TypeFields { known, open: false })
}

/// Where a run stands is known beside it only: in queries.
fn run_type(position: bool) -> Type {
    let position = position.then(|| ("position", Type::List(Box::new(Type::Text))));
    closed(
        [
            ("id", Type::Text),
            ("key", Type::Text),
            ("process", Type::Text),
            ("version", Type::Number),
            ("started", Type::Time),
        ]
        .into_iter()
        .chain(position),
    )
}

/// The type of the input, with its defaults.
fn input_type(schema: Option<&Node>) -> Type {
    schema_of(schema).map_or(Type::Any, |schema| schema.to_type())
}

/// `endless`: that it is always true is what the author means.
fn check_condition(condition: &Condition, key: &str, endless: bool, names: &Types, complaints: &mut Vec<Diagnostic>) {
    let problems = condition.expression.check_condition(names);
    if problems.is_empty() && condition.expression.is_constant() && !endless {
        let message = format!("`{key}` does not depend on anything: it is always the same");
        let help = "remove it, or compare what was meant";
        complaints.push(Diagnostic::warning(Code::ConstantCondition, condition.place.span, message).help(help));
    }
    complaints.extend(problems.iter().map(|p| located_in(p, condition.place, condition.expression.source())));
}

/// Checks a value field and gives its type.
fn written(value: &Written, names: &Types, complaints: &mut Vec<Diagnostic>) -> Type {
    match &value.kind {
        WrittenKind::Constant(constant) => Type::of(constant),
        WrittenKind::Template(template) => {
            let (ty, problems) = template.check(names);
            complaints.extend(problems.iter().map(|p| located_in(p, value.place, template.source())));
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
