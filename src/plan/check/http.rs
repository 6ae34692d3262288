//! What of an `http` step is known beforehand to be refused when it runs, or to be meant otherwise.

use crate::diagnostic::{Code, Diagnostic, Span};
use crate::expression::Template;
use crate::syntax::{Document, Field, Fields, Step, Written, WrittenKind};
use crate::value::Value;

/// Headers that belong to the connection or to the interpreter.
const OWN_HEADERS: [&str; 7] =
    ["host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "idempotency-key"];
/// Headers that carry a secret.
const SECRETS: [&str; 5] = ["authorization", "proxy-authorization", "cookie", "x-api-key", "api-key"];

pub(super) fn defaults(document: &Document, complaints: &mut Vec<Diagnostic>) {
    if let Some(fields) = document.header.map("defaults").and_then(|defaults| defaults.map("http")) {
        headers(fields, complaints);
        if let Some(retry) = fields.map("retry") {
            super::retry_misfit(retry, complaints);
        }
        super::strikes_at_once(fields, complaints);
    }
}

pub(super) fn step(step: &Step, complaints: &mut Vec<Diagnostic>) {
    let ("http", Field::Map(fields)) = (step.verb.name, &step.action) else { return };
    headers(fields, complaints);
    if let Some(written) = fields.value("path") {
        path(written, complaints);
    }
    let method = fields.entry("method");
    let bodiless = match method {
        None => Some("GET"),
        Some(_) => fields.text("method").filter(|method| ["GET", "HEAD"].contains(method)),
    };
    if let (Some(name), Some(body)) = (bodiless, fields.entry("body")) {
        let (message, help) = if method.is_some() {
            (format!("a `{name}` request has no body that a service would read"), "use `query`, or another `method`")
        } else {
            ("the `method` is `GET` unless said, and such a request has no body".into(), "add `method: POST`")
        };
        complaints.push(Diagnostic::warning(Code::Meaningless, body.key_span, message).help(help));
    }
}

fn path(written: &Written, complaints: &mut Vec<Diagnostic>) {
    let text = match &written.kind {
        WrittenKind::Constant(Value::Text(text)) => text.clone(),
        WrittenKind::Template(template) if !template.is_single() => skeleton(template),
        _ => return,
    };
    let constant = matches!(written.kind, WrittenKind::Constant(_));
    let climbs = text.split(['/', '?', '#']).any(|part| {
        let plain = part.to_ascii_lowercase().replace("%2e", ".");
        plain == "." || plain == ".."
    });
    let (message, help) = if !text.starts_with('/') {
        if constant {
            return; // lowering says so
        }
        ("the path does not begin with `/`", "write the first `/`; what `${…}` gives is one part of a path")
    } else if text.starts_with("//") {
        ("the path begins with two `/`", "write one: the service's address stands in `fermata.toml`")
    } else if climbs {
        ("a part of the path is `.` or `..`", "write the path that is meant in the end")
    } else if text.contains('#') {
        ("`#` cannot stand in a path: no server is sent what follows it", "write it as `%23` if it is data")
    } else if text.contains('\\') {
        ("`\\` cannot stand in a path", "use `/`, or `%5C` if it is data")
    } else {
        return;
    };
    complaints.push(Diagnostic::error(Code::WrongShape, written.place.span, message).help(help));
}

/// The text with a letter in place of each `${…}`.
fn skeleton(template: &Template) -> String {
    let (source, mut text, mut at) = (template.source(), String::new(), 0);
    for (expression, start) in template.expressions() {
        text.push_str(source.get(at..start.saturating_sub(2)).unwrap_or_default());
        text.push('x');
        at = start + expression.source().len() + 1;
    }
    text.push_str(source.get(at..).unwrap_or_default());
    text
}

fn headers(fields: &Fields, complaints: &mut Vec<Diagnostic>) {
    let Some(WrittenKind::Map(entries)) = fields.value("headers").map(|written| &written.kind) else { return };
    for (name, span, value) in entries {
        header(name, *span, value, complaints);
    }
}

fn header(name: &str, span: Span, value: &Written, complaints: &mut Vec<Diagnostic>) {
    let lower = name.to_ascii_lowercase();
    let token = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
    if OWN_HEADERS.contains(&lower.as_str()) {
        let message = format!("the header `{name}` cannot be set by a definition");
        let help = if lower == "idempotency-key" {
            "every request carries one already, the same on every attempt"
        } else {
            "remove it: it belongs to the connection"
        };
        complaints.push(Diagnostic::error(Code::ReservedName, span, message).help(help));
        return;
    }
    if !token {
        let message = format!("`{name}` is not the name of a header");
        let help = "it holds letters, digits and `-`, and no spaces";
        complaints.push(Diagnostic::error(Code::BadName, span, message).help(help));
        return;
    }
    let Some(Value::Text(text)) = value.constant() else { return };
    if text.chars().any(char::is_control) {
        let message = format!("the header `{name}` holds characters that a header cannot carry");
        complaints.push(
            Diagnostic::error(Code::WrongShape, value.place.span, message).help("write it on one line, without tabs"),
        );
    } else if SECRETS.contains(&lower.as_str()) {
        let message = format!("the header `{name}` stands here as it is, for everyone who may read the definition");
        complaints.push(
            Diagnostic::warning(Code::Secret, value.place.span, message)
                .help("give the service its credentials in `fermata.toml`, and change the secret that stood here"),
        );
    }
}
