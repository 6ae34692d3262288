//! What an author should hear about a definition that reads well: names, types, flow, and keys that mean nothing where
//! they stand. Never needed to run one.

mod blocks;
mod http;
mod messages;
mod moment;
mod place;
mod plain;

use std::collections::{BTreeMap, BTreeSet};

use super::schema::Schema;
use super::{Home, flow, types};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::expression::{Expression, similar};
use crate::syntax::{Document, Field, Fields, Kind, Node, Step, Written, WrittenKind};
use crate::value::{Duration, Value};

/// Names that are always there, so that none can be taken.
pub(super) const RESERVED: [&str; 5] = ["input", "run", "error", "payload", "by"];

pub(super) fn check(document: &Document, home: &Home) -> Vec<Diagnostic> {
    let mut complaints = Vec::new();
    header(document, home, &mut complaints);
    let all = every_step(document);
    ids(&all, &mut complaints);
    place::check(document, &mut complaints);
    messages::check(document, &mut complaints);
    let known = known(document);
    let mut meant = BTreeSet::new();
    http::defaults(document, &mut complaints);
    for step in all {
        meaningless(step, &mut complaints);
        blocks::step(step, &mut complaints);
        activity(document, step, &mut complaints);
        empty(step, &mut complaints);
        moment::wait(step, &known, &mut complaints);
        http::step(step, &mut complaints);
        own_types(step, &mut complaints);
        taken_names(step, &mut complaints);
        if step.verb.name != "wait" {
            for used in types::uses(step) {
                if let types::Use::Value(value) = used {
                    plain::text(value, &known, &mut meant, &mut complaints);
                }
            }
        }
    }
    for assignment in document.header.assignments("vars") {
        taken(&assignment.name, assignment.span, &mut complaints);
        plain::text(&assignment.value, &BTreeSet::from(["input", "run"]), &mut meant, &mut complaints);
    }
    schemas(document, &mut complaints);
    types::check(document, &mut complaints);
    flow::check(document, meant, &mut complaints);
    // A name that is lost with its handler need not be called unused.
    let lost: Vec<Span> = complaints.iter().filter(|c| c.code == Code::LostWrite).map(|c| c.span).collect();
    complaints.retain(|c| c.code != Code::UnusedName || !lost.contains(&c.span));
    complaints
}

/// The names that an expression of a step could read.
fn known(document: &Document) -> BTreeSet<&str> {
    let steps = every_step(document);
    let assigned = steps.iter().filter_map(|step| match (step.verb.name, &step.action) {
        ("set", Field::Assignments(assignments)) => Some(assignments.iter().map(|a| a.name.as_str())),
        _ => None,
    });
    let saved = steps.iter().filter_map(|step| step.fields.text("save"));
    let vars = document.header.assignments("vars").iter().map(|a| a.name.as_str());
    ["input", "run"].into_iter().chain(vars).chain(saved).chain(assigned.flatten()).collect()
}

/// Every step, those inside others included, in document order.
pub(super) fn all_steps(steps: &[Step]) -> Vec<&Step> {
    let mut all = Vec::new();
    for step in steps {
        all.push(step);
        all.extend(step.lists().into_iter().flat_map(all_steps));
    }
    all
}

/// Every step of a document: of the main line, then of the handlers.
pub(super) fn every_step(document: &Document) -> Vec<&Step> {
    let header = &document.header;
    let handlers = header.named("signals").iter().chain(header.named("updates")).filter_map(|m| m.fields.steps("do"));
    header.steps("steps").into_iter().chain(handlers).flat_map(all_steps).collect()
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
    if header.steps("steps").is_some_and(<[Step]>::is_empty)
        && let Some(entry) = header.entry("steps")
    {
        complaints.push(
            Diagnostic::warning(Code::Unreachable, entry.key_span, "the process has no steps")
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
    for step in steps {
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
        if id.bytes().all(|b| b.is_ascii_digit()) {
            complaints.push(
                Diagnostic::error(Code::BadName, entry.span, format!("the id `{id}` is only a number"))
                    .help("numbers in a path are those of items and rounds: add a word"),
            );
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
    let instant = matches!(verb, "set" | "log" | "return" | "fail" | "break" | "continue");
    if instant {
        complain("timeout", format!("`{verb}` takes no time, so it cannot time out"), "remove the `timeout`");
        complain("save", format!("`{verb}` has no result to save"), "remove the `save`");
    }
    if matches!(verb, "http" | "activity") {
        let help = "use `on-error`, or put the step into a group (`do`) with a `timeout` of its own";
        let a = if verb == "http" { "an `http`" } else { "an `activity`" };
        let message = format!("the `timeout` of {a} step is of one attempt and gives the error `{verb}.timeout`");
        complain("on-timeout", message, help);
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
    let message = matches!(&step.action, Field::Map(fields) if fields.entry("signal").is_some());
    let nothing = (verb == "wait" && !message) || matches!(verb, "while" | "send");
    if let (true, Some(entry)) = (nothing, step.fields.entry("save")) {
        let message = format!("the result of a `{verb}` is always null");
        complaints.push(Diagnostic::warning(Code::Meaningless, entry.key_span, message).help("remove the `save`"));
    }
    if let Some(retry) = step.fields.map("retry") {
        retry_misfit(retry, complaints);
    }
    if !instant {
        strikes_at_once(&step.fields, complaints);
    }
}

fn strikes_at_once(fields: &Fields, complaints: &mut Vec<Diagnostic>) {
    if let (Some(Duration::ZERO), Some(entry)) = (fields.duration("timeout"), fields.entry("timeout")) {
        complaints.push(
            Diagnostic::error(Code::Meaningless, entry.span, "a timeout of no length strikes at once")
                .help("write how long the step may take, such as `30s`"),
        );
    }
}

/// Lists and mappings that are there, and hold nothing.
fn empty(step: &Step, complaints: &mut Vec<Diagnostic>) {
    let mut warn = |span: Span, message: String, help: &str| {
        complaints.push(Diagnostic::warning(Code::Meaningless, span, message).help(help));
    };
    for (key, help) in [
        ("then", "write what is to be done, or turn the condition round with `!( … )`"),
        ("else", "remove it"),
        ("do", "write what is to be done"),
        ("finally", "remove it"),
        ("on-timeout", "the timeout is passed over in silence: say so with a `log` step"),
    ] {
        if let Some(entry) = step.fields.entry(key)
            && let Field::Steps(steps) = &entry.field
            && steps.is_empty()
        {
            warn(entry.key_span, format!("`{key}` has no steps"), help);
        }
    }
    if let ("set", Field::Assignments(assignments)) = (step.verb.name, &step.action)
        && assignments.is_empty()
    {
        warn(step.verb_span, "`set` assigns nothing".to_owned(), "write a name and its value: `set: { count: 0 }`");
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
        complaints
            .push(Diagnostic::error(Code::RetryMisfit, entry.span, message).help("make `longest` the longer one"));
    }
    if retry.integer("attempts") == Some(1) {
        for key in ["first", "factor", "longest", "on", "unless"] {
            if let Some(entry) = retry.entry(key) {
                let message = format!("`{key}` does not count: there is no second attempt");
                let help = "remove it, or allow more `attempts`";
                complaints.push(Diagnostic::warning(Code::RetryMisfit, entry.key_span, message).help(help));
            }
        }
    }
    if let (Some(total), Some(entry)) = (retry.duration("for"), retry.entry("for"))
        && total < first.unwrap_or(Duration::from_secs(1))
    {
        let message = format!("{total} ends before the second attempt could begin");
        let help = "make `for` longer, or write `attempts: 1`";
        complaints.push(Diagnostic::warning(Code::RetryMisfit, entry.span, message).help(help));
    }
}

/// What an `activity` step says that could not be kept.
fn activity(document: &Document, step: &Step, complaints: &mut Vec<Diagnostic>) {
    let ("activity", Field::Map(fields)) = (step.verb.name, &step.action) else { return };
    let defaults = document.header.map("defaults").and_then(|defaults| defaults.map("activity"));
    if fields.entry("queue").is_none() && defaults.is_none_or(|defaults| defaults.entry("queue").is_none()) {
        let help = "name the task queue of its worker: `queue: discounts`, here or in `defaults`";
        complaints
            .push(Diagnostic::error(Code::MissingKey, step.verb_span, "an activity wants the key `queue`").help(help));
    }
    for retry in [step.fields.map("retry"), defaults.and_then(|defaults| defaults.map("retry"))].into_iter().flatten() {
        if let Some(entry) = retry.entry("on") {
            let message = "of an activity everything is tried again but what `unless` lists: the server decides";
            complaints.push(Diagnostic::error(Code::Meaningless, entry.key_span, message).help("use `unless`"));
        }
        for (name, span) in retry.texts("unless").unwrap_or(&[]) {
            let exact = name.strip_prefix("activity.").unwrap_or(name);
            if name.contains('*') || exact != name {
                let message = format!("`{name}` is not the type of an error as the activity names it");
                let help = format!("the server compares whole names: `{}`", exact.replace('*', ""));
                complaints.push(Diagnostic::error(Code::WrongShape, *span, message).help(help));
            }
        }
    }
}

/// Error types of an author that the interpreter makes itself.
fn own_types(step: &Step, complaints: &mut Vec<Diagnostic>) {
    let ("fail", Field::Map(fields)) = (step.verb.name, &step.action) else { return };
    let (Some(kind), Some(entry)) = (fields.text("error"), fields.entry("error")) else { return };
    if kind.starts_with("limit.") {
        let message = "errors of type `limit.…` are the interpreter's own";
        complaints.push(Diagnostic::error(Code::ReservedName, entry.span, message).help("choose another type"));
        return;
    }
    let family = ["http.", "activity.", "child.", "send."].iter().find(|family| kind.starts_with(**family));
    let own = ["timeout", "expression", "returns-invalid", "no-branch"].contains(&kind);
    if own || family.is_some() {
        let message = format!("errors of type `{kind}` are made by the interpreter: nobody could tell yours from them");
        complaints.push(
            Diagnostic::warning(Code::ReservedName, entry.span, message)
                .help("choose a type that says what happened, such as `order-refused`"),
        );
    }
}

fn taken_names(step: &Step, complaints: &mut Vec<Diagnostic>) {
    if let (Some(name), Some(entry)) = (step.fields.text("save"), step.fields.entry("save")) {
        taken(name, entry.span, complaints);
    }
    for (field, key) in [(step.fields.entry("index"), "index")] {
        if let (Some(name), Some(entry)) = (step.fields.text(key), field) {
            taken(name, entry.span, complaints);
        }
    }
    if let ("set", Field::Assignments(assignments)) = (step.verb.name, &step.action) {
        for assignment in assignments {
            taken(&assignment.name, assignment.span, complaints);
        }
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

/// Properties that are required where none of that name may be.
fn schemas(document: &Document, complaints: &mut Vec<Diagnostic>) {
    let header = &document.header;
    let replies = every_step(document).into_iter().filter_map(|step| match &step.action {
        Field::Map(fields) => fields.schema("reply"),
        _ => None,
    });
    let messages = header.named("signals").iter().chain(header.named("updates"));
    let payloads = messages.filter_map(|message| message.fields.schema("payload"));
    for schema in header.schema("input").into_iter().chain(header.schema("returns")).chain(replies).chain(payloads) {
        required(schema, complaints);
    }
}

fn required(schema: &Node, complaints: &mut Vec<Diagnostic>) {
    let closed = matches!(schema.get("additionalProperties").map(|node| &node.kind), Some(Kind::Bool(false)));
    let patterns = schema.get("patternProperties").is_some();
    if let (true, false, Some(properties)) = (closed, patterns, schema.get("properties"))
        && let Some(Kind::List(names)) = schema.get("required").map(|node| &node.kind)
    {
        for node in names {
            let Kind::Text(name) = &node.kind else { continue };
            if properties.get(&name.text).is_none() {
                let message = format!("`{}` is required, but no property of that name may be there", name.text);
                let help = match similar(&name.text, properties.entries().iter().map(|e| e.key.as_str())) {
                    Some(word) => format!("did you mean `{word}`?"),
                    None => "add it to `properties`, or remove it".to_owned(),
                };
                complaints.push(Diagnostic::error(Code::Schema, node.span, message).help(help));
            }
        }
    }
    match &schema.kind {
        Kind::List(items) => items.iter().for_each(|item| required(item, complaints)),
        Kind::Map(entries) => {
            // Examples of values are no schemas.
            let values = ["const", "enum", "default", "examples"];
            entries.iter().filter(|e| !values.contains(&e.key.as_str())).for_each(|e| required(&e.value, complaints));
        }
        _ => {}
    }
}

/// The schema of a node where it compiles; what does not was complained about by lowering.
pub(super) fn schema_of(node: Option<&Node>) -> Option<Schema> {
    node.and_then(|node| Schema::compile(&node.to_value()).ok())
}
