//! The `temporal` program is found or fetched, and the dev server that it runs ends with us.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fermata::temporal::dev_server::{DevServer, DevServerConfig, DevServerError};
use fermata::temporal::program::{self, Found, How, Limits, Options, ProgramError};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

pub type Outcome = Result<(), String>;

pub fn tests() -> Vec<crate::Test> {
    vec![
        ("program::a_temporal_in_path_is_used", a_temporal_in_path_is_used),
        ("program::an_old_temporal_in_path_is_named", an_old_temporal_in_path_is_named),
        ("program::a_temporal_that_hangs_is_passed_by", a_temporal_that_hangs_is_passed_by),
        ("program::a_download_is_kept", a_download_is_kept),
        ("program::a_wrong_checksum_is_refused", a_wrong_checksum_is_refused),
        ("program::a_bad_server_leads_to_go", a_bad_server_leads_to_go),
        ("program::an_archive_too_large_is_refused", an_archive_too_large_is_refused),
        ("program::two_at_once_download_once", two_at_once_download_once),
        ("program::a_lock_is_waited_for_while_held", a_lock_is_waited_for_while_held),
        ("program::offline_touches_no_server", offline_touches_no_server),
        ("program::no_way_left_names_them_all", no_way_left_names_them_all),
        ("program::a_failure_is_remembered", a_failure_is_remembered),
        ("dev_server::the_real_one_starts_and_stops", the_real_one_starts_and_stops),
        ("dev_server::a_dropped_start_ends_the_program", a_dropped_start_ends_the_program),
        ("dev_server::a_program_deaf_to_term_is_killed", a_program_deaf_to_term_is_killed),
        ("dev_server::an_early_end_is_told_with_its_last_lines", an_early_end_is_told_with_its_last_lines),
        ("dev_server::a_lost_race_for_a_port_is_run_again", a_lost_race_for_a_port_is_run_again),
        ("dev_server::a_taken_port_is_named", a_taken_port_is_named),
        ("dev_server::a_locked_database_is_named", a_locked_database_is_named),
    ]
}

const WORKING: &str = "#!/bin/sh\necho 'temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)'\n";
const LONG: Duration = Duration::from_secs(20);

fn ensure(holds: bool, says: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(says()) }
}

fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn run<T>(future: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(words)?.block_on(future)
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) -> Outcome {
    let deadline = Instant::now() + LONG;
    let mut look = tokio::time::interval(Duration::from_millis(10));
    while !holds() {
        ensure(Instant::now() < deadline, || format!("waited in vain until {what}"))?;
        look.tick().await;
    }
    Ok(())
}

/// A directory with a `bin` that is the whole PATH and a cache that is empty.
struct Place {
    root: TempDir,
    options: Options,
}

impl Place {
    fn new() -> Result<Place, String> {
        let root = tempfile::tempdir().map_err(words)?;
        fs::create_dir(root.path().join("bin")).map_err(words)?;
        let limits = Limits {
            connect: Duration::from_secs(2),
            download: LONG,
            probe: LONG,
            go_install: LONG,
            ..Limits::default()
        };
        let options = Options {
            path: Some(root.path().join("bin").into()),
            cache: root.path().join("cache"),
            download: "http://127.0.0.1:1".to_owned(),
            offline: false,
            go: true,
            limits,
        };
        Ok(Place { root, options })
    }

    fn with(self, mirror: &Mirror) -> Place {
        Place { options: Options { download: mirror.url.clone(), ..self.options }, ..self }
    }

    fn script(&self, name: &str, text: &str) -> Result<PathBuf, String> {
        let path = self.root.path().join("bin").join(name);
        fs::write(&path, text).map_err(words)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(words)?;
        Ok(path)
    }

    fn cached(&self) -> PathBuf {
        self.options.cache.join("temporal-1.5.1/temporal")
    }

    fn find(&self) -> Result<(Result<Found, ProgramError>, Vec<String>), String> {
        let mut lines = Vec::new();
        let found = run(async { Ok(program::find(&self.options, &mut |line| lines.push(line.to_owned())).await) })?;
        Ok((found, lines))
    }

    fn found(&self) -> Result<Found, String> {
        self.find()?.0.map_err(words)
    }

    fn nothing(&self) -> Result<String, String> {
        match self.find()?.0 {
            Ok(found) => Err(format!("found {found:?}, where nothing should be")),
            Err(error) => Ok(error.to_string()),
        }
    }
}

/// What a release looks like to us, served by a thread.
struct Mirror {
    url: String,
    archives: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
}

#[derive(Clone, Copy)]
enum Manner {
    Whole,
    HalfAnArchive,
    NotFound,
    Silent,
}

impl Mirror {
    fn of(archive: Vec<u8>, sum: &str, manner: Manner) -> Result<Mirror, String> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(words)?;
        let url = format!("http://{}", listener.local_addr().map_err(words)?);
        let sums = format!("0123  temporal_cli_1.5.1_windows_amd64.zip\n{sum}  {}\n", archive_name());
        let (archives, requests) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (seen_archives, seen_requests) = (archives.clone(), requests.clone());
        std::thread::spawn(move || {
            let mut silent = Vec::new();
            for stream in listener.incoming().map_while(Result::ok) {
                let Some(path) = request(&stream) else { continue };
                seen_requests.fetch_add(1, Ordering::SeqCst);
                let is_archive = path == format!("/{}", archive_name());
                if is_archive {
                    seen_archives.fetch_add(1, Ordering::SeqCst);
                }
                let body = if is_archive { archive.as_slice() } else { sums.as_bytes() };
                match manner {
                    Manner::Silent => silent.push(stream),
                    Manner::NotFound => answer(stream, "404 Not Found", 0, &[]),
                    Manner::HalfAnArchive if is_archive => {
                        answer(stream, "200 OK", body.len(), body.get(..body.len() / 2).unwrap_or_default())
                    }
                    _ => answer(stream, "200 OK", body.len(), body),
                }
            }
        });
        Ok(Mirror { url, archives, requests })
    }

    fn new(manner: Manner) -> Result<Mirror, String> {
        let archive = packed(WORKING)?;
        let sum = sha256(&archive);
        Mirror::of(archive, &sum, manner)
    }
}

fn request(stream: &TcpStream) -> Option<String> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    lines.find(String::is_empty)?;
    Some(path)
}

fn answer(mut stream: TcpStream, status: &str, length: usize, body: &[u8]) {
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}

fn archive_name() -> String {
    let os = if cfg!(target_os = "macos") { "darwin" } else { std::env::consts::OS };
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    format!("temporal_cli_1.5.1_{os}_{arch}.tar.gz")
}

fn packed(program: &str) -> Result<Vec<u8>, String> {
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (name, text) in [("LICENSE", "MIT"), ("temporal", program)] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o755);
        tar.append_data(&mut header, name, text.as_bytes()).map_err(words)?;
    }
    tar.into_inner().and_then(|gz| gz.finish()).map_err(words)
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A `go` that makes a working program at once, with nothing but `sh`.
const GO: &str = r#"#!/bin/sh
[ "$1" = install ] || exit 9
[ "$4" = github.com/temporalio/cli/cmd/temporal@v1.5.1 ] || exit 8
echo 'go: downloading go.temporal.io/server v1.29.1' >&2
printf '#!/bin/sh\necho "temporal version 1.5.1 (Server 1.29.1)"\n' > "$GOBIN/temporal"
/bin/chmod +x "$GOBIN/temporal"
"#;

fn a_temporal_in_path_is_used() -> Outcome {
    let place = Place::new()?;
    let path = place.script("temporal", WORKING)?;
    let found = place.found()?;
    ensure(found == Found { path, version: "1.5.1".into(), how: How::Path }, || format!("found {found:?}"))?;
    place.script("temporal", "#!/bin/sh\necho 'temporal version 0.0.0-DEV (Server 1.29.1, UI 2.42.1)'\n")?;
    let found = place.found()?;
    ensure(found.version == "0.0.0-DEV (server 1.29.1)", || format!("built by go install, it is {found:?}"))
}

fn an_old_temporal_in_path_is_named() -> Outcome {
    let place = Place::new()?.with(&Mirror::new(Manner::Whole)?);
    place.script("temporal", "#!/bin/sh\necho 'temporal version 1.1.0 (Server 1.25.0, UI 2.30.3)'\n")?;
    let (found, lines) = place.find()?;
    ensure(found.as_ref().is_ok_and(|found| found.how == How::Download), || format!("found {found:?}"))?;
    let wanted = "`temporal` 1.1.0 in PATH is too old (1.5.0 or newer is needed); looking further";
    ensure(lines.iter().any(|line| line == wanted), || format!("the old one is not named in {lines:?}"))
}

fn a_temporal_that_hangs_is_passed_by() -> Outcome {
    let mut place = Place::new()?.with(&Mirror::new(Manner::Whole)?);
    place.options.limits.probe = Duration::from_millis(300);
    place.script("temporal", "#!/bin/sh\nexec /bin/sleep 1000\n")?;
    let (found, lines) = place.find()?;
    ensure(found.is_ok_and(|found| found.how == How::Download), || "it is not passed by".to_owned())?;
    ensure(lines.iter().any(|line| line.contains("took longer than 0.3 s")), || format!("not said why: {lines:?}"))
}

fn a_download_is_kept() -> Outcome {
    let mirror = Mirror::new(Manner::Whole)?;
    let place = Place::new()?.with(&mirror);
    let first = place.found()?;
    let wanted = Found { path: place.cached(), version: "1.5.1".into(), how: How::Download };
    ensure(first == wanted, || format!("found {first:?}"))?;
    let second = place.found()?;
    ensure(second == Found { how: How::Cache, ..wanted }, || format!("the second time found {second:?}"))?;
    let hits = mirror.archives.load(Ordering::SeqCst);
    ensure(hits == 1, || format!("downloaded {hits} times"))?;
    let mut left: Vec<_> =
        fs::read_dir(&place.options.cache).map_err(words)?.flatten().map(|e| e.file_name()).collect();
    left.sort();
    ensure(left == ["temporal-1.5.1", "temporal-1.5.1.lock"], || format!("left in the cache: {left:?}"))
}

fn a_wrong_checksum_is_refused() -> Outcome {
    let (archive, wrong) = (packed(WORKING)?, "ab".repeat(32));
    let right = sha256(&archive);
    let place = Place::new()?.with(&Mirror::of(archive, &wrong, Manner::Whole)?);
    let message = place.nothing()?;
    ensure(message.contains(&right) && message.contains(&wrong), || format!("both sums are not in: {message}"))?;
    ensure(!place.cached().exists(), || "it is in the cache all the same".to_owned())
}

fn a_bad_server_leads_to_go() -> Outcome {
    for (manner, says) in [
        (Manner::HalfAnArchive, "end of file before message length reached"),
        (Manner::NotFound, "answers 404"),
        (Manner::Silent, "not done within 0.5 s"),
    ] {
        let mut place = Place::new()?.with(&Mirror::new(manner)?);
        if matches!(manner, Manner::Silent) {
            place.options.limits.download = Duration::from_millis(500);
        }
        place.script("go", GO)?;
        let (found, lines) = place.find()?;
        ensure(found.as_ref().is_ok_and(|found| found.how == How::GoInstall), || format!("{says}: found {found:?}"))?;
        let said = lines.join("\n");
        ensure(said.contains("about 3 minutes"), || format!("not said how long Go takes: {said}"))?;
        let cached = place.found()?;
        ensure(cached.how == How::Cache, || format!("{says}: the second time found {cached:?}"))?;
        ensure(said.contains(says), || format!("`{says}` is not in: {said}"))?;
    }
    Ok(())
}

fn an_archive_too_large_is_refused() -> Outcome {
    let mut place = Place::new()?.with(&Mirror::new(Manner::Whole)?);
    place.options.limits.archive_bytes = 100;
    let message = place.nothing()?;
    ensure(message.contains("is larger than 100 bytes"), || message)
}

fn two_at_once_download_once() -> Outcome {
    let mirror = Mirror::new(Manner::Whole)?;
    let place = Place::new()?.with(&mirror);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(|| place.found())).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "it panicked")?.map(drop))
    })?;
    let hits = mirror.archives.load(Ordering::SeqCst);
    ensure(hits == 1, || format!("downloaded {hits} times"))
}

fn a_lock_is_waited_for_while_held() -> Outcome {
    let place = Place::new()?.with(&Mirror::new(Manner::Whole)?);
    fs::create_dir_all(&place.options.cache).map_err(words)?;
    // A dead process leaves the file, and in it a half-made program.
    let other = File::create(place.options.cache.join("temporal-1.5.1.lock")).map_err(words)?;
    fs::create_dir_all(place.options.cache.join(".work-1.5.1/temporal")).map_err(words)?;
    other.try_lock().map_err(words)?;
    run(async {
        let mut other = Some(other);
        let mut waited = false;
        let mut progress = |line: &str| {
            if line.contains("waiting for it") {
                waited = true;
                other = None;
            }
        };
        let found = program::find(&place.options, &mut progress).await.map_err(words)?;
        ensure(waited, || "it did not wait for the other".to_owned())?;
        ensure(found.how == How::Download, || format!("found {found:?}"))
    })
}

fn offline_touches_no_server() -> Outcome {
    let mirror = Mirror::new(Manner::Whole)?;
    let mut place = Place::new()?.with(&mirror);
    place.options.offline = true;
    let message = place.nothing()?;
    ensure(message.contains("`FERMATA_OFFLINE` is set"), || message)?;
    ensure(mirror.requests.load(Ordering::SeqCst) == 0, || "it asked the server".to_owned())?;
    place.script("go", "#!/bin/sh\necho \"GOPROXY is $GOPROXY\" >&2\nexit 1\n")?;
    let message = place.nothing()?;
    ensure(message.contains("GOPROXY is off"), || message)
}

fn no_way_left_names_them_all() -> Outcome {
    let mirror = Mirror::new(Manner::NotFound)?;
    let place = Place::new()?.with(&mirror);
    place.script("temporal", "#!/bin/sh\necho 'temporal version 1.1.0 (Server 1.25.0, UI 2.30.3)'\n")?;
    let script = "#!/bin/sh\nfor i in 1 2 3 4 5 6 7 8 9 10 11; do echo \"no network $i\" >&2; done\nexit 3\n";
    place.script("go", script)?;
    let message = place.nothing()?;
    let bin = place.root.path().join("bin/temporal");
    let lines: Vec<_> = (2..=11).map(|i| format!("\n    no network {i}")).collect();
    let wanted = format!(
        "no `temporal` program to run a dev server with
tried:
  `temporal` in PATH: `{}` is 1.1.0, which is too old (1.5.0 or newer is needed)
  the cache, `{}`: not there
  download from {url}: {url}/checksums.txt answers 404 Not Found
  `go install github.com/temporalio/cli/cmd/temporal@v1.5.1`: exit status: 3; its last lines:{}
any one of these helps:
  install the Temporal CLI, 1.5.0 or newer: https://docs.temporal.io/cli
  name a Temporal that runs: `[temporal] address` in fermata.toml, or `--temporal-address`
  install Go: https://go.dev/doc/install
  allow access to github.com, or to a Go module proxy",
        bin.display(),
        place.cached().display(),
        lines.concat(),
        url = mirror.url,
    );
    ensure(message == wanted, || format!("it says:\n{message}\ninstead of:\n{wanted}"))
}

fn a_failure_is_remembered() -> Outcome {
    let mirror = Mirror::new(Manner::NotFound)?;
    let place = Place::new()?.with(&mirror);
    let first = place.nothing()?;
    ensure(first.contains("`go` is not in PATH"), || first)?;
    let requests = mirror.requests.load(Ordering::SeqCst);
    let second = place.nothing()?;
    ensure(second.contains("answers 404 Not Found (not tried again in this process)"), || second)?;
    ensure(mirror.requests.load(Ordering::SeqCst) == requests, || "it asked the server again".to_owned())?;
    // What cost nothing to find out is looked at afresh.
    place.script("go", GO)?;
    let found = place.found()?;
    ensure(found.how == How::GoInstall, || format!("found {found:?}"))
}

/// The program that this machine has, without fetching one.
/// The program that the other tests use too; found once. Without it this fails, as they do.
fn real() -> Result<PathBuf, String> {
    Ok(crate::server::server()?.program.clone())
}

fn temporal(program: &Path, server: &DevServer, arguments: &[&str]) -> Result<String, String> {
    let output =
        Command::new(program).args(arguments).args(["--address", &server.address()]).output().map_err(words)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn the_real_one_starts_and_stops() -> Outcome {
    let program = real()?;
    let place = Place::new()?;
    let attribute = |name: &str| vec![(name.to_owned(), "Keyword".to_owned())];
    let config = DevServerConfig {
        db: Some(place.root.path().join("state/dev.db")),
        log: Some(place.root.path().join("state/server.log")),
        namespaces: vec!["other".to_owned()],
        search_attributes: attribute("First"),
        ..DevServerConfig::default()
    };
    // Made in one runtime, stopped in another: tests share a server that way.
    let server = run(async { DevServer::start(&program, config.clone()).await.map_err(words) })?;
    let described = temporal(&program, &server, &["operator", "namespace", "describe", "-n", "other"])?;
    ensure(described.contains("other"), || format!("the namespace is not there: {described}"))?;
    let listed = temporal(&program, &server, &["operator", "search-attribute", "list"])?;
    ensure(listed.contains("First"), || format!("the search attribute is not there: {listed}"))?;
    temporal(&program, &server, &["workflow", "start", "--type", "kept", "--task-queue", "none", "-w", "kept"])?;
    ensure(server.ui_address().is_none(), || "there is a UI that nobody asked for".to_owned())?;

    let again = run(async {
        match DevServer::start(&program, DevServerConfig { db: config.db.clone(), ..DevServerConfig::default() }).await
        {
            Err(DevServerError::DatabaseInUse { .. }) => Ok(()),
            other => Err(format!("a second server on one database: {other:?}")),
        }
    });
    let address = server.address();
    run(async {
        server.stop().await;
        Ok(())
    })?;
    again?;
    ensure(TcpStream::connect(&address).is_err(), || "it still listens after stop".to_owned())?;
    let log = fs::read_to_string(place.root.path().join("state/server.log")).map_err(words)?;
    ensure(log.contains("Stopping server"), || format!("it did not end by itself: {log}"))?;

    let config = DevServerConfig { search_attributes: attribute("Second"), ui_port: Some(0), log: None, ..config };
    let server = run(async { DevServer::start(&program, config).await.map_err(words) })?;
    let listed = temporal(&program, &server, &["operator", "search-attribute", "list"])?;
    let both = listed.contains("First") && listed.contains("Second");
    ensure(both, || format!("search attributes of a database that is taken up again: {listed}"))?;
    temporal(&program, &server, &["workflow", "describe", "-w", "kept"])?;
    let ui = server.ui_address().ok_or("there is no UI")?;
    let at = ui.trim_start_matches("http://").to_owned();
    run(async { until("the UI listens", || TcpStream::connect(&at).is_ok()).await })?;
    let address = server.address();
    drop(server);
    run(async { until("a dropped server is gone", || TcpStream::connect(&address).is_err()).await })
}

fn alive(pid: &str) -> bool {
    Command::new("/bin/sh").args(["-c", "kill -0 \"$0\" 2>/dev/null", pid]).status().is_ok_and(|s| s.success())
}

/// A stand-in that tells its pid and never becomes healthy.
fn standing_in(place: &Place, first: &str) -> Result<(PathBuf, PathBuf), String> {
    let told = place.root.path().join("pid");
    let text = format!("#!/bin/sh\n{first}\necho $$ > '{0}.new'; /bin/mv '{0}.new' '{0}'\n", told.display());
    Ok((place.script("temporal", &(text + "while :; do /bin/sleep 0.1; done\n"))?, told))
}

fn a_dropped_start_ends_the_program() -> Outcome {
    let place = Place::new()?;
    let (program, told) = standing_in(&place, "")?;
    let pid = run(async {
        tokio::select! {
            started = DevServer::start(&program, DevServerConfig::default()) => Err(format!("it ended: {started:?}")),
            told = until("it tells its pid", || told.exists()) => told,
        }?;
        fs::read_to_string(&told).map(|pid| pid.trim().to_owned()).map_err(words)
    })?;
    #[cfg(target_os = "linux")]
    {
        let group = |pid: &str| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(2)).map(str::to_owned)
        };
        let (theirs, ours) = (group(&pid), group("self"));
        ensure(theirs != ours, || format!("Ctrl-C would reach it: its group is {theirs:?}, ours {ours:?}"))?;
    }
    run(async { until("the program is gone", || !alive(&pid)).await })
}

fn a_program_deaf_to_term_is_killed() -> Outcome {
    let place = Place::new()?;
    let (program, told) = standing_in(&place, "trap '' TERM; echo deaf >&2")?;
    let short = Duration::from_millis(500);
    let config = DevServerConfig { ready_within: short, stop_within: short, ..DevServerConfig::default() };
    let started = run(async { Ok(DevServer::start(&program, config).await) })?;
    let error = started.map(|_| ()).err().ok_or("it is healthy")?.to_string();
    ensure(error == "the Temporal dev server was not healthy within 0.5 s; its last lines:\ndeaf", || error)?;
    let pid = fs::read_to_string(told).map_err(words)?;
    ensure(!alive(pid.trim()), || "it lives on".to_owned())
}

fn an_early_end_is_told_with_its_last_lines() -> Outcome {
    let place = Place::new()?;
    let program =
        place.script("temporal", "#!/bin/sh\ni=0; while [ $i -lt 30 ]; do i=$((i+1)); echo $i; done\nexit 7\n")?;
    match run(async { Ok(DevServer::start(&program, DevServerConfig::default()).await) })? {
        Err(DevServerError::Ended { status, output }) => {
            let kept = (11..=30).map(|i| i.to_string()).collect::<Vec<_>>().join("\n");
            ensure(status == "exit code 7" && output == kept, || format!("{status}: {output}"))
        }
        other => Err(format!("{other:?}")),
    }
}

fn a_lost_race_for_a_port_is_run_again() -> Outcome {
    let place = Place::new()?;
    let runs = place.root.path().join("runs");
    let says = "can't set frontend port: bind: address already in use";
    let text = format!("#!/bin/sh\necho \"$*\" >> '{}'\necho \"{says}\" >&2\nexit 1\n", runs.display());
    let program = place.script("temporal", &text)?;
    let config = DevServerConfig { dynamic_config: vec!["a.b=1".to_owned()], ..DevServerConfig::default() };
    let error = run(async { Ok(DevServer::start(&program, config).await) })?.map(|_| ()).err().map(words);
    ensure(error.as_ref().is_some_and(|error| error.contains(says)), || format!("{error:?}"))?;
    let runs = fs::read_to_string(runs).map_err(words)?;
    ensure(runs.lines().count() == 3, || format!("it ran so: {runs}"))?;
    for flag in [
        "server start-dev --ip 127.0.0.1 --port ",
        "--log-level error",
        "--dynamic-config-value history.transferProcessorMaxPollRPS=2000",
        "--dynamic-config-value history.timerProcessorMaxPollRPS=2000",
        "--dynamic-config-value history.visibilityProcessorMaxPollRPS=2000",
        "--dynamic-config-value history.timerProcessorMaxTimeShift=\"5ms\"",
        "--dynamic-config-value history.workflowIdReuseMinimalInterval=\"0s\"",
        "--dynamic-config-value a.b=1",
        "--headless",
    ] {
        ensure(runs.contains(flag), || format!("`{flag}` is not in: {runs}"))?;
    }
    Ok(())
}

fn a_taken_port_is_named() -> Outcome {
    let taken = TcpListener::bind("127.0.0.1:0").map_err(words)?;
    let port = taken.local_addr().map_err(words)?.port();
    let place = Place::new()?;
    let (program, told) = standing_in(&place, "")?;
    for config in [
        DevServerConfig { port: Some(port), ..DevServerConfig::default() },
        DevServerConfig { ui_port: Some(port), ..DevServerConfig::default() },
    ] {
        let error = run(async { Ok(DevServer::start(&program, config).await) })?.map(|_| ()).err().map(words);
        let wanted = format!("port {port} is taken by another program; end that program, or choose another port");
        ensure(error.as_ref() == Some(&wanted), || format!("{error:?}"))?;
    }
    ensure(!told.exists(), || "it was started all the same".to_owned())
}

fn a_locked_database_is_named() -> Outcome {
    let place = Place::new()?;
    let says = format!("{} database is locked (5)", "x".repeat(1000));
    let program = place.script("temporal", &format!("#!/bin/sh\necho '{says}' >&2\nexit 1\n"))?;
    let config = DevServerConfig { db: Some(place.root.path().join("a/b.db")), ..DevServerConfig::default() };
    match run(async { Ok(DevServer::start(&program, config).await) })? {
        Err(DevServerError::DatabaseInUse { db }) if db.ends_with("a/b.db") => Ok(()),
        other => Err(format!("{other:?}")),
    }
}
