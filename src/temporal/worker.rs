//! A worker: takes tasks of the one queue, for the workflow and for HTTP requests.

use std::time::Duration as StdDuration;

use temporalio_sdk::{Runtime, Worker, WorkerOptions};

use super::client::Temporal;
use super::request::{HttpActivity, Services};
use super::workflow::Host;

/// How a worker behaves; the defaults are for production.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// Runs kept in memory between their tasks; 0 replays each task from the start, for tests.
    pub cached_runs: usize,
    /// How long the server waits for the worker that has a run in memory before another gets its task.
    pub sticky: StdDuration,
    /// How long requests in flight may take to end at a stop.
    pub grace: StdDuration,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        WorkerConfig { cached_runs: 1_000, sticky: StdDuration::from_secs(5), grace: StdDuration::from_secs(10) }
    }
}

/// A running worker. Dropping it without [`RunningWorker::stop`] abandons its tasks to other workers.
pub struct RunningWorker {
    shutdown: Box<dyn Fn() + Send + Sync>,
    done: tokio::sync::oneshot::Receiver<Result<(), String>>,
}

#[derive(Debug, thiserror::Error)]
#[error("the worker could not begin: {0}")]
pub struct WorkerError(String);

/// Starts a worker on a thread of its own: workflow code stays on one thread. Errors: an SDK that refuses the options.
pub async fn start(
    temporal: &Temporal,
    services: &Services,
    config: WorkerConfig,
) -> Result<RunningWorker, WorkerError> {
    let activity = HttpActivity::new(services).map_err(|e| WorkerError(e.to_string()))?;
    let temporal = temporal.clone();
    let (ready_to, ready) = tokio::sync::oneshot::channel();
    let (done_to, done) = tokio::sync::oneshot::channel();
    let body = move || {
        let tokio = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(tokio) => tokio,
            Err(e) => {
                let _ = ready_to.send(Err(e.to_string()));
                return;
            }
        };
        tokio.block_on(async move {
            let made = Runtime::from_current_tokio(Default::default()).map_err(|e| e.to_string()).and_then(|runtime| {
                let options = WorkerOptions::new(temporal.task_queue())
                    .max_cached_workflows(config.cached_runs)
                    .sticky_queue_schedule_to_start_timeout(config.sticky)
                    .graceful_shutdown_period(config.grace)
                    .max_heartbeat_throttle_interval(StdDuration::from_secs(1))
                    .default_heartbeat_throttle_interval(StdDuration::from_secs(1))
                    .register_workflow::<Host>()
                    .map_err(|e| e.to_string())?
                    .register_activities(activity)
                    .build();
                Worker::new(&runtime, temporal.client.clone(), options)
                    .map(|worker| (runtime, worker))
                    .map_err(|e| e.to_string())
            });
            match made {
                Ok((_runtime, mut worker)) => {
                    let _ = ready_to.send(Ok(Box::new(worker.shutdown_handle()) as Box<dyn Fn() + Send + Sync>));
                    let _ = done_to.send(worker.run().await.map_err(|e| e.to_string()));
                }
                Err(error) => {
                    let _ = ready_to.send(Err(error));
                }
            }
        });
    };
    std::thread::Builder::new()
        .name("fermata-worker".to_owned())
        .spawn(body)
        .map_err(|e| WorkerError(e.to_string()))?;
    match ready.await {
        Ok(Ok(shutdown)) => Ok(RunningWorker { shutdown, done }),
        Ok(Err(error)) => Err(WorkerError(error)),
        Err(_) => Err(WorkerError("its thread ended".to_owned())),
    }
}

impl RunningWorker {
    /// Ends the worker: no new task is taken, what is in hand is finished. Errors: what the SDK says.
    pub async fn stop(self) -> Result<(), WorkerError> {
        (self.shutdown)();
        match self.done.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(WorkerError(error)),
            Err(_) => Err(WorkerError("its thread ended".to_owned())),
        }
    }

    /// Resolves when the worker has ended by itself.
    pub async fn ended(&mut self) -> String {
        match (&mut self.done).await {
            Ok(Ok(())) => "it was stopped".to_owned(),
            Ok(Err(error)) => error,
            Err(_) => "its thread ended".to_owned(),
        }
    }
}
