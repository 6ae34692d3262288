//! Expressions: conditions and `${…}`. Source to tree (`scan`, `parse`), types and problems (`check`), values
//! (`evaluate`). The syntax is Rhai's, read by Rhai's own parser; what an expression means is decided here.
//!
//! This room computes with [`crate::value`] and knows nothing else. It may not know: YAML, steps, definitions, hosts,
//! and any clock or source of chance but the [`World`] it is handed.

mod check;
mod constants;
mod evaluate;
mod functions;
mod habits;
mod meter;
mod operators;
mod parse;
mod scan;
mod schema;
mod template;
mod tree;
mod types;

#[cfg(test)]
mod corpus;

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use crate::value::{Time, Value};

pub use habits::similar;
pub use meter::{Budget, LIST, TEXT, TOGETHER};
pub use scan::invisible;
pub use template::Template;
pub use tree::{Asked, Compared};
pub use types::{Field, Fields, Shared, Type, Types, Way};

/// A parsed expression. Plain data: cheap to clone, safe to share between threads.
#[derive(Clone)]
pub struct Expression(Arc<Parsed>);

struct Parsed {
    source: String,
    tree: tree::Node,
    names: Vec<(String, Range<usize>)>,
    paths: Vec<Vec<String>>,
    failing: OnceLock<Vec<constants::Failing>>,
}

/// Something an author should change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// `expression-syntax`, `unknown-name`, `unknown-function`, `wrong-arguments`, `unknown-field`, `type-mismatch`,
    /// `constant-condition`, `not-a-condition`, `always-fails`, `perhaps-missing`, `unclosed-hole`.
    pub code: &'static str,
    /// Bytes of the text that was parsed.
    pub range: Range<usize>,
    pub message: String,
    pub help: Option<String>,
    pub warning: bool,
}

impl Problem {
    fn error(code: &'static str, range: Range<usize>, message: &str, help: Option<&str>) -> Problem {
        Problem { code, range, message: message.to_owned(), help: help.map(str::to_owned), warning: false }
    }

    fn shifted(mut self, by: usize) -> Problem {
        self.range = self.range.start + by..self.range.end + by;
        self
    }
}

/// Where names get their values. `None` is a name that is not set, which is a failure where it is read.
pub trait Scope {
    fn get(&self, name: &str) -> Option<Value>;
}

/// The little an expression may know of the world: the same on every replay.
pub struct World<'a> {
    pub now: Time,
    pub uuid: &'a mut dyn FnMut() -> String,
    /// What is left to spend; counted down.
    pub budget: &'a mut Budget,
}

/// Why an evaluation gave no value: the error type `expression`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    pub message: String,
    pub range: Option<Range<usize>>,
}

impl Expression {
    /// Reads an expression; on failure all problems found.
    pub fn parse(source: &str) -> Result<Expression, Vec<Problem>> {
        let tree = parse::parse(source)?;
        let (mut names, mut paths) = (Vec::new(), Vec::new());
        for (name, range, fields) in tree.reads() {
            paths.push(std::iter::once(name.clone()).chain(fields).collect());
            names.push((name, range));
        }
        paths.sort();
        paths.dedup();
        Ok(Expression(Arc::new(Parsed { source: source.to_owned(), tree, names, paths, failing: OnceLock::new() })))
    }

    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Every read of a name of the scope, with its bytes in the source. Parameters of closures are none.
    pub fn names(&self) -> &[(String, Range<usize>)] {
        &self.0.names
    }

    /// What is read, as name and fields: `["input", "nested", "a"]`. Sorted, each once.
    pub fn paths(&self) -> &[Vec<String>] {
        &self.0.paths
    }

    pub fn calls(&self, function: &str) -> bool {
        self.0.tree.calls(function)
    }

    /// Whether it is the same in every scope: no names, no `now()`, no `uuid()`.
    pub fn is_constant(&self) -> bool {
        self.0.tree.is_constant()
    }

    /// What it asks for, as name and fields: whether that is missing or null is known to its author.
    pub fn asks(&self) -> Asked {
        self.0.tree.asks()
    }

    /// The constant texts that names and their fields are compared with.
    pub fn compared(&self) -> Vec<Compared> {
        self.0.tree.compared()
    }

    /// The type it gives in a scope of these types, and every problem.
    pub fn check(&self, scope: &Types) -> (Type, Vec<Problem>) {
        check::check(&self.0.tree, self.source(), self.failing(), scope)
    }

    /// As [`Expression::check`], for a place that takes true/false only.
    pub fn check_condition(&self, scope: &Types) -> Vec<Problem> {
        check::condition(&self.0.tree, self.source(), self.failing(), scope)
    }

    /// Whether the items of the list that it gives are of the types that a schema or a step says of them, and nothing is
    /// known of them beyond that.
    pub fn is_settled(&self, scope: &Types) -> bool {
        check::settled(&self.0.tree, self.source(), scope)
    }

    /// Found once: definitions are looked through several times until the types of names are known.
    fn failing(&self) -> &[constants::Failing] {
        self.0.failing.get_or_init(|| constants::failing(&self.0.tree))
    }

    pub fn evaluate(&self, scope: &dyn Scope, world: &mut World<'_>) -> Result<Value, Failure> {
        evaluate::evaluate(&self.0.tree, self.names(), scope, world)
    }

    /// Evaluates a condition. Only true and false are answers; there is no truthiness.
    pub fn test(&self, scope: &dyn Scope, world: &mut World<'_>) -> Result<bool, Failure> {
        match self.evaluate(scope, world)? {
            Value::Bool(answer) => Ok(answer),
            other => Err(Failure {
                message: format!("the condition is {}, not true or false", evaluate::a(&other)),
                range: Some(self.0.tree.span.clone()),
            }),
        }
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Expression) -> bool {
        self.source() == other.source()
    }
}

impl Eq for Expression {}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Expression").field(&self.source()).finish()
    }
}
