//! What `diff` and `impact` can be told to compare: a file, a version, a digest, something out of git; and folders.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use super::colour;
use crate::catalog::{Catalog, definition_files, misnamed, place_of};
use crate::diagnostic::{Source, render_all};
use crate::review::Side;

/// The definitions of a folder, by process and version: where each stands, and its text.
type Tree = BTreeMap<String, BTreeMap<i64, (String, String)>>;

/// Two versions to compare; one that the other side does not have is `None`.
pub(super) type Change = (Option<Side>, Option<Side>);

/// What differs between two folders: a version that is new is compared with the one before it, one that was edited with
/// what it was; and processes that came or went, by their newest version. A version that is gone is told on standard
/// error. Errors: words, or every complaint.
pub(super) fn changes(old: &str, new: &str) -> Result<Vec<Change>, String> {
    let (old, new) = (tree(old)?, tree(new)?);
    let read = |(path, text): &(String, String)| side(text, path);
    let mut found = Vec::new();
    for process in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        match (old.get(process), new.get(process)) {
            (Some(before), Some(after)) => {
                for version in before.keys().filter(|version| !after.contains_key(version)) {
                    eprintln!("{process} v{version} is gone; runs that have it keep their own copy");
                }
                for (version, text) in after {
                    let known = before.get(version);
                    // The nearest below, on either side; that of the new where both have it.
                    let below =
                        before.range(..version).chain(after.range(..version)).max_by_key(|(number, _)| **number);
                    match known.or(below.map(|(_, text)| text)) {
                        Some(was) if known.is_none_or(|was| was.1 != text.1) => {
                            found.push((Some(read(was)?), Some(read(text)?)));
                        }
                        _ => {}
                    }
                }
            }
            (Some(gone), None) => {
                found.extend(gone.values().next_back().map(read).transpose()?.map(|s| (Some(s), None)))
            }
            (None, Some(come)) => {
                found.extend(come.values().next_back().map(read).transpose()?.map(|s| (None, Some(s))))
            }
            (None, None) => {}
        }
    }
    Ok(found)
}

/// The folder of all processes that a folder is, or stands in where it is that of one process.
pub(super) fn home(folder: &Path) -> &Path {
    let own = definition_files(folder).unwrap_or_default().iter().any(|file| file.parent() == Some(folder));
    folder.parent().filter(|_| own).unwrap_or(folder)
}

/// Whether a name is that of a folder, of this machine or of git.
pub(super) fn is_folder(name: &str) -> bool {
    Path::new(name).is_dir() || git_folder(name).is_some()
}

/// `REF` and `PATH` of a folder that git knows.
fn git_folder(name: &str) -> Option<(&str, &str)> {
    let (reference, path) = name.split_once(':').filter(|(reference, _)| !reference.starts_with('-'))?;
    let output = Command::new("git").args(["cat-file", "-t", name]).output().ok()?;
    (output.stdout.trim_ascii() == b"tree").then_some((reference, path))
}

fn tree(name: &str) -> Result<Tree, String> {
    let mut found = Tree::new();
    let mut add = |path: &str, text: &dyn Fn() -> Result<String, String>| -> Result<(), String> {
        if let Some((process, version)) = place_of(Path::new(path)) {
            found.entry(process).or_default().insert(version, (path.to_owned(), text()?));
        }
        Ok(())
    };
    if Path::new(name).is_dir() {
        let unread = |e| format!("{name}: cannot be read: {e}");
        for file in misnamed(Path::new(name)).map_err(unread)? {
            eprintln!("{}", render_all(&file.complaints, &file.source, colour()));
        }
        for file in definition_files(Path::new(name)).map_err(unread)? {
            let shown = file.display().to_string();
            add(&shown, &|| std::fs::read_to_string(&file).map_err(|e| format!("{shown}: cannot be read: {e}")))?;
        }
    } else if let Some((reference, path)) = git_folder(name) {
        let arguments = ["ls-tree", "-r", "-z", "--name-only", "--full-tree", "--end-of-options", name];
        let output = Command::new("git").args(arguments).output();
        let output = output.map_err(|e| format!("{name}: git cannot be asked: {e}"))?;
        if !output.status.success() {
            return Err(format!("{name}: git says: {}", String::from_utf8_lossy(&output.stderr).trim()));
        }
        let listed = String::from_utf8_lossy(&output.stdout).into_owned();
        // As in a folder here: versions of one process, or one folder for each.
        for file in listed.split('\0').filter(|file| (1..=2).contains(&file.split('/').count())) {
            let file = format!("{}/{file}", path.trim_end_matches('/'));
            let file = file.trim_start_matches('/');
            add(file, &|| from_git(reference, file))?;
        }
    }
    Ok(found)
}

/// A definition by file, by version, by digest, or out of git. Errors: words, or every complaint.
pub(super) fn load(name: &str, definitions: &Path) -> Result<Side, String> {
    let file = Path::new(name);
    if file.is_file() {
        let text = std::fs::read_to_string(file).map_err(|e| format!("{name}: cannot be read: {e}"))?;
        return side(&text, name);
    }
    if let Some(digest) = name.strip_prefix("sha256:") {
        return by_digest(digest, definitions);
    }
    if let Some((process, version)) = name.split_once('@')
        && let Ok(version) = version.parse::<i64>()
    {
        let path = definitions.join(process).join(format!("v{version}.yaml"));
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(&path).map_err(|e| format!("{name}: {shown} cannot be read: {e}"))?;
        return side(&text, &shown);
    }
    match name.split_once(':') {
        Some((reference, path)) if !reference.is_empty() && !path.is_empty() => side(&from_git(reference, path)?, path),
        _ => Err(format!("{name}: there is no such file; it may also be `REF:PATH`, `Process@2` or `sha256:…`")),
    }
}

fn side(text: &str, name: &str) -> Result<Side, String> {
    Side::read(text, name).map_err(|complaints| render_all(&complaints, &Source::new(name, text), colour()))
}

/// The text of a file as git knows it. A reference that looks like an option is refused.
fn from_git(reference: &str, path: &str) -> Result<String, String> {
    let name = format!("{reference}:{path}");
    if reference.starts_with('-') {
        return Err(format!("{name}: `{reference}` is no reference"));
    }
    let shown = Command::new("git").args(["show", "--no-textconv", "--end-of-options", &name]).output();
    let output = shown.map_err(|e| format!("{name}: there is no such file, and git cannot be asked: {e}"))?;
    if !output.status.success() {
        return Err(format!("{name}: git says: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("{name}: not text"))
}

fn by_digest(digest: &str, definitions: &Path) -> Result<Side, String> {
    let wanted = format!("sha256:{digest}");
    if digest.len() < 4 {
        return Err(format!("{wanted}: at least four digits of a digest are wanted"));
    }
    let catalog = Catalog::load(definitions).map_err(|e| format!("{}: cannot be read: {e}", definitions.display()))?;
    let versions = catalog.processes().flat_map(|(_, versions)| versions.values());
    let found: Vec<_> = versions.filter(|version| version.plan.digest().starts_with(&wanted)).collect();
    match found.as_slice() {
        [one] => side(&one.text, &one.path.display().to_string()),
        [] => Err(format!("{wanted}: no version in {} has this digest", definitions.display())),
        [first, second, ..] => {
            Err(format!("{wanted}: more than one version has it: {}, {}", first.path.display(), second.path.display()))
        }
    }
}
