//! Replaying recorded histories through the code as it is now, and rehearsing with the runs that are alive: would this
//! program go on with them?

use std::time::Duration as StdDuration;

use temporalio_common::protos::temporal::api::enums::v1::HistoryEventFilterType;
use temporalio_common::protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_sdk::workflow_replayer::{WorkflowReplayer, WorkflowReplayerOptions};

use super::client::{Filter, Listed, Temporal, TemporalError};
use super::history::History;
use super::workflow::Host;

/// Runs that are listed at once; their histories are taken one at a time.
const PAGE: i32 = 100;
/// What one replay may take, on however slow a machine; one that hangs ends here.
const LONGEST: StdDuration = StdDuration::from_secs(300);

/// What this program would do with a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It goes on where the history stops.
    Replays,
    /// It would go on, but does not do the same: a call with other data, a timer of another length.
    Differs(String),
    /// It cannot go on: each task would fail.
    Breaks(String),
    /// The history could not be had.
    NotKnown(String),
}

impl Outcome {
    /// The outcome in words, for people and programs.
    pub fn word(&self) -> &'static str {
        match self {
            Outcome::Replays => "replays",
            Outcome::Differs(_) => "differs",
            Outcome::Breaks(_) => "breaks",
            Outcome::NotKnown(_) => "not known",
        }
    }

    /// Why, where it does not replay.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Outcome::Replays => None,
            Outcome::Differs(why) | Outcome::Breaks(why) | Outcome::NotKnown(why) => Some(why),
        }
    }
}

/// A run, and what this program would do with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehearsed {
    pub id: String,
    pub process: String,
    pub version: i64,
    pub events: usize,
    pub outcome: Outcome,
}

impl History {
    /// Runs it through the workflow again, without a worker. Errors: a history that this code would not have written; the
    /// words are the SDK's.
    pub async fn replay(&self) -> Result<(), String> {
        if !self.sound()? {
            return Ok(());
        }
        let words = |e: &dyn std::error::Error| e.to_string();
        let options = WorkflowReplayerOptions::new().register_workflow::<Host>().map_err(|e| words(&e))?.build();
        let replayer = WorkflowReplayer::new(options).map_err(|e| words(&e))?;
        let replayed = tokio::time::timeout(LONGEST, replayer.replay_workflow(self.for_sdk())).await;
        replayed.map_err(|_| format!("the replay did not end within {} s", LONGEST.as_secs()))?.map_err(|e| words(&e))
    }

    /// Whether there is a task to replay. Errors: what the SDK takes for granted and would end the process for.
    fn sound(&self) -> Result<bool, String> {
        let Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) =
            self.events().first().and_then(|event| event.attributes.as_ref())
        else {
            return Err("the history does not begin with the start of a run".to_owned());
        };
        if started.original_execution_run_id.is_empty() || started.task_queue.is_none() {
            return Err("the start of the run has no run id or no task queue".to_owned());
        }
        let mut tasks = 0;
        for (at, event) in self.events().iter().enumerate() {
            if usize::try_from(event.event_id) != Ok(at + 1) {
                return Err(format!("event {} stands where event {} should", event.event_id, at + 1));
            }
            if !matches!(event.attributes, Some(Attributes::WorkflowTaskStartedEventAttributes(_))) {
                continue;
            }
            match self.events().get(at + 1).map(|next| &next.attributes) {
                None => {}
                Some(Some(Attributes::WorkflowTaskCompletedEventAttributes(_))) => tasks += 1,
                Some(Some(
                    Attributes::WorkflowTaskFailedEventAttributes(_)
                    | Attributes::WorkflowTaskTimedOutEventAttributes(_)
                    | Attributes::WorkflowExecutionTerminatedEventAttributes(_)
                    | Attributes::WorkflowExecutionTimedOutEventAttributes(_),
                )) => {}
                Some(_) => return Err(format!("the task of event {} does not end", event.event_id)),
            }
        }
        Ok(tasks > 0)
    }

    /// What this program would do with it. A history that it does not know the form of, or whose engine is newer, breaks.
    pub async fn rehearse(&self) -> Outcome {
        if let Some(words) = self.later() {
            return Outcome::Breaks(words);
        }
        if let Err(why) = self.replay().await {
            return Outcome::Breaks(why);
        }
        match self.read() {
            Ok(_) => Outcome::Replays,
            Err(parted) => Outcome::Differs(parted.to_string()),
        }
    }
}

impl Temporal {
    /// The whole history of the run's latest execution.
    pub async fn recorded(&self, id: &str) -> Result<History, TemporalError> {
        self.history(id, HistoryEventFilterType::AllEvent, false, None).await.map(History::new)
    }

    /// All histories of the run that the server still has, from the first on.
    pub async fn chain(&self, id: &str) -> Result<Vec<History>, TemporalError> {
        Ok(self.histories(id).await?.into_iter().map(History::new).collect())
    }

    /// Runs the histories of a run through the workflow again, without a worker. Errors: a history that this code would
    /// not have written; the words are the SDK's.
    pub async fn replay(&self, id: &str) -> Result<(), TemporalError> {
        for history in self.chain(id).await? {
            history.replay().await.map_err(TemporalError::NotUnderstood)?;
        }
        Ok(())
    }

    /// Rehearses with the runs of a filter, one history in memory at a time, and tells of each. At most `most` runs;
    /// whether there were more. Errors: no list of runs.
    pub async fn rehearse(
        &self,
        filter: &Filter,
        most: usize,
        told: &mut dyn FnMut(Rehearsed),
    ) -> Result<bool, TemporalError> {
        let (mut seen, mut token) = (0, Vec::new());
        loop {
            let (page, next) = self.list(filter, PAGE, token).await?;
            for run in page {
                if seen == most {
                    return Ok(true);
                }
                if let Some(rehearsed) = self.rehearse_one(run).await {
                    seen += 1;
                    told(rehearsed);
                }
            }
            if next.is_empty() {
                return Ok(false);
            }
            token = next;
        }
    }

    /// `None`: the server has forgotten it meanwhile.
    async fn rehearse_one(&self, run: Listed) -> Option<Rehearsed> {
        let (events, outcome) = match self.recorded(&run.id).await {
            Ok(history) => (history.len(), history.rehearse().await),
            Err(TemporalError::NotFound) => return None,
            Err(error) => (0, Outcome::NotKnown(error.to_string())),
        };
        Some(Rehearsed { id: run.id, process: run.process, version: run.version, events, outcome })
    }
}
