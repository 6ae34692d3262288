//! `tests/review/*.yaml`: two versions of a definition and the exact set of findings, both ways; what never is a finding;
//! and the program `fermata diff`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use fermata::review::{ROWS, Review, Severity, Side, compare, compare_with, compare_with_nothing, show};
use fermata::syntax::{Kind, Node, keys, read_tree};
use libtest_mimic::Trial;

use crate::random::Random;

pub fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = fixtures()
        .into_iter()
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            crate::trial(format!("review::{name}"), move || run(&path))
        })
        .collect();
    trials.push(crate::trial("review::errors_have_witnesses", witnesses));
    trials.push(crate::trial("review::a_new_number_alone_is_no_finding", itself));
    trials.push(crate::trial("review::the_program_answers_with_its_exit_code", program));
    trials.push(crate::trial("review::the_program_asks_git", from_git));
    trials.push(crate::trial("review::the_program_compares_folders", folders));
    trials.push(crate::trial("review::every_format_has_the_findings", formats));
    trials.push(crate::trial("review::approvals_end", approvals));
    trials.push(crate::trial("review::a_scenario_runs_on_its_own_versions_only", versions));
    trials.push(crate::trial("review::a_run_that_is_broken_off_is_still_running", broken_off));
    trials.push(crate::trial("review::markup_of_authors_is_text", markup));
    trials.push(crate::trial("review::any_two_definitions_compare", any_two));
    trials.push(crate::trial("review::cosmetic_edits_are_no_findings", cosmetic_edits));
    trials.push(crate::trial("review::every_id_has_a_fixture_and_a_line_in_the_docs", complete));
    trials.push(crate::trial("review::its_rooms_use_only_those_above", rooms));
    trials
}

fn fixtures() -> Vec<std::path::PathBuf> {
    crate::files("tests/review", "yaml")
}

struct Fixture {
    /// `None`: the process is on the other side alone.
    old: Option<Side>,
    new: Option<Side>,
    findings: BTreeSet<String>,
    mirror: Option<BTreeSet<String>>,
}

fn read(path: &Path) -> Result<Fixture, String> {
    let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
    let tree = read_tree(&text).0.ok_or("not YAML")?;
    let known = ["case", "old", "new", "findings", "mirror", "waiver"];
    if let Some(entry) = tree.entries().iter().find(|e| !known.contains(&e.key.as_str())) {
        return Err(format!("`{}` is not a key of a fixture", entry.key));
    }
    let side = |key: &str| -> Result<Option<Side>, String> {
        tree.get(key).map(|node| Side::read_or_say(&node.canonical(keys::ORDERED), key)).transpose()
    };
    let set = |key: &str| tree.get(key).map(texts);
    if tree.get("mirror").is_none() == tree.get("waiver").is_none() {
        return Err("a fixture has either `mirror` or a `waiver`".into());
    }
    Ok(Fixture {
        old: side("old")?,
        new: side("new")?,
        findings: set("findings").ok_or("there are no `findings`")?,
        mirror: set("mirror"),
    })
}

fn texts(node: &Node) -> BTreeSet<String> {
    let Kind::List(items) = &node.kind else { return BTreeSet::new() };
    items.iter().map(|item| item.to_value().to_display()).collect()
}

fn found(old: &Side, new: &Side) -> BTreeSet<String> {
    listed(&compare(old, new))
}

fn listed(review: &Review) -> BTreeSet<String> {
    review.findings.iter().map(|f| format!("{} {}", f.id, f.letters())).collect()
}

fn run(path: &Path) -> Result<(), String> {
    let fixture = read(path)?;
    let mut wrong = Vec::new();
    let mut differ = |what: &str, wanted: &BTreeSet<String>, found: BTreeSet<String>| {
        if *wanted != found {
            wrong.push(format!("{what}: expected {wanted:?}, found {found:?}"));
        }
    };
    let (old, new) = match (&fixture.old, &fixture.new) {
        (Some(old), Some(new)) => (old, new),
        (Some(one), None) | (None, Some(one)) => {
            let gone = fixture.new.is_none();
            differ("findings", &fixture.findings, listed(&compare_with_nothing(one, gone)));
            differ("mirror", &fixture.mirror.unwrap_or_default(), listed(&compare_with_nothing(one, !gone)));
            return if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) };
        }
        (None, None) => return Err("there is no `old` and no `new`".into()),
    };
    differ("findings", &fixture.findings, found(old, new));
    if let Some(mirror) = &fixture.mirror {
        differ("mirror", mirror, found(new, old));
    }
    differ("the old against itself", &BTreeSet::new(), found(old, old));
    differ("the new against itself", &BTreeSet::new(), found(new, new));
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// Each id of the catalogue is expected in some fixture, and named in `docs/review.md` with its letters.
fn complete() -> Result<(), String> {
    let mut expected = BTreeSet::new();
    for path in fixtures() {
        let fixture = read(&path)?;
        expected.extend(fixture.findings);
        expected.extend(fixture.mirror.unwrap_or_default());
    }
    let docs = std::fs::read_to_string(crate::root().join("docs/review.md")).map_err(|e| e.to_string())?;
    let mut wrong = Vec::new();
    for row in ROWS {
        if !expected.iter().any(|line| line.split(' ').next() == Some(row.id.slug())) {
            wrong.push(format!("no fixture expects `{}`", row.id));
        }
        let letters = row.severities(Default::default()).letters();
        if !docs.lines().any(|line| line.contains(&format!("`{}`", row.id)) && line.contains(&letters)) {
            wrong.push(format!("docs/review.md has no line with `{}` and {letters}", row.id));
        }
    }
    // And the other way: what the docs name stands in the catalogue.
    let rows = docs.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    wrong.extend(
        rows.filter(|slug| !ROWS.iter().any(|row| row.id.slug() == *slug))
            .map(|slug| format!("docs/review.md has `{slug}`, which no finding is")),
    );
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// The rooms of the review, in the order in which `src/review/mod.rs` declares them; each may use only those above it.
/// Inside a room no two files need each other, and none needs the `mod.rs` that needs them all.
fn rooms() -> Result<(), String> {
    let folder = crate::root().join("src/review");
    let read = |path: &Path| std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()));
    let declared = read(&folder.join("mod.rs"))?;
    let declared = declared.lines().filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod "));
    let rooms: Vec<&str> = declared.map(|name| name.trim_end_matches(';')).collect();
    expect(rooms.len() > 5, format!("only {rooms:?} are rooms"))?;
    let mut wrong = Vec::new();
    for (own, room) in rooms.iter().enumerate() {
        let head = read(&folder.join(room).join("mod.rs"))?;
        if !head.lines().any(|line| line.starts_with("//! May not know: ")) {
            wrong.push(format!("`{room}` says not what it may not know"));
        }
        let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for entry in std::fs::read_dir(folder.join(room)).map_err(|e| e.to_string())? {
            let path = entry.map_err(|e| e.to_string())?.path();
            let file = path.file_stem().unwrap().to_string_lossy().into_owned();
            let text = read(&path)?;
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
                for used in modules(line, "crate::review::") {
                    if !rooms.iter().take(own).any(|above| *above == used) {
                        wrong.push(format!("`{room}/{file}` may not use `{used}`: {}", line.trim()));
                    }
                }
                if file != "mod" {
                    needs.entry(file.clone()).or_default().extend(modules(line, "super::"));
                }
            }
        }
        for (file, all) in &needs {
            for used in all.iter().filter(|used| !needs.contains_key(*used)) {
                wrong.push(format!("`{room}/{file}` needs `{used}`, which is no file beside it"));
            }
        }
        // What needs nothing that is left is taken away, until nothing is left but a circle.
        while let Some(free) = needs.iter().find(|(_, all)| !all.iter().any(|one| needs.contains_key(one))) {
            let free = free.0.clone();
            needs.remove(&free);
        }
        if !needs.is_empty() {
            wrong.push(format!("files of `{room}` need each other: {:?}", needs.keys()));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// What a line names behind a path: one name, or those in braces.
fn modules(line: &str, path: &str) -> Vec<String> {
    let word = |text: &str| text.trim().split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap().to_owned();
    let named = line.split(path).skip(1).flat_map(|rest| match rest.strip_prefix('{') {
        Some(list) => list.split('}').next().unwrap().split(',').map(word).collect(),
        None => vec![word(rest)],
    });
    named.collect()
}

/// The simplest text that says that something else came out.
fn expect(holds: bool, words: impl Into<String>) -> Result<(), String> {
    if holds { Ok(()) } else { Err(words.into()) }
}

/// For each finding with an error in the fixtures a witness is found, but for those that no run can show.
fn witnesses() -> Result<(), String> {
    let mut wrong = Vec::new();
    for path in fixtures() {
        let fixture = read(&path)?;
        let (Some(old), Some(new)) = (&fixture.old, &fixture.new) else { continue };
        for (one, other) in [(old, new), (new, old)] {
            if compare(one, other).findings.iter().all(|f| f.worst() < Severity::Error) {
                continue;
            }
            for finding in compare_with(one, other, &[]).findings {
                let shown = finding.witness.is_some() || NO_RUN_SHOWS.contains(&finding.id.slug());
                if finding.worst() == Severity::Error && !shown {
                    wrong.push(format!("{}: {}", path.file_stem().unwrap().to_string_lossy(), finding.message));
                }
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// What callers or services know by other ways than a run.
const NO_RUN_SHOWS: [&str; 8] = [
    "process-renamed",
    "duplicates-policy-changed",
    "idempotence-changed",
    // On the virtual clock nothing ends a long history.
    "worst-case-history-raised",
    // What is promised of a result; what it is shows elsewhere.
    "result-removed",
    "result-type-changed",
    "result-became-nullable",
    "result-enum-added",
];

/// Every definition of the case files and of the fixtures, as canonical text.
fn definitions() -> Vec<(String, Node)> {
    let mut found = Vec::new();
    for path in crate::files("tests/cases", "yaml").into_iter().chain(fixtures()) {
        let Some(tree) = std::fs::read_to_string(&path).ok().and_then(|text| read_tree(&text).0) else { continue };
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let nodes = ["definition", "old", "new"].into_iter().filter_map(|key| tree.get(key));
        found.extend(nodes.map(|node| (name.clone(), node.clone())));
    }
    for path in crate::files("definitions/UserGranted", "yaml") {
        let Some(tree) = std::fs::read_to_string(&path).ok().and_then(|text| read_tree(&text).0) else { continue };
        found.push(("UserGranted".into(), tree));
    }
    found
}

/// The same definition under the next number has no finding: nothing but the number is another, and the short way over
/// equal digests is not taken.
fn itself() -> Result<(), String> {
    let (mut tried, mut wrong) = (0, Vec::new());
    for (name, node) in definitions() {
        let Ok(old) = Side::read(&node.canonical(keys::ORDERED), "old") else { continue };
        let Ok(new) = Side::read(&numbered(&node, 2_000).canonical(keys::ORDERED), "new") else { continue };
        tried += 1;
        let found = found(&old, &new);
        if !found.is_empty() {
            wrong.push(format!("{name}: {found:?}"));
        }
    }
    expect(tried > 300, format!("only {tried} definitions were tried"))?;
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

fn numbered(node: &Node, version: i64) -> Node {
    let mut node = node.clone();
    if let Kind::Map(entries) = &mut node.kind {
        for entry in entries.iter_mut().filter(|e| e.key == "version") {
            entry.value.kind = Kind::Number(version.into());
        }
    }
    node
}

/// Edits of layout and of words for people give no finding that counts.
fn cosmetic_edits() -> Result<(), String> {
    let (mut edits, mut wrong) = (0, Vec::new());
    for (at, (name, node)) in definitions().into_iter().enumerate() {
        let Ok(old) = Side::read(&node.canonical(keys::ORDERED), "old") else { continue };
        for round in 0..2 {
            let mut random = Random(at as u64 * 7 + round);
            let mut edited = numbered(&node, 2_000);
            shuffle(&mut edited, &mut random, false);
            words(&mut edited, &mut random);
            let mut text = String::new();
            write(&edited, 0, &mut random, &mut text);
            let new = match Side::read_or_say(&text, "new") {
                Ok(new) => new,
                Err(complaints) => return Err(format!("{name}: the edit is not in order:\n{complaints}\n{text}")),
            };
            edits += 1;
            let found: Vec<_> = compare(&old, &new).findings.into_iter().filter(|f| !f.cosmetic).collect();
            if !found.is_empty() {
                let found: Vec<_> = found.iter().map(|f| format!("{} {}", f.id, f.message)).collect();
                wrong.push(format!("{name}: {found:?}\n{text}"));
            }
        }
    }
    expect(edits >= 500, format!("only {edits} edits were tried"))?;
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// Keys of mappings in another order, but for branches.
fn shuffle(node: &mut Node, random: &mut Random, ordered: bool) {
    match &mut node.kind {
        Kind::Map(entries) => {
            if !ordered {
                for at in (1..entries.len()).rev() {
                    entries.swap(at, random.below(at + 1));
                }
            }
            for entry in entries {
                let ordered = keys::ORDERED.contains(&entry.key.as_str());
                shuffle(&mut entry.value, random, ordered);
            }
        }
        Kind::List(items) => items.iter_mut().for_each(|item| shuffle(item, random, false)),
        _ => {}
    }
}

/// Another summary and another owner.
fn words(node: &mut Node, random: &mut Random) {
    let Kind::Map(entries) = &mut node.kind else { return };
    for key in ["summary", "owner"] {
        entries.retain(|e| e.key != key);
        if random.below(2) == 0 {
            let text = fermata::syntax::Text { text: format!("words {}", random.below(100)), exact: None, plain: true };
            let value = Node { span: Default::default(), kind: Kind::Text(text) };
            entries.push(fermata::syntax::Entry { key: key.into(), key_span: Default::default(), value });
        }
    }
}

/// YAML in a layout of its own: comments, blank lines, quotes of both kinds, now and then a part as JSON.
fn write(node: &Node, depth: usize, random: &mut Random, out: &mut String) {
    let indent = "  ".repeat(depth);
    if depth > 0 && random.below(6) == 0 {
        out.push_str(&format!("{indent}{}\n", node.canonical(keys::ORDERED)));
        return;
    }
    match &node.kind {
        Kind::Map(entries) if !entries.is_empty() => {
            for entry in entries {
                match random.below(8) {
                    0 => out.push_str(&format!("{indent}# a comment {}\n", random.below(100))),
                    1 => out.push('\n'),
                    _ => {}
                }
                let nested = matches!(&entry.value.kind, Kind::Map(e) if !e.is_empty())
                    || matches!(&entry.value.kind, Kind::List(i) if !i.is_empty());
                // A mapping of branches keeps its order in canonical text only if its key is there.
                if nested && !keys::ORDERED.contains(&entry.key.as_str()) {
                    out.push_str(&format!("{indent}{}:\n", quoted(&entry.key, random)));
                    write(&entry.value, depth + 1, random, out);
                } else {
                    let value = Node { span: node.span, kind: Kind::Map(vec![entry.clone()]) }.canonical(keys::ORDERED);
                    let value = value.split_once(':').unwrap().1.strip_suffix('}').unwrap().to_owned();
                    let value = match &entry.value.kind {
                        Kind::Text(text) => quoted(&text.text, random),
                        _ => value,
                    };
                    out.push_str(&format!("{indent}{}: {value}\n", quoted(&entry.key, random)));
                }
            }
        }
        Kind::List(items) if !items.is_empty() => {
            for item in items {
                out.push_str(&format!("{indent}- {}\n", item.canonical(keys::ORDERED)));
            }
        }
        _ => out.push_str(&format!("{indent}{}\n", node.canonical(&[]))),
    }
}

fn quoted(text: &str, random: &mut Random) -> String {
    match random.below(2) {
        0 if !text.contains(['\n', '\t', '\u{0}']) => format!("'{}'", text.replace('\'', "''")),
        _ => serde_json::to_string(text).unwrap(),
    }
}

/// The program on files of a folder of its own: what it printed, and its exit code.
fn diff(folder: &Path, arguments: &[&str]) -> (String, i32) {
    let program = std::process::Command::new(env!("CARGO_BIN_EXE_fermata"))
        .arg("diff")
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&program.stdout), String::from_utf8_lossy(&program.stderr));
    (said, program.status.code().unwrap_or(-1))
}

const DEFINITION: &str = "fermata: 1\nprocess: Order\nversion: 1\nkey: ${input.id}\ninput:\n  type: object\n  required: [id]\n  additionalProperties: false\n  properties:\n    id: { type: string }\nsteps:\n  - { id: charge, http: { service: bank, path: /charges } }\n";

/// `definitions/Order` with a version 2 that wants a `taxId`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let order = folder.path().join("definitions/Order");
    std::fs::create_dir_all(&order).unwrap();
    std::fs::write(order.join("v1.yaml"), DEFINITION).unwrap();
    std::fs::write(order.join("v2.yaml"), second()).unwrap();
    folder
}

fn second() -> String {
    let wanted = DEFINITION.replace("version: 1", "version: 2").replace("[id]", "[id, taxId]");
    wanted.replace("    id: { type: string }\n", "    id: { type: string }\n    taxId: { type: string }\n")
}

fn program() -> Result<(), String> {
    let folder = folder();
    let (said, code) = diff(folder.path(), &["Order@1", "Order@2"]);
    expect(code == 1, format!("exit code {code}: {said}"))?;
    for words in [
        "Order  v1 → v2    1 can break",
        "input-required-added",
        "definitions/Order/v2.yaml:11:5",
        "v1 completed after 0s",
        "v2 refused: \"taxId\" is a required property",
    ] {
        expect(said.contains(words), format!("`{words}` is not in\n{said}"))?;
    }
    for (arguments, wanted) in [
        (&["Order@1", "Order@1"][..], 0),
        (&["Order@1", "definitions/Order/v2.yaml", "--level", "E"][..], 1),
        (&["Order@2", "Order@1", "--level", "e"][..], 1),
        (&["Order@1", "Order@7"][..], 2),
        (&["nothing.yaml", "Order@1"][..], 2),
        (&["-x:y", "Order@1"][..], 2),
        (&["sha256:00000000", "Order@1"][..], 2),
        (&["Order@1", "Order@2", "--today", "soon"][..], 2),
    ] {
        let (said, code) = diff(folder.path(), arguments);
        expect(code == wanted, format!("{arguments:?}: exit code {code}, expected {wanted}: {said}"))?;
    }
    let digest = Side::read(DEFINITION, "old").unwrap().plan.digest()[..15].to_owned();
    let (said, code) = diff(folder.path(), &[&digest, "Order@1"]);
    expect(code == 0 && said.contains("nothing has changed"), format!("by digest: {code}: {said}"))
}

fn from_git() -> Result<(), String> {
    let folder = folder();
    let git = |arguments: &[&str]| {
        let said = std::process::Command::new("git").args(arguments).current_dir(folder.path()).output().unwrap();
        assert!(said.status.success(), "{said:?}");
    };
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "first"]);
    let file = "definitions/Order/v1.yaml";
    std::fs::write(folder.path().join(file), DEFINITION.replace("/charges", "/payments")).unwrap();
    let (said, code) = diff(folder.path(), &[&format!("HEAD:{file}"), file]);
    expect(code == 1 && said.contains("version-content-changed"), format!("{code}: {said}"))?;
    let (said, code) = diff(folder.path(), &["HEAD:none.yaml", file]);
    expect(code == 2 && said.contains("git says"), format!("{code}: {said}"))
}

/// Folders of all processes and of one, here and in git.
fn folders() -> Result<(), String> {
    let folder = folder();
    let at = |file: &str| folder.path().join(file);
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
        let run = std::process::Command::new("git").args(identity).args(arguments).current_dir(folder.path()).output();
        assert!(run.unwrap().status.success());
    };
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-qm", "two versions"]);
    let same = diff(folder.path(), &["HEAD:definitions", "definitions"]);
    expect(same == ("No process has changed.\n".to_owned(), 0), format!("{same:?}"))?;
    // Two new ones: each against the one before it.
    for (version, path) in [(3, "/three"), (4, "/four")] {
        let text = DEFINITION.replace("version: 1", &format!("version: {version}")).replace("/charges", path);
        std::fs::write(at(&format!("definitions/Order/v{version}.yaml")), text).unwrap();
    }
    for (old, new) in [("HEAD:definitions", "definitions"), ("HEAD:definitions/Order", "definitions/Order")] {
        let (said, code) = diff(folder.path(), &[old, new]);
        let both = said.contains("Order  v2 → v3") && said.contains("Order  v3 → v4") && !said.contains("v2 → v4");
        expect(code == 1 && both, format!("{old}: {code}: {said}"))?;
    }
    git(&["add", "."]);
    git(&["commit", "-qm", "four versions"]);
    let (said, code) = diff(folder.path(), &["HEAD~1:definitions/Order", "HEAD:definitions/Order", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&said).map_err(|e| format!("{e}: {said}"))?;
    expect(code == 1 && json["reviews"].as_array().is_some_and(|all| all.len() == 2), format!("{code}: {said}"))?;
    std::fs::remove_file(at("definitions/Order/v2.yaml")).unwrap();
    let (said, code) = diff(folder.path(), &["HEAD:definitions", "definitions"]);
    expect(code == 0 && said.contains("Order v2 is gone"), format!("{code}: {said}"))?;
    // Approvals stand beside the versions, however the folder was named.
    let (said, _) = diff(folder.path(), &["HEAD~1:definitions/Order", "definitions/Order", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(said.lines().find(|line| line.starts_with('{')).unwrap_or(""))
        .map_err(|e| e.to_string())?;
    let all = json["reviews"].as_array().into_iter().flatten().flat_map(|r| r["findings"].as_array()).flatten();
    let approvals: String = all
        .map(|f| format!("- {{ fingerprint: {}, who: ada, why: agreed, until: 2099-01-01 }}\n", f["fingerprint"]))
        .collect();
    std::fs::write(at("definitions/Order/approvals.yaml"), approvals).unwrap();
    let (said, code) = diff(folder.path(), &["HEAD~1:definitions/Order", "definitions/Order"]);
    expect(code == 0 && said.contains("approved by ada"), format!("{code}: {said}"))?;
    let (said, code) = diff(folder.path(), &["HEAD:definitions", "definitions/Order/v1.yaml"]);
    expect(code == 2 && said.contains("compare two of a kind"), format!("{code}: {said}"))
}

fn formats() -> Result<(), String> {
    let folder = folder();
    let shown = |format: &str| diff(folder.path(), &["Order@1", "Order@2", "--format", format]).0;
    let json: serde_json::Value = serde_json::from_str(&shown("json")).map_err(|e| e.to_string())?;
    let finding = &json["findings"][0];
    expect(finding["id"] == "input-required-added" && finding["callers"] == "E", finding.to_string())?;
    expect(finding["downstream"].is_null() && finding["inFlight"] == "M", finding.to_string())?;
    expect(finding["new"]["line"] == 11 && finding["cosmetic"] == false, finding.to_string())?;
    expect(finding["witness"]["new"]["refused"].is_string(), finding.to_string())?;
    let sarif: serde_json::Value = serde_json::from_str(&shown("sarif")).map_err(|e| e.to_string())?;
    let result = &sarif["runs"][0]["results"][0];
    expect(sarif["version"] == "2.1.0" && result["level"] == "error", sarif.to_string())?;
    let region = &result["locations"][0]["physicalLocation"]["region"];
    expect(region["startLine"] == 11 && region["startColumn"] == 5, result.to_string())?;
    for (format, words) in [
        ("github", "::error file=definitions/Order/v2.yaml,line=11,col=5,title=input-required-added::"),
        ("markdown", "| E | `input-required-added` `input.taxId` is now required"),
        ("markdown", "<details><summary>"),
        ("html", "<code>input.taxId</code> is now required"),
    ] {
        let said = shown(format);
        expect(said.contains(words), format!("{format}: `{words}` is not in\n{said}"))?;
    }
    let html = shown("html");
    expect(html.contains("<b>charge · http</b> GET bank /charges"), "the picture lacks a step")?;
    expect(!html.contains("http://") && !html.contains("src="), "the page needs something else")
}

/// What shows the change is found by nobody who does not know the scenario.
fn versions() -> Result<(), String> {
    let folder = folder();
    let order = folder.path().join("definitions/Order");
    let hidden = "fermata: 1\nprocess: Order\nversion: 1\nkey: ${input.id}\nsteps:\n  - when: sum(input.items.map(|i| i * i)) == 1234\n    id: charge\n    http: { service: bank, path: /charges }\n";
    std::fs::write(order.join("v1.yaml"), hidden).unwrap();
    let changed = hidden.replace("version: 1", "version: 2").replace("/charges", "/other");
    std::fs::write(order.join("v2.yaml"), changed).unwrap();
    std::fs::create_dir_all(order.join("tests")).unwrap();
    for (of, shown) in
        [("", true), ("versions: [1, 2]\n", true), ("versions: [1]\n", false), ("versions: [2]\n", false)]
    {
        let scenario =
            format!("scenario: Squares\n{of}input: {{ id: a, items: [35, 3] }}\nexpect: {{ status: completed }}\n");
        std::fs::write(order.join("tests/squares.yaml"), scenario).unwrap();
        let (said, code) = diff(folder.path(), &["Order@1", "Order@2"]);
        expect(code == 1 && said.contains("Squares") == shown, format!("`{of}`: {code}: {said}"))?;
    }
    Ok(())
}

fn broken_off() -> Result<(), String> {
    let of = |steps: &str| {
        let text = format!("fermata: 1\nprocess: P\nversion: 1\nkey: ${{input.k}}\nsteps:\n{steps}");
        Side::read(&text, "v1.yaml").map_err(|complaints| format!("{complaints:?}"))
    };
    let pause = "  - { id: pause, wait: 1s }\n";
    let old = of(pause)?;
    let new = of("  - while: true\n    do: [ { id: pause, wait: 1s } ]\n")?;
    let review = compare_with(&old, &new, &[]);
    let found = review.findings.iter().find(|finding| finding.id.slug() == "end-unreachable");
    let status =
        found.and_then(|finding| finding.witness.as_ref()).map(|witness| (witness.old.status, witness.new.status));
    expect(status == Some(("completed", "running")), format!("{status:?}"))
}

fn approvals() -> Result<(), String> {
    let folder = folder();
    let old = Side::read(DEFINITION, "old").unwrap();
    let print = |text: &str| compare(&old, &Side::read(text, "new").unwrap()).findings[0].fingerprint.clone();
    let fingerprint = print(&second());
    // Another layout and an edit elsewhere leave it as it is; another value does not.
    let moved = second().replace("steps:", "# more\n\nsteps:\n  - { id: first, wait: 1d }");
    expect(print(&moved) == fingerprint, "the fingerprint has changed with an edit elsewhere")?;
    expect(
        print(&second().replace("taxId: {", "taxId: { minLength: 1,")) != fingerprint,
        "it stands for another change",
    )?;
    let approval = format!("- {{ fingerprint: \"{fingerprint}\", who: ada, why: agreed, until: 2026-05-31 }}\n");
    std::fs::write(folder.path().join("definitions/Order/approvals.yaml"), approval).unwrap();
    let (said, code) = diff(folder.path(), &["Order@1", "Order@2", "--today", "2026-05-31"]);
    expect(code == 0 && said.contains("approved by ada until 2026-05-31: agreed"), format!("{code}: {said}"))?;
    let (said, code) = diff(folder.path(), &["Order@1", "Order@2", "--today", "2026-06-01"]);
    expect(code == 1 && said.contains("has expired on 2026-05-31"), format!("{code}: {said}"))?;
    std::fs::write(folder.path().join("definitions/Order/approvals.yaml"), "- { who: ada }\n").unwrap();
    let (said, code) = diff(folder.path(), &["Order@1", "Order@2"]);
    expect(code == 2 && said.contains("the approval has no `fingerprint`"), format!("{code}: {said}"))
}

/// Text of an author that would be a tag or end a cell is shown as text.
fn markup() -> Result<(), String> {
    let with = |body: &str| DEFINITION.replace("path: /charges", &format!("path: /charges, body: {body:?}"));
    let side = |text: String, version: u32| {
        Side::read_or_say(&text.replace("version: 1", &format!("version: {version}")), "a")
    };
    for body in ["``<img src=x>", "`<img src=x>", "\\\\`<img src=x>`", "<img src=x> | `|`", "```<img src=x>```"] {
        let review = compare(&side(DEFINITION.to_owned(), 1)?, &side(with(body), 2)?);
        let markdown = show::markdown(&review, true);
        // Inside back quotes a tag is text; there it is between single ones, or not at all.
        let row = markdown.lines().find(|line| line.contains("http-body-changed")).ok_or("no row")?;
        let outside: String = row.split('`').step_by(2).collect();
        expect(!outside.contains("<img") && !row.contains("``"), format!("{body}: {row}"))?;
        expect(!show::html(&[review], true).contains("<img"), format!("{body} is a tag in the page"))?;
    }
    Ok(())
}

/// Boxes are closed, and what stands in them leads to a row of the table.
fn boxes(html: &str) -> Result<(), String> {
    let count = |what: &str| html.matches(what).count();
    expect(count("<div") == count("</div>"), "a box is not closed")?;
    for link in html.split("<a href=\"#").skip(1) {
        let fingerprint = link.split('"').next().unwrap_or_default();
        expect(html.contains(&format!("<tr id=\"{fingerprint}\"")), format!("{fingerprint} leads nowhere"))?;
    }
    Ok(())
}

/// Any two definitions can be compared: what is found one way has something to answer it the other way, and every format
/// takes it.
fn any_two() -> Result<(), String> {
    let read = |(name, node): (String, Node)| Some((name, Side::read(&node.canonical(keys::ORDERED), "a.yaml").ok()?));
    let sides: Vec<_> = definitions().into_iter().filter_map(read).collect();
    let mut random = Random(7);
    for _ in 0..300 {
        let ((one, old), (other, new)) = (&sides[random.below(sides.len())], &sides[random.below(sides.len())]);
        let (there, back) = (compare(old, new), compare(new, old));
        let counts = |review: &Review| review.findings.iter().any(|f| !f.cosmetic);
        expect(counts(&there) == counts(&back), format!("{one} and {other} differ one way only"))?;
        let shown =
            [show::text(&there, true), show::markdown(&there, true), show::html(std::slice::from_ref(&there), true)];
        expect(shown.iter().all(|text| !text.is_empty()), "nothing is shown")?;
        boxes(&shown[2]).map_err(|words| format!("{one} and {other}: {words}"))?;
        serde_json::from_str::<serde_json::Value>(&show::sarif(std::slice::from_ref(&there), true))
            .map_err(|e| e.to_string())?;
        let lines = show::annotations(&there, true);
        expect(lines.lines().all(|line| line.starts_with("::")), format!("an annotation has two lines:\n{lines}"))?;
    }
    Ok(())
}
