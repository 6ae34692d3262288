//! `fermata replay`, as an operator uses it: on files, and on the runs that are open at a server.

use std::time::Duration;

use fermata::plan::{ENGINE, Home, from_yaml};
use fermata::temporal::{Filter, StartInput};
use fermata::value::Value;
use libtest_mimic::Trial;
use serde_json::{Value as Json, json};

use crate::process::{Folder, once};
use crate::server::{CACHED, server};

pub fn trials() -> Vec<Trial> {
    vec![crate::trial("replay::command::files", files), crate::trial("replay::command::open_runs", open_runs)]
}

fn recorded(name: &str) -> Result<String, String> {
    let path = super::folder(ENGINE).join(format!("{name}.json"));
    std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))
}

/// What it printed as JSON.
fn printed(text: &str) -> Result<Json, String> {
    let line = text.lines().find(|line| line.starts_with('{')).ok_or_else(|| text.to_owned())?;
    serde_json::from_str(line).map_err(|e| format!("{e}: {text}"))
}

fn files() -> Result<(), String> {
    let folder = Folder::new();
    let (race, wait) = (recorded("race.success")?, recorded("wait.success")?);
    folder.write("good/one.json", &race).write("good/two.json", &wait).write("good/readme.txt", "no history");
    let (code, text) = once(&folder, &["replay", "good"], &[]);
    if code != 0 || !text.contains("2 histories") || !text.contains("ReplayRace v1                  1 replays") {
        return Err(format!("{code}: {text}"));
    }
    folder.write("bad/kind.json", &race.replace("\"name\":\"fermata.http\"", "\"name\":\"fermata.other\""));
    folder.write("bad/request.json", &race.replace("\"path\":\"/orders\",\"retry\"", "\"path\":\"/other\",\"retry\""));
    folder.write("bad/later.json", &race.replace("\"engine\":0,", "\"engine\":7,"));
    folder.write("bad/form.json", &race.replace("{\"fermata\":1,\"engine\"", "{\"fermata\":3,\"engine\""));
    folder.write("bad/torn.json", &race[..race.len() / 2]);
    let (code, text) = once(&folder, &["replay", "good/two.json", "bad", "--format", "json"], &[]);
    let found = printed(&text)?;
    let outcome = |name: &str| {
        let runs = found["runs"].as_array().into_iter().flatten();
        let run = runs.into_iter().find(|run| run["id"] == format!("bad/{name}.json"));
        run.map(|run| (run["outcome"].to_string(), run["reason"].to_string())).unwrap_or_default()
    };
    let wanted = [
        ("kind", "\"breaks\"", "TMPRL1100"),
        ("request", "\"differs\"", "/other"),
        ("later", "\"breaks\"", "it is a run of engine 7; this program knows up to 0"),
        ("form", "\"breaks\"", "the start input has the form 3; this program knows the forms up to 2"),
        ("torn", "\"not known\"", "not a history"),
    ];
    for (name, word, reason) in wanted {
        let found = outcome(name);
        if found.0 != word || !found.1.contains(reason) {
            return Err(format!("{name}: {found:?}, expected {word} with {reason}; {text}"));
        }
    }
    let versions = json!([
        {"process": "?", "version": 0, "counts": {"breaks": 1, "not known": 1}},
        {"process": "ReplayRace", "version": 1, "counts": {"breaks": 2, "differs": 1}},
        {"process": "ReplayWait", "version": 1, "counts": {"replays": 1}},
    ]);
    if code != 1 || found["versions"] != versions || found["more"] != false {
        return Err(format!("{code}: {text}"));
    }
    let (code, text) = once(&folder, &["replay", "bad/torn.json"], &[]);
    if code != 2 || !text.contains("not known") {
        return Err(format!("{code}: {text}"));
    }
    let (code, text) = once(&folder, &["replay", "nowhere"], &[]);
    if code != 2 || !text.contains("cannot be read") {
        return Err(format!("{code}: {text}"));
    }
    let (code, text) = once(&folder, &["replay"], &[]);
    if code != 2 || !text.contains("no Temporal server was named") {
        return Err(format!("{code}: {text}"));
    }
    Ok(())
}

/// Two versions of a process, three runs that this program can go on with, and one that needs a later program.
fn open_runs() -> Result<(), String> {
    let server = server()?;
    let client = server.client(CACHED);
    let definition = |version: i64| {
        format!(
            "fermata: 1\nprocess: Rehearsed\nversion: {version}\nkey: ${{input.k}}\nsteps:\n  - id: call\n    http: {{ \
             service: s, path: /x }}\n  - id: pause\n    wait: 1d\n"
        )
    };
    let start = |key: &str, version: i64, engine: u32| {
        let (plan, complaints) = from_yaml(&definition(version), &Home::default());
        let plan = plan.ok_or_else(|| format!("{complaints:?}"))?;
        let input = Value::map([("k", Value::text(key))]);
        let uid = uuid::Uuid::now_v7().to_string();
        let start = StartInput { engine, ..StartInput::new(&plan, uid, key.to_owned(), input) };
        // Nobody takes tasks of this queue, so the later engine harms nobody.
        let client = if engine == ENGINE { client.clone() } else { server.own_client("rehearsed")? };
        server
            .runtime
            .block_on(client.start(&format!("Rehearsed.{key}"), &start, "replay"))
            .map_err(|e| e.to_string())?;
        Ok::<_, String>(())
    };
    for (key, version, engine) in [("a", 1, ENGINE), ("b", 2, ENGINE), ("c", 2, ENGINE), ("d", 2, 7)] {
        start(key, version, engine)?;
    }
    server.runtime.block_on(async {
        for key in ["a", "b", "c"] {
            let id = format!("Rehearsed.{key}");
            let mut every = tokio::time::interval(Duration::from_millis(50));
            let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
            loop {
                every.tick().await;
                let position = client.position(&id, Duration::from_secs(30)).await.map_err(|e| e.to_string())?;
                if position.iter().any(|position| position.step == "pause") {
                    break;
                }
                if tokio::time::Instant::now() > deadline {
                    return Err(format!("{id} is at {position:?}"));
                }
            }
        }
        let filter = Filter { process: Some("Rehearsed".to_owned()), ..Filter::default() };
        let mut every = tokio::time::interval(Duration::from_millis(100));
        for _ in 0..300 {
            every.tick().await;
            if client.list(&filter, 100, Vec::new()).await.map_err(|e| e.to_string())?.0.len() == 4 {
                return Ok(());
            }
        }
        Err("the index does not know all runs".to_owned())
    })?;
    let folder = Folder::new();
    folder.write("fermata.toml", &format!("[temporal]\naddress = \"{}\"\n", server.url));
    let checked = asked(&folder).and_then(|()| shown(&folder));
    server.runtime.block_on(async {
        for key in ["a", "b", "c", "d"] {
            let _ = client.terminate(&format!("Rehearsed.{key}"), "the test is over").await;
        }
    });
    checked
}

fn asked(folder: &Folder) -> Result<(), String> {
    let base = ["replay", "--process", "Rehearsed", "--format", "json"];
    let (code, text) = once(folder, &base, &[]);
    let found = printed(&text)?;
    let versions = json!([
        {"process": "Rehearsed", "version": 1, "counts": {"replays": 1}},
        {"process": "Rehearsed", "version": 2, "counts": {"breaks": 1, "replays": 2}},
    ]);
    let late = &found["runs"][0];
    if code != 1 || found["versions"] != versions || late["id"] != "Rehearsed.d" || late["outcome"] != "breaks" {
        return Err(format!("{code}: {text}"));
    }
    let (code, text) = once(folder, &[&base[..], &["--query", "FermataKey IN ('a', 'b')"]].concat(), &[]);
    if code != 0 || printed(&text)?["runs"] != json!([]) || !text.contains("\"version\":2") {
        return Err(format!("{code}: {text}"));
    }
    let (code, text) = once(folder, &[&base[..], &["--version", "1", "--most", "1"]].concat(), &[]);
    if code != 0 || printed(&text)?["more"] != false {
        return Err(format!("{code}: {text}"));
    }
    let (_, text) = once(folder, &[&base[..], &["--most", "2"]].concat(), &[]);
    if printed(&text)?["more"] != true {
        return Err(text);
    }
    Ok(())
}

/// What Temporal's own program prints of a run can be replayed as it is.
fn shown(folder: &Folder) -> Result<(), String> {
    let server = server()?;
    let address = format!("{}:{}", server.url.host_str().unwrap_or(""), server.url.port().unwrap_or(0));
    let output = std::process::Command::new(&server.program)
        .args(["workflow", "show", "--output", "json", "--workflow-id", "Rehearsed.a", "--address", &address])
        .output()
        .map_err(|e| e.to_string())?;
    folder.write("shown.json", &String::from_utf8_lossy(&output.stdout));
    let (code, text) = once(folder, &["replay", "shown.json"], &[]);
    if code != 0 || !text.contains("Rehearsed v1") {
        return Err(format!("{code}: {text}\n{}", String::from_utf8_lossy(&output.stdout)));
    }
    Ok(())
}
