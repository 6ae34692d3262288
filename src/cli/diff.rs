//! `fermata diff OLD NEW`: what a change means for callers, for those who are called, and for runs that are alive.

use std::path::Path;
use std::process::Command;

use super::host::{self, Environment};
use super::impact::judge;
use super::{COULD_NOT, FINDINGS, OK, colour};
use crate::catalog::{Catalog, scenario_files};
use crate::diagnostic::{Source, has_errors, render_all};
use crate::review::{Approval, Severity, Side, compare_with, is_date, read_approvals, show};
use crate::simulate::{Scenario, read_scenario};
use crate::temporal::count;
use crate::value::Time;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// A file, `REF:PATH` of git, `Process@2`, or the digest of a version (`sha256:…`, or how it begins)
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
    /// Ask the server for the open runs of the old version, and say of each finding how many it is about
    #[arg(long)]
    live: bool,
    /// The day for which approvals count, as 2026-12-31; that of the clock unless said
    #[arg(long)]
    today: Option<String>,
    /// The definitions are for `Process@2`, digests, scenarios and approvals; the rest for `--live`
    #[command(flatten)]
    environment: Environment,
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
    let definitions = &arguments.environment.definitions;
    let old = load(&arguments.old, definitions)?;
    let new = load(&arguments.new, definitions)?;
    let process = new.plan.process();
    let mut review = compare_with(&old, &new, &scenarios(definitions, process)?);
    review.approve(&approvals(definitions, process)?, &today);
    if arguments.live {
        let mut done = Ok(());
        let code = host::block_on(async {
            done = judge(&arguments.environment, &old, &new).await.map(|runs| count(&mut review, &runs));
            Ok(())
        });
        done?;
        if code != OK {
            return Ok(code);
        }
    }
    let all = arguments.all;
    match arguments.format {
        DiffFormat::Text => print!("{}", show::text(&review, all)),
        DiffFormat::Json => println!("{}", show::json(&review)),
        DiffFormat::Markdown => print!("{}", show::markdown(&review, all)),
        DiffFormat::Html => print!("{}", show::html(&review, all)),
        DiffFormat::Sarif => println!("{}", show::sarif(&review, all)),
        DiffFormat::Github => print!("{}", show::annotations(&review, all)),
    }
    let level = match arguments.level {
        Level::Error => Severity::Error,
        Level::Warning => Severity::Warning,
        Level::Info => Severity::Info,
    };
    let open = review.open(level).next().is_some();
    Ok(if open { FINDINGS } else { OK })
}

fn today() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let now = Time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)).to_string();
    now.chars().take(10).collect()
}

/// A definition by file, by version, by digest, or out of git. Errors: words, or every complaint.
pub(super) fn load(name: &str, definitions: &Path) -> Result<Side, String> {
    let file = Path::new(name);
    if file.is_file() {
        let text = std::fs::read_to_string(file).map_err(|e| format!("{name}: cannot be read: {e}"))?;
        return side(&text, name);
    }
    if let Some(digest) = name.strip_prefix("sha256:") {
        return by_digest(digest, definitions);
    }
    if let Some((process, version)) = name.split_once('@')
        && let Ok(version) = version.parse::<i64>()
    {
        let path = definitions.join(process).join(format!("v{version}.yaml"));
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(&path).map_err(|e| format!("{name}: {shown} cannot be read: {e}"))?;
        return side(&text, &shown);
    }
    match name.split_once(':') {
        Some((reference, path)) if !reference.is_empty() && !path.is_empty() => side(&from_git(reference, path)?, path),
        _ => Err(format!("{name}: there is no such file; it may also be `REF:PATH`, `Process@2` or `sha256:…`")),
    }
}

fn side(text: &str, name: &str) -> Result<Side, String> {
    Side::read(text, name).map_err(|complaints| render_all(&complaints, &Source::new(name, text), colour()))
}

/// The text of a file as git knows it. A reference that looks like an option is refused.
fn from_git(reference: &str, path: &str) -> Result<String, String> {
    let name = format!("{reference}:{path}");
    if reference.starts_with('-') {
        return Err(format!("{name}: `{reference}` is no reference"));
    }
    let shown = Command::new("git").args(["show", "--no-textconv", "--end-of-options", &name]).output();
    let output = shown.map_err(|e| format!("{name}: there is no such file, and git cannot be asked: {e}"))?;
    if !output.status.success() {
        return Err(format!("{name}: git says: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("{name}: not text"))
}

fn by_digest(digest: &str, definitions: &Path) -> Result<Side, String> {
    let wanted = format!("sha256:{digest}");
    if digest.len() < 4 {
        return Err(format!("{wanted}: at least four digits of a digest are wanted"));
    }
    let catalog = Catalog::load(definitions).map_err(|e| format!("{}: cannot be read: {e}", definitions.display()))?;
    let versions = catalog.processes().flat_map(|(_, versions)| versions.values());
    let found: Vec<_> = versions.filter(|version| version.plan.digest().starts_with(&wanted)).collect();
    match found.as_slice() {
        [one] => side(&one.text, &one.path.display().to_string()),
        [] => Err(format!("{wanted}: no version in {} has this digest", definitions.display())),
        [first, second, ..] => {
            Err(format!("{wanted}: more than one version has it: {}, {}", first.path.display(), second.path.display()))
        }
    }
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
