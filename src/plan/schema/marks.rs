//! What of a value must not be shown: what stands where a schema says `writeOnly: true`.

use serde_json::Value as Json;

use super::{Schema, target};
use crate::value::Value;

/// What is shown in the place of what must not be.
pub const HIDDEN: &str = "•••";
/// Subschemas that are looked at for one value; beyond, all of the value is taken for marked.
const LOOKS: usize = 20_000;

impl Schema {
    /// Whether anything in it is marked.
    pub fn has_marks(&self) -> bool {
        any_mark(&self.schema)
    }

    /// The value as it may be shown; what must not be is added to `found`. What cannot be judged is marked.
    pub fn cover(&self, value: &Value, found: &mut Vec<Value>) -> Value {
        if !self.has_marks() {
            return value.clone();
        }
        let mut cover = Cover { root: &self.schema, looks: LOOKS, found };
        cover.cover(vec![&self.schema], value)
    }
}

fn any_mark(schema: &Json) -> bool {
    match schema {
        Json::Object(map) => is_marked(schema) || map.values().any(any_mark),
        Json::Array(items) => items.iter().any(any_mark),
        _ => false,
    }
}

fn is_marked(schema: &Json) -> bool {
    schema.get("writeOnly") == Some(&Json::Bool(true))
}

struct Cover<'a, 'b> {
    root: &'a Json,
    looks: usize,
    found: &'b mut Vec<Value>,
}

impl<'a> Cover<'a, '_> {
    fn cover(&mut self, schemas: Vec<&'a Json>, value: &Value) -> Value {
        if schemas.is_empty() {
            return value.clone();
        }
        let Some(schemas) = self.all(schemas).filter(|all| !all.iter().any(|schema| is_marked(schema))) else {
            self.found.push(value.clone());
            return Value::text(HIDDEN);
        };
        match value {
            Value::Map(fields) => Value::map(
                fields.iter().map(|(name, field)| (name.as_str(), self.cover(of_field(&schemas, name), field))),
            ),
            Value::List(items) => {
                let items = items.iter().enumerate();
                Value::list(items.map(|(at, item)| self.cover(of_item(&schemas, at), item)).collect::<Vec<_>>())
            }
            other => other.clone(),
        }
    }

    /// All that is said of the same value. `None`: it cannot be followed.
    fn all(&mut self, mut todo: Vec<&'a Json>) -> Option<Vec<&'a Json>> {
        let mut all: Vec<&'a Json> = Vec::new();
        while let Some(schema) = todo.pop() {
            self.looks = self.looks.checked_sub(1 + all.len())?;
            if all.iter().any(|known| std::ptr::eq(*known, schema)) {
                continue;
            }
            all.push(schema);
            if schema.get("$dynamicRef").is_some() || schema.get("contentSchema").is_some_and(any_mark) {
                return None;
            }
            if schema.get("$ref").is_some() {
                todo.push(target(self.root, schema)?);
            }
            for key in ["allOf", "anyOf", "oneOf"] {
                todo.extend(schema.get(key).and_then(Json::as_array).into_iter().flatten());
            }
            todo.extend(["if", "then", "else"].into_iter().filter_map(|key| schema.get(key)));
            todo.extend(
                schema.get("dependentSchemas").and_then(Json::as_object).into_iter().flat_map(|all| all.values()),
            );
        }
        Some(all)
    }
}

/// What may be said of a field: patterns and the rest count for each, so that nothing is missed.
fn of_field<'a>(schemas: &[&'a Json], name: &str) -> Vec<&'a Json> {
    let mut found = Vec::new();
    for schema in schemas {
        let own = schema.get("properties").and_then(|properties| properties.get(name));
        found.extend(own);
        found
            .extend(schema.get("patternProperties").and_then(Json::as_object).into_iter().flat_map(|all| all.values()));
        if own.is_none() {
            found.extend(schema.get("additionalProperties"));
            found.extend(schema.get("unevaluatedProperties"));
        }
    }
    found
}

fn of_item<'a>(schemas: &[&'a Json], at: usize) -> Vec<&'a Json> {
    let mut found = Vec::new();
    for schema in schemas {
        match schema.get("prefixItems").and_then(|items| items.get(at)) {
            Some(own) => found.push(own),
            None => found.extend(schema.get("items")),
        }
        found.extend(schema.get("contains"));
        found.extend(schema.get("unevaluatedItems"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{from_json, to_json};

    fn covered(schema: &str, value: &str) -> (String, usize) {
        let schema = Schema::compile(&from_json(schema).unwrap()).unwrap();
        let mut found = Vec::new();
        let shown = schema.cover(&from_json(value).unwrap(), &mut found);
        (to_json(&shown), found.len())
    }

    #[test]
    fn marked_places_are_covered_however_the_schema_leads_there() {
        let marked = r#"{"type":"object","properties":{"a":MARK,"b":{"type":"string"}}}"#;
        let value = r#"{"a":true,"b":"x"}"#;
        for (mark, root) in [
            (r##"{"writeOnly":true}"##, ""),
            (r##"{"$ref":"#/$defs/m"}"##, r##","$defs":{"m":{"writeOnly":true}}"##),
            (r##"{"allOf":[{"type":"boolean"},{"anyOf":[{"writeOnly":true}]}]}"##, ""),
            (r##"{"if":{},"then":{"writeOnly":true}}"##, ""),
        ] {
            let schema = marked.replace("MARK", mark);
            let schema = format!("{}{root}}}", schema.strip_suffix('}').unwrap());
            assert_eq!(covered(&schema, value), (r#"{"a":"•••","b":"x"}"#.to_owned(), 1), "{schema}");
        }
        let items = r#"{"items":{"properties":{"n":{"writeOnly":true}}}}"#;
        assert_eq!(covered(items, r#"[{"n":1},{"m":2}]"#), (r#"[{"n":"•••"},{"m":2}]"#.to_owned(), 1));
        let rest = r#"{"properties":{"a":{}},"additionalProperties":{"writeOnly":true}}"#;
        assert_eq!(covered(rest, r#"{"a":1,"z":{"y":2}}"#), (r#"{"a":1,"z":"•••"}"#.to_owned(), 1));
        // Read only is another word, and nothing is marked by it.
        assert_eq!(covered(r#"{"readOnly":true}"#, "1"), ("1".to_owned(), 0));
    }
}
