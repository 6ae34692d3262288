//! The document: a definition as written, every part with its place. What a key may hold is decided by the table in
//! `keys`; what it means is decided by `plan`.

use std::collections::BTreeSet;

use super::keys::Verb;
use super::tree::Node;
use crate::diagnostic::Span;
use crate::expression::{Expression, Failure, Problem, Scope, Template, World};
use crate::value::{Decimal, Duration, Value};

/// A definition as written.
#[derive(Debug, Clone)]
pub struct Document {
    pub tree: Node,
    pub header: Fields,
    /// Every word in what could not be read: whether such a name is set or used is not known.
    pub lost: BTreeSet<String>,
}

/// One step as written.
#[derive(Debug, Clone)]
pub struct Step {
    pub span: Span,
    pub verb: &'static Verb,
    pub verb_span: Span,
    /// The value of the verb's key.
    pub action: Field,
    /// Common keys and the verb's own, in the order written.
    pub fields: Fields,
}

impl Step {
    /// The lists of steps inside, in the order written.
    pub fn lists(&self) -> Vec<&[Step]> {
        let mut lists = Vec::new();
        let own = (&self.action, self.verb_span.start);
        let mut fields: Vec<(&Field, usize)> =
            self.fields.0.iter().map(|e| (&e.field, e.key_span.start)).chain([own]).collect();
        fields.sort_by_key(|(_, start)| *start); // stable: a frozen document has no places, and keeps the table's order
        for (field, _) in fields {
            field.lists(&mut lists);
        }
        lists
    }
}

impl Field {
    fn lists<'a>(&'a self, into: &mut Vec<&'a [Step]>) {
        match self {
            Field::Steps(steps) => into.push(steps),
            Field::Branches(branches) => into.extend(branches.iter().map(|b| b.steps.as_slice())),
            Field::List(items) => items.iter().flat_map(|(f, _)| &f.0).for_each(|e| e.field.lists(into)),
            Field::Map(fields) => fields.0.iter().for_each(|e| e.field.lists(into)),
            _ => {}
        }
    }
}

/// Keys of the table with what was read for them.
#[derive(Debug, Clone, Default)]
pub struct Fields(pub Vec<FieldEntry>);

#[derive(Debug, Clone)]
pub struct FieldEntry {
    pub key: &'static str,
    pub key_span: Span,
    pub span: Span,
    pub field: Field,
}

/// What was read, one kind for each [`super::keys::Form`].
#[derive(Debug, Clone)]
pub enum Field {
    Text(String),
    Integer(i64),
    Factor(Decimal),
    Flag(bool),
    Duration(Duration),
    Condition(Condition),
    Value(Written),
    Assignments(Vec<Assignment>),
    Schema(Node),
    Steps(Vec<Step>),
    Texts(Vec<(String, Span)>),
    Map(Fields),
    /// In the order written.
    Branches(Vec<Branch>),
    /// Mappings of a list, each with its place.
    List(Vec<(Fields, Span)>),
    /// Mappings by name, in the order of their names.
    Named(Vec<Named>),
    /// A bare expression of any kind.
    Expression(Condition),
    /// It was complained about.
    Broken,
}

/// A branch of `parallel` or `race`.
#[derive(Debug, Clone)]
pub struct Branch {
    pub name: String,
    pub span: Span,
    pub steps: Vec<Step>,
}

/// A signal or an update.
#[derive(Debug, Clone)]
pub struct Named {
    pub name: String,
    pub span: Span,
    pub fields: Fields,
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

impl Fields {
    pub fn entry(&self, key: &str) -> Option<&FieldEntry> {
        self.0.iter().find(|e| e.key == key)
    }

    /// Whether something in it could not be read, so that what is missing may be that.
    pub fn broken(&self) -> bool {
        self.0.iter().any(|entry| matches!(entry.field, Field::Broken))
    }

    pub fn field(&self, key: &str) -> Option<&Field> {
        self.entry(key).map(|e| &e.field)
    }

    pub fn text(&self, key: &str) -> Option<&str> {
        match self.field(key) {
            Some(Field::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub fn integer(&self, key: &str) -> Option<i64> {
        match self.field(key) {
            Some(Field::Integer(n)) => Some(*n),
            _ => None,
        }
    }

    pub fn flag(&self, key: &str) -> Option<bool> {
        match self.field(key) {
            Some(Field::Flag(flag)) => Some(*flag),
            _ => None,
        }
    }

    pub fn factor(&self, key: &str) -> Option<Decimal> {
        match self.field(key) {
            Some(Field::Factor(factor)) => Some(*factor),
            _ => None,
        }
    }

    pub fn duration(&self, key: &str) -> Option<Duration> {
        match self.field(key) {
            Some(Field::Duration(duration)) => Some(*duration),
            _ => None,
        }
    }

    pub fn condition(&self, key: &str) -> Option<&Condition> {
        match self.field(key) {
            Some(Field::Condition(condition)) => Some(condition),
            _ => None,
        }
    }

    pub fn value(&self, key: &str) -> Option<&Written> {
        match self.field(key) {
            Some(Field::Value(written)) => Some(written),
            _ => None,
        }
    }

    pub fn schema(&self, key: &str) -> Option<&Node> {
        match self.field(key) {
            Some(Field::Schema(node)) => Some(node),
            _ => None,
        }
    }

    pub fn steps(&self, key: &str) -> Option<&[Step]> {
        match self.field(key) {
            Some(Field::Steps(steps)) => Some(steps),
            _ => None,
        }
    }

    pub fn texts(&self, key: &str) -> Option<&[(String, Span)]> {
        match self.field(key) {
            Some(Field::Texts(texts)) => Some(texts),
            _ => None,
        }
    }

    pub fn named(&self, key: &str) -> &[Named] {
        match self.field(key) {
            Some(Field::Named(named)) => named,
            _ => &[],
        }
    }

    pub fn list(&self, key: &str) -> &[(Fields, Span)] {
        match self.field(key) {
            Some(Field::List(items)) => items,
            _ => &[],
        }
    }

    pub fn map(&self, key: &str) -> Option<&Fields> {
        match self.field(key) {
            Some(Field::Map(fields)) => Some(fields),
            _ => None,
        }
    }

    pub fn assignments(&self, key: &str) -> &[Assignment] {
        match self.field(key) {
            Some(Field::Assignments(assignments)) => assignments,
            _ => &[],
        }
    }
}

impl Document {
    /// The text of `key` in the header; empty where it was complained about.
    pub fn process(&self) -> &str {
        self.header.text("process").unwrap_or("")
    }

    pub fn version(&self) -> i64 {
        self.header.integer("version").unwrap_or(0)
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
    let start = text.get(..=at.min(text.len().saturating_sub(1)))?.rfind("${")?;
    let rest = text.get(start..)?;
    let end = rest.get(at - start..)?.find('}').map_or(rest.len(), |end| at - start + end + 1);
    rest.get(..end)
}
