//! `fermata check [PATH…]`.

use std::path::{Path, PathBuf};

use super::{COULD_NOT, FINDINGS, OK, colour};
use crate::catalog::{Catalog, Lock, RELEASES, check_file, check_releases_file, definition_files};
use crate::diagnostic::{Code, render_all};

pub(super) fn run(paths: &[PathBuf]) -> u8 {
    let default = [PathBuf::from("definitions")];
    let paths = if paths.is_empty() { &default } else { paths };
    let (mut files, mut errors, mut warnings, mut unread) = (0, 0, 0, false);
    for path in paths {
        let found = match definition_files(path) {
            Ok(found) => found,
            Err(error) => {
                eprintln!("{}: cannot be read: {error}", path.display());
                unread = true;
                continue;
            }
        };
        if found.is_empty() {
            eprintln!("{}: no definitions here: they are named `<Process>/v<N>.yaml`", path.display());
            unread = true;
        }
        let whole = path.is_dir() && path.join(crate::catalog::LOCK).exists();
        if let (true, Err(error)) = (whole, Lock::load(path)) {
            eprintln!("error: {error}\n");
            errors += 1;
        }
        if let (true, Ok(catalog)) = (whole, Catalog::load(path)) {
            for (process, version) in catalog.missing(path) {
                eprintln!(
                    "warning: {process} v{version} is published and its file is gone: nobody can start it any more; runs \
                     keep their own copy\n"
                );
                warnings += 1;
            }
        }
        for file in found {
            files += 1;
            let (file_errors, file_warnings, file_unread) = one(&file);
            errors += file_errors;
            warnings += file_warnings;
            unread |= file_unread;
        }
    }
    eprintln!("{files} definition{}: {errors} error{}, {warnings} warning{}", s(files), s(errors), s(warnings));
    match (unread, errors) {
        (true, _) => COULD_NOT,
        (false, 0) => OK,
        _ => FINDINGS,
    }
}

fn one(file: &Path) -> (usize, usize, bool) {
    let checked = match file.file_name() {
        Some(name) if name == RELEASES => check_releases_file(file),
        _ => check_file(file),
    };
    if !checked.complaints.is_empty() {
        eprintln!("{}", render_all(&checked.complaints, &checked.source, colour()));
    }
    let errors = checked.complaints.iter().filter(|d| d.is_error()).count();
    let unread = checked.complaints.iter().any(|d| d.code == Code::Unreadable);
    (errors, checked.complaints.len() - errors, unread)
}

fn s(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}
