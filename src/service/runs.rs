//! Runs: start, find, look at, wait for, cancel.

use std::sync::Arc;
use std::time::Duration as StdDuration;

use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::form_urlencoded;

use super::body::{answer, read};
use super::problem::{MALFORMED, Problem, RUN_CANCELLED, RUN_EXISTS, RUN_FAILED, RUN_TERMINATED};
use super::state::Service;
use crate::catalog::Wanted;
use crate::machine::{Position, Refused, prepare};
use crate::plan::{Duplicates, Plan};
use crate::temporal::{Ending, Filter, RunStatus, StartInput, TemporalError};
use crate::value::{Time, Value, from_hex, to_hex, to_serde, to_value};

/// How long a query for a position may take.
const POSITION: StdDuration = StdDuration::from_secs(5);
const LONGEST_WAIT: u64 = 60;
const PAGE: i32 = 50;
const LARGEST_PAGE: i32 = 1_000;

/// What is percent-encoded of the id of a run in a path: all but the unreserved characters of RFC 3986.
pub const RUN_ID: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A run that was started or found.
struct Run {
    id: String,
    run_id: String,
    created: bool,
    start: Arc<StartInput>,
}

pub(super) async fn start(
    State(service): State<Service>,
    Path(process): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let body = read(request, service.max_body()).await?;
    let Value::Map(fields) = body else {
        return Err(Problem::invalid("", "type", "the body is a JSON object: {\"input\": …}"));
    };
    let mut fields = fields.into_fields();
    let input = fields.remove("input").unwrap_or_else(|| Value::map::<String>([]));
    let version = match fields.remove("version") {
        None | Some(Value::Null) => None,
        Some(Value::Number(n)) if n.is_integer() => i64::try_from(n).ok(),
        Some(_) => return Err(Problem::invalid("/version", "type", "`version` is a whole number")),
    };
    let label = match fields.remove("label") {
        None | Some(Value::Null) => None,
        Some(Value::Text(label)) => Some(label.to_string()),
        Some(_) => return Err(Problem::invalid("/label", "type", "`label` is text")),
    };
    if version.is_some() && label.is_some() {
        return Err(Problem::invalid("/label", "unknown-key", "a start names `version` or `label`, not both"));
    }
    let key = match fields.remove("key") {
        None | Some(Value::Null) => None,
        Some(Value::Text(key)) => Some(key.to_string()),
        Some(_) => return Err(Problem::invalid("/key", "type", "`key` is text")),
    };
    if let Some(unknown) = fields.keys().next() {
        let detail = format!("`{unknown}` cannot be set by a start; it takes `input`, `version`, `label` and `key`");
        return Err(Problem::invalid(&format!("/{unknown}"), "unknown-key", detail));
    }
    let run = start_or_find(&service, &process, &Wanted { version, label }, key, input).await?;
    let body = Value::map([
        ("id", Value::text(run.id.as_str())),
        ("runId", Value::text(run.run_id)),
        ("process", Value::text(run.start.process.as_str())),
        ("version", Value::integer(run.start.version)),
        ("digest", Value::text(run.start.digest.as_str())),
        ("created", Value::Bool(run.created)),
        ("chosen", run.start.chosen.clone().unwrap_or_default()),
    ]);
    let mut response = answer(if run.created { StatusCode::CREATED } else { StatusCode::OK }, &body);
    let location = format!("/v1/runs/{}", utf8_percent_encode(&run.id, RUN_ID));
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// A `[[route]]`: the body is the input, the answer is `{"Id", "RunId"}`.
pub(super) async fn start_by_route(service: Service, process: String, request: Request) -> Result<Response, Problem> {
    let input = read(request, service.max_body()).await?;
    let run = start_or_find(&service, &process, &Wanted::default(), None, input).await?;
    let body = Value::map([("Id", Value::text(run.id)), ("RunId", Value::text(run.run_id))]);
    Ok(answer(StatusCode::OK, &body))
}

async fn start_or_find(
    service: &Service,
    process: &str,
    wanted: &Wanted,
    key: Option<String>,
    input: Value,
) -> Result<Run, Problem> {
    let catalog = service.catalog();
    let (version, chosen) = catalog.choose(process, wanted, &input, key.as_deref())?;
    let plan: &Plan = &version.plan;
    let own_key = key.is_some();
    let prepared = prepare(plan, input, key).map_err(|refused| match refused {
        Refused::Input(violations) => Problem::invalid_input(&violations),
        Refused::Key(why) => Problem::invalid(if own_key { "/key" } else { "/input" }, "key", why),
    })?;
    let key = prepared.key;
    let id = format!("{process}.{key}");
    let uid = uuid::Uuid::now_v7().to_string();
    let start = StartInput { chosen: Some(chosen.to_value()), ..StartInput::new(plan, uid, key, prepared.input) };
    let summary = format!("{process} v{}", plan.version());
    let temporal = service.temporal()?;
    let started = temporal.start(&id, &start, &summary).await?;
    if started.created {
        tracing::info!(id, run = started.run_id, version = start.version, "started");
        return Ok(Run { id, run_id: started.run_id, created: true, start: Arc::new(start) });
    }
    tracing::info!(id, run = started.run_id, "exists already");
    if plan.duplicates() == Duplicates::Reject {
        return Err(Problem::new(&RUN_EXISTS, format!("the run `{id}` exists")).with("id", id.into()));
    }
    let first = service.start_input(&id, &started.run_id).await?;
    Ok(Run { id, run_id: started.run_id, created: false, start: first })
}

fn time(millis: i64) -> Value {
    Value::Time(Time(millis))
}

pub(super) async fn status(State(service): State<Service>, Path(id): Path<String>) -> Result<Response, Problem> {
    let temporal = service.temporal()?;
    let description = temporal.describe(&id).await?;
    let start = service.start_input(&id, &description.run_id).await?;
    let mut fields = vec![
        ("id", Value::text(id.as_str())),
        ("runId", Value::text(description.run_id)),
        ("process", Value::text(start.process.as_str())),
        ("version", Value::integer(start.version)),
        ("digest", Value::text(start.digest.as_str())),
        ("key", Value::text(start.key.as_str())),
        ("chosen", start.chosen.clone().unwrap_or_default()),
        ("status", Value::text(description.status.word())),
        ("started", time(description.started)),
    ];
    fields.extend(description.closed.map(|closed| ("closed", time(closed))));
    if description.status == RunStatus::Running {
        match temporal.position(&id, POSITION).await {
            Ok(position) => {
                fields.push(("waiting", Value::Bool(only_waits(&position))));
                let position = to_value(&position).map_err(|e| TemporalError::NotUnderstood(e.to_string()))?;
                fields.push(("position", position));
            }
            Err(TemporalError::NoWorker) => {
                fields.push(("position", Value::Null));
                fields.push(("positionUnknown", Value::text("no worker answers")));
            }
            Err(error) => return Err(error.into()),
        }
    }
    let mut response = answer(StatusCode::OK, &Value::map(fields));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Whether nothing is under way but time.
fn only_waits(position: &[Position<String>]) -> bool {
    !position.is_empty() && position.iter().all(Position::is_wait)
}

pub(super) async fn result(
    State(service): State<Service>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let temporal = service.temporal()?;
    let wait = preferred_wait(&headers)?;
    let ending = temporal.ending(&id, StdDuration::from_secs(wait.unwrap_or(0))).await?;
    let mut response = match ending {
        None => {
            temporal.describe(&id).await?; // another application's workflow is not a run
            let mut response = answer(StatusCode::ACCEPTED, &Value::map([("status", Value::text("running"))]));
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            response
        }
        Some(Ending::Completed(value)) => answer(StatusCode::OK, &value),
        Some(Ending::Failed(error)) => {
            let message = error.get("message").map(Value::to_display).unwrap_or_default();
            Problem::new(&RUN_FAILED, message).with("error", to_serde(&error)).into_response()
        }
        Some(Ending::Cancelled(details)) => {
            let reason = details.get("reason").map(Value::to_display).unwrap_or_default();
            Problem::new(&RUN_CANCELLED, "the run was cancelled").with("reason", reason.into()).into_response()
        }
        Some(Ending::Terminated(reason)) => {
            Problem::new(&RUN_TERMINATED, "the run was terminated").with("reason", reason.into()).into_response()
        }
    };
    if let Some(wait) = wait
        && let Ok(applied) = HeaderValue::from_str(&format!("wait={wait}"))
    {
        response.headers_mut().insert("preference-applied", applied);
    }
    Ok(response)
}

/// `Prefer: wait=N` in seconds; more than 60 is 60. Errors: something else than a number.
fn preferred_wait(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    for value in headers.get_all("prefer") {
        for preference in value.to_str().unwrap_or("").split([',', ';']) {
            if let Some(seconds) = preference.trim().strip_prefix("wait=") {
                let seconds: u64 = seconds.trim().parse().map_err(|_| {
                    Problem::new(&MALFORMED, format!("`Prefer: wait={seconds}`: the wait is a number of seconds"))
                })?;
                return Ok(Some(seconds.min(LONGEST_WAIT)));
            }
        }
    }
    Ok(None)
}

pub(super) async fn cancel(State(service): State<Service>, Path(id): Path<String>) -> Result<Response, Problem> {
    let temporal = service.temporal()?;
    temporal.describe(&id).await?;
    temporal.cancel(&id, "requested over HTTP").await?;
    tracing::info!(id, "cancel requested");
    Ok(answer(StatusCode::ACCEPTED, &Value::map([("id", Value::text(id))])))
}

/// What a page token that this service did not make is told.
pub(super) const NO_TOKEN: &str = "this is not a token of this service";

/// The names and values of a query string.
pub(super) fn pairs(query: Option<&str>) -> Vec<(String, String)> {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect()
}

/// The size of a page. Errors: words.
pub(super) fn page_size(value: &str) -> Result<i32, String> {
    let size = value.parse().ok().filter(|size| (1..=LARGEST_PAGE).contains(size));
    size.ok_or_else(|| format!("the size of a page is a number from 1 to {LARGEST_PAGE}"))
}

pub(super) async fn list(State(service): State<Service>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let mut filter = Filter::default();
    let (mut size, mut token) = (PAGE, Vec::new());
    for (name, value) in pairs(query.as_deref()) {
        let wrong = |what: &str| Problem::new(&MALFORMED, format!("`{name}={value}`: {what}"));
        match name.as_str() {
            "process" => filter.process = Some(value),
            "key" => filter.key = Some(value),
            "version" => {
                filter.version = Some(value.parse().map_err(|_| wrong("the version is a whole number"))?);
            }
            "status" => {
                let status = RunStatus::from_word(&value);
                filter.status =
                    Some(status.ok_or_else(|| wrong("one of running, completed, failed, cancelled, terminated"))?);
            }
            "page_size" => {
                size = page_size(&value).map_err(|words| wrong(&words))?;
            }
            "page_token" => token = from_hex(&value).ok_or_else(|| wrong(NO_TOKEN))?,
            _ => return Err(wrong("not a filter; there are process, version, status, key, page_size, page_token")),
        }
    }
    let (runs, next) = service.temporal()?.list(&filter, size, token).await?;
    let runs = runs
        .into_iter()
        .map(|run| {
            let mut fields = vec![
                ("id", Value::text(run.id)),
                ("runId", Value::text(run.description.run_id)),
                ("process", Value::text(run.process)),
                ("version", Value::integer(run.version)),
                ("key", Value::text(run.key)),
                ("status", Value::text(run.description.status.word())),
                ("started", time(run.description.started)),
            ];
            fields.extend(run.description.closed.map(|closed| ("closed", time(closed))));
            Value::map(fields)
        })
        .collect();
    let next = if next.is_empty() { Value::Null } else { Value::text(to_hex(&next)) };
    Ok(answer(StatusCode::OK, &Value::map([("runs", Value::List(runs)), ("nextPageToken", next)])))
}
