//! What no schema says: fields of inputs and of answers that the steps read all the same. Each is a knob with a few
//! settings, which the search for a witness turns.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::candidates::Candidate;
use super::hints::Hints;
use super::values::value;
use crate::plan::Step;
use crate::review::side::{Call, Side, reads};
use crate::simulate::{Answer, Reaction};
use crate::value::{Duration, Value, to_json};

/// Knobs of one pair of versions at most: what is read first, by name.
const KNOBS: usize = 16;

/// A field that is read and of which nothing is said: of the input, or of what a call answers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Knob {
    /// The id of the call; `None`: the input.
    call: Option<String>,
    path: Vec<String>,
}

/// The knobs of both versions.
pub fn knobs(old: &Side, new: &Side) -> Vec<Knob> {
    let mut found = BTreeSet::new();
    for side in [old, new] {
        let paths = reads(&side.document.header);
        let below = |root: &[&str]| -> Vec<Vec<String>> {
            let inside =
                paths.iter().filter(|path| path.len() > root.len() && path.iter().zip(root).all(|(a, b)| a == b));
            // Of what is read as a whole and by its fields, the fields.
            let inside: Vec<&Vec<String>> = inside.collect();
            let whole = |path: &Vec<String>| inside.iter().any(|p| p.len() > path.len() && p.starts_with(path));
            inside
                .iter()
                .filter(|path| !whole(path))
                .map(|path| path.iter().skip(root.len()).cloned().collect())
                .collect()
        };
        if side.plan.input().is_none() {
            found.extend(below(&["input"]).into_iter().map(|path| Knob { call: None, path }));
        }
        for step in &side.plan.steps {
            let (Some(id), Some(save), Some(root)) = (&step.id, &step.save, unpromised(step)) else { continue };
            let root: Vec<&str> = [save.as_str()].into_iter().chain(root).collect();
            found.extend(below(&root).into_iter().map(|path| Knob { call: Some(id.clone()), path }));
        }
    }
    found.into_iter().take(KNOBS).collect()
}

/// Where the answer of a call without a schema is in its result.
fn unpromised(step: &Step) -> Option<Option<&'static str>> {
    match Call::of(step)? {
        Call::Http(http) if http.reply.is_none() => Some(Some("body")),
        Call::Activity(activity) if activity.reply.is_none() => Some(None),
        Call::Http(_) | Call::Activity(_) | Call::Send => None,
    }
}

/// What a knob may be set to.
pub fn settings(hints: &Hints) -> Vec<Json> {
    // On both sides of the numbers that stand in conditions; the largest are passed in any case.
    let few = hints.numbers.iter().take(3).flat_map(|n| [n - 1, *n, n + 1]);
    let near: BTreeSet<i64> = few.chain(hints.numbers.iter().rev().take(8).map(|n| n + 1)).collect();
    let plain = [json!(true), json!(false), json!("x"), json!([]), json!(["x"])];
    let texts = hints.texts.iter().take(4).map(|text| json!(text));
    plain.into_iter().chain(near.into_iter().map(|n| json!(n))).chain(texts).collect()
}

/// How the knobs are set.
#[derive(Debug, Clone, Default)]
pub struct Guess {
    input: Option<Json>,
    answers: BTreeMap<String, Json>,
}

impl Guess {
    pub fn with(&self, knob: &Knob, setting: &Json) -> Guess {
        let mut turned = self.clone();
        let root = match &knob.call {
            Some(call) => turned.answers.entry(call.clone()).or_insert(Json::Null),
            None => turned.input.get_or_insert(Json::Null),
        };
        set(root, &knob.path, setting);
        turned
    }

    /// The candidate with the fields that were guessed.
    pub fn applied(&self, to: &Candidate) -> Candidate {
        let mut made = to.clone();
        if let Some(Value::Map(fields)) = self.input.as_ref().and_then(value)
            && let Value::Map(known) = &made.scenario.input
        {
            made.scenario.input = Value::Map(known.clone().into_iter().chain(fields).collect());
        }
        for (call, body) in &self.answers {
            let body = value(body).unwrap_or_default();
            made.words.push(format!("`{call}` answers {}", to_json(&body)));
            let answer = Answer { after: Duration::ZERO, reaction: Reaction::Value(body) };
            made.scenario.answers.insert(call.clone(), vec![answer]);
        }
        made
    }
}

fn set(at: &mut Json, path: &[String], setting: &Json) {
    match path.split_first() {
        None => *at = setting.clone(),
        Some((name, rest)) => {
            if !at.is_object() {
                *at = json!({});
            }
            if let Some(fields) = at.as_object_mut() {
                set(fields.entry(name.clone()).or_insert(Json::Null), rest, setting);
            }
        }
    }
}
