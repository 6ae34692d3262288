//! The activity `fermata.http`: one attempt of a request, through the one guarded client.

#![allow(dead_code, reason = "the SDK's macro leaves a constant for each activity that nothing reads")]

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration as StdDuration;

use futures::StreamExt;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use temporalio_common::ActivityDefinition;
use temporalio_common::data_converters::RawValue;
use temporalio_macros::activities;
use temporalio_sdk::ApplicationFailure;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use url::{Host, Url};

use super::address;
use super::clock::now;
use super::pace::pace_of;
use super::wire::{self, HttpAnswer, HttpFailure, HttpWork};
use crate::config::Service;
use crate::machine::{Attempt, CallError, Own, Reply, Request, Verdict, judge};
use crate::value::{Duration, JsonError, Value, from_json, to_json};

/// The largest reply body.
const MAX_REPLY: usize = 1024 * 1024;
const CONNECT: StdDuration = StdDuration::from_secs(10);

/// The activity's definition, under the name that is kept for ever.
pub struct HttpCall;

impl ActivityDefinition for HttpCall {
    type Input = RawValue;
    type Output = RawValue;
    fn name(&self) -> &str {
        "fermata.http"
    }
}

/// The services a worker can reach.
#[derive(Debug, Clone, Default)]
pub struct Services {
    pub declared: BTreeMap<String, Service>,
    /// Where requests to services that are not declared go, below their name; for development only.
    pub otherwise: Option<Url>,
}

/// The implementation of the activity.
pub struct HttpActivity {
    services: BTreeMap<String, (Service, reqwest::Client)>,
    otherwise: Option<(Url, reqwest::Client)>,
}

#[activities]
impl HttpActivity {
    #[activity(definition = HttpCall)]
    pub async fn call(self: Arc<Self>, ctx: ActivityContext, input: RawValue) -> Result<RawValue, ActivityError> {
        let HttpWork { path, idempotency_key: key, request } =
            wire::read(&input.payloads).map_err(|e| fatal(Own::HttpRefused, e.to_string()))?;
        let number = ctx.info().attempt;
        let pace = pace_of(ctx.info().workflow_id.as_deref().unwrap_or(""));
        let paced = pace.as_ref().map(|pace| (pace, pace.attempt(&path, number)));
        let timeout = match &paced {
            None => std_millis(request.timeout.millis()),
            Some((pace, attempt)) => {
                attempt.timeout.map_or(StdDuration::from_secs(60), |at| std_millis(pace.until(at, now().millis())))
            }
        };
        let attempt = self.attempt(&request, &key, timeout);
        tokio::pin!(attempt);
        let mut beat = tokio::time::interval(StdDuration::from_secs(1));
        beat.tick().await;
        let attempt = loop {
            tokio::select! {
                attempt = &mut attempt => break attempt,
                _ = ctx.cancelled() => return Err(ActivityError::cancelled()),
                _ = beat.tick() => { let _ = ctx.record_heartbeat(number).await; }
            }
        };
        match judge(&request, attempt) {
            Verdict::Accepted(reply) => {
                let answer = HttpAnswer { attempts: number, reply };
                wire::written(&answer).map_err(|e| fatal(Own::HttpInvalidReply, e.to_string()))
            }
            Verdict::Failed { error, retry, after } => {
                let (retry, pause) = match &paced {
                    None => (retry, after.map(Duration::millis)),
                    Some((pace, attempt)) => {
                        (retry && attempt.next.is_some(), attempt.next.map(|at| pace.until(at, now().millis())))
                    }
                };
                Err(failure(error, number, retry, pause.map(std_millis)))
            }
        }
    }
}

fn std_millis(millis: i64) -> StdDuration {
    StdDuration::from_millis(u64::try_from(millis).unwrap_or(0))
}

fn failure(error: CallError, attempts: u32, retry: bool, after: Option<StdDuration>) -> ActivityError {
    let details = HttpFailure { attempts, details: error.details };
    ActivityError::application(
        ApplicationFailure::builder(anyhow::anyhow!("{}", error.message))
            .type_name(error.kind.to_string())
            .non_retryable(!retry)
            .maybe_next_retry_delay(after)
            .maybe_details(wire::written(&details).ok())
            .build(),
    )
}

fn fatal(kind: Own, message: String) -> ActivityError {
    failure(CallError { kind: kind.into(), message, details: Value::Null }, 1, false, None)
}

fn failed(kind: Own, message: impl Into<String>) -> Attempt {
    Attempt::Failed { kind: kind.into(), message: message.into(), details: Value::Null }
}

impl HttpActivity {
    /// Errors: a TLS stack that cannot be set up.
    pub fn new(services: &Services) -> Result<HttpActivity, reqwest::Error> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = |loopback: bool, private: bool| {
            reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .connect_timeout(CONNECT)
                .dns_resolver(Arc::new(GuardedResolver { loopback, private }))
                .build()
        };
        let declared = services
            .declared
            .iter()
            .map(|(name, s)| Ok((name.clone(), (s.clone(), client(s.loopback, s.private)?))))
            .collect::<Result<_, reqwest::Error>>()?;
        let otherwise = services.otherwise.as_ref().map(|url| Ok((url.clone(), client(true, false)?))).transpose()?;
        Ok(HttpActivity { services: declared, otherwise })
    }

    fn service(&self, name: &str) -> Option<(Service, &reqwest::Client)> {
        if let Some((service, client)) = self.services.get(name) {
            return Some((service.clone(), client));
        }
        let (url, client) = self.otherwise.as_ref()?;
        let url = url.join(name).ok()?;
        Some((Service { url, loopback: true, private: false, headers: Vec::new() }, client))
    }

    async fn attempt(&self, request: &Request, key: &str, timeout: StdDuration) -> Attempt {
        let Some((service, client)) = self.service(&request.service) else {
            let message = format!("the service `{}` is not declared in this worker's fermata.toml", request.service);
            return failed(Own::HttpRefused, message);
        };
        let service = &service;
        let url = match target(service, request) {
            Ok(url) => url,
            Err(message) => return failed(Own::HttpRefused, message),
        };
        let headers = match headers(service, request, key) {
            Ok(headers) => headers,
            Err(message) => return failed(Own::HttpRefused, message),
        };
        match tokio::time::timeout(timeout, send(client, request, url, headers)).await {
            Ok(attempt) => attempt,
            Err(_) => failed(
                Own::HttpTimeout,
                format!("{} {} did not answer within {}", request.method, request.path, request.timeout),
            ),
        }
    }
}

/// The service's address and the request's path, joined so that the result stays below the address.
fn target(service: &Service, request: &Request) -> Result<Url, String> {
    let base = service.url.as_str().trim_end_matches('/');
    let mut url = Url::parse(&format!("{base}{}", request.path)).map_err(|e| format!("`{}`: {e}", request.path))?;
    let below = service.url.path().trim_end_matches('/');
    let stays = url.origin() == service.url.origin()
        && url.path().strip_prefix(below).is_some_and(|rest| rest.starts_with('/'));
    if !stays || !url.username().is_empty() || url.password().is_some() {
        return Err(format!("the path `{}` leads away from the service", request.path));
    }
    if !request.query.is_empty() {
        url.query_pairs_mut().extend_pairs(&request.query);
    }
    let literal = match url.host() {
        Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
        _ => None,
    };
    if let Some(ip) = literal
        && let Err(why) = address::check(ip, service.loopback, service.private)
    {
        return Err(why);
    }
    Ok(url)
}

fn headers(service: &Service, request: &Request, key: &str) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let own = [("idempotency-key".to_owned(), key.to_owned()), ("accept".to_owned(), "application/json".to_owned())];
    // A list in a definition gives its header several times; what the environment says wins, and our own key over all.
    for (from, more) in [(&request.headers, true), (&service.headers, false), (&own.to_vec(), false)] {
        for (name, value) in from {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` is not a header"))?;
            let value =
                HeaderValue::from_str(value).map_err(|_| format!("the value of `{name}` is not a header value"))?;
            if more {
                headers.append(name, value);
            } else {
                headers.insert(name, value);
            }
        }
    }
    Ok(headers)
}

async fn send(client: &reqwest::Client, request: &Request, url: Url, mut headers: HeaderMap) -> Attempt {
    let Ok(method) = reqwest::Method::from_bytes(request.method.as_bytes()) else {
        return failed(Own::HttpRefused, format!("`{}` is not a method", request.method));
    };
    let mut builder = client.request(method, url);
    if let Some(body) = &request.body {
        headers.entry("content-type").or_insert(HeaderValue::from_static("application/json"));
        builder = builder.body(to_json(body));
    }
    let response = match builder.headers(headers).send().await {
        Ok(response) => response,
        Err(error) => return unreachable(request, &error),
    };
    let status = response.status().as_u16();
    let kept: BTreeMap<String, String> = response
        .headers()
        .iter()
        .filter(|(name, _)| Reply::keeps(name.as_str()))
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    let mut bytes = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(chunk) = stream.next().await {
        match chunk {
            Ok(chunk) if bytes.len() + chunk.len() <= MAX_REPLY => bytes.extend_from_slice(&chunk),
            Ok(_) => {
                let message = format!("{} {} answered more than {MAX_REPLY} bytes", request.method, request.path);
                return failed(Own::HttpTooLarge, message);
            }
            Err(error) => return unreachable(request, &error),
        }
    }
    match body(&bytes) {
        Ok(body) => Attempt::Replied(Reply { status, headers: kept, body }),
        Err(error) => failed(Own::HttpInvalidReply, format!("{} {}: {error}", request.method, request.path)),
    }
}

/// JSON where it is JSON, else text. Errors: JSON whose numbers would be changed by reading them.
fn body(bytes: &[u8]) -> Result<Value, JsonError> {
    let text = String::from_utf8_lossy(bytes);
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    match from_json(&text) {
        Ok(value) => Ok(value),
        Err(JsonError::Malformed(_)) => Ok(Value::text(text.into_owned())),
        Err(error) => Err(error),
    }
}

/// No reply: refused by the guard, or the connection failed.
fn unreachable(request: &Request, error: &reqwest::Error) -> Attempt {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    let mut deepest = error.to_string();
    while let Some(inner) = source {
        if let Some(refused) = inner.downcast_ref::<Refused>() {
            return failed(Own::HttpRefused, refused.0.clone());
        }
        deepest = inner.to_string();
        source = inner.source();
    }
    if error.is_timeout() {
        return failed(Own::HttpTimeout, format!("{} {}: {deepest}", request.method, request.path));
    }
    let sent = if error.is_connect() { "could not connect" } else { "the connection broke" };
    failed(Own::HttpUnreachable, format!("{} {}: {sent}: {deepest}", request.method, request.path))
}

/// Resolves names and keeps only the addresses that the service may have, at connect time, so that a name cannot first
/// show one address and then another.
struct GuardedResolver {
    loopback: bool,
    private: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(String);

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (loopback, private) = (self.loopback, self.private);
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            let (allowed, refused): (Vec<SocketAddr>, Vec<SocketAddr>) =
                found.into_iter().partition(|a| address::check(a.ip(), loopback, private).is_ok());
            match refused.first() {
                Some(first) if allowed.is_empty() => {
                    let why = address::check(first.ip(), loopback, private).err().unwrap_or_default();
                    Err(Refused(format!("`{host}`: {why}")).into())
                }
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}
