//! What freezing makes of every definition in the repository, as `tests/frozen.txt` has it: a run is pinned to these
//! bytes, so a change of the reader or of the language may add lines and may not change one.

use std::collections::BTreeMap;
use std::path::Path;

use fermata::diagnostic::has_errors;
use fermata::plan::{Home, from_frozen, from_tree, from_yaml};
use fermata::syntax::read_tree;
use libtest_mimic::Trial;

const RECORD: &str = "tests/frozen.txt";

pub fn trials() -> Vec<Trial> {
    vec![crate::trial("frozen::digests_are_those_of_the_record", run)]
}

fn run() -> Result<(), String> {
    let record = crate::root().join(RECORD);
    let known = std::fs::read_to_string(&record).unwrap_or_default();
    let known: BTreeMap<&str, &str> = known.lines().filter_map(|line| line.split_once(' ')).collect();
    let found = digests()?;
    let changed: Vec<String> = found
        .iter()
        .filter_map(|(name, digest)| {
            let before = known.get(name.as_str()).filter(|before| *before != digest)?;
            Some(format!("{name}: {digest}, it was {before}"))
        })
        .collect();
    if !changed.is_empty() {
        return Err(format!("runs are pinned to other bytes:\n{}", changed.join("\n")));
    }
    if crate::bless() {
        let lines: String = found.iter().map(|(name, digest)| format!("{name} {digest}\n")).collect();
        return std::fs::write(&record, lines).map_err(|e| e.to_string());
    }
    // What is new must be added, and what is gone taken out, by hand or with BLESS=1.
    let names: Vec<&str> = found.keys().map(String::as_str).collect();
    let differ: Vec<&str> = names
        .iter()
        .filter(|name| !known.contains_key(**name))
        .chain(known.keys().filter(|name| !names.contains(*name)))
        .copied()
        .collect();
    if differ.is_empty() { Ok(()) } else { Err(format!("not in {RECORD}, or only there: {differ:?}")) }
}

/// The digest of every definition of the case files and of the folders of definitions, by file.
fn digests() -> Result<BTreeMap<String, String>, String> {
    let mut found = BTreeMap::new();
    for path in crate::files("tests/cases", "yaml") {
        let text = std::fs::read_to_string(&path).map_err(|e| e.to_string())?;
        let name = name(&path);
        let (tree, _) = read_tree(&text);
        let tree = tree.ok_or_else(|| format!("{name}: not readable"))?;
        let definition = tree.get("definition").ok_or_else(|| format!("{name}: no definition"))?;
        let (plan, complaints) = from_tree(definition, &text, &Home::default());
        let plan = plan.filter(|_| !has_errors(&complaints)).ok_or_else(|| format!("{name}: {complaints:?}"))?;
        let again = from_frozen(plan.canonical()).map_err(|e| format!("{name}: {e}"))?;
        if again.canonical() != plan.canonical() || again.digest() != plan.digest() {
            return Err(format!("{name}: freezing what is frozen changes it"));
        }
        found.insert(name, plan.digest().to_owned());
    }
    let mut folders = vec![crate::root().join("definitions"), crate::root().join("examples")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(|e| e.to_string())? {
            let path = entry.map_err(|e| e.to_string())?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "yaml") {
                let text = std::fs::read_to_string(&path).map_err(|e| e.to_string())?;
                if let (Some(plan), _) = from_yaml(&text, &Home::default()) {
                    found.insert(name(&path), plan.digest().to_owned());
                }
            }
        }
    }
    Ok(found)
}

fn name(path: &Path) -> String {
    let inside = path.strip_prefix(crate::root()).unwrap_or(path);
    inside.to_string_lossy().replace('\\', "/")
}
