//! The HTTP service: the one thing in front of Temporal. Callers do HTTP and never learn that Temporal exists.
//!
//! This room may not know: steps and how they run.

mod body;
mod compare;
mod health;
mod journal;
mod messages;
mod problem;
mod processes;
mod runs;
mod standin;
mod state;

pub use problem::{PROBLEMS, ProblemKind};
pub use runs::RUN_ID;
pub use standin::{router as stand_in, serve_app};
pub use state::{Service, Supervisor, watch};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;

use problem::Problem;

/// All routes of the service, those of `[[route]]` included.
pub fn router(service: Service) -> Router {
    let mut router = Router::new()
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/v1/limits", get(health::limits))
        .route("/v1/processes", get(processes::list))
        .route("/v1/processes/{process}", get(processes::one))
        .route("/v1/processes/{process}/versions", get(processes::versions))
        .route("/v1/processes/{process}/versions/{version}", get(processes::version))
        .route("/v1/processes/{process}/compare/{pair}", get(compare::compare))
        .route("/v1/processes/{process}/runs", post(runs::start))
        .route("/v1/runs", get(runs::list))
        .route("/v1/runs/{id}", get(runs::status))
        .route("/v1/runs/{id}/result", get(runs::result))
        .route("/v1/runs/{id}/journal", get(journal::journal))
        .route("/v1/runs/{id}/cancel", post(runs::cancel))
        .route("/v1/runs/{id}/signals/{name}", post(messages::signal))
        .route("/v1/runs/{id}/updates/{name}", post(messages::update))
        .route("/v1/runs/{id}/queries/{name}", get(messages::query))
        .route("/problems/{code}", get(problem::page));
    for route in service.routes() {
        let process = route.process.clone();
        router = router.route(
            &route.path,
            post(move |State(service): State<Service>, request: Request| {
                runs::start_by_route(service, process, request)
            }),
        );
    }
    router
        .fallback(|request: Request| async move { Problem::no_route(request.uri().path()) })
        .method_not_allowed_fallback(|request: Request| async move {
            Problem::method_not_allowed(request.method().as_str(), request.uri().path())
        })
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(middleware::from_fn(request_id))
        .with_state(service)
}

/// Serves until `stop` resolves, then takes no new connection and lets the open ones end. Errors: words for the log.
pub async fn serve_until(
    listener: tokio::net::TcpListener,
    service: Service,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), String> {
    let serving = axum::serve(listener, router(service)).with_graceful_shutdown(stop);
    serving.await.map_err(|e| format!("the service ended: {e}"))
}

/// Every answer carries the id of its request: the caller's, if it is a plain one, else a new one.
async fn request_id(request: Request, next: Next) -> Response {
    const NAME: HeaderName = HeaderName::from_static("x-request-id");
    let plain = |v: &&HeaderValue| v.len() <= 100 && v.as_bytes().iter().all(|b| b.is_ascii_graphic());
    let id = request.headers().get(NAME).filter(plain).cloned();
    let id = id.or_else(|| HeaderValue::from_str(&uuid::Uuid::now_v7().to_string()).ok());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = next.run(request).await;
    let status = response.status();
    if let Some(id) = id {
        if status.is_server_error() {
            tracing::warn!(%method, path, status = status.as_u16(), request = ?id, "answered");
        } else {
            tracing::debug!(%method, path, status = status.as_u16(), request = ?id, "answered");
        }
        response.headers_mut().insert(NAME, id);
    }
    response
}
