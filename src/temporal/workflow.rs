//! The one generic workflow: it feeds the machine and carries its commands out. It knows no step.
//!
//! Signals and updates are applied in the synchronous body of their dispatch, before anything else of their task (R1,
//! R2). Everything else is a future in one map ordered by (class, due, number), polled in that order at one wait point;
//! the cancel of the run comes last. Every command has a cancellation token of its own, so that the SDK cancels nothing
//! behind the machine's back (R7). A task whose events led to no command leaves one cheap event (R55).

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration as StdDuration, SystemTime, UNIX_EPOCH};

use futures::future::{FutureExt, LocalBoxFuture};
use temporalio_common::data_converters::{PayloadConverter, RawValue};
use temporalio_common::protos::temporal::api::common::v1::Payloads;
use temporalio_common::{MemoValue, WorkflowDefinition};
use temporalio_sdk::workflow_interceptors::WorkflowOutputValue;
use temporalio_sdk::workflows::{
    UpdateDefinitionDescriptor, WorkflowDefinitionDescriptor, WorkflowError, WorkflowImplementation,
};
use temporalio_sdk::{
    ApplicationFailure, WaitConditionOptions, WorkflowCancellationToken, WorkflowContext, WorkflowContextView,
    WorkflowTermination,
};

use super::issue::{Flying, Key, issue};
use super::pace::{self, Pace};
use super::record::{Applied, recorder};
use super::wire::{self, StartInput, UpdateInput};
use crate::machine::{
    self, Command, End, Event, Own, Refusal, RefusalKind, Run, RunError, State, UpdateOutcome, positions,
};
use crate::plan::{ENGINE, Plan};
use crate::value::{Time, Value};

/// The workflow type of every run, kept for ever.
pub const WORKFLOW: &str = "fermata";
/// The one update; the author's name travels inside.
pub const UPDATE: &str = "update";
/// The header of a signal that holds its id.
pub const MESSAGE_ID: &str = "fermata-id";
/// Asks where a run stands.
pub const QUERY_POSITION: &str = "$position";
/// What is known once the start input was understood.
struct Known {
    plan: Arc<Plan>,
    state: State,
}

/// One instance of the workflow's code.
pub struct Host {
    known: Result<Known, RunError>,
    workflow_id: String,
    instance: u64,
    /// The server's time of the event that was applied last, in milliseconds since 1970.
    server_now: i64,
    pub(super) pace: Option<Pace>,
    todo: VecDeque<Command>,
    /// How many updates reached the machine: their numbers.
    updates: u64,
    /// Outcomes of updates that nobody has picked up.
    answers: BTreeMap<u64, UpdateOutcome>,
    end: Option<End>,
    /// Since the last wait: `None` no event, `Some(true)` events but no command.
    quiet: Option<bool>,
}

static INSTANCES: AtomicU64 = AtomicU64::new(0);

fn millis(time: Option<SystemTime>) -> i64 {
    let since = time.and_then(|t| t.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn std_millis(millis: i64) -> StdDuration {
    StdDuration::from_millis(u64::try_from(millis).unwrap_or(0))
}

impl Host {
    fn begin(ctx: &WorkflowContextView, input: Option<&RawValue>) -> Host {
        let workflow_id = ctx.workflow_id().to_owned();
        let known = understand(input).map(|(start, plan)| Known {
            state: State::new(
                Run {
                    id: format!("{}.{}", start.process, start.key),
                    uid: start.uid,
                    key: start.key,
                    process: start.process,
                    version: start.version,
                },
                start.input,
            ),
            plan,
        });
        let mut host = Host {
            known,
            pace: pace::begin(&workflow_id, millis(ctx.start_time())),
            workflow_id,
            instance: INSTANCES.fetch_add(1, Ordering::Relaxed),
            server_now: 0,
            todo: VecDeque::new(),
            updates: 0,
            answers: BTreeMap::new(),
            end: None,
            quiet: None,
        };
        if let Err(error) = &host.known {
            host.end = Some(End::Failed(error.clone()));
        }
        host.apply(ctx.start_time(), Event::Started);
        host
    }

    /// The run's own time for a time of the server.
    fn own_time(&self, server: i64) -> Time {
        match &self.pace {
            Some(pace) => Time(pace.own(server)),
            None => Time(server),
        }
    }

    /// How long the server must wait from now on for a moment of the run's own time.
    pub(super) fn server_wait(&self, due: i64) -> StdDuration {
        let wait = match &self.pace {
            Some(pace) => pace.server(due).saturating_sub(self.server_now),
            None => due.saturating_sub(self.clock()),
        };
        std_millis(wait.max(1))
    }

    /// One event, to quiescence. The end is kept here; other commands wait to be issued in order.
    fn apply(&mut self, time: Option<SystemTime>, event: Event) {
        self.server_now = self.server_now.max(millis(time));
        let now = self.own_time(self.server_now);
        let Ok(known) = &mut self.known else { return };
        let told = recorder().map(|r| (r, event.clone()));
        let output = machine::apply(&known.plan, &mut known.state, now, event);
        // The answer to an update leaves events of its own.
        self.quiet = Some(self.quiet != Some(false) && output.commands.is_empty());
        if let Some((recorder, event)) = told {
            let workflow_id = self.workflow_id.clone();
            let late = self.pace.as_ref().map_or(0, |pace| self.server_now - pace.server(now.millis()));
            recorder(Applied { workflow_id, instance: self.instance, now, event, late, output: output.clone() });
        }
        for command in output.commands {
            match command {
                Command::End(end) => self.end = Some(end),
                Command::Answer { update, outcome } => {
                    self.answers.insert(update, outcome);
                }
                other => self.todo.push_back(other),
            }
        }
    }

    pub(super) fn clock(&self) -> i64 {
        self.known.as_ref().map_or(0, |known| known.state.clock().millis())
    }
}

/// The start input and its plan. Errors: data that is not what the service writes; the run then fails with words, since
/// no worker of any version could do better.
fn understand(input: Option<&RawValue>) -> Result<(StartInput, Arc<Plan>), RunError> {
    let wrong = |message: String| RunError::new(Own::StartInput, message, "");
    let payload = input.and_then(|raw| raw.payloads.first()).ok_or_else(|| wrong("there is no start input".into()))?;
    let start = wire::json_text(payload)
        .and_then(StartInput::from_json)
        .map_err(|e| wrong(format!("the start input is not understood: {e}")))?;
    #[expect(clippy::panic, reason = "failing the task, not the run: a worker that knows the engine can go on with it")]
    if start.engine > ENGINE {
        panic!("run of engine {}; this program knows up to {ENGINE}", start.engine);
    }
    let plan = start.plan().map_err(wrong)?;
    Ok((start, plan))
}

enum Step {
    Issue,
    Events(Vec<Event>),
}

/// A wait that the cancel of the run does not end.
fn shielded() -> WaitConditionOptions {
    WaitConditionOptions::builder().cancellation_token(WorkflowCancellationToken::new()).build()
}

fn refused(message: &str) -> WorkflowError {
    let failure = ApplicationFailure::builder(anyhow::anyhow!("{message}")).non_retryable(true).build();
    WorkflowError::Execution(failure.into())
}

/// The definition that the SDK registers under [`WORKFLOW`].
pub struct FermataRun;

impl WorkflowDefinition for FermataRun {
    type Input = RawValue;
    type Output = RawValue;
    fn name(&self) -> &str {
        WORKFLOW
    }
}

type Boxed = Box<dyn WorkflowOutputValue>;

impl WorkflowImplementation for Host {
    type Run = FermataRun;
    const HAS_INIT: bool = true;
    const INIT_TAKES_INPUT: bool = true;

    fn name() -> &'static str {
        WORKFLOW
    }

    fn definition() -> WorkflowDefinitionDescriptor {
        WorkflowDefinitionDescriptor {
            workflow_type: WORKFLOW.into(),
            has_init: true,
            init_takes_input: true,
            signals: vec![],
            queries: vec![],
            updates: vec![UpdateDefinitionDescriptor { name: UPDATE.into(), has_validator: true }],
        }
    }

    fn init(ctx: WorkflowContextView, input: Option<RawValue>) -> Self {
        Host::begin(&ctx, input.as_ref())
    }

    fn run(
        ctx: WorkflowContext<Self>,
        _: Option<RawValue>,
    ) -> LocalBoxFuture<'static, Result<Boxed, WorkflowTermination>> {
        async move {
            let (root, mut cancelled) = (ctx.cancellation_token(), false);
            let mut out: BTreeMap<Key, Flying<'_>> = BTreeMap::new();
            let end = loop {
                // `state_mut` forces another poll, so it is used only where something changes.
                while ctx.state(|host| !host.todo.is_empty()) {
                    if let Some(command) = ctx.state_mut(|host| host.todo.pop_front()) {
                        issue(&ctx, &mut out, command);
                    }
                }
                if ctx.state(|host| host.end.is_some())
                    && let Some(end) = ctx.state_mut(|host| host.end.take())
                {
                    break end;
                }
                let step = poll_fn(|cx| {
                    if ctx.state(|host| !host.todo.is_empty() || host.end.is_some()) {
                        return Poll::Ready(Step::Issue); // a signal was applied meanwhile
                    }
                    let mut batch: Vec<(Key, Event)> = Vec::new();
                    for (key, flying) in &mut out {
                        if let Poll::Ready(event) = flying.future.as_mut().poll(cx) {
                            batch.push((*key, event));
                        }
                    }
                    // All that is ready leaves the map before the first is applied: a command of the first may
                    // withdraw the second.
                    for (key, _) in &batch {
                        out.remove(key);
                    }
                    let mut events: Vec<Event> = batch.into_iter().map(|(_, event)| event).collect();
                    if root.is_cancelled() && !cancelled {
                        cancelled = true;
                        events.push(Event::Cancel { reason: root.reason().unwrap_or_default() });
                    }
                    if !events.is_empty() {
                        return Poll::Ready(Step::Events(events));
                    }
                    if let Some(quiet) = ctx.state(|host| host.quiet) {
                        if quiet {
                            // temporalio/sdk-rust#1146: a task with events but no command may be merged with the next
                            // one on replay.
                            let length = serde_json::json!(ctx.history_length());
                            let _ = ctx.upsert_memo([("fermata-task", Some(MemoValue::new(length)))]);
                        }
                        ctx.state_mut(|host| host.quiet = None);
                    }
                    Poll::Pending
                })
                .await;
                let Step::Events(events) = step else { continue };
                for event in events {
                    ctx.state_mut(|host| host.apply(ctx.workflow_time(), event));
                    while let Some(command) = ctx.state_mut(|host| host.todo.pop_front()) {
                        issue(&ctx, &mut out, command);
                    }
                    if ctx.state(|host| host.end.is_some()) {
                        break;
                    }
                }
            };
            let _ = ctx.wait_condition_with_options(|_| ctx.all_handlers_finished(), shielded()).await;
            match end {
                End::Completed(value) => Ok(Box::new(wire::raw_value(&value)) as Boxed),
                End::Cancelled { reason } => {
                    let details = Value::map([("reason", Value::text(reason))]);
                    Err(WorkflowTermination::cancelled_with_details(wire::raw_value(&details)))
                }
                End::Failed(error) => {
                    let details = wire::raw_value(&error.to_value());
                    Err(ApplicationFailure::builder(anyhow::anyhow!("{}", error.message))
                        .type_name(error.kind.to_string())
                        .non_retryable(true)
                        .details(details)
                        .build()
                        .into())
                }
            }
        }
        .boxed_local()
    }

    fn decode_signal_input(
        _: &str,
        payloads: Payloads,
        _: &PayloadConverter,
    ) -> Result<Option<Box<dyn Any>>, WorkflowError> {
        // Total: a decoder that fails would fail the task for ever (R6).
        Ok(Some(Box::new(wire::value(&payloads.payloads).unwrap_or_default())))
    }

    fn dispatch_signal(
        ctx: WorkflowContext<Self>,
        name: &str,
        input: Box<dyn Any>,
    ) -> LocalBoxFuture<'static, Result<(), WorkflowError>> {
        let payload = input.downcast::<Value>().map_or(Value::Null, |value| *value);
        let id = ctx.headers().get(MESSAGE_ID).and_then(|id| wire::value(std::slice::from_ref(id)).ok());
        let id = id.and_then(|id| id.as_text().map(str::to_owned));
        let event = Event::Signal { name: name.to_owned(), payload, id };
        ctx.state_mut(|host| host.apply(ctx.workflow_time(), event));
        std::future::ready(Ok(())).boxed_local()
    }

    fn decode_update_input(
        _: &str,
        payloads: Payloads,
        _: &PayloadConverter,
    ) -> Result<Option<Box<dyn Any>>, WorkflowError> {
        Ok(Some(Box::new(UpdateInput::read(&payloads.payloads))))
    }

    fn validate_update(&self, _: WorkflowContextView, _: &str, input: Box<dyn Any>) -> Result<(), WorkflowError> {
        let Ok(input) = input.downcast::<UpdateInput>() else { return Err(refused("the update is not understood")) };
        let known = self.known.as_ref().map_err(|error| refused(&error.message))?;
        match machine::refusal(&known.plan, &known.state, &input.name, &input.payload, input.id.as_deref()) {
            None => Ok(()),
            Some(refusal) => Err(refused(&refusal.text())),
        }
    }

    fn dispatch_update(
        ctx: WorkflowContext<Self>,
        _: &str,
        input: Box<dyn Any>,
    ) -> LocalBoxFuture<'static, Result<Boxed, WorkflowError>> {
        let UpdateInput { name, payload, id } =
            input.downcast::<UpdateInput>().map_or_else(|_| UpdateInput::none(), |i| *i);
        // Check and first block are one (R13): the event is applied here, before anything else of the task.
        let number = ctx.state_mut(|host| {
            let number = host.updates;
            host.updates += 1;
            host.apply(ctx.workflow_time(), Event::Update { number, name, payload, id });
            number
        });
        async move {
            let _ = ctx.wait_condition_with_options(|host| host.answers.contains_key(&number), shielded()).await;
            match ctx.state_mut(|host| host.answers.remove(&number)) {
                Some(outcome) => Ok(Box::new(wire::raw_value(&wire::outcome_value(&outcome))) as Boxed),
                None => Err(refused("the update was not answered")),
            }
        }
        .boxed_local()
    }

    fn decode_query_input(
        name: &str,
        _: &Payloads,
        _: &PayloadConverter,
    ) -> Result<Option<Box<dyn Any>>, WorkflowError> {
        // Names that begin with two underscores are the SDK's own.
        Ok((!name.starts_with("__")).then(|| Box::new(()) as Box<dyn Any>))
    }

    fn dispatch_query(&self, _: WorkflowContextView, name: &str, _: Box<dyn Any>) -> Result<Boxed, WorkflowError> {
        let answer = match &self.known {
            Ok(known) if name == QUERY_POSITION => {
                Ok(Value::List(positions(&known.plan, &known.state).iter().map(|p| p.to_value()).collect()))
            }
            Ok(known) => machine::query(&known.plan, &known.state, name).map_err(|refusal| refusal.text()),
            Err(_) if name == QUERY_POSITION => Ok(Value::list([])),
            Err(error) => Err(Refusal::new(RefusalKind::Expression, error.message.as_str()).text()),
        };
        answer.map(|value| Box::new(wire::raw_value(&value)) as Boxed).map_err(|message| refused(&message))
    }
}
