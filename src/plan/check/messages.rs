//! Signals, updates and queries: what is declared, and what is used.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Code, Diagnostic, Span};
use crate::expression::similar;
use crate::syntax::verbs::Delivery;
use crate::syntax::{Action, Document, Step, WrittenKind};
use crate::value::Value;

pub(super) fn check(document: &Document, complaints: &mut Vec<Diagnostic>) {
    let header = &document.header;
    let signals = header.signals.items();
    let by_name: BTreeMap<&str, _> = signals.iter().map(|signal| (signal.name.as_str(), signal)).collect();
    let mut used = BTreeSet::new();
    for step in document.walk() {
        to_nobody(step, complaints);
        let Some((name, span, taken)) = named(step) else { continue };
        let declared = by_name.get(name);
        match (declared, taken) {
            // What is declared could not be read.
            (None, _) if header.signals.is_broken() => {}
            (None, Taken::Awaited | Taken::SentToItself) => {
                let message = format!("there is no signal `{name}` in `signals`");
                let help = match similar(name, signals.iter().map(|signal| signal.name.as_str())) {
                    Some(word) => format!("did you mean `{word}`?"),
                    None => format!("declare it: `signals: {{ {name}: {{ payload: … }} }}`"),
                };
                complaints.push(Diagnostic::error(Code::UnknownMessage, span, message).help(help));
            }
            (Some(signal), Taken::Awaited) => {
                used.insert(name.to_owned());
                if let Some(handler) = signal.keys.body.read().map(|(_, stated)| stated.key) {
                    let message = format!("the signal `{name}` has a handler, which takes every one of them");
                    let help = "set a variable in the handler, and wait for that: `wait: { until: … }`";
                    complaints.push(
                        Diagnostic::error(Code::SignalHasHandler, span, message)
                            .related(handler, "its handler")
                            .help(help),
                    );
                }
            }
            // What another run declares is not known here.
            (_, Taken::Sent) | (Some(_), Taken::SentToItself) => {}
        }
    }
    used.extend(document.walk().into_iter().filter_map(|step| meant(document, step)).map(str::to_owned));
    let handlers = signals.iter().map(|signal| &signal.keys.body);
    for list in handlers.chain(header.updates.items().iter().map(|update| &update.keys.body)) {
        if let Some((_, stated)) = list.read().filter(|(steps, _)| steps.is_empty()) {
            let help = "write what is to be done with each; to pass it over say so with a `log` step";
            let message = "this handler has no steps";
            complaints.push(Diagnostic::warning(Code::Meaningless, stated.key, message).help(help));
        }
    }
    for signal in signals {
        let handled = signal.keys.body.is_there();
        if !handled && !used.contains(&signal.name) && !document.lost.contains(&signal.name) {
            let message = format!("nothing waits for the signal `{}`, and it has no handler", signal.name);
            let help = "wait for it, give it a handler with `do`, or remove it";
            complaints.push(Diagnostic::warning(Code::UnusedMessage, signal.span, message).help(help));
        }
        if let (true, Some(keep)) = (signal.keys.body.get().is_some(), signal.keys.keep.key_span()) {
            let message = "a signal with a handler is never kept";
            complaints.push(Diagnostic::error(Code::Meaningless, keep, message).help("remove the `keep`"));
        }
    }
    for update in header.updates.items() {
        let keys = &update.keys;
        if let (Some(otherwise), false) = (keys.otherwise.key_span(), keys.check.is_there()) {
            let message = "there is no `check` that could refuse it";
            complaints.push(Diagnostic::error(Code::Meaningless, otherwise, message).help("add a `check`"));
        }
        if !keys.body.is_there() && !keys.returns.is_there() && !keys.check.is_there() {
            let message = format!("the update `{}` does nothing and answers nothing", update.name);
            let help = "give it a `do`, or a `returns`";
            complaints.push(Diagnostic::warning(Code::UnusedMessage, update.span, message).help(help));
        }
    }
}

/// The signal whose name stands where a `wait` has a length or a time.
pub(super) fn meant<'a>(document: &'a Document, step: &Step) -> Option<&'a str> {
    let Action::Wait(wait) = &step.action else { return None };
    let WrittenKind::Constant(Value::Text(text)) = &wait.moment()?.kind else { return None };
    document.header.signals.items().iter().map(|signal| signal.name.as_str()).find(|name| **name == **text)
}

/// What a step has to do with a signal.
#[derive(Clone, Copy)]
enum Taken {
    Awaited,
    Sent,
    SentToItself,
}

/// The signal that a step names, and where.
fn named(step: &Step) -> Option<(&str, Span, Taken)> {
    let (name, taken) = match &step.action {
        Action::Wait(wait) => (&wait.awaited()?.signal, Taken::Awaited),
        Action::Send(send) => {
            let delivery = send.delivery.get()?;
            (&delivery.signal, if to_itself(delivery) { Taken::SentToItself } else { Taken::Sent })
        }
        Action::Set(_)
        | Action::Http(_)
        | Action::Activity(_)
        | Action::If(_)
        | Action::Switch(_)
        | Action::For(_)
        | Action::While(_)
        | Action::Parallel(_)
        | Action::Race(_)
        | Action::Try(_)
        | Action::Do(_)
        | Action::Return(_)
        | Action::Fail(_)
        | Action::Break(_)
        | Action::Continue(_)
        | Action::Log(_) => return None,
    };
    let (name, stated) = name.read()?;
    Some((name, stated.span, taken))
}

/// A `send` to what is no run's id, whatever the values in it are.
fn to_nobody(step: &Step, complaints: &mut Vec<Diagnostic>) {
    let Action::Send(send) = &step.action else { return };
    let Some(to) = send.delivery.get().and_then(|delivery| delivery.to.get()) else { return };
    let Some(Value::Text(id)) = to.constant() else { return };
    if id.split_once('.').is_some_and(|(process, key)| !process.is_empty() && !key.is_empty()) {
        return;
    }
    let message = format!("`to` is the id of a run, `Process.key`, and `{id}` is none");
    let help = match id.split_once('.') {
        None if !id.is_empty() => {
            format!("write the business key behind the name of the process: `{id}.${{input.key}}`")
        }
        Some(_) | None => "write the name of the process and the business key: `Process.${input.key}`".to_owned(),
    };
    complaints.push(Diagnostic::error(Code::WrongShape, to.place.span, message).help(help));
}

/// Whether a `send` goes to the run itself.
pub(in crate::plan) fn to_itself(delivery: &Delivery) -> bool {
    let Some(to) = delivery.to.get() else { return false };
    matches!(&to.kind, WrittenKind::Template(template) if template.source().trim() == "${run.id}")
}
