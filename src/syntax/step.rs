//! A step as written, the lists inside it with what each is to it, and the one way to walk them all.

use super::action::{Action, Nature};
use super::document::{Condition, Document};
use super::keys::{Form, Verb, key};
use super::part::{Any, Item, Name, Part, Parts, Seen, choice, keys};
use super::verbs::Way;
use crate::diagnostic::Span;
use crate::value::Duration;

/// The number of a step in its document: from 0, in an order that layout and the order of keys do not touch, so that a
/// frozen definition gives each step the number that it had in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct StepId(pub u32);

/// One step as written.
#[derive(Debug, Clone)]
pub struct Step {
    pub number: StepId,
    /// The step's part of an activation path: its id, or `verb~n`, the n-th of its verb among the siblings without id in
    /// all lists of the step around (R37).
    pub segment: String,
    pub span: Span,
    /// Where the key of the verb stands.
    pub verb_span: Span,
    pub common: Common,
    pub action: Action,
}

keys! {
    /// The keys that any step may have.
    pub struct Common {
        id: String = key("id", Form::Word, "what diffs, history and people point at"),
        summary: String = key("summary", Form::Text, "one line for people"),
        when: Condition = key("when", Form::Condition, "run this step only if"),
        save: Name = key("save", Form::Name, "a name for the result"),
        timeout: Duration = key("timeout", Form::Duration, "the longest the step may take"),
        on_timeout: Vec<Step> = key("on-timeout", Form::Steps, "steps in place of the error `timeout`"),
        /// Of a `for` or a `parallel` see [`Step::on_error`].
        on_error: OnError = key("on-error", Form::Choice(&["skip"]), "note an error, result null, go on"),
        undo: String = key("undo", Form::Later, "steps that take the effect back"),
    }
}

choice! {
    /// What an error does to the step, or one of a branch or item to the whole.
    pub enum OnError {
        Fail = "fail",
        /// Its result is null.
        Skip = "skip",
        /// Its result is `{item, value, error}`.
        Report = "report",
    }
}

/// A branch of `parallel` or `race`.
#[derive(Debug, Clone)]
pub struct Branch {
    pub name: String,
    pub span: Span,
    pub steps: Vec<Step>,
}

/// What a list of steps is to the step it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role<'a> {
    Then,
    /// Of an `if`, or the last way of a `switch`.
    Else,
    /// Of a `switch`; counts from 0.
    Way(usize),
    /// What `do` holds: the steps of a group, of a round, of an item.
    Do,
    /// What a `try` holds.
    Try,
    /// Of a `try`; counts from 0.
    Catch(usize),
    Finally,
    Branch(&'a str),
    OnTimeout,
}

impl std::fmt::Display for Role<'_> {
    /// As people count: from 1.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Role::Then => f.write_str("then"),
            Role::Else => f.write_str("else"),
            Role::Way(at) => write!(f, "way {}", at + 1),
            Role::Do => f.write_str("do"),
            Role::Try => f.write_str("try"),
            Role::Catch(at) => write!(f, "catch {}", at + 1),
            Role::Finally => f.write_str("finally"),
            Role::Branch(name) => write!(f, "branch {name}"),
            Role::OnTimeout => f.write_str("on-timeout"),
        }
    }
}

/// A list inside a step.
#[derive(Clone, Copy)]
pub struct Child<'a> {
    pub role: Role<'a>,
    /// Whether the names that it assigns are its own (R26), and its steps without id are counted by themselves (R37).
    pub level: Level,
    /// Where the key stands at which it is written.
    pub key: Span,
    pub steps: &'a [Step],
}

/// What a list is to the names around it (R26).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// What it assigns belongs to what is around it.
    Around,
    /// A branch: what it assigns is its own.
    Branch,
    /// The body of a `for`: each item has its own.
    Item,
}

/// A list that stands in no step.
#[derive(Clone, Copy)]
pub enum Root<'a> {
    Main,
    /// The handler of a signal.
    Signal(&'a str),
    /// The handler of an update.
    Update(&'a str),
}

impl Step {
    pub fn verb(&self) -> &'static Verb {
        self.action.verb()
    }

    pub fn nature(&self) -> Nature {
        self.action.nature()
    }

    pub fn id(&self) -> Option<&str> {
        self.common.id.text()
    }

    /// What an error of the step, or of a branch or an item inside it, does.
    pub fn on_error(&self) -> OnError {
        let own = match &self.action {
            Action::For(each) => &each.on_error,
            Action::Parallel(parallel) => &parallel.on_error,
            Action::Set(_)
            | Action::Http(_)
            | Action::Activity(_)
            | Action::Wait(_)
            | Action::If(_)
            | Action::Switch(_)
            | Action::While(_)
            | Action::Race(_)
            | Action::Try(_)
            | Action::Do(_)
            | Action::Send(_)
            | Action::Return(_)
            | Action::Fail(_)
            | Action::Break(_)
            | Action::Continue(_)
            | Action::Log(_) => &self.common.on_error,
        };
        own.value().unwrap_or(OnError::Fail)
    }

    /// The lists inside, in the order in which the language counts them.
    pub fn children(&self) -> Vec<Child<'_>> {
        let mut found = self.action.children();
        found.extend(child(Role::OnTimeout, Level::Around, &self.common.on_timeout));
        found
    }

    /// The names that the step assigns itself, with their places.
    pub fn assigns(&self) -> Vec<(&str, Span)> {
        let save = self.common.save.read().map(|(name, stated)| (name.0.as_str(), stated.span));
        self.action.assigns().into_iter().chain(save).collect()
    }

    /// Where a key stands, beside the verb or below it; the verb's own place where it is not there.
    pub fn place_of(&self, key: &str) -> Span {
        let below = || match self.action.parts().part(self.verb().name)?.any? {
            Any::Map(parts) => parts.part(key).map(|seen| seen.key_span),
            Any::Text(_)
            | Any::Name(_)
            | Any::Integer(_)
            | Any::Factor(_)
            | Any::Flag(_)
            | Any::Duration(_)
            | Any::Condition(_)
            | Any::Expression(_)
            | Any::Value(_)
            | Any::Assignments(_)
            | Any::Schema(_)
            | Any::Texts(_)
            | Any::Steps(_)
            | Any::Branches(_)
            | Any::List(_)
            | Any::Named(_) => None,
        };
        let beside = self.part(key).filter(|seen| seen.key != self.verb().name).map(|seen| seen.key_span);
        beside.or_else(below).unwrap_or(self.verb_span)
    }
}

impl Parts for Step {
    /// The verb and its keys first.
    fn parts<'a>(&'a self, see: &mut dyn FnMut(Seen<'a>)) {
        self.action.parts().parts(see);
        self.common.parts(see);
    }
}

pub(super) fn child<'a>(role: Role<'a>, level: Level, part: &'a Part<Vec<Step>>) -> Option<Child<'a>> {
    part.read().map(|(steps, stated)| Child { role, level, key: stated.key, steps })
}

/// The lists of the ways of a `switch`: of each its `do`, or its `else`.
pub(super) fn ways(ways: &[Item<Way>]) -> Vec<Child<'_>> {
    let ways = ways.iter().enumerate().map(|(at, way)| (at, &way.keys));
    let lists = ways.flat_map(|(at, way)| {
        [child(Role::Way(at), Level::Around, &way.body), child(Role::Else, Level::Around, &way.otherwise)]
    });
    lists.flatten().collect()
}

/// These steps and all inside them, each before those inside it, in the order written.
pub fn walk(steps: &[Step]) -> Vec<&Step> {
    let mut all = Vec::new();
    collect(steps, &mut all);
    all
}

fn collect<'a>(steps: &'a [Step], all: &mut Vec<&'a Step>) {
    for step in steps {
        all.push(step);
        let mut inside = step.children();
        inside.sort_by_key(|child| child.key.start); // stable: a frozen document has no places
        inside.into_iter().for_each(|child| collect(child.steps, all));
    }
}

impl Document {
    /// The lists that stand in no step: the main line, then the handlers.
    pub fn roots(&self) -> Vec<(Root<'_>, &[Step])> {
        let header = &self.header;
        let main = header.steps.get().map(|steps| (Root::Main, steps.as_slice()));
        let signals = header.signals.items().iter();
        let signals =
            signals.filter_map(|one| Some((Root::Signal(one.name.as_str()), one.keys.body.get()?.as_slice())));
        let updates = header.updates.items().iter();
        let updates =
            updates.filter_map(|one| Some((Root::Update(one.name.as_str()), one.keys.body.get()?.as_slice())));
        main.into_iter().chain(signals).chain(updates).collect()
    }

    /// Every step, of the main line and then of the handlers.
    pub fn walk(&self) -> Vec<&Step> {
        self.roots().into_iter().flat_map(|(_, steps)| walk(steps)).collect()
    }
}
