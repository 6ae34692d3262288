//! The places of a definition at which something can be changed.

use super::*;

/// What stands at a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum On {
    Root,
    Steps,
    Step,
    /// A step of this verb.
    Verb(&'static str),
    Catch,
    Retry,
    Condition,
    Value,
    Schema(&'static str),
    /// A mapping of the header.
    Part(&'static str),
    Signal,
    Update,
}

pub(super) struct Place {
    pub(super) on: On,
    pub(super) path: Vec<usize>,
}

pub(super) const VERBS: [&str; 18] = [
    "for", "while", "if", "switch", "try", "race", "set", "http", "activity", "wait", "send", "return", "fail",
    "break", "continue", "log", "parallel", "do",
];

pub(super) fn places(tree: &Node) -> Vec<Place> {
    let mut found = Places(Vec::new());
    found.add(On::Root, &[]);
    for (at, entry) in tree.entries().iter().enumerate() {
        let path = [at];
        match entry.key.as_str() {
            "steps" => found.steps(&entry.value, &path),
            "key" => found.add(On::Value, &path),
            "input" => found.add(On::Schema("input"), &path),
            "returns" => found.add(On::Schema("result"), &path),
            "vars" => found.values(On::Part("vars"), &entry.value, &path),
            "queries" => found.values(On::Part("queries"), &entry.value, &path),
            "defaults" => {
                for (one, of) in entry.value.entries().iter().enumerate() {
                    found.add(On::Part("defaults"), &[at, one]);
                    found.keyed(&of.value, &[at, one], &[("retry", On::Retry)]);
                }
            }
            key @ ("signals" | "updates") => {
                let (part, one) = if key == "signals" { ("signals", On::Signal) } else { ("updates", On::Update) };
                found.add(On::Part(part), &path);
                for (which, message) in entry.value.entries().iter().enumerate() {
                    let path = [at, which];
                    found.add(one, &path);
                    let kinds = [
                        ("payload", On::Schema("payload")),
                        ("check", On::Condition),
                        ("returns", On::Value),
                        ("do", On::Steps),
                    ];
                    found.keyed(&message.value, &path, &kinds);
                }
            }
            _ => {}
        }
    }
    found.0
}

pub(super) struct Places(pub(super) Vec<Place>);

impl Places {
    pub(super) fn add(&mut self, on: On, path: &[usize]) {
        self.0.push(Place { on, path: path.to_vec() });
    }

    /// A mapping of names to values.
    pub(super) fn values(&mut self, on: On, node: &Node, path: &[usize]) {
        self.add(on, path);
        (0..children(node)).for_each(|at| self.add(On::Value, &[path, &[at]].concat()));
    }

    pub(super) fn keyed(&mut self, node: &Node, path: &[usize], kinds: &[(&str, On)]) {
        for (at, entry) in node.entries().iter().enumerate() {
            let path = [path, &[at]].concat();
            match kinds.iter().find(|(key, _)| *key == entry.key) {
                Some((_, On::Steps)) => self.steps(&entry.value, &path),
                Some((_, on)) => self.add(*on, &path),
                None => {}
            }
        }
    }

    pub(super) fn steps(&mut self, node: &Node, path: &[usize]) {
        let Kind::List(items) = &node.kind else { return };
        self.add(On::Steps, path);
        for (at, item) in items.iter().enumerate() {
            self.step(item, &[path, &[at]].concat());
        }
    }

    pub(super) fn step(&mut self, step: &Node, path: &[usize]) {
        let Some(verb) = VERBS.into_iter().find(|verb| step.get(verb).is_some()) else { return };
        self.add(On::Step, path);
        self.add(On::Verb(verb), path);
        for (at, entry) in step.entries().iter().enumerate() {
            let path = [path, &[at]].concat();
            match (verb, entry.key.as_str(), &entry.value.kind) {
                (_, "when", _) | ("if", "if", _) | ("while", "while", _) => self.add(On::Condition, &path),
                ("set", "set", _) => {
                    (0..children(&entry.value)).for_each(|one| self.add(On::Value, &[&path[..], &[one]].concat()));
                }
                ("wait", "wait", Kind::Map(_)) => {
                    self.keyed(&entry.value, &path, &[("until", On::Condition), ("where", On::Condition)]);
                }
                ("http" | "activity" | "send" | "fail", key, _) if key == verb => {
                    let kinds = ["path", "query", "headers", "body", "args", "to", "payload", "message", "details"];
                    let mut kinds: Vec<_> = kinds.iter().map(|key| (*key, On::Value)).collect();
                    kinds.push(("reply", On::Schema("reply")));
                    self.keyed(&entry.value, &path, &kinds);
                }
                ("wait", "wait", _) | ("return", "return", _) | ("for", "in" | "collect", _) => {
                    self.add(On::Value, &path)
                }
                (_, "retry", _) => self.add(On::Retry, &path),
                ("parallel" | "race", "parallel" | "race", Kind::Map(branches)) => {
                    for (one, branch) in branches.iter().enumerate() {
                        self.steps(&branch.value, &[&path[..], &[one]].concat());
                    }
                }
                (_, "switch" | "catch", Kind::List(items)) => {
                    for (one, item) in items.iter().enumerate() {
                        let path = [&path[..], &[one]].concat();
                        if entry.key == "catch" {
                            self.add(On::Catch, &path);
                        }
                        self.keyed(item, &path, &[("when", On::Condition), ("do", On::Steps), ("else", On::Steps)]);
                    }
                }
                (_, "do" | "then" | "else" | "on-timeout" | "finally" | "try", _) => self.steps(&entry.value, &path),
                _ => {}
            }
        }
    }
}

/// Names that some `set` assigns.
pub(super) fn assigned(tree: &Node, places: &[Place]) -> Vec<String> {
    let mut tree = tree.clone();
    let sets = places.iter().filter(|place| place.on == On::Verb("set"));
    sets.flat_map(|place| {
        let names = reach(&mut tree, &place.path).and_then(|step| step.get("set"));
        names.map_or(&[][..], Node::entries).iter().map(|e| e.key.clone()).collect::<Vec<_>>()
    })
    .collect()
}

/// A mutant's loop must end, however it was changed: each `while` gets a second bound of its own.
pub(super) fn guard_loops(tree: &mut Node) {
    let loops: Vec<Vec<usize>> =
        places(tree).into_iter().filter(|place| place.on == On::Verb("while")).map(|place| place.path).collect();
    if loops.is_empty() {
        return;
    }
    let _ = add(tree, "vars", json!({}));
    for (at, path) in loops.iter().enumerate() {
        let name = format!("rounds{at}");
        if let Some(vars) = inner(tree, "vars") {
            put(vars, &name, json!(0));
        }
        if let Some(body) = reach(tree, path).and_then(|step| inner(step, "do")).and_then(list) {
            body.insert(0, node(json!({"fail": {"error": "endless"}, "when": format!("{name} > 15")})));
            body.insert(0, node(json!({"set": {&name: format!("${{{name} + 1}}")}})));
        }
    }
}

/// A call that says nothing of attempts is tried for a day, a thousand times: here three times.
pub(super) fn few_attempts(tree: &mut Node) {
    let _ = add(tree, "defaults", json!({}));
    for verb in ["http", "activity"] {
        if let Some(defaults) = inner(tree, "defaults") {
            let _ = add(defaults, verb, json!({}));
        }
        if let Some(of) = inner(tree, "defaults").and_then(|defaults| inner(defaults, verb)) {
            let _ = add(of, "retry", json!({"attempts": 3}));
        }
    }
}
