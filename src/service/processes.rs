//! What can be started: processes, their versions, and the text of each.

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::body::answer;
use super::problem::{Problem, UNKNOWN_VERSION};
use super::state::Service;
use crate::catalog::{Catalog, ChooseError, Version};
use crate::value::Value;

fn summary(catalog: &Catalog, name: &str, versions: &std::collections::BTreeMap<i64, Version>) -> Value {
    let newest = versions.values().next_back();
    let labels = catalog.releases(name).map(|r| r.labels().iter().map(|(l, v)| (l.as_str(), Value::integer(*v))));
    let rules = catalog.releases(name).map_or(&[][..], |releases| releases.rules());
    Value::map([
        ("process", Value::text(name)),
        ("versions", Value::List(versions.keys().map(|v| Value::integer(*v)).collect())),
        ("labels", Value::map(labels.into_iter().flatten())),
        ("rules", Value::List(rules.iter().map(|rule| Value::text(rule.words())).collect())),
        ("summary", newest.and_then(|v| v.plan.summary()).map_or(Value::Null, Value::text)),
    ])
}

pub(super) async fn list(State(service): State<Service>) -> Response {
    let catalog = service.catalog();
    let all = catalog.processes().map(|(name, versions)| summary(&catalog, name, versions)).collect();
    answer(StatusCode::OK, &Value::map([("processes", Value::List(all))]))
}

pub(super) async fn one(State(service): State<Service>, Path(process): Path<String>) -> Result<Response, Problem> {
    let catalog = service.catalog();
    Ok(answer(StatusCode::OK, &summary(&catalog, &process, catalog.versions(&process)?)))
}

pub(super) async fn versions(State(service): State<Service>, Path(process): Path<String>) -> Result<Response, Problem> {
    let catalog = service.catalog();
    let all = catalog
        .versions(&process)?
        .values()
        .map(|v| {
            Value::map([
                ("version", Value::integer(v.plan.version())),
                ("digest", Value::text(v.plan.digest())),
                ("summary", v.plan.summary().map_or(Value::Null, Value::text)),
                ("published", Value::Bool(v.published)),
            ])
        })
        .collect();
    Ok(answer(StatusCode::OK, &Value::map([("versions", Value::List(all))])))
}

/// The text as written.
pub(super) async fn version(
    State(service): State<Service>,
    Path((process, version)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let catalog = service.catalog();
    let number: i64 = version
        .parse()
        .map_err(|_| Problem::new(&UNKNOWN_VERSION, format!("`{version}` is not the number of a version")))?;
    let versions = catalog.versions(&process)?;
    let known = versions.keys().copied().collect();
    let unknown = || ChooseError::Version { process, version: number, known };
    let found = versions.get(&number).ok_or_else(unknown)?;
    let mut response = found.text.clone().into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/yaml; charset=utf-8"));
    if let Ok(etag) = HeaderValue::from_str(&format!("\"{}\"", found.plan.digest())) {
        headers.insert(header::ETAG, etag);
    }
    Ok(response)
}
