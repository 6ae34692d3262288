//! `fermata test [Process] [--format human|json|junit]`: the scenarios of every process on the virtual clock.

use std::path::{Path, PathBuf};

use quick_junit::{NonSuccessKind, Report as JUnit, TestCase, TestCaseStatus, TestSuite};

use super::scenarios::ScenarioFile;
use super::{COULD_NOT, FINDINGS, OK, colour};
use crate::catalog::{Catalog, Version, scenario_files};
use crate::diagnostic::{Code, Diagnostic, Source, render, render_all};
use crate::machine::line_of;
use crate::simulate::{Mismatch, Scenario, check, simulate};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Only this process; all unless said
    process: Option<String>,
    /// Where the definitions are
    #[arg(long, default_value = "definitions")]
    definitions: PathBuf,
    /// `json` prints `{scenarios: […]}`, `junit` the XML that build servers read
    #[arg(long, value_enum, default_value = "human")]
    format: TestFormat,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum TestFormat {
    Human,
    Json,
    Junit,
}

/// A scenario that was run under a version.
struct Outcome {
    process: String,
    version: i64,
    name: String,
    file: String,
    /// Each as a person reads it, with its places. Empty: passed.
    messages: Vec<String>,
}

pub(super) fn run(arguments: &Arguments) -> u8 {
    match outcomes(arguments) {
        Ok(outcomes) => {
            show(arguments.format, &outcomes);
            if outcomes.iter().all(|outcome| outcome.messages.is_empty()) { OK } else { FINDINGS }
        }
        Err(message) => {
            eprintln!("{message}");
            COULD_NOT
        }
    }
}

/// Errors: nothing could be run, with the reason.
fn outcomes(arguments: &Arguments) -> Result<Vec<Outcome>, String> {
    let folder = &arguments.definitions;
    let unread = |e: std::io::Error| format!("{}: cannot be read: {e}", folder.display());
    let catalog = Catalog::load(folder).map_err(unread)?;
    let broken: Vec<&str> = catalog.complaints.iter().filter(|c| c.errors).map(|c| c.rendered.as_str()).collect();
    if !broken.is_empty() {
        return Err(format!("{}\nsome definitions are not in order; nothing was run", broken.join("\n")));
    }
    if let Some(process) = &arguments.process {
        catalog.versions(process).map_err(|e| e.to_string())?;
    }
    let mut all = Vec::new();
    let wanted = |name: &str| arguments.process.as_deref().is_none_or(|process| process == name);
    for (process, versions) in catalog.processes().filter(|(name, _)| wanted(name)) {
        for file in scenario_files(folder, process).map_err(unread)? {
            all.extend(file_outcomes(process, versions.values(), &file)?);
        }
    }
    if all.is_empty() {
        let of = arguments.process.as_deref().unwrap_or("<Process>");
        return Err(format!("no scenarios: they stand in {}/{of}/tests/*.yaml", folder.display()));
    }
    Ok(all)
}

fn file_outcomes<'a>(
    process: &str,
    versions: impl Iterator<Item = &'a Version>,
    path: &Path,
) -> Result<Vec<Outcome>, String> {
    let read = ScenarioFile::read(path)?;
    let outcome = |version: i64, messages| Outcome {
        process: process.to_owned(),
        version,
        name: read.name.clone(),
        file: path.display().to_string(),
        messages,
    };
    let Some(scenario) = &read.scenario else {
        return Ok(vec![outcome(0, vec![render_all(&read.complaints, &read.source, colour())])]);
    };
    let versions: Vec<&Version> = versions.collect();
    let there = versions.iter().map(|version| version.plan.version()).collect();
    let mut outcomes: Vec<Outcome> = versions
        .iter()
        .filter(|version| read.is_for(version.plan.version()))
        .map(|version| outcome(version.plan.version(), play(&read, scenario, version)))
        .collect();
    for (missing, complaint) in read.missing(process, &there) {
        outcomes.push(outcome(missing, vec![render(&complaint, &read.source, colour())]));
    }
    Ok(outcomes)
}

/// What is wrong with a scenario under a version; empty: nothing.
fn play(read: &ScenarioFile, scenario: &Scenario, version: &Version) -> Vec<String> {
    let mut wrong = read.misfits(&version.plan);
    wrong.extend(read.says_nothing());
    if !wrong.is_empty() {
        return wrong.iter().map(|complaint| render(complaint, &read.source, colour())).collect();
    }
    match simulate(&version.plan, scenario) {
        Ok(report) => check(scenario, &report).iter().map(|mismatch| shown(mismatch, &read.source, version)).collect(),
        Err(refused) => vec![format!("{}: {refused}", read.source.name())],
    }
}

/// The expectation in the scenario, and the place in the definition where the run parted from it.
fn shown(mismatch: &Mismatch, source: &Source, version: &Version) -> String {
    let complaint = Diagnostic::error(Code::Expectation, mismatch.span, mismatch.message.as_str());
    let mut text = render(&complaint, source, colour());
    if let Some(path) = &mismatch.step
        && let Some(line) = line_of(&version.plan, path)
    {
        let written = version.text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
        text = format!(
            "{}\n{}:{line}: the run stood at `{path}`\n  {}\n",
            text.trim_end(),
            version.path.display(),
            written.trim()
        );
    }
    text
}

fn show(format: TestFormat, outcomes: &[Outcome]) {
    match format {
        TestFormat::Human => human(outcomes),
        TestFormat::Json => {
            let scenarios: Vec<_> = outcomes
                .iter()
                .map(|o| {
                    serde_json::json!({
                        "name": o.name, "process": o.process, "version": o.version, "file": o.file,
                        "outcome": if o.messages.is_empty() { "passed" } else { "failed" },
                        "messages": o.messages,
                    })
                })
                .collect();
            println!("{}", serde_json::json!({ "scenarios": scenarios }));
        }
        TestFormat::Junit => println!("{}", junit(outcomes)),
    }
}

fn human(outcomes: &[Outcome]) {
    let mut failed = 0;
    for outcome in outcomes {
        let word = if outcome.messages.is_empty() { "passed" } else { "FAILED" };
        println!("{word}  {} v{}  {}", outcome.process, outcome.version, outcome.name);
        for message in &outcome.messages {
            println!("\n{}\n", message.trim_end());
        }
        failed += usize::from(!outcome.messages.is_empty());
    }
    println!("{} passed, {failed} failed", outcomes.len() - failed);
}

fn junit(outcomes: &[Outcome]) -> String {
    let mut report = JUnit::new("fermata test");
    let mut suites: Vec<TestSuite> = Vec::new();
    for outcome in outcomes {
        let status = match outcome.messages.as_slice() {
            [] => TestCaseStatus::success(),
            messages => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status.set_message(messages.first().and_then(|m| m.lines().next()).unwrap_or_default());
                status.set_description(messages.join("\n"));
                status
            }
        };
        let mut case = TestCase::new(outcome.name.as_str(), status);
        case.set_classname(format!("{} v{}", outcome.process, outcome.version));
        match suites.iter_mut().find(|suite| suite.name.as_str() == outcome.process) {
            Some(suite) => {
                suite.add_test_case(case);
            }
            None => {
                let mut suite = TestSuite::new(outcome.process.as_str());
                suite.add_test_case(case);
                suites.push(suite);
            }
        }
    }
    report.add_test_suites(suites);
    report.to_string().unwrap_or_default()
}
