//! JSON Schemas of authors: compiled once, without network or file access, patterns in linear time. The only file that
//! names the `jsonschema` crate.

mod marks;

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, ValidationOptions, Validator};

use super::keywords::{each_schema, forgiving, segment};
use crate::expression::{Type, similar};
use crate::value::{Map, Value, from_json, to_serde};

pub use marks::HIDDEN;

/// Bytes of JSON that one default may come to with the defaults inside it, and how often that for all of a schema.
const ROOM: usize = 1024 * 1024;
const ROOMS: usize = 2;
/// What each gets in any case: enough to see that it has no end.
const LEAST: usize = 16 * 1024;
/// How many things of one kind are said of one schema.
const MOST: usize = 50;
/// Nesting of a value that no JSON text may have.
const DEPTH: usize = 64;

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

/// Why a schema cannot be used: a JSON pointer into it, words, and the way forward where it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaError {
    pub pointer: String,
    pub message: String,
    pub help: Option<String>,
}

impl SchemaError {
    fn new(pointer: impl Into<String>, message: impl Into<String>) -> SchemaError {
        SchemaError { pointer: pointer.into(), message: message.into(), help: None }
    }

    fn help(self, help: impl Into<String>) -> SchemaError {
        SchemaError { help: Some(help.into()), ..self }
    }
}

/// Why defaults cannot be filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Overfull {
    #[error("with the defaults inside it, it is larger than an input may be")]
    Large,
    #[error("with the defaults inside it, it is nested more than {DEPTH} levels deep")]
    Deep,
}

fn options<'a>() -> ValidationOptions<'a> {
    jsonschema::options()
        .offline()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true)
        .with_pattern_options(PatternOptions::regex().size_limit(1 << 20))
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schema({})", self.schema)
    }
}

impl Schema {
    /// Compiles a schema of draft 2020-12. Errors: what the meta-schema refuses, references that leave the document or
    /// lead nowhere, patterns that need backtracking.
    pub fn compile(schema: &Value) -> Result<Schema, Vec<SchemaError>> {
        let schema = to_serde(schema);
        let outside = outside_references(&schema);
        if outside.is_empty() {
            match build(&schema) {
                Ok(validator) => return Ok(Schema { schema, validator: Arc::new(validator) }),
                Err(first) => {
                    let all = everything_wrong(&schema);
                    return Err(if all.is_empty() { vec![first] } else { all });
                }
            }
        }
        Err(outside.into_iter().chain(everything_wrong(&schema)).collect())
    }

    /// Every way in which the value does not fit, in the order the validator finds them.
    pub fn violations(&self, value: &Value) -> Vec<Violation> {
        self.validator
            .iter_errors(&to_serde(value))
            .take(MOST)
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

    /// Puts the schema's defaults where a property is absent (not where it is null), top down, along `properties`, `items`
    /// and `$ref`, for so many bytes of JSON at most. Errors: more than that, or defaults inside defaults without end.
    pub fn fill(&self, value: &mut Value, room: usize) -> Result<(), Overfull> {
        Filling::new(&self.schema, room).fill(&self.schema, value, 0)
    }

    /// The schema as written.
    pub fn json(&self) -> &serde_json::Value {
        &self.schema
    }

    /// The type of what it admits once its defaults are filled in.
    pub fn to_type(&self) -> Type {
        Type::from_schema(&forgiving(&self.schema))
    }

    /// The type of what it admits as it was sent.
    pub fn to_type_as_sent(&self) -> Type {
        Type::from_schema_as_sent(&forgiving(&self.schema))
    }

    /// Defaults that their own schema refuses, or that hold themselves again: pointer into the schema, and why.
    pub fn wrong_defaults(&self) -> Vec<SchemaError> {
        let (mut found, mut wrong) = (Vec::new(), Vec::new());
        places(&self.schema, &mut String::new(), &mut found);
        // Built with the whole document around, so that every `$ref` leads where it leads in the schema.
        let validators = if found.is_empty() { None } else { options().build_map(&self.schema).ok() };
        // All defaults together get so much room; a start is bounded in any case.
        let (mut left, mut large) = (ROOMS * ROOM, false);
        for (pointer, schema) in found {
            let Some(default) = schema.get("default") else { continue };
            let mut complain = |message: String| {
                wrong.push(SchemaError::new(format!("{pointer}/default"), message));
            };
            let validator = validators.as_ref().and_then(|all| all.get(&format!("#{pointer}")));
            if let Some(Err(error)) = validator.map(|validator| validator.validate(default)) {
                complain(error.to_string());
                continue;
            }
            let room = ROOM.min(left.max(LEAST));
            let mut filling = Filling::new(&self.schema, room);
            let mut value = from_json(&default.to_string()).unwrap_or_default();
            match filling.fill(schema, &mut value, 0) {
                // Of several that lead to one without end, only that one is at fault.
                Err(Overfull::Deep) if filling.last.is_some_and(|last| std::ptr::eq(last, default)) => {
                    complain("it is filled in inside itself, without end".to_owned());
                }
                Err(Overfull::Large) if room == ROOM && !large => {
                    large = true;
                    complain(Overfull::Large.to_string());
                }
                Ok(()) | Err(_) => {}
            }
            left = left.saturating_sub(room - filling.room);
        }
        wrong
    }
}

/// Everything that the meta-schema refuses. Of several complaints about one place the first stands for all.
fn not_allowed(schema: &serde_json::Value) -> Vec<SchemaError> {
    let meta = jsonschema::draft202012::meta::validator();
    let mut refused: Vec<SchemaError> = Vec::new();
    for error in meta.iter_errors(schema).take(MOST) {
        let pointer = error.instance_path().to_string();
        if refused.iter().all(|known| known.pointer != pointer) {
            let message = match error.kind() {
                ValidationErrorKind::AnyOf { .. } if pointer.ends_with("/type") => {
                    let types = "`string`, `number`, `integer`, `boolean`, `object`, `array` and `null`";
                    format!("{} is no type; the types are {types}", error.instance())
                }
                _ => error.to_string(),
            };
            refused.push(SchemaError::new(pointer, message));
        }
    }
    refused
}

fn list(names: &[String]) -> String {
    names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
}

fn build(schema: &serde_json::Value) -> Result<Validator, SchemaError> {
    let refused = |pointer: String, error: String| SchemaError::new(pointer, error);
    jsonschema::meta::validate(schema).map_err(|e| refused(e.instance_path().to_string(), e.to_string()))?;
    options().build(schema).map_err(|e| refused(e.instance_path().to_string(), e.to_string()))
}

/// All that can be said of a schema that is refused, since a validator stops at the first.
fn everything_wrong(schema: &serde_json::Value) -> Vec<SchemaError> {
    let mut wrong = not_allowed(schema);
    wrong.extend(lost_references(schema));
    wrong.extend(wrong_patterns(schema));
    wrong
}

/// The references of a schema, each with the pointer to it.
fn references(schema: &serde_json::Value) -> Vec<(String, &str)> {
    let mut found = Vec::new();
    each_schema(schema, &mut |keywords, pointer| {
        for word in ["$ref", "$dynamicRef"] {
            let reference = keywords.get(word).and_then(serde_json::Value::as_str);
            found.extend(reference.map(|reference| (format!("{pointer}/{word}"), reference)));
        }
    });
    found
}

fn outside_references(schema: &serde_json::Value) -> Vec<SchemaError> {
    let outside = references(schema).into_iter().filter(|(_, reference)| !reference.starts_with('#'));
    let refuse = |(pointer, reference): (String, &str)| {
        let message = format!("`$ref` to {reference:?} is not supported yet: only `#/$defs/…` of the same schema");
        SchemaError::new(pointer, message)
    };
    outside.map(refuse).collect()
}

/// References into the same schema to what is not there.
fn lost_references(schema: &serde_json::Value) -> Vec<SchemaError> {
    let mut named: Vec<(&str, String)> = Vec::new();
    let mut roots = 0;
    each_schema(schema, &mut |keywords, pointer| {
        roots += usize::from(keywords.contains_key("$id") && !pointer.is_empty());
        for word in ["$defs", "definitions"] {
            let there = keywords.get(word).and_then(serde_json::Value::as_object).into_iter().flatten();
            named.extend(there.map(|(name, _)| (name.as_str(), format!("#{pointer}/{word}/{}", segment(name)))));
        }
    });
    // Below an `$id` a reference begins there.
    if roots > 0 {
        return Vec::new();
    }
    let lost = |(_, reference): &(String, &str)| {
        reference.starts_with("#/") && resolve(schema, reference).is_none_or(|target| target.is_array())
    };
    let refuse = |(pointer, reference): (String, &str)| {
        let wanted = reference.rsplit('/').next().unwrap_or_default();
        let meant = similar(wanted, named.iter().map(|(name, _)| *name));
        let meant = meant.and_then(|meant| named.iter().find(|(name, _)| *name == meant));
        let help = match meant {
            Some((_, reference)) => format!("did you mean `{reference}`?"),
            None => "a schema that is used in several places stands below `$defs`, by its name".to_owned(),
        };
        SchemaError::new(pointer, format!("there is no `{reference}` in it")).help(help)
    };
    references(schema).into_iter().filter(lost).take(MOST).map(refuse).collect()
}

/// Patterns that cannot be read, or not be matched in linear time.
fn wrong_patterns(schema: &serde_json::Value) -> Vec<SchemaError> {
    let mut wrong = Vec::new();
    each_schema(schema, &mut |keywords, pointer| {
        let own = keywords.get("pattern").and_then(serde_json::Value::as_str);
        let own = own.map(|pattern| (format!("{pointer}/pattern"), pattern));
        let names = keywords.get("patternProperties").and_then(serde_json::Value::as_object).into_iter().flatten();
        let names = names.map(|(name, _)| (format!("{pointer}/patternProperties/{}", segment(name)), name.as_str()));
        for (pointer, pattern) in own.into_iter().chain(names) {
            if wrong.len() < MOST
                && let Err(error) = options().build(&serde_json::json!({ "pattern": pattern }))
            {
                let help = "a pattern is a regular expression without look-around and without `\\1`";
                wrong.push(SchemaError::new(pointer, error.to_string()).help(help));
            }
        }
    });
    wrong
}

/// What a reference into the same schema leads to.
fn resolve<'a>(root: &'a serde_json::Value, reference: &str) -> Option<&'a serde_json::Value> {
    let pointer = reference.strip_prefix('#')?;
    root.pointer(&percent_encoding::percent_decode_str(pointer).decode_utf8().ok()?)
}

/// What a `$ref` into the same document points to.
fn target<'a>(root: &'a serde_json::Value, schema: &'a serde_json::Value) -> Option<&'a serde_json::Value> {
    resolve(root, schema.get("$ref")?.as_str()?)
}

/// All that is said of one value: a schema, what its `$ref` points to, and so on; each once.
fn chain<'a>(root: &'a serde_json::Value, schema: &'a serde_json::Value) -> Vec<&'a serde_json::Value> {
    let mut chain: Vec<&serde_json::Value> = Vec::new();
    let mut next = Some(schema);
    while let Some(schema) = next.filter(|schema| !chain.iter().any(|known| std::ptr::eq(*known, *schema))) {
        chain.push(schema);
        next = target(root, schema);
    }
    chain
}

/// The default of a property: the nearest along its `$ref`s.
fn default_of<'a>(root: &'a serde_json::Value, property: &'a serde_json::Value) -> Option<&'a serde_json::Value> {
    chain(root, property).into_iter().find_map(|schema| schema.get("default"))
}

/// Fills defaults in, for so many bytes at most. What it does is bounded by the value and by what it puts in: of the
/// properties only those are walked over that have a default.
struct Filling<'a> {
    root: &'a serde_json::Value,
    room: usize,
    /// By the address of a schema: the defaults of its properties.
    defaults: BTreeMap<*const serde_json::Value, Rc<[Default<'a>]>>,
    /// The default that was put in last.
    last: Option<&'a serde_json::Value>,
}

/// The default of a property, as written, as a value, and its bytes with its name.
struct Default<'a> {
    name: &'a str,
    written: &'a serde_json::Value,
    value: Value,
    size: usize,
}

impl<'a> Filling<'a> {
    fn new(root: &'a serde_json::Value, room: usize) -> Filling<'a> {
        Filling { root, room, defaults: BTreeMap::new(), last: None }
    }

    fn fill(&mut self, schema: &'a serde_json::Value, value: &mut Value, depth: usize) -> Result<(), Overfull> {
        if depth > DEPTH {
            return Err(Overfull::Deep);
        }
        for schema in chain(self.root, schema) {
            // What is inside is taken out, filled in, and put back.
            *value = match std::mem::take(value) {
                Value::Map(fields) => self.fill_map(schema, fields, depth).map(Value::Map)?,
                Value::List(items) => match schema.get("items") {
                    Some(each) => {
                        let mut items = items.into_items();
                        items.iter_mut().try_for_each(|item| self.fill(each, item, depth + 1))?;
                        Value::List(items.into())
                    }
                    None => Value::List(items),
                },
                other => other,
            };
        }
        Ok(())
    }

    fn fill_map(&mut self, schema: &'a serde_json::Value, fields: Map, depth: usize) -> Result<Map, Overfull> {
        let Some(properties) = schema.get("properties").and_then(|p| p.as_object()) else { return Ok(fields) };
        let mut fields = fields.into_fields();
        for default in self.defaults_below(schema).iter() {
            if !fields.contains_key(default.name) {
                self.room = self.room.checked_sub(default.size).ok_or(Overfull::Large)?;
                self.last = Some(default.written);
                fields.insert(default.name.to_owned(), default.value.clone());
            }
        }
        for (name, field) in &mut fields {
            if let Some(property) = properties.get(name) {
                self.fill(property, field, depth + 1)?;
            }
        }
        Ok(fields.into())
    }

    fn defaults_below(&mut self, schema: &'a serde_json::Value) -> Rc<[Default<'a>]> {
        let root = self.root;
        let found = self.defaults.entry(std::ptr::from_ref(schema)).or_insert_with(|| {
            let properties = schema.get("properties").and_then(|p| p.as_object()).into_iter().flatten();
            let default = |(name, property): (&'a String, &'a serde_json::Value)| {
                let written = default_of(root, property)?;
                let text = written.to_string();
                let value = from_json(&text).unwrap_or_default();
                // A name stands in quotes, with a colon and a comma.
                Some(Default { name, written, value, size: text.len() + name.len() + 4 })
            };
            properties.filter_map(default).collect()
        });
        Rc::clone(found)
    }
}

/// Every place where a default is filled in from, with its pointer.
fn places<'a>(schema: &'a serde_json::Value, pointer: &mut String, found: &mut Vec<(String, &'a serde_json::Value)>) {
    let Some(object) = schema.as_object() else { return };
    if object.contains_key("default") {
        found.push((pointer.clone(), schema));
    }
    let named = ["properties", "$defs"].into_iter().filter_map(|place| Some((place, object.get(place)?.as_object()?)));
    let named = named.flat_map(|(place, children)| children.iter().map(move |(name, child)| (place, name, child)));
    let below = named.map(|(place, name, child)| (format!("/{place}/{}", segment(name)), child));
    for (step, child) in below.chain(object.get("items").map(|items| ("/items".to_owned(), items))) {
        let length = pointer.len();
        pointer.push_str(&step);
        places(child, pointer, found);
        pointer.truncate(length);
    }
}
