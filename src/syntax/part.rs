//! What stands at a key, with its places; and the macros by which a table of keys and the type that holds what is read
//! of them are one text, so that neither can have what the other lacks.

use super::document::{Assignment, Condition, Written};
use super::keys::Key;
use super::read::{Field, Fields};
use super::step::{Branch, Step};
use super::tree::Node;
use crate::diagnostic::Span;
use crate::value::{Decimal, Duration};

/// What stands at a key: nothing, something that could not be read and was complained about, or a value.
#[derive(Debug, Clone)]
pub struct Part<T>(Option<Stated<T>>);

/// A key that is there.
#[derive(Debug, Clone)]
pub struct Stated<T> {
    pub key: Span,
    pub span: Span,
    /// `None`: it was complained about.
    pub value: Option<T>,
}

impl<T> Default for Part<T> {
    fn default() -> Self {
        Part(None)
    }
}

impl<T> Part<T> {
    pub(super) fn new(key: Span, span: Span, value: Option<T>) -> Part<T> {
        Part(Some(Stated { key, span, value }))
    }

    /// What was read.
    pub fn get(&self) -> Option<&T> {
        self.0.as_ref().and_then(|stated| stated.value.as_ref())
    }

    pub(super) fn get_mut(&mut self) -> Option<&mut T> {
        self.0.as_mut().and_then(|stated| stated.value.as_mut())
    }

    /// The key and its places, readable or not.
    pub fn stated(&self) -> Option<&Stated<T>> {
        self.0.as_ref()
    }

    /// What was read, with its places.
    pub fn read(&self) -> Option<(&T, &Stated<T>)> {
        self.0.as_ref().and_then(|stated| Some((stated.value.as_ref()?, stated)))
    }

    pub fn is_there(&self) -> bool {
        self.0.is_some()
    }

    /// It is there and was complained about.
    pub fn is_broken(&self) -> bool {
        self.0.as_ref().is_some_and(|stated| stated.value.is_none())
    }

    /// Where the key stands.
    pub fn key_span(&self) -> Option<Span> {
        self.0.as_ref().map(|stated| stated.key)
    }

    /// Where the value stands.
    pub fn span(&self) -> Option<Span> {
        self.0.as_ref().map(|stated| stated.span)
    }
}

impl<T: Copy> Part<T> {
    pub fn value(&self) -> Option<T> {
        self.get().copied()
    }
}

impl<T: AsRef<str>> Part<T> {
    pub fn text(&self) -> Option<&str> {
        self.get().map(AsRef::as_ref)
    }
}

impl<T> Part<Vec<T>> {
    /// What was read; empty where nothing was.
    pub fn items(&self) -> &[T] {
        self.get().map_or(&[], Vec::as_slice)
    }
}

/// A part as a visitor meets it.
pub(super) fn meet<'a, T: Kind>(part: &'a Part<T>, key: &'static str) -> Option<Seen<'a>> {
    let stated = part.stated()?;
    Some(Seen { key, key_span: stated.key, span: stated.span, any: stated.value.as_ref().map(Kind::any) })
}

/// A name that expressions can read, given by the key it stands at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(pub String);

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// One of the mappings of a list.
#[derive(Debug, Clone)]
pub struct Item<T> {
    pub span: Span,
    /// Something in it was complained about: what seems missing may be that.
    pub broken: bool,
    pub keys: T,
}

/// One of the mappings under names.
#[derive(Debug, Clone)]
pub struct Named<T> {
    pub name: String,
    pub span: Span,
    pub keys: T,
}

/// A part as a visitor meets it.
pub struct Seen<'a> {
    pub key: &'static str,
    pub key_span: Span,
    pub span: Span,
    /// `None`: it was complained about.
    pub any: Option<Any<'a>>,
}

/// What a part can be.
pub enum Any<'a> {
    Text(&'a str),
    Name(&'a str),
    Integer(i64),
    Factor(Decimal),
    Flag(bool),
    Duration(Duration),
    /// An expression that must be true or false.
    Condition(&'a Condition),
    /// An expression of any kind.
    Expression(&'a Condition),
    Value(&'a Written),
    Assignments(&'a [Assignment]),
    Schema(&'a Node),
    Texts(&'a [(String, Span)]),
    Steps(&'a [Step]),
    Branches(&'a [Branch]),
    Map(&'a dyn Parts),
    List(Vec<(&'a dyn Parts, Span)>),
    Named(Vec<(&'a str, Span, &'a dyn Parts)>),
}

/// Something with keys.
pub trait Parts {
    /// Shows each key that is there, in the order of the table.
    fn parts<'a>(&'a self, see: &mut dyn FnMut(Seen<'a>));

    /// The key of this name, if it is there.
    fn part(&self, key: &str) -> Option<Seen<'_>> {
        let mut found = None;
        self.parts(&mut |seen| {
            if seen.key == key {
                found = Some(seen);
            }
        });
        found
    }
}

/// Something whose keys are a table.
pub(super) trait Keyed: Parts + Sized {
    const KEYS: &'static [Key];

    /// Takes its keys out of what was read.
    fn take(fields: &mut Fields) -> Self;
}

/// What can stand at a key: how it comes out of the reader, and how a visitor meets it.
pub(super) trait Kind: Sized {
    /// `None` where the reader gave something else, which the table rules out.
    fn of(field: Field) -> Option<Self>;
    fn any(&self) -> Any<'_>;
}

macro_rules! kinds {
    ($($kind:ty, $field:pat => $read:expr, $this:ident => $any:expr;)*) => {
        $(impl Kind for $kind {
            fn of(field: Field) -> Option<Self> {
                match field {
                    $field => Some($read),
                    other => {
                        drop(other);
                        None
                    }
                }
            }
            fn any(&self) -> Any<'_> {
                let $this = self;
                $any
            }
        })*
    };
}

kinds! {
    String, Field::Text(text) => text, this => Any::Text(this);
    Name, Field::Text(text) => Name(text), this => Any::Name(&this.0);
    i64, Field::Integer(number) => number, this => Any::Integer(*this);
    Decimal, Field::Factor(factor) => factor, this => Any::Factor(*this);
    bool, Field::Flag(flag) => flag, this => Any::Flag(*this);
    Duration, Field::Duration(duration) => duration, this => Any::Duration(*this);
    Condition, Field::Condition(condition) => condition, this => Any::Condition(this);
    Written, Field::Value(written) => written, this => Any::Value(this);
    Vec<Assignment>, Field::Assignments(assignments) => assignments, this => Any::Assignments(this);
    Node, Field::Schema(node) => node, this => Any::Schema(this);
    Vec<(String, Span)>, Field::Texts(texts) => texts, this => Any::Texts(this);
    Vec<Step>, Field::Steps(steps) => steps, this => Any::Steps(this);
    Vec<Branch>, Field::Branches(branches) => branches, this => Any::Branches(this);
}

impl<T: Keyed> Kind for Vec<Item<T>> {
    fn of(field: Field) -> Option<Self> {
        let Field::List(items) = field else { return None };
        let item =
            |mut item: Item<Fields>| Item { span: item.span, broken: item.broken, keys: T::take(&mut item.keys) };
        Some(items.into_iter().map(item).collect())
    }
    fn any(&self) -> Any<'_> {
        Any::List(self.iter().map(|item| (&item.keys as &dyn Parts, item.span)).collect())
    }
}

impl<T: Keyed> Kind for Vec<Named<T>> {
    fn of(field: Field) -> Option<Self> {
        let Field::Named(named) = field else { return None };
        let one = |mut one: Named<Fields>| Named { name: one.name, span: one.span, keys: T::take(&mut one.keys) };
        Some(named.into_iter().map(one).collect())
    }
    fn any(&self) -> Any<'_> {
        Any::Named(self.iter().map(|one| (one.name.as_str(), one.span, &one.keys as &dyn Parts)).collect())
    }
}

/// A mapping: the table of its keys and the type that holds them.
macro_rules! keys {
    ($(#[$doc:meta])* pub struct $name:ident { $($(#[$about:meta])* $field:ident: $kind:ty = $key:expr,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default)]
        pub struct $name {
            $($(#[$about])* pub $field: $crate::syntax::part::Part<$kind>,)*
        }

        impl $crate::syntax::part::Parts for $name {
            fn parts<'a>(&'a self, see: &mut dyn FnMut($crate::syntax::part::Seen<'a>)) {
                $($crate::syntax::part::meet(&self.$field, const { $key.name }).into_iter().for_each(&mut *see);)*
            }
        }

        impl $crate::syntax::part::Keyed for $name {
            const KEYS: &'static [$crate::syntax::keys::Key] = &[$($key),*];

            fn take(fields: &mut $crate::syntax::read::Fields) -> Self {
                $name { $($field: fields.take(const { $key.name }),)* }
            }
        }

        impl $crate::syntax::part::Kind for $name {
            fn of(field: $crate::syntax::read::Field) -> Option<Self> {
                match field {
                    $crate::syntax::read::Field::Map(mut fields) => Some($crate::syntax::part::Keyed::take(&mut fields)),
                    other => {
                        drop(other);
                        None
                    }
                }
            }
            fn any(&self) -> $crate::syntax::part::Any<'_> {
                $crate::syntax::part::Any::Map(self)
            }
        }
    };
}

/// A verb: its entry in the table, and the type that holds what is read of it: the value of the verb's own key, then the
/// keys that stand beside it for this verb alone.
macro_rules! verb {
    (
        $(#[$doc:meta])*
        pub struct $name:ident = $entry:expr;
        $(#[$own_about:meta])* $own:ident: $own_kind:ty,
        beside { $($(#[$about:meta])* $field:ident: $kind:ty = $key:expr,)* }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default)]
        pub struct $name {
            $(#[$own_about])* pub $own: $crate::syntax::part::Part<$own_kind>,
            $($(#[$about])* pub $field: $crate::syntax::part::Part<$kind>,)*
        }

        impl $name {
            pub(crate) const VERB: $crate::syntax::keys::Verb =
                $entry.beside(&[$($key),*], |own, _fields| {
                    $crate::syntax::action::Action::$name(Box::new($name {
                        $own: own.part(),
                        $($field: _fields.take(const { $key.name }),)*
                    }))
                });
        }

        impl $crate::syntax::part::Parts for $name {
            fn parts<'a>(&'a self, see: &mut dyn FnMut($crate::syntax::part::Seen<'a>)) {
                $crate::syntax::part::meet(&self.$own, const { $name::VERB.name }).into_iter().for_each(&mut *see);
                $($crate::syntax::part::meet(&self.$field, const { $key.name }).into_iter().for_each(&mut *see);)*
            }
        }
    };
}

/// A choice among words.
macro_rules! choice {
    ($(#[$doc:meta])* pub enum $name:ident { $($(#[$about:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$about])* $variant,)*
        }

        impl $name {
            pub(in crate::syntax) const WORDS: &'static [&'static str] = &[$($word),*];

            pub fn word(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)*
                }
            }
        }

        impl $crate::syntax::part::Kind for $name {
            fn of(field: $crate::syntax::read::Field) -> Option<Self> {
                let $crate::syntax::read::Field::Text(text) = field else { return None };
                [$($name::$variant),*].into_iter().find(|one| one.word() == text)
            }
            fn any(&self) -> $crate::syntax::part::Any<'_> {
                $crate::syntax::part::Any::Text(self.word())
            }
        }
    };
}

pub(super) use {choice, keys, verb};
