//! Random scenarios for any definition, from its schemas, steps and messages.

use super::*;

/// What is known of a definition when scenarios are made up.
pub(super) struct Maker<'a> {
    pub(super) side: &'a Side,
    pub(super) random: Random,
    pub(super) numbers: Vec<i64>,
    pub(super) texts: Vec<String>,
    pub(super) moments: Vec<i64>,
    /// Fields that expressions read of the input, and of anything.
    pub(super) inputs: Vec<String>,
    pub(super) fields: Vec<String>,
    pub(super) errors: Vec<String>,
    /// Steps that call, with their verbs and the schemas of their replies.
    pub(super) calls: Vec<(String, &'static str, Option<Json>)>,
    /// Answers that the scenarios of the case give.
    pub(super) answers: BTreeMap<String, Vec<Answer>>,
    pub(super) inputs_seen: Vec<Value>,
    pub(super) payloads: Vec<Value>,
}

/// After all that can happen.
pub(super) const END: Duration = Duration(10 * 366 * 86_400 * SECOND);

impl<'a> Maker<'a> {
    pub(super) fn new(tree: &Node, side: &'a Side, own: &[Scenario]) -> Maker<'a> {
        let source = tree.canonical(keys::ORDERED);
        let words: BTreeSet<&str> = source.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
        let longer: BTreeSet<&str> = source.split(|c: char| !(c.is_alphanumeric() || "_-.".contains(c))).collect();
        let mut quoted: BTreeSet<String> = source.split('\'').skip(1).step_by(2).map(str::to_owned).collect();
        quoted.retain(|text| text.len() < 30);
        let after = |mark: &str| -> Vec<String> {
            let name = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
            let names: BTreeSet<String> = source.split(mark).skip(1).map(name).filter(|n| !n.is_empty()).collect();
            names.into_iter().collect()
        };
        let mut tree = tree.clone();
        let mut calls = Vec::new();
        for place in places(&tree) {
            let On::Verb(verb @ ("http" | "activity" | "send")) = place.on else { continue };
            let Some(step) = reach(&mut tree, &place.path) else { continue };
            let reply = step.get(verb).and_then(|call| call.get("reply"));
            let reply = reply.and_then(|reply| serde_json::from_str(&reply.canonical(&[])).ok());
            calls.extend(step.get("id").and_then(text).map(|id| (id.to_owned(), verb, reply)));
        }
        let mut answers: BTreeMap<String, Vec<Answer>> = BTreeMap::new();
        for (path, list) in own.iter().flat_map(|scenario| &scenario.answers) {
            let id = path.split('.').rfind(|part| calls.iter().any(|(id, ..)| id == part)).unwrap_or(path);
            answers.entry(id.to_owned()).or_default().extend(list.iter().cloned());
        }
        let happenings = own.iter().flat_map(|scenario| &scenario.timeline).flat_map(|entry| &entry.together);
        let payloads = happenings.filter_map(|happening| match happening {
            Happening::Signal { payload, .. } | Happening::Update { payload, .. } => Some(payload.clone()),
            _ => None,
        });
        let moments: BTreeSet<i64> =
            longer.iter().filter_map(|w| Duration::parse(w).ok()).map(Duration::millis).filter(|m| *m > 0).collect();
        Maker {
            side,
            random: Random(source.len() as u64),
            numbers: words.iter().filter_map(|w| w.parse().ok()).filter(|n| *n < 100_000).collect(),
            texts: quoted.into_iter().collect(),
            moments: moments.into_iter().collect(),
            inputs: after("input."),
            fields: [after("."), after("?.")].concat(),
            errors: longer
                .iter()
                .filter(|w| w.starts_with("activity.") || w.starts_with("http."))
                .map(|w| (*w).to_owned())
                .collect(),
            calls,
            answers,
            inputs_seen: own.iter().map(|scenario| scenario.input.clone()).collect(),
            payloads: payloads.collect(),
        }
    }

    pub(super) fn scenarios(mut self, own: &[Scenario]) -> Vec<Scenario> {
        let mut made: Vec<Scenario> = own.iter().take(SCENARIOS / 4).cloned().collect();
        while made.len() < SCENARIOS {
            let mut scenario = match self.random.pick(own) {
                Some(own) if self.random.chance(60) => own.clone(),
                _ => Scenario::plain(self.input()),
            };
            if self.random.chance(30) {
                scenario.input = self.input();
            }
            for (id, verb, reply) in self.calls.clone() {
                if self.random.chance(40) {
                    let answers =
                        (0..1 + self.random.below(4)).map(|_| self.answer(&id, verb, reply.as_ref())).collect();
                    scenario.answers.retain(|path, _| !path.split('.').any(|part| part == id));
                    scenario.answers.insert(id, answers);
                }
            }
            if self.random.chance(25) {
                for entry in &mut scenario.timeline {
                    entry.after = self.moment();
                }
            }
            for _ in 0..self.random.below(5) {
                scenario.timeline.extend(self.happening().map(|happening| self.entry(happening)));
            }
            if self.random.chance(15) {
                let cancel = self.entry(Happening::Cancel);
                scenario.timeline.push(cancel);
            }
            made.push(scenario);
        }
        // A run that waits for ever is asked at the end, and a loop without an end is cancelled.
        let longest = self.moments.last().copied().unwrap_or_default().max(3_600 * SECOND);
        let queries: Vec<String> = self.side.plan.query_names().into_iter().map(str::to_owned).collect();
        for scenario in &mut made {
            scenario.expect = None;
            let asked = |name: &String| Happening::Query { name: name.clone(), expect: None };
            let ask = |after| Moment { after, together: queries.iter().map(asked).collect(), span: Default::default() };
            let last =
                Moment { after: Duration(longest * 20), together: vec![Happening::Cancel], span: Default::default() };
            scenario.timeline.extend([ask(self.moment()), ask(Duration(longest * 19)), last, ask(END)]);
            scenario.timeline.sort_by_key(|entry| entry.after);
        }
        made
    }

    pub(super) fn entry(&mut self, happening: Happening) -> Moment {
        Moment { after: self.moment(), together: vec![happening], span: Default::default() }
    }

    /// At, just before, just after or far from a length that the definition names.
    pub(super) fn moment(&mut self) -> Duration {
        let some = self.random.pick(&self.moments).copied().filter(|_| self.random.chance(75));
        let some = some.unwrap_or(SECOND << self.random.below(16)) * (1 + self.random.below(3)) as i64;
        let near = [0, SECOND, -SECOND, some / 3, -some / 2];
        Duration((some + self.random.pick(&near).copied().unwrap_or_default()).max(0))
    }

    pub(super) fn input(&mut self) -> Value {
        if let Some(schema) = self.side.plan.input() {
            let schema = schema.json().clone();
            return value(&self.fitting(&schema, 0));
        }
        // Without a schema: fields of the case's own inputs in other mixtures, or made up.
        let mut input = match self.random.pick(&self.inputs_seen) {
            Some(Value::Map(fields)) => fields.clone().into_fields(),
            _ => BTreeMap::new(),
        };
        for name in self.inputs.clone() {
            let seen: Vec<Value> = self.inputs_seen.iter().filter_map(|i| i.get(&name)).cloned().collect();
            match self.random.below(8) {
                0..=2 => input.extend(self.random.pick(&seen).map(|seen| (name, seen.clone()))),
                3 => drop(input.insert(name, value(&self.anything()))),
                4 => drop(input.remove(&name)),
                _ => {}
            }
        }
        Value::Map(input.into())
    }

    /// Something small.
    pub(super) fn anything(&mut self) -> Json {
        match self.random.below(9) {
            0..=2 => self.number().into(),
            3 | 4 => json!(self.random.pick(&self.texts).cloned().unwrap_or("a".into())),
            5 => json!(self.random.chance(50)),
            6 => json!([self.number(), self.number()]),
            7 => Json::Null,
            _ => json!("made-up"),
        }
    }

    pub(super) fn number(&mut self) -> i64 {
        let near = self.random.pick(&self.numbers).copied().unwrap_or(0);
        if self.random.chance(70) { near - 1 + self.random.below(3) as i64 } else { self.random.below(60) as i64 }
    }

    /// A value that fits a schema or nearly does.
    pub(super) fn fitting(&mut self, schema: &Json, depth: usize) -> Json {
        if self.random.chance(3) || depth > 5 {
            return self.anything();
        }
        if let Some(choices) = schema.get("enum").and_then(Json::as_array) {
            return self.random.pick(choices).cloned().unwrap_or_default();
        }
        let kind = match schema.get("type") {
            Some(Json::Array(kinds)) => self.random.pick(kinds).cloned().unwrap_or_default(),
            Some(kind) => kind.clone(),
            None if schema.get("properties").is_some() => json!("object"),
            None => return self.anything(),
        };
        let bound = |key: &str| schema.get(key).and_then(Json::as_i64);
        match kind.as_str().unwrap_or_default() {
            "object" => {
                let must: Vec<&str> = schema
                    .get("required")
                    .and_then(Json::as_array)
                    .into_iter()
                    .flatten()
                    .filter_map(Json::as_str)
                    .collect();
                let mut fields = serde_json::Map::new();
                for (name, property) in schema.get("properties").and_then(Json::as_object).into_iter().flatten() {
                    if self.random.chance(if must.contains(&name.as_str()) { 97 } else { 60 }) {
                        fields.insert(name.clone(), self.fitting(property, depth + 1));
                    }
                }
                if self.random.chance(4) {
                    fields.insert("fresh".into(), json!("x"));
                }
                Json::Object(fields)
            }
            "integer" | "number" => {
                let near: Vec<i64> = [bound("minimum"), bound("maximum")].into_iter().flatten().collect();
                match self.random.pick(&near).copied() {
                    Some(near) if self.random.chance(45) => json!(near - 1 + self.random.below(3) as i64),
                    Some(_) => json!(
                        self.number().clamp(bound("minimum").unwrap_or(i64::MIN), bound("maximum").unwrap_or(i64::MAX))
                    ),
                    None => json!(self.number()),
                }
            }
            "string" => match schema.get("format").and_then(Json::as_str) {
                Some("date") => json!(format!("2026-{:02}-{:02}", 1 + self.random.below(3), 1 + self.random.below(28))),
                Some("date-time") => json!(format!("2026-01-{:02}T00:00:00Z", 1 + self.random.below(28))),
                _ => match self.random.pick(&self.texts).cloned() {
                    Some(text) if self.random.chance(40) => json!(text),
                    _ => json!(["a", "abc", "", "a text"][self.random.below(4)]),
                },
            },
            "boolean" => json!(self.random.chance(50)),
            "array" => {
                let items = schema.get("items").cloned().unwrap_or_default();
                let count = self.random.below(4);
                Json::Array((0..count).map(|_| self.fitting(&items, depth + 1)).collect())
            }
            _ => Json::Null,
        }
    }

    pub(super) fn answer(&mut self, id: &str, verb: &str, reply: Option<&Json>) -> Answer {
        let known = self.answers.get(id).and_then(|known| self.random.pick(known)).cloned();
        if let Some(known) = known.filter(|_| self.random.chance(35)) {
            return known;
        }
        let after = if self.random.chance(30) { self.moment() } else { Duration::ZERO };
        let body = match reply {
            Some(schema) => self.fitting(schema, 0),
            None => {
                let fields: Vec<String> = (0..3).filter_map(|_| self.random.pick(&self.fields).cloned()).collect();
                Json::Object(fields.into_iter().map(|name| (name, self.anything())).collect())
            }
        };
        let error = |kind: &str, retryable: bool| Reaction::Error {
            kind: fermata::machine::ErrorType::named(kind),
            message: kind.to_owned(),
            details: Value::Null,
            retryable,
        };
        let some = self.random.pick(&self.errors).cloned();
        let reaction = match (verb, self.random.below(10)) {
            ("http", 0..=3) => {
                let status = [200, 200, 201, 404, 409, 402, 429, 500, 503, 503][self.random.below(10)];
                Reaction::Reply { status, headers: BTreeMap::new(), body: value(&body) }
            }
            ("http", 4) => error("http.timeout", true),
            ("http", _) => Reaction::Reply { status: 200, headers: BTreeMap::new(), body: value(&body) },
            ("activity", 0 | 1) => error("activity.Busy", true),
            ("activity", 2 | 3) => {
                let kind = some.filter(|kind| kind.starts_with("activity.") && !kind.contains('*'));
                error(&kind.unwrap_or("activity.Never".into()), self.random.chance(70))
            }
            ("activity", 4) => Reaction::Value(value(&self.anything())),
            ("activity", _) => Reaction::Value(value(&body)),
            (_, 0..=3) => error("send.not-running", true),
            _ => Reaction::default(),
        };
        Answer { after, reaction }
    }

    pub(super) fn happening(&mut self) -> Option<Happening> {
        let plan = &self.side.plan;
        let (signals, updates) = (plan.signal_names(), plan.update_names());
        let at = self.random.below(signals.len() + updates.len());
        let id = self.random.chance(15).then(|| format!("id-{}", self.random.below(2)));
        let name = signals.get(at).or(updates.get(at.saturating_sub(signals.len()))).map(|name| (*name).to_owned())?;
        let schema = match signals.get(at) {
            Some(_) => plan.signal(&name).and_then(|signal| signal.payload()),
            None => plan.update(&name).and_then(|update| update.payload()),
        };
        let schema = schema.map(|schema| schema.json().clone());
        let seen = self.random.pick(&self.payloads).cloned().filter(|_| self.random.chance(25));
        let payload = match (seen, schema) {
            (Some(seen), _) => seen,
            (None, Some(schema)) => value(&self.fitting(&schema, 0)),
            (None, None) => Value::Null,
        };
        Some(if signals.len() > at {
            Happening::Signal { name, payload, id }
        } else {
            Happening::Update { name, payload, id, expect: None }
        })
    }
}

pub(super) fn value(json: &Json) -> Value {
    from_json(&json.to_string()).unwrap_or_default()
}
