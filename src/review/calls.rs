//! What leaves the interpreter: requests, activities, signals to other runs. Defaults are resolved, so that a default
//! that changed is found at each step that has it.

use super::contract::quoted;
use super::finding::{Change, Finder, Seen};
use super::matching::{Pair, acts};
use super::model::Certainty;
use super::schema::differences;
use super::spelling::{Spelling, id_of};
use super::steps::differ;
use crate::plan::{Action, Activity, Http, Plan, Schema, Step as PlanStep};
use crate::syntax::{Field, Fields, Step};

/// The step of the plan, with its defaults.
pub(super) fn proven<'a>(plan: &'a Plan, step: &Step) -> Option<&'a PlanStep> {
    let id = id_of(step);
    plan.steps.iter().find(|s| !id.is_empty() && s.id.as_deref() == Some(id))
}

/// Whether a step of the same id does something else altogether.
pub(super) fn unrelated(spelling: &Spelling, pair: &Pair<'_>) -> bool {
    let (old, new) = (pair.old.step, pair.new.step);
    let (Field::Map(before), Field::Map(after)) = (&old.action, &new.action) else {
        let kinds = |step: &Step| matches!(step.action, Field::Map(_));
        return old.verb.name == "wait" && kinds(old) != kinds(new);
    };
    let another = |key: &str| {
        before.field(key).map(|f| Spelling::default().field(f)) != after.field(key).map(|f| spelling.field(f))
    };
    match new.verb.name {
        "http" => another("service") && another("path"),
        "activity" => another("name") && another("args"),
        "wait" => another("signal"),
        "send" => another("signal") && another("to"),
        _ => false,
    }
}

/// Says that the name is that of something else; then nothing more is said of it.
pub(super) fn reused(finder: &mut Finder<'_>, pair: &Pair<'_>) {
    let (before, after) = (Spelling::default().body(pair.old.step), finder.spelling.body(pair.new.step));
    let message = format!("{} is the name of something else now", pair.label());
    let mut change = pair.change("step-id-reused", "", &before, &after, message);
    change.certainty = Certainty::of(acts(pair.old.step) || acts(pair.new.step));
    finder.find(change);
}

pub(super) fn find(finder: &mut Finder<'_>, pair: &Pair<'_>) {
    let plans = (finder.old.plan.clone(), finder.new.plan.clone());
    let (before, after) = (proven(&plans.0, pair.old.step), proven(&plans.1, pair.new.step));
    match (before.map(|s| &s.action), after.map(|s| &s.action)) {
        (Some(Action::Http(before)), Some(Action::Http(after))) => http(finder, pair, before, after),
        (Some(Action::Activity(before)), Some(Action::Activity(after))) => activity(finder, pair, before, after),
        _ => {}
    }
    if let (Field::Map(before), Field::Map(after), "send") =
        (&pair.old.step.action, &pair.new.step.action, pair.new.step.verb.name)
    {
        for key in ["signal", "to", "payload"] {
            part(finder, pair, "send-changed", key, before, after, key);
        }
    }
}

/// One key below the verb, as written.
fn part(
    finder: &mut Finder<'_>,
    pair: &Pair<'_>,
    id: &'static str,
    key: &str,
    old: &Fields,
    new: &Fields,
    words: &str,
) {
    let spelled =
        |fields: &Fields, spelling: &Spelling| fields.field(key).map_or("none".to_owned(), |f| spelling.field(f));
    let (before, after) = (spelled(old, &Spelling::default()), spelled(new, &finder.spelling));
    let message = format!("the {words} of {} is {} now, it was {}", pair.label(), quoted(&after), quoted(&before));
    differ(finder, pair, id, key, &before, &after, message);
}

fn http(finder: &mut Finder<'_>, pair: &Pair<'_>, before: &Http, after: &Http) {
    let spelling = finder.spelling.clone();
    let label = pair.label();
    let plain = Spelling::default();
    let all = |headers: &[crate::syntax::Written], spelling: &Spelling| {
        headers.iter().map(|written| spelling.written(written)).collect::<Vec<_>>().join(" and ")
    };
    let flag = |step: &Step| match &step.action {
        Field::Map(fields) => fields.flag("idempotent").map_or("not said".to_owned(), |flag| flag.to_string()),
        _ => String::new(),
    };
    let statuses = |expect: &[String]| {
        let mut expect: Vec<&str> = expect.iter().map(String::as_str).collect();
        expect.sort_unstable();
        expect.join(", ")
    };
    let parts: [(&'static str, &str, String, String); 8] = [
        ("http-service-changed", "service", before.service.clone(), after.service.clone()),
        ("http-method-changed", "method", before.method.clone(), after.method.clone()),
        ("http-path-changed", "path", plain.written(&before.path), spelling.written(&after.path)),
        ("http-query-changed", "query", plain.maybe(before.query.as_ref()), spelling.maybe(after.query.as_ref())),
        ("http-headers-changed", "headers", all(&before.headers, &plain), all(&after.headers, &spelling)),
        ("http-body-changed", "body", plain.maybe(before.body.as_ref()), spelling.maybe(after.body.as_ref())),
        ("expected-status-changed", "expect", statuses(&before.expect), statuses(&after.expect)),
        ("idempotence-changed", "idempotent", flag(pair.old.step), flag(pair.new.step)),
    ];
    for (id, key, before, after) in parts {
        let words = match key {
            "expect" => "statuses that count as success",
            "idempotent" => "`idempotent`",
            key => key,
        };
        let message = format!("the {words} of {label} is {} now, it was {}", quoted(&after), quoted(&before));
        let message =
            if key == "expect" { message.replace(" is ", " are ").replace("it was", "they were") } else { message };
        differ(finder, pair, id, key, &before, &after, message);
    }
    reply(finder, pair, before.reply.as_ref(), after.reply.as_ref());
}

fn activity(finder: &mut Finder<'_>, pair: &Pair<'_>, before: &Activity, after: &Activity) {
    let spelling = finder.spelling.clone();
    let args = (Spelling::default().maybe(before.args.as_ref()), spelling.maybe(after.args.as_ref()));
    for (id, key, before, after) in [
        ("activity-name-changed", "name", &before.name, &after.name),
        ("activity-queue-changed", "queue", &before.queue, &after.queue),
        ("activity-args-changed", "args", &args.0, &args.1),
    ] {
        let message = format!("the {key} of {} is {} now, it was {}", pair.label(), quoted(after), quoted(before));
        differ(finder, pair, id, key, before, after, message);
    }
    reply(finder, pair, before.reply.as_ref(), after.reply.as_ref());
}

fn reply(finder: &mut Finder<'_>, pair: &Pair<'_>, before: Option<&Schema>, after: Option<&Schema>) {
    let found = differences(before.map(Schema::json), after.map(Schema::json));
    if let Some(first) = found.first() {
        let message =
            format!("the reply of {} is expected otherwise: `reply{}` {}", pair.label(), first.path, first.words);
        let text = |schema: Option<&Schema>| schema.map_or("none".to_owned(), |s| s.json().to_string());
        differ(finder, pair, "step-result-changed", "reply", &text(before), &text(after), message);
    }
}

/// Services that no step named before.
pub(super) fn services(finder: &mut Finder<'_>) {
    let (old, new) = (finder.old.plan.clone(), finder.new.plan.clone());
    for service in new.services().into_iter().filter(|name| !old.services().contains(name)) {
        let step = finder.new.document.header.steps("steps").and_then(|steps| place(steps, service));
        let span = step.map(|step| step.verb_span);
        finder.find(Change {
            id: "service-added",
            subject: format!("service {service}"),
            message: format!("the service `{service}` is called now, it never was"),
            new: Seen { span, value: service.to_owned() },
            about: step.map(|step| id_of(step).to_owned()),
            ..Change::default()
        });
    }
}

/// The step that first names a service.
fn place<'a>(steps: &'a [Step], service: &str) -> Option<&'a Step> {
    steps.iter().find_map(|step| match &step.action {
        Field::Map(fields) if step.verb.name == "http" && fields.text("service") == Some(service) => Some(step),
        _ => step.lists().into_iter().find_map(|list| place(list, service)),
    })
}
