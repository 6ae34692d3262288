//! What happens to an input before a run exists (R46): validate as sent, fill in defaults, compute the business key.

use super::{business_key, check_key};
use crate::plan::{Overfull, Plan, Violation};
use crate::value::{Value, to_json};

/// Bytes of an input as JSON, with its defaults: as many as a request may have.
const INPUT: usize = 1024 * 1024;

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
        let sent = to_json(&input).len();
        let filled = INPUT.checked_sub(sent).ok_or(Overfull::Large).and_then(|room| schema.fill(&mut input, room));
        if let Err(overfull) = filled {
            let detail = match overfull {
                Overfull::Large => format!("with its defaults the input has more than {INPUT} bytes"),
                Overfull::Deep => overfull.to_string(),
            };
            let violation = Violation { pointer: String::new(), code: "default".to_owned(), detail };
            return Err(Refused::Input(vec![violation]));
        }
    }
    let key = match key {
        Some(key) => check_key(key),
        None => business_key(plan, &input),
    };
    let key = key.map_err(Refused::Key)?;
    Ok(Prepared { key, input })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Home, from_yaml};

    fn refusal(schema: &str, input: &Value) -> Option<String> {
        let text = format!("fermata: 1\nprocess: P\nversion: 1\nkey: ${{input.k}}\ninput: {schema}\nsteps: [log: x]\n");
        let (plan, complaints) = from_yaml(&text, &Home::default());
        let plan = plan.unwrap_or_else(|| panic!("{complaints:?}"));
        prepare(&plan, input.clone(), None).err().map(|refused| refused.to_string())
    }

    #[test]
    fn an_input_is_bounded_with_its_defaults() {
        let word = "x".repeat(1_000);
        let each =
            format!("{{properties: {{items: {{type: array, items: {{properties: {{w: {{default: {word}}}}}}}}}}}}}");
        let of = |n: usize| {
            let items = Value::list(vec![Value::map::<String>([]); n]);
            Value::map([("k", Value::text("a")), ("items", items)])
        };
        assert_eq!(refusal(&each, &of(1_000)), None);
        assert!(
            refusal(&each, &of(1_100)).is_some_and(|why| why.contains("with its defaults the input has more than"))
        );
        // As large as sent, it is not asked what it holds.
        let text = Value::map([("k", Value::text("a")), ("t", Value::text("x".repeat(INPUT)))]);
        assert!(refusal(&each, &text).is_some());
    }
}
