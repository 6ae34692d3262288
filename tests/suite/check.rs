//! `fermata check`, run as a program: its formats, its exit codes, and what it never passes over in silence.

use libtest_mimic::Trial;
use serde_json::{Value as Json, json};

use crate::process::{Folder, once};

pub fn trials() -> Vec<Trial> {
    let tests: Vec<crate::Test> = vec![
        ("complaints_as_json", complaints_as_json),
        ("complaints_as_annotations", complaints_as_annotations),
        ("complaints_as_sarif", complaints_as_sarif),
        ("scenarios_speak_to_programs_too", scenarios_speak_to_programs_too),
        ("warnings_fail_where_asked", warnings_fail_where_asked),
        ("what_cannot_be_read_is_told_apart", what_cannot_be_read_is_told_apart),
        ("almost_right_names_are_complaints", almost_right_names_are_complaints),
        ("hidden_files_and_leftovers_are_nobodys", hidden_files_and_leftovers_are_nobodys),
        ("a_stray_file_hides_no_other", a_stray_file_hides_no_other),
        ("scenarios_are_read_once_or_complained_about", scenarios_are_read_once_or_complained_about),
        ("one_process_answers_for_its_own_files_only", one_process_answers_for_its_own_files_only),
        ("no_command_goes_on_with_a_name_that_is_almost_right", no_command_goes_on_with_a_name_that_is_almost_right),
        ("rules_that_never_hold_have_a_place", rules_that_never_hold_have_a_place),
        ("nothing_breaks_where_nobody_reads", nothing_breaks_where_nobody_reads),
    ];
    tests.into_iter().map(|(name, test)| crate::trial(format!("check::{name}"), test)).collect()
}

fn definition(process: &str, version: u32) -> String {
    format!(
        "fermata: 1\nprocess: {process}\nversion: {version}\nkey: ${{input.k}}\ninput: {{ type: object, required: [k], \
         additionalProperties: false, properties: {{ k: {{ type: string }} }} }}\nsteps:\n  - return: {version}\n"
    )
}

/// `fermata … | head`: what nobody reads is lost, and the exit code is what it would have been.
fn nothing_breaks_where_nobody_reads() -> Result<(), String> {
    let folder = Folder::new();
    folder.write("definitions/P/v1.yaml", &definition("P", 1));
    folder.write("definitions/P/tests/a.yaml", "scenario: a\ninput: { k: a }\nexpect: { result: 2 }\n");
    folder.write("definitions/P/v2.yaml", &definition("P", 2));
    folder.write(NAME, WRONG);
    for (arguments, wanted) in [
        (&["check", NAME][..], 1),
        (&["check", NAME, "--format", "json"], 1),
        (&["simulate", "P@1", "--input", "{\"k\": \"a\"}"], 0),
        (&["simulate", "P@1", "--input", "{\"k\": \"a\"}", "--format", "json"], 0),
        (&["test"], 1),
        (&["diff", "P@1", "P@2"], 1),
        (&["diff", "P@1", "P@3"], 2),
        (&["publish", "--untested"], 0),
        (&["new-version", "P"], 0),
    ] {
        let (reader, writer) = std::io::pipe().map_err(|e| e.to_string())?;
        drop(reader);
        let mut command = std::process::Command::new(crate::process::fermata());
        command.args(arguments).current_dir(folder.path()).stdin(std::process::Stdio::null());
        command.stdout(writer.try_clone().map_err(|e| e.to_string())?).stderr(writer);
        let code = command.status().map_err(|e| e.to_string())?.code();
        if code != Some(wanted) {
            return Err(format!("{arguments:?}: exit code {code:?}, not {wanted}"));
        }
    }
    Ok(())
}

/// An error, a warning and an error with a second place, in a file whose name wants care.
const WRONG: &str = "fermata: 1
process: P
version: 1
key: ${input.id}
steps:
  - log: \"grüße ${nix}\"
  - id: pause
    wait: 3d
    timeout: 1h
  - id: pause
    log: x
";
const NAME: &str = "a, b.yaml";

fn wrong(format: &str) -> Result<String, String> {
    let folder = Folder::new();
    folder.write(NAME, WRONG);
    let (code, text) = once(&folder, &["check", NAME, "--format", format], &[]);
    // What is for people stands on standard error, behind what is for programs.
    match text.strip_suffix("1 definition: 2 errors, 1 warning\n") {
        Some(output) if code == 1 => Ok(output.to_owned()),
        _ => Err(format!("exit code {code}: {text}")),
    }
}

fn same(found: &Json, wanted: &Json) -> Result<(), String> {
    if found == wanted { Ok(()) } else { Err(format!("expected:\n{wanted:#}\nfound:\n{found:#}")) }
}

fn complaints_as_json() -> Result<(), String> {
    let found: Json = serde_json::from_str(&wrong("json")?).map_err(|e| e.to_string())?;
    let wanted = json!({
        "definitions": 1, "scenarios": 0, "errors": 2, "warnings": 1,
        "complaints": [
            {
                "file": NAME, "line": 6, "column": 19, "end": { "line": 6, "column": 22 }, "severity": "error",
                "code": "unknown-name", "message": "there is no name `nix` here", "help": null, "related": [],
            },
            {
                "file": NAME, "line": 9, "column": 14, "end": { "line": 9, "column": 16 }, "severity": "warning",
                "code": "meaningless", "message": "the timeout of 1h always strikes: the step waits for 3d",
                "help": "wait for the shorter of the two, and do behind it what `on-timeout` does", "related": [],
            },
            {
                "file": NAME, "line": 10, "column": 9, "end": { "line": 10, "column": 14 }, "severity": "error",
                "code": "duplicate-id", "message": "the id `pause` stands twice",
                "help": "an id names one step of the process",
                "related": [
                    { "line": 7, "column": 9, "end": { "line": 7, "column": 14 }, "message": "first here" },
                ],
            },
        ],
    });
    same(&found, &wanted)?;
    let folder = Folder::new();
    folder.write("definitions/P/v1.yaml", &definition("P", 1));
    let (code, text) = once(&folder, &["check", "--format", "json"], &[]);
    let found: Json = text.lines().next().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
    same(&found, &json!({ "definitions": 1, "scenarios": 0, "errors": 0, "warnings": 0, "complaints": [] }))?;
    if code == 0 { Ok(()) } else { Err(format!("exit code {code}: {text}")) }
}

fn complaints_as_annotations() -> Result<(), String> {
    let wanted = "::error file=a%2C b.yaml,line=6,col=19,endColumn=22,title=unknown-name::there is no name `nix` here
::warning file=a%2C b.yaml,line=9,col=14,endColumn=16,title=meaningless::the timeout of 1h always strikes: the step \
                  waits for 3d; wait for the shorter of the two, and do behind it what `on-timeout` does
::error file=a%2C b.yaml,line=10,col=9,endColumn=14,title=duplicate-id::the id `pause` stands twice; an id names one step \
                  of the process
";
    let found = wrong("github")?;
    if found == wanted { Ok(()) } else { Err(format!("expected:\n{wanted}\nfound:\n{found}")) }
}

fn complaints_as_sarif() -> Result<(), String> {
    let log: Json = serde_json::from_str(&wrong("sarif")?).map_err(|e| e.to_string())?;
    let run = &log["runs"][0];
    same(&log["version"], &json!("2.1.0"))?;
    same(&run["columnKind"], &json!("unicodeCodePoints"))?;
    let rules = json!([{ "id": "duplicate-id" }, { "id": "meaningless" }, { "id": "unknown-name" }]);
    same(&run["tool"]["driver"]["rules"], &rules)?;
    let place = |line: u32, start: u32, end: u32| {
        json!({
            "artifactLocation": { "uri": "a%2C%20b.yaml" },
            "region": { "startLine": line, "startColumn": start, "endLine": line, "endColumn": end },
        })
    };
    let last = json!({
        "ruleId": "duplicate-id", "level": "error",
        "message": { "text": "the id `pause` stands twice; an id names one step of the process" },
        "locations": [{ "physicalLocation": place(10, 9, 14) }],
        "relatedLocations": [{ "physicalLocation": place(7, 9, 14), "message": { "text": "first here" } }],
    });
    same(&run["results"][2], &last)?;
    same(&run["results"][1]["level"], &json!("warning"))?;
    same(&run["results"][0]["locations"][0]["physicalLocation"], &place(6, 19, 22))
}

fn expect(found: (i32, String), code: i32, parts: &[&str]) -> Result<(), String> {
    match parts.iter().find(|part| !found.1.contains(**part)) {
        None if found.0 == code => Ok(()),
        None => Err(format!("exit code {} instead of {code}: {}", found.0, found.1)),
        Some(part) => Err(format!("`{part}` is not in: {}", found.1)),
    }
}

fn scenarios_speak_to_programs_too() -> Result<(), String> {
    let folder = Folder::new();
    folder.write("definitions/P/v1.yaml", &definition("P", 1));
    folder.write("definitions/P/tests/a.yaml", "input: { k: a }\nexpect: { never: [nowhere] }\n");
    let said = |format| {
        let (code, text) = once(&folder, &["check", "--strict", "--format", format], &[]);
        let output = text.strip_suffix("1 definition, 1 scenario: 1 error, 0 warnings\n").map(str::to_owned);
        output.filter(|_| code == 1).ok_or(format!("exit code {code}: {text}"))
    };
    let found: Json = serde_json::from_str(&said("json")?).map_err(|e| e.to_string())?;
    let wanted = json!({
        "definitions": 1, "scenarios": 1, "errors": 1, "warnings": 0,
        "complaints": [{
            "file": "definitions/P/tests/a.yaml", "line": 2, "column": 19, "end": { "line": 2, "column": 26 },
            "severity": "error", "code": "expectation", "message": "there is no step `nowhere` in the definition",
            "help": found["complaints"][0]["help"], "related": [],
        }],
    });
    same(&found, &wanted)?;
    let line = said("github")?;
    let place =
        "::error file=definitions/P/tests/a.yaml,line=2,col=19,endColumn=26,title=expectation::there is no step";
    if !line.starts_with(place) || line.lines().count() != 1 {
        return Err(line);
    }
    let log: Json = serde_json::from_str(&said("sarif")?).map_err(|e| e.to_string())?;
    let place = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    same(&place["artifactLocation"]["uri"], &json!("definitions/P/tests/a.yaml"))
}

fn warnings_fail_where_asked() -> Result<(), String> {
    let folder = Folder::new();
    folder.write("definitions/P/v1.yaml", &definition("P", 1));
    expect(once(&folder, &["check", "--strict"], &[]), 0, &["0 errors, 0 warnings"])?;
    folder.write("definitions/P/v1.yaml", &format!("{}  - log: never\n", definition("P", 1)));
    for format in ["human", "json", "github", "sarif"] {
        expect(once(&folder, &["check", "--format", format], &[]), 0, &["unreachable", "1 warning"])?;
        expect(once(&folder, &["check", "--strict", "--format", format], &[]), 1, &["unreachable", "1 warning"])?;
    }
    Ok(())
}

fn what_cannot_be_read_is_told_apart() -> Result<(), String> {
    let folder = Folder::new();
    folder.write("definitions/P/v1.yaml", &definition("P", 1));
    for format in ["human", "json", "github", "sarif"] {
        let gone = once(&folder, &["check", "nowhere", "definitions", "--format", format], &[]);
        expect(gone, 2, &["nowhere: cannot be read", "1 definition: 0 errors"])?;
    }
    folder.write("empty/note.txt", "");
    expect(once(&folder, &["check", "empty"], &[]), 2, &["no definitions here"])
}

/// What is named almost rightly, below `definitions`, and what is said of it.
const ALMOST: [(&str, &str); 16] = [
    ("P/v2.yml", "name it `v2.yaml`"),
    ("P/v02.yaml", "name it `v2.yaml`"),
    ("P/V3.yaml", "name it `v3.yaml`"),
    ("P/2.yaml", "name it `v2.yaml`"),
    ("P/v2.YAML", "name it `v2.yaml`"),
    ("P/v1.yml", "there is `v1.yaml` beside it: keep one of the two"),
    ("P/v0.yaml", "a version is named `v1.yaml`, `v2.yaml`"),
    ("P/v2-draft.yaml", "a version is named `v1.yaml`, `v2.yaml`"),
    ("P/releases.yml", "name it `releases.yaml`"),
    ("P/approval.yaml", "name it `approvals.yaml`"),
    ("P/tests/paid.yml", "name it `paid.yaml`"),
    ("P/tests/slow/paid.yaml", "put them into `tests` itself"),
    ("P/test/paid.yaml", "name the folder `tests`"),
    ("P/Tests/paid.yaml", "name the folder `tests`"),
    ("P/old/v2.yaml", "put the folder beside those of the other processes"),
    ("v2.yaml", "put it into `<Process>/v<N>.yaml`"),
];

fn almost_right_names_are_complaints() -> Result<(), String> {
    for (name, help) in ALMOST {
        let folder = Folder::new();
        folder.write("definitions/P/v1.yaml", &definition("P", 1));
        folder.write(&format!("definitions/{name}"), "scenario: x\n");
        // A folder is named where the folder is what is wrong.
        let place =
            ["test", "Tests", "old", "tests/slow"].into_iter().find(|inner| name.starts_with(&format!("P/{inner}/")));
        let place = place.map_or(format!("definitions/{name}:1:1: "), |inner| format!("definitions/P/{inner}:1:1: "));
        let parts = [&format!("{place}error[file-name]: "), help, "1 definition: 1 error, 0 warnings"];
        expect(once(&folder, &["check"], &[]), 1, &parts)?;
        if name.starts_with("P/") {
            expect(once(&folder, &["check", "definitions/P"], &[]), 1, &parts)?;
        }
    }
    Ok(())
}

fn hidden_files_and_leftovers_are_nobodys() -> Result<(), String> {
    let folder = Folder::new();
    folder.write("definitions/P/v1.yaml", &definition("P", 1));
    folder.write("definitions/P/tests/a.yaml", "scenario: a\ninput: { k: a }\nexpect: { result: 1 }\n");
    for name in [
        ".v1.yaml.swp",
        ".v2.yml",
        "v1.yaml~",
        "#v1.yaml#",
        "v1.yaml.orig",
        "v1.yaml.bak",
        ".git/v2.yaml",
        "README.md",
        "approvals.yaml",
        "notes/plan.yaml",
        "tests/data.json",
        "tests/.b.yml",
        "tests/a.yaml~",
    ] {
        folder.write(&format!("definitions/P/{name}"), "nothing\n");
    }
    folder.write("definitions/.git/HEAD.yml", "nothing\n").write("definitions/.hidden/v2.yml", "nothing\n");
    expect(once(&folder, &["check", "--strict"], &[]), 0, &["1 definition, 1 scenario: 0 errors, 0 warnings"])?;
    expect(once(&folder, &["test"], &[]), 0, &["1 passed, 0 failed"])
}

/// A version beside the folders of the processes was taken for the whole, and everything else went unread.
fn a_stray_file_hides_no_other() -> Result<(), String> {
    let folder = Folder::new();
    folder.write("definitions/v1.yaml", &definition("P", 1));
    folder.write("definitions/P/v1.yaml", &definition("P", 1));
    folder.write("definitions/Q/v1.yaml", &definition("Q", 1).replace("return", "retrun"));
    let parts = ["definitions/v1.yaml:1:1: error[file-name]", "`retrun` is not a verb", "2 definitions: 2 errors"];
    expect(once(&folder, &["check"], &[]), 1, &parts)
}

/// One that is not named as a scenario is a complaint, and is neither read nor counted.
fn scenarios_are_read_once_or_complained_about() -> Result<(), String> {
    let folder = Folder::new();
    folder.write("definitions/P/v1.yaml", &definition("P", 1));
    folder.write("definitions/P/tests/a.yaml", "input: { k: a }\nexpect: { result: 1, never: [nowhere] }\n");
    folder.write("definitions/P/tests/b.yml", "input: { k: a }\nexpect: { never: [nowhere] }\n");
    let parts = [
        "definitions/P/tests/a.yaml:2:30: error[expectation]: there is no step `nowhere`",
        "definitions/P/tests/b.yml:1:1: error[file-name]: the scenario `b.yml` is not run",
        "1 scenario: 2 errors, 0 warnings",
    ];
    for path in ["definitions", "definitions/P", "definitions/P/tests"] {
        let (code, text) = once(&folder, &["check", path], &[]);
        if let Some(part) = parts.iter().find(|part| text.matches(**part).count() != 1).filter(|_| code == 1) {
            return Err(format!("check {path}: `{part}` is not there once: {text}"));
        }
        expect((code, text), 1, &parts)?;
    }
    Ok(())
}

fn one_process_answers_for_its_own_files_only() -> Result<(), String> {
    let folder = Folder::new();
    for process in ["P", "Q"] {
        folder.write(&format!("definitions/{process}/v1.yaml"), &definition(process, 1));
        folder.write(
            &format!("definitions/{process}/tests/a.yaml"),
            "scenario: a\ninput: { k: a }\nexpect: { result: 1 }\n",
        );
    }
    folder.write("definitions/Q/tests/b.yml", "nothing\n").write("definitions/v3.yml", "nothing\n");
    expect(once(&folder, &["test", "P"], &[]), 0, &["1 passed, 0 failed"])?;
    expect(once(&folder, &["simulate", "P", "--scenario", "a"], &[]), 0, &["completed"])?;
    expect(once(&folder, &["publish", "P"], &[]), 0, &["P v1"])?;
    let complaint = "definitions/Q/tests/b.yml:1:1: error[file-name]";
    expect(once(&folder, &["test", "Q"], &[]), 2, &[complaint, "nothing was run"])?;
    expect(once(&folder, &["simulate", "Q", "--scenario", "a"], &[]), 1, &[complaint])?;
    expect(once(&folder, &["publish", "Q"], &[]), 1, &[complaint, "nothing was published"])?;
    // What is named by its file is what is meant.
    let named = ["simulate", "definitions/Q/v1.yaml", "--scenario", "definitions/Q/tests/a.yaml"];
    expect(once(&folder, &named, &[]), 0, &["completed"])
}

fn no_command_goes_on_with_a_name_that_is_almost_right() -> Result<(), String> {
    let folder = Folder::new();
    folder.write("definitions/P/v1.yaml", &definition("P", 1));
    folder.write("definitions/P/v2.yml", &definition("P", 2));
    let complaint = "v2.yml:1:1: error[file-name]";
    expect(once(&folder, &["publish"], &[]), 1, &[complaint, "nothing was published"])?;
    expect(once(&folder, &["test"], &[]), 2, &[complaint, "nothing was run"])?;
    folder.write("other/P/v1.yaml", &definition("P", 1));
    expect(once(&folder, &["diff", "other", "definitions"], &[]), 0, &[complaint])
}

fn rules_that_never_hold_have_a_place() -> Result<(), String> {
    let folder = Folder::new();
    folder.write("definitions/P/v1.yaml", &definition("P", 1));
    expect(once(&folder, &["publish"], &[]), 0, &["P v1"])?;
    folder.write("definitions/P/v2.yaml", &definition("P", 2));
    let rules = "labels: { stable: 1, next: 2 }
start:
  - when: input.country == 'SE'
    version: next
  - version: stable
";
    folder.write("definitions/P/releases.yaml", rules);
    let parts = [
        "definitions/P/releases.yaml:1:28: warning[release]: version 2 is not published",
        "definitions/P/releases.yaml:3:17: error[unknown-field]: `input` has no field `country`",
        "3 definitions: 1 error, 1 warning",
    ];
    expect(once(&folder, &["check"], &[]), 1, &parts)?;
    expect(once(&folder, &["check", "definitions/P/releases.yaml"], &[]), 1, &parts[..2])?;
    folder.write("definitions/P/releases.yaml", &rules.replace("country", "k"));
    expect(once(&folder, &["check"], &[]), 0, &[parts[0], "0 errors, 1 warning"])?;
    expect(once(&folder, &["publish"], &[]), 0, &["P v2"])?;
    expect(once(&folder, &["check", "--strict"], &[]), 0, &["0 errors, 0 warnings"])?;
    // Named alone it is held against the same versions.
    let alone = Folder::new();
    alone.write("v1.yaml", &definition("P", 1)).write("releases.yaml", "start:\n  - version: 2\n");
    expect(
        once(&alone, &["check", "releases.yaml"], &[]),
        1,
        &["releases.yaml:2:14: error[release]: there is no version 2"],
    )?;
    alone.write("releases.yaml", "start:\n  - version: 1\n");
    expect(once(&alone, &["check", "releases.yaml"], &[]), 0, &["0 errors"])
}
