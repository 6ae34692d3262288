//! The journal of a run: what its histories give, over HTTP and from the command line, against what the simulator tells of
//! the same run, and against what was written by hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use fermata::plan::{Home, Plan, from_yaml};
use fermata::simulate::{Scenario, lines, simulate};
use fermata::story::Line;
use fermata::temporal::{History, Journal, Mark, Marks, Sources, StartInput, Temporal};
use fermata::value::{Time, Value};
use libtest_mimic::Trial;
use serde_json::{Value as Json, json};

use crate::api::Api;
use crate::cases;
use crate::process::{Folder, once};
use crate::replay::{Recorded, corpus, first};
use crate::server::{CACHED, Server, server};
use crate::service::{configuration, ready, serve};

pub fn trials() -> Vec<Trial> {
    let tests: Vec<crate::Test> = vec![
        ("a_small_run_is_told_as_written_by_hand", by_hand),
        ("pages_over_many_histories_are_one_journal", pages),
        ("what_is_forgotten_is_said", forgotten),
        ("a_history_that_does_not_agree_is_told_as_far_as_it_does", parted),
        ("show_tells_open_and_closed_runs", show),
        ("requests_that_cannot_be_answered", wrong_requests),
        ("what_is_marked_is_never_shown", marked),
        ("behind_a_crossing_nothing_of_what_was_told_in_confidence_is_shown", marked_behind_a_crossing),
    ];
    let tests = tests.into_iter().map(|(name, test)| crate::trial(format!("journal::{name}"), test));
    let mut runs: BTreeMap<String, Vec<Recorded>> = BTreeMap::new();
    for (engine, recorded) in corpus() {
        runs.entry(format!("journal::engine-{engine}::{}", first(&recorded.name))).or_default().push(recorded);
    }
    let recorded = runs.into_iter().map(|(name, mut histories)| {
        // The first has no number, the second is 2.
        histories.sort_by_key(|one| one.name.rsplit('.').next().and_then(|last| last.parse::<u32>().ok()));
        crate::trial(name, move || like_the_simulator(&histories))
    });
    tests.chain(recorded).collect()
}

// ---- a recorded history, and the simulator

fn sources(plan: Arc<Plan>) -> Sources {
    Arc::new(move |start: &StartInput| (start.digest == plan.digest()).then(|| plan.clone()))
}

fn whole(journal: &Journal) -> Vec<Line> {
    journal.tell(0, usize::MAX, usize::MAX).lines
}

/// What two hosts tell alike: clocks differ, and the words of an error that a host finds.
fn alike(line: &Line) -> (String, String, Option<usize>, Json) {
    let mut parts = line.parts.clone();
    // Why a run is cancelled a scenario does not say.
    if line.what == "cancel-requested" {
        parts.remove("reason");
    }
    for differs in ["after", "due", "began", "before", "attempts", "message", "until"] {
        parts.remove(differs);
    }
    (line.path.clone(), line.what.clone(), line.line, Json::Object(parts))
}

/// The journal of a recorded run has the lines of the simulated one, but for what each host has beside the trace.
fn like_the_simulator(histories: &[Recorded]) -> Result<(), String> {
    let name = histories.first().map_or("", |one| first(&one.name));
    let (case, scenario) = name.split_once('.').ok_or("no name")?;
    let case = cases::read(&crate::root().join(format!("tests/replay/{case}.yaml")))?;
    let (mut told, mut fed) = (Vec::new(), Vec::new());
    for history in histories {
        let history = history.history()?;
        let journal = Journal::of(&history, &sources(case.plan.clone()));
        let whole = whole(&journal);
        // In pieces, by number and by size, it is the same.
        for (most, bytes) in [(1, usize::MAX), (7, usize::MAX), (usize::MAX, 1), (usize::MAX, 700)] {
            let (mut pieces, mut from) = (Vec::new(), Some(0));
            while let Some(at) = from {
                let piece = journal.tell(at, most, bytes);
                pieces.extend(piece.lines);
                from = piece.more;
            }
            if pieces != whole {
                return Err(format!("in pieces of {most} lines and {bytes} bytes it is another"));
            }
        }
        told.extend(whole);
        fed.extend(history.read().map_err(|e| e.to_string())?.fed);
    }
    // A call that was tried again says what went wrong before.
    let again =
        |line: &&Line| line.what == "ended" && line.parts.get("attempts").is_some_and(|attempts| *attempts != 1);
    for line in told.iter().filter(again) {
        let text = |key| line.parts.get(key).and_then(Json::as_str).unwrap_or("");
        if text("before").is_empty() || text("began").is_empty() {
            return Err(line.json());
        }
    }
    // Each line of the trace is there, in its order.
    let traced = fed.iter().flat_map(|fed| &fed.trace).map(|trace| {
        let json = serde_json::to_value(trace).unwrap();
        (trace.path.to_string(), json["what"].as_str().unwrap_or("").to_owned())
    });
    let own = |line: &&Line| !["started", "arrived"].contains(&line.what.as_str());
    let found: Vec<_> = told.iter().filter(own).map(|line| (line.path.clone(), line.what.clone())).collect();
    if found != traced.collect::<Vec<_>>() {
        return Err(format!("it is not the trace: {found:?}"));
    }
    let scenario = scenario.strip_prefix("crossing-").unwrap_or(scenario);
    let (scenario, _) = case.scenarios.iter().find(|(one, _)| one.name == scenario).ok_or("no scenario")?;
    let report = simulate(&case.plan, scenario).map_err(|e| e.to_string())?;
    // What did not come to the machine is in no history.
    let beside = ["attempt", "queried", "waits", "stray"];
    let refused = |line: &Line| {
        line.what == "refused"
            && !report.trace.iter().any(|(_, trace)| {
                let json = serde_json::to_value(trace).unwrap();
                json["what"] == "refused" && json["event"] == line.parts["event"]
            })
    };
    let simulated = lines(&case.plan, scenario, &report).filter(|l| !beside.contains(&l.what.as_str()) && !refused(l));
    let simulated: Vec<_> = simulated.map(|line| alike(&line)).collect();
    // A server answers a call that was withdrawn.
    let real: Vec<_> = told.iter().filter(own).filter(|line| line.what != "stray").map(alike).collect();
    for (real, simulated) in real.iter().zip(&simulated) {
        if real != simulated {
            return Err(format!("told is {real:?}, simulated {simulated:?}"));
        }
    }
    if real.len() == simulated.len() { Ok(()) } else { Err(format!("{} lines, not {}", real.len(), simulated.len())) }
}

/// One change in what was asked of a service: up to there the journal is as it was, and then it says so.
fn parted() -> Result<(), String> {
    let recorded =
        corpus().into_iter().map(|(_, one)| one).find(|one| one.name == "http.success").ok_or("no history")?;
    let none: Sources = Arc::new(|_: &StartInput| None);
    let before = whole(&Journal::of(&recorded.history()?, &none));
    let text = recorded
        .text()?
        .replace("\"method\":\"PUT\",\"path\":\"/orders/one\"", "\"method\":\"PUT\",\"path\":\"/orders/two\"");
    let changed = History::from_json(text.as_bytes()).map_err(|e| e.to_string())?;
    let after = whole(&Journal::of(&changed, &none));
    let Some((last, agreed)) = after.split_last() else { return Err("nothing is told".into()) };
    // The first task asked for it.
    if agreed != &before[..1] {
        return Err(format!("{agreed:?}"));
    }
    let reason = last.parts["reason"].as_str().unwrap_or("");
    if last.what == "parted" && last.parts["event"] == 5 && reason.contains("/orders/two") {
        return Ok(());
    }
    Err(last.json())
}

// ---- over HTTP

/// All pages of a journal, each with the entries that it has.
async fn walk(api: &Api, id: &str, size: usize) -> Result<Vec<Vec<Json>>, String> {
    let (mut pages, mut token) = (Vec::new(), String::new());
    loop {
        let answer = api.get(&format!("/v1/runs/{id}/journal?page_size={size}{token}")).await?.expect(200)?;
        let page = answer.json();
        if page["complete"] != true || !page["from"].is_null() {
            return Err(format!("it is not complete: {}", answer.text));
        }
        let entries = page["entries"].as_array().cloned().ok_or("no entries")?;
        if entries.len() > size {
            return Err(format!("{} entries in a page of {size}", entries.len()));
        }
        pages.push(entries);
        match page["nextPageToken"].as_str() {
            Some(next) => token = format!("&page_token={next}"),
            None => return Ok(pages),
        }
    }
}

fn without(entry: &Json, keys: &[&str]) -> Json {
    let mut entry = entry.clone();
    if let Some(entry) = entry.as_object_mut() {
        keys.iter().for_each(|key| drop(entry.remove(*key)));
    }
    entry
}

const TOLD: &str = "fermata: 1
process: Told
version: 1
key: ${input.k}
vars: { n: 0 }
signals: { go: { payload: { type: integer } } }
updates:
  add: { payload: { type: integer }, do: [ { set: { n: \"${n + payload}\" } } ], returns: \"${n}\" }
steps:
  - id: call
    http: { service: s, method: POST, path: /x, body: { k: \"${input.k}\" } }
    save: got
  - log: got ${got.status}
  - id: take
    wait: { signal: go }
    forever: true
    save: went
  - return: ${went + n}
";

fn by_hand() -> Result<(), String> {
    let server = server()?;
    let folder = Folder::new();
    folder.write("fermata.toml", &configuration(server, "told"));
    folder.write("definitions/Told/v1.yaml", TOLD);
    let wanted = json!([
        {"path": "", "what": "started", "process": "Told", "version": 1, "key": "a", "input": {"k": "a"}},
        {"path": "", "what": "set", "name": "n", "value": 0},
        {"path": "call", "line": 10, "what": "entered"},
        {"path": "call", "line": 10, "what": "called",
            "request": {"service": "s", "method": "POST", "path": "/x", "body": {"k": "a"}}},
        {"path": "call", "line": 10, "what": "ended", "outcome": "ok", "attempts": 1, "status": 200, "body": null},
        {"path": "call", "line": 10, "what": "set", "name": "got", "value": {"status": 200, "headers": {}, "body": null}},
        {"path": "call", "line": 10, "what": "exit", "with": "value"},
        {"path": "log~1", "line": 13, "what": "entered"},
        {"path": "log~1", "line": 13, "what": "log", "text": "got 200"},
        {"path": "log~1", "line": 13, "what": "exit", "with": "value"},
        {"path": "take", "line": 14, "what": "entered"},
        {"path": "", "what": "arrived", "update": "add", "payload": 3, "id": "u1"},
        {"path": "update.add.0.set~1", "line": 8, "what": "entered"},
        {"path": "update.add.0.set~1", "line": 8, "what": "set", "name": "n", "value": 3},
        {"path": "update.add.0.set~1", "line": 8, "what": "exit", "with": "value"},
        {"path": "", "what": "updated", "update": "add", "outcome": "returned", "value": 3},
        {"path": "", "what": "arrived", "signal": "go", "payload": 4, "id": "s1"},
        {"path": "", "what": "received", "signal": "go", "message": 0, "payload": 4},
        {"path": "take", "line": 14, "what": "took", "message": 0, "payload": 4},
        {"path": "take", "line": 14, "what": "set", "name": "went", "value": 4},
        {"path": "take", "line": 14, "what": "exit", "with": "value"},
        {"path": "return~1", "line": 18, "what": "entered"},
        {"path": "return~1", "line": 18, "what": "exit", "with": "return"},
        {"path": "", "what": "end", "status": "completed", "result": 7}
    ]);
    let wanted = wanted.as_array().cloned().unwrap_or_default();
    server.runtime.block_on(async {
        let serving = serve(&folder, &[])?;
        ready(&serving).await?;
        let api = &serving.api;
        let started = api.start("Told", json!({"k": "a"})).await?.expect(201)?.json();
        let post = |path: &'static str, key: &'static str, body: &'static str| {
            let headers = [("content-type", "application/json"), ("idempotency-key", key)];
            async move { api.send(reqwest::Method::POST, path, &headers, Some(body.to_owned())).await }
        };
        // An open run is told as far as it has come.
        let begun = |page: &Json| page["entries"].as_array().is_some_and(|entries| entries.len() == 11);
        let open = api.until("/v1/runs/Told.a/journal", begun).await?;
        if !open["nextPageToken"].is_null() {
            return Err(open.to_string());
        }
        post("/v1/runs/Told.a/updates/add", "u1", "3").await?.expect(200)?;
        post("/v1/runs/Told.a/signals/go", "s1", "4").await?.expect(202)?;
        api.result("Told.a").await?.expect(200)?;
        let found = walk(api, "Told.a", 100).await?.concat();
        for (at, wanted) in wanted.iter().enumerate() {
            let entry = found.get(at).ok_or_else(|| format!("there is no entry {at}"))?;
            if without(entry, &["at", "began", "chosen", "digest"]) != *wanted {
                return Err(format!("entry {at} is {entry}, wanted is {wanted}"));
            }
        }
        if found.len() != wanted.len() || open["entries"].as_array() != Some(&found[..11].to_vec()) {
            return Err(format!("{} entries; of the open run {open}", found.len()));
        }
        let first = &found[0];
        if first["digest"] != started["digest"] || first["chosen"] != started["chosen"] {
            return Err(first.to_string());
        }
        // Times are those of the run, in order, and its attempts lie between them.
        let times: Vec<&str> = found.iter().filter_map(|entry| entry["at"].as_str()).collect();
        let parsed: Vec<Time> = times.iter().filter_map(|at| Time::parse(at).ok()).collect();
        let began = found[4]["began"].as_str().and_then(|at| Time::parse(at).ok()).ok_or("no start of the attempt")?;
        if parsed.len() != found.len() || !parsed.is_sorted() || began < parsed[3] || began > parsed[4] {
            return Err(format!("{times:?}, the call began at {began}"));
        }
        for size in [1, 7] {
            let pages = walk(api, "Told.a", size).await?;
            if pages.concat() != found {
                return Err(format!("in pages of {size} it is another: {pages:?}"));
            }
        }
        Ok(())
    })
}

fn wrong_requests() -> Result<(), String> {
    let server = server()?;
    let folder = Folder::new();
    folder.write("fermata.toml", &configuration(server, "journal-wrong"));
    folder.write("definitions/Wrong/v1.yaml", &TOLD.replace("Told", "Wrong"));
    server.runtime.block_on(async {
        let serving = serve(&folder, &[])?;
        ready(&serving).await?;
        let api = &serving.api;
        api.get("/v1/runs/Wrong.none/journal").await?.problem(404, "unknown-run", "no such run")?;
        api.start("Wrong", json!({"k": "a"})).await?.expect(201)?;
        let wrong = [
            ("page_size=0", "1 to 1000"),
            ("page_size=1001", "1 to 1000"),
            ("page_size=x", "1 to 1000"),
            ("page_token=zz", "not a token of this service"),
            ("page_token=", "not a token of this service"),
            ("since=now", "a journal takes page_size and page_token"),
        ];
        for (query, words) in wrong {
            let found = api.get(&format!("/v1/runs/Wrong.a/journal?{query}")).await?;
            found.problem(400, "malformed", words).map_err(|e| format!("{query}: {e}"))?;
        }
        // A token of a run that is another's, or of none, leads nowhere.
        let token =
            |execution: &str| format!("{execution} 0 ").bytes().map(|byte| format!("{byte:0>2x}")).collect::<String>();
        let nowhere = token(&uuid::Uuid::now_v7().to_string());
        let found = api.get(&format!("/v1/runs/Wrong.a/journal?page_token={nowhere}")).await?;
        found.problem(400, "malformed", "not kept any more")?;
        let found = api.get(&format!("/v1/runs/Wrong.none/journal?page_token={nowhere}")).await?;
        found.problem(404, "unknown-run", "no such run")?;
        server.client(CACHED).terminate("Wrong.a", "the test is over").await.map_err(|e| e.to_string())
    })?;
    let away = Folder::new();
    away.write("fermata.toml", "[temporal]\naddress = \"127.0.0.1:1\"\n");
    away.write("definitions/Told/v1.yaml", TOLD);
    server.runtime.block_on(async {
        let serving = serve(&away, &[])?;
        serving.api.get("/v1/runs/Told.a/journal").await?.problem(503, "unavailable", "cannot be reached")
    })
}

// ---- over several histories

const ROUNDS: &str = "fermata: 1
process: Rounds
version: 1
key: ${input.k}
vars: { n: 0 }
steps:
  - id: rounds
    while: n < 20
    do:
      - id: pause
        wait: 20ms
      - set: { n: \"${n + 1}\" }
      - log: round ${n}
  - return: ${n}
";

/// Starts a run that crosses at so many events of a history.
fn start(server: &Server, text: &str, id: &str, key: &str, events: u64) -> Result<(Temporal, Arc<Plan>), String> {
    let (plan, complaints) = from_yaml(text, &Home::default());
    let plan = plan.ok_or_else(|| format!("{complaints:?}"))?;
    let input = Value::map([("k", Value::text(key))]);
    let soft = Mark { events, ..Marks::USUAL.soft };
    let uid = uuid::Uuid::now_v7().to_string();
    let start = StartInput {
        marks: Some(Marks { soft, ..Marks::USUAL }),
        ..StartInput::new(&plan, uid, key.to_owned(), input)
    };
    let client = server.client(CACHED);
    server.runtime.block_on(client.start(id, &start, id)).map_err(|e| e.to_string())?;
    Ok((client, plan))
}

fn pages() -> Result<(), String> {
    let server = server()?;
    let folder = Folder::new();
    folder.write("fermata.toml", &configuration(server, "rounds"));
    folder.write("definitions/Rounds/v1.yaml", ROUNDS);
    let (_, plan) = start(server, ROUNDS, "Rounds.a", "a", 15)?;
    let found = server.runtime.block_on(async {
        let serving = serve(&folder, &["--no-worker"])?;
        ready(&serving).await?;
        serving.api.result("Rounds.a").await?.expect(200)?;
        let found = walk(&serving.api, "Rounds.a", 1_000).await?.concat();
        for size in [1, 3, 10] {
            let pages = walk(&serving.api, "Rounds.a", size).await?;
            if pages.concat() != found {
                return Err(format!("in pages of {size} it is another"));
            }
        }
        Ok::<_, String>(found)
    })?;
    let histories = server.run_of("Rounds.a").iter().map(|applied| applied.history).max().unwrap_or(0) + 1;
    if histories < 4 {
        return Err(format!("{histories} histories"));
    }
    // Nothing of a crossing is told: it is the journal of the same run on the virtual clock.
    let scenario = Scenario::plain(Value::map([("k", Value::text("a"))]));
    let report = simulate(&plan, &scenario).map_err(|e| e.to_string())?;
    let clocks = ["at", "due"];
    let simulated: Vec<Json> = lines(&plan, &scenario, &report)
        .filter_map(|line| serde_json::from_str(&line.json()).ok())
        .map(|line| without(&line, &clocks))
        .collect();
    let real: Vec<Json> = found.iter().skip(1).map(|line| without(line, &clocks)).collect();
    if found.first().is_none_or(|first| first["what"] != "started") {
        return Err(format!("{:?}", found.first()));
    }
    match real.iter().zip(&simulated).find(|(real, simulated)| real != simulated) {
        Some((real, simulated)) => Err(format!("told is {real}, simulated {simulated}")),
        None if real.len() == simulated.len() => Ok(()),
        None => Err(format!("{} lines, simulated are {}", real.len(), simulated.len())),
    }
}

/// The server has forgotten the first histories of a run.
fn forgotten() -> Result<(), String> {
    let server = server()?;
    let folder = Folder::new();
    folder.write("fermata.toml", &configuration(server, "forgotten"));
    let text = ROUNDS.replace("Rounds", "Forgotten");
    folder.write("definitions/Forgotten/v1.yaml", &text);
    let (client, _) = start(server, &text, "Forgotten.a", "a", 15)?;
    server.runtime.block_on(async {
        let serving = serve(&folder, &["--no-worker"])?;
        ready(&serving).await?;
        serving.api.result("Forgotten.a").await?.expect(200)?;
        let whole = walk(&serving.api, "Forgotten.a", 1_000).await?.concat();
        let first = client.describe("Forgotten.a").await.map_err(|e| e.to_string())?.run_id;
        let delete = ["workflow", "delete", "--workflow-id", "Forgotten.a", "--run-id", &first];
        let address = server.url.authority().to_owned();
        let deleted = std::process::Command::new(&server.program).args(delete).args(["--address", &address]).output();
        let deleted = deleted.map_err(|e| e.to_string())?;
        if !deleted.status.success() {
            return Err(String::from_utf8_lossy(&deleted.stderr).into_owned());
        }
        let path = "/v1/runs/Forgotten.a/journal?page_size=5";
        let page = serving.api.until(path, |page| page["complete"] == false).await?;
        let rest = page["entries"].as_array().cloned().unwrap_or_default();
        let at = whole.iter().position(|entry| rest.first() == Some(entry)).ok_or("it begins elsewhere")?;
        let same = rest.iter().zip(&whole[at..]).all(|(one, other)| one == other);
        if at == 0 || rest.len() != 5 || !same || page["from"].as_str() > rest[0]["at"].as_str() {
            return Err(format!("{page}, whole it is {whole:?}"));
        }
        // Later pages say so too.
        let next = page["nextPageToken"].as_str().ok_or("no further page")?;
        let next = serving.api.get(&format!("{path}&page_token={next}")).await?.expect(200)?.json();
        if next["complete"] != false || next["from"] != page["from"] || next["entries"][0] != whole[at + 5] {
            return Err(next.to_string());
        }
        Ok(())
    })?;
    let (code, text) = once(&folder, &["show", "Forgotten.a"], &[]);
    if code == 0 && text.contains("is forgotten: the server keeps it no longer") && text.contains("completed with 20") {
        return Ok(());
    }
    Err(format!("exit {code}: {text}"))
}

// ---- what must not be shown

const MARKED: &str = "fermata: 1
process: Marked
version: 1
key: ${input.k}
input:
  type: object
  required: [k, card, note]
  properties: { k: { type: string }, card: { $ref: '#/$defs/card' }, note: { type: string } }
  $defs: { card: { type: string, writeOnly: true } }
signals:
  pin:
    payload: { type: object, required: [code], properties: { code: { type: integer, writeOnly: true }, ok: { type: boolean, writeOnly: true } } }
  word: { payload: { type: string, writeOnly: true, maxLength: 12 } }
steps:
  - id: pay
    http: { service: s, method: POST, path: \"/cards/${input.card}\", body: { card: \"${input.card}\", all: \"${input}\" } }
  - log: paid with ${input.card}, noted ${input.note}
  - id: pin
    wait: { signal: pin }
    forever: true
    save: pin
  - set: { joined: \"pin ${pin.code} of ${input.card}\" }
  - id: word
    wait: { signal: word }
    forever: true
    save: word
  - try:
      - fail: { error: wrong, message: \"${word} is wrong\", details: { word: \"${word}\" } }
    catch:
      - do: [ { log: \"${error.message}\" } ]
  - return: { joined: \"${joined}\", word: \"${word}\", plain: seen }
";

/// Secrets that are joined, encoded, quoted and wrong are nowhere in what a journal says; the rest is.
fn marked() -> Result<(), String> {
    let server = server()?;
    let folder = Folder::new();
    folder.write("fermata.toml", &configuration(server, "marked"));
    folder.write("definitions/Marked/v1.yaml", MARKED);
    let (card, code, word, wrong) = ("4929 \"1\" x", 48213, "hunter-two", "much-too-long-a-word");
    let all = server.runtime.block_on(async {
        let serving = serve(&folder, &[])?;
        ready(&serving).await?;
        let api = &serving.api;
        api.start("Marked", json!({"k": "a", "card": card, "note": "plain-note"})).await?.expect(201)?;
        api.post("/v1/runs/Marked.a/signals/pin", &json!({"code": code, "ok": true})).await?.expect(202)?;
        // The service refuses what does not fit; whoever speaks to the server does not.
        let client = server.client(CACHED);
        client.signal("Marked.a", "word", &Value::text(wrong), "w1").await.map_err(|e| e.to_string())?;
        api.post("/v1/runs/Marked.a/signals/word", &json!(word)).await?.expect(202)?;
        api.result("Marked.a").await?.expect(200)?;
        Ok::<_, String>(api.get("/v1/runs/Marked.a/journal?page_size=1000").await?.expect(200)?.text)
    })?;
    let (code_of, shown) = once(&folder, &["show", "Marked.a"], &[]);
    let (_, lines) = once(&folder, &["show", "Marked.a", "--format", "json"], &[]);
    for text in [&all, &shown, &lines] {
        for secret in ["4929", "48213", "hunter", "much-too", "\"ok\":true"] {
            // The value that a step saves is a copy, and what is true is true everywhere.
            let told = text.replace("{\"code\":\"•••\",\"ok\":true}", "");
            if told.contains(secret) {
                return Err(format!("`{secret}` is shown: {text}"));
            }
        }
    }
    for plain in [
        "\"text\":\"paid with •••, noted plain-note\"",
        "\"path\":\"/cards/•••\"",
        "\"value\":\"pin ••• of •••\"",
        "\"plain\":\"seen\"",
        "\"text\":\"••• is wrong\"",
        "\"input\":{\"card\":\"•••\",\"k\":\"a\",\"note\":\"plain-note\"}",
        "\"event\":\"signal word\"",
    ] {
        if !all.contains(plain) || !lines.contains(plain) {
            return Err(format!("`{plain}` is not in: {all}"));
        }
    }
    if code_of == 0 && shown.contains("log: paid with •••") { Ok(()) } else { Err(shown) }
}

/// What was told in an earlier history is in the state, and no line of a later one shows it.
fn marked_behind_a_crossing() -> Result<(), String> {
    let server = server()?;
    let folder = Folder::new();
    folder.write("fermata.toml", &configuration(server, "confided"));
    let text = ROUNDS.replace("Rounds", "Confided").replace(
        "steps:\n",
        "signals: { word: { payload: { type: string, writeOnly: true } } }\nsteps:\n  - id: word\n    wait: { signal: word }\n    \
         forever: true\n    save: word\n",
    );
    let text = text.replace("round ${n}", "round ${word}");
    folder.write("definitions/Confided/v1.yaml", &text);
    let (client, _) = start(server, &text, "Confided.a", "a", 15)?;
    server
        .runtime
        .block_on(client.signal("Confided.a", "word", &Value::text("hunter-two"), "w"))
        .map_err(|e| e.to_string())?;
    let ending = server.runtime.block_on(client.ending("Confided.a", crate::process::PATIENCE));
    ending.map_err(|e| e.to_string())?.ok_or("it does not end")?;
    let histories = server.run_of("Confided.a").iter().map(|applied| applied.history).max().unwrap_or(0) + 1;
    let (code, shown) = once(&folder, &["show", "Confided.a", "--format", "json"], &[]);
    let rounds = shown.lines().filter(|line| line.contains("\"what\":\"log\"")).count();
    if code != 0 || histories < 2 || rounds != 20 || shown.contains("hunter") || !shown.contains("\"round •••\"")
    {
        return Err(format!("{histories} histories: {shown}"));
    }
    Ok(())
}

// ---- from the command line

fn show() -> Result<(), String> {
    let server = server()?;
    let folder = Folder::new();
    folder.write("fermata.toml", &configuration(server, "shown"));
    let text = TOLD.replace("Told", "Shown");
    folder.write("definitions/Shown/v1.yaml", &text);
    let run = |more: &[&str]| once(&folder, &[&["show"], more].concat(), &[]);
    let says = |more: &[&str], code: i32, parts: &[&str]| {
        let (found, text) = run(more);
        let words: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match parts.iter().find(|part| !words.contains(**part)) {
            None if found == code => Ok(()),
            missing => Err(format!("exit {found} instead of {code}; missing: {missing:?}\n{text}")),
        }
    };
    let (client, _) = start(server, &text, "Shown.a", "a", 8_000)?;
    server.runtime.block_on(async {
        let deadline = tokio::time::Instant::now() + crate::process::PATIENCE;
        while !client
            .position("Shown.a", crate::process::PATIENCE)
            .await
            .is_ok_and(|at| at.iter().any(|at| at.step == "take"))
        {
            if tokio::time::Instant::now() > deadline {
                return Err("it does not wait".to_owned());
            }
        }
        Ok(())
    })?;
    says(
        &["Shown.a"],
        0,
        &[
            "Shown v1 run Shown.a from 20",
            ":10 call called POST s /x with {\"k\":\"a\"}",
            ":10 call answered 200",
            ":13 log~1 log: got 200",
            ":14 take waits for the signal go",
            "running",
        ],
    )?;
    let (_, json) = run(&["Shown.a", "--format", "json"]);
    let all: Vec<Json> = json.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let last = all.last().map(|last| without(last, &["at"])).unwrap_or_default();
    let waits = json!({"path": "take", "line": 14, "what": "waits", "for": "the signal go"});
    if all.len() != json.lines().count() || all.len() != 12 || last != waits {
        return Err(json);
    }
    let wait = |id: &'static str| {
        let ending = server.runtime.block_on(client.ending(id, crate::process::PATIENCE));
        ending.map_err(|e| e.to_string())?.ok_or_else(|| format!("{id} does not end")).map(drop)
    };
    server.runtime.block_on(client.signal("Shown.a", "go", &Value::integer(4), "s1")).map_err(|e| e.to_string())?;
    wait("Shown.a")?;
    says(&["Shown.a"], 0, &[":14 take took the signal: 4", "completed with 4, after"])?;
    // Without the text of the version there are no lines, and nothing else is lacking.
    folder.write("definitions/Shown/v1.yaml", &text.replace("got ", "has "));
    let (_, json) = run(&["Shown.a", "--format", "json"]);
    if json.contains("\"line\"") || json.lines().count() != 19 {
        return Err(json);
    }
    start(server, &text, "Shown.b", "b", 8_000)?;
    server.runtime.block_on(client.terminate("Shown.b", "no longer wanted")).map_err(|e| e.to_string())?;
    says(&["Shown.b"], 0, &["terminated: no longer wanted, after"])?;
    says(&["Shown.none"], 2, &["there is no run `Shown.none` at", "runs of `Shown` are"])?;
    says(&["Nowhere.a"], 2, &["there are no runs of `Nowhere`"])?;
    says(&["Shown"], 2, &["the id of a run is `Process.key`"])?;
    let away = ["Shown.a", "--temporal-address", "127.0.0.1:1"];
    says(&away, 2, &["does not answer"])
}
