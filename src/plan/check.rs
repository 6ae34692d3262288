//! What an author should hear about a definition that reads well: names, types, flow, and keys that mean nothing where
//! they stand. Never needed to run one.

mod activity;
mod blocks;
mod http;
mod meaningless;
mod messages;
mod moment;
mod patterns;
mod place;
mod plain;
mod schemas;

pub(super) use messages::to_itself;

use std::collections::{BTreeMap, BTreeSet};

use super::schema::Schema;
use super::uses::{What, uses};
use super::{Home, flow, types};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::expression::{Expression, similar};
use crate::syntax::verbs::{Fail, Retry};
use crate::syntax::{Action, Document, Nature, Node, Part, Parts, Role, Step, Written, WrittenKind};
use crate::value::{Duration, Value};

/// Names that are always there, so that none can be taken.
pub(super) const RESERVED: [&str; 5] = ["input", "run", "error", "payload", "by"];

pub(super) fn check(document: &Document, home: &Home) -> Vec<Diagnostic> {
    let mut complaints = Vec::new();
    header(document, home, &mut complaints);
    let all = document.walk();
    ids(&all, &mut complaints);
    let refused = place::check(document, &mut complaints);
    messages::check(document, &mut complaints);
    patterns::check(document, &mut complaints);
    let known = known(document);
    let mut meant = BTreeSet::new();
    http::defaults(document, &mut complaints);
    for step in all {
        meaningless::step(step, &mut complaints);
        blocks::step(step, &mut complaints);
        meaningless::empty(step, &mut complaints);
        action(document, step, &known, &mut complaints);
        taken_names(step, &mut complaints);
        if step.nature() != Nature::Wait {
            for used in uses(step) {
                if let What::Value(value) = used.what {
                    plain::text(value, &known, &mut meant, &mut complaints);
                }
            }
        }
    }
    for assignment in document.header.vars.items() {
        taken(&assignment.name, assignment.span, &mut complaints);
        plain::text(&assignment.value, &BTreeSet::from(["input", "run"]), &mut meant, &mut complaints);
    }
    schemas::check(document, &mut complaints);
    let mut flowing = Vec::new();
    let reach = flow::check(document, meant, refused, &mut flowing);
    types::check(document, &reach.nulls, &mut complaints);
    // A condition that is wrong need not be called one that never changes.
    let wrong: Vec<Span> = complaints.iter().filter(|c| c.is_error()).map(|c| c.span).collect();
    let inside = |whole: Span| wrong.iter().any(|part| whole.start <= part.start && part.end <= whole.end);
    flowing.retain(|c| c.code != Code::ConstantCondition || !inside(c.span));
    complaints.append(&mut flowing);
    // A name that is lost with its handler need not be called unused.
    let lost: Vec<Span> = complaints.iter().filter(|c| c.code == Code::LostWrite).map(|c| c.span).collect();
    complaints.retain(|c| c.code != Code::UnusedName || !lost.contains(&c.span));
    complaints
}

/// What one verb alone is asked.
fn action(document: &Document, step: &Step, known: &BTreeSet<&str>, complaints: &mut Vec<Diagnostic>) {
    match &step.action {
        Action::Http(call) => {
            http::step(call, complaints);
            retry_misfit(&call.retry, complaints);
        }
        Action::Activity(call) => {
            activity::step(document, step, call, complaints);
            retry_misfit(&call.retry, complaints);
        }
        Action::Wait(wait) => moment::wait(document, step, wait, known, complaints),
        Action::Fail(fail) => own_types(fail, complaints),
        Action::Set(_)
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
        | Action::Break(_)
        | Action::Continue(_)
        | Action::Log(_) => {}
    }
}

/// The names that an expression of a step could read.
fn known(document: &Document) -> BTreeSet<&str> {
    let assigned = document.walk().into_iter().flat_map(Step::assigns).map(|(name, _)| name);
    let vars = document.header.vars.items().iter().map(|a| a.name.as_str());
    ["input", "run"].into_iter().chain(vars).chain(assigned).collect()
}

fn header(document: &Document, home: &Home, complaints: &mut Vec<Diagnostic>) {
    let header = &document.header;
    if let (Some(folder), Some((name, stated))) = (&home.process, header.process.read())
        && name != folder
    {
        let message = format!("the process is named `{name}`, its folder `{folder}`");
        complaints.push(Diagnostic::error(Code::WrongPlace, stated.span, message).help("give both the same name"));
    }
    if let Some((_, stated)) = header.process.read().filter(|(name, _)| name.contains('.')) {
        let help = "the id of a run is `Process.key`: write the name without dots";
        let message = "the name of a process holds no dot";
        complaints.push(Diagnostic::error(Code::BadName, stated.span, message).help(help));
    }
    if let (Some(number), Some((version, stated))) = (home.version, header.version.read())
        && *version != number
    {
        let message = format!("the file is v{number}.yaml, the version in it {version}");
        complaints.push(Diagnostic::error(Code::WrongPlace, stated.span, message).help("give both the same number"));
    }
    if let Some((_, stated)) = header.steps.read().filter(|(steps, _)| steps.is_empty()) {
        complaints.push(
            Diagnostic::warning(Code::Unreachable, stated.key, "the process has no steps")
                .help("add one: `- log: it works`"),
        );
    }
}

/// Whether the key is the same for every run.
pub(super) fn constant_key(key: &Written) -> bool {
    let reads_input = key.templates().iter().any(|(t, _)| t.expressions().any(|(e, _)| reads(e, "input")));
    // A key that could not be read was complained about already.
    !reads_input && !matches!(key.kind, WrittenKind::Constant(Value::Null))
}

fn reads(expression: &Expression, name: &str) -> bool {
    expression.names().iter().any(|(read, _)| read == name)
}

fn ids(steps: &[&Step], complaints: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    // The first is the first in the text, where handlers stand before the steps.
    let mut stated: Vec<_> = steps.iter().filter_map(|step| step.common.id.read()).collect();
    stated.sort_by_key(|(_, stated)| stated.span.start);
    for (id, stated) in stated {
        if let Some(first) = seen.insert(id, stated.span) {
            complaints.push(
                Diagnostic::error(Code::DuplicateId, stated.span, format!("the id `{id}` stands twice"))
                    .related(first, "first here")
                    .help("an id names one step of the process"),
            );
            seen.insert(id, first);
        }
        if id.bytes().all(|b| b.is_ascii_digit()) {
            complaints.push(
                Diagnostic::error(Code::BadName, stated.span, format!("the id `{id}` is only a number"))
                    .help("numbers in a path are those of items and rounds: add a word"),
            );
        }
        if id.contains('.') || id.contains('~') {
            complaints.push(
                Diagnostic::error(Code::BadName, stated.span, format!("the id `{id}` holds a dot"))
                    .help("dots separate the parts of a path: use `-`"),
            );
        }
    }
    // The paths below a branch begin with its name, those of the steps after a timeout with their own (R37).
    for step in steps {
        let after = step.common.on_timeout.items().iter().filter_map(|inside| inside.common.id.read());
        for (id, stated) in after {
            let branch = step.children().into_iter().find(|child| child.role == Role::Branch(id));
            if let Some(branch) = branch {
                let message = format!("`{id}` is a branch of this step too: the paths of both would be the same");
                complaints.push(
                    Diagnostic::error(Code::DuplicateId, stated.span, message)
                        .related(branch.key, "the branch")
                        .help("give one of the two another name"),
                );
            }
        }
    }
}

fn retry_misfit(retry: &Part<Retry>, complaints: &mut Vec<Diagnostic>) {
    let Some(retry) = retry.get() else { return };
    if let (Some(_), Some(key)) = (retry.attempts.get(), retry.total.key_span()) {
        let message = "`for` does not count where `attempts` is given";
        complaints.push(Diagnostic::warning(Code::RetryMisfit, key, message).help("keep one of the two"));
    }
    let first = retry.first.value();
    if let (Some(first), Some((longest, stated))) = (first, retry.longest.read())
        && first > *longest
    {
        let message = format!("the longest pause {longest} is shorter than the first {first}");
        complaints
            .push(Diagnostic::error(Code::RetryMisfit, stated.span, message).help("make `longest` the longer one"));
    }
    if retry.attempts.value() == Some(1) {
        retry.parts(&mut |seen| {
            if !["attempts", "for"].contains(&seen.key) {
                let message = format!("`{}` does not count: there is no second attempt", seen.key);
                let help = "remove it, or allow more `attempts`";
                complaints.push(Diagnostic::warning(Code::RetryMisfit, seen.key_span, message).help(help));
            }
        });
    }
    if let Some((total, stated)) = retry.total.read()
        && *total < first.unwrap_or(Duration::from_secs(1))
    {
        let message = format!("{total} ends before the second attempt could begin");
        let help = "make `for` longer, or write `attempts: 1`";
        complaints.push(Diagnostic::warning(Code::RetryMisfit, stated.span, message).help(help));
    }
}

/// Error types of an author that the interpreter makes itself.
fn own_types(fail: &Fail, complaints: &mut Vec<Diagnostic>) {
    let Some((kind, stated)) = fail.failure.get().and_then(|failure| failure.error.read()) else { return };
    if kind.starts_with("limit.") {
        let message = "errors of type `limit.…` are the interpreter's own";
        complaints.push(Diagnostic::error(Code::ReservedName, stated.span, message).help("choose another type"));
        return;
    }
    let family = ["http.", "activity.", "child.", "send."].iter().find(|family| kind.starts_with(**family));
    let own = ["timeout", "expression", "returns-invalid", "no-branch"].contains(&kind.as_str());
    if own || family.is_some() {
        let message = format!("errors of type `{kind}` are made by the interpreter: nobody could tell yours from them");
        complaints.push(
            Diagnostic::warning(Code::ReservedName, stated.span, message)
                .help("choose a type that says what happened, such as `order-refused`"),
        );
    }
}

fn taken_names(step: &Step, complaints: &mut Vec<Diagnostic>) {
    for (name, span) in step.assigns() {
        taken(name, span, complaints);
    }
    if let Action::For(each) = &step.action
        && let Some((name, stated)) = each.index.read()
    {
        taken(&name.0, stated.span, complaints);
    }
}

fn taken(name: &str, span: Span, complaints: &mut Vec<Diagnostic>) {
    if !usable(name) {
        let message = format!("the name `{name}` is taken");
        let help = match similar(name, ["result", "status", "reply", "value"].into_iter()) {
            Some(word) => format!("choose another name, such as `{word}`"),
            None => "choose another name".to_owned(),
        };
        complaints.push(Diagnostic::error(Code::ReservedName, span, message).help(help));
    }
}

/// Whether the name can be taken, and read by an expression.
pub(super) fn usable(name: &str) -> bool {
    let readable = || Expression::parse(name).is_ok_and(|e| e.names().iter().any(|(read, _)| read == name));
    !RESERVED.contains(&name) && readable()
}

/// The schema of a node where it compiles; what does not was complained about by lowering.
pub(super) fn schema_of(node: Option<&Node>) -> Option<Schema> {
    node.and_then(|node| Schema::compile(&node.to_value()).ok())
}
