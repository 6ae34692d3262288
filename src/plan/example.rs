//! An input that fits a schema, made up from it: for the lines that `dev` prints.

use serde_json::{Map, Value as Json, json};

use super::Schema;
use crate::value::{Value, from_json};

/// `None` where no fitting value is found by simple means.
pub fn example(schema: Option<&Schema>) -> Option<Value> {
    let Some(schema) = schema else { return Some(Value::map::<String>([])) };
    let made = make(schema.json(), "value", 0);
    let value: Value = from_json(&made.to_string()).ok()?;
    schema.violations(&value).is_empty().then_some(value)
}

fn make(schema: &Json, name: &str, depth: usize) -> Json {
    if let Some(given) = ["const", "default"].iter().find_map(|k| schema.get(k)) {
        return given.clone();
    }
    if let Some(first) = ["examples", "enum"].iter().find_map(|k| schema.get(k)?.as_array()?.first()) {
        return first.clone();
    }
    let kind = match schema.get("type") {
        Some(Json::String(kind)) => kind.as_str(),
        Some(Json::Array(kinds)) => kinds.first().and_then(Json::as_str).unwrap_or("null"),
        _ if schema.get("properties").is_some() => "object",
        _ => "null",
    };
    let least = |key: &str| schema.get(key).and_then(Json::as_i64);
    match kind {
        "object" if depth < 8 => {
            let required = schema.get("required").and_then(Json::as_array).cloned().unwrap_or_default();
            let fields = required.iter().filter_map(Json::as_str).map(|name| {
                let property = schema.get("properties").and_then(|p| p.get(name)).cloned().unwrap_or_default();
                (name.to_owned(), make(&property, name, depth + 1))
            });
            Json::Object(fields.collect::<Map<_, _>>())
        }
        "string" => match schema.get("format").and_then(Json::as_str) {
            Some("date") => json!("2026-01-01"),
            Some("date-time") => json!("2026-01-01T00:00:00Z"),
            Some("email") => json!("someone@example.org"),
            _ => json!(format!("{name}-1")),
        },
        "integer" | "number" => {
            let (low, high) = (least("minimum").unwrap_or(0), least("maximum").unwrap_or(i64::MAX));
            json!(30.clamp(low, high.max(low)))
        }
        "boolean" => json!(false),
        "array" => {
            let items = schema.get("items").cloned().unwrap_or_default();
            let count = usize::try_from(least("minItems").unwrap_or(0)).unwrap_or(0).min(10);
            Json::Array((0..count).map(|_| make(&items, name, depth + 1)).collect())
        }
        _ => Json::Null,
    }
}
