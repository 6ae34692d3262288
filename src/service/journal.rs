//! `GET /v1/runs/{id}/journal`: what happened in a run, a page at a time, oldest first.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value as Json;

use super::problem::{MALFORMED, Problem};
use super::runs::{NO_TOKEN, page_size, pairs};
use super::state::Service;
use crate::story::Line;
use crate::temporal::{Sources, StartInput, TemporalError, Token};

const PAGE: i32 = 100;

pub(super) async fn journal(
    State(service): State<Service>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let (mut size, mut token) = (PAGE, None);
    for (name, value) in pairs(query.as_deref()) {
        let wrong = |what: &str| Problem::new(&MALFORMED, format!("`{name}={value}`: {what}"));
        match name.as_str() {
            "page_size" => size = page_size(&value).map_err(|words| wrong(&words))?,
            "page_token" => token = Some(Token::of_text(&value).ok_or_else(|| wrong(NO_TOKEN))?),
            _ => return Err(wrong("a journal takes page_size and page_token")),
        }
    }
    let catalog = service.catalog();
    let sources: Sources =
        Arc::new(move |start: &StartInput| catalog.with_digest(&start.process, start.version, &start.digest));
    let temporal = service.temporal()?;
    let size = usize::try_from(size).unwrap_or(1);
    let page = match temporal.journal(&id, token.as_ref(), size, &sources).await {
        // Of a run that is there, what the token names is forgotten.
        Err(TemporalError::NotFound) if token.is_some() => {
            temporal.describe(&id).await?;
            let words = "what this `page_token` names is not kept any more; begin again without one";
            return Err(Problem::new(&MALFORMED, words));
        }
        page => page?,
    };
    let next = page.next.map_or(Json::Null, |next| next.to_text().into());
    let from = page.from.map(|from| format!(",\"from\":\"{from}\"")).unwrap_or_default();
    let entries: Vec<String> = page.lines.iter().map(Line::json).collect();
    let complete = page.from.is_none();
    let body =
        format!("{{\"entries\":[{}],\"nextPageToken\":{next},\"complete\":{complete}{from}}}", entries.join(","));
    let mut response = (StatusCode::OK, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
