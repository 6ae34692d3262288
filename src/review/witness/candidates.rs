//! What is tried to show a finding: the scenarios that are there, and others made from both versions: from the schemas of
//! inputs and messages, the constants in conditions, the lengths of waits, the errors that somebody catches.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::hints::Hints;
use super::values::{guessed, value, values};
use crate::machine::{ErrorType, Own};
use crate::plan::example;
use crate::review::side::{Call, Side, reads};
use crate::simulate::{Answer, Entry, Happening, Reaction, Scenario};
use crate::value::{Duration, Value};

/// A scenario, and in words what happens in it beside its input.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub scenario: Scenario,
    pub words: Vec<String>,
    /// The input of the new version, where no input fits both.
    pub new_input: Option<Value>,
}

impl Candidate {
    fn new(scenario: Scenario, words: Vec<String>) -> Candidate {
        Candidate { scenario, words, new_input: None }
    }

    /// The same with more in its timeline.
    fn with(&self, words: String, happens: Vec<Entry>) -> Candidate {
        let mut made = self.clone();
        made.words.push(words);
        made.scenario.timeline.extend(happens);
        made.scenario.timeline.sort_by_key(|entry| entry.after);
        made
    }

    /// The scenario for the new version.
    pub fn for_new(&self) -> Scenario {
        let input = self.new_input.clone().unwrap_or_else(|| self.scenario.input.clone());
        Scenario { input, ..self.scenario.clone() }
    }
}

const SECOND: i64 = 1_000;
/// When queries are asked: after all that can happen in a reasonable run.
const END: Duration = Duration(10 * 366 * 86_400_000);

/// The scenarios that are there, and every input with nothing beside it, the simple ones first.
pub fn plain(old: &Side, new: &Side, scenarios: &[Scenario], hints: &Hints) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = scenarios
        .iter()
        .map(|scenario| Candidate::new(scenario.clone(), vec![format!("scenario `{}`", scenario.name)]))
        .collect();
    let mut inputs = Vec::new();
    for side in [new, old] {
        match side.plan.input() {
            Some(schema) => inputs.extend(values(schema.json(), hints)),
            None => {
                inputs.push(json!({}));
                inputs.extend(values(&guessed(&reads(&side.document.header)), hints));
            }
        }
    }
    let mut seen = BTreeSet::new();
    inputs.retain(|input| seen.insert(input.to_string()));
    inputs.sort_by_key(|input| input.to_string().len());
    let inputs: Vec<Value> = inputs.iter().take(90).filter_map(value).collect();
    found.extend(inputs.iter().map(|input| Candidate::new(Scenario::plain(input.clone()), Vec::new())));
    if !inputs.iter().any(|input| fits(old, input) && fits(new, input)) {
        found.extend(apart(old, new, &inputs).map(|(input, other)| Candidate {
            new_input: other,
            ..Candidate::new(Scenario::plain(input.clone()), Vec::new())
        }));
    }
    asked(old, new, found)
}

/// Variations of a candidate that gets somewhere: what calls are answered, and what messages come when.
pub fn around(old: &Side, new: &Side, base: &Candidate, hints: &Hints) -> Vec<Candidate> {
    let mut seen = BTreeSet::new();
    let ids = old.plan.steps.iter().chain(&new.plan.steps).filter_map(|step| step.id.as_deref());
    let answered = ids.filter(|id| seen.insert(*id)).flat_map(|id| at_call(old, new, id, base, hints));
    answered.chain(messages(old, new, base, hints)).collect()
}

/// Every message at once, for every input.
pub fn together(old: &Side, new: &Side, bases: &[Candidate]) -> Vec<Candidate> {
    let all = everything(old, new);
    if all.is_empty() {
        return Vec::new();
    }
    let with = |base: &Candidate| base.with("every message after 1s".to_owned(), vec![entry(SECOND, all.clone())]);
    bases.iter().map(with).collect()
}

/// The same, and every query at the end.
fn asked(old: &Side, new: &Side, mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    let queries: BTreeSet<&str> = old.plan.query_names().into_iter().chain(new.plan.query_names()).collect();
    for candidate in &mut candidates {
        let asked = queries.iter().map(|name| Happening::Query { name: (*name).to_owned(), expect: None }).collect();
        candidate.scenario.timeline.push(Entry { after: END, together: asked, span: Default::default() });
    }
    candidates
}

/// An input of each version, where none fits both: that of the new has what it shares with that of the old.
fn apart<'a>(old: &Side, new: &Side, inputs: &'a [Value]) -> Option<(&'a Value, Option<Value>)> {
    let (one, other) = (inputs.iter().find(|i| fits(old, i))?, inputs.iter().find(|i| fits(new, i))?);
    let mut shared = other.clone();
    if let (Value::Map(fields), Value::Map(given)) = (&shared, one) {
        let both = fields.iter().map(|(name, value)| (name.clone(), given.get(name).unwrap_or(value).clone()));
        shared = Value::Map(both.collect());
    }
    let other = if fits(new, &shared) { shared } else { other.clone() };
    Some((one, Some(other)))
}

fn fits(side: &Side, input: &Value) -> bool {
    side.plan.input().is_none_or(|schema| schema.violations(input).is_empty())
}

fn entry(after: i64, together: Vec<Happening>) -> Entry {
    Entry { after: Duration(after), together, span: Default::default() }
}

/// Variations of a candidate in what one call is answered: one answer that fails for good, one that fails once, one that
/// is late, each error that somebody names. None for a step that is no call.
pub fn at_call(old: &Side, new: &Side, id: &str, base: &Candidate, hints: &Hints) -> Vec<Candidate> {
    let steps = |side: &'_ Side| side.plan.steps.iter().find(|step| step.id.as_deref() == Some(id)).cloned();
    let (before, after) = (steps(old), steps(new));
    let calls: Vec<Call<'_>> = before.iter().chain(&after).filter_map(Call::of).collect();
    let Some(call) = calls.first() else { return Vec::new() };
    let mut found = Vec::new();
    let status = |status: u16| Reaction::Reply { status, headers: BTreeMap::new(), body: Value::Null };
    let error = |kind: &ErrorType| Reaction::Error {
        kind: kind.clone(),
        message: kind.to_string(),
        details: Value::Null,
        retryable: true,
    };
    let failure = match call {
        Call::Http(_) | Call::Send => Own::SendNotRunning.into(),
        Call::Activity(_) => ErrorType::of_activity("Failed"),
    };
    let fails = || match call {
        Call::Http(_) => status(503),
        Call::Activity(_) | Call::Send => error(&failure),
    };
    let mut add = |words: String, answers: Vec<Answer>| {
        let mut made = base.clone();
        made.scenario.answers.insert(id.to_owned(), answers);
        made.words.retain(|known| !known.starts_with(&format!("`{id}` ")));
        made.words.push(format!("`{id}` {words}"));
        found.push(made);
    };
    let at_once = |reaction: Reaction| Answer { after: Duration::ZERO, reaction };
    let good = base.scenario.answers.get(id).and_then(|known| known.last()).cloned().unwrap_or_default();
    let failing = match call {
        Call::Http(_) => "answers 503".to_owned(),
        Call::Activity(_) | Call::Send => format!("fails with {failure}"),
    };
    if matches!(call, Call::Http(_)) {
        for code in [409, 201, 204, 404] {
            add(format!("answers {code}"), vec![at_once(status(code))]);
        }
    }
    add(failing.clone(), vec![at_once(fails())]);
    add(format!("{failing} once"), vec![at_once(fails()), good.clone()]);
    add(format!("{failing} twice"), vec![at_once(fails()), at_once(fails()), good.clone()]);
    for kind in hints.errors.iter().filter(|kind| !kind.contains('*')).take(6) {
        match ErrorType::named(kind) {
            ErrorType::Own(Own::HttpStatus(code)) => add(format!("answers {code}"), vec![at_once(status(code))]),
            named => add(format!("fails with {named}"), vec![at_once(error(&named))]),
        }
    }
    // Behind each timeout that either version has, and behind the first moments that something waits for.
    let limits: BTreeSet<i64> = calls.iter().filter_map(|call| Some(call.timeout()?.millis())).collect();
    for moment in limits.iter().chain(hints.moments.iter().filter(|m| !limits.contains(m)).take(6)) {
        let after = Duration(moment + SECOND);
        let late = Answer { after, ..good.clone() };
        add(format!("answers after {after}"), vec![late.clone()]);
        add(format!("answers after {after}, then at once"), vec![late, good.clone()]);
    }
    let schemas = calls.iter().filter_map(|call| call.reply());
    let mut bodies = Vec::new();
    for body in schemas.flat_map(|schema| values(schema.json(), hints).into_iter().take(12)) {
        if !bodies.contains(&body) {
            bodies.push(body);
        }
    }
    for body in bodies.iter().filter_map(value) {
        add(format!("answers {}", crate::value::to_json(&body)), vec![at_once(Reaction::Value(body))]);
    }
    found
}

/// Every signal and every update, with an example of what it carries.
fn everything(old: &Side, new: &Side) -> Vec<Happening> {
    let mut all = Vec::new();
    for name in old.plan.signal_names().into_iter().chain(new.plan.signal_names()).collect::<BTreeSet<_>>() {
        let schema = new.plan.signal(name).or(old.plan.signal(name)).and_then(|s| s.payload());
        let payload = schema.map_or(Some(Value::Null), |schema| example(Some(schema))).unwrap_or_default();
        all.push(Happening::Signal { name: name.to_owned(), payload, id: None });
    }
    for name in old.plan.update_names().into_iter().chain(new.plan.update_names()).collect::<BTreeSet<_>>() {
        let schema = new.plan.update(name).or(old.plan.update(name)).and_then(|u| u.payload());
        let payload = schema.map_or(Some(Value::Null), |schema| example(Some(schema))).unwrap_or_default();
        all.push(Happening::Update { name: name.to_owned(), payload, id: None, expect: None });
    }
    all
}

/// Each message alone, early, twice, and just before and after each moment; and the cancel.
fn messages(old: &Side, new: &Side, base: &Candidate, hints: &Hints) -> Vec<Candidate> {
    let mut moments: Vec<i64> = vec![SECOND];
    moments.extend(hints.moments.iter().take(5).flat_map(|m| [m - SECOND, m + SECOND]).filter(|m| *m > 0));
    moments.sort_unstable();
    moments.dedup();
    let mut found = Vec::new();
    let mut add = |words: String, timeline: Vec<Entry>| found.push(base.with(words, timeline));
    for happening in everything(old, new) {
        let mut shapes = vec![happening.clone()];
        let (word, name) = match &happening {
            Happening::Signal { name, .. } => ("signal", name.clone()),
            Happening::Update { name, .. } => ("update", name.clone()),
            _ => continue,
        };
        for side in [old, new] {
            let schema = match word {
                "signal" => side.plan.signal(&name).and_then(|s| s.payload()),
                _ => side.plan.update(&name).and_then(|u| u.payload()),
            };
            let others = schema.map(|schema| values(schema.json(), hints)).unwrap_or_default();
            for payload in others.iter().take(16).filter_map(value) {
                let shape = match word {
                    "signal" => Happening::Signal { name: name.clone(), payload, id: None },
                    _ => Happening::Update { name: name.clone(), payload, id: None, expect: None },
                };
                if !shapes.contains(&shape) {
                    shapes.push(shape);
                }
            }
        }
        for (at, shape) in shapes.into_iter().enumerate() {
            let carried = match &shape {
                Happening::Signal { payload: Value::Null, .. } | Happening::Update { payload: Value::Null, .. } => {
                    String::new()
                }
                Happening::Signal { payload, .. } | Happening::Update { payload, .. } => {
                    format!(" {}", crate::value::to_json(payload))
                }
                _ => String::new(),
            };
            for moment in moments.iter().take(if at == 0 { 11 } else { 1 }) {
                let words = format!("{word} `{name}`{carried} after {}", Duration(*moment));
                add(words, vec![entry(*moment, vec![shape.clone()])]);
            }
        }
        for (number, times) in [(2, "twice"), (3, "three times")] {
            add(format!("{word} `{name}` {times} after 1s"), vec![entry(SECOND, vec![happening.clone(); number])]);
        }
    }
    for moment in moments.iter().take(3) {
        add(format!("cancel after {}", Duration(*moment)), vec![entry(*moment, vec![Happening::Cancel])]);
    }
    found
}
