//! A service over HTTP, as a caller sees it.

use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::Value as Json;

use crate::process::PATIENCE;

/// An HTTP client of one service.
#[derive(Clone)]
pub struct Api {
    client: Client,
    base: String,
}

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap_or(Json::Null)
    }

    /// Errors: another status than expected, with the body.
    pub fn expect(self, status: u16) -> Result<Answer, String> {
        if self.status == status {
            Ok(self)
        } else {
            Err(format!("expected {status}, got {}: {}", self.status, self.text))
        }
    }

    /// Holds a problem against its kind and a part of its detail.
    pub fn problem(self, status: u16, code: &str, part: &str) -> Result<(), String> {
        let answer = self.expect(status)?;
        let json = answer.json();
        let media = answer.headers.get("content-type").map(|v| v.to_str().unwrap_or("").to_owned());
        let fits = json["type"] == format!("/problems/{code}")
            && json["status"] == status
            && json["detail"].as_str().is_some_and(|d| d.contains(part))
            && answer.headers.contains_key("x-request-id");
        if fits && media.as_deref() == Some("application/problem+json") {
            Ok(())
        } else {
            Err(format!("not the problem `{code}` with `{part}`: {media:?} {}", answer.text))
        }
    }
}

impl Api {
    pub fn new(base: &str) -> Api {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Api { client: Client::builder().no_proxy().build().unwrap(), base: base.to_owned() }
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Result<Answer, String> {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.map_err(|e| format!("{path}: {e:?}"))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer { status, headers, text: response.text().await.map_err(|e| e.to_string())? })
    }

    pub async fn get(&self, path: &str) -> Result<Answer, String> {
        self.send(Method::GET, path, &[], None).await
    }

    pub async fn post(&self, path: &str, body: &Json) -> Result<Answer, String> {
        let json = [("content-type", "application/json")];
        self.send(Method::POST, path, &json, Some(body.to_string())).await
    }

    pub async fn start(&self, process: &str, input: Json) -> Result<Answer, String> {
        self.post(&format!("/v1/processes/{process}/runs"), &serde_json::json!({"input": input})).await
    }

    /// The result, waited for.
    pub async fn result(&self, id: &str) -> Result<Answer, String> {
        self.send(Method::GET, &format!("/v1/runs/{id}/result"), &[("prefer", "wait=60")], None).await
    }

    /// Looks at a path until its JSON is as wanted.
    pub async fn until(&self, path: &str, wanted: impl Fn(&Json) -> bool) -> Result<Json, String> {
        let deadline = Instant::now() + PATIENCE;
        let mut every = tokio::time::interval(Duration::from_millis(100));
        let mut last = String::new();
        while Instant::now() < deadline {
            every.tick().await;
            match self.get(path).await {
                Ok(answer) if wanted(&answer.json()) => return Ok(answer.json()),
                Ok(answer) => last = answer.text,
                Err(error) => last = error,
            }
        }
        Err(format!("{path} was not as wanted within 60 s; last: {last}"))
    }
}
