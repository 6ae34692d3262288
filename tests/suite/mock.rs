//! The services of the tests: answers are dealt by activation path and attempt, never by arrival.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use fermata::simulate::Reaction;
use fermata::value::to_json;
use url::Url;

/// An answer, and when it comes: milliseconds after the run's start, on this machine's clock.
#[derive(Clone)]
pub struct Dealt {
    pub reaction: Option<Reaction>,
    pub offset: i64,
    /// When the next attempt begins, if there is one.
    pub next: Option<i64>,
}

#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub key: String,
    pub body: String,
    pub at: i64,
}

#[derive(Default)]
struct Run {
    began: i64,
    deals: BTreeMap<String, Vec<Dealt>>,
    used: HashMap<String, usize>,
}

#[derive(Clone)]
pub struct Mock {
    pub url: Url,
    runs: Arc<Mutex<HashMap<String, Run>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

pub fn unix_millis() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

impl Mock {
    pub async fn start() -> Result<Mock, String> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(|e| e.to_string())?;
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let mock = Mock { url, runs: Arc::default(), seen: Arc::default() };
        let app = Router::new().fallback(answer).with_state(mock.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(mock)
    }

    /// Sets the answers of the run with this uid; runs without any are answered 200 at once.
    pub fn deal(&self, uid: &str, began: i64, deals: BTreeMap<String, Vec<Dealt>>) {
        self.runs.lock().unwrap().insert(uid.to_owned(), Run { began, deals, used: HashMap::new() });
    }

    /// Sets the answers of the next run, whatever its uid, that calls below the path of a service with this name.
    pub fn deal_any(&self, service: &str, began: i64, deals: BTreeMap<String, Vec<Dealt>>) {
        self.deal(&format!("/{service}/"), began, deals);
    }

    /// What arrived below the path of a service, in order of arrival.
    pub fn seen_any(&self, service: &str) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|s| s.path.starts_with(&format!("/{service}/"))).cloned().collect()
    }

    /// What arrived for a run, in order of arrival.
    pub fn seen(&self, uid: &str) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|s| s.key.starts_with(&format!("{uid}:"))).cloned().collect()
    }

    /// The next answer for a path of a run.
    pub fn next(&self, run: &str, path: &str) -> Option<(Dealt, i64)> {
        let mut runs = self.runs.lock().unwrap();
        let run = runs.get_mut(run)?;
        let used = run.used.entry(path.to_owned()).or_default();
        let dealt = run.deals.get(path)?.get(*used).cloned()?;
        *used += 1;
        Some((dealt, run.began))
    }

    /// The same for a request: by the idempotency key, else by the service.
    fn next_request(&self, key: &str, at: &str) -> Option<(Dealt, i64)> {
        let (uid, path) = key.split_once(':')?;
        let service = format!("/{}/", at.split('/').nth(1).unwrap_or(""));
        let name = [uid, &service].into_iter().find(|n| self.runs.lock().unwrap().contains_key(*n))?.to_owned();
        self.next(&name, path)
    }
}

async fn answer(State(mock): State<Mock>, request: Request) -> Response {
    let key = request.headers().get("idempotency-key").and_then(|k| k.to_str().ok()).unwrap_or("").to_owned();
    let (method, path) = (request.method().to_string(), request.uri().to_string());
    let body = String::from_utf8_lossy(&to_bytes(request.into_body(), 4 << 20).await.unwrap_or_default()).into_owned();
    let next = mock.next_request(&key, &path);
    mock.seen.lock().unwrap().push(Seen { method, path, key, body, at: unix_millis() });
    let Some((dealt, began)) = next else { return StatusCode::OK.into_response() };
    let Some(reaction) = dealt.reaction else { return std::future::pending().await };
    let wait = Duration::from_millis(u64::try_from(began + dealt.offset - unix_millis()).unwrap_or(0));
    tokio::time::sleep_until(tokio::time::Instant::now() + wait).await;
    match reaction {
        Reaction::Reply { status, headers, body } => {
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            let body = if to_json(&body) == "null" { Body::empty() } else { Body::from(to_json(&body)) };
            response.body(body).unwrap()
        }
        Reaction::Value(value) => to_json(&value).into_response(),
        // A body that breaks off is how a connection breaks from here.
        Reaction::Error { .. } => {
            let broken = futures::stream::once(async { Err::<Vec<u8>, _>(std::io::Error::other("broken on purpose")) });
            Response::builder().header("content-length", "10").body(Body::from_stream(broken)).unwrap()
        }
    }
}
