//! What an author should hear about a definition that reads well: names, types, flow, and keys that mean nothing where
//! they stand. Never needed to run one.

use std::collections::BTreeMap;

use super::schema::Schema;
use super::{Home, flow, types};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::expression::{Expression, similar};
use crate::syntax::{Document, Field, Fields, Kind, Node, Step, Written, WrittenKind};
use crate::value::{Duration, Time, Value};

/// Names that are always there, so that none can be taken.
pub(super) const RESERVED: [&str; 5] = ["input", "run", "error", "payload", "by"];

pub(super) fn check(document: &Document, home: &Home) -> Vec<Diagnostic> {
    let mut complaints = Vec::new();
    header(document, home, &mut complaints);
    let steps = document.header.steps("steps").unwrap_or(&[]);
    ids(steps, &mut BTreeMap::new(), &mut complaints);
    for step in all_steps(steps) {
        meaningless(step, &mut complaints);
        constants(step, &mut complaints);
        taken_names(step, &mut complaints);
    }
    for assignment in document.header.assignments("vars") {
        taken(&assignment.name, assignment.span, &mut complaints);
    }
    types::check(document, &mut complaints);
    flow::check(document, &mut complaints);
    complaints
}

/// Every step, those inside others included, in document order.
pub(super) fn all_steps(steps: &[Step]) -> Vec<&Step> {
    let mut all = Vec::new();
    for step in steps {
        all.push(step);
        for entry in &step.fields.0 {
            if let Field::Steps(inner) = &entry.field {
                all.extend(all_steps(inner));
            }
        }
    }
    all
}

fn header(document: &Document, home: &Home, complaints: &mut Vec<Diagnostic>) {
    let header = &document.header;
    if let (Some(folder), Some(entry)) = (&home.process, header.entry("process"))
        && header.text("process").is_some_and(|name| name != folder)
    {
        let message = format!("the process is named `{}`, its folder `{folder}`", document.process());
        complaints.push(Diagnostic::error(Code::WrongPlace, entry.span, message).help("give both the same name"));
    }
    if let (true, Some(entry)) = (document.process().contains('.'), header.entry("process")) {
        let help = "the id of a run is `Process.key`: write the name without dots";
        let message = "the name of a process holds no dot";
        complaints.push(Diagnostic::error(Code::BadName, entry.span, message).help(help));
    }
    if let (Some(number), Some(entry)) = (home.version, header.entry("version"))
        && header.integer("version").is_some_and(|version| version != number)
    {
        let message = format!("the file is v{number}.yaml, the version in it {}", document.version());
        complaints.push(Diagnostic::error(Code::WrongPlace, entry.span, message).help("give both the same number"));
    }
    if let (Some(key), Some(entry)) = (header.value("key"), header.entry("key")) {
        for (template, place) in key.templates() {
            for (expression, at) in template.expressions() {
                for function in ["now", "uuid"].into_iter().filter(|f| expression.calls(f)) {
                    let span = place.locate(&(at..at + expression.source().len()));
                    let message =
                        format!("`{function}()` cannot be used in `key`: a second start would be another run");
                    let help = "compute it from the input alone";
                    complaints.push(Diagnostic::error(Code::UnknownFunction, span, message).help(help));
                }
            }
        }
        let reads_input = key.templates().iter().any(|(t, _)| t.expressions().any(|(e, _)| reads(e, "input")));
        if !reads_input && entry_is_whole(key) {
            let message = "every run would have the same business key, so there could be only one run";
            let help = "compute it from the input: `key: ${input.userId}`";
            complaints.push(Diagnostic::error(Code::ConstantKey, entry.span, message).help(help));
        }
    }
    // Steps that were complained about are not steps that are missing.
    let written = document.tree.get("steps").map(|node| matches!(&node.kind, Kind::List(items) if items.is_empty()));
    if let (Some(true), Some(entry)) = (written, header.entry("steps")) {
        complaints.push(Diagnostic::warning(Code::Unreachable, entry.key_span, "the process has no steps"));
    }
}

/// A key that could not be read was complained about already.
fn entry_is_whole(key: &Written) -> bool {
    !matches!(key.kind, WrittenKind::Constant(Value::Null))
}

fn reads(expression: &Expression, name: &str) -> bool {
    expression.names().iter().any(|(read, _)| read == name)
}

fn ids<'a>(steps: &'a [Step], seen: &mut BTreeMap<&'a str, Span>, complaints: &mut Vec<Diagnostic>) {
    for step in all_steps(steps) {
        let Some(entry) = step.fields.entry("id") else { continue };
        let Field::Text(id) = &entry.field else { continue };
        if let Some(first) = seen.insert(id, entry.span) {
            complaints.push(
                Diagnostic::error(Code::DuplicateId, entry.span, format!("the id `{id}` stands twice"))
                    .related(first, "first here")
                    .help("an id names one step of the process"),
            );
            seen.insert(id, first);
        }
        if id.contains('.') || id.contains('~') {
            complaints.push(
                Diagnostic::error(Code::BadName, entry.span, format!("the id `{id}` holds a dot"))
                    .help("dots separate the parts of a path: use `-`"),
            );
        }
    }
}

/// Keys that stand where they mean nothing (R33).
fn meaningless(step: &Step, complaints: &mut Vec<Diagnostic>) {
    let verb = step.verb.name;
    let mut complain = |key: &str, message: String, help: &str| {
        if let Some(entry) = step.fields.entry(key) {
            complaints.push(Diagnostic::error(Code::Meaningless, entry.key_span, message).help(help));
        }
    };
    let instant = matches!(verb, "set" | "log" | "return" | "fail");
    if instant {
        complain("timeout", format!("`{verb}` takes no time, so it cannot time out"), "remove the `timeout`");
        complain("save", format!("`{verb}` has no result to save"), "remove the `save`");
    }
    if verb == "http" {
        let help = "use `on-error`, or put the step into a group with a `timeout` of its own";
        complain(
            "on-timeout",
            "the `timeout` of an `http` step is of one attempt and gives the error `http.timeout`".into(),
            help,
        );
    } else if step.fields.entry("timeout").is_none() {
        complain("on-timeout", "there is no `timeout` that could strike".into(), "add `timeout: 3d`");
    }
    if !step.verb.needs_id
        && !instant
        && step.fields.entry("id").is_none()
        && let Some(entry) = step.fields.entry("timeout")
    {
        let message = "a step with a `timeout` wants an `id`";
        let help = "it is what history, diffs and tests point at: `- id: some-name`";
        complaints.push(Diagnostic::error(Code::MissingId, entry.key_span, message).help(help));
    }
    if let Some(retry) = step.fields.map("retry") {
        retry_misfit(retry, complaints);
    }
}

fn retry_misfit(retry: &Fields, complaints: &mut Vec<Diagnostic>) {
    if let (Some(_), Some(entry)) = (retry.integer("attempts"), retry.entry("for")) {
        let message = "`for` does not count where `attempts` is given";
        complaints.push(Diagnostic::warning(Code::RetryMisfit, entry.key_span, message).help("keep one of the two"));
    }
    let (first, longest) = (retry.duration("first"), retry.duration("longest"));
    if let (Some(first), Some(longest), Some(entry)) = (first, longest, retry.entry("longest"))
        && first > longest
    {
        let message = format!("the longest pause {longest} is shorter than the first {first}");
        complaints.push(Diagnostic::error(Code::RetryMisfit, entry.span, message));
    }
    if let (Some(total), Some(entry)) = (retry.duration("for"), retry.entry("for"))
        && total < first.unwrap_or(Duration::from_secs(1))
    {
        let message = format!("{total} ends before the second attempt could begin");
        complaints.push(Diagnostic::warning(Code::RetryMisfit, entry.span, message));
    }
}

/// Constant moments and statuses that cannot be meant.
fn constants(step: &Step, complaints: &mut Vec<Diagnostic>) {
    if let ("wait", Field::Value(moment)) = (step.verb.name, &step.action)
        && let WrittenKind::Constant(Value::Text(text)) = &moment.kind
    {
        let digits = text.starts_with(|c: char| c.is_ascii_digit());
        let error = match (Duration::parse(text), Time::parse(text)) {
            (Ok(_), _) | (_, Ok(_)) => return,
            (_, Err(time)) if digits && text.contains('-') => (Code::Time, time.to_string()),
            (Err(duration), _) => (Code::Duration, duration.to_string()),
        };
        let help = if !digits && Expression::parse(text).is_ok_and(|e| !e.names().is_empty()) {
            format!("a computed moment stands in `${{…}}`: \"${{{text}}}\"")
        } else {
            "write a length such as `45s`, `2h`, `3d`, or a time such as `2026-03-29T09:00[Europe/Berlin]`".to_owned()
        };
        complaints.push(Diagnostic::error(error.0, moment.place.span, error.1).help(help));
    }
    if let ("fail", Field::Map(fields)) = (step.verb.name, &step.action)
        && let (Some(kind), Some(entry)) = (fields.text("error"), fields.entry("error"))
        && kind.starts_with("limit.")
    {
        let message = "errors of type `limit.…` are the interpreter's own";
        complaints.push(Diagnostic::error(Code::ReservedName, entry.span, message).help("choose another type"));
    }
}

fn taken_names(step: &Step, complaints: &mut Vec<Diagnostic>) {
    if let (Some(name), Some(entry)) = (step.fields.text("save"), step.fields.entry("save")) {
        taken(name, entry.span, complaints);
    }
    if let ("set", Field::Assignments(assignments)) = (step.verb.name, &step.action) {
        for assignment in assignments {
            taken(&assignment.name, assignment.span, complaints);
        }
    }
}

fn taken(name: &str, span: Span, complaints: &mut Vec<Diagnostic>) {
    let usable = Expression::parse(name).is_ok_and(|e| e.names().iter().any(|(read, _)| read == name));
    if RESERVED.contains(&name) || !usable {
        let message = format!("the name `{name}` is taken");
        let help = match similar(name, ["result", "status", "reply", "value"].into_iter()) {
            Some(word) => format!("choose another name, such as `{word}`"),
            None => "choose another name".to_owned(),
        };
        complaints.push(Diagnostic::error(Code::ReservedName, span, message).help(help));
    }
}

/// The schema of a node where it compiles; what does not was complained about by lowering.
pub(super) fn schema_of(node: Option<&Node>) -> Option<Schema> {
    node.and_then(|node| Schema::compile(&node.to_value()).ok())
}
