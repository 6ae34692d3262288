//! What happens to an input before a run exists (R46): validate as sent, fill in defaults, compute the business key.

use super::{business_key, check_key};
use crate::plan::{Plan, Violation};
use crate::value::Value;

/// An input that a run can be started with.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    pub key: String,
    /// With its defaults; frozen from here on.
    pub input: Value,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the input does not fit the process: {}", .0.iter().map(|v| format!("at `{}`: {}", v.pointer, v.detail)).collect::<Vec<_>>().join("; "))]
    Input(Vec<Violation>),
    #[error("{0}")]
    Key(String),
}

/// `key` is the caller's own business key, where it has one. Errors: an input that does not fit, or has no business key.
pub fn prepare(plan: &Plan, input: Value, key: Option<String>) -> Result<Prepared, Refused> {
    let mut input = input;
    if let Some(schema) = plan.input() {
        let violations = schema.violations(&input);
        if !violations.is_empty() {
            return Err(Refused::Input(violations));
        }
        schema.fill(&mut input);
    }
    let key = match key {
        Some(key) => check_key(key),
        None => business_key(plan, &input),
    };
    let key = key.map_err(Refused::Key)?;
    Ok(Prepared { key, input })
}
