//! `fermata test [Process|Process@2|FILE] [SCENARIO] [--format human|json|junit]`: scenarios on the virtual clock.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use quick_junit::{NonSuccessKind, Report as JUnit, TestCase, TestCaseStatus, TestSuite};

use super::scenarios::{Outcome, Target};
use super::{COULD_NOT, FINDINGS, OK, colour};
use crate::catalog::{Catalog, FileComplaints, Version};
use crate::diagnostic::render;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Only this process; or `Process@2`; or the file of a version or of a scenario
    what: Option<String>,
    /// Only the scenario of this name
    scenario: Option<String>,
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

pub(super) fn run(arguments: &Arguments) -> u8 {
    match outcomes(arguments) {
        Ok(outcomes) => {
            show(arguments.format, &outcomes);
            if outcomes.iter().all(Outcome::passed) { OK } else { FINDINGS }
        }
        Err(message) => {
            eprintln!("{message}");
            COULD_NOT
        }
    }
}

/// Errors: nothing could be run, with the reason.
fn outcomes(arguments: &Arguments) -> Result<Vec<Outcome>, String> {
    let target = arguments.what.as_deref().map(|what| Target::read(what, &arguments.definitions)).transpose()?;
    let folder = match &target {
        Some(target) => target.definitions(),
        None => arguments.definitions.clone(),
    };
    let catalog = Catalog::load(&folder).map_err(|e| format!("{}: cannot be read: {e}", folder.display()))?;
    let complaints: Vec<&FileComplaints> = match &target {
        Some(target) => catalog.complaints_of(&folder, &target.process).collect(),
        None => catalog.complaints.iter().collect(),
    };
    let broken: Vec<&str> = complaints.iter().filter(|c| c.errors).map(|c| c.rendered.as_str()).collect();
    if !broken.is_empty() {
        return Err(format!("{}\nsome definitions are not in order; nothing was run", broken.join("\n")));
    }
    let mut all = Vec::new();
    match &target {
        Some(target) => {
            let versions = catalog.versions(&target.process).map_err(|e| e.to_string())?;
            if let Some(version) = target.version.filter(|version| !versions.contains_key(version)) {
                let known = versions.keys().map(i64::to_string).collect::<Vec<_>>().join(", ");
                return Err(format!("{} has no version {version}; it has {known}", target.process));
            }
            all.extend(of_process(target, versions, arguments.scenario.as_deref())?);
        }
        None => {
            for (process, versions) in catalog.processes() {
                let target =
                    Target { home: folder.join(process), process: process.to_owned(), version: None, file: None };
                all.extend(of_process(&target, versions, None)?);
            }
        }
    }
    if all.is_empty() {
        let of = match &target {
            Some(Target { process, version: Some(version), .. }) => format!("{process} v{version}"),
            Some(Target { process, .. }) => process.clone(),
            None => "any process".to_owned(),
        };
        return Err(format!("no scenarios of {of}: they stand in {}/<Process>/tests/*.yaml", folder.display()));
    }
    Ok(all)
}

fn of_process(target: &Target, versions: &BTreeMap<i64, Version>, name: Option<&str>) -> Result<Vec<Outcome>, String> {
    let there: BTreeSet<i64> = versions.keys().copied().collect();
    let wanted = |number: i64| target.version.is_none_or(|version| version == number);
    let mut outcomes = Vec::new();
    for file in target.scenarios(name)? {
        let versions = versions.iter().filter(|(number, _)| wanted(**number)).map(|(_, version)| version);
        outcomes.extend(file.outcomes(&target.process, versions));
        if target.version.is_none() {
            for (missing, complaint) in file.missing(&target.process, &there) {
                let message = render(&complaint, &file.source, colour());
                outcomes.push(file.outcome(&target.process, missing, vec![message]));
            }
        }
    }
    Ok(outcomes)
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
                        "outcome": if o.passed() { "passed" } else { "failed" },
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
        println!("{}", outcome.told());
        failed += usize::from(!outcome.passed());
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
