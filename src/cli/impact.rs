//! `fermata impact OLD NEW`: what a new version would mean for the runs of the old one that are alive.

use std::collections::BTreeMap;
use std::time::Duration;

use super::host::{self, Environment};
use super::sides::load;
use super::{FINDINGS, Format, OK};
use crate::machine::Path;
use crate::review::{Side, Verdict};
use crate::temporal::{Judged, Temporal, counts};

/// Between two words on how far it is.
const WORD: Duration = Duration::from_secs(3);

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The version that runs have, as `UserGranted@1` or a file
    old: String,
    /// The version that they might go on under
    new: String,
    /// Every run with its reasons, not the counts alone
    #[arg(long)]
    list: bool,
    /// `json` prints `{runs, counts}`
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
    #[command(flatten)]
    environment: Environment,
}

pub(super) fn run(arguments: &Arguments) -> u8 {
    let mut code = OK;
    let done = host::block_on(async {
        let all = ask(arguments).await?;
        let safe = |asked: &Judged| asked.live.as_ref().is_ok_and(|live| live.verdict == Verdict::Safe);
        if !all.iter().all(safe) {
            code = FINDINGS;
        }
        match arguments.format {
            Format::Human => human(&all, arguments),
            Format::Json => json(&all),
        }
        Ok(())
    });
    if done == OK { code } else { done }
}

async fn ask(arguments: &Arguments) -> Result<Vec<Judged>, String> {
    let definitions = &arguments.environment.definitions;
    let (old, new) = (load(&arguments.old, definitions)?, load(&arguments.new, definitions)?);
    judge(&arguments.environment, &old, &new).await
}

/// Asks the server of the environment for the open runs of the old version, and says on standard error how far it is.
/// Errors: two processes, or a server that cannot be asked.
pub(super) async fn judge(environment: &Environment, old: &Side, new: &Side) -> Result<Vec<Judged>, String> {
    if old.plan.process() != new.plan.process() {
        return Err(format!("`{}` and `{}` are two processes", old.plan.process(), new.plan.process()));
    }
    let config = environment.config()?;
    let address = host::named_address(&config)?;
    let (namespace, queue) = (&config.temporal.namespace, &config.temporal.task_queue);
    let temporal =
        Temporal::connect(&address, namespace, queue, Duration::from_secs(5)).await.map_err(|e| e.to_string())?;
    let mut next = tokio::time::Instant::now() + WORD;
    let mut told = |asked: usize, total: usize| {
        if tokio::time::Instant::now() >= next {
            eprintln!("asked {asked} of {total} runs");
            next += WORD;
        }
    };
    temporal.impact(old, new, &mut told).await.map_err(|e| e.to_string())
}

fn human(all: &[Judged], arguments: &Arguments) {
    println!("{} -> {}: {} open runs", arguments.old, arguments.new, all.len());
    let mut groups: BTreeMap<(Vec<String>, &str, Vec<String>), usize> = BTreeMap::new();
    for asked in all {
        let places = asked.places.iter().map(Path::uncounted).collect();
        let reasons = asked.reasons().into_iter().map(str::to_owned).collect();
        *groups.entry((places, asked.word(), reasons)).or_default() += 1;
    }
    for ((places, verdict, reasons), count) in &groups {
        println!(
            "  {count:>6}  {verdict:<15} at {}",
            if places.is_empty() { "?".to_owned() } else { places.join(", ") }
        );
        for reason in reasons {
            println!("          {reason}");
        }
    }
    if arguments.list {
        for asked in all {
            println!("  {}  {}", asked.id, asked.word());
            for reason in asked.reasons() {
                println!("      {reason}");
            }
            for (due, anew) in asked.live.iter().flat_map(|live| &live.reasons).filter_map(|reason| reason.due) {
                println!("      due {due}, armed anew {anew}");
            }
        }
    }
}

fn json(all: &[Judged]) {
    let runs: Vec<_> = all.iter().map(Judged::to_json).collect();
    println!("{}", serde_json::json!({"counts": counts(all).to_json(), "runs": runs}));
}
