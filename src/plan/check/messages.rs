//! Signals, updates and queries: what is declared, and what is used.

use std::collections::BTreeSet;

use super::every_step;
use crate::diagnostic::{Code, Diagnostic};
use crate::expression::similar;
use crate::syntax::{Document, Field, WrittenKind};

pub(super) fn check(document: &Document, complaints: &mut Vec<Diagnostic>) {
    let header = &document.header;
    let signals = header.named("signals");
    let mut used = BTreeSet::new();
    for step in every_step(document) {
        let Field::Map(fields) = &step.action else { continue };
        let Some(entry) = fields.entry("signal") else { continue };
        let Some(name) = fields.text("signal") else { continue };
        let own = step.verb.name == "wait" || to_itself(fields);
        let declared = signals.iter().find(|signal| signal.name == name);
        match declared {
            None if own => {
                let message = format!("there is no signal `{name}` in `signals`");
                let help = match similar(name, signals.iter().map(|signal| signal.name.as_str())) {
                    Some(word) => format!("did you mean `{word}`?"),
                    None => format!("declare it: `signals: {{ {name}: {{ payload: … }} }}`"),
                };
                complaints.push(Diagnostic::error(Code::UnknownMessage, entry.span, message).help(help));
            }
            Some(signal) if step.verb.name == "wait" => {
                used.insert(name.to_owned());
                if let Some(handler) = signal.fields.entry("do") {
                    let message = format!("the signal `{name}` has a handler, which takes every one of them");
                    let help = "set a variable in the handler, and wait for that: `wait: { until: … }`";
                    complaints.push(
                        Diagnostic::error(Code::SignalHasHandler, entry.span, message)
                            .related(handler.key_span, "its handler")
                            .help(help),
                    );
                }
            }
            _ => {}
        }
    }
    for signal in signals {
        let handled = signal.fields.entry("do").is_some();
        if !handled && !used.contains(&signal.name) && !document.lost.contains(&signal.name) {
            let message = format!("nothing waits for the signal `{}`, and it has no handler", signal.name);
            let help = "wait for it, give it a handler with `do`, or remove it";
            complaints.push(Diagnostic::warning(Code::UnusedMessage, signal.span, message).help(help));
        }
        if let (true, Some(keep)) = (handled, signal.fields.entry("keep")) {
            let message = "a signal with a handler is never kept";
            complaints.push(Diagnostic::error(Code::Meaningless, keep.key_span, message).help("remove the `keep`"));
        }
    }
    for update in header.named("updates") {
        if let (Some(otherwise), None) = (update.fields.entry("otherwise"), update.fields.entry("check")) {
            let message = "there is no `check` that could refuse it";
            complaints.push(Diagnostic::error(Code::Meaningless, otherwise.key_span, message).help("add a `check`"));
        }
        if ["do", "returns", "check"].iter().all(|key| update.fields.entry(key).is_none()) {
            let message = format!("the update `{}` does nothing and answers nothing", update.name);
            let help = "give it a `do`, or a `returns`";
            complaints.push(Diagnostic::warning(Code::UnusedMessage, update.span, message).help(help));
        }
    }
}

/// Whether a `send` goes to the run itself.
fn to_itself(fields: &crate::syntax::Fields) -> bool {
    let Some(to) = fields.value("to") else { return false };
    matches!(&to.kind, WrittenKind::Template(template) if template.source().trim() == "${run.id}")
}
