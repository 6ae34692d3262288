//! `fermata check [PATH…]`.

use std::path::{Path, PathBuf};

use super::{COULD_NOT, FINDINGS, OK, colour};
use crate::catalog::{check_file, definition_files};
use crate::diagnostic::{Code, has_errors, render_all};

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
    if file.file_name().is_some_and(|n| n == "releases.yaml") {
        eprintln!("{}: `releases.yaml` is not supported yet\n", file.display());
        return (1, 0, false);
    }
    let checked = check_file(file);
    if !checked.complaints.is_empty() {
        eprintln!("{}", render_all(&checked.complaints, &checked.source, colour()));
    }
    debug_assert!(checked.plan.is_some() || has_errors(&checked.complaints));
    let errors = checked.complaints.iter().filter(|d| d.is_error()).count();
    let unread = checked.complaints.iter().any(|d| d.code == Code::Unreadable);
    (errors, checked.complaints.len() - errors, unread)
}

fn s(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}
