//! `definitions/LOCK`: the digest of every published version, one a line. A published version never changes.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::Checked;
use crate::diagnostic::{Code, Diagnostic, Source, Span};

/// The name of the file in the folder of definitions.
pub const LOCK: &str = "LOCK";
const HEAD: &str = "# Published versions, written by `fermata publish`. What stands here never changes.\n";

/// Digests of published versions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock(BTreeMap<(String, i64), String>);

#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("{path}: cannot be read: {source}")]
    Unreadable { path: String, source: io::Error },
    #[error("{path}:{line}: {message}; {RESTORE}")]
    Broken { path: String, line: usize, message: String },
}

const RESTORE: &str = "restore the file from your repository";

impl Lock {
    /// Reads the file of a folder; none is an empty one.
    pub fn load(folder: &Path) -> Result<Lock, LockError> {
        let path = folder.join(LOCK);
        let shown = path.display().to_string();
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                Lock::read(&text).map_err(|(line, message)| LockError::Broken { path: shown, line: line + 1, message })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Lock::default()),
            Err(source) => Err(LockError::Unreadable { path: shown, source }),
        }
    }

    /// Errors: the line, from 0, and what is wrong with it.
    fn read(text: &str) -> Result<Lock, (usize, String)> {
        let mut lock = Lock::default();
        for (at, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let Some((process, version, digest)) = entry(line) else {
                let found: String = line.chars().take(80).collect();
                return Err((at, format!("expected `<Process> v<N> sha256:…`, found `{found}`")));
            };
            let before = lock.0.insert((process.to_owned(), version), digest.to_owned());
            if before.is_some_and(|before| before != digest) {
                return Err((at, format!("{process} v{version} stands twice, with different digests")));
            }
        }
        Ok(lock)
    }

    /// What there is to say about the file of a folder: it is broken, or versions that it names are gone. `None` where
    /// there is no such file.
    pub(super) fn check(folder: &Path) -> Option<Checked> {
        let path = folder.join(LOCK);
        let name = path.display().to_string();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => return Some(Checked::unreadable(name, &error)),
        };
        let line = |at: usize| {
            let start: usize = text.split_inclusive('\n').take(at).map(str::len).sum();
            Span::new(start, start + text.lines().nth(at).map_or(0, str::len))
        };
        let complaints = match Lock::read(&text) {
            Err((at, message)) => vec![Diagnostic::error(Code::Lock, line(at), message).help(RESTORE)],
            Ok(_) => text
                .lines()
                .enumerate()
                .filter(|(_, text)| !text.starts_with('#'))
                .filter_map(|(at, text)| {
                    let (process, version, _) = entry(text)?;
                    if folder.join(process).join(format!("v{version}.yaml")).exists() {
                        return None;
                    }
                    let message = format!("{process} v{version} is published and its file is gone");
                    let help = "nobody can start it any more, and runs keep their own copy; to have it back, restore the \
                                file from your repository";
                    Some(Diagnostic::warning(Code::PublishedVersionGone, line(at), message).help(help))
                })
                .collect(),
        };
        Some(Checked { source: Source::new(name, text), complaints, plan: None })
    }

    /// Writes the file in one step: it is never there half.
    pub fn save(&self, folder: &Path) -> io::Result<()> {
        let lines = self.0.iter().map(|((process, version), digest)| format!("{process} v{version} {digest}\n"));
        let text: String = std::iter::once(HEAD.to_owned()).chain(lines).collect();
        let part = folder.join(".LOCK.part");
        std::fs::write(&part, text)?;
        std::fs::rename(&part, folder.join(LOCK))
    }

    /// The digest that a version was published with.
    pub fn digest(&self, process: &str, version: i64) -> Option<&str> {
        self.0.get(&(process.to_owned(), version)).map(String::as_str)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn publish(&mut self, process: &str, version: i64, digest: &str) {
        self.0.insert((process.to_owned(), version), digest.to_owned());
    }
}

/// `UserGranted v1 sha256:…`
fn entry(line: &str) -> Option<(&str, i64, &str)> {
    match line.split_whitespace().collect::<Vec<_>>().as_slice() {
        [process, version, digest] if digest.starts_with("sha256:") => {
            Some((process, version.strip_prefix('v')?.parse().ok()?, digest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_reads_back_and_what_is_broken_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let mut lock = Lock::default();
        lock.publish("B", 10, "sha256:1");
        lock.publish("B", 9, "sha256:2");
        lock.publish("A", 1, "sha256:3");
        lock.save(folder.path()).unwrap();
        assert_eq!(Lock::load(folder.path()).unwrap(), lock);
        assert_eq!(lock.digest("B", 10), Some("sha256:1"));
        assert_eq!(lock.digest("B", 11), None);
        for (text, words) in
            [("A 1 sha256:3", ":1: expected"), ("A v1 sha256:3\nA v1 sha256:4", ":2: A v1 stands twice")]
        {
            std::fs::write(folder.path().join(LOCK), text).unwrap();
            assert!(Lock::load(folder.path()).unwrap_err().to_string().contains(words), "{text}");
        }
    }
}
