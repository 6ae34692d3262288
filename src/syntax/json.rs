//! A frozen definition, which is canonical JSON, to the same tree that YAML gives; it has no places.

use super::tree::{Entry, Kind, Node, Text};
use crate::diagnostic::Span;
use crate::value::{FromJson, JsonError, Value, from_json};

/// Reads canonical JSON. Errors: [`JsonError`], as for any JSON that enters.
pub fn read(text: &str) -> Result<Node, JsonError> {
    from_json(text)
}

fn node(kind: Kind) -> Node {
    Node { span: Span::default(), kind }
}

impl FromJson for Node {
    fn scalar(value: Value) -> Node {
        node(match value {
            Value::Bool(b) => Kind::Bool(b),
            Value::Number(n) => Kind::Number(n),
            Value::Text(text) => Kind::Text(Text { text: text.to_string(), exact: None, plain: false }),
            _ => Kind::Null,
        })
    }
    fn list(items: Vec<Node>) -> Node {
        node(Kind::List(items))
    }
    fn map(entries: Vec<(String, Node)>) -> Node {
        let entry = |(key, value)| Entry { key, key_span: Span::default(), value };
        node(Kind::Map(entries.into_iter().map(entry).collect()))
    }
}
