//! The plan: a definition that can be trusted. `lower` turns a document into it, a pure function of the document and
//! the engine number; `check` finds what an author should hear about.
//!
//! This room may not know: how a plan is run, hosts, files.

mod check;
mod example;
mod flow;
mod history;
mod keywords;
mod lower;
mod owners;
mod returns;
mod same;
mod schema;
mod types;
mod uses;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use example::example;
pub(crate) use flow::reach;
pub use schema::{HIDDEN, Overfull, Schema, Violation};

use crate::diagnostic::{Diagnostic, has_errors, settle};
use crate::expression::Expression;
use crate::syntax::{Document, Node, Role, Written, document_from, read_frozen, read_yaml};
pub use crate::syntax::{Duplicates, OnError, StepId};
use crate::value::{Decimal, Duration};

/// The number that chooses the interpreter's behaviour for a run, for good. 0 is the time before the first release.
pub const ENGINE: u32 = 0;
/// The largest frozen document, in bytes of its canonical form.
pub const MAX_FROZEN: usize = 512 * 1024;

/// The number of a list of steps, in the order in which the frozen document has them, the steps of the process first,
/// then handlers of signals, then those of updates; each before the lists inside it. The state of a run holds it, so the
/// order is part of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct ListId(pub u32);

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
    pub(crate) signals: BTreeMap<String, Signal>,
    pub(crate) updates: BTreeMap<String, Update>,
    pub(crate) queries: BTreeMap<String, Written>,
    /// By their numbers in the document.
    pub(crate) steps: Vec<Step>,
    pub(crate) lists: Vec<List>,
    pub(crate) root: ListId,
}

/// A list of steps.
#[derive(Debug, Clone, Default)]
pub(crate) struct List {
    pub steps: Vec<StepId>,
    /// The names that belong to an activation of this list, where it is a branch (R26).
    pub owned: BTreeSet<String>,
}

#[derive(Debug, Clone)]
pub struct Signal {
    /// `None`: it carries nothing.
    pub(crate) payload: Option<Schema>,
    /// A new one takes the place of an unread one.
    pub(crate) keep_last: bool,
    /// Every delivery runs it; without it messages wait in the inbox (R8).
    pub(crate) handler: Option<ListId>,
}

#[derive(Debug, Clone)]
pub struct Update {
    /// `None`: it carries nothing.
    pub(crate) payload: Option<Schema>,
    pub(crate) check: Option<Expression>,
    pub(crate) otherwise: Option<Written>,
    pub(crate) handler: Option<ListId>,
    pub(crate) returns: Option<Written>,
}

#[derive(Debug, Clone)]
pub struct Step {
    /// That of the step of the document.
    pub(crate) number: StepId,
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
    Activity(Box<Activity>),
    /// For a duration or until a time.
    Wait(Written),
    Until(Expression),
    Receive {
        signal: String,
        condition: Option<Expression>,
    },
    If {
        condition: Expression,
        then: ListId,
        otherwise: Option<ListId>,
    },
    /// The ways in order; a way without a condition is the `else`.
    Switch(Vec<(Option<Expression>, ListId)>),
    While {
        condition: Expression,
        body: ListId,
    },
    For(Box<For>),
    /// The branches in the order written.
    Parallel {
        branches: Vec<(String, ListId)>,
        report: bool,
    },
    Race(Vec<(String, ListId)>),
    Try {
        body: ListId,
        catches: Vec<Catch>,
        finally: Option<ListId>,
    },
    Do(ListId),
    Send {
        signal: String,
        to: Written,
        payload: Option<Written>,
    },
    Return(Written),
    Fail {
        error: String,
        message: Option<Written>,
        details: Option<Written>,
    },
    Break,
    Continue,
    Log(Written),
}

impl Step {
    /// The lists inside, with what each is to the step, in the order in which the language counts them.
    pub(crate) fn lists(&self) -> Vec<(Role<'_>, ListId)> {
        let mut found = self.action.lists();
        found.extend(self.on_timeout.map(|list| (Role::OnTimeout, list)));
        found
    }
}

impl Action {
    fn lists(&self) -> Vec<(Role<'_>, ListId)> {
        fn branches(branches: &[(String, ListId)]) -> Vec<(Role<'_>, ListId)> {
            branches.iter().map(|(name, list)| (Role::Branch(name), *list)).collect()
        }
        match self {
            Action::If { then, otherwise, .. } => {
                [(Role::Then, *then)].into_iter().chain(otherwise.map(|list| (Role::Else, list))).collect()
            }
            Action::Switch(ways) => {
                let role = |at, when: &Option<_>| if when.is_some() { Role::Way(at) } else { Role::Else };
                ways.iter().enumerate().map(|(at, (when, list))| (role(at, when), *list)).collect()
            }
            Action::While { body, .. } => vec![(Role::Do, *body)],
            Action::For(each) => vec![(Role::Do, each.body)],
            Action::Parallel { branches: all, .. } | Action::Race(all) => branches(all),
            Action::Try { body, catches, finally } => {
                let catches = catches.iter().enumerate().map(|(at, catch)| (Role::Catch(at), catch.body));
                let finally = finally.map(|list| (Role::Finally, list));
                [(Role::Try, *body)].into_iter().chain(catches).chain(finally).collect()
            }
            Action::Do(list) => vec![(Role::Do, *list)],
            Action::Set(_)
            | Action::Http(_)
            | Action::Activity(_)
            | Action::Wait(_)
            | Action::Until(_)
            | Action::Receive { .. }
            | Action::Send { .. }
            | Action::Return(_)
            | Action::Fail { .. }
            | Action::Break
            | Action::Continue
            | Action::Log(_) => Vec::new(),
        }
    }

    /// Whether the list inside runs several times, each counted.
    pub(crate) fn repeats(&self) -> bool {
        match self {
            Action::While { .. } | Action::For(_) => true,
            Action::Set(_)
            | Action::Http(_)
            | Action::Activity(_)
            | Action::Wait(_)
            | Action::Until(_)
            | Action::Receive { .. }
            | Action::If { .. }
            | Action::Switch(_)
            | Action::Parallel { .. }
            | Action::Race(_)
            | Action::Try { .. }
            | Action::Do(_)
            | Action::Send { .. }
            | Action::Return(_)
            | Action::Fail { .. }
            | Action::Break
            | Action::Continue
            | Action::Log(_) => false,
        }
    }

    /// Whom it asks, or tells something.
    pub(crate) fn outside(&self) -> Option<Outside<'_>> {
        match self {
            Action::Http(http) => Some(Outside::Http(http)),
            Action::Activity(activity) => Some(Outside::Activity(activity)),
            Action::Send { signal, .. } => Some(Outside::Run { signal }),
            Action::Set(_)
            | Action::Wait(_)
            | Action::Until(_)
            | Action::Receive { .. }
            | Action::If { .. }
            | Action::Switch(_)
            | Action::While { .. }
            | Action::For(_)
            | Action::Parallel { .. }
            | Action::Race(_)
            | Action::Try { .. }
            | Action::Do(_)
            | Action::Return(_)
            | Action::Fail { .. }
            | Action::Break
            | Action::Continue
            | Action::Log(_) => None,
        }
    }

    /// What it waits for of itself.
    pub(crate) fn awaits(&self) -> Option<Awaits<'_>> {
        match self {
            Action::Wait(_) => Some(Awaits::Moment),
            Action::Until(condition) => Some(Awaits::Condition(condition)),
            Action::Receive { signal, condition } => Some(Awaits::Message { signal, condition: condition.as_ref() }),
            Action::Set(_)
            | Action::Http(_)
            | Action::Activity(_)
            | Action::If { .. }
            | Action::Switch(_)
            | Action::While { .. }
            | Action::For(_)
            | Action::Parallel { .. }
            | Action::Race(_)
            | Action::Try { .. }
            | Action::Do(_)
            | Action::Send { .. }
            | Action::Return(_)
            | Action::Fail { .. }
            | Action::Break
            | Action::Continue
            | Action::Log(_) => None,
        }
    }

    /// What it makes its result of, where that is of the ends of several lists, or of one that runs several times.
    pub(crate) fn gathers(&self) -> Option<Gathers<'_>> {
        match self {
            Action::For(each) => Some(Gathers::Items(each)),
            Action::Parallel { branches, report } => Some(Gathers::All { branches, report: *report }),
            Action::Race(branches) => Some(Gathers::First(branches)),
            Action::Set(_)
            | Action::Http(_)
            | Action::Activity(_)
            | Action::Wait(_)
            | Action::Until(_)
            | Action::Receive { .. }
            | Action::If { .. }
            | Action::Switch(_)
            | Action::While { .. }
            | Action::Try { .. }
            | Action::Do(_)
            | Action::Send { .. }
            | Action::Return(_)
            | Action::Fail { .. }
            | Action::Break
            | Action::Continue
            | Action::Log(_) => None,
        }
    }
}

/// Whom a step asks or tells: see [`Action::outside`].
pub(crate) enum Outside<'a> {
    Http(&'a Http),
    Activity(&'a Activity),
    Run { signal: &'a str },
}

/// See [`Action::awaits`].
pub(crate) enum Awaits<'a> {
    Moment,
    Condition(&'a Expression),
    Message { signal: &'a str, condition: Option<&'a Expression> },
}

/// See [`Action::gathers`].
pub(crate) enum Gathers<'a> {
    /// The branch that ends first.
    First(&'a [(String, ListId)]),
    All {
        branches: &'a [(String, ListId)],
        report: bool,
    },
    Items(&'a For),
}

#[derive(Debug, Clone)]
pub struct For {
    /// The name of an item.
    pub(crate) item: String,
    pub(crate) index: Option<String>,
    pub(crate) items: Items,
    pub(crate) collect: Option<Written>,
    /// How many at once; 1 runs in the strand of the step itself.
    pub(crate) parallel: usize,
    pub(crate) on_error: OnError,
    pub(crate) body: ListId,
}

#[derive(Debug, Clone)]
pub enum Items {
    Expression(Expression),
    List(Written),
}

#[derive(Debug, Clone)]
pub struct Catch {
    /// Patterns; `None` takes every error.
    pub(crate) errors: Option<Vec<String>>,
    pub(crate) when: Option<Expression>,
    /// What the error is called inside.
    pub(crate) name: String,
    pub(crate) body: ListId,
}

/// Any Temporal activity.
#[derive(Debug, Clone)]
pub struct Activity {
    pub(crate) name: String,
    pub(crate) queue: String,
    pub(crate) args: Option<Written>,
    pub(crate) reply: Option<Schema>,
    /// Of one attempt.
    pub(crate) timeout: Duration,
    pub(crate) retry: Retry,
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
    /// Whether a message or a reply has places that must not be shown.
    pub fn marks_what_comes(&self) -> bool {
        let replies = self.steps.iter().filter_map(|step| match step.action.outside()? {
            Outside::Http(http) => http.reply.as_ref(),
            Outside::Activity(activity) => activity.reply.as_ref(),
            Outside::Run { .. } => None,
        });
        let signals = self.signals.values().filter_map(Signal::payload);
        let updates = self.updates.values().filter_map(Update::payload);
        replies.chain(signals).chain(updates).any(Schema::has_marks)
    }
    pub(crate) fn step(&self, id: StepId) -> Option<&Step> {
        self.steps.get(id.0 as usize)
    }
    pub(crate) fn has_list(&self, id: ListId) -> bool {
        self.lists.get(id.0 as usize).is_some()
    }

    pub(crate) fn list(&self, id: ListId) -> &[StepId] {
        self.lists.get(id.0 as usize).map_or(&[], |list| list.steps.as_slice())
    }
    /// Whether a name belongs to the activations of a list.
    pub(crate) fn owns(&self, id: ListId, name: &str) -> bool {
        self.lists.get(id.0 as usize).is_some_and(|list| list.owned.contains(name))
    }
    pub fn signal(&self, name: &str) -> Option<&Signal> {
        self.signals.get(name)
    }
    pub fn update(&self, name: &str) -> Option<&Update> {
        self.updates.get(name)
    }
    /// What a query answers.
    pub fn query(&self, name: &str) -> Option<&Written> {
        self.queries.get(name)
    }
    /// The names of declared signals, updates and queries, each sorted.
    pub fn signal_names(&self) -> Vec<&str> {
        self.signals.keys().map(String::as_str).collect()
    }
    pub fn update_names(&self) -> Vec<&str> {
        self.updates.keys().map(String::as_str).collect()
    }
    pub fn query_names(&self) -> Vec<&str> {
        self.queries.keys().map(String::as_str).collect()
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
            .filter_map(|s| match s.action.outside()? {
                Outside::Http(http) => Some(http.service.as_str()),
                Outside::Activity(_) | Outside::Run { .. } => None,
            })
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

impl Signal {
    /// `None`: it carries nothing.
    pub fn payload(&self) -> Option<&Schema> {
        self.payload.as_ref()
    }
}

impl Update {
    /// `None`: it carries nothing.
    pub fn payload(&self) -> Option<&Schema> {
        self.payload.as_ref()
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
    let Some(document) = document else { return (None, settle(complaints, text.len())) };
    let (plan, more) = lower::lower(&document, text);
    complaints.extend(more);
    complaints.extend(check::check(&document, home));
    let complaints = settle(complaints, text.len());
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
