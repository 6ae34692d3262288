//! The keys of a mapping: which may stand there, where those belong that may not, and which one each of these means.

use std::collections::BTreeSet;

use super::super::keys::{Form, Key, Verb, verb};
use super::super::meant;
use super::super::part::Keyed;
use super::super::step::Common;
use super::super::tree::Entry;
use super::{Field, Fields, Reader};
use crate::diagnostic::{Code, Span};
use crate::expression::similar;

/// What may stand in a mapping.
pub(super) struct Scope<'s> {
    pub(super) first: &'static [Key],
    pub(super) second: &'static [Key],
    /// What the mapping is, for messages.
    pub(super) of: &'s str,
    /// Where a key that may not stand here belongs, as far as only this place can tell.
    pub(super) home: &'s dyn Fn(&Entry) -> Option<Home>,
    /// Keys of this mapping that were written elsewhere: beside the verb in place of below it, or below it in place of
    /// beside it.
    pub(super) outside: &'s [(&'static str, &'s Entry)],
}

impl<'s> Scope<'s> {
    pub(super) fn of(keys: &'static [Key], of: &'s str) -> Scope<'s> {
        Scope { first: keys, second: &[], of, home: &|_| None, outside: &[] }
    }

    fn keys(&self) -> impl Iterator<Item = &'static Key> + Clone + use<> {
        self.second.iter().chain(self.first)
    }

    fn names(&self) -> impl Iterator<Item = &'static str> + Clone + use<> {
        self.keys().map(|key| key.name)
    }
}

/// Where a key belongs that stands elsewhere.
pub(super) struct Home {
    code: Code,
    help: String,
    /// The key of this mapping that is evidently meant.
    means: Option<&'static str>,
}

impl Home {
    pub(super) fn misplaced(help: impl Into<String>) -> Home {
        Home { code: Code::MisplacedKey, help: help.into(), means: None }
    }

    pub(super) fn unknown(help: impl Into<String>) -> Home {
        Home { code: Code::UnknownKey, help: help.into(), means: None }
    }

    pub(super) fn means(self, key: &'static str) -> Home {
        Home { means: Some(key), ..self }
    }
}

/// The verb whose value is read, and what stands beside it and is no key there.
#[derive(Clone, Copy)]
pub(super) struct Within<'w> {
    pub(super) verb: &'static Verb,
    pub(super) strangers: &'w [&'w Entry],
}

impl Reader<'_> {
    /// Reads the keys of a mapping that stands at `span`.
    pub(super) fn fields<'n>(
        &mut self,
        entries: impl IntoIterator<Item = &'n Entry> + Clone,
        span: Span,
        scope: &Scope<'_>,
    ) -> Fields {
        let mut fields = Fields::default();
        let mut meant = Vec::new();
        // Nearly every mapping has its own keys alone: what it lacks is looked for at the first that is none.
        let mut wanted: Option<Vec<&'static str>> = None;
        for entry in entries.clone() {
            match scope.keys().find(|key| key.name == entry.key) {
                Some(key) => fields.0.push((key.name, self.own(entry, key.form, None))),
                None => {
                    let wanted = wanted.get_or_insert_with(|| lacking(scope, entries.clone()));
                    meant.extend(self.unknown_key(entry, scope, wanted).map(|key| (key, entry)));
                }
            }
        }
        meant.extend(scope.outside);
        for (key, entry) in meant {
            fields.mean(key, entry);
        }
        for key in scope.first.iter().chain(scope.second).filter(|k| k.required) {
            if !fields.has(key.name) {
                let at = entries.clone().into_iter().next().map_or(span, |e| e.key_span);
                self.error(Code::MissingKey, at, format!("{} wants the key `{}`", scope.of, key.name)).help =
                    Some(format!("`{}`: {}", key.name, key.words));
            }
        }
        fields
    }

    /// Complains about a key that may not stand here; the key of this mapping that is evidently meant by it.
    /// `wanted` are the keys that must be here and are not.
    fn unknown_key(&mut self, entry: &Entry, scope: &Scope<'_>, wanted: &[&'static str]) -> Option<&'static str> {
        self.lose(entry.value.span);
        let (name, of) = (entry.key.as_str(), scope.of);
        let home = (scope.home)(entry).or_else(|| by_table(entry, scope, wanted)).unwrap_or_else(|| {
            let mut names: Vec<String> = Vec::new();
            for key in scope.keys().filter(|key| !matches!(key.form, Form::Later)) {
                let name = format!("`{}`", key.name);
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            Home::unknown(format!("expected one of {}", names.join(", ")))
        });
        let message = match home.code {
            Code::MisplacedKey => format!("`{}` means nothing for {of}", meant::short(name)),
            _ => format!("`{}` is not a key of {of}", meant::short(name)),
        };
        self.error(home.code, entry.key_span, message).help = Some(home.help);
        home.means
    }

    /// The mapping at a key.
    pub(super) fn map(&mut self, entry: &Entry, keys: &'static [Key], within: Option<Within<'_>>) -> Field {
        let of = format!("`{}`", entry.key);
        let waits = within.is_some_and(|within| matches!(within.verb.form, Form::MomentOr(_)));
        if let Some((node, moment)) = entry.value.get("until").filter(|_| waits).and_then(meant::misplaced_moment) {
            let help = format!("a length or a time stands alone: `{}: {moment}`", entry.key);
            return self.shape(node, "a condition", Some(&help));
        }
        let mut outside = Vec::new();
        for stranger in within.map_or(&[][..], |within| within.strangers) {
            let exact = keys.iter().map(|key| key.name).find(|name| *name == stranger.key);
            let other = || meant::key(&stranger.key, keys.iter().filter(|key| key.required).map(|key| key.name));
            outside.extend(exact.or_else(other).map(|key| (key, *stranger)));
        }
        let home = |inner: &Entry| {
            let verb = within?.verb;
            let name = inner.key.as_str();
            if matches!(verb.form, Form::MomentOr(_)) && meant::of_a_length(name) {
                return Some(Home::unknown(meant::length_of_a_wait(inner, entry.value.entries())));
            }
            let beside = Common::KEYS.iter().chain(verb.beside).any(|key| key.name == name);
            beside.then(|| {
                Home::misplaced(format!("it stands beside `{0}`: move it out, to the column of `{0}`", verb.name))
            })
        };
        let scope = Scope { home: &home, outside: &outside, ..Scope::of(keys, &of) };
        Field::Map(self.fields(entry.value.entries(), entry.value.span, &scope))
    }
}

/// The keys that must be in a mapping and are not.
fn lacking<'n>(scope: &Scope<'_>, entries: impl IntoIterator<Item = &'n Entry>) -> Vec<&'static str> {
    let names: BTreeSet<&str> = entries.into_iter().map(|entry| entry.key.as_str()).collect();
    scope.keys().filter(|key| key.required && !names.contains(key.name)).map(|key| key.name).collect()
}

/// What the table of the language tells of a key that may not stand here.
fn by_table(entry: &Entry, scope: &Scope<'_>, wanted: &[&'static str]) -> Option<Home> {
    let name = entry.key.as_str();
    let list = |names: Vec<&str>| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ");
    if let Some(word) = meant::key(name, wanted.iter().copied()).and_then(|word| scope.names().find(|key| *key == word))
    {
        return Some(Home::unknown(format!("did you mean `{word}`?")).means(word));
    }
    let schemas: Vec<_> = scope.keys().filter(|key| matches!(key.form, Form::Schema)).map(|key| key.name).collect();
    if let (Some(first), true) = (schemas.first(), meant::of_a_schema(name)) {
        let help = format!("it is a word of a schema: indent it below {}", list(schemas.clone()));
        return Some(Home::misplaced(help).means(first));
    }
    let below = |key: &&Key| matches!(key.form, Form::Map(keys) if keys.iter().any(|key| key.name == name));
    let below: Vec<_> = scope.keys().filter(below).map(|key| key.name).collect();
    if !below.is_empty() {
        return Some(Home::misplaced(format!("indent it below {}", list(below))));
    }
    if let Some(word) = meant::key(name, scope.names()) {
        return Some(Home::unknown(format!("did you mean `{word}`?")).means(word));
    }
    if let Some(help) = meant::elsewhere(name, scope.of) {
        return Some(Home::unknown(help));
    }
    if let Some(word) = similar(name, scope.names()).and_then(|word| scope.names().find(|key| *key == word)) {
        return Some(Home::unknown(format!("did you mean `{word}`?")).means(word));
    }
    let places = meant::places(name);
    let steps = scope.keys().find(|key| matches!(key.form, Form::Steps));
    if let (Some(steps), Some(verb)) = (steps, verb(name).filter(|verb| verb.built())) {
        let help = format!("it is a step: write it into the list at `{}`, as `- {}: …`", steps.name, verb.name);
        return Some(Home::misplaced(help).means(steps.name));
    }
    let shown: Vec<&str> = places.iter().take(3).map(String::as_str).collect();
    (!shown.is_empty()).then(|| Home::misplaced(format!("`{name}` stands {}", shown.join(", or "))))
}
