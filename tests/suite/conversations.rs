//! Signals, updates and queries over HTTP, as callers and operators see them: nothing is lost, doubles are one, and the
//! names are those of the run's own version.

use libtest_mimic::Trial;
use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::api::Answer;
use crate::process::{Folder, Running};
use crate::server::server;
use crate::service::{configuration, ready, serve};

pub fn trials() -> Vec<Trial> {
    let tests: Vec<crate::Test> = vec![
        ("by_their_own_names", by_their_own_names),
        ("a_burst_while_the_worker_is_down_is_kept_in_order", a_burst_while_the_worker_is_down_is_kept_in_order),
        ("doubles_are_one", doubles_are_one),
        ("no_worker_is_said_so", no_worker_is_said_so),
        ("one_run_signals_another", one_run_signals_another),
    ];
    tests.into_iter().map(|(name, test)| crate::trial(format!("conversations::{name}"), test)).collect()
}

const TALK: &str = "fermata: 1
process: Talk
version: 1
key: ${input.k}
input: { type: object, required: [k], properties: { k: { type: string } } }
vars: { limit: 3, done: false, heard: [] }
signals:
  heard:
    payload: { type: object, required: [n], properties: { n: { type: integer } } }
    do:
      - set: { heard: \"${heard + [payload.n]}\" }
  go: {}
updates:
  limit:
    payload: { type: integer, minimum: 0, maximum: 10 }
    check: payload >= heard.len()
    otherwise: \"${heard.len()} were heard already\"
    do:
      - set: { limit: \"${payload}\" }
    returns: ${limit}
  finish:
    do:
      - set: { done: true }
    returns: { heard: \"${heard}\" }
  break:
    do:
      - fail: { error: out-of-order, message: not like this }
queries:
  progress: { heard: \"${heard.len()}\", limit: \"${limit}\", at: \"${run.position}\" }
  broken: ${heard[9]}
steps:
  - id: start
    wait: { signal: go }
    forever: true
  - id: until-done
    wait: { until: done }
    forever: true
  - return: { limit: \"${limit}\", heard: \"${heard}\" }
";

async fn post(serving: &crate::service::Serving, path: &str, body: Option<Json>) -> Result<Answer, String> {
    match body {
        Some(body) => serving.api.post(path, &body).await,
        None => serving.api.send(Method::POST, path, &[], None).await,
    }
}

fn by_their_own_names() -> Result<(), String> {
    let server = server()?;
    let folder = Folder::new();
    folder.write("fermata.toml", &configuration(server, "talk"));
    folder.write("definitions/Talk/v1.yaml", TALK);
    server.runtime.block_on(async {
        let serving = serve(&folder, &[])?;
        ready(&serving).await?;
        serving.api.start("Talk", json!({"k": "a"})).await?.expect(201)?;
        // A newer version with other names changes nothing for this run.
        folder.write(
            "definitions/Talk/v2.yaml",
            "fermata: 1\nprocess: Talk\nversion: 2\nkey: ${input.k}\nsteps:\n  - log: nothing\n",
        );
        let run = "/v1/runs/Talk.a";
        for n in [1, 2] {
            post(&serving, &format!("{run}/signals/heard"), Some(json!({"n": n}))).await?.expect(202)?;
        }
        post(&serving, &format!("{run}/signals/herd"), None).await?.problem(404, "unknown-message", "go, heard")?;
        post(&serving, &format!("{run}/updates/heard"), None).await?.problem(404, "unknown-message", "finish")?;
        let wrong = post(&serving, &format!("{run}/signals/heard"), Some(json!({"n": "x"}))).await?;
        if wrong.status != 422 || wrong.json()["errors"][0]["pointer"] != "/n" {
            return Err(format!("a payload that does not fit: {} {}", wrong.status, wrong.text));
        }
        post(&serving, &format!("{run}/signals/go"), Some(json!(1))).await?.problem(
            422,
            "invalid-request",
            "carries",
        )?;
        let progress = serving.api.get(&format!("{run}/queries/progress")).await?.expect(200)?;
        if progress.json() != json!({"heard": 2, "limit": 3, "at": ["start"]}) {
            return Err(progress.text);
        }
        serving.api.get(&format!("{run}/queries/x")).await?.problem(404, "unknown-message", "broken, progress")?;
        serving.api.get(&format!("{run}/queries/broken")).await?.problem(422, "query-failed", "")?;
        let raised = post(&serving, &format!("{run}/updates/limit"), Some(json!(7))).await?.expect(200)?;
        if raised.json() != json!(7) {
            return Err(raised.text);
        }
        let refused = post(&serving, &format!("{run}/updates/limit"), Some(json!(1))).await?;
        refused.problem(422, "update-refused", "2 were heard already")?;
        post(&serving, &format!("{run}/updates/limit"), Some(json!(99))).await?.problem(422, "invalid-payload", "")?;
        let failed = post(&serving, &format!("{run}/updates/break"), None).await?;
        if failed.json()["error"]["type"] != "out-of-order" {
            return Err(failed.text);
        }
        failed.problem(409, "update-failed", "not like this")?;
        post(&serving, &format!("{run}/signals/go"), None).await?.expect(202)?;
        serving.api.until(run, |run| run["position"][0]["step"] == "until-done").await?;
        // The update whose effect ends the run still gets its answer.
        let finished = post(&serving, &format!("{run}/updates/finish"), None).await?.expect(200)?;
        if finished.json() != json!({"heard": [1, 2]}) {
            return Err(finished.text);
        }
        let result = serving.api.result("Talk.a").await?.expect(200)?;
        if result.json() != json!({"limit": 7, "heard": [1, 2]}) {
            return Err(result.text);
        }
        post(&serving, &format!("{run}/signals/go"), None).await?.problem(409, "run-closed", "Talk.a")?;
        post(&serving, &format!("{run}/updates/finish"), None).await?.problem(409, "run-closed", "Talk.a")?;
        let progress = serving.api.get(&format!("{run}/queries/progress")).await?.expect(200)?;
        if progress.json() != json!({"heard": 2, "limit": 7, "at": []}) {
            return Err(format!("a query after the end: {}", progress.text));
        }
        post(&serving, "/v1/runs/Talk.nobody/signals/go", None).await?.problem(404, "unknown-run", "")
    })?;
    let client = server.client(crate::server::CACHED);
    server.runtime.block_on(client.replay("Talk.a")).map_err(|e| e.to_string())
}

const BURST: &str = "fermata: 1
process: Burst
version: 1
key: ${input.k}
vars: { got: [] }
signals:
  reading: { payload: { type: integer } }
steps:
  - while: got.len() < input.n
    do:
      - id: take
        wait: { signal: reading }
        forever: true
        save: reading
      - set: { got: \"${got + [reading]}\" }
  - return: ${got}
";

/// A thousand signals before anybody waits for them, and a thousand while the worker is down: none lost, order kept.
fn a_burst_while_the_worker_is_down_is_kept_in_order() -> Result<(), String> {
    const EACH: usize = 1_000;
    let server = server()?;
    let folder = Folder::new();
    folder.write("fermata.toml", &configuration(server, "burst"));
    folder.write("definitions/Burst/v1.yaml", BURST);
    server.runtime.block_on(async {
        let api = serve(&folder, &["--no-worker"])?;
        ready(&api).await?;
        api.api.start("Burst", json!({"k": "a", "n": 2 * EACH})).await?.expect(201)?;
        let send = async |from: usize| {
            for n in from..from + EACH {
                post(&api, "/v1/runs/Burst.a/signals/reading", Some(json!(n))).await?.expect(202)?;
            }
            Ok::<_, String>(())
        };
        send(0).await?;
        let mut worker = Running::start(&folder, &["worker"], &[]);
        api.api.until("/v1/runs/Burst.a", |run| run["position"][0]["step"] == "take").await?;
        worker.kill();
        send(EACH).await?;
        let _worker = Running::start(&folder, &["worker"], &[]);
        let result = api.api.result("Burst.a").await?.expect(200)?;
        let wanted: Vec<usize> = (0..2 * EACH).collect();
        if result.json() == json!(wanted) { Ok(()) } else { Err(format!("not what was sent: {}", result.text)) }
    })?;
    let client = server.client(crate::server::CACHED);
    server.runtime.block_on(client.replay("Burst.a")).map_err(|e| e.to_string())
}

fn doubles_are_one() -> Result<(), String> {
    let server = server()?;
    let folder = Folder::new();
    folder.write("fermata.toml", &configuration(server, "doubles"));
    folder.write("definitions/Talk/v1.yaml", TALK);
    server.runtime.block_on(async {
        let serving = serve(&folder, &[])?;
        ready(&serving).await?;
        serving.api.start("Talk", json!({"k": "d"})).await?.expect(201)?;
        let send = |path: &'static str, key: &'static str, body: Json| {
            let headers = [("content-type", "application/json"), ("idempotency-key", key)];
            let api = serving.api.clone();
            async move { api.send(Method::POST, path, &headers, Some(body.to_string())).await }
        };
        for _ in 0..3 {
            send("/v1/runs/Talk.d/signals/heard", "one", json!({"n": 1})).await?.expect(202)?;
        }
        send("/v1/runs/Talk.d/signals/heard", "two", json!({"n": 2})).await?.expect(202)?;
        for limit in [5, 9] {
            let answer = send("/v1/runs/Talk.d/updates/limit", "same", json!(limit)).await?.expect(200)?;
            if answer.json() != json!(5) {
                return Err(format!("the second of one id is answered otherwise: {}", answer.text));
            }
        }
        let progress = serving.api.get("/v1/runs/Talk.d/queries/progress").await?.expect(200)?;
        let wrong = send("/v1/runs/Talk.d/signals/heard", "", json!({"n": 1})).await?;
        wrong.problem(400, "malformed", "Idempotency-Key")?;
        let wanted = json!({"heard": 2, "limit": 5, "at": ["start"]});
        if progress.json() == wanted { Ok(()) } else { Err(progress.text) }
    })
}

fn no_worker_is_said_so() -> Result<(), String> {
    let server = server()?;
    let folder = Folder::new();
    folder.write("fermata.toml", &configuration(server, "nobody"));
    folder.write("definitions/Talk/v1.yaml", TALK);
    server.runtime.block_on(async {
        let api = serve(&folder, &["--no-worker"])?;
        ready(&api).await?;
        api.api.start("Talk", json!({"k": "n"})).await?.expect(201)?;
        let answer = api.api.get("/v1/runs/Talk.n/queries/progress").await?;
        if !answer.headers.contains_key("retry-after") {
            return Err("no Retry-After".to_owned());
        }
        answer.problem(503, "unavailable", "")?;
        let client = server.client(crate::server::CACHED);
        client.terminate("Talk.n", "the test is over").await.map_err(|e| e.to_string())
    })
}

const CALLER: &str = "fermata: 1
process: Caller
version: 1
key: ${input.k}
vars: { told: [] }
steps:
  - id: tell
    send: { signal: heard, to: \"Talk.${input.to}\", payload: { n: 7 } }
  - try:
      - id: tell-nobody
        send: { signal: go, to: Talk.nobody }
    catch:
      - error: send.*
        do:
          - set: { told: \"${told + [error.type]}\" }
  - return: ${told}
";

/// A run signals another by its id; one that is not there is an error it can catch (R16).
fn one_run_signals_another() -> Result<(), String> {
    let server = server()?;
    let folder = Folder::new();
    folder.write("fermata.toml", &configuration(server, "send"));
    folder.write("definitions/Talk/v1.yaml", TALK);
    folder.write("definitions/Caller/v1.yaml", CALLER);
    server.runtime.block_on(async {
        let serving = serve(&folder, &[])?;
        ready(&serving).await?;
        serving.api.start("Talk", json!({"k": "hears"})).await?.expect(201)?;
        serving.api.start("Caller", json!({"k": "c", "to": "hears"})).await?.expect(201)?;
        let result = serving.api.result("Caller.c").await?.expect(200)?;
        if result.json() != json!(["send.not-running"]) {
            return Err(result.text);
        }
        serving.api.until("/v1/runs/Talk.hears/queries/progress", |told| told["heard"] == 1).await?;
        let client = server.client(crate::server::CACHED);
        client.replay("Caller.c").await.map_err(|e| e.to_string())?;
        client.terminate("Talk.hears", "the test is over").await.map_err(|e| e.to_string())
    })
}
