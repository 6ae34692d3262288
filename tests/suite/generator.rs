//! Random pairs of a definition and a scenario, from a seed. Only such as have one outcome whatever the order in which a
//! host hears of things that happen at different moments (R53 c): every moment is a random one, and no name is assigned
//! in two strands.

use serde_json::{Value as Json, json};

use crate::random::Random;

struct Generator {
    random: Random,
    named: u32,
    signals: Vec<String>,
    handled: Vec<String>,
    calls: Vec<String>,
    works: Vec<String>,
    /// The loops around in the same branch: `true` where `break` is allowed.
    loops: Vec<bool>,
    finally: bool,
}

/// A case file with one scenario.
pub fn pair(seed: u64) -> Json {
    let mut made = Generator {
        random: Random(seed),
        named: 0,
        signals: Vec::new(),
        handled: Vec::new(),
        calls: Vec::new(),
        works: Vec::new(),
        loops: Vec::new(),
        finally: false,
    };
    made.case(seed)
}

impl Generator {
    fn name(&mut self, of: &str) -> String {
        self.named += 1;
        format!("{of}{}", self.named)
    }

    fn case(&mut self, seed: u64) -> Json {
        let mut steps = self.steps(3);
        steps.push(json!({"return": self.ending()}));
        let mut signals = serde_json::Map::new();
        for name in &self.signals {
            signals.insert(name.clone(), json!({"payload": {"type": "integer"}}));
        }
        let mut vars = serde_json::Map::from_iter([("shared".to_owned(), json!(0))]);
        for name in &self.handled {
            vars.insert(name.clone(), json!(0));
            let sets =
                json!([{"if": "payload > 5", "then": [{"set": {name: "${payload}"}}], "else": [{"set": {name: 1}}]}]);
            signals.insert(format!("on-{name}"), json!({"payload": {"type": "integer"}, "do": sets}));
        }
        let updates = json!({"add": {
            "payload": {"type": "integer"}, "check": "payload > 0", "otherwise": "not ${payload}",
            "do": [{"set": {"shared": "${shared + payload}"}}], "returns": "${shared}",
        }});
        let definition = json!({
            "fermata": 1, "process": format!("Pair{seed}"), "version": 1, "key": "${input.k}", "vars": vars,
            "signals": signals, "updates": updates, "queries": {"shared": "${shared}"}, "steps": steps,
        });
        let input = json!({"k": "x", "a": self.random.below(4), "b": self.random.below(4)});
        let answers = self.answers();
        let mut scenario = json!({"scenario": "a random pair", "input": input, "timeline": self.timeline()});
        if answers.as_object().is_some_and(|answers| !answers.is_empty()) {
            scenario["answers"] = answers;
        }
        json!({"case": format!("The random pair {seed}."), "definition": definition, "scenarios": [scenario]})
    }

    /// What the run knows at its end.
    fn ending(&mut self) -> Json {
        let handled = self.handled.iter().map(|name| format!("${{{name}}}")).collect::<Vec<_>>();
        json!({"shared": "${shared}", "handled": handled})
    }

    fn answers(&mut self) -> Json {
        let mut answers = serde_json::Map::new();
        for call in self.calls.clone() {
            let list: Vec<Json> = (0..6)
                .map(|_| {
                    let after = self.random.length();
                    match self.random.below(10) {
                        0 => json!({"status": 503, "after": "3s"}),
                        1 => json!({"status": 409, "after": after}),
                        _ => json!({"status": 200, "after": after, "body": {"n": self.random.below(9)}}),
                    }
                })
                .collect();
            answers.insert(call, Json::Array(list));
        }
        for work in self.works.clone() {
            let list: Vec<Json> = (0..6)
                .map(|_| match self.random.below(8) {
                    0 => json!({"error": "activity.Busy", "after": "2s"}),
                    1 => json!({"error": "activity.Never", "after": self.random.length()}),
                    _ => json!({"value": self.random.below(9), "after": self.random.length()}),
                })
                .collect();
            answers.insert(work, Json::Array(list));
        }
        Json::Object(answers)
    }

    fn timeline(&mut self) -> Json {
        let mut timeline = Vec::new();
        let plain = self.signals.iter().map(|name| (name.clone(), 2));
        let handled: Vec<(String, usize)> =
            plain.chain(self.handled.iter().map(|name| (format!("on-{name}"), 2))).collect();
        for (name, times) in handled {
            for _ in 0..self.random.below(times + 1) {
                let payload = self.random.below(10);
                timeline.push(json!({"after": self.random.length(), "signal": name, "payload": payload}));
            }
        }
        if self.random.chance(30) {
            let payload = self.random.below(3);
            timeline.push(json!({"after": self.random.length(), "update": "add", "payload": payload}));
        }
        if self.random.chance(25) {
            timeline.push(json!({"after": self.random.length(), "cancel": true}));
        }
        Json::Array(timeline)
    }

    fn steps(&mut self, depth: u32) -> Vec<Json> {
        let count = 1 + self.random.below(3);
        (0..count).flat_map(|_| self.step(depth)).collect()
    }

    /// Steps of a branch: loops around it are out of reach.
    fn branch(&mut self, depth: u32) -> Vec<Json> {
        let loops = std::mem::take(&mut self.loops);
        let steps = self.steps(depth);
        self.loops = loops;
        steps
    }

    fn condition(&mut self) -> String {
        let name = if self.random.chance(50) { "input.a" } else { "input.b" };
        format!("{name} {} {}", [">", "<", "==", "!="][self.random.below(4)], self.random.below(4))
    }

    fn step(&mut self, depth: u32) -> Vec<Json> {
        let kinds = if depth == 0 { 8 } else { 17 };
        match self.random.below(kinds) {
            0 => vec![json!({"id": self.name("wait"), "wait": self.random.length()})],
            1 | 2 => vec![self.call()],
            3 => self.receive(),
            4 => self.until(),
            5 => {
                let name = self.name("v");
                vec![json!({"set": {&name: self.random.below(9)}}), json!({"log": format!("{name} is ${{{name}}}")})]
            }
            6 => self.exit(),
            7 => vec![self.work()],
            8 => vec![json!({"if": self.condition(), "then": self.steps(depth - 1), "else": self.steps(depth - 1)})],
            9 => {
                let ways = json!([
                    {"when": self.condition(), "do": self.steps(depth - 1)},
                    {"when": self.condition(), "do": self.steps(depth - 1)},
                    {"else": self.steps(depth - 1)},
                ]);
                vec![json!({"switch": ways})]
            }
            10 => self.repeat(depth),
            11 | 12 => vec![self.each(depth)],
            13 => {
                let mut step = json!({"parallel": {"a": self.branch(depth - 1), "b": self.branch(depth - 1)}});
                if self.random.chance(30) {
                    step["on-error"] = json!(if self.random.chance(50) { "report" } else { "skip" });
                }
                vec![step]
            }
            14 => {
                let name = self.name("first");
                let race = json!({"a": self.branch(depth - 1), "b": self.branch(depth - 1)});
                vec![json!({"race": race, "save": name}), json!({"log": format!("${{{name}}}")})]
            }
            15 => vec![self.attempt(depth)],
            _ => {
                let mut step =
                    json!({"id": self.name("group"), "do": self.steps(depth - 1), "timeout": self.random.length()});
                if self.random.chance(50) {
                    step["on-timeout"] = Json::Array(self.steps(depth - 1));
                }
                vec![step]
            }
        }
    }

    fn call(&mut self) -> Json {
        let id = self.name("call");
        self.calls.push(id.clone());
        let mut step = json!({
            "id": id, "http": {"service": "s", "method": "POST", "path": format!("/{id}"), "body": {"a": "${input.a}"}},
            "timeout": "2000000s", "retry": {"attempts": 2, "first": self.random.length(), "longest": "2000000s"},
        });
        if self.random.chance(30) {
            step["on-error"] = json!("skip");
        }
        step
    }

    fn work(&mut self) -> Json {
        let id = self.name("work");
        self.works.push(id.clone());
        let retry = json!({"attempts": 2, "first": self.random.length(), "longest": "2000000s", "unless": ["Never"]});
        json!({
            "id": id, "activity": {"name": "Work", "queue": "work", "args": ["${input.a}"]},
            "timeout": "2000000s", "retry": retry,
        })
    }

    fn receive(&mut self) -> Vec<Json> {
        let (id, name, got) = (self.name("take"), self.name("s"), self.name("got"));
        self.signals.push(name.clone());
        let mut wait = json!({"signal": name});
        if self.random.chance(40) {
            wait["where"] = json!("payload > 3");
        }
        let mut step = json!({"id": id, "wait": wait, "timeout": self.random.length(), "save": got});
        if self.random.chance(60) {
            step["on-timeout"] = json!([{"log": "nothing came"}]);
        }
        vec![json!({"set": {&got: null}}), step, json!({"log": format!("${{{got}}}")})]
    }

    fn until(&mut self) -> Vec<Json> {
        let (id, name) = (self.name("until"), self.name("h"));
        self.handled.push(name.clone());
        let mut step = json!({"id": id, "wait": {"until": format!("{name} > 1")}, "timeout": self.random.length()});
        if self.random.chance(70) {
            step["on-timeout"] = json!([{"log": format!("still ${{{name}}}")}]);
        }
        vec![step]
    }

    fn exit(&mut self) -> Vec<Json> {
        let when = self.condition();
        match (self.loops.last(), self.random.below(4)) {
            (Some(true), 0) => vec![json!({"break": true, "when": when})],
            (Some(_), 1) => vec![json!({"continue": true, "when": when})],
            (_, 2) if !self.finally => vec![json!({"return": {"early": true}, "when": when})],
            _ => vec![json!({"fail": {"error": "own", "message": "on purpose"}, "when": when})],
        }
    }

    /// Two rounds, counted by a name of its own.
    fn repeat(&mut self, depth: u32) -> Vec<Json> {
        let count = self.name("n");
        self.loops.push(true);
        let mut body = vec![json!({"set": {&count: format!("${{{count} + 1}}")}})];
        body.extend(self.steps(depth - 1));
        self.loops.pop();
        vec![json!({"set": {&count: 0}}), json!({"id": self.name("loop"), "while": format!("{count} < 2"), "do": body})]
    }

    fn each(&mut self, depth: u32) -> Json {
        let (id, item) = (self.name("each"), self.name("item"));
        let several = self.random.chance(60);
        let loops = std::mem::take(&mut self.loops);
        self.loops.push(!several);
        let mut body = self.steps(depth - 1);
        body.push(json!({"log": format!("${{{item}}}")}));
        self.loops = loops;
        let mut step = json!({"id": id, "for": item, "in": [1, 2, 3], "do": body});
        if several {
            step["parallel"] = json!(2);
        }
        if self.random.chance(50) {
            step["on-error"] = json!(["skip", "report"][self.random.below(2)]);
        }
        if self.random.chance(30) {
            step["collect"] = json!(format!("${{{item} * 2}}"));
        }
        step
    }

    fn attempt(&mut self, depth: u32) -> Json {
        let mut step = json!({"try": self.steps(depth - 1)});
        let catches = self.random.chance(70);
        if catches {
            let name = self.name("e");
            let mut body = vec![json!({"log": format!("${{{name}.type}}")})];
            body.extend(self.steps(depth - 1));
            let pattern = ["own", "http.4xx", "*"][self.random.below(3)];
            step["catch"] = json!([{"error": pattern, "as": name, "do": body}]);
        }
        if !catches || self.random.chance(50) {
            let (loops, finally) = (std::mem::take(&mut self.loops), std::mem::replace(&mut self.finally, true));
            step["finally"] = Json::Array(self.steps(depth - 1));
            (self.loops, self.finally) = (loops, finally);
        }
        step
    }
}
