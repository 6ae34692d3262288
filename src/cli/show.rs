//! `fermata show RUN`: what happened in a run, from the histories of a server.

use std::sync::Arc;
use std::time::Duration;

use super::Format;
use super::host::{self, Environment};
use crate::catalog::Catalog;
use crate::story::Line;
use crate::temporal::{Filter, Page, RunStatus, Sources, StartInput, Temporal, TemporalError};
use crate::value::{self, Time};

/// Entries that are asked for at once.
const PAGE: usize = 1_000;
/// Runs that are named where there is none of the id that was asked for.
const NAMED: i32 = 5;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The run, as in `UserGranted.4711`
    run: String,
    /// `json` prints what happened as JSON lines
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
    #[command(flatten)]
    environment: Environment,
}

pub(super) fn run(arguments: &Arguments) -> u8 {
    host::block_on(show(arguments))
}

async fn show(arguments: &Arguments) -> Result<(), String> {
    let config = arguments.environment.config()?;
    let address = host::named_address(&config)?;
    let (namespace, queue) = (&config.temporal.namespace, &config.temporal.task_queue);
    let temporal =
        Temporal::connect(&address, namespace, queue, Duration::from_secs(5)).await.map_err(|e| e.to_string())?;
    // Without the text of its version a run is told without lines.
    let catalog = Catalog::load(&arguments.environment.definitions).unwrap_or_default();
    let sources: Sources =
        Arc::new(move |start: &StartInput| catalog.with_digest(&start.process, start.version, &start.digest));
    let id = &arguments.run;
    let (mut token, mut first, mut end) = (None, true, None);
    loop {
        let page = match temporal.journal(id, token.as_ref(), PAGE, &sources).await {
            Err(TemporalError::NotFound) if first => return Err(unknown(&temporal, id).await),
            page => page.map_err(|e| e.to_string())?,
        };
        let forgotten = page.from.filter(|_| first).map(|from| {
            let words = format!("what happened before {from} is forgotten: the server keeps it no longer");
            Line::new(from, "", "forgotten", words)
        });
        if first && arguments.format == Format::Human {
            heading(id, &page);
        }
        first = false;
        let stands = page.stands.iter().flatten().filter(|_| page.next.is_none());
        for line in forgotten.iter().chain(&page.lines).chain(stands) {
            match arguments.format {
                Format::Json => println!("{}", line.json()),
                Format::Human => human(line, page.began),
            }
        }
        end = page.lines.iter().rev().find(|line| line.what == "end").map(|line| (line.at, closing(line))).or(end);
        token = page.next.clone();
        if token.is_none() {
            if arguments.format == Format::Human {
                last(&page, end.as_ref());
            }
            return Ok(());
        }
    }
}

fn heading(id: &str, page: &Page) {
    let of = page.of.as_ref().map_or_else(String::new, |(process, version)| format!("{process} v{version}  "));
    println!("{of}run {id}  from {}", page.began);
}

fn human(line: &Line, began: Time) {
    if let Some(words) = &line.words {
        let since = value::Duration(line.at.millis() - began.millis()).to_string();
        let at = line.line.map_or_else(String::new, |line| format!(":{line}"));
        println!("  {}  {since:>8}  {at:>5} {:<24} {words}", line.at, line.path);
    }
}

/// How a run ended, in words.
fn closing(line: &Line) -> String {
    let text = |key: &str| line.parts.get(key).and_then(|part| part.as_str()).unwrap_or_default();
    let status = text("status");
    match (line.parts.get("result"), line.parts.get("bytes"), line.parts.get("error")) {
        (Some(result), _, _) => format!("{status} with {result}"),
        (None, Some(bytes), _) => format!("{status} with a result of {bytes} bytes"),
        (None, None, Some(_)) => format!("{status} with {}: {}", text("error"), text("message")),
        (None, None, None) if text("message").is_empty() => status.to_owned(),
        (None, None, None) => format!("{status}: {}", text("message")),
    }
}

/// How the run ended, or that it goes on.
fn last(page: &Page, end: Option<&(Time, String)>) {
    match (end, page.status) {
        (Some((at, words)), _) => {
            let took = value::Duration(at.millis() - page.began.millis());
            println!("{words}, after {took}");
        }
        (None, RunStatus::Running) => println!("running"),
        (None, status) => println!("{}", status.word()),
    }
}

/// What helps where there is no run of an id.
async fn unknown(temporal: &Temporal, id: &str) -> String {
    let place = format!("{}, namespace {}", temporal.address(), temporal.namespace());
    let there_is_none = format!("there is no run `{id}` at {place}, or the server has forgotten it");
    let Some((process, _)) = id.split_once('.') else {
        return format!("{there_is_none}; the id of a run is `Process.key`, as in `UserGranted.4711`");
    };
    let filter = Filter { process: Some(process.to_owned()), ..Filter::default() };
    let known = temporal.list(&filter, NAMED, Vec::new()).await.map(|(runs, _)| runs).unwrap_or_default();
    let known: Vec<String> = known.into_iter().map(|run| format!("`{}`", run.id)).collect();
    match known.as_slice() {
        [] => format!("{there_is_none}; there are no runs of `{process}`"),
        known => format!("{there_is_none}; runs of `{process}` are {}", known.join(", ")),
    }
}
