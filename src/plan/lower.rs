//! Document to plan: structure, defaults and constants resolved. A pure function of the document; complaints are those
//! without which a plan cannot exist.

use std::collections::{BTreeMap, BTreeSet};

use super::owners::level;
use super::schema::Schema;
use super::{
    Action, Activity, Catch, For, Http, Items, List, ListId, MAX_FROZEN, OnError, Plan, Retry, Signal, Step, Update,
};
use crate::diagnostic::{Code, Diagnostic, Source, Span};
use crate::syntax::verbs::{self, Awaited, WaitFor};
use crate::syntax::{
    self, ActivityDefaults, Assignment, Child, Condition, Document, Duplicates, HttpDefaults, Keep, Level, Node, Part,
    Role, Written, WrittenKind,
};
use crate::value::{Decimal, Duration, Value};

pub(super) fn lower(document: &Document, text: &str) -> (Option<Plan>, Vec<Diagnostic>) {
    let header = &document.header;
    let defaults = header.defaults.get().cloned().unwrap_or_default();
    let mut outer: BTreeSet<String> = header.vars.items().iter().map(|a| a.name.clone()).collect();
    outer.extend(level(header.steps.items()));
    let mut lowering = Lowering {
        source: Source::new("", text),
        complaints: Vec::new(),
        steps: document.walk().iter().map(|_| None).collect(),
        lists: Vec::new(),
        http: defaults.http.get().cloned().unwrap_or_default(),
        activity: defaults.activity.get().cloned().unwrap_or_default(),
        outer,
    };
    let canonical = document.canonical();
    if canonical.len() > MAX_FROZEN {
        let message =
            format!("the definition has {} bytes when frozen; at most {MAX_FROZEN} are allowed", canonical.len());
        lowering.complaints.push(Diagnostic::error(Code::TooLarge, Span::default(), message));
    }
    let digest = crate::value::sha256(&canonical, 32);
    let input = lowering.schema(&header.input);
    let returns = lowering.schema(&header.returns);
    let root = header.steps.get().map(|steps| lowering.list(steps));
    let signals = header.signals.items().iter();
    let signals = signals.map(|one| (one.name.clone(), lowering.signal(&one.keys))).collect();
    let updates = header.updates.items().iter();
    let updates = updates.map(|one| (one.name.clone(), lowering.update(&one.keys))).collect();
    // A step that could not be lowered was complained about.
    let steps: Option<Vec<Step>> = lowering.steps.into_iter().collect();
    let plan = match (root, header.key.get(), header.process.text(), header.version.value(), steps) {
        (Some(root), Some(key), Some(process), Some(version), Some(steps)) => Some(Plan {
            process: process.to_owned(),
            version,
            summary: header.summary.text().map(str::to_owned),
            canonical,
            digest: format!("sha256:{digest}"),
            duplicates: header.duplicates.value().unwrap_or(Duplicates::Return),
            key: key.clone(),
            input,
            returns,
            vars: pairs(&header.vars),
            signals,
            updates,
            queries: pairs(&header.queries).into_iter().collect(),
            steps,
            lists: lowering.lists,
            root,
        }),
        _ => None,
    };
    (plan, lowering.complaints)
}

fn pairs(assignments: &Part<Vec<Assignment>>) -> Vec<(String, Written)> {
    assignments.items().iter().map(|a| (a.name.clone(), a.value.clone())).collect()
}

fn expression(condition: &Condition) -> crate::expression::Expression {
    condition.expression.clone()
}

struct Lowering {
    source: Source,
    complaints: Vec<Diagnostic>,
    /// By their numbers; `None` until they are lowered.
    steps: Vec<Option<Step>>,
    lists: Vec<List>,
    http: HttpDefaults,
    activity: ActivityDefaults,
    /// The names that belong to the levels around what is being lowered (R26).
    outer: BTreeSet<String>,
}

/// The lists inside a step, lowered, by what each is to it.
struct Inside(BTreeMap<String, ListId>);

impl Inside {
    fn get(&self, role: Role<'_>) -> Option<ListId> {
        self.0.get(&role.to_string()).copied()
    }
}

impl Lowering {
    fn schema(&mut self, part: &Part<Node>) -> Option<Schema> {
        let node = part.get()?;
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
                    let at = node.at_pointer(&error.pointer);
                    let span = at.span;
                    let message = format!("not a JSON Schema: {}", error.message);
                    let by_hand =
                        error.pointer.ends_with("/required") && matches!(at.kind, crate::syntax::Kind::Bool(_));
                    let by_hand = by_hand.then(|| "`required` is a list of names beside `properties`".to_owned());
                    let help = error.help.or(by_hand);
                    self.complaints.push(Diagnostic::error(Code::Schema, span, message).maybe_help(help));
                }
                None
            }
        }
    }

    fn list(&mut self, steps: &[syntax::Step]) -> ListId {
        // Its number is taken before those inside take theirs: the state of a run names it (R50).
        let list = ListId(u32::try_from(self.lists.len()).unwrap_or(u32::MAX));
        self.lists.push(List::default());
        let mut ids = Vec::with_capacity(steps.len());
        for step in steps {
            let inside = step.children().into_iter().map(|child| (child.role.to_string(), self.child(&child)));
            let inside = Inside(inside.collect());
            let Some(action) = self.action(step, &inside) else { continue };
            let timeout = match step.nature() {
                syntax::Nature::Call => None, // of an attempt
                syntax::Nature::Instant
                | syntax::Nature::Exit(_)
                | syntax::Nature::Message
                | syntax::Nature::Wait
                | syntax::Nature::Block
                | syntax::Nature::Strands => step.common.timeout.value(),
            };
            let made = Step {
                number: step.number,
                id: step.id().map(str::to_owned),
                segment: step.segment.clone(),
                verb: step.verb().name,
                // What is frozen has no places.
                line: if self.source.text().is_empty() { 0 } else { self.source.position(step.span.start).line },
                when: step.common.when.get().map(expression),
                save: step.common.save.text().map(str::to_owned),
                timeout,
                on_timeout: inside.get(Role::OnTimeout),
                skip_errors: step.on_error() == OnError::Skip && !matches!(action, Action::For(_)),
                action,
            };
            if let Some(place) = self.steps.get_mut(step.number.0 as usize) {
                *place = Some(made);
            }
            ids.push(step.number);
        }
        if let Some(made) = self.lists.get_mut(list.0 as usize) {
            made.steps = ids;
        }
        list
    }

    fn child(&mut self, child: &Child<'_>) -> ListId {
        match child.level {
            Level::Around => self.list(child.steps),
            Level::Branch | Level::Item => self.branch(child.steps),
        }
    }

    /// A list that is a branch: what it assigns belongs to it, unless it belongs to a level around it (R26).
    fn branch(&mut self, steps: &[syntax::Step]) -> ListId {
        let owned: BTreeSet<String> = level(steps).into_iter().filter(|name| !self.outer.contains(name)).collect();
        self.outer.extend(owned.iter().cloned());
        let list = self.list(steps);
        self.outer.retain(|name| !owned.contains(name));
        if let Some(made) = self.lists.get_mut(list.0 as usize) {
            made.owned = owned;
        }
        list
    }

    fn signal(&mut self, keys: &syntax::Signal) -> Signal {
        Signal {
            payload: self.schema(&keys.payload),
            keep_last: keys.keep.value() == Some(Keep::Last),
            handler: keys.body.get().map(|steps| self.branch(steps)),
        }
    }

    fn update(&mut self, keys: &syntax::Update) -> Update {
        Update {
            payload: self.schema(&keys.payload),
            check: keys.check.get().map(expression),
            otherwise: keys.otherwise.get().cloned(),
            handler: keys.body.get().map(|steps| self.branch(steps)),
            returns: keys.returns.get().cloned(),
        }
    }

    /// `None` where the step was complained about.
    fn action(&mut self, step: &syntax::Step, inside: &Inside) -> Option<Action> {
        Some(match &step.action {
            syntax::Action::Set(set) => {
                set.assignments.get()?;
                Action::Set(pairs(&set.assignments))
            }
            syntax::Action::Http(http) => Action::Http(Box::new(self.http(step, http)?)),
            syntax::Action::Activity(activity) => Action::Activity(Box::new(self.activity(step, activity)?)),
            syntax::Action::Wait(wait) => match wait.what.get()? {
                WaitFor::Moment(moment) => Action::Wait(moment.clone()),
                WaitFor::Event(Awaited { until, signal, filter }) => match (until.get(), signal.text()) {
                    (Some(condition), _) => Action::Until(expression(condition)),
                    (None, Some(signal)) => {
                        Action::Receive { signal: signal.to_owned(), condition: filter.get().map(expression) }
                    }
                    (None, None) => return None,
                },
            },
            syntax::Action::If(choice) => Action::If {
                condition: expression(choice.condition.get()?),
                then: inside.get(Role::Then)?,
                otherwise: inside.get(Role::Else),
            },
            syntax::Action::Switch(switch) => {
                let way = |(at, way): (usize, &syntax::Item<verbs::Way>)| {
                    let list = inside.get(Role::Way(at));
                    match (way.keys.when.get(), list) {
                        (Some(when), Some(list)) => Some((Some(expression(when)), list)),
                        (Some(_), None) => None,
                        // What stands beside an `else` was complained about.
                        (None, _) => Some((None, inside.get(Role::Else)?)),
                    }
                };
                Action::Switch(switch.ways.get()?.iter().enumerate().filter_map(way).collect())
            }
            syntax::Action::While(repeat) => {
                Action::While { condition: expression(repeat.condition.get()?), body: inside.get(Role::Do)? }
            }
            syntax::Action::For(each) => Action::For(Box::new(For {
                item: each.item.text()?.to_owned(),
                index: each.index.text().map(str::to_owned),
                items: match each.items.get()? {
                    verbs::Items::Expression(items) => Items::Expression(expression(items)),
                    verbs::Items::List(list) => Items::List(list.clone()),
                },
                collect: each.collect.get().cloned(),
                parallel: usize::try_from(each.at_once()).unwrap_or(1),
                on_error: step.on_error(),
                body: inside.get(Role::Do)?,
            })),
            syntax::Action::Parallel(parallel) => Action::Parallel {
                branches: branches(parallel.branches.get()?, inside)?,
                report: step.on_error() == OnError::Report,
            },
            syntax::Action::Race(race) => Action::Race(branches(race.branches.get()?, inside)?),
            syntax::Action::Try(shield) => {
                let catch = |(at, catch): (usize, &syntax::Item<verbs::Catch>)| {
                    Some(Catch {
                        errors: texts(&catch.keys.errors),
                        when: catch.keys.when.get().map(expression),
                        name: catch.keys.called().to_owned(),
                        body: inside.get(Role::Catch(at))?,
                    })
                };
                Action::Try {
                    body: inside.get(Role::Try)?,
                    catches: shield.catches.items().iter().enumerate().filter_map(catch).collect(),
                    finally: inside.get(Role::Finally),
                }
            }
            syntax::Action::Do(_) => Action::Do(inside.get(Role::Do)?),
            syntax::Action::Send(send) => {
                let delivery = send.delivery.get()?;
                Action::Send {
                    signal: delivery.signal.text()?.to_owned(),
                    to: delivery.to.get()?.clone(),
                    payload: delivery.payload.get().cloned(),
                }
            }
            syntax::Action::Break(leave) => leave.flag.get().map(|_| Action::Break)?,
            syntax::Action::Continue(leave) => leave.flag.get().map(|_| Action::Continue)?,
            syntax::Action::Return(ending) => Action::Return(ending.value.get()?.clone()),
            syntax::Action::Fail(fail) => {
                let failure = fail.failure.get()?;
                Action::Fail {
                    error: failure.error.text()?.to_owned(),
                    message: failure.message.get().cloned(),
                    details: failure.details.get().cloned(),
                }
            }
            syntax::Action::Log(log) => Action::Log(log.text.get()?.clone()),
        })
    }

    fn activity(&mut self, step: &syntax::Step, activity: &verbs::Activity) -> Option<Activity> {
        let call = activity.call.get()?;
        let timeout = step.common.timeout.value().or(self.activity.timeout.value());
        let timeout = timeout.unwrap_or(Duration::from_secs(300));
        Some(Activity {
            name: call.name.text()?.to_owned(),
            queue: call.queue.text().or(self.activity.queue.text())?.to_owned(),
            args: call.args.get().cloned(),
            timeout,
            retry: lower_retry(activity.retry.get().or(self.activity.retry.get()), timeout),
            reply: self.schema(&call.reply),
        })
    }

    fn http(&mut self, step: &syntax::Step, http: &verbs::Http) -> Option<Http> {
        let request = http.request.get()?;
        let timeout = step.common.timeout.value().or(self.http.timeout.value()).unwrap_or(Duration::from_secs(30));
        let path = request.path.get()?.clone();
        if let WrittenKind::Constant(Value::Text(text)) = &path.kind
            && !text.starts_with('/')
        {
            let message = format!("the path `{text}` does not begin with `/`");
            let help = "it is joined to the service's address, which stands in `fermata.toml`";
            self.complaints.push(Diagnostic::error(Code::WrongShape, path.place.span, message).help(help));
        }
        Some(Http {
            service: request.service.text()?.to_owned(),
            method: request.method.text().unwrap_or("GET").to_owned(),
            path,
            query: request.query.get().cloned(),
            headers: [self.http.headers.get(), request.headers.get()].into_iter().flatten().cloned().collect(),
            body: request.body.get().cloned(),
            expect: texts(&request.expect).or_else(|| texts(&self.http.expect)).unwrap_or_else(|| vec!["2xx".into()]),
            timeout,
            retry: lower_retry(http.retry.get().or(self.http.retry.get()), timeout),
            reply: self.schema(&request.reply),
        })
    }
}

fn branches(branches: &[syntax::Branch], inside: &Inside) -> Option<Vec<(String, ListId)>> {
    branches.iter().map(|b| Some((b.name.clone(), inside.get(Role::Branch(&b.name))?))).collect()
}

fn texts(part: &Part<Vec<(String, Span)>>) -> Option<Vec<String>> {
    part.get().map(|texts| texts.iter().map(|(text, _)| text.clone()).collect())
}

const DAY: Duration = Duration(86_400_000);

/// Unless said: first 1s, factor 2, longest 1m, for 24h. With `attempts` given, `for` is the worst case of those
/// attempts plus 24 hours for queueing, so that a queue without workers still ends.
fn lower_retry(keys: Option<&verbs::Retry>, timeout: Duration) -> Retry {
    let keys = keys.cloned().unwrap_or_default();
    let attempts = keys.attempts.value().and_then(|n| u32::try_from(n).ok());
    let first = keys.first.value().unwrap_or(Duration::from_secs(1));
    let longest = keys.longest.value().unwrap_or(Duration::from_secs(60)).max(first);
    let mut retry = Retry {
        attempts,
        first,
        factor: keys.factor.value().unwrap_or(Decimal::TWO),
        longest,
        total: keys.total.value().unwrap_or(DAY),
        on: texts(&keys.on),
        unless: texts(&keys.unless).unwrap_or_default(),
    };
    if let Some(attempts) = attempts {
        let pauses = i64::from(attempts.saturating_sub(1)).saturating_mul(longest.millis());
        let tries = i64::from(attempts).saturating_mul(timeout.millis());
        retry.total = Duration(pauses.saturating_add(tries).saturating_add(DAY.millis()));
    }
    retry
}
