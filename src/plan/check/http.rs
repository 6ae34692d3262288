//! What of an `http` step is known beforehand to be refused when it runs, or to be meant otherwise.

use crate::diagnostic::{Code, Diagnostic, Span};
use crate::expression::Template;
use crate::syntax::verbs::Http;
use crate::syntax::{Document, Part, Written, WrittenKind};
use crate::value::{Value, to_json};

/// Headers that belong to the connection or to the interpreter.
const OWN_HEADERS: [&str; 7] =
    ["host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "idempotency-key"];
/// Headers that carry a secret.
const SECRETS: [&str; 5] = ["authorization", "proxy-authorization", "cookie", "x-api-key", "api-key"];

pub(super) fn defaults(document: &Document, complaints: &mut Vec<Diagnostic>) {
    let Some(defaults) = document.header.defaults.get() else { return };
    if let Some(http) = defaults.http.get() {
        headers(&http.headers, complaints);
        super::retry_misfit(&http.retry, complaints);
        super::meaningless::strikes_at_once(&http.timeout, complaints);
    }
    if let Some(activity) = defaults.activity.get() {
        super::retry_misfit(&activity.retry, complaints);
        super::meaningless::strikes_at_once(&activity.timeout, complaints);
    }
}

pub(super) fn step(http: &Http, complaints: &mut Vec<Diagnostic>) {
    let Some(request) = http.request.get() else { return };
    headers(&request.headers, complaints);
    if let Some(written) = request.path.get() {
        path(written, complaints);
    }
    let said = request.method.is_there();
    let bodiless = match said {
        false => Some("GET"),
        true => request.method.text().filter(|method| ["GET", "HEAD"].contains(method)),
    };
    if let (Some(name), Some(key)) = (bodiless, request.body.read().map(|(_, stated)| stated.key)) {
        let (message, help) = if said {
            (format!("a `{name}` request has no body that a service would read"), "use `query`, or another `method`")
        } else {
            ("the `method` is `GET` unless said, and such a request has no body".into(), "add `method: POST`")
        };
        complaints.push(Diagnostic::warning(Code::Meaningless, key, message).help(help));
    }
}

fn path(written: &Written, complaints: &mut Vec<Diagnostic>) {
    let text = match &written.kind {
        WrittenKind::Constant(Value::Text(text)) => text.to_string(),
        WrittenKind::Constant(value @ (Value::Number(_) | Value::Bool(_))) => {
            let (message, help) = (
                format!("the path is a text, found `{}`", to_json(value)),
                format!("write `path: /{}`", to_json(value)),
            );
            complaints.push(Diagnostic::error(Code::WrongShape, written.place.span, message).help(help));
            return;
        }
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

fn headers(headers: &Part<Written>, complaints: &mut Vec<Diagnostic>) {
    let Some(WrittenKind::Map(entries)) = headers.get().map(|written| &written.kind) else { return };
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
