//! What an `activity` step says that could not be kept.

use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::verbs::Activity;
use crate::syntax::{Document, Step};

pub(super) fn step(document: &Document, step: &Step, activity: &Activity, complaints: &mut Vec<Diagnostic>) {
    let Some(call) = activity.call.get() else { return };
    let defaults = document.header.defaults.get().and_then(|defaults| defaults.activity.get());
    if !call.queue.is_there() && defaults.is_none_or(|defaults| !defaults.queue.is_there()) {
        let help = "name the task queue of its worker: `queue: discounts`, here or in `defaults`";
        complaints
            .push(Diagnostic::error(Code::MissingKey, step.verb_span, "an activity wants the key `queue`").help(help));
    }
    for retry in [activity.retry.get(), defaults.and_then(|defaults| defaults.retry.get())].into_iter().flatten() {
        if let Some(key) = retry.on.key_span() {
            let message = "of an activity everything is tried again but what `unless` lists: the server decides";
            complaints.push(Diagnostic::error(Code::Meaningless, key, message).help("use `unless`"));
        }
        for (name, span) in retry.unless.items() {
            let exact = name.strip_prefix("activity.").unwrap_or(name);
            if name.contains('*') || exact != name {
                let message = format!("`{name}` is not the type of an error as the activity names it");
                let help = format!("the server compares whole names: `{}`", exact.replace('*', ""));
                complaints.push(Diagnostic::error(Code::WrongShape, *span, message).help(help));
            }
        }
    }
}
