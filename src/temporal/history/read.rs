//! A history read by the pure machine, without the SDK: the events of each task in the order in which the host applies
//! them, and the commands that the machine gives held against those that the history has.
//!
//! It does what `workflow.rs` does with what the SDK hands over, and nothing of its own: signals and updates first, then
//! what came back by (class, due, number), the cancel last (R1). A task is what stands between one task that was
//! completed and the next; tasks that failed or timed out are none. Two tasks are never one, because none is quiet
//! (R55). The suite holds what is fed here against what the SDK feeds the host.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use temporalio_common::ActivityDefinition;
use temporalio_common::data_converters::{
    ActivityExecutionDecodeHint, DataConverter, RawValue, SerializationContextData, WorkflowSerializationContext,
};
use temporalio_common::error::ActivityExecutionError;
use temporalio_common::protos::temporal::api::common::v1::{Payload, Payloads};
use temporalio_common::protos::temporal::api::failure::v1::failure::FailureInfo;
use temporalio_common::protos::temporal::api::failure::v1::{ActivityFailureInfo, CanceledFailureInfo, Failure};
use temporalio_common::protos::temporal::api::history::v1::HistoryEvent;
use temporalio_common::protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_common::protos::temporal::api::update::v1::outcome;

use super::words::kind;
use super::{History, wire};
use crate::machine::{self, CallError, CallOutcome, Command, End, Event, Own, State, Trace, UpdateOutcome, Work};
use crate::plan::Plan;
use crate::temporal::issue::{Key, LONGEST, RESULT, TIMER, cut, heard, input, not_running, std_millis};
use crate::temporal::request::HttpCall;
use crate::temporal::wire::{StartInput, UpdateInput};
use crate::temporal::workflow::{MESSAGE_ID, know};
use crate::value::{Time, Value, to_json, to_value};

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
        let lost = |words: String| Parted { event: 0, words };
        if let Some(words) = self.later() {
            return Err(lost(words));
        }
        let start = self.start().map_err(lost)?;
        let plan = start.plan().map_err(lost)?;
        let known = know(start, plan.clone()).map_err(lost)?;
        let mut reader = Reader {
            plan: &plan,
            state: known.state,
            carried: known.number > 0,
            now: 0,
            task: 0,
            quiet: (known.number > 0).then_some(known.first.is_empty()),
            todo: known.first.into(),
            out: BTreeMap::new(),
            wanted: Vec::new(),
            updates: Vec::new(),
            cancelled: None,
            end: None,
            fed: Vec::new(),
        };
        for task in tasks(self.events()) {
            reader.task(&task)?;
        }
        let Reader { state, fed, .. } = reader;
        Ok(Reading { plan, fed, state })
    }
}

/// What one task was given, and what it gave.
struct Task<'a> {
    /// The start of the task, whose time is the clock of all of it.
    started: &'a HistoryEvent,
    given: Vec<&'a HistoryEvent>,
    commands: Vec<&'a HistoryEvent>,
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
struct Out {
    what: What,
    /// The event of the command, once the history has told it.
    event: Option<i64>,
    /// What came back.
    ready: Option<Event>,
    /// What comes back of what was withdrawn, when the main line has come to rest.
    late: Option<Event>,
}

enum What {
    Call(Box<machine::Call>),
    Send(Box<machine::Send>),
    /// Milliseconds that are asked of the server beyond the timer that runs.
    Timer {
        left: i64,
    },
}

/// A command that the history must have.
enum Wanted {
    Start(Key),
    /// The call or timer whose command has this event.
    Cancel(Key, i64),
}

struct Update {
    /// The machine's number.
    number: u64,
    /// The server's id.
    id: String,
    accepted: i64,
    outcome: Option<UpdateOutcome>,
    told: bool,
}

struct Reader<'a> {
    plan: &'a Plan,
    state: State,
    /// It goes on from another history.
    carried: bool,
    /// The server's time, in milliseconds since 1970.
    now: i64,
    task: usize,
    todo: VecDeque<Command>,
    out: BTreeMap<Key, Out>,
    wanted: Vec<Wanted>,
    updates: Vec<Update>,
    /// The reason of the run's cancel, and whether the machine was told.
    cancelled: Option<(String, bool)>,
    end: Option<End>,
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
        for event in &task.given {
            self.given(event, began);
        }
        for event in &task.commands {
            if let Some(Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(accepted)) = &event.attributes {
                let input = accepted.accepted_request.as_ref().and_then(|request| request.input.as_ref());
                let payloads = input.and_then(|input| input.args.as_ref()).map(|args| args.payloads.as_slice());
                let UpdateInput { name, payload, id } = UpdateInput::of(payloads.unwrap_or_default());
                let (number, instance) = (self.state.next_update(), accepted.protocol_instance_id.clone());
                let update = Update { number, id: instance, accepted: event.event_id, outcome: None, told: false };
                self.updates.push(update);
                self.apply(began, Event::Update { name, payload, id });
            }
        }
        if self.task == 1 && self.carried {
            self.now = self.now.max(began);
        }
        let crossed = task.commands.iter().find_map(|event| match &event.attributes {
            Some(Attributes::WorkflowExecutionContinuedAsNewEventAttributes(next)) => Some((event.event_id, next)),
            _ => None,
        });
        if let Some((event, next)) = crossed {
            let payload = next.input.as_ref().and_then(|input| input.payloads.first());
            return self.crosses(began, event, payload);
        }
        let marks = self.main(began);
        self.compare(task, marks)
    }

    /// The last task of a history that another one follows: what was asked for is asked for there (R42).
    fn crosses(&mut self, began: i64, event: i64, next: Option<&Payload>) -> Result<(), Parted> {
        let parted = |words: String| Parted { event, words };
        let ready: Vec<Event> = self.out.values_mut().filter_map(|out| out.ready.take()).collect();
        for event in ready {
            self.apply(began, event);
        }
        if let Some((reason, told @ false)) = &mut self.cancelled {
            *told = true;
            let reason = reason.clone();
            self.apply(began, Event::Cancel { reason });
        }
        let next = next.ok_or_else(|| parted("the fresh history has no input".to_owned()))?;
        let next = wire::json_text(next).and_then(StartInput::from_json).map_err(|error| parted(error.to_string()))?;
        let found = next.carried.map(|carried| carried.state.0).unwrap_or_default();
        let given = self.state.write().map_err(|error| parted(error.to_string()))?;
        if given == found {
            return Ok(());
        }
        Err(parted(format!("the machine carries {given} into the fresh history, recorded is {found}")))
    }

    /// What a task brings before the main line is polled: messages are applied at once, what came back is kept.
    fn given(&mut self, event: &HistoryEvent, began: i64) {
        let Some(attributes) = &event.attributes else { return };
        match attributes {
            Attributes::WorkflowExecutionStartedEventAttributes(_) if self.carried => {}
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
        let output = machine::apply(self.plan, &mut self.state, now, event.clone());
        self.quiet = Some(self.quiet != Some(false) && output.commands.is_empty());
        let commands = output.commands.clone();
        self.fed.push(Fed { task: self.task, now, event, commands, trace: output.trace });
        for command in output.commands {
            match command {
                Command::End(end) => self.end = Some(end),
                Command::Answer { update, .. } => {
                    let outcome = self.state.take_answer(update);
                    if let Some(update) = self.updates.iter_mut().find(|one| one.number == update) {
                        update.outcome = outcome;
                    }
                }
                other => self.todo.push_back(other),
            }
        }
    }

    /// The main line, until nothing of this task is left. How often it marked the task with a memo.
    fn main(&mut self, began: i64) -> usize {
        let mut marks = 0;
        loop {
            while let Some(command) = self.todo.pop_front() {
                self.issue(command);
            }
            if self.end.is_some() {
                return marks;
            }
            let ready: Vec<Key> = self.out.iter().filter(|(_, out)| out.ready.is_some()).map(|(key, _)| *key).collect();
            let mut batch = Vec::new();
            for key in ready {
                let Some(out) = self.out.remove(&key) else { continue };
                match out.what {
                    What::Timer { left } if left > 0 => {
                        self.out.insert(
                            key,
                            Out { what: What::Timer { left: left - longest() }, event: None, ready: None, late: None },
                        );
                        self.wanted.push(Wanted::Start(key));
                    }
                    _ => batch.extend(out.ready),
                }
            }
            if let Some((reason, told)) = &mut self.cancelled
                && !*told
            {
                *told = true;
                batch.push(Event::Cancel { reason: reason.clone() });
            }
            if batch.is_empty() {
                marks += usize::from(self.quiet.take().unwrap_or(false));
                // What was withdrawn the SDK answers once the main line waits, within the same task.
                let mut late = false;
                for out in self.out.values_mut() {
                    out.ready = out.ready.take().or_else(|| out.late.take());
                    late |= out.ready.is_some();
                }
                if late {
                    continue;
                }
                return marks;
            }
            for event in batch {
                self.apply(began, event);
                while let Some(command) = self.todo.pop_front() {
                    self.issue(command);
                }
                if self.end.is_some() {
                    return marks;
                }
            }
        }
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

    /// The commands of the machine against those of the history, in order.
    fn compare(&mut self, task: &Task<'_>, marks: usize) -> Result<(), Parted> {
        let mut wanted = std::mem::take(&mut self.wanted).into_iter();
        let mut marked = 0;
        let mut last = None;
        for event in &task.commands {
            let parted = |words: String| Parted { event: event.event_id, words };
            let Some(attributes) = &event.attributes else { continue };
            match attributes {
                Attributes::WorkflowPropertiesModifiedEventAttributes(_) => marked += 1,
                Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(_) => {}
                Attributes::WorkflowExecutionUpdateCompletedEventAttributes(done) => {
                    let found = match done.outcome.as_ref().and_then(|outcome| outcome.value.as_ref()) {
                        Some(outcome::Value::Success(payloads)) => shown(Some(payloads)),
                        _ => "a failure".to_owned(),
                    };
                    let update = self.updates.iter_mut().find(|update| update.accepted == done.accepted_event_id);
                    let given = update.and_then(|update| {
                        update.told = true;
                        update.outcome.as_ref().map(|outcome| {
                            to_value(outcome).map_or_else(|error| error.to_string(), |value| to_json(&value))
                        })
                    });
                    if given.as_ref() != Some(&found) {
                        let given = given.unwrap_or_else(|| "nothing".to_owned());
                        return Err(parted(format!(
                            "the machine answers the update with {given}, recorded is {found}"
                        )));
                    }
                }
                Attributes::WorkflowExecutionCompletedEventAttributes(_)
                | Attributes::WorkflowExecutionFailedEventAttributes(_)
                | Attributes::WorkflowExecutionCanceledEventAttributes(_) => last = Some(*event),
                _ => match wanted.next() {
                    Some(Wanted::Start(key)) => {
                        let out = self.out.get(&key);
                        let difference = out.and_then(|out| difference(&out.what, event));
                        if let Some(words) = difference {
                            return Err(parted(words));
                        }
                        if let Some(out) = self.out.get_mut(&key) {
                            out.event = Some(event.event_id);
                        }
                    }
                    Some(Wanted::Cancel(key, of)) => {
                        let found = match attributes {
                            Attributes::TimerCanceledEventAttributes(cancel) if key.0 == TIMER => {
                                cancel.started_event_id
                            }
                            Attributes::ActivityTaskCancelRequestedEventAttributes(cancel) if key.0 == RESULT => {
                                cancel.scheduled_event_id
                            }
                            _ => 0,
                        };
                        if found != of {
                            let what = format!("the machine withdraws what event {of} asked for");
                            return Err(parted(format!("{what}, recorded is {}", kind(event))));
                        }
                    }
                    None => {
                        return Err(parted(format!("recorded is {}, the machine gives nothing more", kind(event))));
                    }
                },
            }
        }
        let parted = |words: String| Parted { event: task.started.event_id, words };
        if let Some(wanted) = wanted.next() {
            let words = match wanted {
                Wanted::Start(key) => self.out.get(&key).map_or_else(String::new, |out| told(&out.what)),
                Wanted::Cancel(_, of) => format!("withdraws what event {of} asked for"),
            };
            return Err(parted(format!("the machine {words}, recorded is nothing more of this task")));
        }
        if let Some(update) = self.updates.iter().find(|update| update.outcome.is_some() && !update.told) {
            return Err(parted(format!("the machine answers the update {}, recorded is no answer", update.id)));
        }
        if marks != marked {
            return Err(parted(format!("the machine marks this task {marks} times, recorded is {marked} times")));
        }
        self.compare_end(last, task)
    }

    fn compare_end(&self, recorded: Option<&HistoryEvent>, task: &Task<'_>) -> Result<(), Parted> {
        let given = self.end.as_ref().map(|end| match end {
            End::Completed(value) => format!("completed with {}", to_json(value)),
            End::Failed(error) => format!("failed with {}", to_json(&error.to_value())),
            End::Cancelled { reason } => {
                format!("cancelled with {}", to_json(&Value::map([("reason", Value::text(reason.as_str()))])))
            }
        });
        let found = recorded.and_then(|event| event.attributes.as_ref()).map(|attributes| match attributes {
            Attributes::WorkflowExecutionCompletedEventAttributes(a) => {
                format!("completed with {}", shown(a.result.as_ref()))
            }
            Attributes::WorkflowExecutionFailedEventAttributes(a) => {
                let info = a.failure.as_ref().and_then(|failure| failure.failure_info.as_ref());
                let details = match info {
                    Some(FailureInfo::ApplicationFailureInfo(info)) => info.details.as_ref(),
                    _ => None,
                };
                format!("failed with {}", shown(details))
            }
            Attributes::WorkflowExecutionCanceledEventAttributes(a) => {
                format!("cancelled with {}", shown(a.details.as_ref()))
            }
            _ => String::new(),
        });
        if given == found {
            return Ok(());
        }
        let event = recorded.unwrap_or(task.started).event_id;
        let words = |end: Option<String>| end.map_or_else(|| "has not ended".to_owned(), |end| format!("has {end}"));
        Err(Parted {
            event,
            words: format!("for the machine the run {}, recorded is that it {}", words(given), words(found)),
        })
    }
}

fn longest() -> i64 {
    i64::try_from(LONGEST.as_millis()).unwrap_or(i64::MAX)
}

fn shown(payloads: Option<&Payloads>) -> String {
    let payloads = payloads.map_or(&[][..], |payloads| payloads.payloads.as_slice());
    wire::value(payloads).map_or_else(|error| error.to_string(), |value| to_json(&value))
}

/// What a command says, for people.
fn told(what: &What) -> String {
    match what {
        What::Call(call) => format!("calls at `{}`", call.path),
        What::Send(send) => format!("sends `{}` to {} at `{}`", send.signal, send.to, send.path),
        What::Timer { left } => format!("sets a timer of {} ms", left + longest()),
    }
}

/// In words, what the event of a command has otherwise.
fn difference(what: &What, event: &HistoryEvent) -> Option<String> {
    let other = |recorded: String| Some(format!("the machine {}, recorded is {recorded}", told(what)));
    match (what, event.attributes.as_ref()?) {
        (What::Call(call), Attributes::ActivityTaskScheduledEventAttributes(recorded)) => {
            let (name, queue) = match &call.work {
                Work::Http(_) => (HttpCall.name().to_owned(), None),
                Work::Activity(activity) => (activity.name.clone(), Some(activity.queue.clone())),
            };
            let recorded_name = recorded.activity_type.as_ref().map_or("", |kind| kind.name.as_str());
            let recorded_queue = recorded.task_queue.as_ref().map(|queue| queue.name.clone());
            let payloads = recorded.input.as_ref().map_or(&[][..], |input| input.payloads.as_slice());
            let given = input(call).iter().map(to_json).collect::<Vec<_>>();
            let found = payloads.iter().map(|one| wire::value(std::slice::from_ref(one)).map(|v| to_json(&v)));
            let found = found.map(|one| one.unwrap_or_else(|error| error.to_string())).collect::<Vec<_>>();
            if cut(&call.path.to_string()) != recorded.activity_id {
                return other(format!("a call at `{}`", recorded.activity_id));
            }
            if name != recorded_name {
                return other(format!("the activity `{recorded_name}`, not `{name}`"));
            }
            if queue.is_some() && queue != recorded_queue {
                return other(format!("the queue `{}`", recorded_queue.unwrap_or_default()));
            }
            if given != found {
                return other(format!("with {}, not with {}", found.join(", "), given.join(", ")));
            }
            None
        }
        (What::Send(send), Attributes::SignalExternalWorkflowExecutionInitiatedEventAttributes(recorded)) => {
            let to = recorded.workflow_execution.as_ref().map_or("", |run| run.workflow_id.as_str());
            let payload = shown(recorded.input.as_ref());
            if (send.signal.as_str(), send.to.as_str()) != (recorded.signal_name.as_str(), to) {
                return other(format!("the signal `{}` to {to}", recorded.signal_name));
            }
            (to_json(&send.payload) != payload).then(|| other(format!("with {payload}"))).flatten()
        }
        (What::Timer { left }, Attributes::TimerStartedEventAttributes(recorded)) => {
            let found = recorded.start_to_fire_timeout.as_ref();
            let found = found.map_or(0, |wait| wait.seconds * 1_000 + i64::from(wait.nanos) / 1_000_000);
            let asked = std_millis(left + longest()).min(LONGEST).as_millis();
            (u128::try_from(found) != Ok(asked)).then(|| other(format!("one of {found} ms"))).flatten()
        }
        _ => other(kind(event)),
    }
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
