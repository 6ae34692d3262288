//! `fermata simulate FILE --input … [--scenario …] [--format json]`.

use std::path::{Path, PathBuf};

use super::{COULD_NOT, FINDINGS, Format, OK, colour};
use crate::catalog::check_file;
use crate::diagnostic::{Code, Diagnostic, Source, has_errors, render, render_all};
use crate::machine::RunError;
use crate::simulate::{Report, Scenario, Status, check, input_misfits, lines, misfits, read_scenario, simulate};
use crate::value::{Duration, Value, from_json, to_json};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The definition, such as definitions/UserGranted/v1.yaml
    file: PathBuf,
    /// The input as JSON, or `@FILE`
    #[arg(long)]
    input: Option<String>,
    /// How the services answer, what happens when, and what is expected
    #[arg(long)]
    scenario: Option<PathBuf>,
    /// How long the run is simulated, such as `30d`; for one that does not come to rest by itself
    #[arg(long, value_parser = duration)]
    until: Option<Duration>,
    /// `json` prints the trace as JSON lines
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

type Prepared = (std::sync::Arc<crate::plan::Plan>, Scenario, Option<Source>);

fn prepare(arguments: &Arguments) -> Result<Prepared, u8> {
    let checked = check_file(&arguments.file);
    if !checked.complaints.is_empty() {
        eprintln!("{}", render_all(&checked.complaints, &checked.source, colour()));
    }
    let plan = checked.plan.ok_or(if checked.complaints.iter().any(|d| d.code == Code::Unreadable) {
        COULD_NOT
    } else {
        FINDINGS
    })?;
    let (mut scenario, source) = match &arguments.scenario {
        Some(path) => read(path)?,
        None => (Scenario::plain(Value::map::<String>([])), None),
    };
    if let Some(input) = &arguments.input {
        scenario.input = input_of(input).map_err(|message| {
            eprintln!("--input: {message}");
            COULD_NOT
        })?;
    }
    scenario.until = arguments.until.or(scenario.until);
    let mut misfits = misfits(&plan, &scenario);
    if arguments.input.is_none() {
        misfits.extend(input_misfits(&plan, &scenario));
    }
    if let (Some(source), false) = (&source, misfits.is_empty()) {
        eprintln!("{}", render_all(&misfits, source, colour()));
        return Err(FINDINGS);
    }
    Ok((plan, scenario, source))
}

fn read(path: &Path) -> Result<(Scenario, Option<Source>), u8> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        eprintln!("{}: cannot be read: {error}", path.display());
        COULD_NOT
    })?;
    let (scenario, complaints) = read_scenario(&text);
    let source = Source::new(path.display().to_string(), text);
    if !complaints.is_empty() {
        eprintln!("{}", render_all(&complaints, &source, colour()));
    }
    match scenario {
        Some(scenario) if !has_errors(&complaints) => Ok((scenario, Some(source))),
        _ => Err(FINDINGS),
    }
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

fn show(format: Format, plan: &crate::plan::Plan, scenario: &Scenario, report: &Report, source: Option<&Source>) -> u8 {
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

fn human(plan: &crate::plan::Plan, scenario: &Scenario, report: &Report) {
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
