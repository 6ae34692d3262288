//! `fermata check [PATH…]`: definitions, and the scenarios of each process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::scenarios::{ScenarioFile, Versions};
use super::{COULD_NOT, FINDINGS, OK, colour};
use crate::catalog::{
    Catalog, Checked, Lock, RELEASES, check_file, check_releases_file, definition_files, scenario_home,
    scenarios_beside,
};
use crate::diagnostic::{Code, Diagnostic, Source, render_all};

/// What was found so far.
#[derive(Default)]
struct Count {
    definitions: usize,
    scenarios: usize,
    errors: usize,
    warnings: usize,
    /// Something could not be read.
    unread: bool,
}

pub(super) fn run(paths: &[PathBuf]) -> u8 {
    let default = [PathBuf::from("definitions")];
    let paths = if paths.is_empty() { &default } else { paths };
    let mut count = Count::default();
    for path in paths {
        match scenario_home(path).filter(|_| path.is_file()) {
            Some(home) => count.scenario(path, &process_of(&home), &versions_in(&home)),
            None => count.path(path),
        }
    }
    let Count { definitions, scenarios, errors, warnings, unread } = count;
    let scenarios = match scenarios {
        0 => String::new(),
        n => format!(", {n} scenario{}", s(n)),
    };
    let found = format!("{definitions} definition{}{scenarios}", s(definitions));
    eprintln!("{found}: {errors} error{}, {warnings} warning{}", s(errors), s(warnings));
    match (unread, errors) {
        (true, _) => COULD_NOT,
        (false, 0) => OK,
        _ => FINDINGS,
    }
}

impl Count {
    /// A definition, or a folder.
    fn path(&mut self, path: &Path) {
        let found = match definition_files(path) {
            Ok(found) => found,
            Err(error) => return self.unreadable(&format!("{}: cannot be read: {error}", path.display())),
        };
        if found.is_empty() {
            self.unreadable(&format!("{}: no definitions here: they are named `<Process>/v<N>.yaml`", path.display()));
        }
        let whole = path.is_dir() && path.join(crate::catalog::LOCK).exists();
        if let (true, Err(error)) = (whole, Lock::load(path)) {
            eprintln!("error: {error}\n");
            self.errors += 1;
        }
        if let (true, Ok(catalog)) = (whole, Catalog::load(path)) {
            for (process, version) in catalog.missing(path) {
                eprintln!(
                    "warning: {process} v{version} is published and its file is gone: nobody can start it any more; runs \
                     keep their own copy\n"
                );
                self.warnings += 1;
            }
        }
        let mut homes: BTreeMap<PathBuf, Versions> = BTreeMap::new();
        for file in found {
            self.definitions += 1;
            let checked = read(&file);
            self.tell(&checked.complaints, &checked.source);
            let home = file.parent().filter(|_| path.is_dir());
            if let Some(home) = home {
                homes.entry(home.to_owned()).or_default().add(&file, checked.plan);
            }
        }
        for (home, versions) in homes {
            match scenarios_beside(&home) {
                Ok(files) => files.iter().for_each(|file| self.scenario(file, &process_of(&home), &versions)),
                Err(error) => self.unreadable(&format!("{}: cannot be read: {error}", home.display())),
            }
        }
    }

    fn scenario(&mut self, file: &Path, process: &str, versions: &Versions) {
        self.scenarios += 1;
        match ScenarioFile::read(file) {
            Ok(read) => self.tell(&read.all_complaints(process, versions), &read.source),
            Err(message) => self.unreadable(&message),
        }
    }

    fn tell(&mut self, complaints: &[Diagnostic], source: &Source) {
        if !complaints.is_empty() {
            eprintln!("{}", render_all(complaints, source, colour()));
        }
        let errors = complaints.iter().filter(|d| d.is_error()).count();
        self.errors += errors;
        self.warnings += complaints.len() - errors;
        self.unread |= complaints.iter().any(|d| d.code == Code::Unreadable);
    }

    fn unreadable(&mut self, message: &str) {
        eprintln!("{message}");
        self.unread = true;
    }
}

fn read(file: &Path) -> Checked {
    match file.file_name() {
        Some(name) if name == RELEASES => check_releases_file(file),
        _ => check_file(file),
    }
}

/// The versions in the folder of a process; what is wrong with them is not told.
fn versions_in(home: &Path) -> Versions {
    let mut versions = Versions::default();
    for file in definition_files(home).unwrap_or_default() {
        let plan = read(&file).plan;
        versions.add(&file, plan);
    }
    versions
}

fn process_of(home: &Path) -> String {
    let whole = home.canonicalize().unwrap_or_else(|_| home.to_owned());
    whole.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn s(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}
