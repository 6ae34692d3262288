//! `fermata dev` as a newcomer meets it: in an empty folder with a definition, line by line.

use std::process::Command;

use fermata::temporal::program;
use libtest_mimic::Trial;
use serde_json::{Value as Json, json};

use crate::api::Api;
use crate::process::{Folder, Running, once, until};

pub fn trials() -> Vec<Trial> {
    let tests: Vec<crate::Test> = vec![
        ("dev::what_it_prints_works_as_printed", what_it_prints_works_as_printed),
        ("dev::edits_are_read_and_runs_are_kept", edits_are_read_and_runs_are_kept),
        ("dev::a_kill_ends_the_server_too", a_kill_ends_the_server_too),
        ("dev::no_way_to_a_temporal_names_the_ways", no_way_to_a_temporal_names_the_ways),
    ];
    tests.into_iter().map(|(name, test)| crate::trial(name, test)).collect()
}

fn shipped(folder: &Folder) {
    for file in ["definitions/UserGranted/v1.yaml", "definitions/UserGranted/v2.yaml", "fermata.toml"] {
        folder.write(file, &std::fs::read_to_string(crate::root().join(file)).unwrap());
    }
}

struct Dev {
    program: Running,
    base: String,
    temporal: String,
    curls: Vec<String>,
}

fn dev(folder: &Folder, arguments: &[&str]) -> Result<Dev, String> {
    // Found once before, so that several tests do not fetch it side by side.
    crate::server::server()?;
    let mut program = Running::start(folder, &[&["dev", "--listen", "127.0.0.1:0"], arguments].concat(), &[]);
    let api = program.line("  API  ")?;
    let base = api.split_whitespace().nth(1).unwrap_or("").to_owned();
    let temporal = program.line("  Temporal  ")?.split_whitespace().nth(1).unwrap_or("").to_owned();
    let curls = program.lines_until("Ctrl-C")?.into_iter().filter(|line| line.starts_with("  curl ")).collect();
    Ok(Dev { program, base, temporal, curls })
}

fn shell(line: &str) -> Result<Json, String> {
    let output = Command::new("sh").args(["-c", line]).output().map_err(|e| e.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    serde_json::from_str(&text).map_err(|e| format!("`{line}` gave `{text}`: {e}"))
}

/// Whether nothing listens there any more.
fn gone(address: &str) -> Option<()> {
    std::net::TcpStream::connect(address).is_err().then_some(())
}

fn what_it_prints_works_as_printed() -> Result<(), String> {
    let folder = Folder::new();
    shipped(&folder);
    let mut dev = dev(&folder, &[])?;
    let [start, status, limit, progress, address, purchase, result] = dev.curls.as_slice() else {
        return Err(format!("other lines: {:#?}", dev.curls));
    };
    let started = shell(start)?;
    if started["created"] != true || started["version"] != 2 {
        return Err(started.to_string());
    }
    if shell(start)?["created"] != false {
        return Err("the second start made another run".into());
    }
    let run = until("the run to wait", || shell(status).ok().filter(|run| run["waiting"] == true))?;
    if run["position"][0]["step"] != "grace" {
        return Err(run.to_string());
    }
    if shell(limit)? != json!(5) {
        return Err("the update did not answer".into());
    }
    let told = shell(progress)?;
    if told != json!({"reminders": 0, "limit": 5, "at": ["grace"]}) {
        return Err(told.to_string());
    }
    for signal in [address, purchase] {
        if shell(signal)?["id"] != started["id"] {
            return Err(format!("not taken: {signal}"));
        }
    }
    // The purchase waits in the inbox through the grace, and ends the run behind it.
    let ended = shell(result)?;
    if ended != json!({"used": true, "reminders": 0}) {
        return Err(ended.to_string());
    }
    let runtime = tokio::runtime::Runtime::new().map_err(|e| e.to_string())?;
    let api = Api::new(&dev.base);
    let routed = runtime.block_on(async {
        let body = json!({"userId": "userId-1", "age": 30});
        api.post("/system.clients.startUserGrantedWorkflow", &body).await?.expect(200)
    })?;
    if routed.json() != json!({"Id": started["id"], "RunId": started["runId"]}) {
        return Err(routed.text);
    }
    let twice = once(&folder, &["dev", "--listen", "127.0.0.1:0"], &[]);
    let holder = format!("another `fermata dev` runs in this folder (process {})", dev.program.id());
    if twice.0 != 2 || !twice.1.contains(&holder) {
        return Err(twice.1);
    }
    dev.program.interrupt()?;
    gone(&dev.temporal).ok_or_else(|| "the Temporal server is still there".to_owned())
}

fn edits_are_read_and_runs_are_kept() -> Result<(), String> {
    let folder = Folder::new();
    let text = "fermata: 1\nprocess: P\nversion: 1\nkey: ${input.k}\ninput: { type: object, properties: { k: { type: string, default: z } } }\nsteps:\n  - id: call\n    http: { service: anything, path: /x }\n  - id: long\n    wait: 9d\n";
    folder.write("definitions/P/v1.yaml", text);
    let runtime = tokio::runtime::Runtime::new().map_err(|e| e.to_string())?;
    let mut first = dev(&folder, &[])?;
    let api = Api::new(&first.base);
    runtime.block_on(async { api.start("P", json!({"k": "a"})).await?.expect(201) })?;
    first.program.line("stand-in anything: GET /x")?;
    // A broken edit is shown, and what was in order goes on serving.
    folder.write("definitions/P/v1.yaml", &text.replace("wait: 9d", "wiat: 9d"));
    first.program.line("`wiat` is not a verb")?;
    first.program.line("goes on serving")?;
    runtime.block_on(async { api.start("P", json!({"k": "b"})).await?.expect(201) })?;
    folder.write("definitions/P/v1.yaml", text);
    folder.write("definitions/P/v2.yaml", &text.replace("version: 1", "version: 2").replace("9d", "1ms"));
    first.program.line("P v1, v2")?;
    let second = runtime.block_on(async { api.start("P", json!({"k": "c"})).await?.expect(201) })?;
    if second.json()["version"] != 2 {
        return Err(second.text);
    }
    first.program.interrupt()?;
    let again = dev(&folder, &[])?;
    let api = Api::new(&again.base);
    runtime.block_on(async {
        let run = api.until("/v1/runs/P.a", |run| run["waiting"] == true).await?;
        if run["version"] != 1 || run["position"][0]["step"] != "long" {
            return Err(run.to_string());
        }
        api.result("P.c").await?.expect(200).map(|_| ())
    })?;
    drop(again);
    let fresh = dev(&folder, &["--fresh"])?;
    let api = Api::new(&fresh.base);
    runtime.block_on(async { api.get("/v1/runs/P.a").await?.problem(404, "unknown-run", "") })
}

fn a_kill_ends_the_server_too() -> Result<(), String> {
    let folder = Folder::new();
    shipped(&folder);
    let mut dev = dev(&folder, &[])?;
    dev.program.kill();
    until("the Temporal server to end", || gone(&dev.temporal))
}

fn no_way_to_a_temporal_names_the_ways() -> Result<(), String> {
    let folder = Folder::new();
    shipped(&folder);
    let nowhere = folder.path().join("nowhere").display().to_string();
    let environment = [("PATH", nowhere.as_str()), ("FERMATA_CACHE", nowhere.as_str()), ("FERMATA_OFFLINE", "1")];
    let (code, text) = once(&folder, &["dev", "--listen", "127.0.0.1:0"], &environment);
    let ways = ["PATH", "download", "go install", "fermata.toml", program::VERSION];
    match ways.iter().find(|way| !text.contains(**way)) {
        None if code == 2 => Ok(()),
        missing => Err(format!("exit {code}, without {missing:?}:\n{text}")),
    }
}
