//! Steps, and what holds several of something: branches, ways, catches, messages, items.

use std::cell::LazyCell;
use std::collections::BTreeSet;

use super::super::document::Assignment;
use super::super::keys::{self, Form, Key, VERBS, Verb};
use super::super::meant::{self, awaits};
use super::super::part::{Item, Keyed, Named};
use super::super::step::{Branch, Common, Step, StepId};
use super::super::tree::{Entry, Kind, Node};
use super::mapping::{Home, Scope, Within};
use super::{EACH, Field, Fields, Reader, one_of};
use crate::diagnostic::Code;
use crate::expression::similar;

impl Reader<'_> {
    pub(super) fn steps(&mut self, node: &Node) -> Field {
        let Kind::List(items) = &node.kind else {
            return self.shape(node, "a list of steps", Some("each step begins with `- `"));
        };
        let mut steps = Vec::new();
        for item in items {
            match self.step(item) {
                Some(step) => steps.push(step),
                None => self.lose(item.span),
            }
        }
        // Steps that all could not be read are no empty list.
        if steps.is_empty() && !items.is_empty() { Field::Broken } else { Field::Steps(steps) }
    }

    fn step(&mut self, node: &Node) -> Option<Step> {
        let Kind::Map(entries) = &node.kind else {
            let help =
                meant::step(node).unwrap_or_else(|| "a step is a mapping with one verb: `- wait: 3d`".to_owned());
            self.shape(node, "a step", Some(&help));
            return None;
        };
        let found: Vec<(&Entry, &'static Verb)> =
            entries.iter().filter_map(|e| keys::verb(&e.key).map(|v| (e, v))).collect();
        // `do` and `parallel` are verbs and also keys of other verbs: the verb is the one that explains the rest.
        let explains = |(_, verb): &&(&Entry, &'static Verb)| {
            found.iter().all(|(_, other)| other.name == verb.name || verb.beside.iter().any(|k| k.name == other.name))
        };
        let Some((entry, verb)) = found.iter().find(explains).copied() else {
            self.verbs_complaint(node, entries, &found);
            self.neighbours(entries);
            return None;
        };
        let Some(make) = verb.make else {
            self.not_supported(verb.name, entry.key_span);
            return None;
        };
        if self.loop_of_another_language(entries, verb) {
            return None;
        }
        let inner: &'static [Key] = match verb.form {
            Form::Map(keys) | Form::MomentOr(keys) => keys,
            _ => &[],
        };
        let known = |name: &str| Common::KEYS.iter().chain(verb.beside).any(|key| key.name == name);
        let strangers: Vec<&Entry> = entries.iter().filter(|e| e.key != verb.name && !known(&e.key)).collect();
        let mut own = self.own(entry, verb.form, Some(Within { verb, strangers: &strangers }));
        // An `else` beside the ways is meant as the last of them.
        if let (Field::List(ways), "switch") = (&mut own.field, verb.name)
            && ways.iter().all(|way| !way.keys.has("else"))
            && let Some(last) = strangers.iter().find(|stranger| ["else", "default"].contains(&stranger.key.as_str()))
        {
            let mut keys = Fields::default();
            keys.mean("else", last);
            ways.push(Item { span: last.key_span, broken: true, keys });
        }
        let of = format!("{} step", meant::a(verb.name));
        let rest = entries.iter().filter(|e| e.key != verb.name);
        // Asked for by keys that may not stand here, which nearly no step has.
        let beside = LazyCell::new(|| names(entries));
        let below = LazyCell::new(|| names(entry.value.entries()));
        let home = |stranger: &Entry| home(stranger, verb, inner, &beside, &below);
        let mut outside = moved_in(&entry.value, verb, inner);
        let listed = match &entry.value.kind {
            Kind::Text(text) => text.text.contains(" in "),
            Kind::Number(_) => true,
            _ => false,
        };
        if verb.name == "for" && listed {
            outside.push(("in", entry));
        }
        let scope = Scope { second: verb.beside, home: &home, outside: &outside, ..Scope::of(Common::KEYS, &of) };
        let mut fields = self.fields(rest, node.span, &scope);
        let action = make(own, &mut fields);
        let common = Common::take(&mut fields);
        if verb.needs_id && !common.id.is_there() {
            self.error(Code::MissingId, entry.key_span, format!("{of} wants an `id`")).help =
                Some("it is what history, diffs and tests point at: `- id: some-name`".into());
        }
        // The number and the segment follow when all is read.
        let (number, segment) = (StepId::default(), String::new());
        Some(Step { number, segment, span: node.span, verb_span: entry.key_span, common, action })
    }

    /// `foreach: row` beside `do`: the verb is another one, and all that stands here is its own.
    fn loop_of_another_language(&mut self, entries: &[Entry], verb: &'static Verb) -> bool {
        if verb.name != "do" {
            return false;
        }
        let meant = entries.iter().find_map(|entry| {
            let verbs = meant::verbs(&entry.key).filter(|verbs| verbs.iter().any(|one| has_key(one, verb.name)))?;
            keys::verb(&entry.key).is_none().then_some((entry, verbs))
        });
        let Some((entry, verbs)) = meant else { return false };
        let help = meant::did_you_mean(verbs);
        self.error(Code::UnknownKey, entry.key_span, format!("`{}` is not a key of a `do` step", entry.key)).help =
            Some(help);
        self.neighbours(entries);
        for list in entries.iter().filter(|entry| entry.key == verb.name) {
            self.steps(&list.value);
        }
        true
    }

    /// What stands in a step that does not say what it does, for complaints only.
    fn neighbours(&mut self, entries: &[Entry]) {
        // A key that is a verb and also stands beside others may have been meant as either.
        for entry in
            entries.iter().filter(|entry| keys::verb(&entry.key).is_none() || keys::homes(&entry.key).is_empty())
        {
            let beside = Common::KEYS.iter().chain(VERBS.iter().flat_map(|verb| verb.beside));
            let form = keys::verb(&entry.key).filter(|verb| verb.built()).map(|verb| verb.form);
            let form = form.or_else(|| beside.into_iter().find(|key| key.name == entry.key).map(|key| key.form));
            // The words of a choice depend on the verb.
            if let Some(form) = form.filter(|form| !matches!(form, Form::Choice(_) | Form::Later)) {
                self.field(entry, form, None);
            }
        }
    }

    fn verbs_complaint(&mut self, node: &Node, entries: &[Entry], found: &[(&Entry, &'static Verb)]) {
        if let [(first, one), (second, two), ..] = found {
            let message = format!("a step has one verb, this one has `{}` and `{}`", one.name, two.name);
            let forked = entries.iter().any(|entry| entry.key == "then" || entry.key == "else");
            let complaint = self.error(Code::TwoVerbs, second.key_span, message);
            complaint.related.push((first.key_span, "the first verb".into()));
            complaint.help = Some(meant::together(first, second, forked));
            return;
        }
        let list =
            || VERBS.iter().filter(|v| v.built()).map(|v| format!("`{}`", v.name)).collect::<Vec<_>>().join(", ");
        let is_common = |name: &str| Common::KEYS.iter().any(|key| key.name == name);
        let strangers = || entries.iter().filter(|e| !is_common(&e.key) && keys::homes(&e.key).is_empty());
        // One that is a common key by another name, such as `name`, is not where the verb is.
        let own = |e: &&Entry| {
            let common = || Common::KEYS.iter().map(|key| key.name);
            meant::key(&e.key, common()).is_none() && similar(&e.key, common()).is_none()
        };
        if let Some(entry) = strangers().find(own).or_else(|| strangers().next()) {
            let event = match &entry.value.kind {
                Kind::Text(text) if ["signal", "until"].contains(&entry.key.as_str()) => {
                    Some(format!("write `wait: {{ {}: {} }}`", entry.key, meant::short(&text.text)))
                }
                _ => None,
            };
            let near =
                || similar(&entry.key, VERBS.iter().map(|v| v.name)).map(|word| format!("did you mean `{word}`?"));
            let inside =
                || meant::inside(&entry.key).first().map(|home| format!("`{}` belongs below `{home}`", entry.key));
            let help =
                event.or_else(|| meant::step(node)).or_else(|| meant::verb(&entry.key)).or_else(near).or_else(inside);
            let help = help.unwrap_or_else(|| format!("the verbs are {}", list()));
            self.error(Code::NoVerb, entry.key_span, format!("`{}` is not a verb", entry.key)).help = Some(help);
            return;
        }
        let own = entries.iter().filter(|e| !is_common(&e.key));
        let beside = own.into_iter().find_map(|e| keys::homes(&e.key).first().map(|home| (e, *home)));
        if let Some((entry, home)) = beside {
            let help = format!("it belongs to a step with `{home}`, in the same mapping");
            self.error(Code::NoVerb, entry.key_span, format!("`{}` wants {}", entry.key, meant::a(home))).help =
                Some(help);
            return;
        }
        let at = entries.first().map_or(node.span, |e| e.key_span);
        let help = match entries {
            [only] if !["id", "summary"].contains(&only.key.as_str()) => {
                format!("`{}` stands beside a verb: without the `- ` it belongs to the step above", only.key)
            }
            _ => format!("add one of {}", list()),
        };
        self.error(Code::NoVerb, at, "the step has no verb").help = Some(help);
    }

    /// Branches in the order written, which is the order in which they begin.
    pub(super) fn branches(&mut self, node: &Node) -> Field {
        let Kind::Map(entries) = &node.kind else {
            let help = "write a name for each branch, and its steps below: `a: [ … ]`";
            return self.shape(node, "a mapping from names to steps", Some(help));
        };
        let mut branches = Vec::new();
        for entry in entries {
            let named = self.name(&entry.key, entry.key_span);
            let inside = entry.value.entries();
            if !inside.is_empty() && inside.iter().all(|inner| matches!(inner.value.kind, Kind::List(_))) {
                let help = format!("branches stand right below their verb: leave out `{}`", meant::short(&entry.key));
                self.shape(&entry.value, "a list of steps", Some(&help));
                continue;
            }
            match self.steps(&entry.value) {
                Field::Steps(steps) if named => {
                    branches.push(Branch { name: entry.key.clone(), span: entry.key_span, steps });
                }
                _ => self.lose(entry.value.span),
            }
        }
        if branches.is_empty() && !entries.is_empty() { Field::Broken } else { Field::Branches(branches) }
    }

    pub(super) fn list_of(&mut self, node: &Node, keys: &'static [Key], what: &str) -> Field {
        let Kind::List(items) = &node.kind else {
            let help = format!("each begins with `- `; {}", one_of(keys));
            let wanted = if what == "a way" { "a list of ways" } else { "a list of mappings" };
            return self.shape(node, wanted, Some(&help));
        };
        let mut read = Vec::new();
        for item in items {
            let before = self.complaints.len();
            match &item.kind {
                Kind::Map(entries) => {
                    let keys = self.fields(entries, item.span, &Scope::of(keys, what));
                    read.push(Item { span: item.span, broken: self.complaints.len() > before, keys });
                }
                _ => {
                    self.shape(item, "a mapping", Some(&one_of(keys)));
                }
            }
        }
        if read.is_empty() && !items.is_empty() { Field::Broken } else { Field::List(read) }
    }

    pub(super) fn named(&mut self, node: &Node, keys: &'static [Key], what: &str) -> Field {
        let Kind::Map(entries) = &node.kind else {
            let help = format!("write each as a key of its own, `name:`; {}", one_of(keys));
            return self.shape(node, "a mapping from names to what each is", Some(&help));
        };
        let mut named = Vec::new();
        for entry in entries {
            self.message_name(entry);
            let keys = match &entry.value.kind {
                Kind::Null => Fields::default(), // `paid:` alone declares a message that carries nothing
                Kind::Map(entries) => self.fields(entries, entry.value.span, &Scope::of(keys, what)),
                _ => {
                    let payload = keys.iter().any(|key| key.name == "payload");
                    let help = match meant::type_of_a_schema(&entry.value).filter(|_| payload) {
                        Some(word) => format!("write `payload: {{ type: {word} }}`"),
                        None => one_of(keys),
                    };
                    self.shape(&entry.value, "a mapping", Some(&help));
                    // It may have been any of them.
                    let mut fields = Fields::default();
                    keys.iter().for_each(|key| fields.mean(key.name, entry));
                    fields
                }
            };
            named.push(Named { name: entry.key.clone(), span: entry.key_span, keys });
        }
        named.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes())); // as in `written`
        Field::Named(named)
    }

    fn message_name(&mut self, entry: &Entry) {
        if !meant::is_word(&entry.key) || entry.key.contains('.') {
            let message = format!("`{}` is no name of a message", meant::short(&entry.key));
            self.error(Code::BadName, entry.key_span, message).help =
                Some("it begins with a letter or digit and holds letters, digits, `-` and `_`; 100 at most".into());
        }
    }

    pub(super) fn word_values(&mut self, node: &Node) -> Field {
        let Kind::Map(entries) = &node.kind else {
            return self.shape(node, "a mapping from names to values", Some(EACH));
        };
        let mut values = Vec::new();
        for entry in entries {
            self.message_name(entry);
            let value = self.written(&entry.value);
            values.push(Assignment { name: entry.key.clone(), span: entry.key_span, value });
        }
        values.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
        Field::Assignments(values)
    }

    pub(super) fn items(&mut self, node: &Node) -> Field {
        match &node.kind {
            Kind::List(_) => Field::Value(self.written(node)),
            Kind::Text(text) if text.text.starts_with("${") && text.text.ends_with('}') => {
                let inner = text.text.trim_start_matches("${").trim_end_matches('}').trim();
                let message = format!("`in` is an expression already, or a list; found {}", meant::found(node));
                self.error(Code::WrongShape, node.span, message).help = Some(format!("write it alone: `in: {inner}`"));
                self.lose(node.span);
                Field::Broken
            }
            Kind::Text(_) => match self.condition(node) {
                Field::Condition(expression) => Field::Expression(expression),
                other => other,
            },
            _ => self.shape(node, "an expression that gives a list, or a list", Some("such as `in: input.items`")),
        }
    }
}

/// Where a key belongs that stands beside a verb and is none of its own: `inner` are the keys that may stand below it,
/// `below` those that do, `beside` those beside it.
fn home(
    entry: &Entry,
    verb: &'static Verb,
    inner: &'static [Key],
    beside: &BTreeSet<&str>,
    below: &BTreeSet<&str>,
) -> Option<Home> {
    let there = |key: &str| beside.contains(key);
    let name = entry.key.as_str();
    let lower = name.to_ascii_lowercase();
    if ["unless", "only-if", "only_if", "skip-if", "skip_if", "condition"].contains(&lower.as_str()) && !there("when") {
        return Some(Home::unknown(format!("write {}", meant::when(entry))).means("when"));
    }
    if verb.name == "switch" && name == "else" {
        return Some(Home::misplaced("it is the last way: write it into the list, as `- else: [ … ]`"));
    }
    if verb.name == "switch" && ["cases", "ways", "when", "case", "default", "branches"].contains(&lower.as_str()) {
        return Some(Home::unknown("list the ways below `switch`: `- when: …` with `do: [ … ]`, and `- else: [ … ]`"));
    }
    let given = |key: &str| below.contains(key);
    if inner.iter().any(|key| key.name == name) && (verb.name != "activity" || name != "name" || !given("name")) {
        return Some(Home::misplaced(format!("indent it below `{}`", verb.name)));
    }
    let wanted = verb.beside.iter().filter(|key| key.required && !there(key.name)).map(|key| key.name);
    if let Some(word) = meant::key(name, wanted) {
        return Some(Home::unknown(format!("did you mean `{word}`?")).means(word));
    }
    if let Some(help) = meant::elsewhere(name, &format!("{} step", meant::a(verb.name))) {
        return Some(Home::unknown(help));
    }
    let homes = keys::homes(name);
    if !homes.is_empty() {
        let list = homes.iter().map(|h| format!("`{h}`")).collect::<Vec<_>>().join(", ");
        return Some(Home::misplaced(format!("`{name}` belongs to a step with {list}")));
    }
    let own = verb.beside.iter().chain(Common::KEYS).map(|key| key.name).filter(|key| !there(key));
    if let Some(word) = meant::key(name, own) {
        if word == "id" && matches!(&entry.value.kind, Kind::Text(text) if !meant::is_word(&text.text)) {
            return Some(Home::unknown("did you mean `summary`? an `id` is one word").means(word));
        }
        return Some(Home::unknown(format!("did you mean `{word}`?")).means(word));
    }
    if let Some(word) = meant::key(name, inner.iter().map(|key| key.name)).filter(|word| !given(word)) {
        return Some(Home::unknown(format!("did you mean `{word}`, below `{}`?", verb.name)));
    }
    meant::inside(name).first().map(|home| Home::misplaced(format!("`{name}` belongs below `{home}`")))
}

/// The keys beside a verb that were written below it: in its mapping, or as a step of its list.
fn moved_in<'n>(value: &'n Node, verb: &'static Verb, inner: &'static [Key]) -> Vec<(&'static str, &'n Entry)> {
    let beside = |entry: &Entry| {
        let keys = verb.beside.iter().chain(Common::KEYS);
        keys.filter(|key| inner.iter().all(|own| own.name != key.name)).find(|key| key.name == entry.key)
    };
    match (&value.kind, verb.form) {
        (Kind::Map(entries), Form::Map(_) | Form::MomentOr(_)) => {
            let bounds = |entry: &&Entry| verb.name == "wait" && meant::of_a_length(&entry.key) && awaits(entries);
            let bound = entries.iter().filter(bounds).map(|entry| ("timeout", entry));
            entries.iter().filter_map(|entry| Some((beside(entry)?.name, entry))).chain(bound).collect()
        }
        (Kind::List(items), Form::Steps) => {
            let alone = |item: &&Node| item.entries().iter().all(|entry| keys::verb(&entry.key).is_none());
            let entries = items.iter().filter(alone).flat_map(Node::entries);
            let own = |entry: &Entry| verb.beside.iter().find(|key| key.name == entry.key);
            entries.filter_map(|entry| Some((own(entry)?.name, entry))).collect()
        }
        _ => Vec::new(),
    }
}

fn names(entries: &[Entry]) -> BTreeSet<&str> {
    entries.iter().map(|entry| entry.key.as_str()).collect()
}

fn has_key(verb: &str, key: &str) -> bool {
    keys::verb(verb).is_some_and(|verb| verb.beside.iter().any(|own| own.name == key))
}
