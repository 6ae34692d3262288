//! Finds a `temporal` program new enough to run our dev server, and fetches one when the machine has none. This file
//! knows files, a release and a compiler; it knows nothing of how a server is run, of definitions, runs or HTTP routes.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::value::to_hex;

/// What we fetch. Tags after v1.5.1 have `replace` lines, and `go install` refuses those.
pub const VERSION: &str = "1.5.1";
const OLDEST: [u64; 3] = [1, 5, 0];
/// The server within the oldest CLI: programs made by a plain `go install` call themselves 0.0.0-DEV.
const OLDEST_SERVER: [u64; 3] = [1, 29, 0];
const MODULE: &str = "github.com/temporalio/cli/cmd/temporal";
/// As the release is linked: without symbols, and with its name.
const LINK: &str = "-s -w -X github.com/temporalio/cli/temporalcli.Version=";
const CHECKSUMS_BYTES: u64 = 1 << 20;
const PROGRESS_EVERY: Duration = Duration::from_secs(10);
const KEPT_LINES: usize = 10;
const NAME: &str = if cfg!(windows) { "temporal.exe" } else { "temporal" };

/// What did not work in this process and is not tried again: place and way, then why.
static FAILED: Mutex<BTreeMap<(PathBuf, String), String>> = Mutex::new(BTreeMap::new());

#[derive(Debug, Clone)]
pub struct Options {
    /// The `PATH` in which `temporal` and `go` are looked for.
    pub path: Option<OsString>,
    /// Where fetched programs are kept.
    pub cache: PathBuf,
    /// The URL under which the archives and `checksums.txt` of release [`VERSION`] lie.
    pub download: String,
    /// No network: nothing is downloaded, and Go may use only what it has.
    pub offline: bool,
    /// Whether `go install` may be tried.
    pub go: bool,
    pub limits: Limits,
}

#[derive(Debug, Clone)]
pub struct Limits {
    /// For one `temporal --version`.
    pub probe: Duration,
    pub connect: Duration,
    /// For the whole download.
    pub download: Duration,
    /// Of the archive; the program in it may be twice as large.
    pub archive_bytes: u64,
    pub go_install: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            probe: Duration::from_secs(10),
            connect: Duration::from_secs(5),
            download: Duration::from_secs(60),
            archive_bytes: 300_000_000,
            go_install: Duration::from_secs(15 * 60),
        }
    }
}

impl Options {
    /// `PATH`, `FERMATA_CACHE` and `FERMATA_OFFLINE`, and the release on GitHub.
    pub fn from_env() -> Options {
        Options {
            path: env::var_os("PATH"),
            cache: cache_directory(|name| env::var_os(name).filter(|value| !value.is_empty())),
            download: format!("https://github.com/temporalio/cli/releases/download/v{VERSION}"),
            offline: env::var_os("FERMATA_OFFLINE").is_some_and(|value| !value.is_empty() && value != "0"),
            go: true,
            limits: Limits::default(),
        }
    }
}

fn cache_directory(variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    let directory = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || match () {
        () if cfg!(windows) => directory("LOCALAPPDATA"),
        () if cfg!(target_os = "macos") => directory("HOME").map(|home| home.join("Library/Caches")),
        () => directory("HOME").map(|home| home.join(".cache")),
    };
    let own = variable("FERMATA_CACHE").map(PathBuf::from);
    let named = own.or_else(|| Some(directory("XDG_CACHE_HOME").or_else(home)?.join("fermata")));
    // Without a home we stay beside the project: what lies in a shared /tmp may be anyone's, and we would run it.
    named.unwrap_or_else(|| PathBuf::from(".fermata/cache"))
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub path: PathBuf,
    /// As the program says: `1.5.1`, or `0.0.0-DEV (server 1.29.1)`.
    pub version: String,
    pub how: How,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    Path,
    Cache,
    Download,
    GoInstall,
}

/// One way that was tried, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub way: String,
    pub outcome: String,
}

/// No way led to a program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no `temporal` program to run a dev server with\ntried:\n{}\nany one of these helps:\n{WAYS_FORWARD}",
    Tried(tried)
)]
pub struct ProgramError {
    pub tried: Vec<Attempt>,
}

const WAYS_FORWARD: &str = "  install the Temporal CLI, 1.5.0 or newer: https://docs.temporal.io/cli
  name a Temporal that runs: `[temporal] address` in fermata.toml, or `--temporal-address`
  install Go: https://go.dev/doc/install
  allow access to github.com, or to a Go module proxy";

struct Tried<'a>(&'a [Attempt]);

impl fmt::Display for Tried<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Attempt { way, outcome }) in self.0.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(f, "{end}  {way}: {}", outcome.replace('\n', "\n    "))?;
        }
        Ok(())
    }
}

/// Looks in `PATH`, then in our cache; else downloads the release into the cache; else builds it there with Go.
///
/// `progress` gets lines for people, at most one every few seconds. Processes that share a cache fetch once: the
/// others wait for the first. What failed once fails again at once for as long as this process lives.
pub async fn find(options: &Options, progress: &mut dyn FnMut(&str)) -> Result<Found, ProgramError> {
    let mut search = Search { options, progress, tried: Vec::new() };
    if let Some(found) = search.in_path().await {
        return Ok(found);
    }
    if let Some(found) = search.in_cache().await {
        return Ok(found);
    }
    match search.fetch().await {
        Some(found) => Ok(found),
        None => Err(ProgramError { tried: search.tried }),
    }
}

struct Search<'a> {
    options: &'a Options,
    progress: &'a mut dyn FnMut(&str),
    tried: Vec<Attempt>,
}

impl Search<'_> {
    fn note(&mut self, way: impl Into<String>, outcome: impl Into<String>) {
        self.tried.push(Attempt { way: way.into(), outcome: outcome.into() });
    }

    async fn in_path(&mut self) -> Option<Found> {
        let way = "`temporal` in PATH";
        let Some(path) = which(self.options, NAME) else {
            self.note(way, "not there");
            return None;
        };
        let outcome = match probe(&path, self.options.limits.probe).await {
            Ok(Version { text, new_enough: true }) => return Some(Found { path, version: text, how: How::Path }),
            Ok(Version { text, .. }) => {
                let line = format!("`temporal` {text} in PATH is too old (1.5.0 or newer is needed); looking further");
                (self.progress)(&line);
                format!("`{}` is {text}, which is too old (1.5.0 or newer is needed)", path.display())
            }
            Err(words) => {
                (self.progress)(&format!("`temporal` in PATH cannot be used: {words}; looking further"));
                format!("`{}` cannot be used: {words}", path.display())
            }
        };
        self.note(way, outcome);
        None
    }

    fn cached(&self) -> PathBuf {
        self.options.cache.join(format!("temporal-{VERSION}")).join(NAME)
    }

    async fn in_cache(&mut self) -> Option<Found> {
        let path = self.cached();
        let way = format!("the cache, `{}`", path.display());
        if !path.exists() {
            self.note(way, "not there");
            return None;
        }
        match probe(&path, self.options.limits.probe).await {
            Ok(Version { text, .. }) => return Some(Found { path, version: text, how: How::Cache }),
            Err(words) => self.note(way, format!("cannot be used: {words}")),
        }
        None
    }

    async fn fetch(&mut self) -> Option<Found> {
        let _lock = match self.lock().await {
            Ok(lock) => lock,
            Err(error) => {
                let words = format!("cannot be written, so nothing can be fetched: {error}");
                self.note(format!("the cache directory, `{}`", self.options.cache.display()), words);
                return None;
            }
        };
        // Another process may have made it since we looked, so we look again, and only this look counts.
        self.tried.pop();
        if let Some(found) = self.in_cache().await {
            return Some(found);
        }
        for how in [How::Download, How::GoInstall] {
            let way = match how {
                How::GoInstall => format!("`go install {MODULE}@v{VERSION}`"),
                _ => format!("download from {}", self.options.download),
            };
            let key = (self.options.cache.clone(), way.clone());
            let before = FAILED.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
            if let Some(words) = before {
                self.note(way, format!("{words} (not tried again in this process)"));
                continue;
            }
            match self.make(how).await {
                Ok(found) => return Some(found),
                Err(Failure::Unfit(words)) => self.note(way, words),
                Err(Failure::Tried(words)) => {
                    (self.progress)(&format!("{way}: {words}"));
                    FAILED.lock().unwrap_or_else(PoisonError::into_inner).insert(key, words.clone());
                    self.note(way, words);
                }
            }
        }
        None
    }

    /// The lock is the system's, on an open file: it ends with its holder, however that one ends.
    async fn lock(&mut self) -> io::Result<File> {
        fs::create_dir_all(&self.options.cache)?;
        let file = File::create(self.options.cache.join(format!("temporal-{VERSION}.lock")))?;
        let mut waited = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) if !waited => {
                    waited = true;
                    (self.progress)("another fermata is fetching the Temporal dev server; waiting for it");
                }
                // Not `File::lock` on a thread: that could not be given up on Ctrl-C.
                Err(TryLockError::WouldBlock) => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Makes the program in a directory beside its place, sees it run, and puts it there in one step.
    async fn make(&mut self, how: How) -> Result<Found, Failure> {
        let work = Work::new(self.options.cache.join(format!(".work-{VERSION}")))?;
        match how {
            How::GoInstall => self.go_install(&work.0).await?,
            _ => self.download(&work.0).await?,
        }
        let (made, path) = (work.0.join(NAME), self.cached());
        let version = probe(&made, self.options.limits.probe).await?;
        let place = |error: io::Error| format!("cannot write `{}`: {error}", path.display());
        fs::create_dir_all(path.parent().unwrap_or(&self.options.cache)).map_err(place)?;
        fs::rename(&made, &path).map_err(place)?;
        Ok(Found { path, version: version.text, how })
    }

    async fn download(&mut self, work: &Path) -> Result<(), Failure> {
        if self.options.offline {
            return Err(Failure::Unfit("not tried, since `FERMATA_OFFLINE` is set".to_owned()));
        }
        let archive = archive_name().ok_or_else(|| {
            Failure::Unfit(format!(
                "not tried, since there is no archive for {} {}",
                env::consts::OS,
                env::consts::ARCH
            ))
        })?;
        let (limits, file) = (&self.options.limits, work.join(archive));
        let fetched = timeout(limits.download, self.download_checked(archive, &file)).await;
        fetched.map_err(|_| format!("not done within {} s", limits.download.as_secs_f32()))??;
        let (program, cap) = (work.join(NAME), limits.archive_bytes.saturating_mul(2));
        let unpacked = tokio::task::spawn_blocking(move || unpack(&file, &program, cap)).await;
        let unpacked = unpacked.unwrap_or_else(|error| Err(io::Error::other(error)));
        Ok(unpacked.map_err(|error| format!("`{archive}` cannot be unpacked: {error}"))?)
    }

    async fn download_checked(&mut self, archive: &str, file: &Path) -> Result<(), String> {
        let (options, limits) = (self.options, &self.options.limits);
        // The caller has most likely done this; the second time is refused, and that is all.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().connect_timeout(limits.connect).user_agent("fermata").build();
        let client = client.map_err(|error| root(&error))?;

        (self.progress)(&format!("downloading the Temporal dev server {VERSION} from {}", options.download));
        let mut sums = Vec::new();
        let url = format!("{}/checksums.txt", options.download);
        receive(&client, &url, CHECKSUMS_BYTES, async |chunk, _| {
            sums.extend_from_slice(chunk);
            Ok(())
        })
        .await?;
        let sums = String::from_utf8_lossy(&sums);
        let mut lines = sums.lines().filter_map(|line| line.split_once(char::is_whitespace));
        let (wanted, _) = lines
            .find(|(_, name)| name.trim_start_matches([' ', '*']).trim_end() == archive)
            .ok_or_else(|| format!("`checksums.txt` does not name `{archive}`"))?;

        let cannot_write = |error: io::Error| format!("cannot write `{}`: {error}", file.display());
        let mut target = tokio::fs::File::create(file).await.map_err(cannot_write)?;
        let (mut digest, mut received, mut told) = (Sha256::new(), 0, Instant::now());
        let url = format!("{}/{archive}", options.download);
        receive(&client, &url, limits.archive_bytes, async |chunk, total| {
            digest.update(chunk);
            received += chunk.len();
            if told.elapsed() >= PROGRESS_EVERY {
                told = Instant::now();
                (self.progress)(&format!(
                    "downloading: {} of {} MB",
                    received / 1_000_000,
                    total.unwrap_or(0) / 1_000_000
                ));
            }
            target.write_all(chunk).await.map_err(cannot_write)
        })
        .await?;
        target.flush().await.map_err(cannot_write)?;
        let got = to_hex(&digest.finalize());
        if got.eq_ignore_ascii_case(wanted) {
            return Ok(());
        }
        Err(format!("`{archive}` is not what was released: its SHA-256 is {got}, `checksums.txt` says {wanted}"))
    }

    async fn go_install(&mut self, work: &Path) -> Result<(), Failure> {
        if !self.options.go {
            return Err(Failure::Unfit("not wanted".to_owned()));
        }
        let go = which(self.options, if cfg!(windows) { "go.exe" } else { "go" });
        let go = go.ok_or_else(|| Failure::Unfit("`go` is not in PATH".to_owned()))?;
        (self.progress)(&format!("building the Temporal dev server {VERSION} with Go: about 3 minutes, once"));
        let mut command = Command::new(go);
        command.args(["install", "-ldflags", &format!("{LINK}{VERSION}"), &format!("{MODULE}@v{VERSION}")]);
        command.env("GOBIN", work).env("CGO_ENABLED", "0").env_remove("GOOS").env_remove("GOARCH");
        command.envs(self.options.path.as_ref().map(|path| ("PATH", path)));
        if self.options.offline {
            command.env("GOPROXY", "off");
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let limit = self.options.limits.go_install;
        let done = timeout(limit, self.watch_go(command)).await;
        Ok(done.map_err(|_| format!("not done within {} s", limit.as_secs_f32()))??)
    }

    async fn watch_go(&mut self, mut command: Command) -> Result<(), String> {
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let mut lines = child.stderr.take().map(|stderr| BufReader::new(stderr).lines());
        let (started, mut last, mut modules) = (Instant::now(), Vec::new(), 0);
        let mut tick = interval(PROGRESS_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tick.tick().await;
        while let Some(reader) = &mut lines {
            tokio::select! {
                line = reader.next_line() => match line {
                    Ok(Some(line)) if line.starts_with("go: downloading ") => modules += 1,
                    Ok(Some(line)) => last.push(line),
                    Ok(None) | Err(_) => lines = None,
                },
                _ = tick.tick() => {
                    let seconds = started.elapsed().as_secs();
                    (self.progress)(&format!("building with Go: {modules} modules downloaded, {seconds} s"));
                }
            }
        }
        let status = child.wait().await.map_err(|error| error.to_string())?;
        if status.success() {
            return Ok(());
        }
        let last = last.split_off(last.len().saturating_sub(KEPT_LINES));
        Err(format!("{status}; its last lines:\n{}", last.join("\n")))
    }
}

enum Failure {
    /// The way is not open here; it costs nothing to find that out again.
    Unfit(String),
    Tried(String),
}

impl From<String> for Failure {
    fn from(words: String) -> Failure {
        Failure::Tried(words)
    }
}

/// A directory for one attempt. Only the holder of the lock has one, so what lies there already is a dead one's.
struct Work(PathBuf);

impl Work {
    fn new(path: PathBuf) -> Result<Work, String> {
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).map_err(|error| format!("cannot make `{}`: {error}", path.display()))?;
        Ok(Work(path))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// `temporal_cli_{version}_{os}_{arch}.tar.gz`, as .goreleaser.yml of temporalio/cli names it. Windows is left out.
fn archive_name() -> Option<&'static str> {
    match (env::consts::OS, env::consts::ARCH) {
        ("linux", "x86_64") => Some("temporal_cli_1.5.1_linux_amd64.tar.gz"),
        ("linux", "aarch64") => Some("temporal_cli_1.5.1_linux_arm64.tar.gz"),
        ("macos", "x86_64") => Some("temporal_cli_1.5.1_darwin_amd64.tar.gz"),
        ("macos", "aarch64") => Some("temporal_cli_1.5.1_darwin_arm64.tar.gz"),
        _ => None,
    }
}

async fn receive(
    client: &reqwest::Client,
    url: &str,
    cap: u64,
    mut take: impl AsyncFnMut(&[u8], Option<u64>) -> Result<(), String>,
) -> Result<(), String> {
    let broken = |error: reqwest::Error| format!("{url}: {}", root(&error));
    let mut answer = client.get(url).send().await.map_err(broken)?;
    if !answer.status().is_success() {
        return Err(format!("{url} answers {}", answer.status()));
    }
    let (total, mut received) = (answer.content_length(), 0);
    while let Some(chunk) = answer.chunk().await.map_err(broken)? {
        received += chunk.len() as u64;
        if received > cap {
            return Err(format!("{url} is larger than {cap} bytes"));
        }
        take(&chunk, total).await?;
    }
    Ok(())
}

/// reqwest's own words stop at "error sending request"; the reason is the last in the chain.
fn root(error: &reqwest::Error) -> String {
    let mut last: &dyn std::error::Error = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

fn unpack(archive: &Path, program: &Path, cap: u64) -> io::Result<()> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(File::open(archive)?));
    for entry in archive.entries()? {
        let mut entry = entry?;
        if entry.path()?.as_ref() != Path::new(NAME) || !entry.header().entry_type().is_file() {
            continue;
        }
        if entry.size() > cap {
            return Err(io::Error::other(format!("`{NAME}` in it is larger than {cap} bytes")));
        }
        let mut target = File::create(program)?;
        io::copy(&mut entry, &mut target)?;
        #[cfg(unix)]
        target.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        return target.sync_all();
    }
    Err(io::Error::other(format!("there is no `{NAME}` in it")))
}

fn which(options: &Options, name: &str) -> Option<PathBuf> {
    let directories = env::split_paths(options.path.as_ref()?).filter(|directory| !directory.as_os_str().is_empty());
    let found = directories.map(|directory| directory.join(name)).find(|path| is_program(path))?;
    std::path::absolute(found).ok()
}

fn is_program(path: &Path) -> bool {
    let Ok(metadata) = fs::metadata(path) else { return false };
    #[cfg(unix)]
    let executable = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0;
    #[cfg(not(unix))]
    let executable = true;
    metadata.is_file() && executable
}

struct Version {
    text: String,
    new_enough: bool,
}

async fn probe(program: &Path, within: Duration) -> Result<Version, String> {
    let output = timeout(within, run_version(program)).await;
    let output = output.map_err(|_| format!("`--version` took longer than {} s", within.as_secs_f32()))?;
    let output = output.map_err(|error| format!("it does not run: {error}"))?;
    if !output.status.success() {
        return Err(format!("`--version` failed with {}", output.status));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    version(&text).ok_or_else(|| format!("`--version` says `{}`", text.trim().chars().take(80).collect::<String>()))
}

async fn run_version(program: &Path) -> io::Result<Output> {
    loop {
        let output = Command::new(program).arg("--version").stdin(Stdio::null()).kill_on_drop(true).output().await;
        match output {
            // A child being forked elsewhere in this process may hold our just written file open for an instant.
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => sleep(Duration::from_millis(20)).await,
            output => return output,
        }
    }
}

/// Reads `temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)`.
fn version(text: &str) -> Option<Version> {
    let after =
        |word: &str| text.split_once(word)?.1.split_whitespace().next().map(|word| word.trim_matches([',', ')']));
    let cli = after("version ")?;
    let numbers_of_cli = numbers(cli)?;
    if numbers_of_cli != [0, 0, 0] {
        return Some(Version { text: cli.to_owned(), new_enough: numbers_of_cli >= OLDEST });
    }
    let server = after("(Server ")?;
    Some(Version { text: format!("{cli} (server {server})"), new_enough: numbers(server)? >= OLDEST_SERVER })
}

fn numbers(text: &str) -> Option<[u64; 3]> {
    let plain = text.trim_start_matches('v').split(['-', '+']).next()?;
    let parts = plain.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u64>>>()?;
    parts.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::{cache_directory, version};
    use std::path::Path;

    #[test]
    fn versions_are_read() {
        let new_enough = |text| version(text).map(|version| (version.text, version.new_enough));
        assert_eq!(new_enough("temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)\n"), Some(("1.5.1".into(), true)));
        assert_eq!(new_enough("temporal version 1.10.0 (Server 1.30.0, UI 2.5.0)"), Some(("1.10.0".into(), true)));
        assert_eq!(new_enough("temporal version 1.4.9-rc (Server 1.28.0)"), Some(("1.4.9-rc".into(), false)));
        let built = "0.0.0-DEV (server 1.29.1)".to_owned();
        assert_eq!(new_enough("temporal version 0.0.0-DEV (Server 1.29.1, UI 2.42.1)"), Some((built, true)));
        assert_eq!(new_enough("tctl, no number"), None);
    }

    #[test]
    fn the_cache_has_a_home() {
        let own = cache_directory(|name| (name == "FERMATA_CACHE").then(|| "/own".into()));
        assert_eq!(own, Path::new("/own"));
        let xdg = cache_directory(|name| (name == "XDG_CACHE_HOME").then(|| "/xdg".into()));
        assert_eq!(xdg, Path::new("/xdg/fermata"));
        assert_eq!(cache_directory(|_| None), Path::new(".fermata/cache"));
    }
}
