//! What `dev`, `serve` and `worker` share: options, the listener, signals, and ending well.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::TcpListener;
use url::Url;

use crate::catalog::Catalog;
use crate::config::{self, Config, server_url};
use crate::service::{Service, serve_until};

/// How long requests in hand may take once the program was asked to end.
const DRAIN: Duration = Duration::from_secs(5);

#[derive(clap::Args, Clone)]
pub(super) struct Environment {
    /// The environment: Temporal, services, routes
    #[arg(long, default_value = "fermata.toml")]
    config: PathBuf,
    /// The folder of definitions
    #[arg(long, default_value = "definitions")]
    pub definitions: PathBuf,
    /// `host:port` of a Temporal server; wins over the configuration
    #[arg(long, env = "FERMATA_TEMPORAL_ADDRESS")]
    temporal_address: Option<String>,
}

impl Environment {
    /// Errors: a configuration that is broken, or was named and is not there.
    pub fn config(&self) -> Result<Config, String> {
        if self.config != Path::new("fermata.toml") && !self.config.exists() {
            return Err(format!("{}: there is no such file", self.config.display()));
        }
        let mut config = config::load(&self.config, &|name| std::env::var(name).ok()).map_err(|e| e.to_string())?;
        if let Some(address) = &self.temporal_address {
            config.temporal.address = Some(server_url(address).map_err(|e| format!("--temporal-address: {e}"))?);
        }
        Ok(config)
    }

    /// Errors: a folder that cannot be read.
    pub fn catalog(&self) -> Result<Catalog, String> {
        Catalog::load(&self.definitions).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => format!(
                "{}: there is no such folder; a definition is `{}/<Process>/v1.yaml`",
                self.definitions.display(),
                self.definitions.display()
            ),
            _ => format!("{}: cannot be read: {e}", self.definitions.display()),
        })
    }
}

/// Prints the complaints of a catalog; whether any file is out of order.
pub(super) fn complaints(catalog: &Catalog) -> bool {
    for file in &catalog.complaints {
        eprintln!("{}", file.rendered);
    }
    catalog.complaints.iter().any(|c| c.errors)
}

/// Errors: a port that is taken, or an address that is not this machine's.
pub(super) async fn listen(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|e| match e.kind() {
        io::ErrorKind::AddrInUse => {
            format!(
                "port {} of {} is in use; end that program, or choose another with --listen {}:0",
                address.port(),
                address.ip(),
                address.ip()
            )
        }
        _ => format!("cannot listen on {address}: {e}"),
    })
}

/// Resolves when someone asks the program to end.
pub(super) async fn asked_to_end() {
    let interrupt = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}

/// Serves until `stop` resolves, then says that it is not ready, and lets requests in hand end.
pub(super) async fn serve(
    listener: TcpListener,
    service: Service,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), String> {
    let (asked_to, asked) = tokio::sync::oneshot::channel::<()>();
    let stopping = service.clone();
    let stop = async move {
        stop.await;
        stopping.stop();
        let _ = asked_to.send(());
    };
    let serving = serve_until(listener, service, stop);
    let drained = async {
        let _ = asked.await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        served = serving => served,
        () = drained => Ok(()),
    }
}

/// The address of a server that was named. Errors: none was, with the ways to name one.
pub(super) fn named_address(config: &Config) -> Result<Url, String> {
    config.temporal.address.clone().ok_or_else(|| {
        "no Temporal server was named: set `address` under `[temporal]` in fermata.toml, or --temporal-address, or \
         FERMATA_TEMPORAL_ADDRESS; `fermata dev` brings one up by itself"
            .to_owned()
    })
}

/// Runs an async command; exit code 2 and one message where it could not.
pub(super) fn block_on(command: impl Future<Output = Result<(), String>>) -> u8 {
    let filter = tracing_subscriber::EnvFilter::try_from_env("FERMATA_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("fermata=info,warn"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false);
    let _ = log.with_ansi(super::colour()).try_init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("fermata: cannot begin: {error}");
            return super::COULD_NOT;
        }
    };
    let result = runtime.block_on(command);
    runtime.shutdown_timeout(Duration::from_secs(1));
    match result {
        Ok(()) => super::OK,
        Err(message) => {
            eprintln!("fermata: {message}");
            super::COULD_NOT
        }
    }
}
