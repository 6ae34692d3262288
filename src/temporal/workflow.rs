//! The one generic workflow: it feeds the machine and carries its commands out. It knows no step.
//!
//! Signals and updates are applied in the synchronous body of their dispatch, before anything else of their task (R1,
//! R2). Everything else is a future in one map ordered by (class, due, number), polled in that order at one wait point;
//! the cancel of the run comes last. Every command has a cancellation token of its own, so that the SDK cancels nothing
//! behind the machine's back (R7). A task whose events led to no command leaves one cheap event (R55).

use std::any::Any;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration as StdDuration, SystemTime, UNIX_EPOCH};

use futures::future::{FutureExt, LocalBoxFuture};
use temporalio_common::data_converters::{PayloadConverter, RawValue};
use temporalio_common::protos::temporal::api::common::v1::Payloads;
use temporalio_common::{MemoValue, MemoValues, WorkflowDefinition};
use temporalio_sdk::workflow_interceptors::WorkflowOutputValue;
use temporalio_sdk::workflows::{
    UpdateDefinitionDescriptor, WorkflowDefinitionDescriptor, WorkflowError, WorkflowImplementation,
};
use temporalio_sdk::{
    ApplicationFailure, ContinueAsNewOptions, WaitConditionOptions, WorkflowCancellationToken, WorkflowContext,
    WorkflowContextView, WorkflowTermination,
};

use super::crossing::{Fill, Filling, LARGEST, Queue, Queued, onwards, portable};
use super::issue::{Flying, Key, issue};
use super::pace::{self, Pace};
use super::record::{Applied, recorder};
use super::wire::{self, StartInput, UpdateInput, WireError};
use crate::machine::{
    self, Command, End, Event, Exceeded, Own, Path, Refusal, RefusalKind, RunError, State, UpdateOutcome, positions,
};
use crate::plan::{ENGINE, Plan};
use crate::value::{Time, Value, to_value};

/// The workflow type of every run, kept for ever.
pub const WORKFLOW: &str = "fermata";
/// The one update; the author's name travels inside.
pub const UPDATE: &str = "update";
/// The header of a signal that holds its id.
pub const MESSAGE_ID: &str = "fermata-id";
/// The memo of a run that has crossed: when it began, in milliseconds since 1970.
pub const STARTED: &str = "fermata-started";
/// Asks where a run stands.
pub const QUERY_POSITION: &str = "$position";
/// What is known once the start input was understood.
struct Known {
    /// What the run was started with, without what it brought along.
    start: StartInput,
    plan: Arc<Plan>,
    state: State,
    history: Filling,
    /// How many histories there were before.
    number: u64,
}

/// Why a run cannot be gone on with.
enum Unknown {
    /// Nothing that any worker understands: the run fails with this.
    Run(RunError),
    /// Another worker may do better: a newer one, or one in which a fault is mended. The task fails with these words.
    Task(String),
}

/// One instance of the workflow's code.
pub struct Host {
    known: Result<Known, Unknown>,
    workflow_id: String,
    instance: u64,
    /// The server's time of the event that was applied last, in milliseconds since 1970.
    server_now: i64,
    pub(super) pace: Option<Pace>,
    queue: Queue,
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
        let mut queue = Queue::new(Vec::new());
        let known = guarded(|| {
            let (start, plan) = understand(input)?;
            let history = Filling::new(start.marks);
            let Begun { start, state, number, first } = know(start, plan.clone()).map_err(Unknown::Task)?;
            queue = Queue::new(first);
            Ok(Known { start, plan, state, history, number })
        });
        let carried = known.as_ref().is_ok_and(|known| known.number > 0);
        let mut host = Host {
            known,
            pace: pace::begin(&workflow_id, millis(ctx.start_time())),
            workflow_id,
            instance: INSTANCES.fetch_add(1, Ordering::Relaxed),
            server_now: millis(ctx.start_time()),
            // A task that only takes up where the last history ended is marked as one with events is (R55).
            quiet: carried.then_some(queue.is_empty()),
            queue,
            end: None,
        };
        if let Err(Unknown::Run(error)) = &host.known {
            host.end = Some(End::Failed(error.clone()));
        }
        if carried {
            return host;
        }
        let started = guarded(|| {
            host.apply(ctx.start_time(), Event::Started);
            Ok(())
        });
        if let Err(unknown) = started {
            host.known = Err(unknown);
        }
        host
    }

    /// Fails the task where another worker may do better with the run.
    fn fit(&self) {
        if let Err(Unknown::Task(why)) = &self.known {
            fail_task(why);
        }
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
            // The server's time: behind a crossing nothing may have happened yet, and the clock stands.
            None => due.saturating_sub(self.server_now.max(self.clock())),
        };
        std_millis(wait.max(1))
    }

    /// One event, to quiescence. The end is kept here; other commands wait to be issued in order.
    fn apply(&mut self, time: Option<SystemTime>, event: Event) {
        self.server_now = self.server_now.max(millis(time));
        let now = self.own_time(self.server_now);
        let Ok(known) = &mut self.known else { return };
        let told = recorder().map(|r| (r, event.clone()));
        known.history.took(&event);
        let output = machine::apply(&known.plan, &mut known.state, now, event);
        // The answer to an update leaves events of its own.
        self.quiet = Some(self.quiet != Some(false) && output.commands.is_empty());
        if let Some((recorder, event)) = told {
            let workflow_id = self.workflow_id.clone();
            let late = self.pace.as_ref().map_or(0, |pace| self.server_now - pace.server(now.millis()));
            let (instance, history, output) = (self.instance, known.number, output.clone());
            recorder(Applied { workflow_id, instance, history, now, event, late, output });
        }
        for command in output.commands {
            known.history.gave(&command);
            match command {
                Command::End(end) => self.end = Some(end),
                Command::Answer { .. } => {} // the state keeps it
                other => self.queue.push(other),
            }
        }
    }

    /// Whether an update has its answer, or will never have one.
    fn has_answer(&self, update: u64) -> bool {
        self.known.as_ref().map_or(true, |known| known.state.has_answer(update))
    }

    fn take_answer(&mut self, update: u64) -> Option<UpdateOutcome> {
        self.known.as_mut().ok()?.state.take_answer(update)
    }

    /// How full this history is, once the server's words on the task are heard.
    fn fill(&self, events: u32, suggested: bool) -> Fill {
        let Ok(known) = &self.known else { return Fill::Free };
        if self.quiet.is_some() {
            known.history.told(u64::from(events), suggested);
        }
        known.history.fill()
    }

    /// What the fresh history is begun with (R42). Errors: none that data could cause.
    fn carried(&self) -> Result<String, WireError> {
        let Ok(known) = &self.known else { return Err(WireError::Start("carried")) };
        onwards(&known.start, known.number, &known.state, &self.queue)
    }

    pub(super) fn clock(&self) -> i64 {
        self.known.as_ref().map_or(0, |known| known.state.clock().millis())
    }
}

/// What panics in `init` would end the worker: the SDK guards only what comes behind it.
fn guarded<T>(f: impl FnOnce() -> Result<T, Unknown>) -> Result<T, Unknown> {
    let panicked = |_| Err(Unknown::Task("the program panicked where the run begins".to_owned()));
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(panicked)
}

/// The start input and its plan. Errors: data that is not what the service writes; what a newer program wrote.
fn understand(input: Option<&RawValue>) -> Result<(StartInput, Arc<Plan>), Unknown> {
    let wrong = |message: String| Unknown::Run(RunError::new(Own::StartInput, message, &Path::RUN));
    let payload = input.and_then(|raw| raw.payloads.first()).ok_or_else(|| wrong("there is no start input".into()))?;
    let start = match wire::json_text(payload).and_then(StartInput::from_json) {
        Err(error @ WireError::Newer(_)) => return Err(Unknown::Task(error.to_string())),
        read => read.map_err(|e| wrong(format!("the start input is not understood: {e}")))?,
    };
    if start.engine > ENGINE {
        let why = format!("the run is of engine {}; this program knows up to {ENGINE}", start.engine);
        return Err(Unknown::Task(why));
    }
    let plan = start.plan().map_err(wrong)?;
    Ok((start, plan))
}

/// A run that begins, or goes on from another history.
pub(super) struct Begun {
    /// Without what it brought along.
    pub start: StartInput,
    pub state: State,
    /// How many histories there were before.
    pub number: u64,
    /// What is to be done before anything else.
    pub first: Vec<Command>,
}

/// Takes up a run where its start input leaves it. Errors: words; a run that has lived for years is not given up for what
/// this program does not understand.
pub(super) fn know(mut start: StartInput, plan: Arc<Plan>) -> Result<Begun, String> {
    let Some(carried) = start.carried.take() else {
        let state = State::new(start.run(), start.input.clone());
        return Ok(Begun { start, state, number: 0, first: Vec::new() });
    };
    let not_understood = |why: String| format!("the state of the run is not understood: {why}");
    let state =
        State::read(&carried.state.0, start.input.clone()).map_err(|error| not_understood(error.to_string()))?;
    if *state.run() != start.run() || !state.fits(&plan) {
        return Err(not_understood("it is of another definition".to_owned()));
    }
    let first = state.timers().into_iter().chain(carried.queued.into_iter().map(Queued::command)).collect();
    Ok(Begun { start, state, number: carried.number, first })
}

/// Fails the task, not the run.
#[expect(clippy::panic, reason = "the one way by which the code of a workflow fails its task")]
fn fail_task(why: &str) -> ! {
    panic!("{why}")
}

enum Step {
    Issue,
    Events(Vec<Event>),
}

/// Whether the run goes over into a fresh history now (R38, R39).
fn crosses(ctx: &WorkflowContext<Host>, out: &BTreeMap<Key, Flying<'_>>) -> bool {
    let wants = |host: &Host| host.end.is_none() && host.known.as_ref().is_ok_and(|k| k.history.fill() > Fill::Free);
    ctx.state(wants) && portable(out.keys()) && ctx.all_handlers_finished()
}

fn cross(ctx: &WorkflowContext<Host>, input: String) -> Result<Boxed, WorkflowTermination> {
    // The server forgets closed executions, and with them when the first one began.
    let began = ctx.state(|host| host.known.as_ref().map_or(0, |known| known.state.started().millis()));
    let mut memo = MemoValues::new();
    memo.insert(STARTED, began);
    let options = ContinueAsNewOptions::builder().memo(memo).build();
    match ctx.continue_as_new(wire::raw(input), options)? {}
}

/// A bound of this history fails the run.
fn exceeded(ctx: &WorkflowContext<Host>, exceeded: Exceeded) {
    ctx.state_mut(|host| host.apply(ctx.workflow_time(), Event::Exceeded(exceeded)));
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
            ctx.state(Host::fit);
            let (root, mut cancelled) = (ctx.cancellation_token(), false);
            // It carries too much for a fresh history, and fails in this one. This one is full, and it was told so.
            let (mut stays, mut full) = (false, false);
            let mut out: BTreeMap<Key, Flying<'_>> = BTreeMap::new();
            // A timer that is armed anew behind a crossing is due as many milliseconds from now.
            if ctx.state(|host| host.known.as_ref().is_ok_and(|known| known.number > 0)) {
                ctx.state_mut(|host| host.server_now = host.server_now.max(millis(ctx.workflow_time())));
            }
            let end = loop {
                let fill = ctx.state(|host| host.fill(ctx.history_length(), ctx.continue_as_new_suggested()));
                // All that came has been applied, and is in the state (R41); a cancel only once it was heard below.
                let heard = cancelled || !root.is_cancelled();
                if !stays && heard && crosses(&ctx, &out) {
                    match ctx.state(Host::carried) {
                        Ok(input) if input.len() <= LARGEST => return cross(&ctx, input),
                        Ok(input) => exceeded(&ctx, Exceeded::State { bytes: input.len() as u64 }),
                        Err(error) => fail_task(&error.to_string()),
                    }
                    stays = true;
                    ctx.state_mut(|host| host.queue.release());
                } else if fill == Fill::Hard && !full && !stays {
                    full = true;
                    exceeded(&ctx, Exceeded::History { events: u64::from(ctx.history_length()) });
                }
                // `state_mut` forces another poll, so it is used only where something changes.
                while ctx.state(|host| !host.queue.is_empty()) {
                    if let Some(command) = ctx.state_mut(|host| host.queue.next(if stays { Fill::Free } else { fill }))
                    {
                        issue(&ctx, &mut out, command);
                    }
                }
                if ctx.state(|host| host.end.is_some())
                    && let Some(end) = ctx.state_mut(|host| host.end.take())
                {
                    break end;
                }
                let step = poll_fn(|cx| {
                    if ctx.state(|host| !host.queue.is_empty() || host.end.is_some()) {
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
                    // Messages that led to no command fill the history too, and the callers of updates have their
                    // answers now.
                    let fill = ctx.state(|host| host.fill(ctx.history_length(), ctx.continue_as_new_suggested()));
                    if !stays && (fill == Fill::Hard && !full || crosses(&ctx, &out)) {
                        return Poll::Ready(Step::Issue);
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
        Ok(Some(Box::new(UpdateInput::of(&payloads.payloads))))
    }

    fn validate_update(&self, _: WorkflowContextView, _: &str, input: Box<dyn Any>) -> Result<(), WorkflowError> {
        let Ok(input) = input.downcast::<UpdateInput>() else { return Err(refused("the update is not understood")) };
        self.fit();
        let known = match &self.known {
            Ok(known) => known,
            Err(Unknown::Run(RunError { message, .. }) | Unknown::Task(message)) => return Err(refused(message)),
        };
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
            let number = host.known.as_ref().map_or(0, |known| known.state.next_update());
            host.apply(ctx.workflow_time(), Event::Update { name, payload, id });
            number
        });
        async move {
            let _ = ctx.wait_condition_with_options(|host| host.has_answer(number), shielded()).await;
            match ctx.state_mut(|host| host.take_answer(number)) {
                Some(outcome) => match wire::written(&outcome) {
                    Ok(written) => Ok(Box::new(written) as Boxed),
                    Err(error) => Err(refused(&error.to_string())),
                },
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
                to_value(&positions(&known.plan, &known.state)).map_err(|error| error.to_string())
            }
            Ok(known) => machine::query(&known.plan, &known.state, name).map_err(|refusal| refusal.text()),
            Err(_) if name == QUERY_POSITION => Ok(Value::list([])),
            Err(Unknown::Run(RunError { message, .. }) | Unknown::Task(message)) => {
                Err(Refusal::new(RefusalKind::Expression, message.as_str()).text())
            }
        };
        answer.map(|value| Box::new(wire::raw_value(&value)) as Boxed).map_err(|message| refused(&message))
    }
}
