//! `fermata diff OLD NEW`: what a change means for callers, for those who are called, and for runs that are alive.

use std::path::Path;
use std::time::SystemTime;

use jiff::Timestamp;

use super::live::Live;
use super::sides::{changes, home, is_folder, load};
use super::{COULD_NOT, FINDINGS, OK, colour};
use crate::catalog::scenario_files;
use crate::diagnostic::{Source, has_errors, render_all};
use crate::review::{Approval, Review, Severity, compare_with, compare_with_nothing, is_date, read_approvals, show};
use crate::simulate::{Scenario, read_scenario};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// A file, `REF:PATH` of git, `Process@2`, the digest of a version (`sha256:…`, or how it begins), or a folder of
    /// definitions, here or in git (`main:definitions`)
    old: String,
    /// The same
    new: String,
    #[arg(long, value_enum, default_value = "text")]
    format: DiffFormat,
    /// The gravity from which a finding counts: `E` can break, `W` may change, `I` to know
    #[arg(long, value_enum, default_value = "W", ignore_case = true)]
    level: Level,
    /// Words for people too: summaries, the owner, the journal
    #[arg(long)]
    all: bool,
    /// The day for which approvals count, as 2026-12-31; that of the clock unless said
    #[arg(long)]
    today: Option<String>,
    #[command(flatten)]
    live: Live,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum DiffFormat {
    Text,
    Json,
    Markdown,
    Html,
    Sarif,
    Github,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Level {
    #[value(name = "E")]
    Error,
    #[value(name = "W")]
    Warning,
    #[value(name = "I")]
    Info,
}

pub(super) fn run(arguments: &Arguments) -> u8 {
    match review(arguments) {
        Ok(code) => code,
        Err(message) => {
            eprintln!("{}", message.trim_end());
            COULD_NOT
        }
    }
}

/// Errors: something could not be loaded, in words.
fn review(arguments: &Arguments) -> Result<u8, String> {
    let today = match &arguments.today {
        Some(day) if is_date(day) => day.clone(),
        Some(day) => return Err(format!("--today: `{day}` is not a day such as 2026-12-31")),
        None => today(),
    };
    let (old, new) = (arguments.old.as_str(), arguments.new.as_str());
    let own = arguments.live.definitions();
    let changes = match (is_folder(old), is_folder(new)) {
        (true, true) => changes(old, new)?,
        (false, false) => vec![(Some(load(old, own)?), Some(load(new, own)?))],
        (true, false) => return Err(format!("{old} is a folder, and {new} is none: compare two of a kind")),
        (false, true) => return Err(format!("{new} is a folder, and {old} is none: compare two of a kind")),
    };
    // Scenarios and approvals stand beside the new versions.
    let definitions = if Path::new(new).is_dir() { home(Path::new(new)) } else { own };
    let mut reviews = Vec::new();
    for change in &changes {
        let Some(side) = change.1.as_ref().or(change.0.as_ref()) else { continue };
        let process = side.plan.process();
        let mut review = match change {
            (Some(old), Some(new)) => {
                // A scenario that is not for a version is never run on it.
                let mut scenarios = scenarios(definitions, process)?;
                let both = [old, new].map(|side| side.plan.version());
                scenarios.retain(|scenario| both.iter().all(|version| scenario.is_for(*version)));
                compare_with(old, new, &scenarios)
            }
            (_, new) => compare_with_nothing(side, new.is_none()),
        };
        review.approve(&approvals(definitions, process)?, &today);
        reviews.push(review);
    }
    if arguments.live.count(&changes, &mut reviews) != OK {
        return Ok(COULD_NOT);
    }
    show(arguments, &reviews);
    let level = match arguments.level {
        Level::Error => Severity::Error,
        Level::Warning => Severity::Warning,
        Level::Info => Severity::Info,
    };
    let open = reviews.iter().any(|review| review.open(level).next().is_some());
    Ok(if open { FINDINGS } else { OK })
}

fn show(arguments: &Arguments, reviews: &[Review]) {
    let all = arguments.all;
    let each = |show: &dyn Fn(&Review) -> String| reviews.iter().map(show).collect::<Vec<_>>().join("\n");
    let none = if reviews.is_empty() { "No process has changed.\n" } else { "" };
    match arguments.format {
        DiffFormat::Text => print!("{none}{}", each(&|review| show::text(review, all))),
        DiffFormat::Json => match reviews {
            [one] if !is_folder(&arguments.new) => println!("{}", show::json(one)),
            many => println!("{}", serde_json::json!({ "reviews": many.iter().map(show::json).collect::<Vec<_>>() })),
        },
        DiffFormat::Markdown => print!("{none}{}", each(&|review| show::markdown(review, all))),
        DiffFormat::Html => print!("{}", show::html(reviews, all)),
        DiffFormat::Sarif => println!("{}", show::sarif(reviews, all)),
        DiffFormat::Github => reviews.iter().for_each(|review| print!("{}", show::annotations(review, all))),
    }
}

/// By the clock of this machine; one that shows no day shows the last, on which no approval counts.
fn today() -> String {
    Timestamp::try_from(SystemTime::now()).unwrap_or(Timestamp::MAX).strftime("%F").to_string()
}

/// The scenarios of the process, for witnesses. One that cannot be read is no reason to stop.
fn scenarios(definitions: &Path, process: &str) -> Result<Vec<Scenario>, String> {
    let files =
        scenario_files(definitions, process).map_err(|e| format!("{}: cannot be read: {e}", definitions.display()))?;
    let mut scenarios = Vec::new();
    for file in files {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        let (scenario, complaints) = read_scenario(&text);
        if let (Some(mut scenario), false) = (scenario, has_errors(&complaints)) {
            if scenario.name.is_empty() {
                scenario.name = file.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
            }
            scenarios.push(scenario);
        }
    }
    Ok(scenarios)
}

/// `approvals.yaml` beside the versions; none where there is no such file.
fn approvals(definitions: &Path, process: &str) -> Result<Vec<Approval>, String> {
    let path = definitions.join(process).join("approvals.yaml");
    let name = path.display().to_string();
    match std::fs::read_to_string(&path) {
        Ok(text) => read_approvals(&text)
            .map_err(|complaints| render_all(&complaints, &Source::new(name.as_str(), text.as_str()), colour())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(format!("{name}: cannot be read: {error}")),
    }
}
