//! What of a schema is allowed by JSON Schema and can hardly be meant: keywords and formats that are none, and properties
//! that are required where none of that name may be.

use crate::diagnostic::{Code, Diagnostic};
use crate::expression::similar;
use crate::plan::keywords::{NAMED, ONE, PLAIN, SEVERAL, is_known};
use crate::syntax::{Document, Kind, Node, Outcome, Step};

/// The formats that are checked.
const FORMATS: [&str; 17] = [
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "iri",
    "iri-reference",
    "json-pointer",
    "regex",
    "relative-json-pointer",
    "time",
    "uri",
    "uri-reference",
    "uri-template",
    "uuid",
];

pub(super) fn check(document: &Document, complaints: &mut Vec<Diagnostic>) {
    let header = &document.header;
    let replies = document.walk().into_iter().filter_map(reply);
    let signals = header.signals.items().iter().filter_map(|signal| signal.keys.payload.get());
    let updates = header.updates.items().iter().filter_map(|update| update.keys.payload.get());
    let own = header.input.get().into_iter().chain(header.returns.get());
    for schema in own.chain(replies).chain(signals).chain(updates) {
        walk(schema, complaints);
    }
}

/// The schema that the answer of a step must fit.
fn reply(step: &Step) -> Option<&Node> {
    match step.action.outcome() {
        Outcome::Reply(schema) | Outcome::Answer(schema) => schema,
        Outcome::Nothing
        | Outcome::Null
        | Outcome::Message(_)
        | Outcome::Items
        | Outcome::Branches(_)
        | Outcome::Winner(_)
        | Outcome::Last => None,
    }
}

fn walk(schema: &Node, complaints: &mut Vec<Diagnostic>) {
    required(schema, complaints);
    bounds(schema, complaints);
    values(schema, complaints);
    for entry in schema.entries() {
        let key = entry.key.as_str();
        if ONE.contains(&key) {
            walk(&entry.value, complaints);
        } else if SEVERAL.contains(&key) {
            if let Kind::List(items) = &entry.value.kind {
                items.iter().for_each(|item| walk(item, complaints));
            }
        } else if NAMED.contains(&key) {
            entry.value.entries().iter().for_each(|one| walk(&one.value, complaints));
        } else if key == "format" {
            format(&entry.value, complaints);
        } else if !is_known(key) {
            let message = format!("`{key}` is no keyword of a schema, so nothing is checked by it");
            let help = meant(key, &entry.value)
                .unwrap_or_else(|| "remove it, or write it as `x-…` if it is a note".to_owned());
            complaints.push(Diagnostic::error(Code::Schema, entry.key_span, message).help(help));
        }
    }
}

/// The keyword that was meant.
fn meant(key: &str, value: &Node) -> Option<String> {
    Some(match key {
        "nullable" => "allow null as a type: `type: [string, \"null\"]`".to_owned(),
        "optional" | "mandatory" => "list the names of what must be there: `required: [name]`".to_owned(),
        "dependencies" => "write `dependentRequired`, or `dependentSchemas`".to_owned(),
        "example" => "did you mean `examples`, which is a list?".to_owned(),
        "min" | "max" => format!("did you mean `{key}imum`, `{key}Length` or `{key}Items`?"),
        "regex" => "did you mean `pattern`?".to_owned(),
        "values" | "options" | "oneof" | "choices" => "did you mean `enum`?".to_owned(),
        "fields" | "props" => "did you mean `properties`?".to_owned(),
        // Keywords that hold schemas are the ones that can be meant by a schema.
        _ if matches!(value.kind, Kind::Map(_)) => match similar(key, ONE.iter().chain(&NAMED).copied()) {
            // Of a short word any other is a near one.
            Some(word) if key.len() > 3 => format!("did you mean `{word}`?"),
            Some(_) | None => "the fields of an object stand below `properties`".to_owned(),
        },
        _ => {
            let known = PLAIN.iter().chain(&ONE).chain(&SEVERAL).chain(&NAMED).copied();
            format!("did you mean `{}`?", similar(key, known)?)
        }
    })
}

fn format(node: &Node, complaints: &mut Vec<Diagnostic>) {
    let Kind::Text(format) = &node.kind else { return };
    if FORMATS.contains(&format.text.as_str()) {
        return;
    }
    let message = format!("`{}` is no format that is checked", format.text);
    let help = match similar(&format.text, FORMATS.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("the formats are {}", FORMATS.map(|f| format!("`{f}`")).join(", ")),
    };
    complaints.push(Diagnostic::error(Code::Schema, node.span, message).help(help));
}

/// Bounds between which nothing lies.
fn bounds(schema: &Node, complaints: &mut Vec<Diagnostic>) {
    // The lower bound, the upper one, whether what is equal to both fits, and what it is that would have to fit.
    const BOUNDS: [(&str, &str, bool, &str); 7] = [
        ("minimum", "maximum", true, "number"),
        ("exclusiveMinimum", "maximum", false, "number"),
        ("minimum", "exclusiveMaximum", false, "number"),
        ("exclusiveMinimum", "exclusiveMaximum", false, "number"),
        ("minLength", "maxLength", true, "text"),
        ("minItems", "maxItems", true, "list"),
        ("minProperties", "maxProperties", true, "object"),
    ];
    let number = |key: &str| match schema.get(key).map(|node| &node.kind) {
        Some(Kind::Number(number)) => Some(*number),
        Some(_) | None => None,
    };
    for (low, high, equal, what) in BOUNDS {
        let (Some(least), Some(most), Some(node)) = (number(low), number(high), schema.get(low)) else { continue };
        if least > most || (least == most && !equal) {
            let message = format!("no {what} fits: `{low}` is {least}, and `{high}` {most}");
            complaints.push(Diagnostic::warning(Code::Schema, node.span, message).help("correct one of the two"));
        }
    }
}

/// Values that the `type` beside them allows none of.
fn values(schema: &Node, complaints: &mut Vec<Diagnostic>) {
    let names: Vec<&str> = match schema.get("type").map(|node| &node.kind) {
        Some(Kind::Text(name)) => vec![name.text.as_str()],
        Some(Kind::List(names)) => names
            .iter()
            .filter_map(|name| match &name.kind {
                Kind::Text(name) => Some(name.text.as_str()),
                _ => None,
            })
            .collect(),
        Some(_) | None => return,
    };
    let fits = |value: &Node| match &value.kind {
        Kind::Null => names.contains(&"null"),
        Kind::Bool(_) => names.contains(&"boolean"),
        Kind::Number(number) => names.contains(&"number") || names.contains(&"integer") && number.fract().is_zero(),
        Kind::Text(_) => names.contains(&"string"),
        Kind::List(_) => names.contains(&"array"),
        Kind::Map(_) => names.contains(&"object"),
        Kind::Broken => true,
    };
    let values = match (schema.get("enum").map(|node| (node, &node.kind)), schema.get("const")) {
        (Some((node, Kind::List(values))), _) if !values.is_empty() => (node, values.as_slice()),
        (_, Some(value)) => (value, std::slice::from_ref(value)),
        (_, None) => return,
    };
    if !values.1.iter().any(fits) {
        let message = format!("nothing fits: none of these is of the type {}", names.join(" or "));
        let help = "put a number that is meant as text in quotes, or correct the `type`";
        complaints.push(Diagnostic::warning(Code::Schema, values.0.span, message).help(help));
    }
}

/// Properties that are required where none of that name may be.
fn required(schema: &Node, complaints: &mut Vec<Diagnostic>) {
    let closed = matches!(schema.get("additionalProperties").map(|node| &node.kind), Some(Kind::Bool(false)));
    let patterns = schema.get("patternProperties").is_some();
    let (true, false, Some(properties)) = (closed, patterns, schema.get("properties")) else { return };
    let Some(Kind::List(names)) = schema.get("required").map(|node| &node.kind) else { return };
    for node in names {
        let Kind::Text(name) = &node.kind else { continue };
        if properties.get(&name.text).is_none() {
            let message = format!("`{}` is required, but no property of that name may be there", name.text);
            let help = match similar(&name.text, properties.entries().iter().map(|e| e.key.as_str())) {
                Some(word) => format!("did you mean `{word}`?"),
                None => "add it to `properties`, or remove it".to_owned(),
            };
            complaints.push(Diagnostic::error(Code::Schema, node.span, message).help(help));
        }
    }
}
