//! `fermata replay [FILE…]`: whether this program can go on with recorded histories, or with the runs that are open at a
//! server. One history is in memory at a time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::host::{self, Environment};
use super::{COULD_NOT, FINDINGS, Format, OK};
use crate::temporal::{Filter, History, Outcome, Rehearsed, RunStatus, Temporal};

/// Between two words on how far it is.
const WORD: Duration = Duration::from_secs(3);
/// Runs that are named to people, of those that do not replay.
const NAMED: usize = 100;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Histories as `temporal workflow show --output json` prints them, or folders of them; none asks the server for the
    /// open runs
    files: Vec<PathBuf>,
    /// Only the runs of this process
    #[arg(long, conflicts_with = "files")]
    process: Option<String>,
    /// Only the runs of this version
    #[arg(long, conflicts_with = "files", requires = "process")]
    version: Option<i64>,
    /// Only the runs that this query of the server finds, as in `StartTime < '2026-01-01T00:00:00Z'`
    #[arg(long, conflicts_with = "files")]
    query: Option<String>,
    /// Runs that have ended too
    #[arg(long, conflicts_with = "files")]
    closed: bool,
    /// At most so many runs
    #[arg(long, default_value_t = 10_000, conflicts_with = "files")]
    most: usize,
    /// `json` prints `{versions, runs, more}`; of the runs those that do not replay
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
    #[command(flatten)]
    environment: Environment,
}

/// How many runs of a version came to what.
#[derive(Default)]
struct Counts(BTreeMap<&'static str, usize>);

/// What was found so far; of the runs only those that do not replay are kept.
#[derive(Default)]
struct Found {
    versions: BTreeMap<(String, i64), Counts>,
    runs: Vec<Rehearsed>,
    /// There were more runs than were asked for.
    more: bool,
}

impl Found {
    fn add(&mut self, run: Rehearsed) {
        let counts = self.versions.entry((run.process.clone(), run.version)).or_default();
        *counts.0.entry(run.outcome.word()).or_default() += 1;
        if run.outcome != Outcome::Replays {
            self.runs.push(run);
        }
    }

    fn total(&self) -> usize {
        self.versions.values().flat_map(|counts| counts.0.values()).sum()
    }
}

pub(super) fn run(arguments: &Arguments) -> u8 {
    let mut found = Found::default();
    let done = host::block_on(async {
        if arguments.files.is_empty() {
            open_runs(arguments, &mut found).await
        } else {
            files(arguments, &mut found).await
        }
    });
    if done != OK {
        return done;
    }
    match arguments.format {
        Format::Human => human(&found),
        Format::Json => json(&found),
    }
    let unknown = |run: &Rehearsed| matches!(run.outcome, Outcome::NotKnown(_));
    match found.runs.iter().find(|run| !unknown(run)) {
        Some(_) => FINDINGS,
        None if found.runs.is_empty() => OK,
        None => COULD_NOT,
    }
}

async fn open_runs(arguments: &Arguments, found: &mut Found) -> Result<(), String> {
    let config = arguments.environment.config()?;
    let address = host::named_address(&config)?;
    let (namespace, queue) = (&config.temporal.namespace, &config.temporal.task_queue);
    let temporal =
        Temporal::connect(&address, namespace, queue, Duration::from_secs(5)).await.map_err(|e| e.to_string())?;
    let filter = Filter {
        process: arguments.process.clone(),
        version: arguments.version,
        status: (!arguments.closed).then_some(RunStatus::Running),
        query: arguments.query.clone(),
        ..Filter::default()
    };
    let mut next = tokio::time::Instant::now() + WORD;
    let mut told = |run| {
        found.add(run);
        if tokio::time::Instant::now() >= next {
            eprintln!("replayed {} runs", found.total());
            next += WORD;
        }
    };
    let more = temporal.rehearse(&filter, arguments.most, &mut told).await.map_err(|e| e.to_string())?;
    found.more = more;
    Ok(())
}

async fn files(arguments: &Arguments, found: &mut Found) -> Result<(), String> {
    for path in &arguments.files {
        let mut all = vec![path.clone()];
        if path.is_dir() {
            let entries = std::fs::read_dir(path).map_err(|e| format!("{}: cannot be read: {e}", path.display()))?;
            all = entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| is_json(path)).collect();
            all.sort();
        }
        if all.is_empty() {
            return Err(format!("{}: no histories here: they are named `….json`", path.display()));
        }
        for file in &all {
            found.add(rehearse(file).await);
        }
    }
    Ok(())
}

fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "json")
}

async fn rehearse(file: &Path) -> Rehearsed {
    let run =
        |outcome| Rehearsed { id: file.display().to_string(), process: "?".to_owned(), version: 0, events: 0, outcome };
    let text = match std::fs::read(file) {
        Ok(text) => text,
        Err(error) => return run(Outcome::NotKnown(format!("cannot be read: {error}"))),
    };
    match History::from_json(&text) {
        Ok(history) => {
            let start = history.start().ok();
            let (process, version) = start.map_or(("?".to_owned(), 0), |start| (start.process, start.version));
            Rehearsed { process, version, events: history.len(), ..run(history.rehearse().await) }
        }
        Err(error) => run(Outcome::NotKnown(error.to_string())),
    }
}

fn human(found: &Found) {
    let words = |counts: &Counts| {
        counts.0.iter().map(|(word, count)| format!("{count} {word}")).collect::<Vec<_>>().join(" · ")
    };
    println!("{} histories", found.total());
    for ((process, version), counts) in &found.versions {
        println!("  {:<30} {}", format!("{process} v{version}"), words(counts));
    }
    for run in found.runs.iter().take(NAMED) {
        println!("{:<9} {}  {} v{}, {} events", run.outcome.word(), run.id, run.process, run.version, run.events);
        println!("          {}", run.outcome.reason().unwrap_or(""));
    }
    if found.runs.len() > NAMED {
        println!("and {} more that do not replay; --format json names all", found.runs.len() - NAMED);
    }
    if found.more {
        println!("there are more runs: --most looks at more of them");
    }
}

fn json(found: &Found) {
    let versions: Vec<_> = found
        .versions
        .iter()
        .map(|((process, version), counts)| {
            serde_json::json!({"process": process, "version": version, "counts": counts.0})
        })
        .collect();
    let runs: Vec<_> = found
        .runs
        .iter()
        .map(|run| {
            serde_json::json!({
                "id": run.id,
                "process": run.process,
                "version": run.version,
                "events": run.events,
                "outcome": run.outcome.word(),
                "reason": run.outcome.reason(),
            })
        })
        .collect();
    println!("{}", serde_json::json!({"versions": versions, "runs": runs, "more": found.more}));
}
