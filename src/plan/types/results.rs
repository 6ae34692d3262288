//! The types of results: what a step gives to `save`, what a list of steps is worth, and what an error holds.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::closed;
use crate::expression::{Field as TypeField, Fields as TypeFields, Type};
use crate::plan::check::schema_of;
use crate::syntax::verbs::{Catch, For, Try};
use crate::syntax::{
    Action, Branch, Document, ErrorType, Leaves, Named, Nature, Node, OnError, Outcome, Part, Signal, Step, StepId,
    walk,
};

/// What a `for` goes through, and what it collects of each.
#[derive(Debug, Clone, Default)]
pub(super) struct Items {
    pub item: Type,
    /// `None`: it collects the value of its list.
    pub collected: Option<Type>,
}

pub(super) struct Results<'a> {
    document: &'a Document,
    /// By where a schema stands, what it admits as it was sent. Each is read once, and a definition may hold thousands.
    schemas: RefCell<BTreeMap<*const Node, Type>>,
    /// Of each `for`, as far as it was walked.
    pub items: BTreeMap<StepId, Items>,
}

impl<'a> Results<'a> {
    pub fn new(document: &'a Document) -> Results<'a> {
        Results { document, schemas: RefCell::default(), items: BTreeMap::new() }
    }

    /// The type that a schema describes; anything where there is none.
    pub fn schema(&self, schema: Option<&Node>) -> Type {
        let Some(schema) = schema else { return Type::Any };
        let known = self.schemas.borrow().get(&std::ptr::from_ref(schema)).cloned();
        known.unwrap_or_else(|| {
            let ty = schema_of(Some(schema)).map_or(Type::Any, |schema| schema.to_type_as_sent());
            self.schemas.borrow_mut().insert(std::ptr::from_ref(schema), ty.clone());
            ty
        })
    }

    pub fn payload(&self, payload: &Part<Node>) -> Type {
        if payload.is_there() { self.schema(payload.get()) } else { Type::Null }
    }

    /// What the signal of this name carries.
    pub fn awaited(&self, name: Option<&str>) -> Type {
        let declared = |signal: &&Named<Signal>| Some(signal.name.as_str()) == name;
        let declared = self.document.header.signals.items().iter().find(declared);
        declared.map_or(Type::Any, |signal| self.payload(&signal.keys.payload))
    }

    /// The type of a step's result, for `save`.
    pub fn of(&self, step: &Step) -> Type {
        let result = self.alone(step).unwrap_or_default();
        if skips(step) && result != Type::Any { result.or_null() } else { result }
    }

    /// The result where the step ends well. `None`: it never ends with a value.
    fn alone(&self, step: &Step) -> Option<Type> {
        Some(match step.action.outcome() {
            Outcome::Reply(reply) => {
                closed([("status", Type::Number), ("headers", Type::map()), ("body", self.schema(reply))])
            }
            Outcome::Answer(reply) => self.schema(reply),
            Outcome::Message(name) => self.awaited(name),
            Outcome::Null => Type::Null,
            Outcome::Items => Type::List(Box::new(self.item(step))),
            Outcome::Winner(branches) => {
                // A branch that could not be read has a name too.
                let names = branches.iter().map(|branch| branch.name.clone()).filter(|_| self.all_is_read());
                let values = branches.iter().map(|branch| self.list(&branch.steps));
                closed([("winner", Type::word(names)), ("value", either(values).unwrap_or_default())])
            }
            Outcome::Branches(branches) => {
                let reports = step.on_error() == OnError::Report;
                let of = |branch: &Branch| {
                    let value = self.list(&branch.steps);
                    if reports { closed(reported(value)) } else { value.unwrap_or_default() }
                };
                let field = |branch: &Branch| (branch.name.clone(), TypeField { ty: of(branch), required: true });
                Type::Map(TypeFields { known: branches.iter().map(field).collect(), open: false })
            }
            Outcome::Nothing if matches!(step.nature(), Nature::Exit(_)) => return None,
            Outcome::Nothing => Type::Null,
            Outcome::Last => return self.last(&step.action),
        })
    }

    /// The value of a list of steps: that of its last step. `None`: it never ends with one.
    pub fn list(&self, steps: &[Step]) -> Option<Type> {
        // What could not be read may be the last step.
        if !self.all_is_read() {
            return Some(Type::Any);
        }
        let Some(step) = steps.last() else { return Some(Type::Null) };
        let passed_over = step.common.when.is_there() || skips(step);
        let timeout = step.common.on_timeout.get().map(|steps| self.list(steps));
        either([self.alone(step), passed_over.then_some(Type::Null)].into_iter().chain(timeout))
    }

    /// The result of a block: the value of the list that ran.
    fn last(&self, action: &Action) -> Option<Type> {
        let part = |part: &Part<Vec<Step>>| self.list(part.items());
        match action {
            Action::If(choice) => either([part(&choice.then), part(&choice.otherwise)]),
            Action::Switch(switch) => {
                let ways = switch.ways.items().iter().map(|way| &way.keys);
                either(ways.map(|way| part(if way.otherwise.is_there() { &way.otherwise } else { &way.body })))
            }
            Action::Try(shield) => {
                let catches = shield.catches.items().iter().map(|catch| part(&catch.keys.body));
                either([part(&shield.body)].into_iter().chain(catches))
            }
            Action::Do(group) => part(&group.body),
            Action::Set(_)
            | Action::Http(_)
            | Action::Activity(_)
            | Action::Wait(_)
            | Action::For(_)
            | Action::While(_)
            | Action::Parallel(_)
            | Action::Race(_)
            | Action::Send(_)
            | Action::Return(_)
            | Action::Fail(_)
            | Action::Break(_)
            | Action::Continue(_)
            | Action::Log(_) => Some(Type::Any),
        }
    }

    /// What a `for` gives of one item.
    fn item(&self, step: &Step) -> Type {
        let Action::For(each) = &step.action else { return Type::Any };
        let found = self.items.get(&step.number).cloned().unwrap_or_default();
        let value = match each.collect.is_there() {
            true => Some(found.collected.unwrap_or_default()),
            false => self.list(each.body.items()),
        };
        let (reports, skips) = (step.on_error() == OnError::Report, step.on_error() == OnError::Skip);
        let passed_over = skips || continues(each);
        let value = either([value, passed_over.then_some(Type::Null)]);
        match reports {
            true => closed(reported(value).into_iter().chain([("item", found.item)])),
            false => value.unwrap_or_default(),
        }
    }

    fn all_is_read(&self) -> bool {
        self.document.lost.is_empty()
    }

    /// What an error is in the steps of a `catch`.
    pub fn error(&self, shield: &Try, catch: &Catch) -> Type {
        let patterns = catch.errors.items();
        let own = |pattern: &str| {
            let family = pattern.contains('*') || ["http.", "activity."].iter().any(|one| pattern.starts_with(one));
            !family && matches!(ErrorType::named(pattern), ErrorType::Author(_))
        };
        let known = self.all_is_read() && !patterns.is_empty() && patterns.iter().all(|(pattern, _)| own(pattern));
        let thrown = walk(shield.body.items()).into_iter().filter_map(|step| {
            let Action::Fail(fail) = &step.action else { return None };
            let failure = fail.failure.get()?;
            let kind = ErrorType::named(failure.error.text()?);
            patterns.iter().any(|(pattern, _)| kind.fits(pattern)).then_some(failure)
        });
        // What an author's own error carries is said where it is made.
        let details = thrown.map(|failure| Some(if failure.details.is_there() { Type::Any } else { Type::Null }));
        error_with(either(details.filter(|_| known)).unwrap_or_default())
    }
}

/// What `error` is in a `catch`, and in what `report` gives.
fn error_with(details: Type) -> Type {
    closed([
        ("type", Type::Text),
        ("message", Type::Text),
        ("step", Type::Text),
        ("attempts", Type::Union(vec![Type::Number, Type::Null])),
        ("details", details),
    ])
}

/// What `report` gives of a list; `value` is `None` where that never ends with one.
fn reported(value: Option<Type>) -> [(&'static str, Type); 2] {
    let error = error_with(Type::Any);
    match value {
        Some(value) => [("value", value.or_null()), ("error", error.or_null())],
        None => [("value", Type::Null), ("error", error)],
    }
}

/// Whether an error of the step makes its result null; of a `for` it is an item that is skipped.
fn skips(step: &Step) -> bool {
    step.on_error() == OnError::Skip && !matches!(step.action, Action::For(_))
}

/// Whether something in a `for` goes on with the next item: then the result of this one is null.
fn continues(each: &For) -> bool {
    let mut lists: Vec<&[Step]> = vec![each.body.items()];
    while let Some(list) = lists.pop() {
        for step in list {
            if step.nature() == Nature::Exit(Leaves::Round) {
                return true;
            }
            // An exit inside another loop is of that one.
            if !matches!(step.action, Action::For(_) | Action::While(_)) {
                lists.extend(step.children().iter().map(|child| child.steps));
            }
        }
    }
    false
}

/// One of these, of which some never come about; that one of them is null is kept, whatever the others are.
fn either(ways: impl IntoIterator<Item = Option<Type>>) -> Option<Type> {
    let ways: Vec<Type> = ways.into_iter().flatten().collect();
    let is_null = |ty: &Type| match ty {
        Type::Null => true,
        Type::Union(members) => members.contains(&Type::Null),
        _ => false,
    };
    let null = ways.iter().any(is_null);
    let some = ways.into_iter().flat_map(|ty| match ty {
        Type::Union(members) => members,
        one => vec![one],
    });
    let some: Vec<Type> = some.filter(|ty| *ty != Type::Null).collect();
    match (some.is_empty(), null) {
        (true, true) => Some(Type::Null),
        (true, false) => None,
        (false, true) => Some(Type::union(some).or_null()),
        (false, false) => Some(Type::union(some)),
    }
}
