//! The scenario files of a process: read, and held against its versions. What `check`, `test`, `publish` and `simulate`
//! share.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use crate::catalog::place_of;
use crate::diagnostic::{Code, Diagnostic, Source, Span, has_errors};
use crate::plan::Plan;
use crate::simulate::{Scenario, input_misfits, misfits, read_scenario, says_nothing};

/// A scenario with the text it was read from.
pub(super) struct ScenarioFile {
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
        let (scenario, complaints) = read_scenario(&text);
        let scenario = scenario.filter(|_| !has_errors(&complaints));
        let own = scenario.as_ref().map(|scenario| scenario.name.clone()).filter(|name| !name.is_empty());
        let name = own.or_else(|| Some(path.file_stem()?.to_string_lossy().into_owned())).unwrap_or_default();
        Ok(ScenarioFile { source: Source::new(file, text), name, scenario, complaints })
    }

    /// Whether it is to be run under a version.
    pub fn is_for(&self, version: i64) -> bool {
        self.scenario.as_ref().is_some_and(|s| s.versions.is_empty() || s.versions.contains(&version))
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
