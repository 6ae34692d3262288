//! The one generic workflow: it feeds the machine and carries its commands out. It knows no step.
//!
//! Signals and updates are applied in the synchronous body of their dispatch, before anything else of their task (R1,
//! R2). Everything else is a future in one map ordered by (class, due, number), polled in that order at one wait point;
//! the cancel of the run comes last. Every command has a cancellation token of its own, so that the SDK cancels nothing
//! behind the machine's back (R7). A task whose events led to no command leaves one cheap event (R55).

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration as StdDuration, SystemTime, UNIX_EPOCH};

use futures::future::{FutureExt, LocalBoxFuture};
use temporalio_common::data_converters::{PayloadConverter, RawValue};
use temporalio_common::error::IncomingError;
use temporalio_common::protos::temporal::api::common::v1::Payloads;
use temporalio_common::{ActivityCloseTimeouts, MemoValue, RetryPolicy, WorkflowDefinition};
use temporalio_sdk::workflow_interceptors::WorkflowOutputValue;
use temporalio_sdk::workflows::{
    UpdateDefinitionDescriptor, WorkflowDefinitionDescriptor, WorkflowError, WorkflowImplementation,
};
use temporalio_sdk::{
    ActivityCancellationType, ActivityExecutionError, ActivityOptions, ApplicationFailure, TimerOptions,
    WaitConditionOptions, WorkflowCancellationToken, WorkflowContext, WorkflowContextView, WorkflowTermination,
};

use super::pace::{self, Pace};
use super::record::{Applied, recorder};
use super::request::HttpCall;
use super::wire::{self, StartInput};
use crate::machine::{self, Call, CallError, CallOutcome, Command, End, Event, Run, RunError, State, positions};
use crate::plan::{ENGINE, Plan, from_frozen};
use crate::value::{Time, Value};

/// The workflow type of every run, kept for ever.
pub const WORKFLOW: &str = "fermata";
/// The one update; the author's name travels inside.
pub const UPDATE: &str = "update";
/// Asks where a run stands.
pub const QUERY_POSITION: &str = "$position";
/// The longest id an activity gets; longer paths are cut and end in a hash.
const MAX_ID: usize = 200;
/// A worker that vanished is noticed after this long.
const HEARTBEAT: StdDuration = StdDuration::from_secs(10);
/// Beyond the attempt's own timeout, which the activity keeps itself.
const GRACE: StdDuration = StdDuration::from_secs(5);

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
    pace: Option<Pace>,
    todo: VecDeque<Command>,
    end: Option<End>,
    /// Since the last wait: `None` no event, `Some(true)` events but no command.
    quiet: Option<bool>,
}

static INSTANCES: AtomicU64 = AtomicU64::new(0);

fn millis(time: Option<SystemTime>) -> i64 {
    let since = time.and_then(|t| t.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn std_millis(millis: i64) -> StdDuration {
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
    fn server_wait(&self, due: i64) -> StdDuration {
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
        self.quiet = Some(self.quiet != Some(false) && output.commands.is_empty());
        if let Some((recorder, event)) = told {
            let workflow_id = self.workflow_id.clone();
            let late = self.pace.as_ref().map_or(0, |pace| self.server_now - pace.server(now.millis()));
            recorder(Applied { workflow_id, instance: self.instance, now, event, late, output: output.clone() });
        }
        for command in output.commands {
            match command {
                Command::End(end) => self.end = Some(end),
                other => self.todo.push_back(other),
            }
        }
    }

    fn clock(&self) -> i64 {
        self.known.as_ref().map_or(0, |known| known.state.clock().millis())
    }
}

/// The start input and its plan. Errors: data that is not what the service writes; the run then fails with words, since
/// no worker of any version could do better.
fn understand(input: Option<&RawValue>) -> Result<(StartInput, Arc<Plan>), RunError> {
    let wrong = |message: String| RunError::new("start-input", message, "");
    let payload = input.and_then(|raw| raw.payloads.first()).ok_or_else(|| wrong("there is no start input".into()))?;
    let start = wire::json_text(payload)
        .and_then(StartInput::from_json)
        .map_err(|e| wrong(format!("the start input is not understood: {e}")))?;
    #[expect(clippy::panic, reason = "failing the task, not the run: a worker that knows the engine can go on with it")]
    if start.engine > ENGINE {
        panic!("run of engine {}; this program knows up to {ENGINE}", start.engine);
    }
    let plan = plan_of(&start).map_err(wrong)?;
    Ok((start, plan))
}

/// Plans by digest: runs of one definition share one plan.
static PLANS: Mutex<BTreeMap<String, Arc<Plan>>> = Mutex::new(BTreeMap::new());
const PLANS_KEPT: usize = 256;

fn plan_of(start: &StartInput) -> Result<Arc<Plan>, String> {
    let mut plans = PLANS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(plan) = plans.get(&start.digest).filter(|plan| plan.canonical() == start.document) {
        return Ok(plan.clone());
    }
    let plan = from_frozen(&start.document).map_err(|e| e.to_string())?;
    if plan.digest() != start.digest {
        return Err("the frozen definition does not have the digest it was started with".to_owned());
    }
    if plans.len() >= PLANS_KEPT {
        plans.clear();
    }
    plans.insert(start.digest.clone(), plan.clone());
    Ok(plan)
}

type Key = (u8, i64, u64);
/// Answers of calls, by number.
const RESULT: u8 = 0;
/// Timers, by due time and number.
const TIMER: u8 = 1;

struct Flying<'a> {
    token: WorkflowCancellationToken,
    future: LocalBoxFuture<'a, Event>,
}

enum Step {
    Issue,
    Events(Vec<Event>),
}

/// Hands a command to the SDK, which writes it when this is called, not when the future is polled: the order of issue
/// is the order in history.
fn issue<'a>(ctx: &'a WorkflowContext<Host>, out: &mut BTreeMap<Key, Flying<'a>>, command: Command) {
    let token = WorkflowCancellationToken::new();
    let (key, future) = match command {
        Command::Call(call) => issue_call(ctx, token.clone(), *call),
        Command::Timer { number, due, path } => {
            let wait = ctx.state(|host| host.server_wait(due.millis()));
            let options = TimerOptions::builder(wait).cancellation_token(token.clone()).summary(cut(&path)).build();
            let fired = ctx.timer(options).map(move |_| Event::Fired { timer: number }).boxed_local();
            ((TIMER, due.millis(), number), fired)
        }
        Command::Withdraw { number } => {
            // A result of the current batch has left the map already: nothing to cancel, the machine sees a stray.
            let Some(key) = out.keys().find(|key| key.2 == number).copied() else { return };
            if let Some(flying) = out.get(&key) {
                flying.token.cancel();
            }
            if key.0 == TIMER {
                out.remove(&key); // its future is ready at once and means nothing any more
            }
            return;
        }
        Command::End(_) => return,
    };
    out.insert(key, Flying { token, future });
}

fn issue_call<'a>(
    ctx: &'a WorkflowContext<Host>,
    token: WorkflowCancellationToken,
    call: Call,
) -> (Key, LocalBoxFuture<'a, Event>) {
    let number = call.number;
    let retry = &call.request.retry;
    let paced = ctx.state(|host| host.pace.is_some());
    let clock = ctx.state(Host::clock);
    let wait = |own: i64| ctx.state(|host| host.server_wait(clock.saturating_add(own)));
    let mut policy = RetryPolicy::default();
    policy.set_initial_interval(std_millis(retry.first.millis().max(1)));
    policy.set_backoff_coefficient(retry.factor.to_string().parse().unwrap_or(2.0));
    policy.set_maximum_interval(Some(std_millis(retry.longest.millis().max(1))));
    policy.set_maximum_attempts(retry.attempts.unwrap_or(0));
    let (total, attempt) = (wait(retry.total.millis()), wait(call.request.timeout.millis()));
    let timeouts = ActivityCloseTimeouts::ScheduleAndStartToClose {
        schedule_to_close: if paced { total.max(StdDuration::from_secs(120)) } else { total },
        start_to_close: if paced { StdDuration::from_secs(60) } else { attempt + GRACE },
    };
    let summary = format!("{} {} {}", call.request.service, call.request.method, call.request.path);
    let options = ActivityOptions::with_close_timeouts(timeouts)
        .heartbeat_timeout(HEARTBEAT)
        .retry_policy(policy)
        .cancellation_type(ActivityCancellationType::TryCancel)
        .cancellation_token(token)
        .activity_id(cut(&call.path))
        .summary(cut(&summary))
        .build();
    let input = Value::map([
        ("path", Value::text(call.path)),
        ("idempotencyKey", Value::text(call.idempotency_key)),
        ("request", call.request.to_value()),
    ]);
    let answer = ctx.execute_activity(HttpCall, wire::raw_value(&input), options);
    let event = answer.map(move |result| Event::Answered { call: number, outcome: outcome(result) });
    ((RESULT, 0, number), event.boxed_local())
}

/// A text that Temporal takes as an id or summary: at most [`MAX_ID`] bytes, the rest as a hash.
fn cut(text: &str) -> String {
    use sha2::{Digest, Sha256};
    if text.len() <= MAX_ID {
        return text.to_owned();
    }
    let hash: String = Sha256::digest(text.as_bytes()).iter().take(6).map(|b| format!("{b:02x}")).collect();
    let mut end = MAX_ID - hash.len() - 1;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}~{hash}", text.get(..end).unwrap_or(""))
}

/// What the machine hears of an activity's end. Total: what cannot be read is an error with words.
fn outcome(result: Result<RawValue, ActivityExecutionError>) -> CallOutcome {
    let failed = |kind: &str, message: String| CallOutcome {
        result: Err(CallError { kind: kind.to_owned(), message, details: Value::Null }),
        attempts: None,
    };
    let attempts = |value: &Value| match value.get("attempts") {
        Some(Value::Number(n)) => u32::try_from(*n).ok(),
        _ => None,
    };
    match result {
        Ok(raw) => match wire::value(&raw.payloads) {
            Ok(value) => {
                CallOutcome { attempts: attempts(&value), result: Ok(value.get("reply").cloned().unwrap_or_default()) }
            }
            Err(error) => failed("http.invalid-reply", error.to_string()),
        },
        Err(ActivityExecutionError::Failed(failure)) => match failure.cause() {
            Some(IncomingError::Application(application)) => {
                let details = application.raw_details().map(wire::value).and_then(Result::ok).unwrap_or_default();
                CallOutcome {
                    attempts: attempts(&details),
                    result: Err(CallError {
                        kind: application.type_name().unwrap_or("http.unreachable").to_owned(),
                        message: application.source_error().to_string(),
                        details: details.get("details").cloned().unwrap_or_default(),
                    }),
                }
            }
            Some(IncomingError::Timeout(_)) => {
                failed("http.timeout", "no attempt ended before the time for all of them was over".to_owned())
            }
            _ => failed("http.unreachable", failure.to_string()),
        },
        Err(ActivityExecutionError::Cancelled(_)) => failed("cancelled", "the call was cancelled".to_owned()),
        Err(other) => failed("http.unreachable", other.to_string()),
    }
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
                        .type_name(error.kind)
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
        let event = Event::Signal { name: name.to_owned(), payload };
        ctx.state_mut(|host| host.apply(ctx.workflow_time(), event));
        std::future::ready(Ok(())).boxed_local()
    }

    fn decode_update_input(_: &str, _: Payloads, _: &PayloadConverter) -> Result<Option<Box<dyn Any>>, WorkflowError> {
        Ok(Some(Box::new(())))
    }

    fn validate_update(&self, _: WorkflowContextView, _: &str, _: Box<dyn Any>) -> Result<(), WorkflowError> {
        Err(refused("this run declares no updates"))
    }

    fn dispatch_update(
        _: WorkflowContext<Self>,
        _: &str,
        _: Box<dyn Any>,
    ) -> LocalBoxFuture<'static, Result<Boxed, WorkflowError>> {
        std::future::ready(Err(refused("this run declares no updates"))).boxed_local()
    }

    fn decode_query_input(
        name: &str,
        _: &Payloads,
        _: &PayloadConverter,
    ) -> Result<Option<Box<dyn Any>>, WorkflowError> {
        Ok((name == QUERY_POSITION).then(|| Box::new(()) as Box<dyn Any>))
    }

    fn dispatch_query(&self, _: WorkflowContextView, _: &str, _: Box<dyn Any>) -> Result<Boxed, WorkflowError> {
        let found = match &self.known {
            Ok(known) => positions(&known.plan, &known.state).iter().map(|p| p.to_value()).collect(),
            Err(_) => Vec::new(),
        };
        Ok(Box::new(wire::raw_value(&Value::List(found))) as Boxed)
    }
}
