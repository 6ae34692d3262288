//! No definition, input, reply or message may cost more than is said (R5, R42), end the process, or take its memory:
//! hostile ones, made by chance from seeds, are run on the pure machine, and what is counted is held against its bounds.
//! Time is never looked at. `FERMATA_BOUNDS` says how many are tried.

use std::collections::BTreeMap;

use fermata::expression::TOGETHER;
use fermata::machine::{CallError, CallOutcome, Command, ErrorType, Event, Run, STATE, State, apply, query, refusal};
use fermata::plan::{Home, Plan, from_yaml};
use fermata::value::{Time, Value, to_json};
use libtest_mimic::Trial;
use serde_json::{Value as Json, json};

use crate::random::Random;

/// Runs in all, unless `FERMATA_BOUNDS` says otherwise, how many trials they are dealt to, and events of each.
const RUNS: usize = 36;
const TRIALS: usize = 6;
const EVENTS: usize = 24;
/// Steps, rounds and items of an event, twice, as what is shielded gets a fresh budget.
const STEPS: u32 = 2 * 100_000;
/// What a `finally` may add where the state is full, and what ends with a step that was the last to fit.
const BEYOND: u64 = 256 * 1024;
/// Bytes that an event may send.
const SENT: u64 = 2 * 3 * 1024 * 1024;

pub fn trials() -> Vec<Trial> {
    let runs = std::env::var("FERMATA_BOUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(RUNS);
    (0..TRIALS).map(|trial| crate::trial(format!("bounds::{trial}"), move || some(trial, runs))).collect()
}

fn some(trial: usize, runs: usize) -> Result<(), String> {
    for seed in (trial..runs).step_by(TRIALS) {
        let mut hostile = Hostile { random: Random(seed as u64), ids: 0 };
        let definition = hostile.definition();
        let (plan, complaints) = from_yaml(&definition.to_string(), &Home::default());
        let plan = plan.ok_or_else(|| format!("seed {seed}: {complaints:?} in {definition}"))?;
        hostile.run(&plan).map_err(|why| format!("seed {seed}: {why} in {definition}"))?;
    }
    Ok(())
}

/// Texts, lists and maps of all sizes, and what makes larger ones of them.
const MADE: [&str; 30] = [
    "x",
    "t",
    "l",
    "m",
    "n",
    "[x, x]",
    "#{a: x, b: x}",
    "[t, t, t, t, t, t, t, t]",
    "l.map(|a| l)",
    "l.map(|a| x)",
    "l.map(|a| l.map(|b| [a, b])).flatten()",
    "l.map(|a| l.map(|b| l.map(|c| [a, b, c, t])))",
    "text(x)",
    "text(m)",
    "join(l.map(|a| t), t)",
    "replace(t, '0', t)",
    "upper(t)",
    "split(t, '1')",
    "l + l",
    "t + t",
    "sorted(l.map(|a| t))",
    "unique(l + l)",
    "merge(m, #{b: x, c: m})",
    "reduce(l, |s, a| [s, s], x)",
    "reduce(l, |s, a| s + s, t)",
    "[x, [x, [x, [x, x]]]]",
    "reversed(l).map(|a| #{k: a, x: x})",
    "values(m)",
    "l.filter(|a| x == [x] || t < t + 'a' || t in t)",
    "x",
];
const TESTS: [&str; 6] = [
    "n >= 0",
    "l.map(|a| l.map(|b| l.map(|c| c))).flatten().len() > 0",
    "x == [x] || n > 3",
    "sorted(l.map(|a| t)).len() > 9",
    "l.some(|a| t + text(a) < t)",
    "text(x).len() < 100",
];
const WHERES: [&str; 5] = [
    "payload == n",
    "text(payload).len() > 70000",
    "l.all(|a| l.some(|b| b == payload))",
    "payload != null && n < 0",
    "x == payload",
];

struct Hostile {
    random: Random,
    ids: usize,
}

impl Hostile {
    fn of(&mut self, all: &[&str]) -> String {
        self.random.pick(all).map(|one| (*one).to_owned()).unwrap_or_default()
    }

    fn id(&mut self) -> String {
        self.ids += 1;
        format!("s{}", self.ids)
    }

    fn value(&mut self) -> Json {
        let hole = |made: String| format!("${{{made}}}");
        match self.random.below(5) {
            0 => json!([hole(self.of(&MADE)), hole(self.of(&MADE))]),
            1 => json!({"a": hole(self.of(&MADE)), "b": {"c": hole(self.of(&MADE))}}),
            2 => json!(format!("{}{}", hole(self.of(&MADE)), hole(self.of(&MADE)))),
            _ => json!(hole(self.of(&MADE))),
        }
    }

    fn text(&mut self) -> String {
        format!("${{{}}}, ${{{}}}", self.of(&MADE), self.of(&MADE))
    }

    /// What keeps names to their types, so that runs go on.
    fn set(&mut self) -> Json {
        match self.random.below(8) {
            0 => json!({"set": {"t": "${t + t}"}, "on-error": "skip"}),
            1 => json!({"set": {"t": "0123456789"}}),
            2 => json!({"set": {"l": "${l + l}"}, "on-error": "skip"}),
            3 => json!({"set": {"m": "${merge(m, #{b: x, d: t})}"}, "on-error": "skip"}),
            4 => json!({"set": {"x": [1], "n": "${n + 1}"}}),
            _ => json!({"set": {"x": self.value()}, "on-error": "skip"}),
        }
    }

    fn steps(&mut self, depth: usize, atomic: bool) -> Json {
        let many = 1 + self.random.below(3);
        Json::Array((0..many).map(|_| self.step(depth, atomic)).collect())
    }

    fn step(&mut self, depth: usize, atomic: bool) -> Json {
        let kinds = match (depth, atomic) {
            (0, true) => 3,
            (0, false) => 7,
            (_, true) => 10,
            (_, false) => 18,
        };
        let kind = match self.random.below(kinds) {
            at if atomic && at > 2 => at + 4,
            at => at,
        };
        match kind {
            0 | 1 => self.set(),
            2 => json!({"log": self.text()}),
            3 => {
                let id = self.id();
                json!({"id": id, "http": {"service": "s", "method": "POST", "path": "/p", "body": self.value()},
                    "save": "x", "on-error": "skip"})
            }
            4 => {
                let id = self.id();
                json!({"id": id, "wait": {"signal": "got", "where": self.of(&WHERES)}, "timeout": "1h", "save": "x",
                    "on-error": "skip"})
            }
            5 => {
                let id = self.id();
                let to = self.of(&["${run.id}", "Q.a"]);
                json!({"id": id, "send": {"signal": "got", "to": to, "payload": self.value()}, "on-error": "skip"})
            }
            6 => {
                let id = self.id();
                json!({"id": id, "wait": "1h"})
            }
            7 => json!({"while": self.of(&TESTS), "do": self.steps(depth - 1, atomic)}),
            8 => {
                json!({"while": "n < 50", "do": [{"set": {"n": "${n + 1}"}}, self.set(), {"do": self.steps(depth - 1, atomic)}]})
            }
            9 => json!({"for": self.item(), "in": self.of(&["l", "l + l", "l.map(|a| x)", "l.map(|a| l).flatten()"]),
                "do": self.steps(depth - 1, atomic), "collect": self.collected(), "save": "r"}),
            10 => json!({"try": self.steps(depth - 1, atomic), "catch": [{"do": [{"set": {"x": "${error}"}}]}],
                "finally": self.steps(depth - 1, atomic)}),
            11 => json!({"if": self.of(&TESTS), "then": self.steps(depth - 1, atomic), "on-error": "skip"}),
            12 => json!({"try": [{"fail": {"error": "own", "details": self.value()}, "when": "n >= 0"}],
                "catch": [{"do": [{"set": {"x": "${error.details}"}}]}]}),
            13 => json!({"do": self.steps(depth - 1, atomic), "on-error": "skip"}),
            14 | 15 => json!({"for": self.item(), "in": self.of(&["l", "l.map(|a| l).flatten()", "l.map(|a| x)"]),
                "parallel": 1000, "do": self.steps(depth - 1, false), "on-error": "report", "save": "r"}),
            16 => json!({"parallel": {"a": self.steps(depth - 1, false), "b": self.steps(depth - 1, false)},
                "on-error": "report", "save": "r"}),
            _ => json!({"race": {"a": self.steps(depth - 1, false), "b": self.steps(depth - 1, false)},
                "on-error": "skip", "save": "r"}),
        }
    }

    fn item(&mut self) -> String {
        self.ids += 1;
        format!("item{}", self.ids)
    }

    fn collected(&mut self) -> String {
        format!("${{{}}}", self.of(&MADE))
    }

    fn definition(&mut self) -> Json {
        let mut steps = vec![json!({"while": "t.len() < input.long", "do": [{"set": {"t": "${t + t}"}}]})];
        steps.extend(self.steps(3, false).as_array().cloned().unwrap_or_default());
        steps.push(json!({"return": self.value()}));
        json!({
            "fermata": 1, "process": "P", "version": 1, "key": "${input.k}",
            "vars": {"x": [1], "l": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], "m": {"a": 1}, "t": "0123456789abcdef",
                "n": 0, "r": null},
            "signals": {"got": {"payload": {}}, "grow": {"payload": {}, "do": self.steps(2, true)}},
            "updates": {"ask": {"payload": {}, "check": self.of(&TESTS), "otherwise": self.text(),
                "do": self.steps(2, true), "returns": self.value()}},
            "queries": {"look": self.value()},
            "steps": steps,
        })
    }

    /// What comes from outside: within the limits of what may enter, and no smaller than need be.
    fn outside(&mut self) -> Value {
        let long = |n: usize| Value::text("\n\"x".repeat(n / 3));
        match self.random.below(6) {
            0 => Value::integer(1),
            1 => long(100_000),
            2 => Value::list((0..5_000).map(Value::integer)),
            3 => (0..60).fold(Value::Null, |inner, _| Value::map([("$a", inner)])),
            4 => Value::list((0..2_000).map(|n| Value::map([("a", Value::integer(n))]))),
            _ => long(900_000),
        }
    }

    fn event(&mut self, calls: &mut BTreeMap<u64, ()>, timers: &mut BTreeMap<u64, ()>, at: usize) -> Event {
        let call = calls.keys().nth(self.random.below(calls.len())).copied();
        let timer = timers.keys().next().copied();
        match (self.random.below(12), call, timer) {
            (0..=4, Some(call), _) => {
                calls.remove(&call);
                let details = self.outside();
                let result = match self.random.chance(70) {
                    true => Ok(Value::map([("status", Value::integer(200)), ("body", details)])),
                    false => Err(CallError { kind: ErrorType::named("http.500"), message: "m".repeat(2_000), details }),
                };
                Event::Answered { call, outcome: CallOutcome { result, attempts: Some(1) } }
            }
            (5 | 6, _, Some(timer)) => {
                timers.remove(&timer);
                Event::Fired { timer }
            }
            (7, ..) => Event::Signal { name: "grow".to_owned(), payload: self.outside(), id: Some(at.to_string()) },
            (8 | 9, ..) => {
                let (name, payload, id) = ("ask".to_owned(), self.outside(), Some(at.to_string()));
                Event::Update { name, payload, id }
            }
            (10, ..) if at > EVENTS / 2 => Event::Cancel { reason: "c".repeat(1_000) },
            _ => Event::Signal { name: "got".to_owned(), payload: self.outside(), id: None },
        }
    }

    fn run(&mut self, plan: &Plan) -> Result<(), String> {
        let run = Run { id: "P.a".into(), uid: "u".into(), key: "a".into(), process: "P".into(), version: 1 };
        let long = [16, 1_000, 60_000][self.random.below(3)];
        let input = Value::map([("k", Value::text("a")), ("long", Value::integer(long)), ("big", self.outside())]);
        let mut state = State::new(run, input);
        let (mut calls, mut timers) = (BTreeMap::new(), BTreeMap::new());
        let mut event = Event::Started;
        for at in 0..EVENTS {
            let what = format!("event {at}, {}", told(&event));
            let now = Time(1_767_225_600_000 + at as i64 * 60_000);
            let output = apply(plan, &mut state, now, event);
            let check = |holds: bool, words: String| if holds { Ok(()) } else { Err(format!("{what}: {words}")) };
            check(output.spent.steps <= STEPS, format!("{} steps", output.spent.steps))?;
            check(output.spent.operations <= 2 * TOGETHER, format!("{} operations", output.spent.operations))?;
            check(output.spent.bytes <= SENT, format!("{} bytes were sent", output.spent.bytes))?;
            // A step is entered, armed, sets names, ends.
            check(
                output.trace.len() <= 12 * (output.spent.steps as usize + 2_500),
                format!("{} lines", output.trace.len()),
            )?;
            let weight = state.weight();
            check(weight <= STATE + BEYOND || state.end().is_some(), format!("the state weighs {weight}"))?;
            let stored = bytes(&state);
            check(
                stored <= weight || state.end().is_some(),
                format!("the state takes {stored} bytes and weighs {weight}"),
            )?;
            for command in &output.commands {
                match command {
                    Command::Call(call) => drop(calls.insert(call.number, ())),
                    Command::Send(send) => drop(calls.insert(send.number, ())),
                    Command::Timer { number, .. } => drop(timers.insert(*number, ())),
                    Command::Withdraw { number } => {
                        calls.remove(number);
                        timers.remove(number);
                    }
                    Command::Answer { .. } | Command::End(_) => {
                        if let Command::Answer { update, .. } = command {
                            state.take_answer(*update);
                        }
                        let bytes = format!("{command:?}").len();
                        check(bytes < 16 * 1024 * 1024, format!("an answer of {bytes} bytes"))?;
                    }
                }
            }
            if let Ok(answer) = query(plan, &state, "look") {
                let bytes = to_json(&answer).len();
                check(bytes <= 1024 * 1024, format!("a query gave {bytes} bytes"))?;
            }
            drop(refusal(plan, &state, "ask", &Value::Null, None));
            if state.end().is_some() {
                break;
            }
            event = self.event(&mut calls, &mut timers, at);
        }
        Ok(())
    }
}

fn bytes(of: &impl serde::Serialize) -> u64 {
    serde_json::to_string(of).map_or(0, |text| text.len() as u64)
}

fn told(event: &Event) -> String {
    format!("{event:?}").chars().take(60).collect()
}
