//! The examples as their READMEs say, where Python is: an outbox, and activities of a worker in another language.

use std::path::PathBuf;
use std::process::{Command, Output};

use libtest_mimic::Trial;
use serde_json::json;

use crate::process::{Folder, Running};
use crate::server::server;
use crate::service::{configuration, ready, serve};

pub fn trials() -> Vec<Trial> {
    let tests: Vec<crate::Test> = vec![
        ("the_outbox_is_emptied_and_nothing_starts_twice", outbox),
        ("activities_in_python", activities),
        ("scenarios_pass_and_a_failing_one_says_where", scenarios),
        ("the_review_of_a_pull_request", review),
    ];
    let absent = python().is_none() || std::env::var_os("FERMATA_OFFLINE").is_some();
    tests
        .into_iter()
        .map(|(name, test)| {
            // Named as ignored, never skipped in silence.
            let needs_it = ["outbox", "python"].iter().any(|word| name.contains(word));
            crate::trial(format!("examples::{name}"), test).with_ignored_flag(absent && needs_it)
        })
        .collect()
}

/// A Python of at least 3.10.
fn python() -> Option<&'static str> {
    let asks = "import sys, venv; sys.exit(sys.version_info < (3, 10))";
    let fits = Command::new("python3").args(["-c", asks]).output().is_ok_and(|output| output.status.success());
    fits.then_some("python3")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn shipped(folder: &Folder) {
    for name in ["definitions/UserGranted/v1.yaml", "definitions/UserGranted/v2.yaml"] {
        folder.write(name, &std::fs::read_to_string(crate::root().join(name)).unwrap());
    }
}

fn outbox() -> Result<(), String> {
    const ROWS: usize = 5;
    let server = server()?;
    let folder = Folder::new();
    let services = "[service.push]\nurl = \"{}push\"\nallow = [\"loopback\"]\n[service.discounts]\nurl = \"{}d\"\nallow = [\"loopback\"]\n";
    let services = services.replace("{}", server.mock.url.as_str());
    folder.write("fermata.toml", &format!("{}{services}", configuration(server, "outbox")));
    shipped(&folder);
    server.runtime.block_on(async {
        let serving = serve(&folder, &[])?;
        ready(&serving).await?;
        let rows = ROWS.to_string();
        let arguments = ["--db", "outbox.db", "--base", serving.api.base(), "--seed", &rows, "--once"];
        let output = Command::new(python().unwrap())
            .arg(crate::root().join("examples/outbox/outbox.py"))
            .args(arguments)
            .current_dir(folder.path())
            .output()
            .map_err(|e| e.to_string())?;
        if !output.status.success() || !said(&output).contains(&format!("{ROWS} delivered, 0 parked")) {
            return Err(said(&output));
        }
        // The list lags a little behind the starts.
        let all = |list: &serde_json::Value| list["runs"].as_array().is_some_and(|runs| runs.len() == ROWS);
        serving.api.until("/v1/runs?process=UserGranted&status=running", all).await?;
        for n in 1..=ROWS {
            let client = server.client(crate::server::CACHED);
            let id = format!("UserGranted.u-{n}");
            client.terminate(&id, "the test is over").await.map_err(|e| format!("{id}: {e}"))?;
        }
        Ok(())
    })
}

/// The packages of the example's worker, installed once into the target folder.
fn packages() -> Result<PathBuf, String> {
    let target = crate::process::fermata().parent().unwrap().join("python");
    let python = target.join("bin/python");
    let has = || Command::new(&python).args(["-c", "import temporalio"]).output().is_ok_and(|o| o.status.success());
    if has() {
        return Ok(python);
    }
    let requirements = crate::root().join("examples/activities-python/requirements.txt");
    let steps: [(&std::path::Path, Vec<std::ffi::OsString>); 2] = [
        (std::path::Path::new("python3"), vec!["-m".into(), "venv".into(), target.clone().into()]),
        (
            &python,
            ["-m", "pip", "install", "-q", "-r"].map(Into::into).into_iter().chain([requirements.into()]).collect(),
        ),
    ];
    for (program, arguments) in steps {
        let output = Command::new(program).args(arguments).output().map_err(|e| e.to_string())?;
        if !output.status.success() {
            return Err(format!("the packages of the example cannot be installed: {}", said(&output)));
        }
    }
    Ok(python)
}

fn activities() -> Result<(), String> {
    let server = server()?;
    let python = packages()?;
    let folder = Folder::new();
    folder.write("fermata.toml", &configuration(server, "grants"));
    let definition = "examples/activities-python/definitions/GrantAll/v1.yaml";
    let text = std::fs::read_to_string(crate::root().join(definition)).map_err(|e| e.to_string())?;
    folder.write("definitions/GrantAll/v1.yaml", &text);
    let address = format!("{}:{}", server.url.host_str().unwrap_or(""), server.url.port().unwrap_or(0));
    let script = crate::root().join("examples/activities-python/worker.py");
    let mut command = Command::new(python);
    command.arg(script).args(["--address", &address, "--queue", "discounts"]);
    let mut worker = Running::of(command);
    worker.line("ready on discounts")?;
    server.runtime.block_on(async {
        let serving = serve(&folder, &[])?;
        ready(&serving).await?;
        let grant = async |user: &str, discounts: serde_json::Value| {
            serving.api.start("GrantAll", json!({"userId": user, "discounts": discounts})).await?.expect(201)?;
            serving.api.result(&format!("GrantAll.{user}")).await?.expect(200).map(|answer| answer.json())
        };
        // The third fails for good: its type is listed in `unless`. The first attempt for this user always fails.
        let mixed = grant("flaky-1", json!(["welcome", "free-shipping", "no-such"])).await?;
        let kinds = |result: &serde_json::Value| {
            let list = result.as_array().or(result["grants"].as_array()).cloned().unwrap_or_default();
            list.iter().map(|one| one["error"]["type"].as_str().unwrap_or("granted").to_owned()).collect::<Vec<_>>()
        };
        if kinds(&mixed) != ["granted", "granted", "activity.UnknownDiscount"] {
            return Err(mixed.to_string());
        }
        let blocked = grant("blocked-1", json!(["welcome"])).await?;
        if kinds(&blocked) != ["activity.UserBlocked"] {
            return Err(blocked.to_string());
        }
        Ok(())
    })?;
    worker.interrupt()
}

fn scenarios() -> Result<(), String> {
    let folder = Folder::new();
    shipped(&folder);
    for file in crate::files("definitions/UserGranted/tests", "yaml") {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        folder.write(&format!("definitions/UserGranted/tests/{name}"), &std::fs::read_to_string(&file).unwrap());
    }
    let (code, text) = crate::process::once(&folder, &["test"], &[]);
    if code != 0 || !text.contains(" passed, 0 failed") {
        return Err(text);
    }
    folder.write(
        "definitions/UserGranted/tests/wrong.yaml",
        "scenario: Wrong on purpose\nversions: [1]\ninput: { userId: w, age: 1 }\ntimeline:\n  - { after: 1h, signal: purchased, \
         payload: { amount: 1 } }\nexpect:\n  status: completed\n  path: [welcome, remind]\n",
    );
    let (code, text) = crate::process::once(&folder, &["test", "UserGranted"], &[]);
    let both = text.contains("wrong.yaml:8:19: error[expectation]: `remind` was not entered")
        && text.contains("definitions/UserGranted/v1.yaml:")
        && text.contains("1 failed");
    if code != 1 || !both {
        return Err(text);
    }
    let (code, text) = crate::process::once(&folder, &["test", "--format", "json"], &[]);
    let json: serde_json::Value = serde_json::from_str(text.trim()).map_err(|e| format!("{e}: {text}"))?;
    let all = json["scenarios"].as_array().ok_or("no `scenarios`")?;
    let failed: Vec<&str> =
        all.iter().filter(|s| s["outcome"] == "failed").filter_map(|s| s["name"].as_str()).collect();
    if code != 1 || failed != ["Wrong on purpose"] {
        return Err(text);
    }
    let (code, text) = crate::process::once(&folder, &["test", "--format", "junit"], &[]);
    if code != 1 || !text.contains("<testsuite name=\"UserGranted\"") || !text.contains("failures=\"1\"") {
        return Err(text);
    }
    folder.write(
        "definitions/UserGranted/tests/wrong.yaml",
        "scenario: Names what is not there\ninput: { userId: w, age: 1 }\nanswers: { welcom: ok }\ntimeline:\n  - { after: 1h, signal: bought }\n\
         expect: { status: completed }\n",
    );
    let (code, text) = crate::process::once(&folder, &["test"], &[]);
    let named = text.contains("no step `welcom`")
        && text.contains("did you mean `welcome`?")
        && text.contains("no signal `bought`");
    if code == 1 && named { Ok(()) } else { Err(text) }
}

/// The review as the workflow of `examples/ci` runs it: what is new against what was there.
fn review() -> Result<(), String> {
    let folder = Folder::new();
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"];
        let output = Command::new("git").args(identity).args(arguments).current_dir(folder.path()).output();
        let output = output.map_err(|e| e.to_string())?;
        if output.status.success() { Ok(()) } else { Err(said(&output)) }
    };
    let text = std::fs::read_to_string(crate::root().join("definitions/UserGranted/v1.yaml")).unwrap();
    let other =
        |process: &str| format!("fermata: 1\nprocess: {process}\nversion: 1\nkey: ${{input.k}}\nsteps:\n  - log: x\n");
    folder.write("definitions/UserGranted/v1.yaml", &text);
    folder.write("definitions/Old/v1.yaml", &other("Old"));
    git(&["init", "-q"])?;
    git(&["add", "."])?;
    git(&["commit", "-qm", "v1"])?;
    git(&["update-ref", "refs/remotes/origin/main", "HEAD"])?;
    let program = crate::process::fermata();
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap_or_default());
    let script = script_of("review")?;
    let run = || {
        let shell = Command::new("bash")
            .args(["-eo", "pipefail", "-c", &script])
            .current_dir(folder.path())
            .env("PATH", &path)
            .env("GITHUB_BASE_REF", "main")
            .env("GITHUB_STEP_SUMMARY", folder.path().join("summary.md"))
            .output();
        let output = shell.map_err(|e| e.to_string())?;
        let review = std::fs::read_to_string(folder.path().join("review.md")).unwrap_or_default();
        Ok::<_, String>((output.status.code(), review, said(&output)))
    };
    let (code, nothing, told) = run()?;
    if code != Some(0) || nothing != "No process has changed.\n" {
        return Err(format!("{code:?} {nothing} {told}"));
    }
    // A property that must be given is a break for whoever calls; one process is new, another is gone.
    let second = text
        .replace("version: 1", "version: 2")
        .replace("required: [userId, age]", "required: [userId, age, discounts]");
    folder.write("definitions/UserGranted/v2.yaml", &second);
    folder.write("definitions/New/v1.yaml", &other("New"));
    std::fs::remove_dir_all(folder.path().join("definitions/Old")).map_err(|e| e.to_string())?;
    let (code, review, told) = run()?;
    let wanted = [
        "**New  v1, the first** — 1 to know",
        "**Old  v1 → gone** — 1 can break",
        "**UserGranted  v1 → v2** — 1 can break",
        "`input-became-required`",
    ];
    if let (Some(0), Some(missing)) = (code, wanted.iter().find(|words| !review.contains(**words))) {
        return Err(format!("`{missing}` is missing: {review}"));
    }
    // What cannot be compared fails the build.
    folder.write("definitions/UserGranted/v2.yaml", "fermata: 1\n");
    let (broken, ..) = run()?;
    if (code, broken) == (Some(0), Some(1)) { Ok(()) } else { Err(format!("{code:?}, {broken:?} {review} {told}")) }
}

/// The script of a step of the workflow.
fn script_of(step: &str) -> Result<String, String> {
    let text = std::fs::read_to_string(crate::root().join("examples/ci/fermata.yml")).map_err(|e| e.to_string())?;
    let lines = text.lines().skip_while(|line| line.trim() != format!("- name: {step}"));
    let script: Vec<&str> = lines.skip(2).take_while(|line| line.starts_with("          ")).map(str::trim).collect();
    if script.is_empty() { Err(format!("the workflow has no step `{step}`")) } else { Ok(script.join("\n")) }
}
