//! The directions between the rooms, the crates that only one room names, and the words at the head of each file.

use std::path::{Path, PathBuf};

use libtest_mimic::Trial;

mod verbs;

/// In reading order; a room may use only those above it.
const ROOMS: [&str; 14] = [
    "diagnostic",
    "value",
    "expression",
    "syntax",
    "plan",
    "machine",
    "story",
    "catalog",
    "config",
    "simulate",
    "review",
    "temporal",
    "service",
    "cli",
];

/// Crates and modules with one home.
const HOMES: [(&str, &str); 14] = [
    ("granit_parser", "syntax/yaml.rs"),
    ("annotate_snippets", "diagnostic"),
    ("rhai::", "expression"),
    ("jsonschema::", "plan/schema.rs"),
    ("temporalio", "temporal"),
    ("tonic::", "temporal"),
    ("tonic_health::", "temporal/dev_server.rs"),
    ("base16ct::", "value/hex.rs"),
    // Nor are digits written without it.
    (":02x}", "value/hex.rs"),
    ("axum::", "service"),
    ("form_urlencoded::", "service/runs.rs"),
    ("clap::", "cli"),
    ("prost_reflect::", "temporal/history/form.rs"),
    ("base64::", "temporal/history/form.rs"),
];

/// What may not stand in the machine: time, randomness, order by hash, waiting.
const BANNED: [&str; 7] = ["tokio", "SystemTime", "Instant", "async ", "HashMap", "HashSet", "now_v"];

pub fn trials() -> Vec<Trial> {
    vec![
        crate::trial("rooms::use_only_those_above", directions),
        crate::trial("rooms::crates_have_one_home", homes),
        crate::trial("rooms::the_machine_is_pure", purity),
        crate::trial("rooms::every_file_says_what_it_holds", heads),
        crate::trial("rooms::verbs_are_not_asked_for_by_name", verbs::by_name),
        crate::trial("rooms::no_match_over_verbs_takes_all_others", verbs::all_others),
        crate::trial("rooms::what_is_looked_for_in_sources_is_found", verbs::what_is_looked_for),
    ]
}

fn sources() -> Vec<(String, PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![crate::root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let inside = path.strip_prefix(crate::root().join("src")).unwrap().to_path_buf();
                let room = inside.components().next().unwrap().as_os_str().to_string_lossy().replace(".rs", "");
                found.push((room, inside, text));
            }
        }
    }
    assert!(found.len() > 50, "found only {} files", found.len());
    found
}

fn report(wrong: Vec<String>) -> Result<(), String> {
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")).map(|(n, line)| (n + 1, line))
}

fn directions() -> Result<(), String> {
    let mut wrong = Vec::new();
    for (room, path, text) in sources() {
        let Some(own) = ROOMS.iter().position(|r| *r == room) else {
            if !["lib", "main"].contains(&room.as_str()) {
                wrong.push(format!("{}: `{room}` is not a room", path.display()));
            }
            continue;
        };
        for (line, code) in code_lines(&text) {
            for (at, other) in ROOMS.iter().enumerate() {
                if at > own && code.contains(&format!("crate::{other}")) {
                    wrong.push(format!("{}:{line}: `{room}` may not use `{other}`", path.display()));
                }
            }
        }
    }
    report(wrong)
}

fn homes() -> Result<(), String> {
    let mut wrong = Vec::new();
    for (_, path, text) in sources() {
        for (name, home) in HOMES {
            if !path.starts_with(home) {
                for (line, _) in code_lines(&text).filter(|(_, code)| code.contains(name)) {
                    wrong.push(format!("{}:{line}: `{name}` is named only in `{home}`", path.display()));
                }
            }
        }
    }
    report(wrong)
}

fn purity() -> Result<(), String> {
    let mut wrong = Vec::new();
    for (_, path, text) in sources().into_iter().filter(|(room, ..)| room == "machine") {
        for (line, code) in code_lines(&text) {
            for banned in BANNED.iter().filter(|b| code.contains(**b)) {
                wrong.push(format!("{}:{line}: `{banned}` has no place in the machine", path.display()));
            }
        }
    }
    report(wrong)
}

fn heads() -> Result<(), String> {
    let headless = |(_, path, text): (String, PathBuf, String)| (!text.starts_with("//!")).then_some(path);
    let wrong: Vec<PathBuf> = sources().into_iter().filter_map(headless).collect();
    let rooms_without_limits: Vec<String> = ROOMS
        .iter()
        .filter(|room| {
            let folder = crate::root().join("src").join(room).join("mod.rs");
            let path = if folder.exists() { folder } else { crate::root().join(format!("src/{room}.rs")) };
            let text = std::fs::read_to_string(Path::new(&path)).unwrap_or_default();
            !text.lines().take_while(|l| l.starts_with("//!")).any(|l| l.contains("may not know"))
        })
        .map(|room| format!("{room}: says not what it may not know"))
        .collect();
    report(wrong.iter().map(|p| format!("{}: no words at the head", p.display())).chain(rooms_without_limits).collect())
}
