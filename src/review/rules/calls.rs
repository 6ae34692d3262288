//! What leaves the interpreter: requests, activities, signals to other runs. Defaults are resolved, so that a default
//! that changed is found at each step that has it.

use super::finder::{Change, Finder, Seen};
use super::pairs::differ;
use crate::plan::{Activity, Http, Schema};
use crate::review::matching::{Both, Pair};
use crate::review::schema::differences;
use crate::review::side::{Call, Spelling, acts, id_of, quoted};
use crate::review::verdict::{Certainty, FindingId};
use crate::syntax::verbs::{self, Delivery};
use crate::syntax::{Action, Parts, Step, Written, walk};

/// Says that the name is that of something else; then nothing more is said of it.
pub fn reused(finder: &mut Finder<'_>, pair: &Pair<'_>) {
    let (before, after) = (Spelling::default().body(pair.old.step), finder.spelling.body(pair.new.step));
    let message = format!("{} is the name of something else now", pair.label());
    let mut change = pair.change(FindingId::StepIdReused, "", &before, &after, message);
    change.certainty = Certainty::of(acts(pair.old.step) || acts(pair.new.step));
    finder.find(change);
}

pub fn find(finder: &mut Finder<'_>, pair: &Pair<'_>) {
    let plans = (finder.old.plan.clone(), finder.new.plan.clone());
    let call = (plans.0.step(pair.old.step.number), plans.1.step(pair.new.step.number));
    let call = (call.0.and_then(Call::of), call.1.and_then(Call::of));
    match Both::of(pair) {
        Some(Both::Http(old, new)) => {
            if let (Some(Call::Http(before)), Some(Call::Http(after))) = call {
                http(finder, pair, (old, before), (new, after));
            }
        }
        Some(Both::Activity(..)) => {
            if let (Some(Call::Activity(before)), Some(Call::Activity(after))) = call {
                activity(finder, pair, before, after);
            }
        }
        Some(Both::Send(old, new)) => {
            if let (Some(before), Some(after)) = (old.delivery.get(), new.delivery.get()) {
                send(finder, pair, before, after);
            }
        }
        Some(
            Both::Set(..)
            | Both::Wait(..)
            | Both::If(..)
            | Both::Switch
            | Both::While(..)
            | Both::For(..)
            | Both::Parallel
            | Both::Race
            | Both::Try(..)
            | Both::Do
            | Both::Return(..)
            | Both::Fail(..)
            | Both::Break
            | Both::Continue
            | Both::Log(..),
        )
        | None => {}
    }
}

fn send(finder: &mut Finder<'_>, pair: &Pair<'_>, before: &Delivery, after: &Delivery) {
    let spelled = |delivery: &Delivery, spelling: &Spelling, key: &str| {
        spelling.part(delivery.part(key).and_then(|seen| seen.any))
    };
    for key in ["signal", "to", "payload"] {
        let (before, after) = (spelled(before, &Spelling::default(), key), spelled(after, &finder.spelling, key));
        let message = format!("the {key} of {} is {} now, it was {}", pair.label(), quoted(&after), quoted(&before));
        differ(finder, pair, FindingId::SendChanged, key, (&before, &after), message);
    }
}

fn http(finder: &mut Finder<'_>, pair: &Pair<'_>, old: (&verbs::Http, &Http), new: (&verbs::Http, &Http)) {
    let spelling = finder.spelling.clone();
    let label = pair.label();
    let plain = Spelling::default();
    let ((old, before), (new, after)) = (old, new);
    let all = |headers: &[Written], spelling: &Spelling| {
        headers.iter().map(|written| spelling.written(written)).collect::<Vec<_>>().join(" and ")
    };
    let flag = |http: &verbs::Http| {
        let flag = http.request.get().and_then(|request| request.idempotent.value());
        flag.map_or("not said".to_owned(), |flag| flag.to_string())
    };
    let statuses = |expect: &[String]| {
        let mut expect: Vec<&str> = expect.iter().map(String::as_str).collect();
        expect.sort_unstable();
        expect.join(", ")
    };
    let parts: [(FindingId, &str, String, String); 8] = [
        (FindingId::HttpServiceChanged, "service", before.service.clone(), after.service.clone()),
        (FindingId::HttpMethodChanged, "method", before.method.clone(), after.method.clone()),
        (FindingId::HttpPathChanged, "path", plain.written(&before.path), spelling.written(&after.path)),
        (
            FindingId::HttpQueryChanged,
            "query",
            plain.maybe(before.query.as_ref()),
            spelling.maybe(after.query.as_ref()),
        ),
        (FindingId::HttpHeadersChanged, "headers", all(&before.headers, &plain), all(&after.headers, &spelling)),
        (FindingId::HttpBodyChanged, "body", plain.maybe(before.body.as_ref()), spelling.maybe(after.body.as_ref())),
        (FindingId::ExpectedStatusChanged, "expect", statuses(&before.expect), statuses(&after.expect)),
        (FindingId::IdempotenceChanged, "idempotent", flag(old), flag(new)),
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
        differ(finder, pair, id, key, (&before, &after), message);
    }
    reply(finder, pair, before.reply.as_ref(), after.reply.as_ref());
}

fn activity(finder: &mut Finder<'_>, pair: &Pair<'_>, before: &Activity, after: &Activity) {
    let spelling = finder.spelling.clone();
    let args = (Spelling::default().maybe(before.args.as_ref()), spelling.maybe(after.args.as_ref()));
    for (id, key, before, after) in [
        (FindingId::ActivityNameChanged, "name", &before.name, &after.name),
        (FindingId::ActivityQueueChanged, "queue", &before.queue, &after.queue),
        (FindingId::ActivityArgsChanged, "args", &args.0, &args.1),
    ] {
        let message = format!("the {key} of {} is {} now, it was {}", pair.label(), quoted(after), quoted(before));
        differ(finder, pair, id, key, (before, after), message);
    }
    reply(finder, pair, before.reply.as_ref(), after.reply.as_ref());
}

fn reply(finder: &mut Finder<'_>, pair: &Pair<'_>, before: Option<&Schema>, after: Option<&Schema>) {
    let found = differences(before.map(Schema::json), after.map(Schema::json));
    if let Some(first) = found.first() {
        let message =
            format!("the reply of {} is expected otherwise: `reply{}` {}", pair.label(), first.path, first.words);
        let text = |schema: Option<&Schema>| schema.map_or("none".to_owned(), |s| s.json().to_string());
        differ(finder, pair, FindingId::StepResultChanged, "reply", (&text(before), &text(after)), message);
    }
}

/// Services that no step named before.
pub fn services(finder: &mut Finder<'_>) {
    let (old, new) = (finder.old.plan.clone(), finder.new.plan.clone());
    for service in new.services().into_iter().filter(|name| !old.services().contains(name)) {
        let steps = finder.new.document.header.steps.items();
        let step = walk(steps).into_iter().find(|step| names(step, service));
        finder.find(Change {
            subject: format!("service {service}"),
            message: format!("the service `{service}` is called now, it never was"),
            new: Seen { span: step.map(|step| step.verb_span), value: service.to_owned() },
            about: step.map(|step| id_of(step).to_owned()),
            ..Change::of(FindingId::ServiceAdded)
        });
    }
}

/// Whether a step is a request to this service.
fn names(step: &Step, service: &str) -> bool {
    let Action::Http(http) = &step.action else { return false };
    http.request.get().is_some_and(|request| request.service.text() == Some(service))
}
