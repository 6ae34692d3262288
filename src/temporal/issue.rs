//! The machine's commands as commands of the SDK, and what comes back as events of the machine. A command is written to
//! the history when it is issued here, not when its future is polled.

use std::collections::BTreeMap;
use std::time::Duration as StdDuration;

use futures::future::{FutureExt, LocalBoxFuture};
use temporalio_common::data_converters::RawValue;
use temporalio_common::error::{IncomingError, RetryState, TimeoutType};
use temporalio_common::{ActivityCloseTimeouts, RetryPolicy, SignalDefinition, UntypedActivity};
use temporalio_sdk::{
    ActivityCancellationType, ActivityExecutionError, ActivityOptions, SignalWorkflowOptions, TimerOptions,
    WorkflowCancellationToken, WorkflowContext, WorkflowSignalError,
};

use super::request::HttpCall;
use super::wire::{self, HttpAnswer, HttpFailure, HttpWork};
pub(super) use super::workflow::std_millis;
use super::workflow::{FermataRun, Host};
use crate::machine::{Call, CallError, CallOutcome, Command, ErrorType, Event, Own, Send, Work};
use crate::value::{Value, sha256, to_json, to_value};

/// The longest id an activity gets; longer paths are cut and end in a hash.
const MAX_ID: usize = 200;
/// A worker that vanished is noticed after this long.
const HEARTBEAT: StdDuration = StdDuration::from_secs(10);
/// Beyond the attempt's own timeout, which the activity keeps itself.
const GRACE: StdDuration = StdDuration::from_secs(5);

/// The longest time that is asked of a server at once: it counts nanoseconds in 64 bits, and dates up to 2262.
pub(super) const LONGEST: StdDuration = StdDuration::from_secs(100 * 366 * 86_400);

/// Class, due, number.
pub(super) type Key = (u8, i64, u64);
/// Answers of calls, by number.
pub(super) const RESULT: u8 = 0;
/// Timers, by due time and number.
pub(super) const TIMER: u8 = 1;

pub(super) struct Flying<'a> {
    token: WorkflowCancellationToken,
    pub future: LocalBoxFuture<'a, Event>,
}

/// Hands a command to the SDK, which writes it when this is called, not when the future is polled: the order of issue
/// is the order in history.
pub(super) fn issue<'a>(ctx: &'a WorkflowContext<Host>, out: &mut BTreeMap<Key, Flying<'a>>, command: Command) {
    let token = WorkflowCancellationToken::new();
    let (key, future) = match command {
        Command::Call(call) => issue_call(ctx, token.clone(), *call),
        Command::Send(send) => issue_send(ctx, token.clone(), *send),
        Command::Timer { number, due, path } => {
            let mut left = ctx.state(|host| host.server_wait(due.millis()));
            let (summary, cancelled) = (cut(&path.to_string()), token.clone());
            let timer = move |wait: StdDuration| {
                let options = TimerOptions::builder(wait.min(LONGEST)).cancellation_token(cancelled.clone());
                ctx.timer(options.summary(summary.clone()).build())
            };
            let first = timer(left);
            let fired = async move {
                first.await;
                while left > LONGEST {
                    left -= LONGEST;
                    timer(left).await;
                }
                Event::Fired { timer: number }
            };
            ((TIMER, due.millis(), number), fired.boxed_local())
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
        Command::Answer { .. } | Command::End(_) => return, // the host has kept them
    };
    out.insert(key, Flying { token, future });
}

fn issue_call<'a>(
    ctx: &'a WorkflowContext<Host>,
    token: WorkflowCancellationToken,
    call: Call,
) -> (Key, LocalBoxFuture<'a, Event>) {
    let number = call.number;
    let retry = call.work.retry();
    let paced = ctx.state(|host| host.pace.is_some());
    let clock = ctx.state(Host::clock);
    let wait = |own: i64| ctx.state(|host| host.server_wait(clock.saturating_add(own))).min(LONGEST);
    let (total, attempt) = (wait(retry.total.millis()), wait(call.work.timeout().millis()));
    // The HTTP activity keeps the attempt's timeout itself; a foreign one is held to it by the server.
    let grace = if matches!(call.work, Work::Http(_)) { GRACE } else { StdDuration::ZERO };
    let timeouts = ActivityCloseTimeouts::ScheduleAndStartToClose {
        schedule_to_close: if paced { total.max(StdDuration::from_secs(120)) } else { total },
        start_to_close: if paced { StdDuration::from_secs(60) } else { attempt + grace },
    };
    let path = call.path.to_string();
    let id = cut(&path);
    let options = ActivityOptions::with_close_timeouts(timeouts)
        .retry_policy(policy(&call.work))
        .cancellation_type(ActivityCancellationType::TryCancel)
        .cancellation_token(token)
        .activity_id(id);
    let input = RawValue::new(input(&call).iter().map(|value| wire::payload(to_json(value))).collect());
    let event = match call.work {
        Work::Http(ref request) => {
            let summary = cut(&format!("{} {} {}", request.service, request.method, request.path));
            let options = options.heartbeat_timeout(HEARTBEAT).summary(summary).build();
            let answer = ctx.execute_activity(HttpCall, input, options);
            answer.map(move |result| Event::Answered { call: number, outcome: heard(&call.work, result) }).boxed_local()
        }
        Work::Activity(ref activity) => {
            let options = options.task_queue(activity.queue.clone()).summary(cut(&path)).build();
            let answer = ctx.execute_activity(UntypedActivity::new(activity.name.clone()), input, options);
            answer.map(move |result| Event::Answered { call: number, outcome: heard(&call.work, result) }).boxed_local()
        }
    };
    ((RESULT, 0, number), event)
}

/// What the activity of a call is given.
pub(super) fn input(call: &Call) -> Vec<Value> {
    match &call.work {
        Work::Http(request) => {
            let (path, idempotency_key) = (call.path.to_string(), call.idempotency_key.clone());
            // Fields of these kinds always serialise; null stands for the impossible.
            vec![to_value(&HttpWork { path, idempotency_key, request: request.clone() }).unwrap_or_default()]
        }
        Work::Activity(activity) => activity.args.clone(),
    }
}

/// What the machine hears of the end of a call.
pub(super) fn heard(work: &Work, result: Result<RawValue, ActivityExecutionError>) -> CallOutcome {
    match work {
        Work::Http(_) => outcome(result),
        Work::Activity(activity) => foreign(result, activity.retry.attempts),
    }
}

fn policy(work: &Work) -> RetryPolicy {
    let retry = work.retry();
    let mut policy = RetryPolicy::default();
    policy.set_initial_interval(std_millis(retry.first.millis().max(1)));
    policy.set_backoff_coefficient(retry.factor.to_string().parse().unwrap_or(2.0));
    policy.set_maximum_interval(Some(std_millis(retry.longest.millis().max(1))));
    policy.set_maximum_attempts(retry.attempts.unwrap_or(0));
    if let Work::Activity(_) = work {
        // Of an `http` step our own activity decides.
        policy.set_non_retryable_error_types(retry.unless.clone());
    }
    policy
}

/// A signal by its name, to any run.
struct Signal(String);

impl SignalDefinition for Signal {
    type Workflow = FermataRun;
    type Input = RawValue;
    fn name(&self) -> &str {
        &self.0
    }
}

fn issue_send<'a>(
    ctx: &'a WorkflowContext<Host>,
    token: WorkflowCancellationToken,
    send: Send,
) -> (Key, LocalBoxFuture<'a, Event>) {
    let number = send.number;
    let payload = match send.payload {
        Value::Null => RawValue::new(vec![]),
        payload => wire::raw_value(&payload),
    };
    let options = SignalWorkflowOptions::builder().cancellation_token(token).build();
    let sent = ctx.external_workflow(send.to.clone(), None).signal(Signal(send.signal), payload, options);
    let event = sent.map(move |result| {
        let error = |kind: Own, message: String| CallError { kind: kind.into(), message, details: Value::Null };
        let result = match result {
            Ok(()) => Ok(Value::Null),
            Err(WorkflowSignalError::NotFound { .. }) => Err(error(Own::SendNotRunning, not_running(&send.to))),
            Err(other) => Err(error(Own::SendRejected, other.to_string())),
        };
        Event::Answered { call: number, outcome: CallOutcome { result, attempts: None } }
    });
    ((RESULT, 0, number), event.boxed_local())
}

pub(super) fn not_running(run: &str) -> String {
    format!("there is no open run {run}")
}

/// A text that Temporal takes as an id or summary: at most [`MAX_ID`] bytes, the rest as a hash.
pub(super) fn cut(text: &str) -> String {
    if text.len() <= MAX_ID {
        return text.to_owned();
    }
    let hash = sha256(text, 6);
    let mut end = MAX_ID - hash.len() - 1;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}~{hash}", text.get(..end).unwrap_or(""))
}

/// What the machine hears of an activity's end. Total: what cannot be read is an error with words.
fn outcome(result: Result<RawValue, ActivityExecutionError>) -> CallOutcome {
    let failed = |kind: Own, message: String| CallOutcome {
        result: Err(CallError { kind: kind.into(), message, details: Value::Null }),
        attempts: None,
    };
    match result {
        Ok(raw) => match wire::read::<HttpAnswer>(&raw.payloads) {
            Ok(answer) => CallOutcome { attempts: Some(answer.attempts), result: Ok(answer.reply) },
            Err(error) => failed(Own::HttpInvalidReply, error.to_string()),
        },
        Err(ActivityExecutionError::Failed(failure)) => match failure.cause() {
            Some(IncomingError::Application(application)) => {
                let failure = application.raw_details().and_then(|raw| wire::read::<HttpFailure>(raw).ok());
                CallOutcome {
                    attempts: failure.as_ref().map(|failure| failure.attempts),
                    result: Err(CallError {
                        kind: application.type_name().map_or(Own::HttpUnreachable.into(), ErrorType::named),
                        message: application.source_error().to_string(),
                        details: failure.map(|failure| failure.details).unwrap_or_default(),
                    }),
                }
            }
            Some(IncomingError::Timeout(_)) => {
                failed(Own::HttpTimeout, "no attempt ended before the time for all of them was over".to_owned())
            }
            _ => failed(Own::HttpUnreachable, failure.to_string()),
        },
        Err(ActivityExecutionError::Cancelled(_)) => failed(Own::Cancelled, "the call was cancelled".to_owned()),
        Err(other) => failed(Own::HttpUnreachable, other.to_string()),
    }
}

/// What the machine hears of a foreign activity's end (R34). The number of attempts is known only where they were used
/// up.
fn foreign(result: Result<RawValue, ActivityExecutionError>, most: Option<u32>) -> CallOutcome {
    let failed = |kind: ErrorType, message: String, details: Value| CallOutcome {
        result: Err(CallError { kind, message, details }),
        attempts: None,
    };
    match result {
        Ok(raw) => match wire::value(&raw.payloads) {
            Ok(value) => CallOutcome { result: Ok(value), attempts: None },
            Err(error) => failed(Own::ActivityInvalidReply.into(), error.to_string(), Value::Null),
        },
        Err(ActivityExecutionError::Failed(failure)) => {
            let attempts = most.filter(|_| failure.retry_state() == RetryState::MaximumAttemptsReached);
            let outcome = match failure.cause().map(last_attempt) {
                Some(IncomingError::Application(application)) => {
                    let details = application.raw_details().map(wire::value).and_then(Result::ok).unwrap_or_default();
                    let kind = ErrorType::of_activity(application.type_name().unwrap_or(""));
                    failed(kind, application.source_error().to_string(), details)
                }
                Some(IncomingError::Timeout(timeout)) => {
                    let message = match timeout.timeout_type() {
                        TimeoutType::ScheduleToStart => "no worker took it before the time for all attempts was over",
                        TimeoutType::ScheduleToClose => "no attempt ended before the time for all of them was over",
                        TimeoutType::Heartbeat => "its worker was not heard of any more",
                        _ => "it did not answer within its timeout",
                    };
                    failed(Own::ActivityTimeout.into(), message.to_owned(), Value::Null)
                }
                _ => failed(ErrorType::of_activity(""), failure.to_string(), Value::Null),
            };
            CallOutcome { attempts, ..outcome }
        }
        Err(ActivityExecutionError::Cancelled(_)) => {
            failed(Own::Cancelled.into(), "the activity was cancelled".to_owned(), Value::Null)
        }
        Err(other) => failed(ErrorType::of_activity(""), other.to_string(), Value::Null),
    }
}

/// The error is the last attempt's: where the time for all attempts ran out, it stands behind that (R34).
fn last_attempt(cause: &IncomingError) -> &IncomingError {
    match (cause, cause.cause()) {
        (IncomingError::Timeout(_), Some(inner @ IncomingError::Application(_))) => inner,
        _ => cause,
    }
}
