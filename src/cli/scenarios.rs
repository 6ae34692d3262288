//! The scenario files of a process: found, read, held against its versions, and run. What `check`, `test`, `publish` and
//! `simulate` share.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::colour;
use crate::catalog::{Version, place_of, scenario_home, scenarios_beside};
use crate::diagnostic::{Code, Diagnostic, Source, Span, has_errors, render, render_all};
use crate::expression::similar;
use crate::machine::line_of;
use crate::plan::Plan;
use crate::simulate::{Mismatch, Scenario, check, input_misfits, misfits, read_scenario, says_nothing, simulate};

/// What a command is about: a process, or a part of it.
pub(super) struct Target {
    /// The folder of the process.
    pub home: PathBuf,
    pub process: String,
    pub version: Option<i64>,
    /// One scenario of it.
    pub file: Option<PathBuf>,
}

impl Target {
    /// Reads `Process`, `Process@2`, or the path of a version or of a scenario. Errors: words.
    pub fn read(what: &str, definitions: &Path) -> Result<Target, String> {
        let path = Path::new(what);
        if path.is_file() {
            let (home, version, file) = match (scenario_home(path), place_of(path)) {
                (Some(home), _) => (home, None, Some(path.to_owned())),
                (None, Some((_, version))) => (path.parent().unwrap_or(path).to_owned(), Some(version), None),
                (None, None) => {
                    let places = "`<Process>/v<N>.yaml` or `<Process>/tests/*.yaml`";
                    return Err(format!("{what}: neither a version nor a scenario of a process: those are {places}"));
                }
            };
            // A folder such as `.` has a name of its own.
            let named = if home.file_name().is_some() { home.clone() } else { home.canonicalize().unwrap_or_default() };
            let process = named.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            return Ok(Target { home, process, version, file });
        }
        if is_path(what) {
            return Err(format!("{what}: there is no such file"));
        }
        let (process, version) = match what.split_once('@') {
            None => (what, None),
            Some((process, version)) => {
                let version = version.parse::<i64>().ok().filter(|n| *n > 0);
                let version = version.ok_or_else(|| format!("`{what}` names no version; write `{process}@2`"))?;
                (process, Some(version))
            }
        };
        Ok(Target { home: definitions.join(process), process: process.to_owned(), version, file: None })
    }

    /// The folder that the process stands in.
    pub fn definitions(&self) -> PathBuf {
        match self.home.parent() {
            Some(parent) if self.home.file_name().is_some() && parent.as_os_str().is_empty() => PathBuf::from("."),
            Some(parent) if self.home.file_name().is_some() => parent.to_owned(),
            _ => self.home.join(".."),
        }
    }

    /// The scenarios that it is about: all of the process, the one file, or those of a name. Errors: words; what was
    /// named and is not there too.
    pub fn scenarios(&self, name: Option<&str>) -> Result<Vec<ScenarioFile>, String> {
        let files = match &self.file {
            Some(file) => vec![file.clone()],
            None => {
                scenarios_beside(&self.home).map_err(|e| format!("{}: cannot be read: {e}", self.home.display()))?
            }
        };
        let read = files.iter().map(|file| ScenarioFile::read(file)).collect::<Result<Vec<_>, _>>()?;
        let Some(name) = name else { return Ok(read) };
        let (found, others): (Vec<_>, Vec<_>) = read.into_iter().partition(|file| file.is_called(name));
        if found.is_empty() {
            let known = others.iter().map(|file| file.name.as_str());
            let help = match similar(name, known.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if others.is_empty() => "there are none".to_owned(),
                None => format!("there are {}", known.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
            };
            return Err(format!("there is no scenario `{name}` of {}; {help}", self.process));
        }
        Ok(found)
    }
}

/// Whether a name is meant as that of a file.
pub(super) fn is_path(what: &str) -> bool {
    what.contains(['/', std::path::MAIN_SEPARATOR]) || what.ends_with(".yaml") || what.ends_with(".yml")
}

/// A scenario with the text it was read from.
pub(super) struct ScenarioFile {
    pub path: PathBuf,
    pub source: Source,
    /// Its own, else that of the file.
    pub name: String,
    /// `None`: it could not be read; why is among the complaints.
    pub scenario: Option<Scenario>,
    /// About the text alone, without a version.
    pub complaints: Vec<Diagnostic>,
}

impl ScenarioFile {
    /// Errors: words, of a file that cannot be read.
    pub fn read(path: &Path) -> Result<ScenarioFile, String> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|e| format!("{file}: cannot be read: {e}"))?;
        Ok(ScenarioFile::of(path, text))
    }

    /// The same, of a text that was read.
    pub fn of(path: &Path, text: String) -> ScenarioFile {
        let file = path.display().to_string();
        let (scenario, complaints) = read_scenario(&text);
        let own = scenario.as_ref().map(|scenario| scenario.name.clone()).filter(|name| !name.is_empty());
        let scenario = scenario.filter(|_| !has_errors(&complaints));
        let name = own.or_else(|| Some(path.file_stem()?.to_string_lossy().into_owned())).unwrap_or_default();
        ScenarioFile { path: path.to_owned(), source: Source::new(file, text), name, scenario, complaints }
    }

    /// By its name, or that of the file.
    fn is_called(&self, name: &str) -> bool {
        self.name == name || self.path.file_stem().is_some_and(|stem| stem == name)
    }

    /// Whether it is to be run under a version.
    pub fn is_for(&self, version: i64) -> bool {
        self.scenario.as_ref().is_some_and(|scenario| scenario.is_for(version))
    }

    /// What of it does not fit a version, whatever a run would do.
    pub fn misfits(&self, plan: &Plan) -> Vec<Diagnostic> {
        let Some(scenario) = &self.scenario else { return Vec::new() };
        let mut wrong = misfits(plan, scenario);
        wrong.extend(input_misfits(plan, scenario));
        wrong
    }

    /// That it could not fail.
    pub fn says_nothing(&self) -> Option<Diagnostic> {
        self.scenario.as_ref().and_then(says_nothing)
    }

    /// Versions that it names and that are not there.
    pub fn missing(&self, process: &str, there: &BTreeSet<i64>) -> Vec<(i64, Diagnostic)> {
        let Some(scenario) = &self.scenario else { return Vec::new() };
        let named = scenario.versions.iter().zip(&scenario.places.versions);
        let complaint = |(version, span): (&i64, &Span)| {
            let message = format!("there is no version {version} of {process}");
            let there = there.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
            let help = if there.is_empty() { "there are none".to_owned() } else { format!("there are {there}") };
            (*version, Diagnostic::error(Code::Expectation, *span, message).help(help))
        };
        named.filter(|(version, _)| !there.contains(version)).map(complaint).collect()
    }

    /// Every complaint about it: of its text, and of every version that it is for. One that is about some of them only
    /// names them.
    pub fn all_complaints(&self, process: &str, versions: &Versions) -> Vec<Diagnostic> {
        let mut all = self.complaints.clone();
        all.extend(self.says_nothing());
        all.extend(self.missing(process, &versions.there).into_iter().map(|(_, complaint)| complaint));
        let held: Vec<i64> = versions.plans.keys().copied().filter(|version| self.is_for(*version)).collect();
        let mut found: Vec<(Diagnostic, Vec<i64>)> = Vec::new();
        for (version, plan) in versions.plans.iter().filter(|(version, _)| held.contains(version)) {
            for complaint in self.misfits(plan) {
                let same = |known: &Diagnostic| (known.span, &known.message) == (complaint.span, &complaint.message);
                match found.iter_mut().find(|(known, _)| same(known)) {
                    Some((_, versions)) => versions.push(*version),
                    None => found.push((complaint, vec![*version])),
                }
            }
        }
        for (mut complaint, versions) in found {
            if versions != held {
                let versions = versions.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
                complaint.message = format!("{} (version {versions})", complaint.message);
            }
            all.push(complaint);
        }
        all
    }
}

/// A scenario that was run under a version.
pub(super) struct Outcome {
    pub process: String,
    /// 0: it could not be read.
    pub version: i64,
    pub name: String,
    pub file: String,
    /// Each as a person reads it, with its places. Empty: passed.
    pub messages: Vec<String>,
}

impl Outcome {
    pub fn passed(&self) -> bool {
        self.messages.is_empty()
    }

    /// For people, on several lines where it failed.
    pub fn told(&self) -> String {
        let word = if self.passed() { "passed" } else { "FAILED" };
        // One that cannot be read is of no version.
        let version = if self.version > 0 { format!(" v{}", self.version) } else { String::new() };
        let messages = self.messages.iter().map(|message| format!("\n\n{}\n", message.trim_end()));
        format!("{word}  {}{version}  {}{}", self.process, self.name, messages.collect::<String>())
    }
}

impl ScenarioFile {
    /// Runs it under those of some versions that it is for.
    pub fn outcomes<'a>(&self, process: &str, versions: impl Iterator<Item = &'a Version>) -> Vec<Outcome> {
        let Some(scenario) = &self.scenario else {
            return vec![self.outcome(process, 0, vec![render_all(&self.complaints, &self.source, colour())])];
        };
        let versions = versions.filter(|version| self.is_for(version.plan.version()));
        versions.map(|version| self.outcome(process, version.plan.version(), self.play(scenario, version))).collect()
    }

    pub fn outcome(&self, process: &str, version: i64, messages: Vec<String>) -> Outcome {
        let file = self.path.display().to_string();
        Outcome { process: process.to_owned(), version, name: self.name.clone(), file, messages }
    }

    /// What is wrong with it under a version; empty: nothing.
    fn play(&self, scenario: &Scenario, version: &Version) -> Vec<String> {
        let mut wrong = self.misfits(&version.plan);
        wrong.extend(self.says_nothing());
        if !wrong.is_empty() {
            return wrong.iter().map(|complaint| render(complaint, &self.source, colour())).collect();
        }
        match simulate(&version.plan, scenario) {
            Ok(report) => check(scenario, &report).iter().map(|wrong| self.shown(wrong, version)).collect(),
            Err(refused) => vec![format!("{}: {refused}", self.source.name())],
        }
    }

    /// The expectation in the scenario, and the place in the definition where the run parted from it.
    fn shown(&self, mismatch: &Mismatch, version: &Version) -> String {
        let complaint = Diagnostic::error(Code::Expectation, mismatch.span, mismatch.message.as_str());
        let mut text = render(&complaint, &self.source, colour());
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
}

/// The versions of a process that a scenario can be held against.
#[derive(Default)]
pub(super) struct Versions {
    /// Those that are in order.
    pub plans: BTreeMap<i64, Arc<Plan>>,
    /// Those that have a file.
    pub there: BTreeSet<i64>,
}

impl Versions {
    /// Takes note of a file of the process.
    pub fn add(&mut self, file: &Path, plan: Option<Arc<Plan>>) {
        if let Some((_, version)) = place_of(file) {
            self.there.insert(version);
            self.plans.extend(plan.map(|plan| (version, plan)));
        }
    }
}
