//! Results that cannot fit `returns`, whatever their computed parts turn out to be.

use serde_json::{Map, Value as Json, json};

use super::check::schema_of;
use super::schema::Schema;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::syntax::{Action, Document, Step, Written, WrittenKind};
use crate::value::{Value, from_json};

/// How deep references and `allOf` are followed.
const DEPTH: usize = 16;

/// `end_reached`: the steps can end without a `return`.
pub(super) fn check(document: &Document, end_reached: bool, complaints: &mut Vec<Diagnostic>) {
    let header = &document.header;
    let Some(schema) = schema_of(header.returns.get()) else { return };
    for value in document.walk().into_iter().filter_map(returned) {
        if let Some(constant) = value.constant() {
            if let Some(violation) = schema.violations(&constant).first() {
                complaints.push(misfit(value.place.span, &violation.detail));
            }
        } else if let WrittenKind::Map(entries) = &value.kind {
            shape(&schema, entries, value, complaints);
        }
    }
    if end_reached && !schema.violations(&Value::Null).is_empty() {
        let span = header.returns.key_span().unwrap_or_default();
        let message = "the process can end without a `return`, and null does not fit `returns`";
        complaints
            .push(Diagnostic::warning(Code::ReturnsMismatch, span, message).help("end every way with a `return`"));
    }
}

fn misfit(span: Span, detail: &str) -> Diagnostic {
    Diagnostic::error(Code::ReturnsMismatch, span, format!("the result does not fit `returns`: {detail}"))
}

/// What a step ends the run with.
pub(super) fn returned(step: &Step) -> Option<&Written> {
    let Action::Return(ending) = &step.action else { return None };
    ending.value.get()
}

/// A mapping with computed parts: its keys and its constant parts are known.
fn shape(schema: &Schema, entries: &[(String, Span, Written)], value: &Written, complaints: &mut Vec<Diagnostic>) {
    let constants = entries.iter().map(|(key, _, part)| (key.as_str(), part.constant()));
    let computed: Vec<&str> = constants.clone().filter(|(_, part)| part.is_none()).map(|(key, _)| key).collect();
    let certain = certain(schema.json(), schema.json(), &computed, 0).to_string();
    let Some(certain) = from_json(&certain).ok().and_then(|certain: Value| Schema::compile(&certain).ok()) else {
        return;
    };
    let known = Value::map(constants.map(|(key, part)| (key, part.unwrap_or_default())));
    for violation in certain.violations(&known) {
        let part = violation.pointer.split('/').nth(1).and_then(|key| entries.iter().find(|(k, ..)| k == key));
        complaints.push(misfit(part.map_or(value.place.span, |(_, span, _)| *span), &violation.detail));
    }
}

/// What of a schema a mapping must fit, whatever the values of these keys are. What depends on a choice is left out.
fn certain(schema: &Json, root: &Json, computed: &[&str], depth: usize) -> Json {
    let Json::Object(keywords) = schema else { return schema.clone() };
    if depth > DEPTH {
        return json!(true);
    }
    let mut kept = Map::new();
    let mut all = Vec::new();
    for (keyword, value) in keywords {
        match keyword.as_str() {
            "type" | "required" | "minProperties" | "maxProperties" => {
                kept.insert(keyword.clone(), value.clone());
            }
            "properties" => {
                let own = value.as_object().into_iter().flatten();
                let own = own.map(|(key, value)| {
                    let value = if computed.contains(&key.as_str()) { json!(true) } else { inline(value, root) };
                    (key.clone(), value)
                });
                kept.insert(keyword.clone(), Json::Object(own.collect()));
            }
            "patternProperties" => {
                let open = value.as_object().into_iter().flatten().map(|(key, _)| (key.clone(), json!(true)));
                kept.insert(keyword.clone(), Json::Object(open.collect()));
            }
            "additionalProperties" if *value == json!(false) => {
                kept.insert(keyword.clone(), value.clone());
            }
            "allOf" => all.extend(value.as_array().into_iter().flatten()),
            "$ref" => all.extend(value.as_str().and_then(|text| root.pointer(text.strip_prefix('#')?))),
            // A choice, a count of what is computed, or a word for people.
            _ => {}
        }
    }
    if !all.is_empty() {
        let all = all.into_iter().map(|one| certain(one, root, computed, depth + 1)).collect();
        kept.insert("allOf".to_owned(), Json::Array(all));
    }
    Json::Object(kept)
}

/// The schema of a constant part, which may refer to what the whole defines.
fn inline(schema: &Json, root: &Json) -> Json {
    let mut own = schema.clone();
    if let (Json::Object(own), Some(definitions)) = (&mut own, root.get("$defs")) {
        own.entry("$defs").or_insert_with(|| definitions.clone());
    }
    own
}
