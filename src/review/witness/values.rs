//! Values made from a JSON Schema: such as fit, and such as nearly do.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::hints::Hints;
use crate::plan::{Schema, example};
use crate::review::schema::resolve;
use crate::value::{Value, from_json};

/// Values that a schema takes or nearly takes: the smallest, the fullest, each property dropped, each bound, each choice.
pub fn values(schema: &Json, hints: &Hints) -> Vec<Json> {
    let full = made(&demanding(schema, schema, 0));
    let least = made(schema);
    let mut found: Vec<Json> = least.iter().chain(&full).cloned().collect();
    for base in least.iter().chain(&full) {
        Variations { root: schema, hints, found: &mut found }.vary(schema, base, &|value| value, 0);
    }
    found
}

fn made(schema: &Json) -> Option<Json> {
    let compiled = Schema::compile(&from_json(&schema.to_string()).ok()?).ok()?;
    serde_json::from_str(&crate::value::to_json(&example(Some(&compiled))?)).ok()
}

struct Variations<'a> {
    root: &'a Json,
    hints: &'a Hints,
    found: &'a mut Vec<Json>,
}

/// The schema with every property required.
fn demanding(root: &Json, schema: &Json, depth: usize) -> Json {
    let mut all = resolve(root, schema).clone();
    if let (Some(object), true) = (all.as_object_mut(), depth < 6)
        && let Some(Json::Object(properties)) = object.get_mut("properties")
    {
        let names: Vec<Json> = properties.keys().map(|k| json!(k)).collect();
        properties.values_mut().for_each(|property| *property = demanding(root, property, depth + 1));
        object.insert("required".into(), Json::Array(names));
    }
    all
}

impl Variations<'_> {
    /// Variations of one place of a value; `around` puts it back where it belongs.
    fn vary(&mut self, schema: &Json, base: &Json, around: &dyn Fn(Json) -> Json, depth: usize) {
        if depth > 4 || self.found.len() > 400 {
            return;
        }
        let schema = &resolve(self.root, schema).clone();
        let kinds: Vec<&str> = match schema.get("type") {
            Some(Json::String(kind)) => vec![kind],
            Some(Json::Array(kinds)) => kinds.iter().filter_map(Json::as_str).collect(),
            _ => Vec::new(),
        };
        let choices = schema.get("enum").and_then(Json::as_array).into_iter().flatten().chain(schema.get("const"));
        self.found.extend(choices.map(|choice| around(choice.clone())));
        for kind in kinds {
            self.of_kind(kind, schema, base, around, depth);
        }
        let Some(fields) = base.as_object() else { return };
        for name in fields.keys() {
            let mut without = fields.clone();
            without.remove(name);
            self.found.push(around(Json::Object(without)));
        }
        let put = |name: &str, value: Json| {
            let mut with = fields.clone();
            with.insert(name.to_owned(), value);
            around(Json::Object(with))
        };
        self.found.push(put("another", json!(1)));
        for (name, property) in schema.get("properties").and_then(Json::as_object).into_iter().flatten() {
            let base = fields.get(name).unwrap_or(&Json::Null);
            self.vary(property, base, &|value| put(name, value), depth + 1);
        }
    }

    fn of_kind(&mut self, kind: &str, schema: &Json, base: &Json, around: &dyn Fn(Json) -> Json, depth: usize) {
        let bound = |key: &str| schema.get(key).and_then(Json::as_i64);
        let near = |keys: [&str; 2], most: usize| -> Vec<usize> {
            let bounds = keys.into_iter().filter_map(bound).flat_map(|n| [n - 1, n, n + 1]);
            bounds.filter_map(|n| usize::try_from(n).ok()).filter(|n| *n < most).collect()
        };
        match kind {
            "integer" | "number" => {
                let keys = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];
                let known = keys.into_iter().filter_map(bound).chain(self.hints.numbers.iter().copied().take(12));
                let near: BTreeSet<i64> = known.flat_map(|n| [n - 1, n, n + 1]).collect();
                self.found.extend(near.into_iter().map(|n| around(json!(n))));
                if kind == "number" {
                    self.found.push(around(json!(1.5)));
                }
            }
            "string" => {
                self.found.extend(self.hints.texts.iter().take(12).map(|text| around(json!(text))));
                let lengths = near(["minLength", "maxLength"], 10_000);
                self.found.extend(lengths.into_iter().map(|n| around(json!("x".repeat(n)))));
            }
            "boolean" => self.found.extend([true, false].map(|b| around(json!(b)))),
            "null" => self.found.push(around(Json::Null)),
            "array" => {
                let items = schema.get("items").cloned().unwrap_or_default();
                let one = base.get(0).cloned().or_else(|| made(&demanding(self.root, &items, 0)));
                let one = one.unwrap_or(json!("x"));
                let lengths = near(["minItems", "maxItems"], 10_000).into_iter().chain([0, 2]);
                self.found.extend(lengths.map(|n| around(Json::Array(vec![one.clone(); n]))));
                self.vary(&items, &one, &|value| around(json!([value])), depth + 1);
            }
            _ => {}
        }
    }
}

/// A schema for an input of which nothing is said but what the steps read: each field that is read, as text or a number.
pub fn guessed(reads: &BTreeSet<Vec<String>>) -> Json {
    let mut schema = json!({ "type": "object", "properties": {}, "required": [] });
    for path in reads.iter().filter(|path| path.first().is_some_and(|name| name == "input")) {
        let mut at = &mut schema;
        for name in path.iter().skip(1).take(4) {
            if at.get("properties").is_none() {
                *at = json!({ "type": "object", "properties": {}, "required": [] });
            }
            if let Some(Json::Array(required)) = at.get_mut("required")
                && !required.contains(&json!(name))
            {
                required.push(json!(name));
            }
            let Some(Json::Object(properties)) = at.get_mut("properties") else { break };
            at = properties.entry(name.clone()).or_insert_with(|| json!({ "type": ["string", "number"] }));
        }
    }
    schema
}

pub fn value(json: &Json) -> Option<Value> {
    from_json(&json.to_string()).ok()
}
