//! Versions on disk: `definitions/<Process>/v<N>.yaml`, read, checked, published, and chosen from.
//!
//! This room may not know: runs, Temporal, HTTP.

mod lock;
mod releases;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diagnostic::{Code, Diagnostic, Source, Span, has_errors, render_all};
use crate::plan::{Home, Plan, from_yaml};
use crate::value::Value;

pub use lock::{LOCK, Lock, LockError};
pub use releases::{Chosen, Releases, Rule, from_text as check_releases};

/// A definition that was read and is in order.
#[derive(Debug, Clone)]
pub struct Version {
    pub plan: Arc<Plan>,
    /// The text as written.
    pub text: String,
    pub path: PathBuf,
    /// Whether the digest stands in `LOCK`: then it never changes.
    pub published: bool,
}

/// Whether versions that are not published may start: under `dev` only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Drafts {
    #[default]
    Start,
    Hold,
}

/// All definitions of a folder.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    processes: BTreeMap<String, BTreeMap<i64, Version>>,
    releases: BTreeMap<String, Releases>,
    pub drafts: Drafts,
    /// Files with complaints, each with the rendered text; errors keep a file out, warnings do not.
    pub complaints: Vec<FileComplaints>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileComplaints {
    pub path: PathBuf,
    pub errors: bool,
    pub rendered: String,
}

/// Why a version cannot be chosen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChooseError {
    #[error("there is no process `{name}`{}", listing(.known))]
    Process { name: String, known: Vec<String> },
    #[error("the process `{process}` has no version {version}; it has {}", .known.iter().map(i64::to_string).collect::<Vec<_>>().join(", "))]
    Version { process: String, version: i64, known: Vec<i64> },
    #[error("the process `{process}` cannot be started: {reason}")]
    NotUnderstood { process: String, reason: String },
    #[error("version {version} of `{process}` is not published, and only `fermata dev` starts such a one")]
    NotPublished { process: String, version: i64 },
    #[error("the process `{process}` has no label `{label}`{}", labels(.known))]
    Label { process: String, label: String, known: Vec<String> },
}

fn labels(known: &[String]) -> String {
    match known {
        [] => "; it has none".to_owned(),
        _ => format!("; it has {}", known.join(", ")),
    }
}

/// What a caller asks for, at most one of the two.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    pub version: Option<i64>,
    pub label: Option<String>,
}

fn listing(names: &[String]) -> String {
    match names {
        [] => "; there are no definitions".to_owned(),
        _ => format!("; there are {}", names.join(", ")),
    }
}

impl Catalog {
    /// Reads every definition below a folder. Errors: a folder that cannot be listed; a broken file is a complaint.
    pub fn load(folder: &Path) -> io::Result<Catalog> {
        Catalog::default().reload(folder)
    }

    /// Reads the folder again. Where a file has become broken, the version that was read before goes on serving.
    pub fn reload(&self, folder: &Path) -> io::Result<Catalog> {
        let mut fresh = Catalog { drafts: self.drafts, ..Catalog::default() };
        let lock = match Lock::load(folder) {
            Ok(lock) => lock,
            Err(error) => {
                let rendered = format!("error: {error}\n");
                fresh.complaints.push(FileComplaints { path: folder.join(LOCK), errors: true, rendered });
                Lock::default()
            }
        };
        let (releases, files): (Vec<_>, Vec<_>) = find(folder)?.into_iter().partition(|file| file.releases);
        for file in files {
            let (version, complaints) = read(&file, &lock);
            let number = file.version;
            let kept = || self.processes.get(&file.process).and_then(|v| v.get(&number)).cloned();
            if let Some(version) = version.or_else(kept) {
                fresh.processes.entry(file.process.clone()).or_default().insert(number, version);
            }
            fresh.complaints.extend(complaints);
        }
        for file in releases {
            let versions = fresh.processes.get(&file.process).map(|v| v.keys().copied().collect()).unwrap_or_default();
            let (releases, complaints) = releases::read(&file.path, &versions);
            let kept = || self.releases.get(&file.process).cloned();
            if let Some(releases) = releases.or_else(kept) {
                fresh.releases.insert(file.process.clone(), releases);
            }
            fresh.complaints.extend(complaints);
        }
        Ok(fresh)
    }

    /// The version that a start gets, and why: the one the caller names, else by the rules of `releases.yaml`, else the
    /// highest that may start. `key` is the caller's own business key, where it has one.
    pub fn choose(
        &self,
        process: &str,
        wanted: &Wanted,
        input: &Value,
        key: Option<&str>,
    ) -> Result<(&Version, Chosen), ChooseError> {
        let versions = self.versions(process)?;
        let releases = self.releases.get(process);
        let (number, chosen) = match (wanted.version, &wanted.label) {
            (Some(version), _) => (version, Chosen::Version),
            (None, Some(label)) => {
                let known = releases.map(Releases::labels);
                let number = known.and_then(|labels| labels.get(label)).copied();
                let number = number.ok_or_else(|| ChooseError::Label {
                    process: process.to_owned(),
                    label: label.clone(),
                    known: known.map(|labels| labels.keys().cloned().collect()).unwrap_or_default(),
                })?;
                (number, Chosen::Label { label: label.clone() })
            }
            (None, None) => {
                let key_of = |version: i64| {
                    let plan = &versions.get(&version)?.plan;
                    key.map(str::to_owned).or_else(|| crate::machine::business_key(plan, input).ok())
                };
                match releases.and_then(|releases| releases.choose(process, input, &key_of)) {
                    Some(found) => found,
                    None => {
                        let may = |v: &&Version| v.published || self.drafts == Drafts::Start;
                        let highest = versions.values().rev().find(may).or(versions.values().next_back());
                        let number = highest.map(|version| version.plan.version());
                        (number.ok_or_else(|| self.no_process(process))?, Chosen::Highest)
                    }
                }
            }
        };
        let version = versions.get(&number).ok_or_else(|| ChooseError::Version {
            process: process.to_owned(),
            version: number,
            known: versions.keys().copied().collect(),
        })?;
        if !version.published && self.drafts == Drafts::Hold {
            return Err(ChooseError::NotPublished { process: process.to_owned(), version: number });
        }
        Ok((version, chosen))
    }

    /// Published versions whose file is gone: nobody can start them any more.
    pub fn missing(&self, folder: &Path) -> Vec<(String, i64)> {
        let lock = Lock::load(folder).unwrap_or_default();
        let there = |process: &str, version: i64| self.processes.get(process).is_some_and(|v| v.contains_key(&version));
        let gone = |process: &str, version: i64| !folder.join(process).join(format!("v{version}.yaml")).exists();
        lock.versions()
            .filter(|(process, version)| !there(process, *version) && gone(process, *version))
            .map(|(process, version)| (process.to_owned(), version))
            .collect()
    }

    /// Every version that is not published, as `Process v3`.
    pub fn unpublished(&self) -> Vec<String> {
        let all =
            self.processes.iter().flat_map(|(name, versions)| versions.iter().map(move |version| (name, version)));
        all.filter(|(_, (_, version))| !version.published)
            .map(|(name, (number, _))| format!("{name} v{number}"))
            .collect()
    }

    /// The labels and rules of a process, where it has a `releases.yaml`.
    pub fn releases(&self, process: &str) -> Option<&Releases> {
        self.releases.get(process)
    }

    pub fn versions(&self, process: &str) -> Result<&BTreeMap<i64, Version>, ChooseError> {
        let broken = |c: &&FileComplaints| {
            let own = c.path.file_name().is_some_and(|name| name == RELEASES)
                && c.path.parent().and_then(Path::file_name).is_some_and(|name| name == process);
            // One that was in order before goes on serving.
            c.errors && own && !self.releases.contains_key(process)
        };
        if let Some(releases) = self.complaints.iter().find(broken) {
            let reason = format!("{} is not in order", releases.path.display());
            return Err(ChooseError::NotUnderstood { process: process.to_owned(), reason });
        }
        self.processes.get(process).ok_or_else(|| self.no_process(process))
    }

    fn no_process(&self, name: &str) -> ChooseError {
        ChooseError::Process { name: name.to_owned(), known: self.processes.keys().cloned().collect() }
    }

    /// The complaints about the files of a process.
    pub fn complaints_of(&self, definitions: &Path, process: &str) -> impl Iterator<Item = &FileComplaints> {
        let home = definitions.join(process);
        self.complaints.iter().filter(move |complaint| complaint.path.parent() == Some(&home))
    }

    pub fn processes(&self) -> impl Iterator<Item = (&str, &BTreeMap<i64, Version>)> {
        self.processes.iter().map(|(name, versions)| (name.as_str(), versions))
    }

    /// Every service that any definition names, sorted, each once.
    pub fn services(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .processes
            .values()
            .flat_map(BTreeMap::values)
            .flat_map(|v| v.plan.services().into_iter().map(str::to_owned))
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// A file that should hold a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
struct DefinitionFile {
    path: PathBuf,
    process: String,
    version: i64,
    /// `releases.yaml`.
    releases: bool,
}

/// The folder of scenarios in a process's folder.
const SCENARIOS: &str = "tests";

/// The name of the file with labels and rules in a process's folder.
pub const RELEASES: &str = "releases.yaml";

fn find(folder: &Path) -> io::Result<Vec<DefinitionFile>> {
    let mut files = Vec::new();
    for entry in sorted(folder)? {
        if !entry.is_dir() {
            continue;
        }
        let process = entry.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        for path in sorted(&entry)? {
            let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            if name == RELEASES {
                files.push(DefinitionFile { path, process: process.clone(), version: 0, releases: true });
            } else if let Some(version) = version_of(&name) {
                files.push(DefinitionFile { path, process: process.clone(), version, releases: false });
            }
        }
    }
    Ok(files)
}

/// The scenarios of a process: `tests/*.yaml` in its folder, sorted. None where there is no such folder.
pub fn scenario_files(definitions: &Path, process: &str) -> io::Result<Vec<PathBuf>> {
    scenarios_beside(&definitions.join(process))
}

/// The same, by the folder of the process.
pub fn scenarios_beside(versions: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = versions.join(SCENARIOS);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let of_yaml = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
    Ok(sorted(&folder)?.into_iter().filter(of_yaml).collect())
}

/// The folder of the process that a file is a scenario of, by where it stands: `definitions/UserGranted/tests/a.yaml`.
pub fn scenario_home(file: &Path) -> Option<PathBuf> {
    let tests = file.parent().filter(|folder| folder.file_name().is_some_and(|name| name == SCENARIOS))?;
    let home = tests.parent().unwrap_or(Path::new(""));
    Some(if home.as_os_str().is_empty() { PathBuf::from(".") } else { home.to_owned() })
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect::<io::Result<_>>()?;
    paths.sort();
    Ok(paths)
}

/// The process and the version whose definition a file such as `definitions/UserGranted/v1.yaml` is, by its name.
pub fn place_of(file: &Path) -> Option<(String, i64)> {
    let version = version_of(&file.file_name()?.to_string_lossy())?;
    Some((file.parent()?.file_name()?.to_string_lossy().into_owned(), version))
}

/// `v12.yaml` is version 12.
fn version_of(name: &str) -> Option<i64> {
    let number = name.strip_prefix('v')?.strip_suffix(".yaml")?;
    number.parse().ok().filter(|n: &i64| *n > 0 && n.to_string() == number)
}

fn read(file: &DefinitionFile, lock: &Lock) -> (Option<Version>, Option<FileComplaints>) {
    let checked = check_with(&file.path, Some(lock));
    let rendered = (!checked.complaints.is_empty()).then(|| FileComplaints {
        path: file.path.clone(),
        errors: has_errors(&checked.complaints),
        rendered: render_all(&checked.complaints, &checked.source, false),
    });
    let published = lock.digest(&file.process, file.version).is_some();
    let text = checked.source.text().to_owned();
    (checked.plan.map(|plan| Version { plan, text, path: file.path.clone(), published }), rendered)
}

/// A version whose published digest is another. It has no plan then: nobody shall start it.
fn changed(plan: &Plan, lock: &Lock) -> Option<Diagnostic> {
    let published = lock.digest(plan.process(), plan.version())?;
    (published != plan.digest()).then(|| {
        let message = format!("version {} is published, and a published version never changes", plan.version());
        let help = format!(
            "take the edit back, then make a new version of it: `fermata new-version {}` copies the newest to the next number",
            plan.process()
        );
        Diagnostic::error(Code::PublishedVersionChanged, Span::default(), message).help(help)
    })
}

fn unreadable(error: &io::Error) -> Diagnostic {
    Diagnostic::error(Code::Unreadable, Span::default(), format!("the file cannot be read: {error}"))
}

/// A definition file with its complaints, for `check`.
pub struct Checked {
    pub source: Source,
    pub complaints: Vec<Diagnostic>,
    pub plan: Option<Arc<Plan>>,
}

/// Reads one file. Its folder and name are held against its header where they look like a catalog's, and its digest
/// against the `LOCK` of that catalog.
pub fn check_file(path: &Path) -> Checked {
    let lock = path.parent().and_then(Path::parent).and_then(|folder| Lock::load(folder).ok());
    check_with(path, lock.as_ref())
}

/// Reads one `releases.yaml`, held against the versions beside it.
pub fn check_releases_file(path: &Path) -> Checked {
    let name = path.display().to_string();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            return Checked { source: Source::new(name, ""), complaints: vec![unreadable(&error)], plan: None };
        }
    };
    let beside = path.parent().map(sorted).and_then(Result::ok).unwrap_or_default();
    let versions = beside.iter().filter_map(|p| version_of(&p.file_name()?.to_string_lossy())).collect();
    let (_, complaints) = check_releases(&text, &versions);
    Checked { source: Source::new(name, text), complaints, plan: None }
}

fn check_with(path: &Path, lock: Option<&Lock>) -> Checked {
    let name = path.display().to_string();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            return Checked { source: Source::new(name, ""), complaints: vec![unreadable(&error)], plan: None };
        }
    };
    let version = path.file_name().and_then(|n| version_of(&n.to_string_lossy()));
    let folder = path.parent().and_then(Path::file_name).map(|n| n.to_string_lossy().into_owned());
    let home = Home { process: folder.filter(|_| version.is_some()), version };
    let (mut plan, mut complaints) = from_yaml(&text, &home);
    if let (Some(found), Some(lock), true) = (&plan, lock, version.is_some())
        && let Some(complaint) = changed(found, lock)
    {
        complaints.push(complaint);
        plan = None;
    }
    Checked { source: Source::new(name, text), complaints, plan }
}

/// The definition files below a path: the file itself, or everything a catalog of that folder would read.
pub fn definition_files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !std::fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let own: Vec<PathBuf> = sorted(path)?
        .into_iter()
        .filter(|p| p.file_name().is_some_and(|n| n == RELEASES || version_of(&n.to_string_lossy()).is_some()))
        .collect();
    if !own.is_empty() {
        return Ok(own);
    }
    Ok(find(path)?.into_iter().map(|file| file.path).collect())
}
