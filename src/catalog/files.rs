//! Which files of a folder are read, and which only look as if they were: those are never passed over in silence.

use std::io;
use std::path::{Path, PathBuf};

use super::Checked;
use crate::diagnostic::{Code, Diagnostic, Source, Span};
use crate::syntax::read_tree;

/// The name of the file with labels and rules in a process's folder.
pub const RELEASES: &str = "releases.yaml";
/// What people have approved of a review; beside the versions.
const APPROVALS: &str = "approvals.yaml";
/// The folder of the scenarios in that of a process.
const TESTS: &str = "tests";

/// A file that should hold a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DefinitionFile {
    pub path: PathBuf,
    pub process: String,
    pub version: i64,
    /// `releases.yaml`.
    pub releases: bool,
}

/// What stands below a folder.
#[derive(Default)]
pub(super) struct Listing {
    pub files: Vec<DefinitionFile>,
    /// What is named almost rightly and therefore not read, with the complaint about it.
    pub misnamed: Vec<Checked>,
}

impl Listing {
    /// A folder of definitions: one folder for each process.
    pub fn of_definitions(folder: &Path) -> io::Result<Listing> {
        let mut listing = Listing::default();
        for (path, name) in visible(folder)? {
            if path.is_dir() {
                listing.process(&path)?;
            } else if is_yaml(&name) {
                let message = format!("`{name}` is not read: it stands outside of the folder of its process");
                listing.misnamed(&path, message, "put it into `<Process>/v<N>.yaml`".to_owned());
            }
        }
        Ok(listing)
    }

    /// What `check` looks at: the folder of one process, of its scenarios, or of definitions.
    pub fn of(folder: &Path) -> io::Result<Listing> {
        if tests_home(folder).is_some() {
            let mut listing = Listing::default();
            listing.inside(folder, TESTS)?;
            return Ok(listing);
        }
        if is_process(folder)? { Listing::of_process(folder) } else { Listing::of_definitions(folder) }
    }

    /// The folder of one process.
    pub fn of_process(folder: &Path) -> io::Result<Listing> {
        let mut listing = Listing::default();
        listing.process(folder)?;
        Ok(listing)
    }

    fn process(&mut self, folder: &Path) -> io::Result<()> {
        let process = name_of(folder);
        for (path, name) in visible(folder)? {
            let releases = name == RELEASES;
            if path.is_dir() {
                self.inside(&path, &name)?;
            } else if releases || version_of(&name).is_some() {
                let version = version_of(&name).unwrap_or(0);
                self.files.push(DefinitionFile { path, process: process.clone(), version, releases });
            } else if is_yaml(&name) && name != APPROVALS {
                let help = match meant(&name) {
                    Some(right) if folder.join(&right).exists() => {
                        format!("there is `{right}` beside it: keep one of the two, under that name")
                    }
                    Some(right) => format!("name it `{right}`"),
                    None => format!(
                        "a version is named `v1.yaml`, `v2.yaml`, …; beside them stand `{RELEASES}`, `{APPROVALS}` and the \
                         folder `{TESTS}`"
                    ),
                };
                self.misnamed(&path, format!("`{name}` is not read: it is not named as a version is"), help);
            }
        }
        Ok(())
    }

    /// A folder in that of a process.
    fn inside(&mut self, folder: &Path, name: &str) -> io::Result<()> {
        let inside = visible(folder)?;
        if name == TESTS {
            for (path, name) in inside {
                if path.is_dir() {
                    if visible(&path)?.iter().any(|(_, name)| is_yaml(name)) {
                        let message = format!("the scenarios in `{name}` are not run");
                        self.misnamed(&path, message, format!("put them into `{TESTS}` itself"));
                    }
                } else if is_yaml(&name) && !name.ends_with(".yaml") {
                    let right = format!("{}.yaml", stem(&name));
                    self.misnamed(&path, format!("the scenario `{name}` is not run"), format!("name it `{right}`"));
                }
            }
        } else if ["test", "tests", "scenario", "scenarios"].contains(&name.to_lowercase().as_str()) {
            let message = format!("the scenarios in `{name}` are not run");
            self.misnamed(folder, message, format!("name the folder `{TESTS}`"));
        } else if inside.iter().any(|(_, name)| version_of(name).is_some()) {
            let message = format!("the versions in `{name}` are not read: the folder of a process stands in no other");
            let help = "put the folder beside those of the other processes".to_owned();
            self.misnamed(folder, message, help);
        }
        Ok(())
    }

    fn misnamed(&mut self, path: &Path, message: String, help: String) {
        let complaint = Diagnostic::error(Code::FileName, Span::default(), message).help(help);
        let source = Source::new(path.display().to_string(), "");
        self.misnamed.push(Checked { source, complaints: vec![complaint], plan: None });
    }
}

/// Whether a folder is that of one process: it holds versions. Where its folders do so too, the versions say whose they
/// are.
fn is_process(folder: &Path) -> io::Result<bool> {
    if !holds_versions(folder)? || folder.join(super::LOCK).exists() {
        return Ok(false);
    }
    let own = |path: &Path| {
        let text = std::fs::read_to_string(path).ok()?;
        let process = read_tree(&text).0?.get("process")?.to_value();
        Some(process.as_text()? == name_of(folder))
    };
    let inside = visible(folder)?;
    for (path, _) in inside.iter().filter(|(path, name)| name != TESTS && path.is_dir()) {
        if holds_versions(path)? {
            let mut versions = inside.iter().filter(|(_, name)| version_of(name).is_some());
            return Ok(versions.any(|(path, _)| own(path).unwrap_or(false)));
        }
    }
    Ok(true)
}

fn holds_versions(folder: &Path) -> io::Result<bool> {
    let known = |name: &str| name == RELEASES || version_of(name).is_some();
    Ok(visible(folder)?.iter().any(|(path, name)| known(name) && !path.is_dir()))
}

/// What is named almost rightly below a folder, and therefore not read.
pub fn misnamed(folder: &Path) -> io::Result<Vec<Checked>> {
    Ok(Listing::of(folder)?.misnamed)
}

/// The same in the folder of one process.
pub fn misnamed_of(process: &Path) -> io::Result<Vec<Checked>> {
    Ok(Listing::of_process(process)?.misnamed)
}

/// The scenarios of a process: `tests/*.yaml` in its folder, sorted. None where there is no such folder.
pub fn scenario_files(definitions: &Path, process: &str) -> io::Result<Vec<PathBuf>> {
    scenarios_beside(&definitions.join(process))
}

/// The same, by the folder of the process.
pub fn scenarios_beside(versions: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = versions.join(TESTS);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let files = visible(&folder)?.into_iter().filter(|(path, name)| name.ends_with(".yaml") && !path.is_dir());
    Ok(files.map(|(path, _)| path).collect())
}

/// The folder of the process that a file is a scenario of, by where it stands: `definitions/UserGranted/tests/a.yaml`.
pub fn scenario_home(file: &Path) -> Option<PathBuf> {
    let tests = file.parent().filter(|folder| folder.file_name().is_some_and(|name| name == TESTS))?;
    Some(above(tests))
}

/// The folder of the process whose scenarios a folder holds.
pub fn tests_home(folder: &Path) -> Option<PathBuf> {
    let tests = folder.file_name().is_some_and(|name| name == TESTS) && folder.is_dir();
    let home = tests.then(|| above(folder))?;
    holds_versions(&home).ok()?.then_some(home)
}

fn above(folder: &Path) -> PathBuf {
    let above = folder.parent().unwrap_or(Path::new(""));
    if above.as_os_str().is_empty() { PathBuf::from(".") } else { above.to_owned() }
}

/// The definition files below a path: the file itself, or everything that would be read of that folder.
pub fn definition_files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !std::fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    Ok(Listing::of(path)?.files.into_iter().map(|file| file.path).collect())
}

/// What a folder holds, sorted, each with its name. Hidden files, where editors keep theirs, are nobody's definitions.
fn visible(folder: &Path) -> io::Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = name_of(&path);
        if !name.starts_with('.') {
            found.push((path, name));
        }
    }
    found.sort();
    Ok(found)
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The process and the version whose definition a file such as `definitions/UserGranted/v1.yaml` is, by its name.
pub fn place_of(file: &Path) -> Option<(String, i64)> {
    let version = version_of(&file.file_name()?.to_string_lossy())?;
    Some((file.parent()?.file_name()?.to_string_lossy().into_owned(), version))
}

/// `v12.yaml` is version 12.
pub(super) fn version_of(name: &str) -> Option<i64> {
    let number = name.strip_prefix('v')?.strip_suffix(".yaml")?;
    number.parse().ok().filter(|n: &i64| *n > 0 && n.to_string() == number)
}

fn is_yaml(name: &str) -> bool {
    let name = name.to_lowercase();
    name.ends_with(".yaml") || name.ends_with(".yml")
}

/// The name without its ending.
fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// The name that a file in the folder of a process was probably to have.
fn meant(name: &str) -> Option<String> {
    let stem = stem(name).to_lowercase();
    match stem.as_str() {
        "release" | "releases" => return Some(RELEASES.to_owned()),
        "approval" | "approvals" => return Some(APPROVALS.to_owned()),
        _ => {}
    }
    let number = ["version", "v"].iter().find_map(|word| stem.strip_prefix(word)).unwrap_or(&stem);
    let number: i64 = number.trim_start_matches(['-', '_', '.', ' ']).parse().ok()?;
    (number > 0).then(|| format!("v{number}.yaml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_names_are_versions() {
        for (name, version) in [("v1.yaml", Some(1)), ("v12.yaml", Some(12)), ("v0.yaml", None), ("v01.yaml", None)] {
            assert_eq!(version_of(name), version, "{name}");
        }
        for name in
            ["V1.yaml", "v1.yml", "v1.YAML", "1.yaml", "v.yaml", "v-1.yaml", "v+1.yaml", "v99999999999999999999.yaml"]
        {
            assert_eq!(version_of(name), None, "{name}");
        }
    }

    #[test]
    fn what_was_meant_is_guessed_only_where_it_is_plain() {
        for (name, right) in [
            ("v2.yml", "v2.yaml"),
            ("v02.yaml", "v2.yaml"),
            ("V3.yaml", "v3.yaml"),
            ("2.yaml", "v2.yaml"),
            ("v2.YAML", "v2.yaml"),
            ("version-2.yaml", "v2.yaml"),
            ("Release.yml", RELEASES),
        ] {
            assert_eq!(meant(name).as_deref(), Some(right), "{name}");
        }
        for name in ["v0.yaml", "v-.yaml", "notes.yaml", "v2-draft.yaml"] {
            assert_eq!(meant(name), None, "{name}");
        }
    }
}
