//! The plan: a definition that can be trusted. `lower` turns a document into it, a pure function of the document and
//! the engine number; `check` finds what an author should hear about.
//!
//! This room may not know: how a plan is run, hosts, files.

mod check;
mod example;
mod flow;
mod lower;
mod schema;
mod types;

use std::sync::Arc;

pub use example::example;
pub use schema::{Schema, Violation};

use crate::diagnostic::{Diagnostic, has_errors};
use crate::expression::Expression;
use crate::syntax::{Document, Node, Written, document_from, read_frozen, read_yaml};
use crate::value::{Decimal, Duration};

/// The number that chooses the interpreter's behaviour for a run, for good. 0 is the time before the first release.
pub const ENGINE: u32 = 0;
/// The largest frozen document, in bytes of its canonical form.
pub const MAX_FROZEN: usize = 512 * 1024;

/// Position of a step in [`Plan::steps`]; stable for a document and an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct StepId(pub u32);

/// Position of a list of steps in [`Plan::lists`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct ListId(pub u32);

/// What a second start of a business key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duplicates {
    /// The run there is, open or closed, is the answer.
    Return,
    /// It is refused.
    Reject,
}

#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) process: String,
    pub(crate) version: i64,
    pub(crate) summary: Option<String>,
    pub(crate) canonical: String,
    pub(crate) digest: String,
    pub(crate) duplicates: Duplicates,
    pub(crate) key: Written,
    pub(crate) input: Option<Schema>,
    pub(crate) returns: Option<Schema>,
    pub(crate) vars: Vec<(String, Written)>,
    pub(crate) steps: Vec<Step>,
    pub(crate) lists: Vec<Vec<StepId>>,
    pub(crate) root: ListId,
}

#[derive(Debug, Clone)]
pub struct Step {
    pub(crate) id: Option<String>,
    /// The step's part of an activation path: its id, or `verb~n`, the n-th of its verb among siblings without id.
    pub(crate) segment: String,
    pub(crate) verb: &'static str,
    pub(crate) line: usize,
    pub(crate) when: Option<Expression>,
    pub(crate) save: Option<String>,
    /// Of the whole step; the timeout of one attempt stands in [`Http`].
    pub(crate) timeout: Option<Duration>,
    pub(crate) on_timeout: Option<ListId>,
    pub(crate) skip_errors: bool,
    pub(crate) action: Action,
}

#[derive(Debug, Clone)]
pub enum Action {
    Set(Vec<(String, Written)>),
    Http(Box<Http>),
    Wait(Written),
    If { condition: Expression, then: ListId, otherwise: Option<ListId> },
    Return(Written),
    Fail { error: String, message: Option<Written>, details: Option<Written> },
    Log(Written),
}

#[derive(Debug, Clone)]
pub struct Http {
    pub(crate) service: String,
    pub(crate) method: String,
    pub(crate) path: Written,
    pub(crate) query: Option<Written>,
    /// From `defaults` first, then the step's own, which win.
    pub(crate) headers: Vec<Written>,
    pub(crate) body: Option<Written>,
    pub(crate) expect: Vec<String>,
    pub(crate) reply: Option<Schema>,
    /// Of one attempt.
    pub(crate) timeout: Duration,
    pub(crate) retry: Retry,
}

/// How a failed attempt is tried again. Times count from the first attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    pub(crate) attempts: Option<u32>,
    pub(crate) first: Duration,
    pub(crate) factor: Decimal,
    pub(crate) longest: Duration,
    /// No attempt starts after this.
    pub(crate) total: Duration,
    pub(crate) on: Option<Vec<String>>,
    pub(crate) unless: Vec<String>,
}

impl Plan {
    pub fn process(&self) -> &str {
        &self.process
    }
    pub fn version(&self) -> i64 {
        self.version
    }
    pub fn summary(&self) -> Option<&str> {
        self.summary.as_deref()
    }
    /// `sha256:…` over [`Plan::canonical`].
    pub fn digest(&self) -> &str {
        &self.digest
    }
    /// The frozen document: canonical JSON of what the author wrote.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }
    pub fn duplicates(&self) -> Duplicates {
        self.duplicates
    }
    pub fn key(&self) -> &Written {
        &self.key
    }
    pub fn input(&self) -> Option<&Schema> {
        self.input.as_ref()
    }
    pub fn returns(&self) -> Option<&Schema> {
        self.returns.as_ref()
    }
    pub(crate) fn step(&self, id: StepId) -> Option<&Step> {
        self.steps.get(id.0 as usize)
    }
    pub(crate) fn list(&self, id: ListId) -> &[StepId] {
        self.lists.get(id.0 as usize).map_or(&[], Vec::as_slice)
    }
    /// The step with this id.
    pub fn has_step(&self, id: &str) -> bool {
        self.steps.iter().any(|s| s.id.as_deref() == Some(id))
    }
    /// Every id of the plan, in document order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|s| s.id.as_deref())
    }
    /// The services that `http` steps name, sorted, each once.
    pub fn services(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .steps
            .iter()
            .filter_map(|s| match &s.action {
                Action::Http(http) => Some(http.service.as_str()),
                _ => None,
            })
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// Where a definition was found, for the checks that compare its header with its place.
#[derive(Debug, Clone, Default)]
pub struct Home {
    /// The folder's name.
    pub process: Option<String>,
    /// The file's number.
    pub version: Option<i64>,
}

/// Reads, lowers and checks a definition. The plan is there whenever no complaint is an error.
pub fn from_yaml(text: &str, home: &Home) -> (Option<Arc<Plan>>, Vec<Diagnostic>) {
    from_read(read_yaml(text), text, home)
}

/// The same for a definition that is a part of a text.
pub fn from_tree(tree: &Node, text: &str, home: &Home) -> (Option<Arc<Plan>>, Vec<Diagnostic>) {
    from_read(document_from(tree, text), text, home)
}

fn from_read(
    (document, mut complaints): (Option<Document>, Vec<Diagnostic>),
    text: &str,
    home: &Home,
) -> (Option<Arc<Plan>>, Vec<Diagnostic>) {
    let Some(document) = document else { return (None, complaints) };
    let (plan, more) = lower::lower(&document, text);
    complaints.extend(more);
    complaints.extend(check::check(&document, home));
    complaints.sort_by_key(|d| (d.span, d.severity, d.code));
    complaints.dedup();
    let plan = if has_errors(&complaints) { None } else { plan };
    (plan.map(Arc::new), complaints)
}

/// What stops a frozen document from becoming a plan.
#[derive(Debug, thiserror::Error)]
pub enum FrozenError {
    #[error("the frozen definition is not readable: {0}")]
    Json(#[from] crate::value::JsonError),
    #[error("the frozen definition is not understood by this program: {0}")]
    NotUnderstood(String),
}

/// Lowers a frozen document for a run: no lints, since the author is not there to hear them.
pub fn from_frozen(canonical: &str) -> Result<Arc<Plan>, FrozenError> {
    let (document, mut complaints) = read_frozen(canonical)?;
    if let Some(document) = document {
        let (plan, more) = lower::lower(&document, "");
        complaints.extend(more);
        if let (Some(plan), false) = (plan, has_errors(&complaints)) {
            return Ok(Arc::new(plan));
        }
    }
    let first = complaints.iter().find(|d| d.is_error()).map_or("no definition", |d| d.message.as_str());
    Err(FrozenError::NotUnderstood(first.to_owned()))
}
