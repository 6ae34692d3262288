//! Errors as RFC 9457 problems. Each kind has a page at its `type`; the registry below is that page, the documentation,
//! and the only way to make one.

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value as Json, json};

use crate::catalog::ChooseError;
use crate::plan::Violation;
use crate::temporal::TemporalError;

/// A kind of problem. A status that is a success cannot be named here.
#[derive(Debug, PartialEq, Eq)]
pub struct ProblemKind {
    pub code: &'static str,
    pub status: u16,
    pub title: &'static str,
    /// What it means and what to do.
    pub page: &'static str,
}

macro_rules! problems {
    ($($name:ident = $code:literal, $status:literal, $title:literal, $page:literal;)*) => {
        $(pub(super) static $name: ProblemKind =
            ProblemKind { code: $code, status: $status, title: $title, page: $page };)*
        /// Every kind, in order of status.
        pub static PROBLEMS: &[&ProblemKind] = &[$(&$name,)*];
    };
}

problems! {
    MALFORMED = "malformed", 400, "The request cannot be read",
        "The body is not JSON, or a parameter or header is not what it should be. `detail` says which.";
    NO_ROUTE = "no-route", 404, "There is nothing at this path",
        "The path is not one of the service's. Routes are listed in the documentation of the contract.";
    UNKNOWN_PROCESS = "unknown-process", 404, "There is no such process",
        "The name is not one of the definitions that this service has read. `detail` lists those there are.";
    UNKNOWN_VERSION = "unknown-version", 404, "The process has no such version",
        "`detail` lists the versions there are.";
    UNKNOWN_LABEL = "unknown-label", 404, "The process has no such label",
        "`detail` lists the labels that its `releases.yaml` has.";
    UNKNOWN_RUN = "unknown-run", 404, "There is no such run",
        "No run has this id, or it ended so long ago that the server has forgotten it.";
    UNKNOWN_MESSAGE = "unknown-message", 404, "The run does not declare this",
        "A run takes the signals and updates, and answers the queries, that its own version declares. `declared` lists
        them.";
    METHOD_NOT_ALLOWED = "method-not-allowed", 405, "The path does not take this method",
        "The `Allow` header lists the methods it takes.";
    NOT_PUBLISHED = "not-published", 409, "The version is not published",
        "Only `fermata dev` starts a version that is not published. `fermata publish` publishes it.";
    RUN_EXISTS = "run-exists", 409, "A run with this business key exists",
        "The definition says `duplicates: reject`. `id` names the run there is.";
    RUN_FAILED = "run-failed", 409, "The run has failed",
        "`error` has the type, message, step and details of the error that ended it.";
    RUN_CANCELLED = "run-cancelled", 409, "The run was cancelled",
        "It has no result.";
    RUN_TERMINATED = "run-terminated", 409, "The run was terminated",
        "An operator ended it. It has no result.";
    RUN_CLOSED = "run-closed", 409, "The run has ended",
        "It takes no messages any more.";
    UPDATE_FAILED = "update-failed", 409, "The update has failed",
        "Its handler ended with an error, which `error` describes. The run goes on.";
    TOO_LARGE = "too-large", 413, "The request is too large",
        "`GET /v1/limits` says how large a body may be.";
    UNSUPPORTED_MEDIA = "unsupported-media-type", 415, "The body must be JSON",
        "Send `Content-Type: application/json`.";
    INVALID_INPUT = "invalid-input", 422, "The input does not fit the process",
        "`errors` lists each violation with a JSON pointer into the input.";
    INVALID_PAYLOAD = "invalid-payload", 422, "The payload does not fit the message",
        "`errors` lists each violation with a JSON pointer into the payload.";
    UPDATE_REFUSED = "update-refused", 422, "The update was refused",
        "The definition allows it under a condition that does not hold; `detail` has the definition's words. Nothing
        has changed.";
    QUERY_FAILED = "query-failed", 422, "The query could not be answered",
        "The expression that answers it failed on what the run knows at the moment; `detail` says why.";
    INVALID_REQUEST = "invalid-request", 422, "The request asks for something that is not so",
        "`detail` says what, `errors` where.";
    INTERNAL = "internal", 500, "The service failed",
        "This is an error of the service. Its log has the request id.";
    UNAVAILABLE = "unavailable", 503, "The service cannot serve this now",
        "The server behind it, or its worker, does not answer. Try again after `Retry-After` seconds.";
}

/// A problem on its way to the caller.
#[derive(Debug)]
pub(super) struct Problem {
    kind: &'static ProblemKind,
    detail: String,
    members: Vec<(&'static str, Json)>,
    retry_after: Option<u32>,
}

impl Problem {
    pub fn new(kind: &'static ProblemKind, detail: impl Into<String>) -> Problem {
        Problem { kind, detail: detail.into(), members: Vec::new(), retry_after: None }
    }

    pub fn with(mut self, member: &'static str, value: Json) -> Problem {
        self.members.push((member, value));
        self
    }

    pub fn no_route(path: &str) -> Problem {
        Problem::new(&NO_ROUTE, format!("nothing is at `{path}`"))
    }

    pub fn method_not_allowed(method: &str, path: &str) -> Problem {
        Problem::new(&METHOD_NOT_ALLOWED, format!("`{path}` does not take {method}"))
    }

    pub fn unavailable(detail: impl Into<String>) -> Problem {
        Problem { retry_after: Some(2), ..Problem::new(&UNAVAILABLE, detail) }
    }

    pub fn invalid_input(violations: &[Violation]) -> Problem {
        let first = violations.first().map_or(String::new(), |v| format!("at `{}`: {}", v.pointer, v.detail));
        let errors: Vec<Json> =
            violations.iter().map(|v| json!({"pointer": v.pointer, "code": v.code, "detail": v.detail})).collect();
        Problem::new(&INVALID_INPUT, first).with("errors", Json::Array(errors))
    }

    pub fn invalid_payload(violations: &[Violation]) -> Problem {
        let first = violations.first().map_or(String::new(), |v| format!("at `{}`: {}", v.pointer, v.detail));
        let errors: Vec<Json> =
            violations.iter().map(|v| json!({"pointer": v.pointer, "code": v.code, "detail": v.detail})).collect();
        Problem::new(&INVALID_PAYLOAD, first).with("errors", Json::Array(errors))
    }

    /// A complaint about one place of the request.
    pub fn invalid(pointer: &str, code: &str, detail: impl Into<String>) -> Problem {
        let detail = detail.into();
        let errors = json!([{"pointer": pointer, "code": code, "detail": detail}]);
        Problem::new(&INVALID_REQUEST, detail).with("errors", errors)
    }
}

impl From<TemporalError> for Problem {
    fn from(error: TemporalError) -> Problem {
        match error {
            TemporalError::NotFound => Problem::new(&UNKNOWN_RUN, "there is no such run"),
            TemporalError::Unavailable { .. } | TemporalError::NoWorker => {
                tracing::warn!(%error, "not available");
                Problem::unavailable("the runs cannot be reached at the moment")
            }
            TemporalError::Refused(_) | TemporalError::NotUnderstood(_) => {
                tracing::error!(%error, "refused");
                Problem::new(&INTERNAL, "the request could not be carried out; the log of the service says why")
            }
        }
    }
}

impl From<ChooseError> for Problem {
    fn from(error: ChooseError) -> Problem {
        match &error {
            ChooseError::Process { .. } => Problem::new(&UNKNOWN_PROCESS, error.to_string()),
            ChooseError::Version { .. } => Problem::new(&UNKNOWN_VERSION, error.to_string()),
            ChooseError::Label { .. } => Problem::new(&UNKNOWN_LABEL, error.to_string()),
            ChooseError::NotPublished { .. } => Problem::new(&NOT_PUBLISHED, error.to_string()),
            ChooseError::NotUnderstood { .. } => Problem::unavailable(error.to_string()),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": format!("/problems/{}", self.kind.code),
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
        });
        if let Some(body) = body.as_object_mut() {
            body.extend(self.members.into_iter().map(|(name, value)| (name.to_owned(), value)));
        }
        let status = StatusCode::from_u16(self.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// What a handler that panicked answers; what it said goes to the log.
pub(super) fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let said = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|s| s.to_string()));
    tracing::error!(panic = said.unwrap_or_default(), "a handler panicked");
    Problem::new(&INTERNAL, "the service failed; its log says why").into_response()
}

/// The page of a kind of problem.
pub(super) async fn page(Path(code): Path<String>) -> Result<String, Problem> {
    match PROBLEMS.iter().find(|p| p.code == code) {
        Some(kind) => Ok(format!("{} ({})\n\n{}\n", kind.title, kind.status, kind.page)),
        None => Err(Problem::no_route(&format!("/problems/{code}"))),
    }
}
