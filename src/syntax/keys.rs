//! The table of the language: which keys stand where, what their values must be, and what they mean. Each verb brings
//! its own part of it, from its file in `verbs`; the header's is in `header`. The reader, "did you mean" and the editor
//! schema all follow it.

use super::action::Action;
use super::read::{Fields, Own};
use super::verbs;

/// What the value of a key must be.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    /// Text as it stands.
    Text,
    /// An id or a process name: letters, digits, `-`, `_`, `.`.
    Word,
    /// A name that expressions can use: letters, digits, `_`.
    Name,
    Integer {
        least: i64,
        most: i64,
    },
    /// A number of at least 1.
    Factor,
    Flag,
    Choice(&'static [&'static str]),
    /// A constant length of time.
    Duration,
    /// A bare expression that must be true or false.
    Condition,
    /// Any YAML in which strings may hold `${…}`.
    Value,
    /// Text that may hold `${…}`.
    Template,
    /// A mapping from free keys to values.
    Values,
    /// A mapping from names to values.
    Assignments,
    /// A JSON Schema.
    Schema,
    Steps,
    /// A mapping from names to steps, in the order written: the branches of `parallel` and `race`.
    Branches,
    /// A list of mappings with these keys; the words say what one of them is.
    List(&'static [Key], &'static str),
    /// A mapping from words to mappings with these keys; the words say what one of them is.
    Named(&'static [Key], &'static str),
    /// A mapping from words to values.
    WordValues,
    /// A bare expression that gives a list, or a YAML list of values.
    Items,
    /// A YAML list of values.
    ValueList,
    /// `true` and nothing else.
    True,
    /// A text or a list of texts, each an error type or a pattern of one.
    Patterns,
    /// A status such as `200` or `2xx`, or a list of them.
    Statuses,
    Map(&'static [Key]),
    /// A duration or time (constant or computed), or a mapping.
    MomentOr(&'static [Key]),
    /// Not built yet: any shape passes, the key itself is the complaint.
    Later,
}

#[derive(Debug)]
pub struct Key {
    pub name: &'static str,
    pub form: Form,
    pub required: bool,
    pub words: &'static str,
}

/// A verb: the key that says what a step does, and the keys that stand beside it only for this verb.
#[derive(Debug)]
pub struct Verb {
    pub name: &'static str,
    pub form: Form,
    pub beside: &'static [Key],
    /// Whether a step of this verb must have an `id`: whatever leaves the interpreter does.
    pub needs_id: bool,
    pub words: &'static str,
    /// Makes what was read of it one thing; `None`: the verb is not built yet.
    pub(super) make: Option<fn(Own, &mut Fields) -> Action>,
}

impl Verb {
    pub fn built(&self) -> bool {
        self.make.is_some()
    }

    /// A verb that is done within the interpreter.
    pub(super) const fn new(name: &'static str, form: Form, words: &'static str) -> Verb {
        Verb { name, form, beside: &[], needs_id: false, words, make: None }
    }

    /// A verb that leaves the interpreter.
    pub(super) const fn leaving(name: &'static str, form: Form, words: &'static str) -> Verb {
        Verb { name, form, beside: &[], needs_id: true, words, make: None }
    }

    /// The keys beside it, and how it is made of them.
    pub(super) const fn beside(self, keys: &'static [Key], make: fn(Own, &mut Fields) -> Action) -> Verb {
        Verb {
            name: self.name,
            form: self.form,
            beside: keys,
            needs_id: self.needs_id,
            words: self.words,
            make: Some(make),
        }
    }
}

pub(super) const fn key(name: &'static str, form: Form, words: &'static str) -> Key {
    Key { name, form, required: false, words }
}

pub(super) const fn must(name: &'static str, form: Form, words: &'static str) -> Key {
    Key { name, form, required: true, words }
}

/// Every verb of the language, built or not. Order is the order in which messages list them.
pub static VERBS: &[&Verb] = &[
    &verbs::Set::VERB,
    &verbs::Http::VERB,
    &verbs::Activity::VERB,
    &verbs::Wait::VERB,
    &verbs::If::VERB,
    &verbs::Switch::VERB,
    &verbs::For::VERB,
    &verbs::While::VERB,
    &verbs::Parallel::VERB,
    &verbs::Race::VERB,
    &verbs::Try::VERB,
    &verbs::Do::VERB,
    &verbs::Send::VERB,
    &verbs::Return::VERB,
    &verbs::Fail::VERB,
    &verbs::Break::VERB,
    &verbs::Continue::VERB,
    &verbs::Log::VERB,
    &Verb::new("run", Form::Later, "a child run"),
    &Verb::new("ask", Form::Later, "a task for people"),
];

/// The keys below which the order of a mapping has a meaning: branches start in the order written.
pub static ORDERED: &[&str] = &["parallel", "race"];

pub fn verb(name: &str) -> Option<&'static Verb> {
    VERBS.iter().find(|v| v.name == name).copied()
}

/// Which verbs a key stands beside, for "belongs to …".
pub fn homes(name: &str) -> Vec<&'static str> {
    VERBS.iter().filter(|v| v.beside.iter().any(|k| k.name == name)).map(|v| v.name).collect()
}
