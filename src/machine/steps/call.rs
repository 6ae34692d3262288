//! `http`: one request. Attempts and pauses belong to the host (R34); what the answer means belongs here.

use super::Next;
use crate::expression::{Failure, Scope, World};
use crate::machine::error::RunError;
use crate::machine::event::{Call, Command, Work};
use crate::machine::request::Request;
use crate::machine::state::{PendingKind, StepFrame};
use crate::machine::trace::{What, digest};
use crate::machine::turn::{Exit, Turn};
use crate::plan::Http;
use crate::syntax::{Own, Written, WrittenKind};
use crate::value::{Map, Value, to_json};

/// The largest request that is handed to the host, in bytes of its JSON.
const MAX_REQUEST: usize = 1024 * 1024;
/// Headers that belong to the connection or to the host.
const OWN_HEADERS: [&str; 7] =
    ["host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "idempotency-key"];

pub(super) fn enter(turn: &mut Turn<'_>, id: u64, frame: &StepFrame, http: &Http) -> Next {
    let request = match turn.compute(id, &frame.path, &[], |scope, world| build(http, scope, world)) {
        Ok(request) => request,
        Err(exit) => return Next::Done(exit),
    };
    let value = request.to_value();
    if let Err(exit) = turn.charge(&frame.path, &value) {
        return Next::Done(exit);
    }
    let size = to_json(&value).len();
    if size > MAX_REQUEST {
        let message = format!("the request has {size} bytes; at most {MAX_REQUEST} can be sent");
        return Next::Done(Exit::Error(RunError::new(Own::HttpTooLarge, message, &frame.path)));
    }
    if let Err(exit) = turn.send(&frame.path, size) {
        return Next::Done(exit);
    }
    let number = turn.number(id, PendingKind::Call);
    turn.trace(&frame.path, What::Called { request: digest(&value) });
    let idempotency_key = format!("{}:{}", turn.state.run.uid, frame.path);
    let work = Work::Http(request);
    turn.command(Command::Call(Box::new(Call { number, path: frame.path.clone(), idempotency_key, work })));
    Next::Suspend(number)
}

fn build(http: &Http, scope: &dyn Scope, world: &mut World<'_>) -> Result<Request, Failure> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for written in &http.headers {
        // What stands here takes the place of a default, and null takes the default away.
        let own = fields(written, scope, world)?;
        headers.retain(|(known, _)| own.keys().all(|name| !name.eq_ignore_ascii_case(known)));
        for (name, value) in pairs(own) {
            let name = name.to_ascii_lowercase();
            check_header(&name, &value)?;
            headers.push((name, value));
        }
    }
    Ok(Request {
        service: http.service.clone(),
        method: http.method.clone(),
        path: path(&http.path, scope, world)?,
        query: http.query.as_ref().map_or(Ok(Vec::new()), |q| fields(q, scope, world).map(pairs))?,
        headers,
        body: http.body.as_ref().map(|b| b.evaluate(scope, world)).transpose()?,
        expect: http.expect.clone(),
        timeout: http.timeout,
        retry: http.retry.clone(),
    })
}

fn fail(message: String) -> Failure {
    Failure { message, range: None }
}

fn check_header(name: &str, value: &str) -> Result<(), Failure> {
    if OWN_HEADERS.contains(&name) {
        return Err(fail(format!("the header `{name}` cannot be set by a definition")));
    }
    let token = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
    if !token || value.chars().any(|c| c.is_control()) {
        return Err(fail(format!("the header `{name}` holds characters that a header cannot carry")));
    }
    Ok(())
}

fn fields(written: &Written, scope: &dyn Scope, world: &mut World<'_>) -> Result<Map, Failure> {
    match written.evaluate(scope, world)? {
        Value::Map(fields) => Ok(fields),
        _ => Ok(Map::default()),
    }
}

/// A mapping as name and text; null is left out, a list gives the name once for each item.
fn pairs(fields: Map) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for (name, value) in fields {
        match value {
            Value::Null => {}
            Value::List(items) => pairs.extend(items.iter().map(|item| (name.clone(), item.to_display()))),
            other => pairs.push((name, other.to_display())),
        }
    }
    pairs
}

/// The path. Each `${…}` in it is one segment's worth of data and is percent-encoded, so that no value can lead to
/// another resource; where the whole path is one `${…}`, the expression is the path as it stands.
fn path(written: &Written, scope: &dyn Scope, world: &mut World<'_>) -> Result<String, Failure> {
    let path = match &written.kind {
        WrittenKind::Template(template) if !template.is_single() => template.render(scope, world, &mut |value| {
            let text = value.to_display();
            match text.as_str() {
                "" => Err("a part of the path is empty".to_owned()),
                "." | ".." => Err(format!("`{text}` cannot be a part of a path")),
                _ => Ok(percent_encoding::utf8_percent_encode(&text, SEGMENT).to_string()),
            }
        })?,
        _ => written.evaluate(scope, world)?.to_display(),
    };
    let climbs = path.split(['/', '?', '#']).any(|part| {
        let plain = part.to_ascii_lowercase().replace("%2e", ".");
        plain == "." || plain == ".."
    });
    if !path.starts_with('/') || path.starts_with("//") || path.contains(['\\', '#']) || climbs {
        return Err(fail(format!("`{path}` is not a path: it begins with one `/` and has no `..`, `#` or `\\`")));
    }
    Ok(path)
}

/// Everything but the unreserved characters of RFC 3986.
const SEGMENT: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_word_and_holds_no_control_characters() {
        assert!(check_header("x-tenant_1", "a b, ä").is_ok() && check_header("x", "").is_ok());
        for (name, value) in [("", "a"), ("x y", "a"), ("x:", "a"), ("ä", "a"), ("x", "a\r\nhost: b"), ("host", "a")] {
            assert!(check_header(name, value).is_err(), "{name:?}: {value:?}");
        }
    }
}
