//! `definitions/LOCK`: the digest of every published version, one a line. A published version never changes.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

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
    #[error(
        "{path}:{line}: expected `<Process> v<N> sha256:…`, found `{found}`; restore the file from your repository"
    )]
    Line { path: String, line: usize, found: String },
    #[error(
        "{path}:{line}: {process} v{version} stands twice, with different digests; restore the file from your repository"
    )]
    Twice { path: String, line: usize, process: String, version: i64 },
}

impl Lock {
    /// Reads the file of a folder; none is an empty one.
    pub fn load(folder: &Path) -> Result<Lock, LockError> {
        let path = folder.join(LOCK);
        let shown = path.display().to_string();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Lock::default()),
            Err(source) => return Err(LockError::Unreadable { path: shown, source }),
        };
        let mut lock = Lock::default();
        for (at, line) in text.lines().enumerate() {
            let line_number = at + 1;
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let parts: Vec<&str> = line.split_whitespace().collect();
            let entry = match parts.as_slice() {
                [process, version, digest] if digest.starts_with("sha256:") => {
                    let number = version.strip_prefix('v').and_then(|number| number.parse().ok());
                    number.map(|version: i64| ((*process).to_owned(), version, (*digest).to_owned()))
                }
                _ => None,
            };
            let Some((process, version, digest)) = entry else {
                return Err(LockError::Line { path: shown, line: line_number, found: line.chars().take(80).collect() });
            };
            let before = lock.0.insert((process.clone(), version), digest.clone());
            if before.is_some_and(|before| before != digest) {
                return Err(LockError::Twice { path: shown, line: line_number, process, version });
            }
        }
        Ok(lock)
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

    pub fn publish(&mut self, process: &str, version: i64, digest: &str) {
        self.0.insert((process.to_owned(), version), digest.to_owned());
    }

    /// Every published version, sorted.
    pub fn versions(&self) -> impl Iterator<Item = (&str, i64)> {
        self.0.keys().map(|(process, version)| (process.as_str(), *version))
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
        assert_eq!(lock.versions().collect::<Vec<_>>(), [("A", 1), ("B", 9), ("B", 10)]);
        for (text, words) in
            [("A 1 sha256:3", ":1: expected"), ("A v1 sha256:3\nA v1 sha256:4", ":2: A v1 stands twice")]
        {
            std::fs::write(folder.path().join(LOCK), text).unwrap();
            assert!(Lock::load(folder.path()).unwrap_err().to_string().contains(words), "{text}");
        }
    }
}
