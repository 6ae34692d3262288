//! The keywords of JSON Schema, draft 2020-12, by what stands at them, and the schemas inside a schema.

use std::borrow::Cow;

use serde_json::{Map, Value as Json};

/// Their value is no schema.
pub(super) const PLAIN: [&str; 38] = [
    "$anchor",
    "$comment",
    "$dynamicAnchor",
    "$dynamicRef",
    "$id",
    "$ref",
    "$schema",
    "$vocabulary",
    "const",
    "contentEncoding",
    "contentMediaType",
    "default",
    "dependentRequired",
    "deprecated",
    "description",
    "enum",
    "examples",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "maxContains",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minContains",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "pattern",
    "readOnly",
    "required",
    "title",
    "type",
    "uniqueItems",
    "writeOnly",
];
/// Their value is a schema.
pub(super) const ONE: [&str; 11] = [
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];
/// Their value is a list of schemas.
pub(super) const SEVERAL: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
/// Their value is a mapping to schemas.
pub(super) const NAMED: [&str; 5] = ["$defs", "definitions", "dependentSchemas", "patternProperties", "properties"];

/// Whether a key of a schema says something, if only to people.
pub(super) fn is_known(key: &str) -> bool {
    [&PLAIN[..], &ONE, &SEVERAL, &NAMED].iter().any(|words| words.contains(&key)) || key.starts_with("x-")
}

/// A word of a JSON pointer.
pub(super) fn segment(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Every schema inside a schema, itself first, each with the pointer to it.
pub(super) fn each_schema<'a>(schema: &'a Json, visit: &mut dyn FnMut(&'a Map<String, Json>, &str)) {
    below(schema, &mut String::new(), visit);
}

fn below<'a>(schema: &'a Json, pointer: &mut String, visit: &mut dyn FnMut(&'a Map<String, Json>, &str)) {
    let Some(keywords) = schema.as_object() else { return };
    visit(keywords, pointer);
    let mut inside = |step: String, schema: &'a Json| {
        let length = pointer.len();
        pointer.push_str(&step);
        below(schema, pointer, visit);
        pointer.truncate(length);
    };
    for (key, value) in keywords {
        if ONE.contains(&key.as_str()) {
            inside(format!("/{key}"), value);
        } else if SEVERAL.contains(&key.as_str()) {
            let items = value.as_array().into_iter().flatten().enumerate();
            items.for_each(|(at, item)| inside(format!("/{key}/{at}"), item));
        } else if NAMED.contains(&key.as_str()) {
            let named = value.as_object().into_iter().flatten();
            named.for_each(|(name, one)| inside(format!("/{key}/{}", segment(name)), one));
        }
    }
}

/// The schema as if every property were required where a word is no keyword, which may be meant for one that says so.
pub(super) fn forgiving(schema: &Json) -> Cow<'_, Json> {
    let mut pointers = Vec::new();
    each_schema(schema, &mut |keywords, pointer| {
        if !keywords.keys().all(|key| is_known(key)) {
            pointers.push(pointer.to_owned());
        }
    });
    let mut forgiving = Cow::Borrowed(schema);
    for pointer in pointers {
        let Some(Json::Object(keywords)) = forgiving.to_mut().pointer_mut(&pointer) else { continue };
        let properties = keywords.get("properties").and_then(Json::as_object);
        let names: Vec<Json> = properties.into_iter().flat_map(Map::keys).cloned().map(Json::String).collect();
        keywords.insert("required".to_owned(), Json::Array(names));
    }
    forgiving
}
