//! What stands above the steps: who the process is, its contract, its messages, its defaults.

use super::document::{Assignment, Condition, Written};
use super::keys::{Form, key, must};
use super::part::{Keyed, Named, choice, keys};
use super::step::Step;
use super::tree::Node;
use super::verbs::{ON_RETRY, Retry};
use crate::diagnostic::Span;
use crate::value::Duration;

keys! {
    /// The keys of a definition.
    pub struct Header {
        fermata: i64 = must("fermata", Form::Integer { least: 1, most: 1 }, "the version of the language: 1"),
        process: String = must("process", Form::Word, "the name of the process; equals the name of its folder"),
        version: i64 =
            must("version", Form::Integer { least: 1, most: 1_000_000 }, "the version; equals the name of the file"),
        summary: String = key("summary", Form::Text, "one line for people"),
        owner: String = key("owner", Form::Text, "who answers for the process"),
        key: Written = must("key", Form::Value, "the business key: one run per key"),
        duplicates: Duplicates =
            key("duplicates", Form::Choice(Duplicates::WORDS), "what a second start of a key does"),
        input: Node = key("input", Form::Schema, "JSON Schema of the input"),
        returns: Node = key("returns", Form::Schema, "JSON Schema of the result"),
        vars: Vec<Assignment> = key("vars", Form::Assignments, "what the run remembers, with first values"),
        signals: Vec<Named<Signal>> = key("signals", Form::Named(Signal::KEYS, "a signal"), "messages the run takes"),
        updates: Vec<Named<Update>> =
            key("updates", Form::Named(Update::KEYS, "an update"), "requests that change the run and are answered"),
        /// Named as assignments are: a name and a value.
        queries: Vec<Assignment> =
            key("queries", Form::WordValues, "questions the run answers, with what it answers"),
        search: String = key("search", Form::Later, "search attributes"),
        defaults: Defaults =
            key("defaults", Form::Map(Defaults::KEYS), "what `http` and `activity` steps have unless they say otherwise"),
        steps: Vec<Step> = must("steps", Form::Steps, "what the process does"),
    }
}

keys! {
    /// What steps have unless they say otherwise.
    pub struct Defaults {
        http: HttpDefaults = key("http", Form::Map(HttpDefaults::KEYS), "for every `http` step"),
        activity: ActivityDefaults = key("activity", Form::Map(ActivityDefaults::KEYS), "for every `activity` step"),
    }
}

keys! {
    pub struct HttpDefaults {
        timeout: Duration = key("timeout", Form::Duration, "of one attempt; 30s unless said"),
        retry: Retry = ON_RETRY,
        expect: Vec<(String, Span)> = key("expect", Form::Statuses, "accepted statuses; 2xx unless said"),
        headers: Written = key("headers", Form::Values, "request headers"),
    }
}

keys! {
    pub struct ActivityDefaults {
        timeout: Duration = key("timeout", Form::Duration, "of one attempt; 5m unless said"),
        retry: Retry = ON_RETRY,
        queue: String = key("queue", Form::Word, "the task queue of its worker"),
    }
}

keys! {
    pub struct Signal {
        summary: String = key("summary", Form::Text, "one line for people"),
        payload: Node = key("payload", Form::Schema, "JSON Schema of what it carries; none carries nothing"),
        keep: Keep = key(
            "keep",
            Form::Choice(Keep::WORDS),
            "`last`: the newest takes the place of an unread one; `all` unless said"
        ),
        body: Vec<Step> =
            key("do", Form::Steps, "steps for every delivery; without them it waits for a `wait`"),
    }
}

keys! {
    pub struct Update {
        summary: String = key("summary", Form::Text, "one line for people"),
        payload: Node = key("payload", Form::Schema, "JSON Schema of what it carries; none carries nothing"),
        check: Condition = key("check", Form::Condition, "refused unless this holds"),
        otherwise: Written = key("otherwise", Form::Template, "what the caller hears of a refusal"),
        body: Vec<Step> = key("do", Form::Steps, "what it does"),
        returns: Written = key("returns", Form::Value, "what the caller gets; null unless said"),
    }
}

choice! {
    /// What a second start of a business key does.
    pub enum Duplicates {
        /// The run there is, open or closed, is the answer.
        Return = "return",
        /// It is refused.
        Reject = "reject",
    }
}

choice! {
    /// Which unread messages of a name are kept.
    pub enum Keep {
        All = "all",
        Last = "last",
    }
}
