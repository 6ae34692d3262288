//! What a history tells that the machine is not fed: attempts of calls, and who sent something.

use std::collections::BTreeMap;

use temporalio_common::protos::temporal::api::failure::v1::Failure;
use temporalio_common::protos::temporal::api::failure::v1::failure::FailureInfo;
use temporalio_common::protos::temporal::api::history::v1::HistoryEvent;
use temporalio_common::protos::temporal::api::history::v1::history_event::Attributes;

use crate::value::Time;

/// The last attempt of a call.
pub(super) struct Attempt {
    pub number: u32,
    pub began: Time,
    /// What the attempt before it failed with.
    pub before: Option<String>,
}

/// How the server ended a run that did not end by itself.
pub(super) struct Ended {
    pub at: Time,
    pub status: &'static str,
    pub reason: String,
    pub from: Option<String>,
}

#[derive(Default)]
pub(super) struct Beside {
    /// By the ids of activities, which are paths that may be cut.
    pub attempts: BTreeMap<String, Attempt>,
    /// Who sent each signal, in their order; `None` is the service.
    pub signals: Vec<Option<String>>,
    /// Who asked for each update, in their order.
    pub updates: Vec<Option<String>>,
    pub cancelled: Option<String>,
    pub ended: Option<Ended>,
    /// The execution in which the run goes on.
    pub next: Option<String>,
}

pub(super) fn time(event: &HistoryEvent) -> Time {
    Time(event.event_time.as_ref().map_or(0, |time| time.seconds * 1_000 + i64::from(time.nanos) / 1_000_000))
}

/// Who it was, where it was not the service, whose name says nothing.
fn person(identity: &str) -> Option<String> {
    let service = identity.strip_prefix("fermata@").is_some_and(|process| process.bytes().all(|b| b.is_ascii_digit()));
    (!service && !identity.is_empty()).then(|| identity.to_owned())
}

/// In words, as an error of a run is told.
fn words(failure: &Failure) -> String {
    match &failure.failure_info {
        Some(FailureInfo::ApplicationFailureInfo(info)) if !info.r#type.is_empty() => {
            format!("{}: {}", info.r#type, failure.message)
        }
        _ => failure.message.clone(),
    }
}

impl Beside {
    pub fn of(events: &[HistoryEvent]) -> Beside {
        let mut found = Beside::default();
        let mut scheduled: BTreeMap<i64, &str> = BTreeMap::new();
        for event in events {
            let Some(attributes) = &event.attributes else { continue };
            match attributes {
                Attributes::ActivityTaskScheduledEventAttributes(call) => {
                    scheduled.insert(event.event_id, &call.activity_id);
                }
                Attributes::ActivityTaskStartedEventAttributes(started) => {
                    let Some(id) = scheduled.get(&started.scheduled_event_id) else { continue };
                    let attempt = Attempt {
                        number: u32::try_from(started.attempt).unwrap_or(0),
                        began: time(event),
                        before: started.last_failure.as_ref().map(words),
                    };
                    found.attempts.insert((*id).to_owned(), attempt);
                }
                Attributes::WorkflowExecutionSignaledEventAttributes(signal) => {
                    // Of another run it is known by its id, which says more than the server's name for it.
                    let run = signal.external_workflow_execution.as_ref().map(|run| run.workflow_id.clone());
                    found.signals.push(run.or_else(|| person(&signal.identity)));
                }
                Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(accepted) => {
                    let meta = accepted.accepted_request.as_ref().and_then(|request| request.meta.as_ref());
                    found.updates.push(meta.and_then(|meta| person(&meta.identity)));
                }
                Attributes::WorkflowExecutionCancelRequestedEventAttributes(cancel) => {
                    let run = cancel.external_workflow_execution.as_ref().map(|run| run.workflow_id.clone());
                    found.cancelled = found.cancelled.or(run.or_else(|| person(&cancel.identity)));
                }
                Attributes::WorkflowExecutionTerminatedEventAttributes(ended) => {
                    let (reason, from) = (ended.reason.clone(), person(&ended.identity));
                    found.ended = Some(Ended { at: time(event), status: "terminated", reason, from });
                }
                Attributes::WorkflowExecutionTimedOutEventAttributes(_) => {
                    let reason = "the server's time for the run was over".to_owned();
                    found.ended = Some(Ended { at: time(event), status: "failed", reason, from: None });
                }
                Attributes::WorkflowExecutionContinuedAsNewEventAttributes(next) => {
                    found.next = Some(next.new_execution_run_id.clone());
                }
                // The machine is fed the rest, or it is the server's own bookkeeping.
                _ => {}
            }
        }
        found
    }
}
