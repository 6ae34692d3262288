//! What must not be shown, and what is shown of a text or a value in which it stands. Of several that overlap all is
//! hidden, and each is found wherever it begins; a crate that looks for many texts at once gives the one or the other.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Bound::{Included, Unbounded};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::plan::HIDDEN;
use crate::value::{Value, to_json};

/// Characters from which on a text is looked for inside others.
const LEAST: usize = 4;
/// Bytes of texts that are looked for; with more, all is hidden.
const MOST: usize = 256 * 1024;
/// As in the path of a request.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[derive(Debug, Clone, Default)]
pub struct Veil {
    /// Looked for inside texts.
    inside: BTreeSet<String>,
    /// What of these the first bytes are.
    begins: BTreeSet<Vec<u8>>,
    /// As JSON, what is hidden where it is the whole of a value.
    whole: BTreeSet<String>,
    bytes: usize,
    /// All is hidden.
    shut: bool,
}

impl Veil {
    /// Hides all from now on.
    pub fn shut(&mut self) {
        self.shut = true;
    }

    /// Whether there is anything to hide.
    pub fn hides(&self) -> bool {
        self.shut || !self.whole.is_empty() || !self.inside.is_empty()
    }

    /// Hides a value wherever it is from now on, and what stands in it. `true`, `false`, null and what is empty would be
    /// found everywhere.
    pub fn hide(&mut self, value: &Value) {
        match value {
            Value::Null | Value::Bool(_) => return,
            Value::List(items) => items.iter().for_each(|item| self.hide(item)),
            Value::Map(fields) => fields.iter().for_each(|(_, field)| self.hide(field)),
            Value::Text(_) | Value::Number(_) | Value::Time(_) | Value::Duration(_) => {
                self.hide_inside(&value.to_display());
            }
        }
        let json = to_json(value);
        if !["\"\"", "[]", "{}"].contains(&json.as_str()) {
            self.bytes += json.len();
            self.whole.insert(json);
        }
        self.shut |= self.bytes > MOST;
    }

    /// Hides a text inside others, also as it stands in JSON and in the path of a request.
    pub fn hide_inside(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        let json = to_json(&Value::text(text));
        let escaped = json.trim_matches('"').to_owned();
        let encoded = utf8_percent_encode(text, SEGMENT).to_string();
        let short = text.chars().count() < LEAST;
        // A short one is found in messages where it stands in quotes.
        let forms = if short { vec![json] } else { vec![text.to_owned(), escaped, encoded] };
        for form in forms {
            if let Some(begin) = form.as_bytes().first_chunk::<3>() {
                self.begins.insert(begin.to_vec());
                self.bytes += form.len();
                self.inside.insert(form);
            }
        }
        self.shut |= self.bytes > MOST;
    }

    /// A text as it may be shown.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.shut {
            return HIDDEN.into();
        }
        if self.inside.is_empty() {
            return text.into();
        }
        let (mut shown, mut hidden) = (String::new(), 0);
        for (at, character) in text.char_indices() {
            if let Some(length) = text.get(at..).and_then(|rest| self.begins_with(rest)) {
                // What touches what is hidden already belongs to it.
                if hidden == 0 || at > hidden {
                    shown.push_str(HIDDEN);
                }
                hidden = hidden.max(at + length);
            }
            if at >= hidden {
                shown.push(character);
            }
        }
        if hidden == 0 { text.into() } else { shown.into() }
    }

    /// The bytes of what is hidden at the beginning of a text, the longest.
    fn begins_with(&self, rest: &str) -> Option<usize> {
        let begin = rest.as_bytes().first_chunk::<3>()?;
        if !self.begins.contains(begin.as_slice()) {
            return None;
        }
        let mut bound = rest;
        let found = loop {
            // The greatest that is not greater: what the text begins with is among those that share its beginning.
            let Some(candidate) = self.inside.range::<str, _>((Unbounded, Included(bound))).next_back() else {
                break None;
            };
            if rest.starts_with(candidate.as_str()) {
                break Some(candidate.len());
            }
            let shared = candidate.char_indices().zip(bound.chars()).find(|((_, one), other)| one != other);
            let shared = shared.map_or(candidate.len().min(bound.len()), |((at, _), _)| at);
            match bound.get(..shared) {
                Some(shorter) if shorter.len() < bound.len() && !shorter.is_empty() => bound = shorter,
                _ => break None,
            }
        };
        // The end of what was cut may be the beginning of what is hidden.
        let cut = || {
            let next = self.inside.range::<str, _>((Included(rest), Unbounded)).next();
            next.filter(|next| next.starts_with(rest)).map(|_| rest.len())
        };
        found.or_else(cut).filter(|length| *length > 0)
    }

    /// A value as it may be shown.
    pub fn value(&self, value: &Value) -> Value {
        if self.shut {
            return Value::text(HIDDEN);
        }
        if !self.hides() {
            return value.clone();
        }
        if !matches!(value, Value::Null | Value::Bool(_)) && self.whole.contains(&to_json(value)) {
            return Value::text(HIDDEN);
        }
        match value {
            Value::Text(text) => Value::text(self.text(text).into_owned()),
            Value::List(items) => Value::list(items.iter().map(|item| self.value(item)).collect::<Vec<_>>()),
            Value::Map(fields) => {
                Value::map(fields.iter().map(|(name, field)| (self.text(name).into_owned(), self.value(field))))
            }
            // A number may be a part of a longer one that is written the same.
            Value::Number(_) | Value::Time(_) | Value::Duration(_) => {
                let text = value.to_display();
                match self.text(&text) {
                    shown if shown == text => value.clone(),
                    shown => Value::text(shown.into_owned()),
                }
            }
            Value::Null | Value::Bool(_) => value.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::from_json;

    fn veil(values: &[&str]) -> Veil {
        let mut veil = Veil::default();
        values.iter().for_each(|value| veil.hide(&from_json(value).unwrap()));
        veil
    }

    #[test]
    fn what_is_hidden_is_found_inside_and_where_it_overlaps() {
        let veil = veil(&["\"hunter2\"", "\"ter2-and\"", "\"a b\\\"c\"", "\"pin\"", "4711", "{\"x\":true}"]);
        for (text, shown) in [
            ("the word is hunter2.", "the word is •••."),
            ("hunter2-and more", "••• more"),
            ("hunter1", "hunter1"),
            ("GET /of/a%20b%22c", "GET /of/•••"),
            (r#"it was "a b\"c""#, r#"it was "•••""#),
            ("a pin, \"pin\"", "a pin, •••"),
            ("no 94711", "no 9•••"),
            ("nothing", "nothing"),
            ("", ""),
        ] {
            assert_eq!(veil.text(text), shown);
        }
        let value = r#"{"a":"pin","b":"hunter2","c":{"x":true},"d":4711,"e":[true,null,"pins"]}"#;
        let shown = r#"{"a":"•••","b":"•••","c":"•••","d":"•••","e":[true,null,"pins"]}"#;
        assert_eq!(to_json(&veil.value(&from_json::<Value>(value).unwrap())), shown);
    }

    #[test]
    fn what_cannot_be_looked_for_is_hidden_with_all_else() {
        let long = veil(&[&format!("\"{}\"", "x".repeat(MOST))]);
        assert_eq!((long.text("a"), to_json(&long.value(&Value::integer(1)))), (HIDDEN.into(), "\"•••\"".to_owned()));
        assert!(!Veil::default().hides());
    }

    #[test]
    fn the_end_of_a_text_that_was_cut_may_be_its_beginning() {
        assert_eq!(veil(&["\"hunter2\""]).text("it is hunt"), "it is •••");
    }
}
