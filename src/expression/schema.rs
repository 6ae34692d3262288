//! JSON Schema to type. What is not understood is [`Type::Any`]: the checker would rather say nothing than be wrong.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::types::{Field, Fields, Type};

/// Schemas may refer to themselves; beyond this depth nothing is known.
const DEPTH: usize = 12;

impl Type {
    /// The values a schema admits. `$ref` within the document is followed.
    pub fn from_schema(schema: &Json) -> Type {
        read(schema, schema, DEPTH)
    }
}

fn read(schema: &Json, root: &Json, depth: usize) -> Type {
    let Some(schema) = schema.as_object().filter(|_| depth > 0) else { return Type::Any };
    let below = |schema: &Json| read(schema, root, depth - 1);
    if let Some(reference) = schema.get("$ref") {
        let target = reference.as_str().and_then(|r| r.strip_prefix('#')).and_then(|pointer| root.pointer(pointer));
        return target.map_or(Type::Any, below);
    }
    if let Some(constant) = schema.get("const") {
        return literal(constant);
    }
    if let Some(values) = schema.get("enum").and_then(Json::as_array) {
        return Type::union(values.iter().map(literal));
    }
    if let Some(choices) = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Json::as_array) {
        // Beside other words a choice only narrows what they say.
        let alone = schema.get("type").is_none() && schema.get("properties").is_none();
        if alone {
            return Type::union(choices.iter().map(below));
        }
    }
    match schema.get("type") {
        Some(Json::String(name)) => named(name, schema, root, depth),
        Some(Json::Array(names)) => Type::union(
            names.iter().map(|name| name.as_str().map_or(Type::Any, |name| named(name, schema, root, depth))),
        ),
        _ if schema.contains_key("properties") => named("object", schema, root, depth),
        _ => Type::Any,
    }
}

fn named(name: &str, schema: &serde_json::Map<String, Json>, root: &Json, depth: usize) -> Type {
    match name {
        "null" => Type::Null,
        "boolean" => Type::Bool,
        "integer" | "number" => Type::Number,
        "string" => Type::Text,
        "array" => {
            let item = schema.get("items").filter(|_| !schema.contains_key("prefixItems"));
            Type::List(Box::new(item.map_or(Type::Any, |item| read(item, root, depth - 1))))
        }
        "object" => {
            let required = |name: &str| {
                let names = schema.get("required").and_then(Json::as_array);
                names.is_some_and(|names| names.iter().any(|n| n.as_str() == Some(name)))
            };
            let mut known = BTreeMap::new();
            for (name, property) in schema.get("properties").and_then(Json::as_object).into_iter().flatten() {
                // A default is filled in where the field is missing.
                let required = required(name) || property.get("default").is_some();
                known.insert(name.clone(), Field { ty: read(property, root, depth - 1), required });
            }
            let closed = schema.get("additionalProperties").or_else(|| schema.get("unevaluatedProperties"))
                == Some(&Json::Bool(false));
            let more = ["patternProperties", "allOf", "anyOf", "oneOf", "if"];
            let open = !closed || more.iter().any(|word| schema.contains_key(*word));
            Type::Map(Fields { known, open })
        }
        _ => Type::Any,
    }
}

/// Only the kind counts, not the value.
fn literal(json: &Json) -> Type {
    match json {
        Json::Null => Type::Null,
        Json::Bool(_) => Type::Bool,
        Json::Number(_) => Type::Number,
        Json::String(_) => Type::Text,
        Json::Array(_) => Type::List(Box::new(Type::Any)),
        Json::Object(_) => Type::map(),
    }
}
