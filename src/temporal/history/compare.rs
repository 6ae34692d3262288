//! What the machine gave in a task, held against what the history has of it.

use temporalio_common::ActivityDefinition;
use temporalio_common::protos::temporal::api::common::v1::Payloads;
use temporalio_common::protos::temporal::api::failure::v1::failure::FailureInfo;
use temporalio_common::protos::temporal::api::history::v1::HistoryEvent;
use temporalio_common::protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_common::protos::temporal::api::update::v1::outcome;

use super::read::{Parted, Reader, Rest, Task, Wanted, What, longest};
use super::wire;
use super::words::kind;
use crate::machine::{End, Work};
use crate::temporal::issue::{LONGEST, RESULT, TIMER, cut, input, std_millis};
use crate::temporal::request::HttpCall;
use crate::value::{Value, to_json, to_value};

impl Reader<'_> {
    /// The commands of the machine against those of the history, in order.
    pub(super) fn compare(&mut self, task: &Task<'_>, rest: &Rest) -> Result<(), Parted> {
        let mut wanted = std::mem::take(&mut self.wanted).into_iter();
        let mut marked = 0;
        let (mut last, mut crossed) = (None, false);
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
                Attributes::WorkflowExecutionContinuedAsNewEventAttributes(next) => {
                    crossed = true;
                    let payload = next.input.as_ref().and_then(|input| input.payloads.first());
                    let found = payload.map(wire::json_text).transpose().map_err(|e| parted(e.to_string()))?;
                    if rest.crossed.as_deref() != found {
                        let given = rest.crossed.as_deref().unwrap_or("nothing");
                        let found = found.unwrap_or("nothing");
                        let words = format!("the machine carries {given} into a fresh history, recorded is {found}");
                        return Err(parted(words));
                    }
                }
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
        if rest.marks != marked {
            let marks = rest.marks;
            return Err(parted(format!("the machine marks this task {marks} times, recorded is {marked} times")));
        }
        if rest.crossed.is_some() && !crossed {
            return Err(parted("the machine goes over into a fresh history, recorded is nothing of it".to_owned()));
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
