//! A history read by the pure machine, without the SDK: the events of each task in the order in which the host applies
//! them. `compare.rs` holds the commands that the machine gives against those that the history has.
//!
//! It does what `workflow.rs` does with what the SDK hands over, and nothing of its own: signals and updates first, then
//! what came back by (class, due, number), the cancel last (R1). A task is what stands between one task that was
//! completed and the next; tasks that failed or timed out are none. Two tasks are never one, because none is quiet
//! (R55). Where a history is full it holds calls back, and crosses, as the host does (R38 to R41). The suite holds what
//! is fed here against what the SDK feeds the host.

use std::collections::BTreeMap;
use std::sync::Arc;

use temporalio_common::data_converters::{
    ActivityExecutionDecodeHint, DataConverter, RawValue, SerializationContextData, WorkflowSerializationContext,
};
use temporalio_common::error::ActivityExecutionError;
use temporalio_common::protos::temporal::api::failure::v1::failure::FailureInfo;
use temporalio_common::protos::temporal::api::failure::v1::{ActivityFailureInfo, CanceledFailureInfo, Failure};
use temporalio_common::protos::temporal::api::history::v1::HistoryEvent;
use temporalio_common::protos::temporal::api::history::v1::history_event::Attributes;

use super::{History, wire};
use crate::machine::{self, CallError, CallOutcome, Command, End, Event, Exceeded, Own, State, Trace, UpdateOutcome};
use crate::plan::Plan;
use crate::temporal::crossing::{Fill, Filling, LARGEST, Queue, onwards, portable};
use crate::temporal::issue::{Key, LONGEST, RESULT, TIMER, heard, not_running};
use crate::temporal::wire::{StartInput, UpdateInput};
use crate::temporal::workflow::{Begun, MESSAGE_ID, know};
use crate::value::{Time, Value};

/// One event as it was fed to the machine.
#[derive(Debug, Clone)]
pub struct Fed {
    /// The task it belongs to, counted from 1.
    pub task: usize,
    pub now: Time,
    pub event: Event,
    pub commands: Vec<Command>,
    pub trace: Vec<Trace>,
}

/// A history that the machine agrees with.
#[derive(Debug)]
pub struct Reading {
    pub plan: Arc<Plan>,
    /// How many histories of the run there were before.
    pub number: u64,
    /// The state that it begins with, and what is asked for again before anything else (R42).
    pub began: State,
    pub first: Vec<Command>,
    pub fed: Vec<Fed>,
    pub state: State,
}

/// Where the machine and a history part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at event {event}: {words}")]
pub struct Parted {
    /// The number of the event in the history; 0 where it lies in no event.
    pub event: i64,
    pub words: String,
}

impl History {
    /// Reads all tasks that were completed. Errors: the first command that the machine gives and the history does not
    /// have, or the other way round; a run that this program does not understand.
    pub fn read(&self) -> Result<Reading, Parted> {
        match self.read_on()? {
            (reading, None) => Ok(reading),
            (_, Some(parted)) => Err(parted),
        }
    }

    /// The tasks with which the machine agrees, and where the two part. Errors: a run that this program does not
    /// understand.
    pub fn read_on(&self) -> Result<(Reading, Option<Parted>), Parted> {
        let lost = |words: String| Parted { event: 0, words };
        if let Some(words) = self.later() {
            return Err(lost(words));
        }
        let start = self.start().map_err(lost)?;
        let plan = start.plan().map_err(lost)?;
        let Begun { start, state, number, first } = know(start, plan.clone()).map_err(lost)?;
        let (began, again) = (state.clone(), first.clone());
        let mut reader = Reader {
            plan: &plan,
            filling: Filling::new(start.marks),
            start: &start,
            state,
            number,
            now: 0,
            task: 0,
            length: 0,
            suggested: false,
            stays: false,
            full: false,
            quiet: (number > 0).then_some(first.is_empty()),
            queue: Queue::new(first),
            out: BTreeMap::new(),
            wanted: Vec::new(),
            updates: Vec::new(),
            cancelled: None,
            end: None,
            fed: Vec::new(),
        };
        let parted = tasks(self.events()).iter().find_map(|task| reader.task(task).err());
        let Reader { state, mut fed, task: last, .. } = reader;
        if parted.is_some() {
            fed.retain(|fed| fed.task < last);
        }
        Ok((Reading { plan, number, began, first: again, fed, state }, parted))
    }
}

/// What one task was given, and what it gave.
pub(super) struct Task<'a> {
    /// The start of the task, whose time is the clock of all of it.
    pub started: &'a HistoryEvent,
    given: Vec<&'a HistoryEvent>,
    pub commands: Vec<&'a HistoryEvent>,
}

fn tasks(events: &[HistoryEvent]) -> Vec<Task<'_>> {
    let (mut tasks, mut given): (Vec<Task<'_>>, Vec<&HistoryEvent>) = (Vec::new(), Vec::new());
    for (at, event) in events.iter().enumerate() {
        match &event.attributes {
            Some(Attributes::WorkflowTaskStartedEventAttributes(_)) => {
                let next = events.get(at + 1).and_then(|next| next.attributes.as_ref());
                if matches!(next, Some(Attributes::WorkflowTaskCompletedEventAttributes(_))) {
                    tasks.push(Task { started: event, given: std::mem::take(&mut given), commands: Vec::new() });
                }
            }
            _ if event.is_command_event() => tasks.extend_last(event),
            _ => given.push(event),
        }
    }
    tasks
}

trait ExtendLast<'a> {
    fn extend_last(&mut self, command: &'a HistoryEvent);
}

impl<'a> ExtendLast<'a> for Vec<Task<'a>> {
    fn extend_last(&mut self, command: &'a HistoryEvent) {
        if let Some(task) = self.last_mut() {
            task.commands.push(command);
        }
    }
}

/// What is awaited, as the host's map has it.
pub(super) struct Out {
    pub what: What,
    /// The event of the command, once the history has told it.
    pub event: Option<i64>,
    /// What came back.
    ready: Option<Event>,
    /// What comes back of what was withdrawn, when the main line has come to rest.
    late: Option<Event>,
}

pub(super) enum What {
    Call(Box<machine::Call>),
    Send(Box<machine::Send>),
    /// Milliseconds that are asked of the server beyond the timer that runs.
    Timer {
        left: i64,
    },
}

/// A command that the history must have.
pub(super) enum Wanted {
    Start(Key),
    /// The call or timer whose command has this event.
    Cancel(Key, i64),
}

pub(super) struct Update {
    /// The machine's number.
    number: u64,
    /// The server's id.
    pub id: String,
    pub accepted: i64,
    pub outcome: Option<UpdateOutcome>,
    /// Its handler has ended: it saw the outcome.
    finished: bool,
    pub told: bool,
}

/// How a task was left.
pub(super) struct Rest {
    /// How often it was marked with a memo.
    pub marks: usize,
    /// The start input of the history that follows.
    pub crossed: Option<String>,
}

pub(super) struct Reader<'a> {
    plan: &'a Plan,
    start: &'a StartInput,
    state: State,
    /// How many histories there were before.
    number: u64,
    filling: Filling,
    /// The server's time, in milliseconds since 1970.
    now: i64,
    task: usize,
    /// What the server says of the task.
    length: u64,
    suggested: bool,
    /// It carries too much for a fresh history, and fails in this one. This one is full, and it was told so.
    stays: bool,
    full: bool,
    queue: Queue,
    pub out: BTreeMap<Key, Out>,
    pub wanted: Vec<Wanted>,
    pub updates: Vec<Update>,
    /// The reason of the run's cancel, and whether the machine was told.
    cancelled: Option<(String, bool)>,
    pub end: Option<End>,
    quiet: Option<bool>,
    fed: Vec<Fed>,
}

fn millis(event: &HistoryEvent) -> i64 {
    event.event_time.as_ref().map_or(0, |time| time.seconds * 1_000 + i64::from(time.nanos) / 1_000_000)
}

impl Reader<'_> {
    fn task(&mut self, task: &Task<'_>) -> Result<(), Parted> {
        self.task += 1;
        let began = millis(task.started);
        self.length = u64::try_from(task.started.event_id).unwrap_or(0);
        if let Some(Attributes::WorkflowTaskStartedEventAttributes(started)) = &task.started.attributes {
            self.suggested = started.suggest_continue_as_new;
        }
        for event in &task.given {
            self.given(event, began);
        }
        for event in &task.commands {
            if let Some(Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(accepted)) = &event.attributes {
                let input = accepted.accepted_request.as_ref().and_then(|request| request.input.as_ref());
                let payloads = input.and_then(|input| input.args.as_ref()).map(|args| args.payloads.as_slice());
                let UpdateInput { name, payload, id } = UpdateInput::of(payloads.unwrap_or_default());
                let (number, instance) = (self.state.next_update(), accepted.protocol_instance_id.clone());
                let accepted = event.event_id;
                let update = Update { number, id: instance, accepted, outcome: None, finished: false, told: false };
                self.updates.push(update);
                self.apply(began, Event::Update { name, payload, id });
            }
        }
        if self.task == 1 && self.number > 0 {
            self.now = self.now.max(began);
        }
        let rest = self.main(began).map_err(|words| Parted { event: task.started.event_id, words })?;
        self.compare(task, &rest)
    }

    /// What a task brings before the main line is polled: messages are applied at once, what came back is kept.
    fn given(&mut self, event: &HistoryEvent, began: i64) {
        let Some(attributes) = &event.attributes else { return };
        match attributes {
            Attributes::WorkflowExecutionStartedEventAttributes(_) if self.number > 0 => {}
            Attributes::WorkflowExecutionStartedEventAttributes(_) => self.apply(millis(event), Event::Started),
            Attributes::WorkflowExecutionSignaledEventAttributes(signal) => {
                let payloads = signal.input.as_ref().map_or(&[][..], |input| input.payloads.as_slice());
                let payload = wire::value(payloads).unwrap_or_default();
                let id = signal.header.as_ref().and_then(|header| header.fields.get(MESSAGE_ID));
                let id = id.and_then(|id| wire::value(std::slice::from_ref(id)).ok());
                let id = id.and_then(|id| id.as_text().map(str::to_owned));
                self.apply(began, Event::Signal { name: signal.signal_name.clone(), payload, id });
            }
            Attributes::WorkflowExecutionCancelRequestedEventAttributes(request) => {
                self.cancelled.get_or_insert_with(|| (request.cause.clone(), false));
            }
            Attributes::TimerFiredEventAttributes(fired) => {
                self.back(fired.started_event_id, |number, _| Event::Fired { timer: number });
            }
            Attributes::ActivityTaskCompletedEventAttributes(done) => {
                let payloads = done.result.clone().unwrap_or_default().payloads;
                self.back(done.scheduled_event_id, |number, what| ended(number, what, Ok(RawValue::new(payloads))));
            }
            Attributes::ActivityTaskFailedEventAttributes(failed) => {
                let failure = activity_failure("Activity task failed", failed.failure.clone(), failed.retry_state);
                self.back(failed.scheduled_event_id, |number, what| ended(number, what, Err(decoded(failure, false))));
            }
            Attributes::ActivityTaskTimedOutEventAttributes(timed) => {
                let failure = activity_failure("Activity task timed out", timed.failure.clone(), timed.retry_state);
                self.back(timed.scheduled_event_id, |number, what| ended(number, what, Err(decoded(failure, false))));
            }
            Attributes::ExternalWorkflowExecutionSignaledEventAttributes(sent) => {
                self.back(sent.initiated_event_id, |number, _| Event::Answered {
                    call: number,
                    outcome: CallOutcome { result: Ok(Value::Null), attempts: None },
                });
            }
            Attributes::SignalExternalWorkflowExecutionFailedEventAttributes(failed) => {
                let unknown = failed.cause()
                    == temporalio_common::protos::temporal::api::enums::v1::SignalExternalWorkflowExecutionFailedCause::ExternalWorkflowExecutionNotFound;
                let reason = failed.cause();
                self.back(failed.initiated_event_id, |number, what| {
                    let (kind, message) = match what {
                        What::Send(send) if unknown => (Own::SendNotRunning, not_running(&send.to)),
                        _ => {
                            let why = format!("Unable to signal external workflow because {reason}");
                            (Own::SendRejected, format!("Child workflow signal failed: {why}"))
                        }
                    };
                    unsent(number, kind, message)
                });
            }
            // All else is the server's own bookkeeping, or comes after the call was let go.
            _ => {}
        }
    }

    /// What came back to the command with this event.
    fn back(&mut self, event: i64, heard: impl FnOnce(u64, &What) -> Event) {
        let found =
            self.out.iter_mut().find(|(_, out)| out.event == Some(event) && out.ready.is_none() && out.late.is_none());
        if let Some((key, out)) = found {
            out.ready = Some(heard(key.2, &out.what));
        }
    }

    /// One event, to quiescence, as the host does it.
    fn apply(&mut self, time: i64, event: Event) {
        self.now = self.now.max(time);
        let now = Time(self.now);
        self.filling.took(&event);
        let output = machine::apply(self.plan, &mut self.state, now, event.clone());
        self.quiet = Some(self.quiet != Some(false) && output.commands.is_empty());
        let commands = output.commands.clone();
        self.fed.push(Fed { task: self.task, now, event, commands, trace: output.trace });
        for command in output.commands {
            self.filling.gave(&command);
            match command {
                Command::End(end) => self.end = Some(end),
                Command::Answer { update, .. } => {
                    let outcome = self.state.take_answer(update);
                    if let Some(update) = self.updates.iter_mut().find(|one| one.number == update) {
                        update.outcome = outcome;
                    }
                }
                other => self.queue.push(other),
            }
        }
    }

    /// The main line, until nothing of this task is left. Errors: a state that cannot be written.
    fn main(&mut self, began: i64) -> Result<Rest, String> {
        let mut marks = 0;
        self.callers();
        // In the first task the host comes to the head of its loop, in the others it waits already.
        if self.task > 1 && !self.hear(began, &mut marks) {
            return Ok(Rest { marks, crossed: None });
        }
        loop {
            let fill = self.fill();
            let heard = self.cancelled.as_ref().is_none_or(|(_, told)| *told);
            if !self.stays && heard && self.crosses() {
                let input = onwards(self.start, self.number, &self.state, &self.queue).map_err(|e| e.to_string())?;
                if input.len() <= LARGEST {
                    return Ok(Rest { marks, crossed: Some(input) });
                }
                self.apply(began, Event::Exceeded(Exceeded::State { bytes: input.len() as u64 }));
                self.stays = true;
                self.queue.release();
            } else if fill == Fill::Hard && !self.full && !self.stays {
                self.full = true;
                self.apply(began, Event::Exceeded(Exceeded::History { events: self.length }));
            }
            while let Some(command) = self.queue.next(if self.stays { Fill::Free } else { fill }) {
                self.issue(command);
            }
            if self.end.is_some() {
                return Ok(Rest { marks, crossed: None });
            }
            if !self.hear(began, &mut marks) {
                return Ok(Rest { marks, crossed: None });
            }
        }
    }

    /// Applies what the host hears where it waits. Whether it comes to the head of its loop again in this task.
    fn hear(&mut self, began: i64, marks: &mut usize) -> bool {
        let Some(events) = self.wait(marks) else { return false };
        for event in events {
            self.apply(began, event);
            if self.end.is_some() {
                break;
            }
        }
        true
    }

    /// The one point at which the host waits: what it hears there, or that it looks again whether it crosses. `None`:
    /// nothing more in this task.
    fn wait(&mut self, marks: &mut usize) -> Option<Vec<Event>> {
        loop {
            // A message was applied meanwhile.
            if !self.queue.is_empty() || self.end.is_some() {
                return Some(Vec::new());
            }
            let ready: Vec<Key> = self.out.iter().filter(|(_, out)| out.ready.is_some()).map(|(key, _)| *key).collect();
            let mut batch = Vec::new();
            for key in ready {
                let Some(out) = self.out.remove(&key) else { continue };
                match out.what {
                    What::Timer { left } if left > 0 => {
                        let what = What::Timer { left: left - longest() };
                        self.out.insert(key, Out { what, event: None, ready: None, late: None });
                        self.wanted.push(Wanted::Start(key));
                    }
                    _ => batch.extend(out.ready),
                }
            }
            if let Some((reason, told @ false)) = &mut self.cancelled {
                *told = true;
                batch.push(Event::Cancel { reason: reason.clone() });
            }
            if !batch.is_empty() {
                return Some(batch);
            }
            if !self.stays && (self.fill() == Fill::Hard && !self.full || self.crosses()) {
                return Some(batch);
            }
            *marks += usize::from(self.quiet.take().unwrap_or(false));
            // What was withdrawn the SDK answers once the main line waits, within the same task; and handlers whose
            // updates have their answers by then end.
            let mut more = self.callers();
            for out in self.out.values_mut() {
                out.ready = out.ready.take().or_else(|| out.late.take());
                more |= out.ready.is_some();
            }
            if !more {
                return None;
            }
        }
    }

    /// Lets the handlers of answered updates end. Whether there were any.
    fn callers(&mut self) -> bool {
        let mut any = false;
        for update in self.updates.iter_mut().filter(|update| update.outcome.is_some() && !update.finished) {
            update.finished = true;
            any = true;
        }
        any
    }

    fn fill(&self) -> Fill {
        if self.quiet.is_some() {
            self.filling.told(self.length, self.suggested);
        }
        self.filling.fill()
    }

    fn crosses(&self) -> bool {
        let handled = self.updates.iter().all(|update| update.finished);
        self.end.is_none() && self.filling.fill() > Fill::Free && portable(self.out.keys()) && handled
    }

    fn issue(&mut self, command: Command) {
        let (key, what) = match command {
            Command::Call(call) => ((RESULT, 0, call.number), What::Call(call)),
            Command::Send(send) => ((RESULT, 0, send.number), What::Send(send)),
            Command::Timer { number, due, .. } => {
                let left = due.millis().saturating_sub(self.state.clock().millis().max(self.now)).max(1);
                ((TIMER, due.millis(), number), What::Timer { left: left - longest() })
            }
            Command::Withdraw { number } => return self.withdraw(number),
            Command::Answer { .. } | Command::End(_) => return,
        };
        self.out.insert(key, Out { what, event: None, ready: None, late: None });
        self.wanted.push(Wanted::Start(key));
    }

    /// What was asked for in this task never reaches the server; of the rest, a timer and a call are cancelled there.
    fn withdraw(&mut self, number: u64) {
        let Some(key) = self.out.keys().find(|key| key.2 == number).copied() else { return };
        let Some(out) = self.out.get_mut(&key) else { return };
        let unissued = out.event.is_none();
        if unissued {
            self.wanted.retain(|wanted| !matches!(wanted, Wanted::Start(other) if *other == key));
        }
        let sent = out.event.filter(|_| out.ready.is_none());
        match &out.what {
            What::Timer { .. } => {
                self.wanted.extend(sent.map(|event| Wanted::Cancel(key, event)));
                self.out.remove(&key);
            }
            what @ What::Call(_) if out.ready.is_none() => {
                let failure = activity_failure("Activity cancelled", Some(cancelled()), 0);
                out.late = Some(ended(number, what, Err(decoded(failure, true))));
                self.wanted.extend(sent.map(|event| Wanted::Cancel(key, event)));
            }
            // One that is on its way cannot be called back.
            What::Send(_) if unissued => {
                let message = "Child workflow signal failed: Signal was cancelled before being sent".to_owned();
                out.late = Some(unsent(number, Own::SendRejected, message));
            }
            What::Call(_) | What::Send(_) => {}
        }
    }
}

pub(super) fn longest() -> i64 {
    i64::try_from(LONGEST.as_millis()).unwrap_or(i64::MAX)
}

fn ended(number: u64, what: &What, result: Result<RawValue, ActivityExecutionError>) -> Event {
    let outcome = match what {
        What::Call(call) => heard(&call.work, result),
        What::Send(_) | What::Timer { .. } => CallOutcome { result: Ok(Value::Null), attempts: None },
    };
    Event::Answered { call: number, outcome }
}

fn unsent(number: u64, kind: Own, message: String) -> Event {
    let error = CallError { kind: kind.into(), message, details: Value::Null };
    Event::Answered { call: number, outcome: CallOutcome { result: Err(error), attempts: None } }
}

/// The failure of an activity as the SDK puts it together.
fn activity_failure(message: &str, cause: Option<Failure>, retry_state: i32) -> Failure {
    let info = ActivityFailureInfo { retry_state, ..ActivityFailureInfo::default() };
    Failure {
        message: message.to_owned(),
        cause: cause.map(Box::new),
        failure_info: Some(FailureInfo::ActivityFailureInfo(info)),
        ..Failure::default()
    }
}

fn cancelled() -> Failure {
    let info = Some(FailureInfo::CanceledFailureInfo(CanceledFailureInfo::default()));
    Failure { failure_info: info, ..Failure::default() }
}

fn decoded(failure: Failure, cancelled: bool) -> ActivityExecutionError {
    let context = SerializationContextData::Workflow(WorkflowSerializationContext::new());
    let hint = ActivityExecutionDecodeHint::new(cancelled);
    DataConverter::default().to_error(&context, failure, hint).unwrap_or_else(ActivityExecutionError::Serialization)
}
