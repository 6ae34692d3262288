//! The tree of a text: every key and value with its place.

use crate::diagnostic::Span;
use crate::value::{Decimal, Value, to_json};

/// A YAML or JSON node. Equality of meaning is what [`Node::canonical`] writes; places are not part of it.
#[derive(Debug, Clone)]
pub struct Node {
    pub span: Span,
    pub kind: Kind,
}

#[derive(Debug, Clone)]
pub enum Kind {
    Null,
    Bool(bool),
    Number(Decimal),
    Text(Text),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// What could not be read; it was already complained about.
    Broken,
}

#[derive(Debug, Clone)]
pub struct Text {
    pub text: String,
    /// Where byte 0 of `text` stands in the source, when the source shows the text letter by letter.
    pub exact: Option<usize>,
    /// Written without quotes.
    pub plain: bool,
}

#[derive(Debug, Clone)]
pub struct Entry {
    pub key: String,
    pub key_span: Span,
    pub value: Node,
}

impl Node {
    /// What the node is, in the author's words.
    pub fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "true/false",
            Kind::Number(_) => "a number",
            Kind::Text(_) => "text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
            Kind::Broken => "something unreadable",
        }
    }

    pub fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|e| e.key == key).map(|e| &e.value)
    }

    /// The node as a value; `Broken` reads as null.
    pub fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Null | Kind::Broken => Value::Null,
            Kind::Bool(b) => Value::Bool(*b),
            Kind::Number(n) => Value::Number(*n),
            Kind::Text(text) => Value::text(text.text.as_str()),
            Kind::List(items) => Value::list(items.iter().map(Node::to_value)),
            Kind::Map(entries) => Value::map(entries.iter().map(|e| (e.key.as_str(), e.value.to_value()))),
        }
    }

    /// Finds the node a JSON pointer (RFC 6901) leads to, or the deepest one on the way.
    pub fn at_pointer(&self, pointer: &str) -> &Node {
        let mut node = self;
        for segment in pointer.split('/').skip(1) {
            let key = segment.replace("~1", "/").replace("~0", "~");
            let next = match &node.kind {
                Kind::List(items) => key.parse::<usize>().ok().and_then(|at| items.get(at)),
                _ => node.get(&key),
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node
    }

    /// The canonical form: JSON with keys in byte order and no layout. Below a key in `ordered`, whose order has a
    /// meaning (the branches of `race` and `parallel`), keys stay as written.
    pub fn canonical(&self, ordered: &[&str]) -> String {
        let mut out = String::new();
        self.write(ordered, false, &mut out);
        out
    }

    fn write(&self, ordered: &[&str], keep_order: bool, out: &mut String) {
        match &self.kind {
            Kind::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    item.write(ordered, false, out);
                }
                out.push(']');
            }
            Kind::Map(entries) => {
                let mut entries: Vec<&Entry> = entries.iter().collect();
                if !keep_order {
                    entries.sort_by(|a, b| a.key.as_bytes().cmp(b.key.as_bytes()));
                }
                out.push('{');
                for (at, entry) in entries.into_iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    out.push_str(&to_json(&Value::text(entry.key.as_str())));
                    out.push(':');
                    entry.value.write(ordered, ordered.contains(&entry.key.as_str()), out);
                }
                out.push('}');
            }
            _ => out.push_str(&to_json(&self.to_value())),
        }
    }
}
