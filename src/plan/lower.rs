//! Document to plan: structure, defaults and constants resolved. A pure function of the document; complaints are those
//! without which a plan cannot exist.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::owners::level;
use super::schema::Schema;
use super::{
    Action, Activity, Catch, Duplicates, For, Http, Items, List, ListId, MAX_FROZEN, OnError, Plan, Retry, Signal,
    Step, StepId, Update,
};
use crate::diagnostic::{Code, Diagnostic, Source, Span};
use crate::syntax::{self, Document, Field, Fields, Node, Written, WrittenKind};
use crate::value::{Decimal, Duration, Value};

pub(super) fn lower(document: &Document, text: &str) -> (Option<Plan>, Vec<Diagnostic>) {
    let mut lowering = Lowering {
        source: Source::new("", text),
        complaints: Vec::new(),
        steps: Vec::new(),
        lists: Vec::new(),
        http: None,
        activity: None,
        outer: BTreeSet::new(),
    };
    let header = &document.header;
    lowering.http = header.map("defaults").and_then(|d| d.map("http")).cloned();
    lowering.activity = header.map("defaults").and_then(|d| d.map("activity")).cloned();
    lowering.outer = header.assignments("vars").iter().map(|a| a.name.clone()).collect();
    lowering.outer.extend(level(header.steps("steps").unwrap_or(&[])));
    let canonical = document.canonical();
    if canonical.len() > MAX_FROZEN {
        let message =
            format!("the definition has {} bytes when frozen; at most {MAX_FROZEN} are allowed", canonical.len());
        lowering.complaints.push(Diagnostic::error(Code::TooLarge, Span::default(), message));
    }
    let digest = Sha256::digest(canonical.as_bytes()).iter().map(|b| format!("{b:02x}")).collect::<String>();
    let input = header.schema("input").and_then(|node| lowering.schema(node));
    let returns = header.schema("returns").and_then(|node| lowering.schema(node));
    let root = header.steps("steps").map(|steps| lowering.list(steps, &mut Unnamed::new()));
    let signals = header.named("signals").iter().map(|s| (s.name.clone(), lowering.signal(&s.fields))).collect();
    let updates = header.named("updates").iter().map(|u| (u.name.clone(), lowering.update(&u.fields))).collect();
    let duplicates = match header.text("duplicates") {
        Some("reject") => Duplicates::Reject,
        _ => Duplicates::Return,
    };
    let plan = match (root, header.value("key"), header.text("process"), header.integer("version")) {
        (Some(root), Some(key), Some(process), Some(version)) => Some(Plan {
            process: process.to_owned(),
            version,
            summary: header.text("summary").map(str::to_owned),
            canonical,
            digest: format!("sha256:{digest}"),
            duplicates,
            key: key.clone(),
            input,
            returns,
            vars: header.assignments("vars").iter().map(|a| (a.name.clone(), a.value.clone())).collect(),
            signals,
            updates,
            queries: header.assignments("queries").iter().map(|q| (q.name.clone(), q.value.clone())).collect(),
            steps: lowering.steps,
            lists: lowering.lists,
            root,
        }),
        _ => None,
    };
    (plan, lowering.complaints)
}

struct Lowering {
    source: Source,
    complaints: Vec<Diagnostic>,
    steps: Vec<Step>,
    lists: Vec<List>,
    http: Option<Fields>,
    activity: Option<Fields>,
    /// The names that belong to the levels around what is being lowered (R26).
    outer: BTreeSet<String>,
}

/// How many steps without id there were, by verb (R37).
type Unnamed = BTreeMap<&'static str, usize>;

impl Lowering {
    fn schema(&mut self, node: &Node) -> Option<Schema> {
        match Schema::compile(&node.to_value()) {
            Ok(schema) => {
                for wrong in schema.wrong_defaults() {
                    let span = node.at_pointer(&wrong.pointer).span;
                    let message = format!("the default does not fit its own schema: {}", wrong.message);
                    self.complaints.push(Diagnostic::error(Code::DefaultInvalid, span, message));
                }
                Some(schema)
            }
            Err(errors) => {
                for error in errors {
                    let span = node.at_pointer(&error.pointer).span;
                    let message = format!("not a JSON Schema: {}", error.message);
                    self.complaints.push(Diagnostic::error(Code::Schema, span, message));
                }
                None
            }
        }
    }

    /// `unnamed` counts the steps without id, verb by verb, over all lists of one step: a path names one step (R37).
    fn list(&mut self, steps: &[syntax::Step], unnamed: &mut Unnamed) -> ListId {
        let mut ids = Vec::with_capacity(steps.len());
        for step in steps {
            let verb = step.verb.name;
            let id = step.fields.text("id").map(str::to_owned);
            let segment = id.clone().unwrap_or_else(|| {
                let count = unnamed.entry(verb).or_default();
                *count += 1;
                format!("{verb}~{count}")
            });
            let mut inside = Unnamed::new();
            let Some(action) = self.action(step, &mut inside) else { continue };
            let timeout =
                step.fields.duration("timeout").filter(|_| !matches!(action, Action::Http(_) | Action::Activity(_)));
            let on_timeout = step.fields.steps("on-timeout").map(|steps| self.list(steps, &mut inside));
            let made = Step {
                id,
                segment,
                verb,
                line: self.source.position(step.span.start).line,
                start: step.span.start,
                when: step.fields.condition("when").map(|c| c.expression.clone()),
                save: step.fields.text("save").map(str::to_owned),
                timeout,
                on_timeout,
                skip_errors: step.fields.text("on-error") == Some("skip") && !matches!(action, Action::For(_)),
                action,
            };
            ids.push(StepId(u32::try_from(self.steps.len()).unwrap_or(u32::MAX)));
            self.steps.push(made);
        }
        self.push(ids, BTreeSet::new())
    }

    fn push(&mut self, steps: Vec<StepId>, owned: BTreeSet<String>) -> ListId {
        self.lists.push(List { steps, owned });
        ListId(u32::try_from(self.lists.len() - 1).unwrap_or(u32::MAX))
    }

    /// A list that is a branch: what it assigns belongs to it, unless it belongs to a level around it (R26).
    fn branch(&mut self, steps: &[syntax::Step], unnamed: &mut Unnamed) -> ListId {
        let owned: BTreeSet<String> = level(steps).into_iter().filter(|name| !self.outer.contains(name)).collect();
        self.outer.extend(owned.iter().cloned());
        let list = self.list(steps, unnamed);
        self.outer.retain(|name| !owned.contains(name));
        if let Some(made) = self.lists.get_mut(list.0 as usize) {
            made.owned = owned;
        }
        list
    }

    fn signal(&mut self, fields: &Fields) -> Signal {
        Signal {
            payload: fields.schema("payload").and_then(|node| self.schema(node)),
            keep_last: fields.text("keep") == Some("last"),
            handler: fields.steps("do").map(|steps| self.branch(steps, &mut Unnamed::new())),
        }
    }

    fn update(&mut self, fields: &Fields) -> Update {
        Update {
            payload: fields.schema("payload").and_then(|node| self.schema(node)),
            check: fields.condition("check").map(|c| c.expression.clone()),
            otherwise: fields.value("otherwise").cloned(),
            handler: fields.steps("do").map(|steps| self.branch(steps, &mut Unnamed::new())),
            returns: fields.value("returns").cloned(),
        }
    }

    /// `None` where the step was complained about.
    fn action(&mut self, step: &syntax::Step, inside: &mut Unnamed) -> Option<Action> {
        Some(match (step.verb.name, &step.action) {
            ("set", Field::Assignments(assignments)) => {
                Action::Set(assignments.iter().map(|a| (a.name.clone(), a.value.clone())).collect())
            }
            ("http", Field::Map(fields)) => Action::Http(Box::new(self.http(step, fields)?)),
            ("activity", Field::Map(fields)) => Action::Activity(Box::new(self.activity(step, fields)?)),
            ("wait", Field::Value(moment)) => Action::Wait(moment.clone()),
            ("wait", Field::Map(fields)) => match (fields.condition("until"), fields.text("signal")) {
                (Some(condition), _) => Action::Until(condition.expression.clone()),
                (None, Some(signal)) => Action::Receive {
                    signal: signal.to_owned(),
                    condition: fields.condition("where").map(|c| c.expression.clone()),
                },
                (None, None) => return None,
            },
            ("if", Field::Condition(condition)) => {
                let then = self.list(step.fields.steps("then")?, inside);
                let otherwise = step.fields.steps("else").map(|steps| self.list(steps, inside));
                Action::If { condition: condition.expression.clone(), then, otherwise }
            }
            ("switch", Field::List(ways)) => Action::Switch(
                ways.iter()
                    .filter_map(|(way, _)| match (way.condition("when"), way.steps("do"), way.steps("else")) {
                        (Some(when), Some(steps), _) => Some((Some(when.expression.clone()), self.list(steps, inside))),
                        (None, _, Some(steps)) => Some((None, self.list(steps, inside))),
                        _ => None,
                    })
                    .collect(),
            ),
            ("while", Field::Condition(condition)) => Action::While {
                condition: condition.expression.clone(),
                body: self.list(step.fields.steps("do")?, inside),
            },
            ("for", Field::Text(item)) => Action::For(Box::new(For {
                item: item.clone(),
                index: step.fields.text("index").map(str::to_owned),
                items: match step.fields.field("in")? {
                    Field::Expression(expression) => Items::Expression(expression.expression.clone()),
                    Field::Value(list) => Items::List(list.clone()),
                    _ => return None,
                },
                collect: step.fields.value("collect").cloned(),
                parallel: step.fields.integer("parallel").and_then(|n| usize::try_from(n).ok()).unwrap_or(1),
                on_error: match step.fields.text("on-error") {
                    Some("skip") => OnError::Skip,
                    Some("report") => OnError::Report,
                    _ => OnError::Fail,
                },
                body: self.branch(step.fields.steps("do")?, inside),
            })),
            ("parallel", Field::Branches(branches)) => Action::Parallel {
                branches: self.branches(branches),
                report: step.fields.text("on-error") == Some("report"),
            },
            ("race", Field::Branches(branches)) => Action::Race(self.branches(branches)),
            ("try", Field::Steps(body)) => Action::Try {
                body: self.list(body, inside),
                catches: step
                    .fields
                    .list("catch")
                    .iter()
                    .filter_map(|(catch, _)| {
                        Some(Catch {
                            errors: texts(catch, "error"),
                            when: catch.condition("when").map(|c| c.expression.clone()),
                            name: catch.text("as").unwrap_or("error").to_owned(),
                            body: self.list(catch.steps("do")?, inside),
                        })
                    })
                    .collect(),
                finally: step.fields.steps("finally").map(|steps| self.list(steps, inside)),
            },
            ("do", Field::Steps(steps)) => Action::Do(self.list(steps, inside)),
            ("send", Field::Map(fields)) => Action::Send {
                signal: fields.text("signal")?.to_owned(),
                to: fields.value("to")?.clone(),
                payload: fields.value("payload").cloned(),
            },
            ("break", Field::Flag(_)) => Action::Break,
            ("continue", Field::Flag(_)) => Action::Continue,
            ("return", Field::Value(value)) => Action::Return(value.clone()),
            ("fail", Field::Map(fields)) => Action::Fail {
                error: fields.text("error")?.to_owned(),
                message: fields.value("message").cloned(),
                details: fields.value("details").cloned(),
            },
            ("log", Field::Value(text)) => Action::Log(text.clone()),
            _ => return None,
        })
    }

    /// Each branch counts its own steps without id: its name stands in their paths.
    fn branches(&mut self, branches: &[syntax::Branch]) -> Vec<(String, ListId)> {
        branches.iter().map(|b| (b.name.clone(), self.branch(&b.steps, &mut Unnamed::new()))).collect()
    }

    fn activity(&mut self, step: &syntax::Step, fields: &Fields) -> Option<Activity> {
        let defaults = self.activity.clone().unwrap_or_default();
        let timeout = step.fields.duration("timeout").or(defaults.duration("timeout"));
        let timeout = timeout.unwrap_or(Duration::from_secs(300));
        Some(Activity {
            name: fields.text("name")?.to_owned(),
            queue: fields.text("queue").or(defaults.text("queue"))?.to_owned(),
            args: fields.value("args").cloned(),
            reply: fields.schema("reply").and_then(|node| self.schema(node)),
            timeout,
            retry: lower_retry(step.fields.map("retry").or(defaults.map("retry")), timeout),
        })
    }

    fn http(&mut self, step: &syntax::Step, fields: &Fields) -> Option<Http> {
        let defaults = self.http.clone().unwrap_or_default();
        let timeout =
            step.fields.duration("timeout").or(defaults.duration("timeout")).unwrap_or(Duration::from_secs(30));
        let retry = step.fields.map("retry").or(defaults.map("retry"));
        let path = fields.value("path")?.clone();
        if let WrittenKind::Constant(Value::Text(text)) = &path.kind
            && !text.starts_with('/')
        {
            let message = format!("the path `{text}` does not begin with `/`");
            let help = "it is joined to the service's address, which stands in `fermata.toml`";
            self.complaints.push(Diagnostic::error(Code::WrongShape, path.place.span, message).help(help));
        }
        Some(Http {
            service: fields.text("service")?.to_owned(),
            method: fields.text("method").unwrap_or("GET").to_owned(),
            path,
            query: fields.value("query").cloned(),
            headers: [defaults.value("headers"), fields.value("headers")]
                .into_iter()
                .flatten()
                .cloned()
                .collect::<Vec<Written>>(),
            body: fields.value("body").cloned(),
            expect: texts(fields, "expect")
                .or_else(|| texts(&defaults, "expect"))
                .unwrap_or_else(|| vec!["2xx".into()]),
            reply: fields.schema("reply").and_then(|node| self.schema(node)),
            timeout,
            retry: lower_retry(retry, timeout),
        })
    }
}

fn texts(fields: &Fields, key: &str) -> Option<Vec<String>> {
    fields.texts(key).map(|texts| texts.iter().map(|(text, _)| text.clone()).collect())
}

const DAY: Duration = Duration(86_400_000);

/// Unless said: first 1s, factor 2, longest 1m, for 24h. With `attempts` given, `for` is the worst case of those
/// attempts plus 24 hours for queueing, so that a queue without workers still ends.
fn lower_retry(fields: Option<&Fields>, timeout: Duration) -> Retry {
    let empty = Fields::default();
    let fields = fields.unwrap_or(&empty);
    let attempts = fields.integer("attempts").and_then(|n| u32::try_from(n).ok());
    let first = fields.duration("first").unwrap_or(Duration::from_secs(1));
    let longest = fields.duration("longest").unwrap_or(Duration::from_secs(60)).max(first);
    let factor = fields.factor("factor").unwrap_or(Decimal::TWO);
    let mut retry = Retry {
        attempts,
        first,
        factor,
        longest,
        total: fields.duration("for").unwrap_or(DAY),
        on: texts(fields, "on"),
        unless: texts(fields, "unless").unwrap_or_default(),
    };
    if let Some(attempts) = attempts {
        let pauses = i64::from(attempts.saturating_sub(1)).saturating_mul(longest.millis());
        let tries = i64::from(attempts).saturating_mul(timeout.millis());
        retry.total = Duration(pauses.saturating_add(tries).saturating_add(DAY.millis()));
    }
    retry
}
