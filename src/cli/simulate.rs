//! `fermata simulate FILE|Process[@2] --input … [--scenario FILE|NAME] [--until …] [--format json]`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::scenarios::{ScenarioFile, Target, is_path};
use super::{COULD_NOT, FINDINGS, Format, OK, colour};
use crate::catalog::{check_file, definition_files, misnamed_of, place_of};
use crate::diagnostic::{Code, Diagnostic, Source, render, render_all};
use crate::machine::RunError;
use crate::plan::Plan;
use crate::simulate::{Report, Scenario, Status, check, input_misfits, lines, misfits, simulate};
use crate::value::{Duration, Value, from_json, to_json};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The definition: a file such as definitions/UserGranted/v1.yaml, or `UserGranted@1`, or `UserGranted` for its
    /// newest version
    definition: String,
    /// The input as JSON, or `@FILE`
    #[arg(long)]
    input: Option<String>,
    /// How the services answer, what happens when, and what is expected: a file, or the name of a scenario of the process
    #[arg(long)]
    scenario: Option<String>,
    /// How long the run is simulated, such as `30d`; for one that does not come to rest by itself
    #[arg(long, value_parser = duration)]
    until: Option<Duration>,
    /// Where the definitions are
    #[arg(long, default_value = "definitions")]
    definitions: PathBuf,
    /// `json` prints what happened as JSON lines
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

fn duration(text: &str) -> Result<Duration, String> {
    Duration::parse(text).map_err(|e| e.to_string())
}

pub(super) fn run(arguments: &Arguments) -> u8 {
    match prepare(arguments) {
        Ok((plan, scenario, source)) => match simulate(&plan, &scenario) {
            Ok(report) => show(arguments.format, &plan, &scenario, &report, source.as_ref()),
            Err(refused) => {
                eprintln!("{refused}");
                FINDINGS
            }
        },
        Err(code) => code,
    }
}

/// Lines that are shown of a run that goes on and on.
const SHOWN: usize = 200;

type Prepared = (Arc<Plan>, Scenario, Option<Source>);

fn prepare(arguments: &Arguments) -> Result<Prepared, u8> {
    let could_not = |message: String| {
        eprintln!("{message}");
        COULD_NOT
    };
    not_misnamed(arguments)?;
    let (home, file) = find(arguments).map_err(could_not)?;
    let read = match &arguments.scenario {
        Some(name) => Some(scenario_of(name, home.as_ref()).map_err(could_not)?),
        None => None,
    };
    let file = match (file, &home) {
        (Some(file), _) => file,
        (None, Some(home)) => newest(home, read.as_ref()).map_err(could_not)?,
        (None, None) => PathBuf::from(&arguments.definition),
    };
    let checked = check_file(&file);
    if !checked.complaints.is_empty() {
        eprintln!("{}", render_all(&checked.complaints, &checked.source, colour()));
    }
    let plan = checked.plan.ok_or(if checked.complaints.iter().any(|d| d.code == Code::Unreadable) {
        COULD_NOT
    } else {
        FINDINGS
    })?;
    let (mut scenario, source) = match read {
        Some(ScenarioFile { scenario, complaints, source, .. }) => {
            if !complaints.is_empty() {
                eprintln!("{}", render_all(&complaints, &source, colour()));
            }
            (scenario.ok_or(FINDINGS)?, Some(source))
        }
        None => (Scenario::plain(Value::map::<String>([])), None),
    };
    if let Some(input) = &arguments.input {
        scenario.input = input_of(input).map_err(|message| could_not(format!("--input: {message}")))?;
    }
    scenario.until = arguments.until.or(scenario.until);
    let mut misfits = misfits(&plan, &scenario);
    misfits.extend(not_for(&plan, &scenario));
    if arguments.input.is_none() {
        misfits.extend(input_misfits(&plan, &scenario));
    }
    if let (Some(source), false) = (&source, misfits.is_empty()) {
        eprintln!("{}", render_all(&misfits, source, colour()));
        return Err(FINDINGS);
    }
    Ok((plan, scenario, source))
}

/// What is named almost rightly in the folder of a process is not passed over where versions and scenarios are looked for
/// in it.
fn not_misnamed(arguments: &Arguments) -> Result<(), u8> {
    let by_file = |name: &str| is_path(name) || Path::new(name).is_file();
    let by_name = !by_file(&arguments.definition) || arguments.scenario.as_deref().is_some_and(|name| !by_file(name));
    let target = Target::read(&arguments.definition, &arguments.definitions).ok().filter(|_| by_name);
    // One whose folder cannot be read has no versions, which is said where they are looked for.
    let wrong = target.and_then(|target| misnamed_of(&target.home).ok()).unwrap_or_default();
    for file in &wrong {
        eprintln!("{}", render_all(&file.complaints, &file.source, colour()));
    }
    if wrong.is_empty() { Ok(()) } else { Err(FINDINGS) }
}

/// The process, where the definition is of one, and the file, where it is known yet. Errors: words.
fn find(arguments: &Arguments) -> Result<(Option<Target>, Option<PathBuf>), String> {
    let path = Path::new(&arguments.definition);
    if path.is_file() || is_path(&arguments.definition) {
        let home = Target::read(&arguments.definition, &arguments.definitions).ok();
        return Ok((home, Some(path.to_owned())));
    }
    let target = Target::read(&arguments.definition, &arguments.definitions)?;
    let known = numbers(&target)?;
    match target.version {
        Some(version) if !known.contains(&version) => {
            let known = known.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
            Err(format!("{} has no version {version}; it has {known}", target.process))
        }
        Some(version) => {
            let file = target.home.join(format!("v{version}.yaml"));
            Ok((Some(target), Some(file)))
        }
        None => Ok((Some(target), None)),
    }
}

/// The versions of a process that have a file. Errors: there are none.
fn numbers(target: &Target) -> Result<Vec<i64>, String> {
    let files = definition_files(&target.home).unwrap_or_default();
    let mut numbers: Vec<i64> = files.iter().filter_map(|file| Some(place_of(file)?.1)).collect();
    numbers.sort_unstable();
    match numbers.as_slice() {
        [] => Err(format!("there is no process `{}` in {}", target.process, target.definitions().display())),
        _ => Ok(numbers),
    }
}

/// The newest version that a scenario is for. Errors: there is none.
fn newest(target: &Target, read: Option<&ScenarioFile>) -> Result<PathBuf, String> {
    let fits = |version: &i64| read.is_none_or(|read| read.scenario.is_none() || read.is_for(*version));
    match numbers(target)?.into_iter().rfind(fits) {
        Some(version) => Ok(target.home.join(format!("v{version}.yaml"))),
        None => Err(format!("{} has no version that the scenario is for", target.process)),
    }
}

/// A scenario by its file, or by its name among those of the process. Errors: words.
fn scenario_of(name: &str, home: Option<&Target>) -> Result<ScenarioFile, String> {
    match home {
        Some(target) if !Path::new(name).is_file() && !is_path(name) => {
            let found = target.scenarios(Some(name))?.into_iter().next();
            found.ok_or_else(|| format!("there is no scenario `{name}` of {}", target.process))
        }
        _ => ScenarioFile::read(Path::new(name)),
    }
}

/// A scenario that names its versions, and this one not.
fn not_for(plan: &Plan, scenario: &Scenario) -> Option<Diagnostic> {
    let version = plan.version();
    let other = !scenario.is_for(version);
    let span = scenario.places.versions.first().copied().unwrap_or_default();
    let known = scenario.versions.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
    let message = format!("the scenario is not for version {version}, but for {known}");
    other.then(|| Diagnostic::error(Code::Expectation, span, message))
}

fn input_of(text: &str) -> Result<Value, String> {
    match text.strip_prefix('@') {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|e| format!("{path}: cannot be read: {e}"))?;
            from_json(&text).map_err(|e| format!("{path}: {e}"))
        }
        None => from_json(text).map_err(|e| e.to_string()),
    }
}

fn show(format: Format, plan: &Plan, scenario: &Scenario, report: &Report, source: Option<&Source>) -> u8 {
    match format {
        Format::Json => {
            for line in lines(plan, scenario, report) {
                println!("{}", line.json());
            }
        }
        Format::Human => human(plan, scenario, report),
    }
    if report.unfinished && source.is_none() {
        eprintln!("the run does not come to rest: say with `--until 30d` when to look at it");
        return FINDINGS;
    }
    let wrong = check(scenario, report);
    if let Some(source) = source {
        for mismatch in &wrong {
            let complaint = Diagnostic::error(Code::Expectation, mismatch.span, mismatch.message.as_str());
            eprintln!("{}", render(&complaint, source, colour()));
        }
    }
    let failed = report.status == Status::Failed && scenario.expect.is_none();
    if wrong.is_empty() && !failed { OK } else { FINDINGS }
}

fn human(plan: &Plan, scenario: &Scenario, report: &Report) {
    println!("{} v{}  key {}  from {}", plan.process(), plan.version(), report.key, scenario.at);
    let shown = if report.unfinished { SHOWN } else { usize::MAX };
    for line in lines(plan, scenario, report).take(shown) {
        if let Some(words) = &line.words {
            let since = Duration(line.at.millis() - scenario.at.millis()).to_string();
            println!("  {}  {since:>8}  {:<24} {words}", line.at, line.path);
        }
    }
    if report.unfinished {
        println!("  … and so on, {} lines of trace in all", report.trace.len());
    }
    let end = match (&report.result, &report.error) {
        (_, _) if report.unfinished => ", and going on".to_owned(),
        (Some(result), _) => format!(" with {}", to_json(result)),
        (_, Some(RunError { kind, message, .. })) => format!(" with {kind}: {message}"),
        _ => String::new(),
    };
    println!("{} after {}{end}", report.status.word(), report.took);
}
