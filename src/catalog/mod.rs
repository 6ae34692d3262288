//! Versions on disk: `definitions/<Process>/v<N>.yaml`, read, checked, published, and chosen from.
//!
//! This room may not know: runs, Temporal, HTTP.

mod files;
mod lock;
mod releases;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diagnostic::{Code, Diagnostic, Source, Span, has_errors, render_all};
use crate::plan::{Home, Plan, from_yaml};
use crate::value::Value;

pub use files::{
    RELEASES, definition_files, misnamed, misnamed_of, place_of, scenario_files, scenario_home, scenarios_beside,
    tests_home,
};
pub use lock::{LOCK, Lock, LockError};
pub use releases::{Chosen, Known, Releases, Rule, from_text as check_releases};

use files::{DefinitionFile, Listing, version_of};

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

impl FileComplaints {
    /// `None` where there are none.
    fn of(checked: &Checked) -> Option<FileComplaints> {
        (!checked.complaints.is_empty()).then(|| FileComplaints {
            path: PathBuf::from(checked.source.name()),
            errors: has_errors(&checked.complaints),
            rendered: render_all(&checked.complaints, &checked.source, false),
        })
    }
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
        let lock = Lock::load(folder).unwrap_or_default();
        // A published version that is gone is for `check` to say.
        let broken = Lock::check(folder).filter(|checked| has_errors(&checked.complaints));
        fresh.complaints.extend(broken.as_ref().and_then(FileComplaints::of));
        let listing = Listing::of_definitions(folder)?;
        fresh.complaints.extend(listing.misnamed.iter().filter_map(FileComplaints::of));
        let (releases, files): (Vec<_>, Vec<_>) = listing.files.into_iter().partition(|file| file.releases);
        let mut known: BTreeMap<String, Known> = BTreeMap::new();
        for file in files {
            let (version, complaints) = read(&file, &lock);
            let published = lock.digest(&file.process, file.version).is_some();
            let plan = version.as_ref().map(|version| &*version.plan);
            let beside = known.entry(file.process.clone()).or_insert_with(|| Known::new(!lock.is_empty()));
            beside.add(file.version, plan, published);
            let number = file.version;
            let kept = || self.processes.get(&file.process).and_then(|v| v.get(&number)).cloned();
            if let Some(version) = version.or_else(kept) {
                fresh.processes.entry(file.process.clone()).or_default().insert(number, version);
            }
            fresh.complaints.extend(complaints);
        }
        for file in releases {
            let (releases, checked) = releases::read(&file.path, &known.remove(&file.process).unwrap_or_default());
            let kept = || self.releases.get(&file.process).cloned();
            if let Some(releases) = releases.or_else(kept) {
                fresh.releases.insert(file.process.clone(), releases);
            }
            fresh.complaints.extend(FileComplaints::of(&checked));
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

    /// The plan of a version as it was read, where it is still the one with this digest.
    pub fn with_digest(&self, process: &str, version: i64, digest: &str) -> Option<Arc<Plan>> {
        let version = self.processes.get(process)?.get(&version)?;
        (version.plan.digest() == digest).then(|| version.plan.clone())
    }

    /// The complaints about the files of a process.
    pub fn complaints_of(&self, definitions: &Path, process: &str) -> impl Iterator<Item = &FileComplaints> {
        let home = definitions.join(process);
        self.complaints.iter().filter(move |complaint| complaint.path.starts_with(&home))
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

fn read(file: &DefinitionFile, lock: &Lock) -> (Option<Version>, Option<FileComplaints>) {
    let checked = check_with(&file.path, Some(lock));
    let rendered = FileComplaints::of(&checked);
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

/// A file with its complaints.
pub struct Checked {
    pub source: Source,
    pub complaints: Vec<Diagnostic>,
    pub plan: Option<Arc<Plan>>,
}

impl Checked {
    fn unreadable(name: String, error: &io::Error) -> Checked {
        Checked { source: Source::new(name, ""), complaints: vec![unreadable(error)], plan: None }
    }
}

/// What `check` looks at below a path.
#[derive(Default)]
pub struct Found {
    /// The `LOCK`, and what is named almost rightly and therefore not read.
    pub beside: Vec<Checked>,
    /// Definitions and `releases.yaml`.
    pub files: Vec<(PathBuf, Checked)>,
}

/// Everything there is to say about a path: about the file, or about all of a folder, what is not read of it and its
/// `LOCK` included. Errors: the path cannot be read.
pub fn check(path: &Path) -> io::Result<Found> {
    if !std::fs::metadata(path)?.is_dir() {
        let checked = match path.file_name() {
            Some(name) if name == RELEASES => check_releases_file(path),
            _ => check_file(path),
        };
        return Ok(Found { beside: Vec::new(), files: vec![(path.to_owned(), checked)] });
    }
    let listing = Listing::of(path)?;
    let beside = Lock::check(path).into_iter().chain(listing.misnamed).collect();
    let checked = |file: DefinitionFile| {
        let checked = if file.releases { check_releases_file(&file.path) } else { check_file(&file.path) };
        (file.path, checked)
    };
    Ok(Found { beside, files: listing.files.into_iter().map(checked).collect() })
}

/// Reads one file. Its folder and name are held against its header where they look like a catalog's, and its digest
/// against the `LOCK` of that catalog.
pub fn check_file(path: &Path) -> Checked {
    check_with(path, lock_of(path).as_ref())
}

/// The `LOCK` of the catalog that a file of a process belongs to.
fn lock_of(path: &Path) -> Option<Lock> {
    let path = std::path::absolute(path).ok()?;
    path.parent().and_then(Path::parent).and_then(|folder| Lock::load(folder).ok())
}

/// Reads one `releases.yaml`, held against the versions beside it.
fn check_releases_file(path: &Path) -> Checked {
    releases::read(path, &beside(path)).1
}

/// The versions beside the `releases.yaml` of a process.
pub fn beside(path: &Path) -> Known {
    let lock = lock_of(path).unwrap_or_default();
    let mut known = Known::new(!lock.is_empty());
    // A file that is named alone stands in this folder.
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let listing = path.parent().and_then(|folder| Listing::of_process(folder).ok()).unwrap_or_default();
    for file in listing.files.into_iter().filter(|file| !file.releases) {
        let published = lock.digest(&file.process, file.version).is_some();
        known.add(file.version, check_with(&file.path, None).plan.as_deref(), published);
    }
    known
}

fn check_with(path: &Path, lock: Option<&Lock>) -> Checked {
    let name = path.display().to_string();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return Checked::unreadable(name, &error),
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
