//! What an attempt of an HTTP request means. One pure judge for both hosts: the activity asks it, and the simulator.

use std::collections::BTreeMap;

use super::event::CallError;
use super::request::Request;
use crate::syntax::{ErrorType, Own};
use crate::value::{Duration, Value, to_json};

/// What came back over the wire, already cut down to what a run may see.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    pub status: u16,
    /// Names in lower case; only those of [`KEPT_HEADERS`] and `x-*`.
    pub headers: BTreeMap<String, String>,
    pub body: Value,
}

/// The reply headers that enter a run; no cookie ever does.
pub const KEPT_HEADERS: [&str; 5] = ["content-type", "location", "etag", "retry-after", "link"];
/// A reply body in `error.details` is left out beyond this many bytes of JSON.
const DETAILS: usize = 16 * 1024;

/// How one attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Attempt {
    Replied(Reply),
    /// No reply: `http.timeout`, `http.unreachable`, `http.refused`, `http.too-large`, or what a scenario names.
    Failed {
        kind: ErrorType,
        message: String,
        details: Value,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// `{status, headers, body}`.
    Accepted(Value),
    Failed {
        error: CallError,
        /// Whether another attempt may follow.
        retry: bool,
        /// What the server asked for in `Retry-After`.
        after: Option<Duration>,
    },
}

impl Reply {
    pub fn keeps(header: &str) -> bool {
        KEPT_HEADERS.contains(&header) || header.starts_with("x-")
    }

    pub fn to_value(&self) -> Value {
        self.told(Some(&self.body))
    }

    fn told(&self, body: Option<&Value>) -> Value {
        let headers = self.headers.iter().map(|(k, v)| (k.as_str(), Value::text(v.as_str())));
        let fields = [("status", Value::integer(i64::from(self.status))), ("headers", Value::map(headers))];
        Value::map(fields.into_iter().chain(body.map(|body| ("body", body.clone()))))
    }

    /// `Retry-After` in seconds. Dates are not obeyed: they would need a clock that both sides agree on.
    fn retry_after(&self) -> Option<Duration> {
        let seconds: i64 = self.headers.get("retry-after")?.trim().parse().ok()?;
        (0..=31_536_000).contains(&seconds).then(|| Duration::from_secs(seconds))
    }
}

/// Judges one attempt.
pub fn judge(request: &Request, attempt: Attempt) -> Verdict {
    match attempt {
        Attempt::Replied(reply) if request.expect.iter().any(|s| fits(s, reply.status)) => {
            Verdict::Accepted(reply.to_value())
        }
        Attempt::Replied(reply) => {
            let kind = ErrorType::from(Own::HttpStatus(reply.status));
            let message = format!("{} {} answered {}", request.method, request.path, reply.status);
            let retry = wanted(request, &kind);
            let after = if reply.status == 429 || reply.status == 503 { reply.retry_after() } else { None };
            let body = Some(&reply.body).filter(|body| to_json(body).len() <= DETAILS);
            let details = reply.told(body);
            Verdict::Failed { error: CallError { kind, message, details }, retry, after }
        }
        Attempt::Failed { kind, message, details } => {
            let retry = wanted(request, &kind);
            Verdict::Failed { error: CallError { kind, message, details }, retry, after: None }
        }
    }
}

/// `on` replaces what is tried again by default; `unless` takes away from either.
fn wanted(request: &Request, kind: &ErrorType) -> bool {
    let listed = |patterns: &[String]| patterns.iter().any(|p| kind.fits(p));
    let retried = request.retry.on.as_deref().map_or(kind.again(), listed);
    retried && !listed(&request.retry.unless)
}

/// Whether a status is meant by `200` or `2xx`.
fn fits(pattern: &str, status: u16) -> bool {
    let text = status.to_string();
    match pattern.strip_suffix("xx") {
        Some(hundred) => text.starts_with(hundred),
        None => pattern == text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Retry;
    use crate::value::Decimal;

    fn retried(kind: ErrorType, on: Option<&[&str]>, unless: &[&str]) -> bool {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let day = Duration::from_secs(86_400);
        let (on, unless) = (on.map(texts), texts(unless));
        let retry = Retry { attempts: None, first: day, factor: Decimal::TWO, longest: day, total: day, on, unless };
        let request = Request {
            service: "s".to_owned(),
            method: "GET".to_owned(),
            path: "/".to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            expect: vec!["2xx".to_owned()],
            timeout: day,
            retry,
        };
        let failed = Attempt::Failed { kind, message: String::new(), details: Value::Null };
        matches!(judge(&request, failed), Verdict::Failed { retry: true, .. })
    }

    #[test]
    fn a_type_is_tried_again_by_the_registry_unless_the_step_says_otherwise() {
        let status = |status| ErrorType::from(Own::HttpStatus(status));
        assert!(retried(status(503), None, &[]) && retried(status(429), None, &[]));
        assert!(!retried(status(404), None, &[]) && retried(status(404), Some(&["http.4xx"]), &[]));
        assert!(retried(Own::HttpTimeout.into(), None, &[]) && !retried(Own::HttpTimeout.into(), None, &["*.timeout"]));
        assert!(!retried(Own::HttpInvalidReply.into(), None, &[]));
    }
}
