//! Signals, updates and queries to a run, as the service sends them.

use std::time::Duration as StdDuration;

use temporalio_client::errors::WorkflowUpdateError;
use temporalio_client::{UntypedUpdate, UntypedWorkflow, WorkflowExecuteUpdateOptions};
use temporalio_common::protos::temporal::api::common::v1::{Header, Payloads};
use temporalio_common::protos::temporal::api::failure::v1::Failure;
use temporalio_common::protos::temporal::api::failure::v1::failure::FailureInfo;
use temporalio_common::protos::temporal::api::query::v1::WorkflowQuery;
use temporalio_common::protos::temporal::api::update::v1::UpdateRef;
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    PollWorkflowExecutionUpdateRequest, QueryWorkflowRequest, SignalWorkflowExecutionRequest,
};
use tonic::{Code, Request};

use super::client::{Temporal, TemporalError, broken};
use super::wire::{self, UpdateInput};
use super::workflow::{MESSAGE_ID, QUERY_POSITION, UPDATE};
use crate::machine::{Position, Refusal, RefusalKind, UpdateOutcome};
use crate::value::{Value, from_value, to_json};

/// Between two tries while the server moves or closes the run (R41), at first and at most.
const CLOSING: StdDuration = StdDuration::from_millis(20);
const LONGEST: StdDuration = StdDuration::from_secs(1);

/// How often a message is sent again when the connection breaks under it. A server takes one id once.
const BREAKS: u32 = 2;

/// What a query came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    Answer(Value),
    /// The run does not declare it, or its expression failed.
    Refused(Refusal),
}

impl Temporal {
    /// Sends a signal; it has been taken by the server when this returns. `id` is the message's own, under which a second
    /// one is a double. Errors: [`TemporalError::NotFound`] for a run that is closed or unknown.
    pub async fn signal(&self, run: &str, name: &str, payload: &Value, id: &str) -> Result<(), TemporalError> {
        let fields = [(MESSAGE_ID.to_owned(), wire::payload(to_json(&Value::text(id))))];
        let payloads = match payload {
            Value::Null => None,
            payload => Some(Payloads { payloads: vec![wire::payload(to_json(payload))] }),
        };
        let request = SignalWorkflowExecutionRequest {
            namespace: self.namespace().to_owned(),
            workflow_execution: Self::execution(run),
            signal_name: name.to_owned(),
            input: payloads,
            identity: format!("fermata@{}", std::process::id()),
            request_id: uuid::Uuid::now_v7().to_string(),
            header: Some(Header { fields: fields.into_iter().collect() }),
            ..Default::default()
        };
        let mut breaks = 0;
        loop {
            let mut service = self.client.connection().workflow_service();
            match service.signal_workflow_execution(Request::new(request.clone())).await {
                Ok(_) => return Ok(()),
                Err(status) if closing(&status) => tokio::time::sleep(CLOSING).await,
                Err(status) if broken(&status) && breaks < BREAKS => breaks += 1,
                Err(status) => return Err(self.error(&status)),
            }
        }
    }

    /// Sends an update and waits for its outcome. Errors: [`TemporalError::NoWorker`] after `within`,
    /// [`TemporalError::NotFound`] for a run that is closed or unknown.
    pub async fn update(
        &self,
        run: &str,
        update: &UpdateInput,
        within: StdDuration,
    ) -> Result<UpdateOutcome, TemporalError> {
        let handle = self.client.get_workflow_handle::<UntypedWorkflow>(run);
        let input = wire::written(update).map_err(|e| TemporalError::NotUnderstood(e.to_string()))?;
        let answer = async {
            let (mut breaks, mut pause) = (0, CLOSING);
            loop {
                let options = WorkflowExecuteUpdateOptions::builder().maybe_update_id(update.server_id()).build();
                let input = input.clone();
                match handle.execute_update(UntypedUpdate::new(UPDATE), input, options).await {
                    Err(WorkflowUpdateError::Rpc(status)) if closing(&status) => tokio::time::sleep(CLOSING).await,
                    Err(WorkflowUpdateError::Rpc(status)) if unready(&status) => {
                        tokio::time::sleep(pause).await;
                        pause = (pause * 2).min(LONGEST);
                    }
                    Err(WorkflowUpdateError::Rpc(status))
                        if broken(&status) && update.id.is_some() && breaks < BREAKS =>
                    {
                        breaks += 1;
                    }
                    // The run crossed before the answer was there: it is the fresh history's to give (R39).
                    Err(WorkflowUpdateError::Failed(failure)) if update.id.is_some() && crossed(&failure) => {
                        tokio::time::sleep(CLOSING).await
                    }
                    other => return other,
                }
            }
        };
        let answer = tokio::time::timeout(within, answer).await.map_err(|_| TemporalError::NoWorker)?;
        match answer {
            Ok(raw) => wire::read(&raw.payloads).map_err(|e| TemporalError::NotUnderstood(e.to_string())),
            Err(WorkflowUpdateError::Failed(failure)) => match Refusal::read(&failure.message) {
                Some(refusal) => Ok(UpdateOutcome::Refused(refusal)),
                None => Err(TemporalError::NotUnderstood(failure.message)),
            },
            Err(WorkflowUpdateError::NotFound(status) | WorkflowUpdateError::Rpc(status)) => Err(self.error(&status)),
            Err(other) => Err(TemporalError::NotUnderstood(other.to_string())),
        }
    }

    /// Whether the server has an update, answered or not; what it has is there when a worker comes.
    pub async fn knows_update(&self, run: &str, update: &UpdateInput) -> Result<bool, TemporalError> {
        let Some(update_id) = update.server_id() else { return Ok(false) };
        let request = PollWorkflowExecutionUpdateRequest {
            namespace: self.namespace().to_owned(),
            update_ref: Some(UpdateRef { workflow_execution: Self::execution(run), update_id }),
            identity: String::new(),
            wait_policy: None,
        };
        let mut service = self.client.connection().workflow_service();
        match service.poll_workflow_execution_update(Request::new(request)).await {
            Ok(_) => Ok(true),
            Err(status) if status.code() == Code::NotFound => Ok(false),
            Err(status) => Err(self.error(&status)),
        }
    }

    /// Asks the run's worker, under an author's name. Errors: [`TemporalError::NoWorker`] after `within`.
    pub async fn query(&self, run: &str, name: &str, within: StdDuration) -> Result<Asked, TemporalError> {
        let request = QueryWorkflowRequest {
            namespace: self.namespace().to_owned(),
            execution: Self::execution(run),
            query: Some(WorkflowQuery { query_type: name.to_owned(), query_args: None, header: None }),
            query_reject_condition: 0,
        };
        let ask = async {
            let mut breaks = 0;
            loop {
                let mut request = Request::new(request.clone());
                request.set_timeout(within);
                let mut service = self.client.connection().workflow_service();
                match service.query_workflow(request).await {
                    Err(status) if broken(&status) && breaks < BREAKS => breaks += 1,
                    answer => return answer,
                }
            }
        };
        let answer = match tokio::time::timeout(within, ask).await {
            Err(_) => return Err(TemporalError::NoWorker),
            Ok(Err(status)) => match status.code() {
                Code::DeadlineExceeded | Code::Cancelled | Code::FailedPrecondition => {
                    return Err(TemporalError::NoWorker);
                }
                // The run's own words, each behind what kind they are.
                Code::InvalidArgument => {
                    let refusal = Refusal::read(status.message());
                    let other = || Refusal::new(RefusalKind::Expression, status.message());
                    return Ok(Asked::Refused(refusal.unwrap_or_else(other)));
                }
                _ => return Err(self.error(&status)),
            },
            Ok(Ok(answer)) => answer.into_inner(),
        };
        let payloads = answer.query_result.map(|p| p.payloads).unwrap_or_default();
        let value = wire::value(&payloads).map_err(|e| TemporalError::NotUnderstood(e.to_string()))?;
        Ok(Asked::Answer(value))
    }

    /// Where the run stands, as its worker sees it. Errors: [`TemporalError::NoWorker`] after `within`.
    pub async fn position(&self, id: &str, within: StdDuration) -> Result<Vec<Position<String>>, TemporalError> {
        match self.query(id, QUERY_POSITION, within).await? {
            Asked::Answer(value) => from_value(&value).map_err(|e| TemporalError::NotUnderstood(e.to_string())),
            Asked::Refused(refusal) => Err(TemporalError::Refused(refusal.message)),
        }
    }
}

/// Whether an update was taken by an execution that ended without its answer. The run may go on in another one, which
/// knows the update by its id (R14).
fn crossed(failure: &Failure) -> bool {
    match &failure.failure_info {
        Some(FailureInfo::ApplicationFailureInfo(info)) => info.r#type == "AcceptedUpdateCompletedWorkflow",
        _ => false,
    }
}

/// Whether the server only asks to come again: the run is closing or moving into a fresh history.
fn closing(status: &tonic::Status) -> bool {
    status.code() == Code::ResourceExhausted && status.message().contains("workflow is closing")
}

/// Whether the task that had the update failed before it was taken: the run ended or crossed while something else came,
/// or its worker cannot go on with it for now.
fn unready(status: &tonic::Status) -> bool {
    let kind = "WorkflowNotReadyFailure";
    status.code() == Code::FailedPrecondition
        && status.details().windows(kind.len()).any(|part| part == kind.as_bytes())
}
