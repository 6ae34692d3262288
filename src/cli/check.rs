//! `fermata check [PATH…]`: definitions, and the scenarios of each process. Complaints for people go to standard error,
//! for programs to standard output.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::scenarios::{ScenarioFile, Versions};
use super::{COULD_NOT, FINDINGS, OK, colour};
use crate::catalog::{
    Found, check, check_file, definition_files, place_of, scenario_home, scenarios_beside, tests_home,
};
use crate::diagnostic::{Code, Diagnostic, Reported, Source, Span, annotations, json, render_all, sarif};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Files or folders; `definitions` unless said
    paths: Vec<PathBuf>,
    /// Warnings fail too
    #[arg(long)]
    strict: bool,
    /// `json` prints `{complaints: […]}`, `github` annotations of a build, `sarif` a log for code scanners
    #[arg(long, value_enum, default_value = "human")]
    format: CheckFormat,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum CheckFormat {
    Human,
    Json,
    Github,
    Sarif,
}

/// What was looked at so far.
#[derive(Default)]
struct Looked {
    definitions: usize,
    scenarios: usize,
    /// Each file with the complaints about it.
    files: Vec<(Source, Vec<Diagnostic>)>,
    /// Something could not be read.
    unread: bool,
}

pub(super) fn run(arguments: &Arguments) -> u8 {
    let default = [PathBuf::from("definitions")];
    let paths = if arguments.paths.is_empty() { &default[..] } else { &arguments.paths };
    let mut looked = Looked::default();
    for path in paths {
        match scenario_home(path).filter(|_| path.is_file()) {
            Some(home) => looked.scenario(path, &process_of(&home), &versions_in(&home)),
            None => looked.path(path),
        }
    }
    let Looked { definitions, scenarios, files, mut unread } = looked;
    let all = || files.iter().flat_map(|(_, complaints)| complaints);
    let errors = all().filter(|complaint| complaint.is_error()).count();
    let warnings = all().count() - errors;
    unread |= all().any(|complaint| complaint.code == Code::Unreadable);
    let reported: Vec<Reported<'_>> =
        files.iter().map(|(source, complaints)| (source, complaints.as_slice())).collect();
    match arguments.format {
        CheckFormat::Human => {
            for (source, complaints) in reported.iter().filter(|(_, complaints)| !complaints.is_empty()) {
                eprintln!("{}", render_all(complaints, source, colour()));
            }
        }
        CheckFormat::Json => {
            let counts = serde_json::json!({
                "definitions": definitions, "scenarios": scenarios, "errors": errors, "warnings": warnings,
            });
            println!("{}", json(&reported, counts));
        }
        CheckFormat::Github => print!("{}", annotations(&reported)),
        CheckFormat::Sarif => println!("{}", sarif(&reported)),
    }
    let counted = match scenarios {
        0 => String::new(),
        n => format!(", {n} scenario{}", s(n)),
    };
    let found = format!("{definitions} definition{}{counted}", s(definitions));
    eprintln!("{found}: {errors} error{}, {warnings} warning{}", s(errors), s(warnings));
    match (unread, errors, warnings) {
        (true, ..) => COULD_NOT,
        (false, 0, 0) => OK,
        (false, 0, _) if !arguments.strict => OK,
        _ => FINDINGS,
    }
}

impl Looked {
    /// A definition, or a folder.
    fn path(&mut self, path: &Path) {
        let Found { beside, files } = match check(path) {
            Ok(found) => found,
            Err(error) => return self.unreadable(path, &error),
        };
        let tests = tests_home(path);
        if files.is_empty() && tests.is_none() {
            eprintln!("{}: no definitions here: they are named `<Process>/v<N>.yaml`", path.display());
            self.unread = true;
        }
        self.files.extend(beside.into_iter().map(|checked| (checked.source, checked.complaints)));
        let mut homes: BTreeMap<PathBuf, Versions> = BTreeMap::new();
        homes.extend(tests.map(|home| (home.clone(), versions_in(&home))));
        for (file, checked) in files {
            self.definitions += 1;
            if let Some(home) = file.parent().filter(|_| path.is_dir()) {
                homes.entry(home.to_owned()).or_default().add(&file, checked.plan);
            }
            self.files.push((checked.source, checked.complaints));
        }
        for (home, versions) in homes {
            match scenarios_beside(&home) {
                Ok(files) => files.iter().for_each(|file| self.scenario(file, &process_of(&home), &versions)),
                Err(error) => self.unreadable(&home, &error),
            }
        }
    }

    fn scenario(&mut self, file: &Path, process: &str, versions: &Versions) {
        self.scenarios += 1;
        match std::fs::read_to_string(file) {
            Ok(text) => {
                let read = ScenarioFile::of(file, text);
                let complaints = read.all_complaints(process, versions);
                self.files.push((read.source, complaints));
            }
            Err(error) => {
                let complaint = format!("the file cannot be read: {error}");
                let complaint = Diagnostic::error(Code::Unreadable, Span::default(), complaint);
                self.files.push((Source::new(file.display().to_string(), ""), vec![complaint]));
            }
        }
    }

    fn unreadable(&mut self, path: &Path, error: &std::io::Error) {
        eprintln!("{}: cannot be read: {error}", path.display());
        self.unread = true;
    }
}

/// The versions in the folder of a process; what is wrong with them is not told.
fn versions_in(home: &Path) -> Versions {
    let mut versions = Versions::default();
    for file in definition_files(home).unwrap_or_default().iter().filter(|file| place_of(file).is_some()) {
        versions.add(file, check_file(file).plan);
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
