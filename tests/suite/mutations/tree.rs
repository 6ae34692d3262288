//! Trees of definitions as they are changed: small steps that give `None` where they mean nothing.

use super::*;

pub(super) fn node(json: Json) -> Node {
    read_tree(&json.to_string()).0.unwrap()
}

pub(super) fn map(node: &mut Node) -> Option<&mut Vec<Entry>> {
    if let Kind::Map(entries) = &mut node.kind { Some(entries) } else { None }
}

pub(super) fn list(node: &mut Node) -> Option<&mut Vec<Node>> {
    if let Kind::List(items) = &mut node.kind { Some(items) } else { None }
}

pub(super) fn text(node: &Node) -> Option<&str> {
    if let Kind::Text(text) = &node.kind { Some(&text.text) } else { None }
}

pub(super) fn set_text(node: &mut Node, text: impl Into<String>) -> Option<()> {
    node.kind = Kind::Text(Text { text: text.into(), exact: None, plain: false });
    Some(())
}

pub(super) fn inner<'a>(node: &'a mut Node, key: &str) -> Option<&'a mut Node> {
    map(node)?.iter_mut().find(|e| e.key == key).map(|e| &mut e.value)
}

pub(super) fn take(node: &mut Node, key: &str) -> Option<Node> {
    let entries = map(node)?;
    let at = entries.iter().position(|e| e.key == key)?;
    Some(entries.remove(at).value)
}

pub(super) fn put(tree: &mut Node, key: &str, json: Json) -> Option<()> {
    put_node(tree, key, node(json))
}

pub(super) fn put_node(tree: &mut Node, key: &str, value: Node) -> Option<()> {
    let entries = map(tree)?;
    match entries.iter_mut().find(|e| e.key == key) {
        Some(entry) => entry.value = value,
        None => entries.push(Entry { key: key.to_owned(), key_span: Default::default(), value }),
    }
    Some(())
}

pub(super) fn add(node: &mut Node, key: &str, json: Json) -> Option<()> {
    if node.get(key).is_some() { None } else { put(node, key, json) }
}

pub(super) fn any_key(node: &Node, random: &mut Random) -> Option<String> {
    random.pick(node.entries()).map(|e| e.key.clone())
}

pub(super) fn child(node: &Node, at: usize) -> Option<&Node> {
    match &node.kind {
        Kind::Map(entries) => entries.get(at).map(|e| &e.value),
        Kind::List(items) => items.get(at),
        _ => None,
    }
}

pub(super) fn children(node: &Node) -> usize {
    if let Kind::List(items) = &node.kind { items.len() } else { node.entries().len() }
}

pub(super) fn reach<'a>(node: &'a mut Node, path: &[usize]) -> Option<&'a mut Node> {
    let Some((first, rest)) = path.split_first() else { return Some(node) };
    let next = match &mut node.kind {
        Kind::Map(entries) => entries.get_mut(*first).map(|e| &mut e.value),
        Kind::List(items) => items.get_mut(*first),
        _ => None,
    };
    reach(next?, rest)
}

/// A path as a person reads it, with the id of the step that it leads to.
pub(super) fn pointer(mut node: &Node, path: &[usize]) -> String {
    let (mut words, mut id) = (String::new(), None);
    for at in path {
        let key = node.entries().get(*at).map_or(at.to_string(), |e| e.key.clone());
        words = format!("{words}/{key}");
        let Some(next) = child(node, *at) else { break };
        node = next;
        id = node.get("id").and_then(text).or(id);
    }
    if let Some(id) = id { format!("{words} ({id})") } else { words }
}
