//! Bodies in: JSON with exact numbers, of a bounded size. Bodies out: JSON.

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;

use super::problem::{MALFORMED, Problem, TOO_LARGE, UNSUPPORTED_MEDIA};
use crate::value::{JsonError, Value, from_json, to_json};

/// What is read and thrown away of a body that is too large, so that the caller can read the answer.
const DRAINED: usize = 64 * 1024 * 1024;

/// Reads the JSON body of a request. Errors: another media type, a body over the limit, text that is not JSON.
pub(super) async fn read(request: Request, limit: usize) -> Result<Value, Problem> {
    let media = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    let essence = media.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    let json = essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"));
    if !json {
        let found = if media.is_empty() { "there is no Content-Type".into() } else { format!("`{media}` is not JSON") };
        return Err(Problem::new(&UNSUPPORTED_MEDIA, format!("{found}; send `Content-Type: application/json`")));
    }
    let bytes = collect(request.into_body(), limit).await?;
    parse(&bytes)
}

/// The same where the body may be left out: empty is null, whatever its media type.
pub(super) async fn read_optional(request: Request, limit: usize) -> Result<Value, Problem> {
    match request.body().size_hint().exact() {
        Some(0) => Ok(Value::Null),
        _ => read(request, limit).await,
    }
}

fn parse(bytes: &[u8]) -> Result<Value, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|_| Problem::new(&MALFORMED, "the body is not UTF-8"))?;
    if text.trim().is_empty() {
        return Err(Problem::new(&MALFORMED, "the body is empty"));
    }
    from_json(text).map_err(|error| match &error {
        JsonError::Malformed(_) | JsonError::Deep => Problem::new(&MALFORMED, format!("the body is {error}")),
        JsonError::Number { pointer, .. } => Problem::invalid(pointer, "number-out-of-range", error.to_string()),
        JsonError::Twice { pointer, .. } => Problem::invalid(pointer, "duplicate-key", error.to_string()),
    })
}

async fn collect(body: Body, limit: usize) -> Result<Vec<u8>, Problem> {
    let announced = body.size_hint().lower();
    let mut bytes = Vec::with_capacity(usize::try_from(announced).unwrap_or(0).min(limit));
    let (mut stream, mut seen) = (body.into_data_stream(), 0_usize);
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|e| Problem::new(&MALFORMED, format!("the body broke off: {e}")))?;
        seen += chunk.len();
        if seen <= limit {
            bytes.extend_from_slice(&chunk);
        } else if seen > DRAINED {
            break;
        }
    }
    if seen > limit {
        return Err(Problem::new(&TOO_LARGE, format!("the body is larger than {limit} bytes")));
    }
    Ok(bytes)
}

/// An answer of JSON.
pub(super) fn answer(status: StatusCode, value: &Value) -> Response {
    let mut response = (status, to_json(value)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
