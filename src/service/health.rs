//! Whether the service lives and whether it can serve.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::body::answer;
use super::messages::LONGEST_ID;
use super::problem::Problem;
use super::state::Service;
use crate::machine::{INBOX, INBOX_BYTES};
use crate::plan::MAX_FROZEN;
use crate::syntax::{MAX_DEPTH, MAX_SOURCE};
use crate::value::Value;

/// Touches nothing outside the process.
pub(super) async fn livez() -> &'static str {
    "ok\n"
}

/// Ready when Temporal answers, the worker of this process (if it has one) polls, and definitions were read.
pub(super) async fn readyz(State(service): State<Service>) -> Response {
    match service.ready().await {
        Ok(()) => "ok\n".into_response(),
        Err(why) => Problem::unavailable(why).into_response(),
    }
}

fn number(n: usize) -> Value {
    Value::integer(i64::try_from(n).unwrap_or(i64::MAX))
}

pub(super) async fn limits(State(service): State<Service>) -> Response {
    let limits = Value::map([
        ("body", number(service.max_body())),
        ("definition", number(MAX_SOURCE)),
        ("frozenDefinition", number(MAX_FROZEN)),
        ("depth", number(MAX_DEPTH)),
        ("businessKey", number(200)),
        ("pageSize", number(1_000)),
        ("resultWait", number(60)),
        ("messageId", number(LONGEST_ID)),
        ("unreadMessages", number(INBOX)),
        ("unreadBytes", number(INBOX_BYTES)),
    ]);
    answer(StatusCode::OK, &limits)
}
