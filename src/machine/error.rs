//! Errors of a run: data, with a type that authors can name.

use serde::{Deserialize, Serialize};

use super::path::Path;
use super::state::present;
use crate::syntax::ErrorType;
use crate::value::Value;

/// What `error` is in an author's expressions, and what a failed run answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunError {
    #[serde(rename = "type")]
    pub kind: ErrorType,
    pub message: String,
    /// The activation path of the step it came from, as text: an error is data, and leaves the run.
    pub step: String,
    /// How often a call was tried, where that is known.
    #[serde(deserialize_with = "present")]
    pub attempts: Option<u32>,
    pub details: Value,
}

impl RunError {
    pub fn new(kind: impl Into<ErrorType>, message: impl Into<String>, step: &Path) -> RunError {
        RunError {
            kind: kind.into(),
            message: message.into(),
            step: step.to_string(),
            attempts: None,
            details: Value::Null,
        }
    }

    /// Whether `on-error` and `catch` may see it: limits of the interpreter are never caught.
    pub fn catchable(&self) -> bool {
        self.kind.caught()
    }

    /// What expressions see of it, which is what travels.
    pub fn to_value(&self) -> Value {
        Value::map([
            ("type", Value::text(self.kind.text())),
            ("message", Value::text(self.message.as_str())),
            ("step", Value::text(self.step.as_str())),
            ("attempts", self.attempts.map_or(Value::Null, |n| Value::integer(i64::from(n)))),
            ("details", self.details.clone()),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::Own;
    use crate::value::{Decimal, from_json, from_value, to_json, to_value};

    #[test]
    fn what_expressions_see_is_what_travels() {
        let plain = RunError::new(Own::HttpStatus(404), "not there", &Path::RUN);
        let details = Value::map([("$t", Value::Number(Decimal::new(15, 1)))]);
        let full = RunError { attempts: Some(3), details, ..plain.clone() };
        for error in [plain, full] {
            assert_eq!(to_value(&error).ok(), Some(error.to_value()));
            let travelled: Value = from_json(&to_json(&error.to_value())).unwrap();
            assert_eq!(from_value::<RunError>(&travelled).ok(), Some(error));
        }
    }
}
