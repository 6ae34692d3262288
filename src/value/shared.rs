//! Texts, lists and maps. They never change, so a copy shares what is inside, and each knows its weight from the moment
//! it is made ([`Weight`]).

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::{Value, Weight};

#[derive(Clone)]
pub struct Text {
    text: Arc<str>,
    quoted: u64,
}

#[derive(Clone)]
pub struct List(Arc<Node<Vec<Value>>>);

/// Iterates in byte order of its keys.
#[derive(Clone)]
pub struct Map(Arc<Node<BTreeMap<String, Value>>>);

struct Node<T> {
    inside: T,
    weight: Weight,
    /// What it costs to make another of the same parts: one for each, and for each 64 bytes of a key.
    parts: u64,
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// Bytes of a text as a JSON string.
fn quoted(text: &str) -> u64 {
    let more = text.bytes().map(|b| match b {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 1,
        0..=31 => 5,
        _ => 0_u64,
    });
    length(text.len()) + 2 + more.sum::<u64>()
}

impl Text {
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn quoted(&self) -> u64 {
        self.quoted
    }
}

impl<T: AsRef<str> + Into<Arc<str>>> From<T> for Text {
    fn from(text: T) -> Text {
        Text { quoted: quoted(text.as_ref()), text: text.into() }
    }
}

impl Deref for Text {
    type Target = str;
    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.text, f)
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Text) -> bool {
        Arc::ptr_eq(&self.text, &other.text) || self.text == other.text
    }
}

impl Eq for Text {}

impl<T> Node<T> {
    fn is(self: &Arc<Self>, other: &Arc<Self>, same: impl FnOnce(&T, &T) -> bool) -> bool {
        Arc::ptr_eq(self, other) || (self.weight == other.weight && same(&self.inside, &other.inside))
    }
}

impl List {
    pub fn weight(&self) -> Weight {
        self.0.weight
    }

    /// The items, to make another list of.
    pub fn into_items(self) -> Vec<Value> {
        Arc::try_unwrap(self.0).map_or_else(|shared| shared.inside.clone(), |own| own.inside)
    }
}

impl From<Vec<Value>> for List {
    fn from(items: Vec<Value>) -> List {
        let weight = items.iter().fold(Weight::of(2), |all, item| all.with(item.weight(), 1));
        let parts = length(items.len());
        List(Arc::new(Node { inside: items, weight, parts }))
    }
}

impl FromIterator<Value> for List {
    fn from_iter<T: IntoIterator<Item = Value>>(items: T) -> List {
        items.into_iter().collect::<Vec<_>>().into()
    }
}

impl Deref for List {
    type Target = [Value];
    fn deref(&self) -> &[Value] {
        &self.0.inside
    }
}

impl<'a> IntoIterator for &'a List {
    type Item = &'a Value;
    type IntoIter = std::slice::Iter<'a, Value>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.inside.iter()
    }
}

impl IntoIterator for List {
    type Item = Value;
    type IntoIter = std::vec::IntoIter<Value>;
    fn into_iter(self) -> Self::IntoIter {
        self.into_items().into_iter()
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0.inside, f)
    }
}

impl PartialEq for List {
    fn eq(&self, other: &List) -> bool {
        self.0.is(&other.0, |a, b| a == b)
    }
}

impl Eq for List {}

impl Default for List {
    fn default() -> List {
        Vec::new().into()
    }
}

impl Map {
    pub fn weight(&self) -> Weight {
        self.0.weight
    }

    /// What it costs to make another map of the same parts.
    pub fn parts(&self) -> u64 {
        self.0.parts
    }

    /// The fields, to make another map of.
    pub fn into_fields(self) -> BTreeMap<String, Value> {
        Arc::try_unwrap(self.0).map_or_else(|shared| shared.inside.clone(), |own| own.inside)
    }
}

impl From<BTreeMap<String, Value>> for Map {
    fn from(fields: BTreeMap<String, Value>) -> Map {
        // One that would be taken for a tag of the stored form is wrapped there.
        let tagged = fields.keys().next().is_some_and(|key| key.starts_with('$'));
        let first = Weight::of(if tagged { 2 + 7 } else { 2 });
        let weight = fields.iter().fold(first, |all, (key, item)| all.with(item.weight(), quoted(key) + 2));
        let parts = fields.keys().map(|key| 1 + length(key.len() / 64)).sum();
        Map(Arc::new(Node { inside: fields, weight, parts }))
    }
}

impl FromIterator<(String, Value)> for Map {
    fn from_iter<T: IntoIterator<Item = (String, Value)>>(fields: T) -> Map {
        fields.into_iter().collect::<BTreeMap<_, _>>().into()
    }
}

impl Deref for Map {
    type Target = BTreeMap<String, Value>;
    fn deref(&self) -> &BTreeMap<String, Value> {
        &self.0.inside
    }
}

impl<'a> IntoIterator for &'a Map {
    type Item = (&'a String, &'a Value);
    type IntoIter = std::collections::btree_map::Iter<'a, String, Value>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.inside.iter()
    }
}

impl IntoIterator for Map {
    type Item = (String, Value);
    type IntoIter = std::collections::btree_map::IntoIter<String, Value>;
    fn into_iter(self) -> Self::IntoIter {
        self.into_fields().into_iter()
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0.inside, f)
    }
}

impl PartialEq for Map {
    fn eq(&self, other: &Map) -> bool {
        self.0.is(&other.0, |a, b| a == b)
    }
}

impl Eq for Map {}

impl Default for Map {
    fn default() -> Map {
        BTreeMap::new().into()
    }
}
