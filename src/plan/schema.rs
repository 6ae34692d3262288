//! JSON Schemas of authors: compiled once, without network or file access, patterns in linear time. The only file that
//! names the `jsonschema` crate.

use std::fmt;
use std::sync::Arc;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, Validator};

use crate::expression::Type;
use crate::value::{Value, from_json, to_serde};

/// A schema that validates values and fills in defaults.
#[derive(Clone)]
pub struct Schema {
    schema: serde_json::Value,
    validator: Arc<Validator>,
}

/// One way in which a value does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// JSON pointer (RFC 6901) into the value.
    pub pointer: String,
    /// The keyword of the schema, such as `required`.
    pub code: String,
    pub detail: String,
}

/// Why a schema cannot be used: a JSON pointer into it, and words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaError {
    pub pointer: String,
    pub message: String,
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schema({})", self.schema)
    }
}

impl Schema {
    /// Compiles a schema of draft 2020-12. Errors: what the meta-schema refuses, references that leave the document,
    /// patterns that need backtracking.
    pub fn compile(schema: &Value) -> Result<Schema, Vec<SchemaError>> {
        let schema = to_serde(schema);
        let mut outside = Vec::new();
        find_outside_references(&schema, &mut String::new(), &mut outside);
        if !outside.is_empty() {
            return Err(outside);
        }
        if let Err(error) = jsonschema::meta::validate(&schema) {
            let first = SchemaError { pointer: error.instance_path().to_string(), message: error.to_string() };
            let all = not_allowed(&schema);
            return Err(if all.is_empty() { vec![first] } else { all });
        }
        let validator = jsonschema::options()
            .offline()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .with_pattern_options(PatternOptions::regex().size_limit(1 << 20))
            .build(&schema)
            .map_err(|e| vec![SchemaError { pointer: e.instance_path().to_string(), message: e.to_string() }])?;
        Ok(Schema { schema, validator: Arc::new(validator) })
    }

    /// Every way in which the value does not fit, in the order the validator finds them.
    pub fn violations(&self, value: &Value) -> Vec<Violation> {
        self.validator
            .iter_errors(&to_serde(value))
            .take(50)
            .map(|error| {
                let code = error.schema_path().as_str().rsplit('/').next().unwrap_or("").to_owned();
                let mut pointer = error.instance_path().to_string();
                let detail = match error.kind() {
                    ValidationErrorKind::AdditionalProperties { unexpected } => {
                        if let [one] = unexpected.as_slice() {
                            pointer = format!("{pointer}/{}", one.replace('~', "~0").replace('/', "~1"));
                        }
                        format!("not expected: {}", list(unexpected))
                    }
                    _ => error.to_string(),
                };
                Violation { pointer, code, detail }
            })
            .collect()
    }

    /// Puts the schema's defaults where a property is absent (not where it is null), top down.
    pub fn fill(&self, value: &mut Value) {
        fill(&self.schema, &self.schema, value, 0);
    }

    /// The schema as written.
    pub fn json(&self) -> &serde_json::Value {
        &self.schema
    }

    pub fn to_type(&self) -> Type {
        Type::from_schema(&self.schema)
    }

    /// Defaults that their own schema refuses: pointer into the schema, and why.
    pub fn wrong_defaults(&self) -> Vec<SchemaError> {
        let mut wrong = Vec::new();
        wrong_defaults(&self.schema, &self.schema, &mut String::new(), &mut wrong);
        wrong
    }
}

/// Everything that the meta-schema refuses. Of several complaints about one place the first stands for all.
fn not_allowed(schema: &serde_json::Value) -> Vec<SchemaError> {
    let meta = jsonschema::draft202012::meta::validator();
    let mut refused: Vec<SchemaError> = Vec::new();
    for error in meta.iter_errors(schema).take(50) {
        let pointer = error.instance_path().to_string();
        if refused.iter().all(|known| known.pointer != pointer) {
            let message = match error.kind() {
                ValidationErrorKind::AnyOf { .. } if pointer.ends_with("/type") => {
                    let types = "`string`, `number`, `integer`, `boolean`, `object`, `array` and `null`";
                    format!("{} is no type; the types are {types}", error.instance())
                }
                _ => error.to_string(),
            };
            refused.push(SchemaError { pointer, message });
        }
    }
    refused
}

fn list(names: &[String]) -> String {
    names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
}

fn segment(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn find_outside_references(schema: &serde_json::Value, pointer: &mut String, found: &mut Vec<SchemaError>) {
    walk(schema, pointer, &mut |key, value, at| {
        if (key == "$ref" || key == "$dynamicRef") && value.as_str().is_some_and(|r| !r.starts_with('#')) {
            let message = format!("`$ref` to {value} is not supported yet: only `#/$defs/…` of the same schema");
            found.push(SchemaError { pointer: at.to_owned(), message });
        }
    });
}

fn walk(schema: &serde_json::Value, pointer: &mut String, visit: &mut dyn FnMut(&str, &serde_json::Value, &str)) {
    let children: Vec<(String, &serde_json::Value)> = match schema {
        serde_json::Value::Object(map) => map.iter().map(|(k, v)| (segment(k), v)).collect(),
        serde_json::Value::Array(items) => items.iter().enumerate().map(|(i, v)| (i.to_string(), v)).collect(),
        _ => return,
    };
    for (key, value) in children {
        let length = pointer.len();
        pointer.push('/');
        pointer.push_str(&key);
        visit(&key, value, pointer);
        walk(value, pointer, visit);
        pointer.truncate(length);
    }
}

fn resolve<'a>(root: &'a serde_json::Value, schema: &'a serde_json::Value) -> &'a serde_json::Value {
    match schema.get("$ref").and_then(|r| r.as_str()).and_then(|r| r.strip_prefix('#')) {
        Some(pointer) => root.pointer(pointer).unwrap_or(schema),
        None => schema,
    }
}

fn fill(root: &serde_json::Value, schema: &serde_json::Value, value: &mut Value, depth: usize) {
    if depth > 32 {
        return; // a schema that refers to itself ends with the value it describes; this is the belt to those braces
    }
    let schema = resolve(root, schema);
    match value {
        Value::Map(fields) => {
            let Some(properties) = schema.get("properties").and_then(|p| p.as_object()) else { return };
            for (name, property) in properties {
                let default = property.get("default").or_else(|| resolve(root, property).get("default"));
                if let (false, Some(default)) = (fields.contains_key(name), default) {
                    fields.insert(name.clone(), from_json(&default.to_string()).unwrap_or_default());
                }
                if let Some(field) = fields.get_mut(name) {
                    fill(root, property, field, depth + 1);
                }
            }
        }
        Value::List(items) => {
            if let Some(item_schema) = schema.get("items") {
                for item in items {
                    fill(root, item_schema, item, depth + 1);
                }
            }
        }
        _ => {}
    }
}

fn wrong_defaults(
    root: &serde_json::Value,
    schema: &serde_json::Value,
    pointer: &mut String,
    wrong: &mut Vec<SchemaError>,
) {
    let Some(object) = schema.as_object() else { return };
    if let Some(default) = object.get("default") {
        let mut own = schema.clone();
        if let (Some(own), Some(defs)) = (own.as_object_mut(), root.get("$defs")) {
            own.insert("$defs".into(), defs.clone());
        }
        let validator = jsonschema::options().offline().with_draft(Draft::Draft202012).build(&own);
        if let Ok(validator) = validator
            && let Err(error) = validator.validate(default)
        {
            wrong.push(SchemaError { pointer: format!("{pointer}/default"), message: error.to_string() });
        }
    }
    for place in ["properties", "$defs"] {
        if let Some(children) = object.get(place).and_then(|c| c.as_object()) {
            for (name, child) in children {
                let length = pointer.len();
                pointer.push_str(&format!("/{place}/{}", segment(name)));
                wrong_defaults(root, child, pointer, wrong);
                pointer.truncate(length);
            }
        }
    }
    if let Some(items) = object.get("items") {
        let length = pointer.len();
        pointer.push_str("/items");
        wrong_defaults(root, items, pointer, wrong);
        pointer.truncate(length);
    }
}
