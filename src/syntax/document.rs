//! The document: a definition as written, every part with its place; and the values in it that are computed. What a key
//! may hold is decided by the tables of `header`, `step` and `verbs`; what it means is decided by `plan`.

use std::collections::BTreeSet;

use super::header::Header;
use super::tree::Node;
use crate::diagnostic::Span;
use crate::expression::{Expression, Failure, Problem, Scope, Template, World};
use crate::value::Value;

/// A definition as written.
#[derive(Debug, Clone)]
pub struct Document {
    pub tree: Node,
    pub header: Header,
    /// Every word in what could not be read: whether such a name is set or used is not known.
    pub lost: BTreeSet<String>,
}

#[derive(Debug, Clone)]
pub struct Assignment {
    pub name: String,
    pub span: Span,
    pub value: Written,
}

/// Where a text stands, and whether a place inside it can be pointed at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place {
    pub span: Span,
    pub exact: Option<usize>,
}

impl Place {
    /// The place of a range inside the text.
    pub fn locate(&self, range: &std::ops::Range<usize>) -> Span {
        match self.exact {
            Some(start) => Span::new(start + range.start, start + range.end),
            None => self.span,
        }
    }
}

/// A condition field: a bare expression.
#[derive(Debug, Clone)]
pub struct Condition {
    pub expression: Expression,
    pub place: Place,
}

/// A value field: YAML in which strings may hold `${…}`.
#[derive(Debug, Clone)]
pub struct Written {
    pub place: Place,
    pub kind: WrittenKind,
}

#[derive(Debug, Clone)]
pub enum WrittenKind {
    Constant(Value),
    Template(Template),
    List(Vec<Written>),
    Map(Vec<(String, Span, Written)>),
}

impl Written {
    /// The value, where no part is computed.
    pub fn constant(&self) -> Option<Value> {
        match &self.kind {
            WrittenKind::Constant(value) => Some(value.clone()),
            WrittenKind::Template(_) => None,
            WrittenKind::List(items) => items.iter().map(Written::constant).collect::<Option<_>>().map(Value::List),
            WrittenKind::Map(entries) => entries
                .iter()
                .map(|(key, _, value)| value.constant().map(|v| (key.clone(), v)))
                .collect::<Option<_>>()
                .map(Value::Map),
        }
    }

    /// Computes the value. Errors: the first expression that fails, in document order.
    pub fn evaluate(&self, scope: &dyn Scope, world: &mut World<'_>) -> Result<Value, Failure> {
        match &self.kind {
            WrittenKind::Constant(value) => Ok(value.clone()),
            WrittenKind::Template(template) => template.evaluate(scope, world),
            WrittenKind::List(items) => {
                items.iter().map(|item| item.evaluate(scope, world)).collect::<Result<_, _>>().map(Value::List)
            }
            WrittenKind::Map(entries) => entries
                .iter()
                .map(|(key, _, value)| value.evaluate(scope, world).map(|v| (key.clone(), v)))
                .collect::<Result<_, _>>()
                .map(Value::Map),
        }
    }

    /// Whether it is written alike: places do not count.
    pub fn same(&self, other: &Written) -> bool {
        match (&self.kind, &other.kind) {
            (WrittenKind::Constant(one), WrittenKind::Constant(two)) => one == two,
            (WrittenKind::Template(one), WrittenKind::Template(two)) => one.source() == two.source(),
            (WrittenKind::List(one), WrittenKind::List(two)) => {
                one.len() == two.len() && one.iter().zip(two).all(|(one, two)| one.same(two))
            }
            (WrittenKind::Map(one), WrittenKind::Map(two)) => {
                one.len() == two.len() && one.iter().zip(two).all(|(one, two)| one.0 == two.0 && one.2.same(&two.2))
            }
            _ => false,
        }
    }

    /// Every template inside, with its place.
    pub fn templates(&self) -> Vec<(&Template, Place)> {
        match &self.kind {
            WrittenKind::Constant(_) => Vec::new(),
            WrittenKind::Template(template) => vec![(template, self.place)],
            WrittenKind::List(items) => items.iter().flat_map(Written::templates).collect(),
            WrittenKind::Map(entries) => entries.iter().flat_map(|(_, _, value)| value.templates()).collect(),
        }
    }
}

impl Document {
    /// The text of `key` in the header; empty where it was complained about.
    pub fn process(&self) -> &str {
        self.header.process.text().unwrap_or("")
    }

    pub fn version(&self) -> i64 {
        self.header.version.value().unwrap_or(0)
    }

    /// The canonical form that is frozen and whose digest names the definition.
    pub fn canonical(&self) -> String {
        self.tree.canonical(super::keys::ORDERED)
    }
}

/// The complaint of the expression room, as seen in the source.
pub fn located(problem: &Problem, place: Place) -> crate::diagnostic::Diagnostic {
    use crate::diagnostic::{Code, Diagnostic};
    let code = Code::from_slug(problem.code).unwrap_or(Code::ExpressionSyntax);
    let span = place.locate(&problem.range);
    let made = if problem.warning { Diagnostic::warning } else { Diagnostic::error };
    made(code, span, problem.message.clone()).maybe_help(problem.help.clone())
}

/// The same for a part of `text`: where its letters cannot be pointed at, the message names the hole.
pub fn located_in(problem: &Problem, place: Place, text: &str) -> crate::diagnostic::Diagnostic {
    let mut complaint = located(problem, place);
    if place.exact.is_none()
        && let Some(hole) = hole_around(text, problem.range.start)
    {
        complaint.message = format!("in `{}`: {}", super::meant::short(hole), complaint.message);
    }
    complaint
}

/// The `${…}` that a byte of the text belongs to.
fn hole_around(text: &str, at: usize) -> Option<&str> {
    let start = hole_before(text, at)?;
    let rest = text.get(start..)?;
    let end = rest.get(at - start..)?.find('}').map_or(rest.len(), |end| at - start + end + 1);
    rest.get(..end)
}

/// Where the last `${` begins that does not begin behind this byte.
pub(super) fn hole_before(text: &str, at: usize) -> Option<usize> {
    text.match_indices("${").map(|(start, _)| start).take_while(|start| *start <= at).last()
}
