//! Replaying a recorded history through the code as it is now.

use temporalio_client::WorkflowHistory;
use temporalio_common::protos::temporal::api::history::v1::History;
use temporalio_sdk::workflow_replayer::{WorkflowReplayer, WorkflowReplayerOptions};

use super::client::{Temporal, TemporalError};
use super::workflow::Host;

impl Temporal {
    /// Runs the histories of a run through the workflow again, without a worker. Errors: a history that this code would
    /// not have written; the words are the SDK's.
    pub async fn replay(&self, id: &str) -> Result<(), TemporalError> {
        let refused = |e: String| TemporalError::NotUnderstood(e);
        for events in self.histories(id).await? {
            let options =
                WorkflowReplayerOptions::new().register_workflow::<Host>().map_err(|e| refused(e.to_string()))?.build();
            let replayer = WorkflowReplayer::new(options).map_err(|e| refused(e.to_string()))?;
            let history: WorkflowHistory = History { events }.into();
            replayer.replay_workflow(history).await.map_err(|e| refused(e.to_string()))?;
        }
        Ok(())
    }
}
