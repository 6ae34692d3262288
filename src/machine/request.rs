//! The request of an `http` step, as it is handed to the host and written into the history.

use crate::plan::Retry;
use crate::value::{Decimal, Duration, Value};

/// One HTTP request and the rules for trying it again. Addresses and credentials are the host's.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub service: String,
    pub method: String,
    /// Below the service's address, begins with `/`, already percent-encoded.
    pub path: String,
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// JSON; `None` sends no body.
    pub body: Option<Value>,
    /// Accepted statuses: `200`, `2xx`.
    pub expect: Vec<String>,
    /// Of one attempt.
    pub timeout: Duration,
    pub retry: Retry,
}

#[derive(Debug, thiserror::Error)]
#[error("the request lacks or misstates `{0}`")]
pub struct RequestError(&'static str);

impl Request {
    /// The form that travels: a JSON map.
    pub fn to_value(&self) -> Value {
        let pairs = |pairs: &[(String, String)]| {
            Value::List(pairs.iter().map(|(k, v)| Value::list([k.as_str().into(), v.as_str().into()])).collect())
        };
        let texts = |texts: &[String]| Value::List(texts.iter().map(|t| t.as_str().into()).collect());
        let retry = &self.retry;
        let mut fields = vec![
            ("service", Value::text(self.service.as_str())),
            ("method", Value::text(self.method.as_str())),
            ("path", Value::text(self.path.as_str())),
            ("expect", texts(&self.expect)),
            ("timeout", Value::integer(self.timeout.millis())),
            (
                "retry",
                Value::map([
                    ("attempts", retry.attempts.map_or(Value::Null, |n| Value::integer(i64::from(n)))),
                    ("first", Value::integer(retry.first.millis())),
                    ("factor", Value::Number(retry.factor)),
                    ("longest", Value::integer(retry.longest.millis())),
                    ("total", Value::integer(retry.total.millis())),
                    ("on", retry.on.as_deref().map_or(Value::Null, texts)),
                    ("unless", texts(&retry.unless)),
                ]),
            ),
        ];
        if !self.query.is_empty() {
            fields.push(("query", pairs(&self.query)));
        }
        if !self.headers.is_empty() {
            fields.push(("headers", pairs(&self.headers)));
        }
        if let Some(body) = &self.body {
            fields.push(("body", body.clone()));
        }
        Value::map(fields)
    }

    /// Reads what [`Request::to_value`] wrote. Errors: the first field that is missing or of another kind.
    pub fn from_value(value: &Value) -> Result<Request, RequestError> {
        let text = |name| text(value, name).ok_or(RequestError(name));
        let retry = value.get("retry").ok_or(RequestError("retry"))?;
        Ok(Request {
            service: text("service")?,
            method: text("method")?,
            path: text("path")?,
            query: pairs(value.get("query")).ok_or(RequestError("query"))?,
            headers: pairs(value.get("headers")).ok_or(RequestError("headers"))?,
            body: value.get("body").cloned(),
            expect: texts(value.get("expect")).ok_or(RequestError("expect"))?,
            timeout: duration(value, "timeout").ok_or(RequestError("timeout"))?,
            retry: Retry {
                attempts: integer(retry.get("attempts")).and_then(|n| u32::try_from(n).ok()),
                first: duration(retry, "first").ok_or(RequestError("retry.first"))?,
                factor: match retry.get("factor") {
                    Some(Value::Number(n)) => *n,
                    _ => Decimal::TWO,
                },
                longest: duration(retry, "longest").ok_or(RequestError("retry.longest"))?,
                total: duration(retry, "total").ok_or(RequestError("retry.total"))?,
                on: retry.get("on").filter(|on| **on != Value::Null).and_then(|on| texts(Some(on))),
                unless: texts(retry.get("unless")).ok_or(RequestError("retry.unless"))?,
            },
        })
    }
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_text).map(str::to_owned)
}

fn integer(value: Option<&Value>) -> Option<i64> {
    match value {
        Some(Value::Number(n)) => i64::try_from(*n).ok(),
        _ => None,
    }
}

fn duration(value: &Value, name: &str) -> Option<Duration> {
    integer(value.get(name)).map(Duration)
}

fn texts(value: Option<&Value>) -> Option<Vec<String>> {
    match value {
        Some(Value::List(items)) => items.iter().map(|i| i.as_text().map(str::to_owned)).collect(),
        _ => None,
    }
}

fn pairs(value: Option<&Value>) -> Option<Vec<(String, String)>> {
    let Some(value) = value else { return Some(Vec::new()) };
    let Value::List(items) = value else { return None };
    items
        .iter()
        .map(|item| match item {
            Value::List(pair) => match &**pair {
                [Value::Text(k), Value::Text(v)] => Some((k.to_string(), v.to_string())),
                _ => None,
            },
            _ => None,
        })
        .collect()
}
