//! What an author should hear about a definition that reads well: names, types, flow, and keys that mean nothing where
//! they stand. Never needed to run one.

mod activity;
mod blocks;
mod http;
mod messages;
mod moment;
mod patterns;
mod place;
mod plain;
mod schemas;

use std::collections::{BTreeMap, BTreeSet};

use super::schema::Schema;
use super::uses::{What, uses};
use super::{Home, flow, types};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::expression::{Expression, similar};
use crate::syntax::verbs::{Fail, Retry};
use crate::syntax::{Action, Document, Nature, Node, Outcome, Part, Parts, Role, Step, Written, WrittenKind};
use crate::value::{Duration, Value};

/// Names that are always there, so that none can be taken.
pub(super) const RESERVED: [&str; 5] = ["input", "run", "error", "payload", "by"];

pub(super) fn check(document: &Document, home: &Home) -> Vec<Diagnostic> {
    let mut complaints = Vec::new();
    header(document, home, &mut complaints);
    let all = document.walk();
    ids(&all, &mut complaints);
    place::check(document, &mut complaints);
    messages::check(document, &mut complaints);
    patterns::check(document, &mut complaints);
    let known = known(document);
    let mut meant = BTreeSet::new();
    http::defaults(document, &mut complaints);
    for step in all {
        meaningless(step, &mut complaints);
        blocks::step(step, &mut complaints);
        empty(step, &mut complaints);
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
    let reach = flow::check(document, meant, &mut flowing);
    types::check(document, &reach.nulls, &mut complaints);
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

/// Keys that stand where they mean nothing (R33).
fn meaningless(step: &Step, complaints: &mut Vec<Diagnostic>) {
    let verb = step.verb().name;
    let nature = step.nature();
    let common = &step.common;
    let mut complain = |key: Option<Span>, message: String, help: &str| {
        if let Some(span) = key {
            complaints.push(Diagnostic::error(Code::Meaningless, span, message).help(help));
        }
    };
    if nature.is_instant() {
        let message = format!("`{verb}` takes no time, so it cannot time out");
        complain(common.timeout.key_span(), message, "remove the `timeout`");
        complain(common.save.key_span(), format!("`{verb}` has no result to save"), "remove the `save`");
    }
    if nature == Nature::Call {
        let help = "use `on-error`, or put the step into a group (`do`) with a `timeout` of its own";
        let a = crate::syntax::a(verb);
        let message = format!("the `timeout` of {a} step is of one attempt and gives the error `{verb}.timeout`");
        complain(common.on_timeout.key_span(), message, help);
    } else if !common.timeout.is_there() {
        let message = "there is no `timeout` that could strike".into();
        complain(common.on_timeout.key_span(), message, "add `timeout: 3d`");
    }
    if let (false, false, false, Some(key)) =
        (step.verb().needs_id, nature.is_instant(), common.id.is_there(), common.timeout.key_span())
    {
        let message = "a step with a `timeout` wants an `id`";
        let help = "it is what history, diffs and tests point at: `- id: some-name`";
        complaints.push(Diagnostic::error(Code::MissingId, key, message).help(help));
    }
    if let (true, Some(key)) = (always_null(step), common.save.key_span()) {
        let message = format!("the result of a `{verb}` is always null");
        complaints.push(Diagnostic::warning(Code::Meaningless, key, message).help("remove the `save`"));
    }
    if !nature.is_instant() {
        strikes_at_once(&common.timeout, complaints);
    }
}

/// Whether the step has a result, and that is null.
fn always_null(step: &Step) -> bool {
    match step.action.outcome() {
        Outcome::Null => true,
        Outcome::Nothing
        | Outcome::Reply(_)
        | Outcome::Answer(_)
        | Outcome::Message(_)
        | Outcome::Items
        | Outcome::Branches(_)
        | Outcome::Winner(_)
        | Outcome::Last => false,
    }
}

fn strikes_at_once(timeout: &Part<Duration>, complaints: &mut Vec<Diagnostic>) {
    if let Some((&Duration::ZERO, stated)) = timeout.read() {
        complaints.push(
            Diagnostic::error(Code::Meaningless, stated.span, "a timeout of no length strikes at once")
                .help("write how long the step may take, such as `30s`"),
        );
    }
}

/// Lists and mappings that are there, and hold nothing.
fn empty(step: &Step, complaints: &mut Vec<Diagnostic>) {
    let mut warn = |span: Span, message: String, help: &str| {
        complaints.push(Diagnostic::warning(Code::Meaningless, span, message).help(help));
    };
    for child in step.children().into_iter().filter(|child| child.steps.is_empty()) {
        let help = match child.role {
            Role::Then => "write what is to be done, or turn the condition round with `!( … )`",
            Role::Else if matches!(step.action, Action::If(_)) => "remove it",
            Role::Do | Role::Try => "write what is to be done, or remove the step",
            Role::Finally => "remove it",
            Role::OnTimeout => "the timeout is passed over in silence: say so with a `log` step",
            Role::Branch(name) if matches!(step.action, Action::Race(_)) => {
                let message = format!("the branch `{name}` has no steps, so it wins at once");
                warn(child.key, message, "write what it waits for, or remove it");
                continue;
            }
            // Beside others that do something it says that here nothing is to be done.
            Role::Else | Role::Way(_) | Role::Catch(_) | Role::Branch(_) => continue,
        };
        warn(child.key, format!("`{}` has no steps", child.role), help);
    }
    let mut beside = step.children().into_iter().filter(|child| match child.role {
        Role::Way(_) | Role::Branch(_) => true,
        Role::Else => matches!(step.action, Action::Switch(_)),
        Role::Then | Role::Do | Role::Try | Role::Catch(_) | Role::Finally | Role::OnTimeout => false,
    });
    if !matches!(step.action, Action::Race(_))
        && beside.next().is_some_and(|first| first.steps.is_empty())
        && beside.all(|child| child.steps.is_empty())
    {
        warn(step.verb_span, format!("this `{}` has no steps at all", step.verb().name), "write what is to be done");
    }
    if let Action::Set(set) = &step.action
        && set.assignments.get().is_some_and(Vec::is_empty)
    {
        warn(step.verb_span, "`set` assigns nothing".to_owned(), "write a name and its value: `set: { count: 0 }`");
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
