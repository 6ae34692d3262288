//! Versions on disk: `definitions/<Process>/v<N>.yaml`, read, checked, and chosen from.
//!
//! This room may not know: runs, Temporal, HTTP.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diagnostic::{Code, Diagnostic, Source, Span, has_errors, render_all};
use crate::plan::{Home, Plan, from_yaml};

/// A definition that was read and is in order.
#[derive(Debug, Clone)]
pub struct Version {
    pub plan: Arc<Plan>,
    /// The text as written.
    pub text: String,
    pub path: PathBuf,
}

/// All definitions of a folder.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    processes: BTreeMap<String, BTreeMap<i64, Version>>,
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
        let mut fresh = Catalog::default();
        for file in find(folder)? {
            let (version, complaints) = read(&file);
            let number = file.version;
            let kept = || self.processes.get(&file.process).and_then(|v| v.get(&number)).cloned();
            if let Some(version) = version.or_else(kept) {
                fresh.processes.entry(file.process.clone()).or_default().insert(number, version);
            }
            fresh.complaints.extend(complaints);
        }
        Ok(fresh)
    }

    /// The version a start without further wishes gets: the highest that is valid.
    pub fn choose(&self, process: &str, version: Option<i64>) -> Result<&Version, ChooseError> {
        let versions = self.versions(process)?;
        match version {
            None => versions.values().next_back().ok_or_else(|| self.no_process(process)),
            Some(version) => versions.get(&version).ok_or_else(|| ChooseError::Version {
                process: process.to_owned(),
                version,
                known: versions.keys().copied().collect(),
            }),
        }
    }

    pub fn versions(&self, process: &str) -> Result<&BTreeMap<i64, Version>, ChooseError> {
        let releases = self.complaints.iter().find(|c| {
            c.errors
                && c.path.file_name().is_some_and(|n| n == "releases.yaml")
                && c.path.parent().and_then(Path::file_name).is_some_and(|n| n == process)
        });
        if let Some(releases) = releases {
            let reason = format!("{} is not understood yet", releases.path.display());
            return Err(ChooseError::NotUnderstood { process: process.to_owned(), reason });
        }
        self.processes.get(process).ok_or_else(|| self.no_process(process))
    }

    fn no_process(&self, name: &str) -> ChooseError {
        ChooseError::Process { name: name.to_owned(), known: self.processes.keys().cloned().collect() }
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
    /// A file of the folder that is not understood yet.
    releases: bool,
}

fn find(folder: &Path) -> io::Result<Vec<DefinitionFile>> {
    let mut files = Vec::new();
    for entry in sorted(folder)? {
        if !entry.is_dir() {
            continue;
        }
        let process = entry.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        for path in sorted(&entry)? {
            let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            if name == "releases.yaml" {
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
    let folder = definitions.join(process).join("tests");
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    Ok(sorted(&folder)?.into_iter().filter(|p| p.extension().is_some_and(|e| e == "yaml")).collect())
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect::<io::Result<_>>()?;
    paths.sort();
    Ok(paths)
}

/// `v12.yaml` is version 12.
fn version_of(name: &str) -> Option<i64> {
    let number = name.strip_prefix('v')?.strip_suffix(".yaml")?;
    number.parse().ok().filter(|n: &i64| *n > 0 && n.to_string() == number)
}

fn read(file: &DefinitionFile) -> (Option<Version>, Option<FileComplaints>) {
    let whole = |errors, rendered| Some(FileComplaints { path: file.path.clone(), errors, rendered });
    if file.releases {
        let message = "`releases.yaml` is not supported yet: remove it, the highest version starts";
        let source = Source::new(file.path.display().to_string(), "");
        let complaint = Diagnostic::error(Code::NotSupported, Span::default(), message);
        return (None, whole(true, render_all(&[complaint], &source, false)));
    }
    let text = match std::fs::read_to_string(&file.path) {
        Ok(text) => text,
        Err(error) => {
            let complaint = unreadable(&error);
            let source = Source::new(file.path.display().to_string(), "");
            return (None, whole(true, render_all(&[complaint], &source, false)));
        }
    };
    let home = Home { process: Some(file.process.clone()), version: Some(file.version) };
    let (plan, complaints) = from_yaml(&text, &home);
    let rendered = if complaints.is_empty() {
        None
    } else {
        let source = Source::new(file.path.display().to_string(), text.as_str());
        whole(has_errors(&complaints), render_all(&complaints, &source, false))
    };
    (plan.map(|plan| Version { plan, text, path: file.path.clone() }), rendered)
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

/// Reads one file. Its folder and name are held against its header where they look like a catalog's.
pub fn check_file(path: &Path) -> Checked {
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
    let (plan, complaints) = from_yaml(&text, &home);
    Checked { source: Source::new(name, text), complaints, plan }
}

/// The definition files below a path: the file itself, or everything a catalog of that folder would read.
pub fn definition_files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !std::fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let own: Vec<PathBuf> = sorted(path)?
        .into_iter()
        .filter(|p| p.file_name().is_some_and(|n| version_of(&n.to_string_lossy()).is_some()))
        .collect();
    if !own.is_empty() {
        return Ok(own);
    }
    Ok(find(path)?.into_iter().map(|file| file.path).collect())
}
