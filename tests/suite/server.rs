//! One Temporal server for all tests of this binary, with a worker that keeps runs in memory and one that does not. It is
//! brought up when the first test asks, and a test that cannot have it fails and says why.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, Mutex, OnceLock};
use std::time::Duration;

use fermata::temporal::dev_server::{DevServer, DevServerConfig};
use fermata::temporal::{
    Applied, RunningWorker, SEARCH_ATTRIBUTES, Services, Temporal, WorkerConfig, program, set_recorder, start_worker,
};
use tokio::runtime::Runtime;
use url::Url;

use crate::mock::Mock;

/// The queue whose worker keeps runs in memory.
pub const CACHED: &str = "cached";
/// The queue whose worker replays each task from the start.
pub const UNCACHED: &str = "uncached";

pub struct Server {
    pub runtime: Runtime,
    pub dev: Mutex<Option<DevServer>>,
    pub url: Url,
    pub mock: Mock,
    /// The `temporal` program.
    pub program: std::path::PathBuf,
    clients: HashMap<&'static str, Temporal>,
    workers: Mutex<Vec<RunningWorker>>,
}

/// What hosts were fed, by the ids of their runs.
type ByRun = Arc<Mutex<HashMap<String, Vec<Applied>>>>;

/// Of the hosts in this process.
static APPLIED: LazyLock<ByRun> = LazyLock::new(|| {
    let applied = ByRun::default();
    let record = applied.clone();
    set_recorder(Arc::new(move |one: Applied| {
        record.lock().unwrap().entry(one.workflow_id.clone()).or_default().push(one);
    }));
    applied
});

/// What hosts are fed from now on is kept.
pub fn keep_applied() {
    LazyLock::force(&APPLIED);
}

/// What each instance of a run's code was fed, in the order the instances began.
pub fn instances(workflow_id: &str) -> Vec<Vec<Applied>> {
    let all = APPLIED.lock().unwrap().get(workflow_id).cloned().unwrap_or_default();
    let mut found: Vec<Vec<Applied>> = Vec::new();
    for one in all {
        match found.iter_mut().find(|i| i[0].instance == one.instance) {
            Some(instance) => instance.push(one),
            None => found.push(vec![one]),
        }
    }
    found
}

static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();

/// The server, brought up at the first call.
pub fn server() -> Result<&'static Server, String> {
    SERVER.get_or_init(Server::bring_up).as_ref().map_err(|e| format!("no Temporal server: {e}"))
}

/// Ends what was brought up.
pub fn end() {
    let Some(Ok(server)) = SERVER.get() else { return };
    let workers = std::mem::take(&mut *server.workers.lock().unwrap());
    server.runtime.block_on(async {
        for worker in workers {
            let _ = tokio::time::timeout(Duration::from_secs(5), worker.stop()).await;
        }
        let dev = server.dev.lock().unwrap().take();
        if let Some(dev) = dev {
            dev.stop().await;
        }
    });
}

impl Server {
    fn bring_up() -> Result<Server, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| e.to_string())?;
        keep_applied();
        let (program, dev, url, mock, clients, workers) = runtime.block_on(async {
            let found = program::find(&program::Options::from_env(), &mut |line| eprintln!("{line}"))
                .await
                .map_err(|e| e.to_string())?;
            let config = DevServerConfig {
                search_attributes: SEARCH_ATTRIBUTES.iter().map(|(n, t)| (n.to_string(), t.to_string())).collect(),
                ..DevServerConfig::default()
            };
            let dev = DevServer::start(&found.path, config).await.map_err(|e| e.to_string())?;
            let url: Url = format!("http://{}", dev.address()).parse().map_err(|e| format!("{e}"))?;
            let mock = Mock::start().await?;
            let services = Services { otherwise: Some(mock.url.clone()), ..Services::default() };
            let (mut clients, mut workers) = (HashMap::new(), Vec::new());
            begin_activities(&url, mock.clone()).await?;
            for (queue, cached_runs) in [(CACHED, 1_000), (UNCACHED, 0)] {
                let client = Temporal::connect(&url, "default", queue, Duration::from_secs(10))
                    .await
                    .map_err(|e| e.to_string())?;
                let config = WorkerConfig { cached_runs, grace: Duration::from_millis(100), ..WorkerConfig::default() };
                workers.push(start_worker(&client, &services, config).await.map_err(|e| e.to_string())?);
                clients.insert(queue, client);
            }
            Ok::<_, String>((found.path, dev, url, mock, clients, workers))
        })?;
        let (dev, workers) = (Mutex::new(Some(dev)), Mutex::new(workers));
        Ok(Server { runtime, dev, url, mock, program, clients, workers })
    }

    pub fn client(&self, queue: &str) -> Temporal {
        self.clients[queue].clone()
    }

    /// A client of a queue that no other test uses.
    pub fn own_client(&self, queue: &str) -> Result<Temporal, String> {
        let connected = Temporal::connect(&self.url, "default", queue, Duration::from_secs(10));
        self.runtime.block_on(connected).map_err(|e| e.to_string())
    }

    /// A worker on the queue of a client.
    pub async fn own_worker(&self, client: &Temporal, cached: bool) -> Result<RunningWorker, String> {
        let services = Services { otherwise: Some(self.mock.url.clone()), ..Services::default() };
        let config = WorkerConfig {
            cached_runs: if cached { 100 } else { 0 },
            sticky: Duration::from_millis(100),
            grace: Duration::from_millis(100),
        };
        start_worker(client, &services, config).await.map_err(|e| e.to_string())
    }

    /// What a run was fed over all its histories, each as the instance saw it that began last.
    pub fn run_of(&self, workflow_id: &str) -> Vec<Applied> {
        let mut histories: BTreeMap<u64, Vec<Applied>> = BTreeMap::new();
        for instance in self.instances(workflow_id) {
            histories.insert(instance[0].history, instance);
        }
        histories.into_values().flatten().collect()
    }

    /// What each instance of a run's code was fed, in the order the instances began.
    pub fn instances(&self, workflow_id: &str) -> Vec<Vec<Applied>> {
        instances(workflow_id)
    }
}

/// A worker of foreign activities, on a thread of its own; it ends with the process.
async fn begin_activities(url: &Url, mock: Mock) -> Result<(), String> {
    let (url, (ready_to, ready)) = (url.clone(), tokio::sync::oneshot::channel());
    let body = move || {
        let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio.block_on(async move {
            let runtime = temporalio_sdk::Runtime::from_current_tokio(Default::default()).unwrap();
            let options = temporalio_client::ConnectionOptions::new(url).build();
            let connection = temporalio_client::Connection::connect(options).await.unwrap();
            let options = temporalio_client::ClientOptions::new("default").build();
            let client = temporalio_client::Client::new(connection, options).unwrap();
            let options = temporalio_sdk::WorkerOptions::new(crate::activity::QUEUE)
                .register_activities(crate::activity::Works { mock })
                .build();
            let mut worker = temporalio_sdk::Worker::new(&runtime, client, options).unwrap();
            let _ = ready_to.send(());
            worker.run().await.unwrap();
        });
    };
    std::thread::Builder::new().name("activities".into()).spawn(body).map_err(|e| e.to_string())?;
    ready.await.map_err(|_| "the worker of the test's activities did not begin".to_owned())
}
