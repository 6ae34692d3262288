//! The one place that talks to the Temporal server on behalf of the service.

use std::collections::HashMap;
use std::time::Duration as StdDuration;

use temporalio_client::errors::WorkflowStartError;
use temporalio_client::{
    Client, ClientOptions, Connection, ConnectionOptions, UntypedWorkflow, WorkflowIdConflictPolicy,
    WorkflowIdReusePolicy, WorkflowStartOptions,
};
use temporalio_common::protos::temporal::api::common::v1::WorkflowExecution;
use temporalio_common::protos::temporal::api::enums::v1::{
    EventType, HistoryEventFilterType, IndexedValueType, WorkflowExecutionStatus,
};
use temporalio_common::protos::temporal::api::failure::v1::failure::FailureInfo;
use temporalio_common::protos::temporal::api::history::v1::{HistoryEvent, history_event::Attributes};
use temporalio_common::protos::temporal::api::operatorservice::v1::{
    AddSearchAttributesRequest, ListSearchAttributesRequest,
};
use temporalio_common::protos::temporal::api::workflow::v1::WorkflowExecutionInfo;
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    DescribeWorkflowExecutionRequest, GetSystemInfoRequest, GetWorkflowExecutionHistoryRequest,
    ListWorkflowExecutionsRequest, RequestCancelWorkflowExecutionRequest, TerminateWorkflowExecutionRequest,
};
use temporalio_common::search_attributes::{SearchAttributeKey, SearchAttributes};
use tonic::{Code, Request, Status};
use url::Url;

use super::wire::{self, StartInput};
use super::workflow::{STARTED, WORKFLOW};
use crate::value::Value;

const PROCESS: SearchAttributeKey<String> = SearchAttributeKey::keyword("FermataProcess");
const VERSION: SearchAttributeKey<i64> = SearchAttributeKey::int("FermataVersion");
const KEY: SearchAttributeKey<String> = SearchAttributeKey::keyword("FermataKey");
/// What a namespace must know before runs can be found, with the types `temporal operator` names.
pub const SEARCH_ATTRIBUTES: [(&str, &str); 3] =
    [("FermataProcess", "Keyword"), ("FermataVersion", "Int"), ("FermataKey", "Keyword")];

#[derive(Debug, thiserror::Error)]
pub enum TemporalError {
    /// The server does not answer; trying again may help.
    #[error("Temporal at {address} does not answer: {reason}")]
    Unavailable { address: String, reason: String },
    #[error("there is no such run")]
    NotFound,
    /// No worker took the query in time.
    #[error("no worker answers")]
    NoWorker,
    #[error("Temporal refused: {0}")]
    Refused(String),
    #[error("the server's answer is not understood: {0}")]
    NotUnderstood(String),
}

/// Whether the connection broke under the call, so that nobody knows if the server heard it. A status the server itself
/// answered has no source (`tonic::Status`).
pub(super) fn broken(status: &Status) -> bool {
    std::error::Error::source(status).is_some()
}

/// A connection to one namespace.
#[derive(Clone)]
pub struct Temporal {
    pub(super) client: Client,
    address: String,
    namespace: String,
    task_queue: String,
}

/// The answer to a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// The first execution's run id.
    pub run_id: String,
    pub created: bool,
}

/// Status words of the server's view; the same everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStatus {
    Running,
    Completed,
    Failed,
    Cancelled,
    Terminated,
}

impl RunStatus {
    pub fn word(self) -> &'static str {
        match self {
            RunStatus::Running => "running",
            RunStatus::Completed => "completed",
            RunStatus::Failed => "failed",
            RunStatus::Cancelled => "cancelled",
            RunStatus::Terminated => "terminated",
        }
    }

    pub fn from_word(word: &str) -> Option<RunStatus> {
        [Self::Running, Self::Completed, Self::Failed, Self::Cancelled, Self::Terminated]
            .into_iter()
            .find(|s| s.word() == word)
    }

    /// The word in the server's query language.
    fn query_word(self) -> &'static str {
        match self {
            RunStatus::Running => "Running",
            RunStatus::Completed => "Completed",
            RunStatus::Failed => "Failed",
            RunStatus::Cancelled => "Canceled",
            RunStatus::Terminated => "Terminated",
        }
    }

    fn from_server(status: i32) -> RunStatus {
        match WorkflowExecutionStatus::try_from(status) {
            Ok(WorkflowExecutionStatus::Completed) => RunStatus::Completed,
            Ok(WorkflowExecutionStatus::Failed | WorkflowExecutionStatus::TimedOut) => RunStatus::Failed,
            Ok(WorkflowExecutionStatus::Canceled) => RunStatus::Cancelled,
            Ok(WorkflowExecutionStatus::Terminated) => RunStatus::Terminated,
            _ => RunStatus::Running,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    pub status: RunStatus,
    /// The first execution's run id.
    pub run_id: String,
    /// Milliseconds since 1970.
    pub started: i64,
    pub closed: Option<i64>,
    /// Events of its history.
    pub events: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    pub id: String,
    pub process: String,
    pub version: i64,
    pub key: String,
    pub description: Description,
}

/// What to list; empty fields do not narrow.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    pub process: Option<String>,
    pub version: Option<i64>,
    pub key: Option<String>,
    pub status: Option<RunStatus>,
    /// In the server's own language of queries.
    pub query: Option<String>,
}

/// How a run ended, read from its last event.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    Completed(Value),
    /// The error as the run wrote it: type, message, step, attempts, details.
    Failed(Value),
    Cancelled(Value),
    Terminated(String),
}

impl Temporal {
    /// Connects. Errors: [`TemporalError::Unavailable`] when the server does not answer within `within`.
    pub async fn connect(
        address: &Url,
        namespace: &str,
        task_queue: &str,
        within: StdDuration,
    ) -> Result<Temporal, TemporalError> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let unavailable =
            |reason: String| TemporalError::Unavailable { address: shown(address), reason: reason.trim().to_owned() };
        let identity = format!("fermata@{}", std::process::id());
        let options = ConnectionOptions::new(address.clone()).identity(identity).connect_timeout(within).build();
        let connection = tokio::time::timeout(within, Connection::connect(options))
            .await
            .map_err(|_| unavailable(format!("no answer within {} s", within.as_secs())))?
            .map_err(|e| unavailable(deepest(&e)))?;
        let client =
            Client::new(connection, ClientOptions::new(namespace).build()).map_err(|e| unavailable(deepest(&e)))?;
        Ok(Temporal {
            client,
            address: shown(address),
            namespace: namespace.to_owned(),
            task_queue: task_queue.to_owned(),
        })
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    pub fn task_queue(&self) -> &str {
        &self.task_queue
    }

    pub(super) fn error(&self, status: &Status) -> TemporalError {
        match status.code() {
            Code::NotFound => TemporalError::NotFound,
            code if broken(status) || matches!(code, Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled) => {
                TemporalError::Unavailable { address: self.address.clone(), reason: status.message().to_owned() }
            }
            _ => TemporalError::Refused(status.message().to_owned()),
        }
    }

    /// Whether the server answers.
    pub async fn ping(&self) -> Result<(), TemporalError> {
        let mut service = self.client.connection().workflow_service();
        let mut request = Request::new(GetSystemInfoRequest {});
        request.set_timeout(StdDuration::from_secs(3));
        service.get_system_info(request).await.map(|_| ()).map_err(|s| self.error(&s))
    }

    /// Makes the namespace know fermata's search attributes. Errors: where that is forbidden, the command that does it.
    pub async fn register_search_attributes(&self) -> Result<(), TemporalError> {
        let mut service = self.client.connection().operator_service();
        let list = ListSearchAttributesRequest { namespace: self.namespace.clone() };
        let known = service.list_search_attributes(Request::new(list)).await.map(|r| r.into_inner().custom_attributes);
        let known = known.unwrap_or_default();
        let types = [IndexedValueType::Keyword, IndexedValueType::Int, IndexedValueType::Keyword];
        let wanted: HashMap<String, i32> = SEARCH_ATTRIBUTES
            .iter()
            .zip(types)
            .filter(|((name, _), _)| !known.contains_key(*name))
            .map(|((name, _), ty)| ((*name).to_owned(), ty as i32))
            .collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let add = AddSearchAttributesRequest { namespace: self.namespace.clone(), search_attributes: wanted };
        match service.add_search_attributes(Request::new(add)).await {
            Ok(_) => Ok(()),
            Err(status) if status.code() == Code::AlreadyExists => Ok(()),
            Err(status) => match self.error(&status) {
                TemporalError::Refused(why) => {
                    let flags: Vec<String> =
                        SEARCH_ATTRIBUTES.iter().map(|(n, t)| format!("--name {n} --type {t}")).collect();
                    Err(TemporalError::Refused(format!(
                        "{why}; fermata's search attributes must be registered once: temporal operator search-attribute \
                         create --namespace {} {}",
                        self.namespace,
                        flags.join(" ")
                    )))
                }
                other => Err(other),
            },
        }
    }

    /// Starts a run, or finds the one there is, open or closed, in one call.
    pub async fn start(&self, id: &str, start: &StartInput, summary: &str) -> Result<Started, TemporalError> {
        let attributes = SearchAttributes::new([
            PROCESS.value_set(start.process.clone()),
            VERSION.value_set(start.version),
            KEY.value_set(start.key.clone()),
        ]);
        let options = WorkflowStartOptions::new(self.task_queue.clone(), id)
            .id_reuse_policy(WorkflowIdReusePolicy::RejectDuplicate)
            .id_conflict_policy(WorkflowIdConflictPolicy::Fail)
            .enable_eager_workflow_start(true)
            .search_attributes(attributes)
            .static_summary(summary.to_owned())
            .build();
        match self.client.start_workflow(UntypedWorkflow::new(WORKFLOW), wire::raw(start.to_json()), options).await {
            Ok(handle) => Ok(Started { run_id: handle.info().run_id.clone().unwrap_or_default(), created: true }),
            Err(WorkflowStartError::AlreadyStarted { run_id: Some(run_id), .. }) => {
                // The server names the execution that is open now; the run is known by its first.
                let run_id = match self.describe(id).await {
                    Ok(description) => description.run_id,
                    Err(TemporalError::NotFound) => run_id,
                    Err(other) => return Err(other),
                };
                Ok(Started { run_id, created: false })
            }
            Err(WorkflowStartError::AlreadyStarted { source, .. } | WorkflowStartError::Rpc(source)) => {
                Err(self.error(&source))
            }
            Err(other) => Err(TemporalError::NotUnderstood(other.to_string())),
        }
    }

    pub(super) fn execution(id: &str) -> Option<WorkflowExecution> {
        Some(WorkflowExecution { workflow_id: id.to_owned(), run_id: String::new() })
    }

    pub async fn describe(&self, id: &str) -> Result<Description, TemporalError> {
        let request =
            DescribeWorkflowExecutionRequest { namespace: self.namespace.clone(), execution: Self::execution(id) };
        let mut service = self.client.connection().workflow_service();
        let answer = service.describe_workflow_execution(Request::new(request)).await.map_err(|s| self.error(&s))?;
        let info = answer.into_inner().workflow_execution_info.ok_or(TemporalError::NotFound)?;
        if info.r#type.as_ref().is_some_and(|t| t.name != WORKFLOW) {
            return Err(TemporalError::NotFound); // another application's workflow
        }
        Ok(described(&info))
    }

    /// The start input of a run, from its first event: neither files nor a worker are needed.
    pub async fn start_input(&self, id: &str) -> Result<StartInput, TemporalError> {
        let events = self.history(id, HistoryEventFilterType::AllEvent, false, Some(1)).await?;
        let not_ours = || TemporalError::NotFound;
        let Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) =
            events.into_iter().next().and_then(|e| e.attributes)
        else {
            return Err(not_ours());
        };
        if started.workflow_type.is_none_or(|t| t.name != WORKFLOW) {
            return Err(not_ours());
        }
        let payloads = started.input.map(|p| p.payloads).unwrap_or_default();
        let text = payloads.first().map(wire::json_text).transpose();
        let parsed = text.and_then(|t| StartInput::from_json(t.unwrap_or("")));
        parsed.map_err(|e| TemporalError::NotUnderstood(e.to_string()))
    }

    /// How the run ended, waiting for it as long as `wait`; `None` while it has not.
    pub async fn ending(&self, id: &str, wait: StdDuration) -> Result<Option<Ending>, TemporalError> {
        // Asked for the last event of an open run, the server holds the answer back for its own long poll, whatever the
        // request says; so a look without waiting asks for the status first.
        if wait.is_zero() && self.describe(id).await?.status == RunStatus::Running {
            return Ok(None);
        }
        let last = async {
            loop {
                let events = self.history(id, HistoryEventFilterType::CloseEvent, true, None).await?;
                if let Some(ending) = events.iter().rev().find_map(ending_of) {
                    return ending;
                }
            }
        };
        let within = if wait.is_zero() { StdDuration::from_secs(10) } else { wait };
        match tokio::time::timeout(within, last).await {
            Ok(ending) => ending.map(Some),
            Err(_) => Ok(None),
        }
    }

    /// The histories of a run, the first one first. Errors: one of them is forgotten.
    pub(super) async fn histories(&self, id: &str) -> Result<Vec<Vec<HistoryEvent>>, TemporalError> {
        let (mut histories, mut execution) = (Vec::new(), Self::execution(id));
        while let Some(one) = execution.take() {
            let events = self.history_of(one, HistoryEventFilterType::AllEvent, false, None).await?;
            let before = events.first().and_then(|event| match event.attributes.as_ref()? {
                Attributes::WorkflowExecutionStartedEventAttributes(started) => {
                    Some(started.continued_execution_run_id.clone()).filter(|run_id| !run_id.is_empty())
                }
                _ => None,
            });
            execution = before.map(|run_id| WorkflowExecution { workflow_id: id.to_owned(), run_id });
            histories.push(events);
        }
        histories.reverse();
        Ok(histories)
    }

    pub(super) async fn history(
        &self,
        id: &str,
        filter: HistoryEventFilterType,
        wait: bool,
        most: Option<usize>,
    ) -> Result<Vec<HistoryEvent>, TemporalError> {
        match Self::execution(id) {
            Some(execution) => self.history_of(execution, filter, wait, most).await,
            None => Ok(Vec::new()),
        }
    }

    pub(super) async fn history_of(
        &self,
        execution: WorkflowExecution,
        filter: HistoryEventFilterType,
        wait: bool,
        most: Option<usize>,
    ) -> Result<Vec<HistoryEvent>, TemporalError> {
        let mut service = self.client.connection().workflow_service();
        let (mut events, mut token) = (Vec::new(), Vec::new());
        loop {
            let request = GetWorkflowExecutionHistoryRequest {
                namespace: self.namespace.clone(),
                execution: Some(execution.clone()),
                maximum_page_size: most.and_then(|m| i32::try_from(m).ok()).unwrap_or(0),
                next_page_token: token,
                wait_new_event: wait,
                history_event_filter_type: filter as i32,
                skip_archival: true,
            };
            let answer = service.get_workflow_execution_history(Request::new(request)).await;
            let answer = answer.map_err(|s| self.error(&s))?.into_inner();
            events.extend(answer.history.map(|h| h.events).unwrap_or_default());
            token = answer.next_page_token;
            if token.is_empty() || most.is_some_and(|m| events.len() >= m) || wait {
                return Ok(events);
            }
        }
    }

    /// Asks the run to end as cancelled. Idempotent; a closed run stays as it is.
    pub async fn cancel(&self, id: &str, reason: &str) -> Result<(), TemporalError> {
        let request = RequestCancelWorkflowExecutionRequest {
            namespace: self.namespace.clone(),
            workflow_execution: Self::execution(id),
            identity: format!("fermata@{}", std::process::id()),
            request_id: uuid::Uuid::now_v7().to_string(),
            reason: reason.to_owned(),
            ..Default::default()
        };
        let mut service = self.client.connection().workflow_service();
        match service.request_cancel_workflow_execution(Request::new(request)).await {
            Ok(_) => Ok(()),
            Err(status) if status.code() == Code::NotFound => {
                // The server says the same of a closed run and of one it never had.
                self.describe(id).await.map(|_| ())
            }
            Err(status) => Err(self.error(&status)),
        }
    }

    /// Ends the run at once; nothing of it runs any more.
    pub async fn terminate(&self, id: &str, reason: &str) -> Result<(), TemporalError> {
        let request = TerminateWorkflowExecutionRequest {
            namespace: self.namespace.clone(),
            workflow_execution: Self::execution(id),
            reason: reason.to_owned(),
            identity: format!("fermata@{}", std::process::id()),
            ..Default::default()
        };
        let mut service = self.client.connection().workflow_service();
        service.terminate_workflow_execution(Request::new(request)).await.map(|_| ()).map_err(|s| self.error(&s))
    }

    /// One page of runs, in the server's order, and the token of the next.
    pub async fn list(
        &self,
        filter: &Filter,
        page_size: i32,
        token: Vec<u8>,
    ) -> Result<(Vec<Listed>, Vec<u8>), TemporalError> {
        let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        // Of a run that has crossed, only the execution in which it goes on.
        let mut parts =
            vec![format!("WorkflowType = \"{WORKFLOW}\""), "ExecutionStatus != \"ContinuedAsNew\"".to_owned()];
        parts.extend(filter.process.as_ref().map(|p| format!("FermataProcess = {}", quoted(p))));
        parts.extend(filter.version.map(|v| format!("FermataVersion = {v}")));
        parts.extend(filter.key.as_ref().map(|k| format!("FermataKey = {}", quoted(k))));
        parts.extend(filter.status.map(|s| format!("ExecutionStatus = \"{}\"", s.query_word())));
        parts.extend(filter.query.as_ref().map(|query| format!("({query})")));
        let request = ListWorkflowExecutionsRequest {
            namespace: self.namespace.clone(),
            page_size,
            next_page_token: token,
            query: parts.join(" AND "),
        };
        let mut service = self.client.connection().workflow_service();
        let answer = service.list_workflow_executions(Request::new(request)).await.map_err(|s| self.error(&s))?;
        let answer = answer.into_inner();
        let runs = answer
            .executions
            .into_iter()
            .map(|info| {
                let description = described(&info);
                let attributes = info.search_attributes.map(|s| s.indexed_fields).unwrap_or_default();
                let attribute = |name: &str| {
                    attributes.get(name).and_then(|p| wire::value(std::slice::from_ref(p)).ok()).unwrap_or_default()
                };
                let execution = info.execution.unwrap_or_default();
                Listed {
                    id: execution.workflow_id,
                    process: attribute("FermataProcess").to_display(),
                    version: match attribute("FermataVersion") {
                        Value::Number(n) => i64::try_from(n).unwrap_or(0),
                        _ => 0,
                    },
                    key: attribute("FermataKey").to_display(),
                    description,
                }
            })
            .collect();
        Ok((runs, answer.next_page_token))
    }
}

/// A run by the execution in which it is now.
fn described(info: &WorkflowExecutionInfo) -> Description {
    let run_id = info.execution.as_ref().map(|e| e.run_id.clone()).unwrap_or_default();
    // Of a run that has crossed, its own beginning; the executions before may be forgotten.
    let began = info.memo.as_ref().and_then(|memo| wire::value(std::slice::from_ref(memo.fields.get(STARTED)?)).ok());
    let began = match began {
        Some(Value::Number(millis)) => i64::try_from(millis).ok(),
        _ => None,
    };
    Description {
        status: RunStatus::from_server(info.status),
        run_id: if info.first_run_id.is_empty() { run_id } else { info.first_run_id.clone() },
        started: began.or_else(|| info.start_time.as_ref().map(|t| millis(t.seconds, t.nanos))).unwrap_or(0),
        closed: info.close_time.as_ref().map(|t| millis(t.seconds, t.nanos)),
        events: u64::try_from(info.history_length).unwrap_or(0),
    }
}

fn shown(address: &Url) -> String {
    let host = address.host_str().unwrap_or("");
    address.port_or_known_default().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn deepest(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(inner) = error.source() {
        error = inner;
    }
    error.to_string()
}

fn millis(seconds: i64, nanos: i32) -> i64 {
    seconds * 1_000 + i64::from(nanos) / 1_000_000
}

/// The ending an event tells of, if it is a last event.
pub(super) fn ending_of(event: &HistoryEvent) -> Option<Result<Ending, TemporalError>> {
    let read = |payloads: &[_]| wire::value(payloads).map_err(|e| TemporalError::NotUnderstood(e.to_string()));
    let attributes = event.attributes.as_ref()?;
    Some(match attributes {
        Attributes::WorkflowExecutionCompletedEventAttributes(a) => {
            read(a.result.as_ref().map_or(&[], |p| p.payloads.as_slice())).map(Ending::Completed)
        }
        Attributes::WorkflowExecutionFailedEventAttributes(a) => {
            let failure = a.failure.clone().unwrap_or_default();
            match failure.failure_info {
                Some(FailureInfo::ApplicationFailureInfo(info)) => {
                    read(info.details.as_ref().map_or(&[], |p| p.payloads.as_slice())).map(Ending::Failed)
                }
                _ => Ok(Ending::Failed(Value::map([("message", Value::text(failure.message))]))),
            }
        }
        Attributes::WorkflowExecutionCanceledEventAttributes(a) => {
            read(a.details.as_ref().map_or(&[], |p| p.payloads.as_slice())).map(Ending::Cancelled)
        }
        Attributes::WorkflowExecutionTerminatedEventAttributes(a) => Ok(Ending::Terminated(a.reason.clone())),
        Attributes::WorkflowExecutionTimedOutEventAttributes(_) => {
            Ok(Ending::Failed(Value::map([("type", Value::text("timeout"))])))
        }
        _ if event.event_type() == EventType::WorkflowExecutionStarted => return None,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_connection_is_no_answer_of_the_server() {
        assert!(broken(&Status::from_error(Box::new(std::io::Error::other("reset")))));
        assert!(!broken(&Status::internal("h2 protocol error")));
    }
}
