//! `GET /v1/processes/{process}/compare/{a}...{b}`: what a change means, and what it would do to the runs that are alive.

use std::time::Duration;

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::problem::{INTERNAL, MALFORMED, Problem, UNKNOWN_VERSION};
use super::state::Service;
use crate::review::{Side, compare_with, show};
use crate::temporal::{Judged, count};

/// How long open runs may be asked where they stand.
const LONGEST: Duration = Duration::from_secs(30);

/// `2...3`: two numbers of versions.
fn versions(pair: &str) -> Option<(i64, i64)> {
    let (old, new) = pair.split_once("...")?;
    Some((old.parse().ok()?, new.parse().ok()?))
}

pub(super) async fn compare(
    State(service): State<Service>,
    Path((process, pair)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let catalog = service.catalog();
    let known = catalog.versions(&process)?;
    let (old, new) = versions(&pair)
        .ok_or_else(|| Problem::new(&MALFORMED, format!("`{pair}` is no pair of versions, such as `1...2`")))?;
    let read = |number: i64| {
        let unknown = || Problem::new(&UNKNOWN_VERSION, format!("the process `{process}` has no version {number}"));
        let version = known.get(&number).ok_or_else(unknown)?;
        Side::read_or_say(&version.text, &format!("{process}@{number}")).map_err(|words| {
            tracing::error!(process, number, words, "a version that serves cannot be read");
            Problem::new(&INTERNAL, "a version could not be read; the log of the service says why")
        })
    };
    let (old, new) = (read(old)?, read(new)?);
    let list = match query.as_deref().unwrap_or("") {
        "" => false,
        "runs=list" => true,
        other => return Err(Problem::new(&MALFORMED, format!("`{other}`: only `runs=list` can be asked here"))),
    };
    // Witnesses are runs of the simulator: not for the threads that answer others.
    let sides = (old.clone(), new.clone());
    let mut review = tokio::task::spawn_blocking(move || compare_with(&sides.0, &sides.1, &[]))
        .await
        .map_err(|_| Problem::new(&INTERNAL, "the comparison failed; the log of the service says why"))?;
    let judged = live(&service, &old, &new).await;
    if let Some(judged) = &judged {
        count(&mut review, judged);
    }
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or("");
    if accept.contains("text/html") {
        return Ok(text("text/html; charset=utf-8", show::html(std::slice::from_ref(&review), false)));
    }
    if accept.contains("text/markdown") {
        return Ok(text("text/markdown; charset=utf-8", show::markdown(&review, false)));
    }
    let mut json = show::json(&review);
    if let (Some(judged), true, Some(live)) = (judged, list, json.get_mut("live").and_then(|live| live.as_object_mut()))
    {
        live.insert("runs".to_owned(), judged.iter().map(Judged::to_json).collect());
    }
    Ok(text("application/json", json.to_string()))
}

/// The open runs of the old version; `None` where Temporal is away or has more of them than can be asked in time.
async fn live(service: &Service, old: &Side, new: &Side) -> Option<Vec<Judged>> {
    let temporal = service.temporal().ok()?;
    match tokio::time::timeout(LONGEST, temporal.impact(old, new, &mut |_, _| {})).await {
        Ok(Ok(judged)) => Some(judged),
        Ok(Err(error)) => {
            tracing::warn!(process = old.plan.process(), %error, "the open runs could not be asked");
            None
        }
        Err(_) => {
            tracing::warn!(
                process = old.plan.process(),
                "there are too many open runs to ask in time: use `fermata impact`"
            );
            None
        }
    }
}

fn text(media: &'static str, text: String) -> Response {
    let mut response = (StatusCode::OK, text).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response
}
