//! Two schemas side by side, place by place.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use super::difference::{Difference, Kind};

/// Every difference, from the outside in. Nothing there takes everything.
pub fn differences(old: Option<&Json>, new: Option<&Json>) -> Vec<Difference> {
    let anything = Json::Object(Map::new());
    let (old, new) = (old.unwrap_or(&anything), new.unwrap_or(&anything));
    let mut walk = Walk { old_root: old, new_root: new, found: Vec::new() };
    walk.compare(old, new, &mut At::default(), 0);
    walk.found
}

#[derive(Clone, Default)]
struct At {
    path: String,
    old: String,
    new: String,
}

struct Walk<'a> {
    old_root: &'a Json,
    new_root: &'a Json,
    found: Vec<Difference>,
}

const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];
/// A larger one takes less.
const LOWER: [&str; 5] = ["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"];
/// A smaller one takes less.
const UPPER: [&str; 5] = ["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"];
/// Being there takes less; another one takes something else.
const RULES: [&str; 17] = [
    "pattern",
    "format",
    "multipleOf",
    "uniqueItems",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "prefixItems",
    "patternProperties",
    "propertyNames",
    "dependentRequired",
    "dependentSchemas",
];

/// What a reference inside a schema stands for.
pub fn resolve<'a>(root: &'a Json, schema: &'a Json) -> &'a Json {
    match schema.get("$ref").and_then(Json::as_str).and_then(|r| r.strip_prefix('#')) {
        Some(pointer) => root.pointer(pointer).unwrap_or(schema),
        None => schema,
    }
}

fn types(schema: &Json) -> BTreeSet<&str> {
    let mut types: BTreeSet<&str> = match schema.get("type") {
        Some(Json::String(one)) => [one.as_str()].into(),
        Some(Json::Array(some)) => some.iter().filter_map(Json::as_str).collect(),
        _ if schema == &Json::Bool(false) => BTreeSet::new(),
        _ => TYPES.into(),
    };
    if types.contains("number") {
        types.insert("integer");
    }
    types
}

fn named(types: &BTreeSet<&str>) -> String {
    let shown = types.iter().filter(|t| **t != "integer" || !types.contains("number"));
    let shown: Vec<&str> = shown.copied().collect();
    if types.len() == TYPES.len() { "anything".to_owned() } else { shown.join(" or ") }
}

fn values(schema: &Json) -> Option<BTreeSet<String>> {
    let one = schema.get("const").map(|value| [value.to_string()].into());
    one.or_else(|| Some(schema.get("enum")?.as_array()?.iter().map(Json::to_string).collect()))
}

fn required(schema: &Json) -> BTreeSet<&str> {
    schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect()
}

fn closed(schema: &Json) -> bool {
    schema.get("additionalProperties") == Some(&Json::Bool(false))
}

fn text(value: Option<&Json>) -> String {
    value.map_or_else(|| "none".to_owned(), Json::to_string)
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

impl Walk<'_> {
    fn add(&mut self, kind: Kind, at: &At, old: String, new: String, words: String) {
        let (old_pointer, new_pointer) = (at.old.clone(), at.new.clone());
        self.found.push(Difference { kind, path: at.path.clone(), old_pointer, new_pointer, old, new, words });
    }

    fn compare(&mut self, old: &Json, new: &Json, at: &mut At, depth: usize) {
        if depth > 16 {
            return; // a schema that refers to itself was seen by then
        }
        let (old, new) = (resolve(self.old_root, old).clone(), resolve(self.new_root, new).clone());
        let (old, new) = (&old, &new);
        if old == new && !text(Some(old)).contains("$ref") {
            return;
        }
        self.types(old, new, at);
        self.values(old, new, at);
        self.bounds(old, new, at);
        let (before, after) = (old.get("default"), new.get("default"));
        if before != after {
            let words = match after {
                Some(after) => format!("is now {after} where it is not given, it was {}", text(before)),
                None => format!("has no default any more, it was {}", text(before)),
            };
            self.add(Kind::DefaultChanged, at, text(before), text(after), words);
        }
        self.properties(old, new, at, depth);
        if let (Some(before), Some(after)) = (old.get("items"), new.get("items")) {
            let mut inner = At {
                path: format!("{}[]", at.path),
                old: format!("{}/items", at.old),
                new: format!("{}/items", at.new),
            };
            self.compare(before, after, &mut inner, depth + 1);
        } else if old.get("items") != new.get("items") {
            self.rule("items", old, new, at);
        }
    }

    fn types(&mut self, old: &Json, new: &Json, at: &At) {
        let (before, after) = (types(old), types(new));
        if before == after {
            return;
        }
        let words = format!("is now {}, it was {}", named(&after), named(&before));
        let kind = match (after.is_subset(&before), before.is_subset(&after)) {
            (true, _) => Kind::TypeNarrowed,
            (_, true) => Kind::TypeWidened {
                only_null: after.difference(&before).eq(&["null"].iter().copied().collect::<BTreeSet<_>>()),
            },
            _ => Kind::TypeChanged,
        };
        self.add(kind, at, named(&before), named(&after), words);
    }

    fn values(&mut self, old: &Json, new: &Json, at: &At) {
        let list = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(", ");
        match (values(old), values(new)) {
            (Some(before), Some(after)) => {
                let (gone, come): (BTreeSet<_>, BTreeSet<_>) = (&before - &after, &after - &before);
                if !gone.is_empty() {
                    let words = format!("may not be {} any more", list(&gone));
                    self.add(Kind::EnumRemoved, at, list(&gone), String::new(), words);
                }
                if !come.is_empty() {
                    self.add(Kind::EnumAdded, at, String::new(), list(&come), format!("may now be {}", list(&come)));
                }
            }
            (None, Some(after)) => {
                let words = format!("may only be {} now", list(&after));
                self.add(Kind::EnumRemoved, at, "any".into(), list(&after), words);
            }
            (Some(before), None) => {
                let words = format!("is not limited to {} any more", list(&before));
                self.add(Kind::EnumAdded, at, list(&before), "any".into(), words);
            }
            (None, None) => {}
        }
    }

    fn bounds(&mut self, old: &Json, new: &Json, at: &At) {
        for (key, upper) in LOWER.iter().map(|k| (*k, false)).chain(UPPER.iter().map(|k| (*k, true))) {
            let (before, after) = (old.get(key).and_then(Json::as_f64), new.get(key).and_then(Json::as_f64));
            if before == after {
                continue;
            }
            let words = format!("has `{key}` {} now, it was {}", text(new.get(key)), text(old.get(key)));
            let tighter = match (before, after) {
                (Some(before), Some(after)) => (after > before) != upper,
                (before, _) => before.is_none(),
            };
            let kind = if tighter { Kind::Tightened { certain: true } } else { Kind::Loosened };
            self.add(kind, at, format!("{key} {}", text(old.get(key))), format!("{key} {}", text(new.get(key))), words);
        }
        for key in RULES {
            self.rule(key, old, new, at);
        }
    }

    fn rule(&mut self, key: &str, old: &Json, new: &Json, at: &At) {
        let nothing = |value: Option<&Json>| matches!(value, None | Some(Json::Bool(false)));
        let (before, after) = (old.get(key), new.get(key));
        if before == after || (nothing(before) && nothing(after)) {
            return;
        }
        let (kind, words) = match (nothing(before), nothing(after)) {
            (true, _) => (Kind::Tightened { certain: true }, format!("has the rule `{key}` now: {}", text(after))),
            (_, true) => (Kind::Loosened, format!("has no rule `{key}` any more")),
            _ => {
                let words = format!("has another rule `{key}` now: {}, it was {}", text(after), text(before));
                (Kind::Tightened { certain: false }, words)
            }
        };
        self.add(kind, at, format!("{key} {}", text(before)), format!("{key} {}", text(after)), words);
    }

    fn properties(&mut self, old: &Json, new: &Json, at: &mut At, depth: usize) {
        let empty = Map::new();
        let properties = |schema: &Json| schema.get("properties").and_then(Json::as_object).cloned();
        let (before, after) = (properties(old), properties(new));
        let (before, after) = (before.as_ref().unwrap_or(&empty), after.as_ref().unwrap_or(&empty));
        let (must_before, must_after) = (required(old), required(new));
        let names: BTreeSet<&str> = before
            .keys()
            .chain(after.keys())
            .map(String::as_str)
            .chain(must_before.iter().copied())
            .chain(must_after.iter().copied())
            .collect();
        for name in names {
            let mut inner = At {
                path: format!("{}.{name}", at.path),
                old: format!("{}/properties/{}", at.old, escaped(name)),
                new: format!("{}/properties/{}", at.new, escaped(name)),
            };
            let must = (must_before.contains(name), must_after.contains(name));
            match (before.get(name), after.get(name)) {
                (None, Some(property)) if !must.0 => {
                    let (kind, words) = if must.1 {
                        (Kind::RequiredAdded, "is now required, and is new")
                    } else {
                        (Kind::OptionalAdded, "is new and may be left out")
                    };
                    self.add(kind, &inner, String::new(), property.to_string(), words.to_owned());
                    continue;
                }
                (Some(property), None) if !must.1 => {
                    let refused = closed(new);
                    let words =
                        if refused { "is gone, and is refused now" } else { "is gone, and is not looked at any more" };
                    self.add(Kind::Removed { refused }, &inner, property.to_string(), String::new(), words.to_owned());
                    continue;
                }
                // One that must be there and of which nothing is said may be anything.
                (before, after) => {
                    let anything = Json::Object(Map::new());
                    let (before, after) = (before.unwrap_or(&anything), after.unwrap_or(&anything));
                    self.compare(before, after, &mut inner, depth + 1);
                }
            }
            match must {
                (false, true) => self.add(
                    Kind::BecameRequired,
                    &inner,
                    "optional".into(),
                    "required".into(),
                    "is now required".into(),
                ),
                (true, false) => self.add(
                    Kind::BecameOptional,
                    &inner,
                    "required".into(),
                    "optional".into(),
                    "may now be left out".into(),
                ),
                _ => {}
            }
        }
        self.others(old, new, at, depth);
    }

    /// Properties without a name of their own.
    fn others(&mut self, old: &Json, new: &Json, at: &mut At, depth: usize) {
        let others = |schema: &Json| schema.get("additionalProperties").filter(|v| **v != Json::Bool(true)).cloned();
        match (others(old), others(new)) {
            (before, after) if before == after => {}
            (_, Some(Json::Bool(false))) => {
                self.add(
                    Kind::Closed,
                    at,
                    "open".into(),
                    "closed".into(),
                    "refuses properties now that it does not name".into(),
                );
            }
            (Some(Json::Bool(false)), _) => {
                self.add(
                    Kind::Opened,
                    at,
                    "closed".into(),
                    "open".into(),
                    "takes properties now that it does not name".into(),
                );
            }
            (Some(before), Some(after)) => {
                let mut inner = At {
                    path: format!("{}.*", at.path),
                    old: format!("{}/additionalProperties", at.old),
                    new: format!("{}/additionalProperties", at.new),
                };
                self.compare(&before, &after, &mut inner, depth + 1);
            }
            _ => self.rule("additionalProperties", old, new, at),
        }
    }
}
