//! The request of an `http` step, as it is handed to the host and written into the history.

use serde::{Deserialize, Serialize};

use crate::plan::Retry;
use crate::value::{Decimal, Duration, Value, to_value};

/// One HTTP request and the rules for trying it again. Addresses and credentials are the host's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub service: String,
    pub method: String,
    /// Below the service's address, begins with `/`, already percent-encoded.
    pub path: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// JSON; `None` sends no body.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub body: Option<Value>,
    /// Accepted statuses: `200`, `2xx`.
    pub expect: Vec<String>,
    /// Of one attempt.
    #[serde(with = "millis")]
    pub timeout: Duration,
    #[serde(with = "RetryForm")]
    pub retry: Retry,
}

/// How the rules for trying again travel.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Retry", deny_unknown_fields)]
pub(super) struct RetryForm {
    attempts: Option<u32>,
    #[serde(with = "millis")]
    first: Duration,
    #[serde(with = "exact")]
    factor: Decimal,
    #[serde(with = "millis")]
    longest: Duration,
    #[serde(with = "millis")]
    total: Duration,
    on: Option<Vec<String>>,
    unless: Vec<String>,
}

impl Request {
    /// The form that travels, as a value: a map.
    pub fn to_value(&self) -> Value {
        // Fields of these kinds always serialise; null stands for the impossible.
        to_value(self).unwrap_or_default()
    }
}

/// A body that is null is one all the same.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// A duration as whole milliseconds.
pub(super) mod millis {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::value::Duration;

    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        duration.millis().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        i64::deserialize(deserializer).map(Duration)
    }
}

/// A number as a value of the language.
mod exact {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    use crate::value::{Decimal, Value};

    pub fn serialize<S: Serializer>(number: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
        Value::Number(*number).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Number(number) => Ok(number),
            other => Err(de::Error::custom(format!("expected a number, found {}", other.kind()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{from_json, from_value, to_json};

    #[test]
    fn a_request_travels_as_it_is() {
        let minute = Duration::from_secs(60);
        let retry = Retry {
            attempts: Some(3),
            first: Duration(250),
            factor: Decimal::new(15, 1),
            longest: minute,
            total: minute,
            on: Some(vec!["http.5xx".to_owned()]),
            unless: Vec::new(),
        };
        let plain = Request {
            service: "s".to_owned(),
            method: "PUT".to_owned(),
            path: "/a".to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            expect: vec!["2xx".to_owned()],
            timeout: Duration(1_500),
            retry,
        };
        let text = concat!(
            r#"{"expect":["2xx"],"method":"PUT","path":"/a","retry":{"attempts":3,"factor":1.5,"first":250,"#,
            r#""longest":60000,"on":["http.5xx"],"total":60000,"unless":[]},"service":"s","timeout":1500}"#
        );
        assert_eq!(to_json(&plain.to_value()), text);
        let full = Request {
            query: vec![("q".to_owned(), "1".to_owned()), ("q".to_owned(), "2".to_owned())],
            headers: vec![("x-a".to_owned(), "b".to_owned())],
            body: Some(Value::Null),
            ..plain.clone()
        };
        assert_eq!(full.to_value().get("query").map(to_json).as_deref(), Some(r#"[["q","1"],["q","2"]]"#));
        let body = Value::map([("$n", Value::Number(Decimal::new(25, 1))), ("a", Value::Null)]);
        let odd = Request { body: Some(body), ..plain.clone() };
        for request in [plain, full, odd] {
            let travelled: Value = from_json(&to_json(&request.to_value())).unwrap();
            assert_eq!(from_value::<Request>(&travelled).ok(), Some(request));
        }
        for wrong in [r#"{}"#, r#"{"service":"s","method":"GET","path":"/","expect":[],"timeout":1}"#] {
            let wrong: Value = from_json(wrong).unwrap();
            assert!(from_value::<Request>(&wrong).is_err());
        }
    }
}
