//! What all handlers share, and the supervisor that keeps the connection, the worker and the catalog alive.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration as StdDuration;

use url::Url;

use crate::catalog::Catalog;
use crate::config::{Config, Route};
use crate::temporal::{RunningWorker, Services, StartInput, Temporal, TemporalError, WorkerConfig, start_worker};

use super::problem::Problem;

/// Start inputs kept in memory; they never change.
const KEPT: usize = 1_000;
const RETRY: StdDuration = StdDuration::from_secs(2);
const CONNECT: StdDuration = StdDuration::from_secs(5);

/// Shared by all handlers; cheap to clone.
#[derive(Clone)]
pub struct Service(Arc<Shared>);

struct Shared {
    config: Config,
    catalog: RwLock<Arc<Catalog>>,
    temporal: RwLock<Option<Temporal>>,
    /// Why there is no connection, or the worker is not there.
    trouble: RwLock<Option<String>>,
    stopping: AtomicBool,
    starts: RwLock<BTreeMap<(String, String), Arc<StartInput>>>,
}

impl Service {
    pub fn new(config: Config, catalog: Catalog) -> Service {
        Service(Arc::new(Shared {
            config,
            catalog: RwLock::new(Arc::new(catalog)),
            temporal: RwLock::new(None),
            trouble: RwLock::new(Some("not connected yet".to_owned())),
            stopping: AtomicBool::new(false),
            starts: RwLock::new(BTreeMap::new()),
        }))
    }

    pub fn catalog(&self) -> Arc<Catalog> {
        self.0.catalog.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set_catalog(&self, catalog: Catalog) {
        *self.0.catalog.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(catalog);
    }

    pub fn set_temporal(&self, temporal: Temporal) {
        *self.0.temporal.write().unwrap_or_else(PoisonError::into_inner) = Some(temporal);
        self.set_trouble(None);
    }

    fn set_trouble(&self, trouble: Option<String>) {
        *self.0.trouble.write().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// From now on the service says that it is not ready.
    pub fn stop(&self) {
        self.0.stopping.store(true, Ordering::Release);
    }

    pub(super) fn routes(&self) -> Vec<Route> {
        self.0.config.routes.clone()
    }

    pub(super) fn max_body(&self) -> usize {
        self.0.config.max_body
    }

    /// The connection. Errors: there is none at the moment.
    pub(super) fn temporal(&self) -> Result<Temporal, Problem> {
        let temporal = self.0.temporal.read().unwrap_or_else(PoisonError::into_inner).clone();
        temporal.ok_or_else(|| Problem::unavailable("the runs cannot be reached at the moment"))
    }

    /// Errors: why the service cannot serve.
    pub(super) async fn ready(&self) -> Result<(), String> {
        if self.0.stopping.load(Ordering::Acquire) {
            return Err("the service is stopping".to_owned());
        }
        if let Some(trouble) = self.0.trouble.read().unwrap_or_else(PoisonError::into_inner).clone() {
            return Err(trouble);
        }
        if self.catalog().processes().next().is_none() {
            return Err("no definition was read".to_owned());
        }
        let temporal = self.temporal().map_err(|_| "Temporal is not connected".to_owned())?;
        temporal.ping().await.map_err(|e| e.to_string())
    }

    /// The start input of a run, read from its first event once.
    pub(super) async fn start_input(&self, id: &str, run_id: &str) -> Result<Arc<StartInput>, TemporalError> {
        let key = (id.to_owned(), run_id.to_owned());
        if let Some(start) = self.0.starts.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(start.clone());
        }
        let temporal = self.0.temporal.read().unwrap_or_else(PoisonError::into_inner).clone();
        let temporal = temporal
            .ok_or_else(|| TemporalError::Unavailable { address: String::new(), reason: "not connected".to_owned() })?;
        let start = Arc::new(temporal.start_input(id).await?);
        let mut kept = self.0.starts.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(key, start.clone());
        Ok(start)
    }
}

/// Keeps a service connected, and a worker beside it if asked.
pub struct Supervisor {
    pub service: Service,
    pub address: Url,
    pub namespace: String,
    pub task_queue: String,
    /// The services the worker can reach; `None`: no worker in this process.
    pub worker: Option<Services>,
    pub worker_config: WorkerConfig,
}

impl Supervisor {
    /// Connects once. Errors: Temporal does not answer, or forbids what is needed.
    pub async fn connect(&self) -> Result<Option<RunningWorker>, String> {
        let temporal = Temporal::connect(&self.address, &self.namespace, &self.task_queue, CONNECT)
            .await
            .map_err(|e| e.to_string())?;
        temporal.register_search_attributes().await.map_err(|e| e.to_string())?;
        let worker = match &self.worker {
            Some(services) => {
                let config = self.worker_config.clone();
                Some(start_worker(&temporal, services, config).await.map_err(|e| e.to_string())?)
            }
            None => None,
        };
        self.service.set_temporal(temporal);
        Ok(worker)
    }

    /// Connects and stays connected until `stop` resolves, then ends the worker. Trouble is said at `/readyz` and in
    /// the log, and tried again.
    pub async fn run(self, first: Option<RunningWorker>, connected: bool, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        let (mut worker, mut connected) = (first, connected);
        loop {
            if !connected {
                match self.connect().await {
                    Ok(made) => {
                        tracing::info!(address = %self.address, "connected to Temporal");
                        worker = made;
                    }
                    Err(trouble) => {
                        tracing::warn!(trouble, "not connected to Temporal; trying again");
                        self.service.set_trouble(Some(trouble));
                        tokio::select! {
                            () = &mut stop => return,
                            () = tokio::time::sleep(RETRY) => continue,
                        }
                    }
                }
            }
            let ended = async {
                match &mut worker {
                    Some(worker) => worker.ended().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = &mut stop => {
                    if let Some(worker) = worker.take()
                        && let Err(error) = worker.stop().await
                    {
                        tracing::warn!(%error, "the worker did not end well");
                    }
                    return;
                }
                why = ended => {
                    tracing::warn!(why, "the worker ended; starting it again");
                    self.service.set_trouble(Some(format!("the worker ended: {why}")));
                    worker = None;
                    connected = false;
                }
            }
        }
    }
}

/// Watches a folder of definitions and reads it again when a file in it changes; a broken file leaves the version that
/// was read before in service. `told` hears of each new reading.
pub async fn watch(service: Service, folder: PathBuf, told: impl Fn(&Catalog)) {
    let mut seen = fingerprint(&folder);
    let mut every = tokio::time::interval(StdDuration::from_millis(500));
    loop {
        every.tick().await;
        let now = fingerprint(&folder);
        if now == seen {
            continue;
        }
        seen = now;
        match service.catalog().reload(&folder) {
            Ok(catalog) => {
                told(&catalog);
                service.set_catalog(catalog);
            }
            Err(error) => tracing::warn!(%error, folder = %folder.display(), "the definitions cannot be read"),
        }
    }
}

/// Names, sizes and times of the files below a folder.
fn fingerprint(folder: &std::path::Path) -> Vec<(PathBuf, u64, Option<std::time::SystemTime>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(data) if data.is_dir() => folders.push(entry.path()),
                Ok(data) => found.push((entry.path(), data.len(), data.modified().ok())),
                Err(_) => {}
            }
        }
    }
    found.sort();
    found
}
