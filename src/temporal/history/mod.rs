//! The history of one run: read from text or from a server, written as text, run again by the SDK ([`History::replay`]),
//! and read by the pure machine without it ([`History::read`]).

mod compare;
mod form;
mod read;
mod words;

pub use form::FormError;
pub use read::{Fed, Parted, Reading};
use temporalio_client::WorkflowHistory;
use temporalio_common::protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_common::protos::temporal::api::history::v1::{History as Events, HistoryEvent};

use super::client::{Ending, TemporalError, ending_of};
use super::wire::{self, StartInput, WireError};
use super::workflow::WORKFLOW;
use crate::plan::ENGINE;

/// Who did something, under which number of the server, and how large all of it was.
const SERVERS_OWN: [&str; 7] =
    ["taskId", "identity", "requestId", "historySizeBytes", "workerVersion", "binaryChecksum", "meteringMetadata"];

/// The events of one execution, from the first on.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    events: Vec<HistoryEvent>,
}

impl History {
    /// Reads what `temporal workflow show --output json` prints. Errors: what it is instead.
    pub fn from_json(text: &[u8]) -> Result<History, FormError> {
        Ok(History { events: form::read(text)? })
    }

    pub(super) fn new(events: Vec<HistoryEvent>) -> History {
        History { events }
    }

    /// An event a line, in the form that [`History::from_json`] reads.
    pub fn to_json(&self) -> Result<String, FormError> {
        form::write(&self.events, &[])
    }

    /// The same without what differs from server to server and from worker to worker, and means nothing to a replay.
    pub fn to_settled_json(&self) -> Result<String, FormError> {
        let mut events = self.events.clone();
        for event in &mut events {
            if let Some(Attributes::WorkflowTaskCompletedEventAttributes(done)) = &mut event.attributes
                && let Some(sdk) = &mut done.sdk_metadata
            {
                // The SDK writes a set.
                sdk.core_used_flags.sort_unstable();
                sdk.lang_used_flags.sort_unstable();
            }
        }
        form::write(&events, &SERVERS_OWN)
    }

    /// How many events it has.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The id of the run at the server; empty where the history does not tell.
    pub fn workflow_id(&self) -> &str {
        match self.events.first().and_then(|event| event.attributes.as_ref()) {
            Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) => &started.workflow_id,
            _ => "",
        }
    }

    /// Errors: the history of something else, or one whose beginning this program does not understand.
    pub fn start(&self) -> Result<StartInput, String> {
        self.start_input()?.map_err(|error| error.to_string())
    }

    /// Why a run is for a later program than this one, in words.
    pub(super) fn later(&self) -> Option<String> {
        match self.start_input().ok()? {
            Ok(start) if start.engine > ENGINE => {
                Some(format!("it is a run of engine {}; this program knows up to {ENGINE}", start.engine))
            }
            Err(newer @ WireError::Newer(_)) => Some(newer.to_string()),
            Ok(_) | Err(_) => None,
        }
    }

    fn start_input(&self) -> Result<Result<StartInput, WireError>, String> {
        let Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) =
            self.events.first().and_then(|event| event.attributes.as_ref())
        else {
            return Err("it does not begin with the start of a run".to_owned());
        };
        if started.workflow_type.as_ref().is_none_or(|kind| kind.name != WORKFLOW) {
            return Err(format!("it is no run of the workflow type `{WORKFLOW}`"));
        }
        let payload =
            started.input.as_ref().and_then(|input| input.payloads.first()).ok_or("there is no start input")?;
        Ok(wire::json_text(payload).and_then(StartInput::from_json))
    }

    /// How the run ended; `None` where it had not.
    pub fn ending(&self) -> Option<Result<Ending, TemporalError>> {
        self.events.last().and_then(ending_of)
    }

    /// The activity ids of calls that took more than one attempt.
    pub fn repeated(&self) -> Vec<&str> {
        let scheduled = |id: i64| match self.events.get(usize::try_from(id - 1).ok()?)?.attributes.as_ref()? {
            Attributes::ActivityTaskScheduledEventAttributes(scheduled) => Some(scheduled.activity_id.as_str()),
            _ => None,
        };
        let repeated = self.events.iter().filter_map(|event| match event.attributes.as_ref()? {
            Attributes::ActivityTaskStartedEventAttributes(started) if started.attempt > 1 => {
                scheduled(started.scheduled_event_id)
            }
            _ => None,
        });
        repeated.collect()
    }

    /// The names of its kinds of events, in their order.
    pub fn kinds(&self) -> impl Iterator<Item = String> {
        self.events.iter().map(words::kind)
    }

    pub(super) fn events(&self) -> &[HistoryEvent] {
        &self.events
    }

    pub(super) fn for_sdk(&self) -> WorkflowHistory {
        Events { events: self.events.clone() }.into()
    }
}
