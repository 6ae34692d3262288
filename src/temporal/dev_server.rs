//! Runs a Temporal dev server for as long as its handle lives, and not a moment longer. This file knows a program and
//! its flags; it knows nothing of definitions, runs or HTTP routes, nor where the program came from (`program.rs` does).

use std::collections::VecDeque;
use std::fs::{File, OpenOptions, TryLockError, create_dir_all};
use std::io::{self, BufRead, BufReader, PipeReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tracing::debug;

/// With the defaults every task beyond the first twenty costs 50 ms and every timer under a second takes a second.
/// `frontend.*` and the search attribute cache need nothing: the dev server sets them itself.
const TUNING: [&str; 5] = [
    "history.transferProcessorMaxPollRPS=2000",
    "history.timerProcessorMaxPollRPS=2000",
    "history.visibilityProcessorMaxPollRPS=2000",
    r#"history.timerProcessorMaxTimeShift="5ms""#,
    r#"history.workflowIdReuseMinimalInterval="0s""#,
];

/// A free port may be taken between our look and the server's bind, which also takes four ports of its own choice.
const ATTEMPTS: u32 = 3;
const KEPT_LINES: usize = 20;
/// Some of the server's error lines are pages long.
const KEPT_CHARS: usize = 400;
/// After a kill, the server before us takes a moment to end.
const LOCK_WITHIN: Duration = Duration::from_secs(2);
const HEALTH_EVERY: Duration = Duration::from_millis(50);
const HEALTH_WITHIN: Duration = Duration::from_secs(1);
const HEALTH_SERVICE: &str = "temporal.api.workflowservice.v1.WorkflowService";

/// Stands between us and the server, in a process group of its own so that Ctrl-C reaches only us. We hold the write
/// end of its standard input; when we end, however we end, the system closes it, `read` returns, and the server is
/// told to stop, then made to after `$1` seconds. If the server ends first, the guard ends with its exit code.
///
/// What comes as its standard error is the lock of the database: held open by guard and server, it outlives us exactly
/// as long as they do.
#[cfg(unix)]
const GUARD: &str = r#"
grace=$1; shift
exec 3<&0 </dev/null 4>&2 2>&1
"$@" 3<&- &
server=$!
trap 'kill -TERM "$server" 2>/dev/null' TERM INT HUP
(
    exec >/dev/null 2>&1 4>&-
    while read -r line; do :; done <&3
    kill -TERM "$server"
    while [ "$grace" -gt 0 ]; do sleep 1; grace=$((grace - 1)); done
    kill -KILL "$server"
) &
watch=$!
exec 3<&-
wait "$server"; code=$?
while [ "$code" -gt 128 ] && kill -0 "$server" 2>/dev/null; do wait "$server"; code=$?; done
kill "$watch" 2>/dev/null
exit "$code"
"#;

#[derive(Debug, Clone)]
pub struct DevServerConfig {
    pub ip: IpAddr,
    /// The port of the frontend; `None` takes a free one.
    pub port: Option<u16>,
    /// The port of Temporal's own UI: `None` for no UI, `Some(0)` for a free port.
    pub ui_port: Option<u16>,
    /// The SQLite file that makes the server durable; without it everything is gone when the server ends.
    pub db: Option<PathBuf>,
    /// The file to which the server's output is appended; without it only the last lines are kept, for errors.
    pub log: Option<PathBuf>,
    /// Namespaces beside `default`, which is always there.
    pub namespaces: Vec<String>,
    /// `key=JSON`, after our own tuning and so above it.
    pub dynamic_config: Vec<String>,
    /// Name and type (`Keyword`, `Int`, `Datetime`, …), registered also in a `db` that was made without them.
    pub search_attributes: Vec<(String, String)>,
    /// How long `start` waits for a healthy server.
    pub ready_within: Duration,
    /// How long the server may take to end once told to; whole seconds, rounded up.
    pub stop_within: Duration,
}

impl Default for DevServerConfig {
    fn default() -> DevServerConfig {
        DevServerConfig {
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: None,
            ui_port: None,
            db: None,
            log: None,
            namespaces: Vec::new(),
            dynamic_config: Vec::new(),
            search_attributes: Vec::new(),
            ready_within: Duration::from_secs(30),
            stop_within: Duration::from_secs(5),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum DevServerError {
    #[error("port {port} is taken by another program; end that program, or choose another port")]
    PortTaken { port: u16 },
    #[error("no free port on {ip}: {source}")]
    NoFreePort { ip: IpAddr, source: io::Error },
    #[error("cannot write `{}`: {source}", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
    #[error("cannot run `{}`: {source}", program.display())]
    Spawn { program: PathBuf, source: io::Error },
    #[error("`{}` is in use by another Temporal dev server; end that one, or choose another file", db.display())]
    DatabaseInUse { db: PathBuf },
    #[error("the Temporal dev server ended while it started ({status}){}", last_lines(output))]
    Ended { status: String, output: String },
    #[error("the Temporal dev server was not healthy within {} s{}", within.as_secs_f32(), last_lines(output))]
    NotReady { within: Duration, output: String },
    #[error("the Temporal dev server does not take the search attributes: {words}")]
    SearchAttributes { words: String },
    #[error("cannot ask the Temporal dev server for its health: {0}")]
    Client(#[from] tonic::transport::Error),
}

fn last_lines(output: &str) -> String {
    if output.is_empty() { ", without a word".to_owned() } else { format!("; its last lines:\n{output}") }
}

/// A server that runs. Dropping it ends the server too, but does not wait for the end: see [`DevServer::stop`].
#[derive(Debug)]
pub struct DevServer {
    address: SocketAddr,
    ui: Option<SocketAddr>,
    /// The guard's standard input; closing it ends the server. std marks it close-on-exec, so no other child holds it.
    lifeline: Option<ChildStdin>,
    child: Arc<Mutex<Child>>,
    output: Arc<Mutex<VecDeque<String>>>,
    ended: watch::Receiver<Option<String>>,
    stop_within: Duration,
}

impl DevServer {
    /// Starts `program server start-dev`, tuned, and waits until its frontend says that it is serving.
    ///
    /// The handle is not bound to the tokio runtime that made it.
    pub async fn start(program: &Path, config: DevServerConfig) -> Result<DevServer, DevServerError> {
        let mut attempt = 1;
        loop {
            match DevServer::start_once(program, &config).await {
                Err(DevServerError::Ended { output, .. }) if attempt < ATTEMPTS && address_in_use(&output) => {
                    debug!(attempt, "the dev server lost a race for a port");
                    attempt += 1;
                }
                other => return other,
            }
        }
    }

    async fn start_once(program: &Path, config: &DevServerConfig) -> Result<DevServer, DevServerError> {
        let (address, ui) = choose_ports(config)?;
        let old_db = config.db.as_deref().is_some_and(Path::exists);
        if let Some(db) = &config.db {
            make_parent(db)?;
        }
        let db_lock = match &config.db {
            Some(db) => Some(lock_database(db).await?),
            None => None,
        };
        let log = config.log.as_deref().map(open_log).transpose()?;
        let mut server = DevServer::spawn(program, config, (address, ui), log, db_lock)?;
        server.until_healthy(config).await?;
        // `--search-attribute` speaks only to namespaces that are new.
        if old_db && !config.search_attributes.is_empty() {
            server.register(program, &config.search_attributes).await?;
        }
        Ok(server)
    }

    fn spawn(
        program: &Path,
        config: &DevServerConfig,
        (address, ui): (SocketAddr, Option<SocketAddr>),
        log: Option<File>,
        db_lock: Option<File>,
    ) -> Result<DevServer, DevServerError> {
        let failed = |source| DevServerError::Spawn { program: program.to_owned(), source };
        let (reader, writer) = io::pipe().map_err(failed)?;
        let mut command = guarded(program, config.stop_within);
        command.args(arguments(config, address, ui));
        without_temporal_settings(&mut command);
        command.stdin(Stdio::piped());
        #[cfg(unix)]
        command.stdout(writer).stderr(db_lock.map_or_else(Stdio::null, Stdio::from));
        #[cfg(not(unix))]
        command.stdout(writer.try_clone().map_err(failed)?).stderr(writer);
        let mut child = command.spawn().map_err(failed)?;
        // The command still holds the pipe's write ends, and the reader below waits for the last of them.
        drop(command);
        let lifeline = child.stdin.take();
        let child = Arc::new(Mutex::new(child));
        let output = Arc::new(Mutex::new(VecDeque::new()));
        let (tell, ended) = watch::channel(None);
        let (waited, kept) = (child.clone(), output.clone());
        // A thread, not a task: the server may outlive the runtime that started it, and its pipe must never fill.
        std::thread::spawn(move || {
            keep_output(reader, &kept, log);
            let status = lock(&waited).wait();
            #[cfg(not(unix))]
            drop(db_lock);
            tell.send_replace(Some(status.map_or_else(|e| e.to_string(), |status| exit_words(&status))));
        });
        Ok(DevServer { address, ui, lifeline, child, output, ended, stop_within: config.stop_within })
    }

    async fn until_healthy(&mut self, config: &DevServerConfig) -> Result<(), DevServerError> {
        let mut client = health_client(self.address)?;
        let deadline = Instant::now() + config.ready_within;
        loop {
            if let Some(status) = self.ended.borrow().clone() {
                let output = self.output();
                return Err(match (&config.db, config.port) {
                    (Some(db), _) if output.contains("database is locked") => {
                        DevServerError::DatabaseInUse { db: db.clone() }
                    }
                    (_, Some(port)) if output.contains(&format!("can't set frontend port {port}:")) => {
                        DevServerError::PortTaken { port }
                    }
                    _ => DevServerError::Ended { status, output },
                });
            }
            if serving(&mut client).await {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let output = self.output();
                self.end().await;
                return Err(DevServerError::NotReady { within: config.ready_within, output });
            }
            let _ = timeout(HEALTH_EVERY, self.ended.wait_for(Option::is_some)).await;
        }
    }

    async fn register(&self, program: &Path, attributes: &[(String, String)]) -> Result<(), DevServerError> {
        let mut command = Command::new(program);
        command.args(["operator", "search-attribute", "create", "--address", &self.address(), "--command-timeout=20s"]);
        command.args(["--disable-config-file", "--disable-config-env"]);
        for (name, kind) in attributes {
            command.args(["--name", name, "--type", kind]);
        }
        without_temporal_settings(&mut command);
        let mut command = tokio::process::Command::from(command);
        let spawn = |source| DevServerError::Spawn { program: program.to_owned(), source };
        let done = command.stdin(Stdio::null()).kill_on_drop(true).output().await.map_err(spawn)?;
        if done.status.success() {
            return Ok(());
        }
        Err(DevServerError::SearchAttributes { words: String::from_utf8_lossy(&done.stderr).trim().to_owned() })
    }

    /// Where clients connect, as `host:port`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// The URL of Temporal's own UI, when one was asked for.
    pub fn ui_address(&self) -> Option<String> {
        self.ui.map(|ui| format!("http://{ui}"))
    }

    /// The server's last lines, at most 20.
    pub fn output(&self) -> String {
        lock(&self.output).iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }

    /// Waits until the server has ended, for whatever reason, and says how.
    pub async fn ended(&self) -> String {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(status) => status.clone().unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    /// Ends the server and waits for it: asked first, made to after `stop_within`.
    pub async fn stop(mut self) {
        self.end().await;
    }

    async fn end(&mut self) {
        self.ask_to_end();
        // A second above the guard's own patience.
        let patience = self.stop_within + Duration::from_secs(1);
        if timeout(patience, self.ended.wait_for(Option::is_some)).await.is_err() {
            self.kill();
            let _ = timeout(Duration::from_secs(1), self.ended.wait_for(Option::is_some)).await;
        }
    }

    #[cfg(unix)]
    fn ask_to_end(&mut self) {
        self.lifeline = None;
    }

    #[cfg(not(unix))]
    fn ask_to_end(&mut self) {
        self.lifeline = None;
        self.kill();
    }

    fn kill(&self) {
        // The waiting thread holds the lock only once the output has ended, and then there is nothing left to kill.
        let Ok(mut child) = self.child.try_lock() else { return };
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        #[cfg(unix)]
        let _ = Command::new("/bin/sh").args(["-c", r#"kill -s KILL -- "-$0""#, &child.id().to_string()]).status();
        let _ = child.kill();
    }
}

impl Drop for DevServer {
    fn drop(&mut self) {
        self.ask_to_end();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(unix)]
fn guarded(program: &Path, grace: Duration) -> Command {
    use std::os::unix::process::CommandExt;
    let seconds = grace.as_millis().div_ceil(1000).to_string();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", GUARD, "fermata-guard", &seconds]).arg(program).process_group(0);
    command
}

#[cfg(not(unix))]
fn guarded(program: &Path, _grace: Duration) -> Command {
    Command::new(program)
}

fn arguments(config: &DevServerConfig, address: SocketAddr, ui: Option<SocketAddr>) -> Vec<std::ffi::OsString> {
    let mut arguments = vec!["server".into(), "start-dev".into()];
    let mut flag = |name: &str, value: &std::ffi::OsStr| {
        arguments.push(name.into());
        arguments.push(value.to_owned());
    };
    flag("--ip", address.ip().to_string().as_ref());
    flag("--port", address.port().to_string().as_ref());
    // Warnings are plenty even in health, and only a log has room for them.
    flag("--log-level", if config.log.is_some() { "warn" } else { "error" }.as_ref());
    for value in TUNING.into_iter().chain(config.dynamic_config.iter().map(String::as_str)) {
        flag("--dynamic-config-value", value.as_ref());
    }
    for namespace in &config.namespaces {
        flag("--namespace", namespace.as_ref());
    }
    for (name, kind) in &config.search_attributes {
        flag("--search-attribute", format!("{name}={kind}").as_ref());
    }
    if let Some(db) = &config.db {
        flag("--db-filename", db.as_ref());
    }
    match ui {
        Some(ui) => flag("--ui-port", ui.port().to_string().as_ref()),
        None => arguments.push("--headless".into()),
    }
    arguments
}

/// The caller's `TEMPORAL_ADDRESS`, `TEMPORAL_ENV`, `TEMPORAL_TLS_…` are meant for another cluster than this one.
fn without_temporal_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TEMPORAL_") {
            command.env_remove(name);
        }
    }
}

fn choose_ports(config: &DevServerConfig) -> Result<(SocketAddr, Option<SocketAddr>), DevServerError> {
    // Both are held until both are known, so that they differ.
    let frontend = claim(config.ip, config.port)?;
    let ui = config.ui_port.map(|port| claim(config.ip, Some(port).filter(|port| *port != 0))).transpose()?;
    Ok((frontend.1, ui.map(|ui| ui.1)))
}

/// Finds out whether the named port is free, or finds a free one.
fn claim(ip: IpAddr, port: Option<u16>) -> Result<(TcpListener, SocketAddr), DevServerError> {
    let no_port = |source| DevServerError::NoFreePort { ip, source };
    let listener = TcpListener::bind((ip, port.unwrap_or(0))).map_err(|source| match (port, source.kind()) {
        (Some(port), io::ErrorKind::AddrInUse) => DevServerError::PortTaken { port },
        _ => no_port(source),
    })?;
    let address = listener.local_addr().map_err(no_port)?;
    if port.is_none() && cfg!(target_os = "linux") {
        // A connection closed from the server's side lingers, and for that minute Linux gives the number to nobody
        // who asks for just any port, while it can still be bound by name.
        let connection = TcpStream::connect(address).map_err(no_port)?;
        drop(listener.accept().map_err(no_port)?);
        drop(connection);
    }
    Ok((listener, address))
}

fn address_in_use(output: &str) -> bool {
    output.contains("address already in use") || output.contains("Only one usage of each socket address")
}

fn make_parent(path: &Path) -> Result<(), DevServerError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_dir_all(parent).map_err(|source| DevServerError::Unwritable { path: parent.to_owned(), source })
}

fn open_log(path: &Path) -> Result<File, DevServerError> {
    make_parent(path)?;
    let opened = OpenOptions::new().create(true).append(true).open(path);
    opened.map_err(|source| DevServerError::Unwritable { path: path.to_owned(), source })
}

/// SQLite notices a second server only when both happen to write at once; we notice it always.
async fn lock_database(db: &Path) -> Result<File, DevServerError> {
    let mut path = db.as_os_str().to_owned();
    path.push(".lock");
    let unwritable = |source| DevServerError::Unwritable { path: PathBuf::from(&path), source };
    let file = File::create(&path).map_err(unwritable)?;
    let deadline = Instant::now() + LOCK_WITHIN;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => sleep(HEALTH_EVERY).await,
            Err(TryLockError::WouldBlock) => return Err(DevServerError::DatabaseInUse { db: db.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(unwritable(source)),
        }
    }
}

fn keep_output(reader: PipeReader, kept: &Mutex<VecDeque<String>>, mut log: Option<File>) {
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    while matches!(reader.read_until(b'\n', &mut line), Ok(1..)) {
        if let Some(file) = &mut log {
            let _ = file.write_all(&line);
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        if !text.is_empty() {
            let mut kept = lock(kept);
            if kept.len() == KEPT_LINES {
                kept.pop_front();
            }
            kept.push_back(shortened(text));
        }
        line.clear();
    }
}

/// The beginning says what it is about, the end says why.
fn shortened(line: &str) -> String {
    let chars = line.chars().count();
    if chars <= KEPT_CHARS {
        return line.to_owned();
    }
    let half = KEPT_CHARS / 2;
    line.chars().take(half).chain(" … ".chars()).chain(line.chars().skip(chars - half)).collect()
}

fn exit_words(status: &ExitStatus) -> String {
    status.code().map_or_else(|| status.to_string(), |code| format!("exit code {code}"))
}

/// Asks over a connection that is made when it is used, and made again where it was refused.
fn health_client(address: SocketAddr) -> Result<HealthClient<Channel>, DevServerError> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?.timeout(HEALTH_WITHIN);
    Ok(HealthClient::new(endpoint.connect_timeout(HEALTH_WITHIN).connect_lazy()))
}

async fn serving(client: &mut HealthClient<Channel>) -> bool {
    let answer = client.check(HealthCheckRequest { service: HEALTH_SERVICE.to_owned() }).await;
    answer.is_ok_and(|answer| answer.into_inner().status() == ServingStatus::Serving)
}
