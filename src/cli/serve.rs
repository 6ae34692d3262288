//! `fermata serve` and `fermata worker`: against any Temporal, as often as wanted.

use std::net::SocketAddr;

use super::host::{self, Environment};
use crate::catalog::Drafts;
use crate::service::{Service, Supervisor};
use crate::temporal::{Services, WorkerConfig};

#[derive(clap::Args)]
pub(super) struct ServeArguments {
    #[command(flatten)]
    environment: Environment,
    /// Where the API listens
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Listen beyond this machine although there is no access control yet
    #[arg(long)]
    insecure: bool,
    /// Only the API; workers run elsewhere
    #[arg(long)]
    no_worker: bool,
}

#[derive(clap::Args)]
pub(super) struct WorkerArguments {
    #[command(flatten)]
    environment: Environment,
}

pub(super) fn run(arguments: &ServeArguments) -> u8 {
    host::block_on(serve(arguments))
}

async fn serve(arguments: &ServeArguments) -> Result<(), String> {
    if !arguments.listen.ip().is_loopback() && !arguments.insecure {
        return Err(format!(
            "{} can be reached from other machines and there is no access control yet; listen on 127.0.0.1 behind a \
             proxy that has it, or say --insecure",
            arguments.listen
        ));
    }
    let config = arguments.environment.config()?;
    let address = host::named_address(&config)?;
    let mut catalog = arguments.environment.catalog()?;
    if host::complaints(&catalog) {
        return Err("some definitions are not in order; nothing was started".to_owned());
    }
    catalog.drafts = Drafts::Hold;
    let drafts = catalog.unpublished();
    if !drafts.is_empty() {
        eprintln!("not published, so not to be started here: {}; `fermata publish` publishes them", drafts.join(", "));
    }
    let listener = host::listen(arguments.listen).await?;
    let local = listener.local_addr().map_err(|e| e.to_string())?;
    let worker = (!arguments.no_worker).then(|| Services { declared: config.services.clone(), otherwise: None });
    let supervisor = Supervisor {
        service: Service::new(config.clone(), catalog),
        address,
        namespace: config.temporal.namespace,
        task_queue: config.temporal.task_queue,
        worker,
        worker_config: WorkerConfig::default(),
    };
    let service = supervisor.service.clone();
    let (stop_to, stop) = tokio::sync::watch::channel(false);
    let stopped = |mut stop: tokio::sync::watch::Receiver<bool>| async move {
        let _ = stop.wait_for(|stop| *stop).await;
    };
    let supervised = tokio::spawn(supervisor.run(None, false, stopped(stop.clone())));
    eprintln!("fermata serves at http://{local}");
    tokio::spawn(async move {
        host::asked_to_end().await;
        let _ = stop_to.send(true);
    });
    let served = host::serve(listener, service, stopped(stop)).await;
    let _ = supervised.await;
    served
}

pub(super) fn run_worker(arguments: &WorkerArguments) -> u8 {
    host::block_on(worker(arguments))
}

async fn worker(arguments: &WorkerArguments) -> Result<(), String> {
    let config = arguments.environment.config()?;
    let address = host::named_address(&config)?;
    let supervisor = Supervisor {
        service: Service::new(config.clone(), crate::catalog::Catalog::default()),
        address,
        namespace: config.temporal.namespace,
        task_queue: config.temporal.task_queue,
        worker: Some(Services { declared: config.services, otherwise: None }),
        worker_config: WorkerConfig::default(),
    };
    eprintln!("fermata works; runs carry their own definitions");
    supervisor.run(None, false, host::asked_to_end()).await;
    Ok(())
}
