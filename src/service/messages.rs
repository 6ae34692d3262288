//! Signals, updates and queries of a run, by the names that its own version declares.

use std::sync::Arc;
use std::time::Duration as StdDuration;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

use super::body::{answer, read_optional};
use super::problem::{
    INVALID_PAYLOAD, MALFORMED, Problem, QUERY_FAILED, RUN_CLOSED, UNKNOWN_MESSAGE, UPDATE_FAILED, UPDATE_REFUSED,
};
use super::state::Service;
use crate::machine::{RefusalKind, UpdateOutcome};
use crate::plan::{Plan, Schema};
use crate::temporal::{Asked, RunStatus, Temporal, TemporalError, UpdateInput};
use crate::value::{Value, to_serde};

/// How long a query may take.
const QUERY: StdDuration = StdDuration::from_secs(5);
/// How long an update may take; a later repeat under the same id finds its outcome.
const UPDATE: StdDuration = StdDuration::from_secs(30);
pub(super) const LONGEST_ID: usize = 200;

/// A run, with the definition that it was started under.
struct Known {
    temporal: Temporal,
    plan: Arc<Plan>,
    open: bool,
}

async fn known(service: &Service, id: &str) -> Result<Known, Problem> {
    let temporal = service.temporal()?;
    let description = temporal.describe(id).await?;
    let start = service.start_input(id, &description.run_id).await?;
    let plan = start.plan().map_err(TemporalError::NotUnderstood)?;
    Ok(Known { temporal, plan, open: description.status == RunStatus::Running })
}

fn unknown(what: &str, name: &str, declared: &[&str]) -> Problem {
    let detail = match declared {
        [] => format!("this run takes no {what}s"),
        names => format!("there is no {what} `{name}`; there are {}", names.join(", ")),
    };
    Problem::new(&UNKNOWN_MESSAGE, detail).with("declared", declared.into())
}

fn closed(id: &str) -> Problem {
    Problem::new(&RUN_CLOSED, format!("the run `{id}` has ended"))
}

/// The message's own id: the caller's `Idempotency-Key`, under which a second one is a double, else a new one.
fn message_id(headers: &HeaderMap) -> Result<String, Problem> {
    match headers.get("idempotency-key") {
        None => Ok(uuid::Uuid::now_v7().to_string()),
        Some(value) => {
            let id = value.to_str().ok().filter(|id| !id.is_empty() && id.len() <= LONGEST_ID);
            let wrong = || format!("`Idempotency-Key` is text of 1 to {LONGEST_ID} visible characters");
            id.map(str::to_owned).ok_or_else(|| Problem::new(&MALFORMED, wrong()))
        }
    }
}

/// Whether a payload fits what the message declares. Errors: each violation, with its place.
fn fits(schema: Option<&Schema>, payload: &Value, what: &str) -> Result<(), Problem> {
    match schema {
        None if *payload == Value::Null => Ok(()),
        None => Err(Problem::invalid("", "payload", format!("this {what} carries nothing: send no body"))),
        Some(schema) => match schema.violations(payload) {
            violations if violations.is_empty() => Ok(()),
            violations => Err(Problem::invalid_payload(&violations)),
        },
    }
}

/// What signals and updates have in common.
struct Sent {
    /// The message's own id.
    message: String,
    payload: Value,
    run: Known,
}

async fn sent(service: &Service, id: &str, request: Request) -> Result<Sent, Problem> {
    let message = message_id(request.headers())?;
    let payload = read_optional(request, service.max_body()).await?;
    Ok(Sent { message, payload, run: known(service, id).await? })
}

/// `POST /v1/runs/{id}/signals/{name}`: the body is the payload.
pub(super) async fn signal(
    State(service): State<Service>,
    Path((id, name)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let Sent { message, payload, run } = sent(&service, &id, request).await?;
    let declared = run.plan.signal(&name).ok_or_else(|| unknown("signal", &name, &run.plan.signal_names()))?;
    fits(declared.payload(), &payload, "signal")?;
    if !run.open {
        return Err(closed(&id));
    }
    match run.temporal.signal(&id, &name, &payload, &message).await {
        Err(TemporalError::NotFound) => return Err(closed(&id)),
        other => other?,
    }
    tracing::info!(id, name, message, "signal taken");
    Ok(answer(StatusCode::ACCEPTED, &Value::map([("id", Value::text(id)), ("message", Value::text(message))])))
}

/// `POST /v1/runs/{id}/updates/{name}`: the body is the payload, the answer what the definition returns.
pub(super) async fn update(
    State(service): State<Service>,
    Path((id, name)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let Sent { message, payload, run } = sent(&service, &id, request).await?;
    let declared = run.plan.update(&name).ok_or_else(|| unknown("update", &name, &run.plan.update_names()))?;
    fits(declared.payload(), &payload, "update")?;
    // A closed run is asked too: the server still knows the outcomes of its updates by their ids.
    let input = UpdateInput { name: name.clone(), payload, id: Some(message) };
    match run.temporal.update(&id, &input, UPDATE).await {
        Ok(UpdateOutcome::Returned(value)) => Ok(answer(StatusCode::OK, &value)),
        Ok(UpdateOutcome::Refused(refusal)) => Err(match refusal.kind {
            RefusalKind::RunEnded => closed(&id),
            RefusalKind::Unknown => unknown("update", &name, &run.plan.update_names()),
            RefusalKind::PayloadInvalid => Problem::new(&INVALID_PAYLOAD, refusal.message),
            RefusalKind::Check | RefusalKind::Expression => Problem::new(&UPDATE_REFUSED, refusal.message),
        }),
        Ok(UpdateOutcome::Failed(error)) => {
            let value = to_serde(&error.to_value());
            Err(Problem::new(&UPDATE_FAILED, error.message).with("error", value))
        }
        Err(TemporalError::NotFound) => Err(closed(&id)),
        Err(error) => Err(error.into()),
    }
}

/// `GET /v1/runs/{id}/queries/{name}`: works on closed runs too.
pub(super) async fn query(
    State(service): State<Service>,
    Path((id, name)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let run = known(&service, &id).await?;
    if run.plan.query(&name).is_none() {
        return Err(unknown("query", &name, &run.plan.query_names()));
    }
    match run.temporal.query(&id, &name, QUERY).await? {
        Asked::Answer(value) => {
            let mut response = answer(StatusCode::OK, &value);
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            Ok(response)
        }
        Asked::Refused(refusal) => Err(match refusal.kind {
            RefusalKind::Unknown => unknown("query", &name, &run.plan.query_names()),
            RefusalKind::RunEnded => closed(&id),
            RefusalKind::Expression | RefusalKind::Check | RefusalKind::PayloadInvalid => {
                Problem::new(&QUERY_FAILED, refusal.message)
            }
        }),
    }
}
