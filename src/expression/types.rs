//! What is known about a value before there is one. Unknown is [`Type::Any`], and nothing is said about it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::Arc;

use super::functions::takes;
use super::tree::Asked;
use crate::value::Value;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Type {
    #[default]
    Any,
    Null,
    Bool,
    Number,
    Text,
    /// A text that is one of these.
    Word(Arc<BTreeSet<String>>),
    Time,
    Duration,
    List(Box<Type>),
    Map(Fields),
    /// One of several; made by [`Type::union`], which keeps it flat.
    Union(Vec<Type>),
}

/// Beyond so many different types nothing is known.
const MEMBERS: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fields {
    pub known: Known,
    /// Whether other fields may exist.
    pub open: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub ty: Type,
    pub required: bool,
}

/// Fields by name. Shared, because a type is copied for every place that sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known(Arc<BTreeMap<String, Field>>);

impl Deref for Known {
    type Target = BTreeMap<String, Field>;

    fn deref(&self) -> &BTreeMap<String, Field> {
        &self.0
    }
}

impl FromIterator<(String, Field)> for Known {
    fn from_iter<I: IntoIterator<Item = (String, Field)>>(fields: I) -> Known {
        Known(Arc::new(fields.into_iter().collect()))
    }
}

/// A map of which a copy costs nothing and shares what is the same: every place has a scope, and every scope all names.
pub type Shared<K, T> = rpds::RedBlackTreeMapSync<K, T>;

/// The names of a scope.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Types {
    pub names: Shared<String, Type>,
    /// Those that are null on some way to the place, each with the words for where.
    pub nulls: BTreeMap<String, String>,
    /// Those whose type is that of what gives them their value, and not of all that happens to be assigned somewhere.
    pub settled: Shared<String, ()>,
    /// Fields of settled names that are null on some way.
    pub ways: Shared<Vec<String>, Way>,
    /// What to do instead of reading a name that is not there.
    pub hints: Shared<String, String>,
    /// What the conditions around ask for: that it may be missing is known to the author. `None` where nobody has
    /// looked: then nothing is said about fields that may be missing.
    pub asked: Option<Arc<Asked>>,
}

/// Where a field is null, and what tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    pub words: String,
    /// What to ask for before it is read.
    pub ask: String,
}

impl Type {
    /// A map of which nothing is known.
    pub fn map() -> Type {
        Type::Map(Fields { known: Known::default(), open: true })
    }

    pub fn of(value: &Value) -> Type {
        match value {
            Value::Null => Type::Null,
            Value::Bool(_) => Type::Bool,
            Value::Number(_) => Type::Number,
            Value::Text(_) => Type::Text,
            Value::Time(_) => Type::Time,
            Value::Duration(_) => Type::Duration,
            // Of an empty list nothing is known: what it will hold is for others to say.
            Value::List(items) => Type::List(Box::new(Type::union(items.iter().map(Type::of)))),
            Value::Map(fields) => {
                let field = |value| Field { ty: Type::of(value), required: true };
                let known = fields.iter().map(|(name, value)| (name.clone(), field(value))).collect();
                Type::Map(Fields { known, open: false })
            }
        }
    }

    /// Any one of these. None is [`Type::Any`], and so are too many.
    pub fn union(types: impl IntoIterator<Item = Type>) -> Type {
        let mut members: Vec<Type> = Vec::new();
        let mut words: BTreeSet<String> = BTreeSet::new();
        // Where the first of them stood, for messages.
        let mut place = None;
        for ty in types {
            if members.len() > MEMBERS {
                return Type::Any;
            }
            match ty {
                Type::Any => return Type::Any,
                Type::Union(inner) => {
                    for ty in inner {
                        if let Type::Word(more) = ty {
                            place.get_or_insert(members.len());
                            words.extend(more.iter().cloned());
                        } else if !members.contains(&ty) {
                            members.push(ty);
                        }
                    }
                }
                Type::Word(more) => {
                    place.get_or_insert(members.len());
                    words.extend(more.iter().cloned());
                }
                ty if members.contains(&ty) => {}
                ty => members.push(ty),
            }
        }
        if let Some(place) = place.filter(|_| !members.contains(&Type::Text)) {
            members.insert(place.min(members.len()), Type::Word(Arc::new(words)));
        }
        if members.len() > 1 { Type::Union(members) } else { members.pop().unwrap_or(Type::Any) }
    }

    /// `number`, `list of text`, `number or null`.
    pub fn describe(&self) -> String {
        match self {
            Type::Any => "anything".to_owned(),
            Type::Null => "null".to_owned(),
            Type::Bool => "true/false".to_owned(),
            Type::Number => "number".to_owned(),
            Type::Text | Type::Word(_) => "text".to_owned(),
            Type::Time => "time".to_owned(),
            Type::Duration => "duration".to_owned(),
            Type::List(item) if **item == Type::Any => "list".to_owned(),
            Type::List(item) => format!("list of {}", item.describe()),
            Type::Map(_) => "map".to_owned(),
            Type::Union(members) => {
                let mut words: Vec<String> = Vec::new();
                for word in members.iter().map(Type::describe) {
                    if !words.contains(&word) {
                        words.push(word);
                    }
                }
                words.join(" or ")
            }
        }
    }

    /// The kinds of value it may be, as functions take them.
    pub(super) fn kinds(&self) -> u16 {
        match self {
            Type::Any => takes::ANY,
            Type::Null => takes::NULL,
            Type::Bool => takes::BOOL,
            Type::Number => takes::NUMBER,
            Type::Text | Type::Word(_) => takes::TEXT,
            Type::Time => takes::TIME,
            Type::Duration => takes::DURATION,
            Type::List(_) => takes::LIST,
            Type::Map(_) => takes::MAP,
            Type::Union(members) => members.iter().fold(0, |kinds, member| kinds | member.kinds()),
        }
    }

    /// A text that is one of these; any text where there are none.
    pub fn word(texts: impl IntoIterator<Item = String>) -> Type {
        let texts: BTreeSet<String> = texts.into_iter().collect();
        if texts.is_empty() { Type::Text } else { Type::Word(Arc::new(texts)) }
    }

    /// What a part of it is: one of a word is no longer one of the words.
    pub(super) fn part(self) -> Type {
        match self {
            Type::Word(_) => Type::Text,
            Type::Union(members) => Type::union(members.into_iter().map(Type::part)),
            other => other,
        }
    }

    /// The texts that it may be, where they are known.
    pub(super) fn words(&self) -> Option<&BTreeSet<String>> {
        match self {
            Type::Word(words) => Some(words),
            Type::Union(members) if !members.contains(&Type::Any) => members.iter().find_map(Type::words),
            _ => None,
        }
    }

    /// Whether both are of one kind, whatever they hold.
    pub fn is_like(&self, other: &Type) -> bool {
        let text = |ty: &Type| matches!(ty, Type::Text | Type::Word(_));
        std::mem::discriminant(self) == std::mem::discriminant(other) || text(self) && text(other)
    }

    /// What the items are, where it is a list.
    pub fn item(&self) -> Type {
        match self {
            Type::List(item) => (**item).clone(),
            Type::Union(members) => {
                Type::union(members.iter().filter(|member| matches!(member, Type::List(_))).map(Type::item))
            }
            _ => Type::Any,
        }
    }

    /// As it leaves a run: times and durations are text there.
    pub fn outside(&self) -> Type {
        match self {
            Type::Time | Type::Duration => Type::Text,
            Type::List(item) => Type::List(Box::new(item.outside())),
            Type::Map(fields) => {
                let known = fields
                    .known
                    .iter()
                    .map(|(name, field)| (name.clone(), Field { ty: field.ty.outside(), required: field.required }));
                Type::Map(Fields { known: known.collect(), open: fields.open })
            }
            Type::Union(members) => Type::union(members.iter().map(Type::outside)),
            other => other.clone(),
        }
    }

    /// The same, or null.
    pub fn or_null(self) -> Type {
        match self {
            Type::Null => Type::Null,
            Type::Any => Type::Union(vec![Type::Any, Type::Null]),
            Type::Union(members) if members.contains(&Type::Null) => Type::Union(members),
            Type::Union(mut members) => {
                members.push(Type::Null);
                Type::Union(members)
            }
            other => Type::Union(vec![other, Type::Null]),
        }
    }

    /// Without null: what stands left of `??`.
    pub(super) fn not_null(self) -> Type {
        match self {
            Type::Union(members) => Type::union(members.into_iter().filter(|member| *member != Type::Null)),
            other => other,
        }
    }
}
