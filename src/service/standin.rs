//! Stand-ins for the services that definitions call: for `fermata dev`, where nothing else answers. Every request is
//! accepted and said.

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Answers every request with 200 and `{"standIn": name}`, the name being the first part of the path; `told` hears of
/// each.
pub fn router(told: impl Fn(&str) + Clone + Send + Sync + 'static) -> Router {
    Router::new().fallback(move |request: Request| {
        let told = told.clone();
        async move { respond(&told, &request) }
    })
}

/// Serves an app for as long as the program lives.
pub async fn serve_app(listener: tokio::net::TcpListener, app: Router) {
    if let Err(error) = axum::serve(listener, app).await {
        tracing::warn!(%error, "the stand-ins ended");
    }
}

fn respond(told: &impl Fn(&str), request: &Request) -> Response {
    let path = request.uri().path_and_query().map_or("/", |p| p.as_str()).trim_start_matches('/');
    let (name, rest) = path.split_once('/').unwrap_or((path, ""));
    told(&format!("{name}: {} /{rest}", request.method()));
    let body = serde_json::json!({"standIn": name}).to_string();
    (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
