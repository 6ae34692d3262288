//! `fermata publish [Process] [--untested]`, `fermata new-version Process`, `fermata release Process label=version`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::scenarios::{Outcome, Target};
use super::{COULD_NOT, FINDINGS, OK};
use crate::catalog::{Catalog, FileComplaints, LOCK, Lock, RELEASES, Rule, Version, beside, check_releases};
use crate::diagnostic::{has_errors, render_all};
use crate::syntax::{Kind, read_tree};

#[derive(clap::Args)]
pub(super) struct PublishArguments {
    /// Only this process; all unless said
    process: Option<String>,
    /// Publish although scenarios fail
    #[arg(long)]
    untested: bool,
    /// Where the definitions are
    #[arg(long, default_value = "definitions")]
    definitions: PathBuf,
}

#[derive(clap::Args)]
pub(super) struct NewVersionArguments {
    process: String,
    /// Where the definitions are
    #[arg(long, default_value = "definitions")]
    definitions: PathBuf,
}

#[derive(clap::Args)]
pub(super) struct ReleaseArguments {
    process: String,
    /// Labels and their versions, as in `stable=2`
    #[arg(required = true)]
    labels: Vec<String>,
    /// Only show what would change
    #[arg(long)]
    dry_run: bool,
    /// Where the definitions are
    #[arg(long, default_value = "definitions")]
    definitions: PathBuf,
}

/// Exit code 2 and one message where it could not.
fn told(result: Result<u8, String>) -> u8 {
    result.unwrap_or_else(|message| {
        eprintln!("fermata: {message}");
        COULD_NOT
    })
}

fn load(folder: &Path) -> Result<Catalog, String> {
    Catalog::load(folder).map_err(|e| format!("{}: cannot be read: {e}", folder.display()))
}

pub(super) fn publish(arguments: &PublishArguments) -> u8 {
    told(publish_all(arguments))
}

fn publish_all(arguments: &PublishArguments) -> Result<u8, String> {
    let folder = &arguments.definitions;
    let catalog = load(folder)?;
    let wanted = |name: &str| arguments.process.as_deref().is_none_or(|process| process == name);
    // What is wrong with other processes is none of its business; the lock is everybody's.
    let complaints: Vec<&FileComplaints> = match &arguments.process {
        Some(process) => {
            let lock = catalog.complaints.iter().filter(|complaint| complaint.path == folder.join(LOCK));
            lock.chain(catalog.complaints_of(folder, process)).collect()
        }
        None => catalog.complaints.iter().collect(),
    };
    complaints.iter().for_each(|complaint| eprintln!("{}", complaint.rendered));
    if complaints.iter().any(|complaint| complaint.errors) {
        eprintln!("nothing was published: definitions must be in order first");
        return Ok(FINDINGS);
    }
    if let Some(process) = &arguments.process {
        catalog.versions(process).map_err(|e| e.to_string())?;
    }
    let mut lock = Lock::load(folder).map_err(|e| e.to_string())?;
    let (mut published, mut failed) = (Vec::new(), 0);
    for (process, versions) in catalog.processes().filter(|(name, _)| wanted(name)) {
        let new: Vec<&Version> = versions.values().filter(|version| !version.published).collect();
        let outcomes = match new.is_empty() || arguments.untested {
            true => Vec::new(),
            false => outcomes(folder, process, &new)?,
        };
        for outcome in outcomes.iter().filter(|outcome| !outcome.passed()) {
            eprintln!("{}", outcome.told());
            failed += 1;
        }
        for version in new {
            let number = version.plan.version();
            let tested = match outcomes.iter().filter(|outcome| outcome.version == number).count() {
                _ if arguments.untested => "untested".to_owned(),
                0 => "no scenarios".to_owned(),
                1 => "1 scenario passed".to_owned(),
                n => format!("{n} scenarios passed"),
            };
            lock.publish(process, number, version.plan.digest());
            published.push(format!("{process} v{number}  {}  {tested}", version.plan.digest()));
        }
    }
    if failed > 0 {
        eprintln!("nothing was published: scenarios fail; `--untested` publishes all the same");
        return Ok(FINDINGS);
    }
    published.iter().for_each(|line| println!("{line}"));
    if published.is_empty() {
        println!("nothing to publish: every version stands in {}", folder.join(LOCK).display());
        return Ok(OK);
    }
    lock.save(folder).map_err(|e| format!("{}: cannot be written: {e}", folder.join(LOCK).display()))?;
    println!("written to {}: commit it with the definitions", folder.join(LOCK).display());
    Ok(OK)
}

/// The scenarios that are for these versions, run. Errors: words, of a file that cannot be read.
fn outcomes(folder: &Path, process: &str, versions: &[&Version]) -> Result<Vec<Outcome>, String> {
    let target = Target { home: folder.join(process), process: process.to_owned(), version: None, file: None };
    let files = target.scenarios(None)?;
    Ok(files.iter().flat_map(|file| file.outcomes(process, versions.iter().copied())).collect())
}

pub(super) fn new_version(arguments: &NewVersionArguments) -> u8 {
    told(copy(arguments))
}

fn copy(arguments: &NewVersionArguments) -> Result<u8, String> {
    let catalog = load(&arguments.definitions)?;
    let versions = catalog.versions(&arguments.process).map_err(|e| e.to_string())?;
    let (newest, version) = versions.iter().next_back().ok_or("the process has no versions")?;
    // A file that is broken counts too: its number is taken.
    let number =
        (newest + 1..).find(|n| !version.path.with_file_name(format!("v{n}.yaml")).exists()).unwrap_or(newest + 1);
    let path = version.path.with_file_name(format!("v{number}.yaml"));
    let text = with_number(version, number).ok_or("the newest version has no `version:` that could be raised")?;
    std::fs::write(&path, text).map_err(|e| format!("{}: cannot be written: {e}", path.display()))?;
    println!(
        "{} is a copy of v{newest}: edit it, look at `fermata diff {}@{newest} {}@{number}`, then `fermata publish {}`",
        path.display(),
        arguments.process,
        arguments.process,
        arguments.process
    );
    Ok(OK)
}

/// The text with its `version` raised; everything else stays as it was written.
fn with_number(version: &Version, number: i64) -> Option<String> {
    let (tree, _) = read_tree(&version.text);
    let span = tree?.get("version")?.span;
    let (before, after) = (version.text.get(..span.start)?, version.text.get(span.end..)?);
    Some(format!("{before}{number}{after}"))
}

pub(super) fn release(arguments: &ReleaseArguments) -> u8 {
    told(move_labels(arguments))
}

fn move_labels(arguments: &ReleaseArguments) -> Result<u8, String> {
    let catalog = load(&arguments.definitions)?;
    let versions = catalog.versions(&arguments.process).map_err(|e| e.to_string())?;
    let mut moves = BTreeMap::new();
    for label in &arguments.labels {
        let parts = label.split_once('=').and_then(|(name, number)| Some((name, number.parse::<i64>().ok()?)));
        let (name, number) =
            parts.ok_or_else(|| format!("`{label}` is no label with its version; write `stable=2`"))?;
        match versions.get(&number) {
            Some(version) if version.published => moves.insert(name.to_owned(), number),
            Some(_) => {
                let process = &arguments.process;
                return Err(format!("version {number} is not published: run `fermata publish {process}` first"));
            }
            None => {
                let known = versions.keys().map(i64::to_string).collect::<Vec<_>>().join(", ");
                return Err(format!("{} has no version {number}; it has {known}", arguments.process));
            }
        };
    }
    let path = arguments.definitions.join(&arguments.process).join(RELEASES);
    let before = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(format!("{}: cannot be read: {error}", path.display())),
    };
    let after = edited(&before, &moves)
        .ok_or_else(|| format!("{}: its labels cannot be edited here; edit it by hand", path.display()))?;
    let known = beside(&path);
    let (old, _) = check_releases(&before, &known);
    let (new, complaints) = check_releases(&after, &known);
    let Some(new) = new.filter(|_| !has_errors(&complaints)) else {
        let source = crate::diagnostic::Source::new(path.display().to_string(), after.as_str());
        eprintln!("{}", render_all(&complaints, &source, super::colour()));
        return Ok(FINDINGS);
    };
    let labels_before = old.as_ref().map(|releases| releases.labels().clone()).unwrap_or_default();
    for (label, version) in new.labels() {
        match labels_before.get(label) {
            Some(before) if before == version => println!("  {label}: v{version}"),
            Some(before) => println!("  {label}: v{before} -> v{version}"),
            None => println!("  {label}: v{version} (new)"),
        }
    }
    let rules_before = old.map(|releases| releases.rules().to_vec()).unwrap_or_default();
    for (at, rule) in new.rules().iter().enumerate() {
        println!("  rule {}: {}{}", at + 1, rule.words(), moved(rules_before.get(at), rule));
    }
    if new.rules().is_empty() {
        println!("  no rules: a start that names neither version nor label gets the highest published version");
    }
    if arguments.dry_run {
        println!("nothing was written");
        return Ok(OK);
    }
    std::fs::write(&path, after).map_err(|e| format!("{}: cannot be written: {e}", path.display()))?;
    println!(
        "written to {}: the next start that is asked by it follows it; runs that are alive stay as they are",
        path.display()
    );
    Ok(OK)
}

fn moved(before: Option<&Rule>, now: &Rule) -> String {
    match before {
        Some(before) if before.version != now.version => {
            format!("  (v{} until now, v{} from now on)", before.version, now.version)
        }
        _ => format!("  (v{})", now.version),
    }
}

/// The text with labels moved or added; everything else stays as it was written.
fn edited(text: &str, moves: &BTreeMap<String, i64>) -> Option<String> {
    let (tree, _) = read_tree(text);
    let Some(labels) = tree.as_ref().and_then(|tree| tree.get("labels")) else {
        let all = moves.iter().map(|(label, version)| format!("{label}: {version}")).collect::<Vec<_>>().join(", ");
        return Some(format!("labels: {{ {all} }}\n{text}"));
    };
    let Kind::Map(entries) = &labels.kind else { return None };
    let mut changed = text.to_owned();
    let mut spans: Vec<_> =
        entries.iter().filter_map(|entry| Some((entry.value.span, *moves.get(&entry.key)?))).collect();
    spans.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
    // New ones go in front of the first, in the form of the mapping.
    let first = entries.first()?;
    let added: Vec<String> = moves
        .iter()
        .filter(|(label, _)| !entries.iter().any(|entry| entry.key == **label))
        .map(|(label, version)| format!("{label}: {version}"))
        .collect();
    for (span, version) in spans {
        changed.replace_range(span.start..span.end, &version.to_string());
    }
    if !added.is_empty() {
        let start = first.key_span.start;
        let line = text.get(..start)?.rfind('\n').map_or(0, |at| at + 1);
        let indent = text.get(line..start)?;
        let between = if indent.trim().is_empty() { format!("\n{indent}") } else { ", ".to_owned() };
        changed.insert_str(start, &format!("{}{between}", added.join(&between)));
    }
    Some(changed)
}
