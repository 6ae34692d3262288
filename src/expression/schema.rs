//! JSON Schema to type. What is not understood is [`Type::Any`]: the checker would rather say nothing than be wrong.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use super::types::{Field, Fields, Type};

/// Schemas may refer to themselves; beyond this depth nothing is known.
const DEPTH: usize = 12;
/// What a schema may unfold to beyond what it spells out: references multiply.
const SIZE: usize = 5_000;
/// How many schemas beside one are asked what they require.
const BESIDE: usize = 64;

impl Type {
    /// The values a schema admits, with its defaults filled in, as of an input. `$ref` within the document is followed.
    pub fn from_schema(schema: &Json) -> Type {
        Type::read(schema, true)
    }

    /// The same of what is taken as it was sent: no default is filled in.
    pub fn from_schema_as_sent(schema: &Json) -> Type {
        Type::read(schema, false)
    }

    fn read(schema: &Json, filled: bool) -> Type {
        let most = SIZE + size(schema);
        // As deep as it can be seen without growing too large.
        let mut seen = Type::Any;
        for depth in 1..=DEPTH {
            let mut reader = Reader { root: schema, filled, left: most, cut: false };
            let deeper = reader.read(schema, depth);
            if reader.left == 0 {
                break;
            }
            seen = deeper;
            if !reader.cut {
                break;
            }
        }
        seen
    }
}

fn size(schema: &Json) -> usize {
    match schema {
        Json::Object(entries) => 1 + entries.values().map(size).sum::<usize>(),
        Json::Array(items) => 1 + items.iter().map(size).sum::<usize>(),
        _ => 1,
    }
}

struct Reader<'a> {
    root: &'a Json,
    /// Whether defaults are filled in.
    filled: bool,
    /// How many types more it may make.
    left: usize,
    /// Whether something was too deep to be seen.
    cut: bool,
}

impl<'a> Reader<'a> {
    fn read(&mut self, schema: &'a Json, depth: usize) -> Type {
        let Some(schema) = schema.as_object() else { return Type::Any };
        self.left = self.left.saturating_sub(1);
        if depth == 0 || self.left == 0 {
            self.cut = true;
            return Type::Any;
        }
        if schema.contains_key("$ref") {
            return self.target(schema).map_or(Type::Any, |target| self.read(target, depth - 1));
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
                return Type::union(choices.iter().map(|choice| self.read(choice, depth - 1)));
            }
        }
        match schema.get("type") {
            Some(Json::String(name)) => self.named(name, schema, depth),
            Some(Json::Array(names)) => Type::union(
                names.iter().map(|name| name.as_str().map_or(Type::Any, |name| self.named(name, schema, depth))),
            ),
            _ if schema.contains_key("properties") => self.named("object", schema, depth),
            _ => Type::Any,
        }
    }

    /// What `$ref` leads to, where that is within the schema.
    fn target(&self, schema: &Map<String, Json>) -> Option<&'a Json> {
        schema.get("$ref")?.as_str()?.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer))
    }

    fn named(&mut self, name: &str, schema: &'a Map<String, Json>, depth: usize) -> Type {
        match name {
            "null" => Type::Null,
            "boolean" => Type::Bool,
            "integer" | "number" => Type::Number,
            "string" => Type::Text,
            "array" => {
                let item = schema.get("items").filter(|_| !schema.contains_key("prefixItems"));
                Type::List(Box::new(item.map_or(Type::Any, |item| self.read(item, depth - 1))))
            }
            "object" => {
                let required = self.required(schema, &mut { BESIDE });
                let properties = schema.get("properties").and_then(Json::as_object).into_iter().flatten();
                let known = properties.map(|(name, property)| {
                    // A default is filled in where the field is missing.
                    let default = |schema: &Json| schema.get("default").is_some();
                    let target = property.as_object().and_then(|property| self.target(property));
                    let filled = self.filled && (default(property) || target.is_some_and(default));
                    let required = filled || required.contains(name.as_str());
                    (name.clone(), Field { ty: self.read(property, depth - 1), required })
                });
                Type::Map(Fields { known: known.collect(), open: open(schema) })
            }
            _ => Type::Any,
        }
    }

    /// The fields that every value has, as far as this schema and those that hold beside it say.
    fn required(&self, schema: &'a Map<String, Json>, left: &mut usize) -> BTreeSet<&'a str> {
        let names = schema.get("required").and_then(Json::as_array).into_iter().flatten();
        let mut required: BTreeSet<&str> = names.filter_map(Json::as_str).collect();
        *left = left.saturating_sub(1);
        if *left == 0 {
            return required;
        }
        let mut below = |schema: &'a Json| schema.as_object().map(|s| self.required(s, left)).unwrap_or_default();
        if let Some(target) = self.target(schema) {
            required.extend(below(target));
        }
        for part in schema.get("allOf").and_then(Json::as_array).into_iter().flatten() {
            required.extend(below(part));
        }
        for word in ["anyOf", "oneOf"] {
            let choices = schema.get(word).and_then(Json::as_array).into_iter().flatten().map(&mut below);
            required.extend(choices.reduce(|all, choice| &all & &choice).unwrap_or_default());
        }
        required
    }
}

/// Whether a value may have fields that `properties` does not name.
fn open(schema: &Map<String, Json>) -> bool {
    const OTHERS: [&str; 9] =
        ["allOf", "anyOf", "oneOf", "if", "then", "else", "dependentSchemas", "$ref", "$dynamicRef"];
    let refuses = |word: &str| schema.get(word) == Some(&Json::Bool(false));
    // `additionalProperties` sees what stands beside it only, `unevaluatedProperties` what other schemas name too.
    let closed = refuses("additionalProperties")
        || (refuses("unevaluatedProperties")
            && !schema.contains_key("additionalProperties")
            && OTHERS.iter().all(|word| !schema.contains_key(*word)));
    !closed || schema.contains_key("patternProperties")
}

/// Of what is no text only the kind counts, not the value.
fn literal(json: &Json) -> Type {
    match json {
        Json::Null => Type::Null,
        Json::Bool(_) => Type::Bool,
        Json::Number(_) => Type::Number,
        Json::String(text) => Type::word([text.clone()]),
        Json::Array(_) => Type::List(Box::new(Type::Any)),
        Json::Object(_) => Type::map(),
    }
}
