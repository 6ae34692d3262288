//! `fermata dev`: a Temporal server, a worker, the API and stand-ins for services, in one command; definitions are read
//! again when they change, and runs are kept over a restart.

use std::fs::{File, TryLockError};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::utf8_percent_encode;
use url::Url;

use super::host::{self, Environment};
use crate::catalog::Catalog;
use crate::config::{Config, server_url};
use crate::machine::prepare;
use crate::plan::{Plan, Schema, example};
use crate::service::{RUN_ID, Service, Supervisor, serve_app, stand_in, watch};
use crate::temporal::dev_server::{DevServer, DevServerConfig};
use crate::temporal::{SEARCH_ATTRIBUTES, Services, WorkerConfig, program};
use crate::value::{Value, to_json};

const FOLDER: &str = ".fermata";

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    environment: Environment,
    /// Where the API listens; this machine only
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Begin without the runs of last time
    #[arg(long)]
    fresh: bool,
}

pub(super) fn run(arguments: &Arguments) -> u8 {
    host::block_on(dev(arguments))
}

async fn dev(arguments: &Arguments) -> Result<(), String> {
    if !arguments.listen.ip().is_loopback() {
        return Err(format!("dev has no access control and listens on this machine only, not on {}", arguments.listen));
    }
    let config = arguments.environment.config()?;
    let catalog = arguments.environment.catalog()?;
    host::complaints(&catalog);
    let _lock = lock()?;
    let listener = host::listen(arguments.listen).await?;
    let api = listener.local_addr().map_err(|e| e.to_string())?;
    let (server, address) = temporal(&config, arguments.fresh).await?;
    let stand_ins = stand_ins().await?;

    let services = Services { declared: config.services.clone(), otherwise: Some(stand_ins) };
    let supervisor = Supervisor {
        service: Service::new(config.clone(), catalog.clone()),
        address,
        namespace: config.temporal.namespace.clone(),
        task_queue: config.temporal.task_queue.clone(),
        worker: Some(services),
        worker_config: WorkerConfig {
            sticky: Duration::from_secs(1),
            grace: Duration::from_millis(500),
            ..WorkerConfig::default()
        },
    };
    let service = supervisor.service.clone();
    let worker = supervisor.connect().await?;

    let (stop_to, stop) = tokio::sync::watch::channel(false);
    let stopped = |mut stop: tokio::sync::watch::Receiver<bool>| async move {
        let _ = stop.wait_for(|stop| *stop).await;
    };
    let supervised = tokio::spawn(supervisor.run(worker, true, stopped(stop.clone())));
    let watched = tokio::spawn(watch(service.clone(), arguments.environment.definitions.clone(), |catalog| {
        let broken = host::complaints(catalog);
        let kept = if broken { "; what was in order before goes on serving" } else { "" };
        eprintln!("definitions read again: {}{kept}", listed(catalog));
    }));
    introduce(api, server.as_ref(), &config, &catalog);

    let ended = tokio::spawn(async move {
        let trouble = tokio::select! {
            () = host::asked_to_end() => None,
            why = server_ended(server.as_ref()) => Some(format!("the Temporal server ended: {why}")),
        };
        let _ = stop_to.send(true);
        (server, trouble)
    });
    let served = host::serve(listener, service, stopped(stop)).await;
    watched.abort();
    eprintln!("ending");
    let _ = supervised.await;
    let (server, trouble) = ended.await.map_err(|e| e.to_string())?;
    if let Some(server) = server {
        server.stop().await;
    }
    match trouble {
        Some(trouble) => Err(trouble),
        None => served,
    }
}

async fn server_ended(server: Option<&DevServer>) -> String {
    match server {
        Some(server) => server.ended().await,
        None => std::future::pending().await,
    }
}

/// Holds the folder for this process. Errors: another `fermata dev` has it.
fn lock() -> Result<File, String> {
    let cannot = |e: std::io::Error| format!("cannot use the folder `{FOLDER}`: {e}");
    std::fs::create_dir_all(FOLDER).map_err(cannot)?;
    let path = Path::new(FOLDER).join("dev.lock");
    let mut file = File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(cannot)?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0).and_then(|()| write!(file, "{}", std::process::id())).map_err(cannot)?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            Err(format!("another `fermata dev` runs in this folder (process {holder}); end it first"))
        }
        Err(TryLockError::Error(error)) => Err(cannot(error)),
    }
}

/// The server that was named, or one of our own.
async fn temporal(config: &Config, fresh: bool) -> Result<(Option<DevServer>, Url), String> {
    if let Some(address) = &config.temporal.address {
        return Ok((None, address.clone()));
    }
    let found = program::find(&program::Options::from_env(), &mut |line| eprintln!("{line}"))
        .await
        .map_err(|e| e.to_string())?;
    let db = Path::new(FOLDER).join("dev.db");
    if fresh {
        for ending in ["", "-wal", "-shm", "-journal"] {
            let file = Path::new(FOLDER).join(format!("dev.db{ending}"));
            match std::fs::remove_file(&file) {
                Ok(()) => {}
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => return Err(format!("cannot remove `{}`: {e}", file.display())),
            }
        }
    }
    let server = DevServer::start(
        &found.path,
        DevServerConfig {
            ui_port: Some(0),
            db: Some(db),
            log: Some(Path::new(FOLDER).join("temporal.log")),
            search_attributes: SEARCH_ATTRIBUTES.iter().map(|(n, t)| ((*n).to_owned(), (*t).to_owned())).collect(),
            ..DevServerConfig::default()
        },
    )
    .await
    .map_err(|e| e.to_string())?;
    let address = server_url(&server.address())?;
    Ok((Some(server), address))
}

/// One stand-in for every service that has no address.
async fn stand_ins() -> Result<Url, String> {
    let listener = host::listen(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    let app = stand_in(|line| eprintln!("stand-in {line}"));
    tokio::spawn(serve_app(listener, app));
    Url::parse(&format!("http://{address}/")).map_err(|e| e.to_string())
}

fn listed(catalog: &Catalog) -> String {
    let all: Vec<String> = catalog
        .processes()
        .map(|(name, versions)| {
            let versions: Vec<String> = versions.keys().map(|v| format!("v{v}")).collect();
            format!("{name} {}", versions.join(", "))
        })
        .collect();
    if all.is_empty() { "none".to_owned() } else { all.join("; ") }
}

fn introduce(api: SocketAddr, server: Option<&DevServer>, config: &Config, catalog: &Catalog) {
    let stand_ins: Vec<String> =
        catalog.services().into_iter().filter(|name| !config.services.contains_key(name)).collect();
    println!("fermata dev\n");
    println!("  definitions   {}", listed(catalog));
    println!("  API           http://{api}  (no access control; this machine only)");
    if let Some(server) = server {
        println!("  Temporal      {}  runs are kept in {FOLDER}/dev.db", server.address());
        if let Some(ui) = server.ui_address() {
            println!("  Temporal UI   {ui}");
        }
    }
    if !stand_ins.is_empty() {
        println!("  stand-ins     {}  (no address in fermata.toml)", stand_ins.join(", "));
    }
    match sample(catalog) {
        Some((plan, key, input)) => try_it(api, &plan, &key, input),
        None => println!(
            "\nStart a run: POST http://{api}/v1/processes/<Process>/runs with {{\"input\": …}} as application/json"
        ),
    }
    println!("\nCtrl-C ends all of it.");
    let _ = std::io::stdout().flush();
}

/// Lines that work as printed: start, status, what the run declares, result.
fn try_it(api: SocketAddr, plan: &Plan, key: &str, input: Value) {
    let process = plan.process();
    let id = format!("{process}.{key}");
    let run = format!("http://{api}/v1/runs/{}", utf8_percent_encode(&id, RUN_ID));
    let post = |url: String, body: Option<Value>| {
        let body = body.filter(|body| *body != Value::Null).map_or(String::new(), |body| {
            let json = to_json(&body).replace('\'', "'\\''");
            format!(" -H 'Content-Type: application/json' -d '{json}'")
        });
        format!("  curl -sS -X POST {url}{body}")
    };
    let carries = |schema: Option<&Schema>| schema.map_or(Some(Value::Null), |schema| example(Some(schema)));
    println!("\nTry it: start, status, messages, result\n");
    let start = Value::map([("input", input)]);
    println!("{}", post(format!("http://{api}/v1/processes/{process}/runs"), Some(start)));
    println!("  curl -sS {run}");
    for name in plan.update_names() {
        if let Some(payload) = carries(plan.update(name).and_then(|update| update.payload())) {
            println!("{}", post(format!("{run}/updates/{name}"), Some(payload)));
        }
    }
    for name in plan.query_names() {
        println!("  curl -sS {run}/queries/{name}");
    }
    for name in plan.signal_names() {
        if let Some(payload) = carries(plan.signal(name).and_then(|signal| signal.payload())) {
            println!("{}", post(format!("{run}/signals/{name}"), Some(payload)));
        }
    }
    println!("  curl -sS {run}/result -H 'Prefer: wait=20'");
}

/// The first process that an example input can be made for: its newest version, a key and the input.
fn sample(catalog: &Catalog) -> Option<(Arc<Plan>, String, Value)> {
    catalog.processes().find_map(|(_, versions)| {
        let plan = &versions.values().next_back()?.plan;
        let input = example(plan.input())?;
        let prepared = prepare(plan, input.clone(), None).ok()?;
        Some((plan.clone(), prepared.key, input))
    })
}
