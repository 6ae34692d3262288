//! Errors of a run: data, with a type that authors can name.

use serde::{Deserialize, Serialize};

use crate::value::Value;

/// What `error` is in an author's expressions, and what a failed run answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunError {
    /// Such as `http.404`, `timeout`, `expression`, or the author's own.
    #[serde(rename = "type")]
    pub kind: String,
    pub message: String,
    /// The activation path of the step it came from.
    pub step: String,
    /// How often a call was tried, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    #[serde(default)]
    pub details: Value,
}

impl RunError {
    pub fn new(kind: impl Into<String>, message: impl Into<String>, step: &str) -> RunError {
        RunError {
            kind: kind.into(),
            message: message.into(),
            step: step.to_owned(),
            attempts: None,
            details: Value::Null,
        }
    }

    /// Whether `on-error` and `catch` may see it: limits of the interpreter are never caught.
    pub fn catchable(&self) -> bool {
        !self.kind.starts_with("limit.")
    }

    pub fn to_value(&self) -> Value {
        Value::map([
            ("type", Value::text(self.kind.as_str())),
            ("message", Value::text(self.message.as_str())),
            ("step", Value::text(self.step.as_str())),
            ("attempts", self.attempts.map_or(Value::Null, |n| Value::integer(i64::from(n)))),
            ("details", self.details.clone()),
        ])
    }

    /// Reads what [`RunError::to_value`] wrote.
    pub fn from_value(value: &Value) -> Option<RunError> {
        let text = |name| value.get(name).and_then(Value::as_text);
        Some(RunError {
            attempts: match value.get("attempts") {
                Some(Value::Number(n)) => u32::try_from(*n).ok(),
                _ => None,
            },
            details: value.get("details").cloned().unwrap_or_default(),
            ..RunError::new(text("type")?, text("message")?, text("step")?)
        })
    }
}

/// Whether an error type fits a pattern: `*` stands for any text, `http.4xx` for every status of that hundred.
pub(super) fn matches(pattern: &str, kind: &str) -> bool {
    if let (Some(hundred), Some(status)) = (pattern.strip_prefix("http."), kind.strip_prefix("http."))
        && let Some(digit) = hundred.strip_suffix("xx").filter(|d| d.len() == 1)
    {
        return status.len() == 3 && status.starts_with(digit) && status.bytes().all(|b| b.is_ascii_digit());
    }
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = kind.strip_prefix(first) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(previous) = last.replace(part) {
            match rest.find(previous) {
                Some(at) => rest = rest.get(at + previous.len()..).unwrap_or(""),
                None => return false,
            }
        }
    }
    match last {
        None => rest.is_empty(),
        Some(end) => rest.ends_with(end),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_fit_types() {
        for (pattern, kind) in
            [("http.4xx", "http.404"), ("*", "x"), ("http.*", "http.timeout"), ("a*c*e", "abcde"), ("x", "x")]
        {
            assert!(matches(pattern, kind), "{pattern} {kind}");
        }
        for (pattern, kind) in
            [("http.4xx", "http.500"), ("http.4xx", "http.timeout"), ("x", "xy"), ("a*c", "abcd"), ("*c", "cd")]
        {
            assert!(!matches(pattern, kind), "{pattern} {kind}");
        }
    }
}
