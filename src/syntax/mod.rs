//! Text to document: YAML or frozen JSON in, a tree in which every key and value has its place, and the document.
//!
//! Parsing never fails: it gives back what could be read together with every complaint.
//! This room may not know: files, versions on disk, what a step does.

mod action;
mod document;
mod error_types;
mod header;
mod json;
pub mod keys;
mod meant;
mod part;
mod read;
mod step;
mod traps;
mod tree;
pub mod verbs;
mod yaml;

pub use action::{Action, Leaves, Nature, Outcome};
pub use document::{Assignment, Condition, Document, Place, Written, WrittenKind, located, located_in};
pub use error_types::{ErrorType, Fit, Maker, Own, can_fit, statuses};
pub use header::{ActivityDefaults, Defaults, Duplicates, Header, HttpDefaults, Keep, Signal, Update};
pub use meant::{a, length, short};
pub use part::{Any, Item, Name, Named, Part, Parts, Seen, Stated};
pub use step::{Branch, Child, Common, Level, OnError, Role, Root, Step, StepId, walk};
pub use tree::{Entry, Kind, Node, Text};
pub use yaml::{MAX_DEPTH, MAX_SOURCE};

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Code, Diagnostic, Span};
use crate::value::JsonError;

/// Reads a definition as an author wrote it.
pub fn read_yaml(text: &str) -> (Option<Document>, Vec<Diagnostic>) {
    let yaml::Read { node, mut complaints, partial } = yaml::read(text);
    let Some(tree) = node else { return (None, complaints) };
    let (document, mut more) = read::document(tree, text);
    // A key that is missing may be what could not be read.
    let outermost = outermost(partial);
    let within = |at: usize| outermost.range(..=at).next_back().is_some_and(|(_, end)| at < *end);
    more.retain(|complaint| complaint.code != Code::MissingKey || !within(complaint.span.start));
    // A `yes` that is complained about for what it is meant to be needs no word on what it looks like.
    let said: BTreeSet<Span> = more.iter().map(|complaint| complaint.span).collect();
    complaints.retain(|trap| trap.is_error() || !said.contains(&trap.span));
    complaints.extend(more);
    (document, complaints)
}

/// Where the mappings begin and end that are inside no other of them.
fn outermost(mut maps: Vec<Span>) -> BTreeMap<usize, usize> {
    maps.sort_by_key(|map| (map.start, std::cmp::Reverse(map.end)));
    let (mut outermost, mut last) = (BTreeMap::new(), 0);
    for map in maps.into_iter().filter(|map| map.end > map.start) {
        if map.end > last {
            outermost.insert(map.start, map.end);
            last = map.end;
        }
    }
    outermost
}

/// Reads a frozen definition. Errors: text that is not the JSON that freezing writes.
pub fn read_frozen(text: &str) -> Result<(Option<Document>, Vec<Diagnostic>), JsonError> {
    Ok(read::document(json::read(text)?, ""))
}

/// Reads any YAML document as a tree, for scenarios and case files.
pub fn read_tree(text: &str) -> (Option<Node>, Vec<Diagnostic>) {
    let read = yaml::read(text);
    (read.node, read.complaints)
}

/// Reads a definition out of a tree that holds more; `text` is what the tree was read from.
pub fn document_from(tree: &Node, text: &str) -> (Option<Document>, Vec<Diagnostic>) {
    read::document(tree.clone(), text)
}
