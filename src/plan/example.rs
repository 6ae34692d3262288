//! An input that fits a schema, made up from it: for the lines that `dev` prints.

use serde_json::{Map, Value as Json, json};

use super::Schema;
use crate::value::{Value, from_json};

/// The most values that an example is made of.
const MOST: usize = 1_000;

/// `None` where no fitting value is found by simple means.
pub fn example(schema: Option<&Schema>) -> Option<Value> {
    let Some(schema) = schema else { return Some(Value::map::<String>([])) };
    let mut left = MOST;
    let made = make(schema.json(), "value", &mut left);
    let value: Value = from_json(&made.to_string()).ok()?;
    schema.violations(&value).is_empty().then_some(value)
}

/// `left`: of how many values more it may be made; without any it is null.
fn make(schema: &Json, name: &str, left: &mut usize) -> Json {
    let Some(others) = left.checked_sub(1) else { return Json::Null };
    *left = others;
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
        "object" => {
            let required = schema.get("required").and_then(Json::as_array).cloned().unwrap_or_default();
            let fields = required.iter().filter_map(Json::as_str).map(|name| {
                let property = schema.get("properties").and_then(|p| p.get(name)).cloned().unwrap_or_default();
                (name.to_owned(), make(&property, name, left))
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
            Json::Array((0..count).map(|_| make(&items, name, left)).collect())
        }
        _ => Json::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Home, from_yaml};
    use crate::value::to_json;

    /// The example of an input with this schema, as JSON.
    fn of(schema: &str) -> Option<String> {
        let text = format!(
            "fermata: 1\nprocess: P\nversion: 1\nkey: ${{input.name}}\ninput: {schema}\nsteps:\n  - return: 1\n"
        );
        let (plan, complaints) = from_yaml(&text, &Home::default());
        let plan = plan.unwrap_or_else(|| panic!("{complaints:?}"));
        example(plan.input()).map(|value| to_json(&value))
    }

    #[test]
    fn what_is_required_is_made_up_to_fit() {
        let schema = "{ type: object, required: [name, day, n, many, kind, flag], properties: { name: { type: string }, \
                      day: { type: string, format: date }, n: { type: integer, maximum: 7 }, flag: { type: boolean }, \
                      many: { type: array, minItems: 2, items: { type: integer, minimum: 40 } }, kind: { enum: [a, b] }, \
                      other: { type: string } } }";
        let made = r#"{"day":"2026-01-01","flag":false,"kind":"a","many":[40,40],"n":7,"name":"name-1"}"#;
        assert_eq!(of(schema).as_deref(), Some(made));
        assert_eq!(
            of("{ type: object, required: [name], properties: { name: { type: string, minLength: 99 } } }"),
            None
        );
    }

    #[test]
    fn an_example_is_made_of_so_many_values_at_most() {
        let nested = |levels: usize, around: [&str; 2]| {
            let inside = format!("{}{{ type: integer }}{}", around[0].repeat(levels), around[1].repeat(levels));
            of(&format!(
                "{{ type: object, required: [name, a], properties: {{ name: {{ type: string }}, a: {inside} }} }}"
            ))
        };
        let objects = ["{ type: object, required: [a], properties: { a: ", " } }"];
        let made = format!("{{\"a\":{}30{},\"name\":\"name-1\"}}", "{\"a\":".repeat(9), "}".repeat(9));
        assert_eq!(nested(9, objects).as_deref(), Some(made.as_str()));
        // 10 to the power of levels.
        let lists = ["{ type: array, minItems: 10, items: ", " }"];
        let numbers = |levels| nested(levels, lists).map(|made| made.matches("30").count());
        assert_eq!([2, 3, 12].map(numbers), [Some(100), None, None]);
    }
}
