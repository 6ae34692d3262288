//! Errors of a run: data, with a type that authors can name.

use serde::{Deserialize, Serialize};

use crate::syntax::ErrorType;
use crate::value::Value;

/// What `error` is in an author's expressions, and what a failed run answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunError {
    #[serde(rename = "type")]
    pub kind: ErrorType,
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
    pub fn new(kind: impl Into<ErrorType>, message: impl Into<String>, step: &str) -> RunError {
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
        self.kind.caught()
    }

    pub fn to_value(&self) -> Value {
        Value::map([
            ("type", Value::text(self.kind.text())),
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
            ..RunError::new(ErrorType::named(text("type")?), text("message")?, text("step")?)
        })
    }
}
