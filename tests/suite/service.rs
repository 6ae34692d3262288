//! The service as its callers see it: processes of their own against the shared server.

use libtest_mimic::Trial;
use reqwest::Method;
use serde_json::{Value as Json, json};
use url::Url;

use crate::api::{Answer, Api};
use crate::process::{Folder, Running, once};
use crate::server::{Server, server};

pub fn trials() -> Vec<Trial> {
    let tests: Vec<crate::Test> = vec![
        ("versions::a_waiting_run_ends_as_it_began", a_waiting_run_ends_as_it_began),
        ("versions::a_worker_without_definitions_goes_on", a_worker_without_definitions_goes_on),
        ("starts::two_hundred_of_one_key_are_one_run", two_hundred_of_one_key_are_one_run),
        ("starts::duplicates_may_be_refused", duplicates_may_be_refused),
        ("starts::a_route_of_its_own", a_route_of_its_own),
        ("runs::status_result_cancel_and_list", status_result_cancel_and_list),
        ("bad_input::over_http", bad_input_over_http),
        ("bad_input::definitions", bad_definitions),
        ("bad_input::a_name_that_is_almost_right", a_name_that_is_almost_right),
        ("bad_input::configuration", bad_configuration),
        ("bad_input::temporal_away", temporal_away),
        ("bad_input::a_port_in_use", a_port_in_use),
        ("requests::the_guard", the_guard),
        ("requests::the_server_follows_the_policy", the_server_follows_the_policy),
    ];
    tests.into_iter().map(|(name, test)| crate::trial(format!("service::{name}"), test)).collect()
}

/// A `serve` against the shared server, on a task queue of its own.
pub struct Serving {
    pub program: Running,
    pub api: Api,
}

pub fn configuration(server: &Server, queue: &str) -> String {
    format!(
        "[temporal]\naddress = \"{}\"\ntask_queue = \"{queue}\"\n[service.s]\nurl = \"{}s\"\nallow = [\"loopback\"]\n",
        server.url, server.mock.url
    )
}

pub fn serve(folder: &Folder, arguments: &[&str]) -> Result<Serving, String> {
    // `serve` starts published versions only. Where they are not in order, it is for `serve` to say so.
    if folder.path().join("definitions").exists() {
        once(folder, &["publish"], &[]);
    }
    let all = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
    let mut program = Running::start(folder, &all, &[]);
    let line = program.line("fermata serves at ")?;
    let api = Api::new(line.rsplit(' ').next().unwrap_or(""));
    Ok(Serving { program, api })
}

pub async fn ready(serving: &Serving) -> Result<(), String> {
    // 200 answers plain text, so the JSON is null.
    serving.api.until("/readyz", Json::is_null).await.map(|_| ())
}

/// A definition whose run waits, calls and returns; `first` are further steps at the beginning.
fn definition(process: &str, version: u32, first: &str, wait: &str) -> String {
    format!(
        "fermata: 1\nprocess: {process}\nversion: {version}\nkey: ${{input.k}}\ninput: {{ type: object, required: [k], \
         additionalProperties: false, properties: {{ k: {{ type: string, minLength: 1 }}, n: {{ type: integer, default: 1 \
         }} }} }}\nsteps:\n{first}  - id: pause\n    wait: {wait}\n  - id: call\n    http: {{ service: s, method: POST, \
         path: /done, body: {{ version: {version} }} }}\n  - return: {{ version: {version}, n: \"${{input.n}}\" }}\n"
    )
}

const EARLIER: &str = "  - id: grace\n    wait: 100ms\n  - if: input.n >= 1\n    then:\n      - id: extra\n        http: { service: s, path: /extra }\n";

fn field(answer: &Answer, name: &str) -> String {
    answer.json()[name].as_str().unwrap_or("").to_owned()
}

fn a_waiting_run_ends_as_it_began() -> Result<(), String> {
    let server = server()?;
    let folder = Folder::new();
    folder.write("fermata.toml", &configuration(server, "versions"));
    folder.write("definitions/Versions/v1.yaml", &definition("Versions", 1, "", "3s"));
    server.runtime.block_on(async {
        let mut one = serve(&folder, &[])?;
        ready(&one).await?;
        let old = one.api.start("Versions", json!({"k": "old"})).await?.expect(201)?;
        one.api.until("/v1/runs/Versions.old", |run| run["waiting"] == true).await?;
        folder.write("definitions/Versions/v2.yaml", &definition("Versions", 2, EARLIER, "100ms"));
        one.program.kill();
        let two = serve(&folder, &[])?;
        ready(&two).await?;
        two.api.start("Versions", json!({"k": "new"})).await?.expect(201)?;
        let found = two.api.start("Versions", json!({"k": "old"})).await?.expect(200)?;
        if field(&found, "digest") != field(&old, "digest") || found.json()["version"] != 1 {
            return Err(format!("the old run is answered as another: {}", found.text));
        }
        for (id, version) in [("old", 1), ("new", 2)] {
            let result = two.api.result(&format!("Versions.{id}")).await?.expect(200)?;
            if result.json() != json!({"version": version, "n": 1}) {
                return Err(format!("{id} ended with {}", result.text));
            }
        }
        Ok(())
    })?;
    let client = server.client(crate::server::CACHED);
    for id in ["Versions.old", "Versions.new"] {
        server.runtime.block_on(client.replay(id)).map_err(|e| format!("{id}: {e}"))?;
    }
    Ok(())
}

fn a_worker_without_definitions_goes_on() -> Result<(), String> {
    let server = server()?;
    let (folder, empty) = (Folder::new(), Folder::new());
    folder.write("fermata.toml", &configuration(server, "bare"));
    folder.write("definitions/Bare/v1.yaml", &definition("Bare", 1, "", "2s"));
    empty.write("fermata.toml", &configuration(server, "bare"));
    server.runtime.block_on(async {
        let mut serving = serve(&folder, &[])?;
        ready(&serving).await?;
        serving.api.start("Bare", json!({"k": "a"})).await?.expect(201)?;
        serving.api.until("/v1/runs/Bare.a", |run| run["waiting"] == true).await?;
        serving.program.kill();
        let _worker = Running::start(&empty, &["worker"], &[]);
        // An API without a worker and without the definition still knows the run.
        std::fs::remove_file(folder.path().join("definitions/LOCK")).map_err(|e| e.to_string())?;
        folder.write("definitions/Bare/v1.yaml", &definition("Bare", 1, EARLIER, "9d"));
        let api = serve(&folder, &["--no-worker"])?;
        ready(&api).await?;
        let result = api.api.result("Bare.a").await?.expect(200)?;
        if result.json() == json!({"version": 1, "n": 1}) { Ok(()) } else { Err(result.text) }
    })
}

fn two_hundred_of_one_key_are_one_run() -> Result<(), String> {
    let server = server()?;
    let folder = Folder::new();
    folder.write("fermata.toml", &configuration(server, "storm"));
    folder.write("definitions/Storm/v1.yaml", &definition("Storm", 1, "", "1s"));
    server.runtime.block_on(async {
        let (one, two) = (serve(&folder, &[])?, serve(&folder, &[])?);
        ready(&one).await?;
        ready(&two).await?;
        let storm = |n: usize| {
            let calls = (0..n).map(|i| if i % 2 == 0 { &one.api } else { &two.api }.start("Storm", json!({"k": "x"})));
            futures::future::join_all(calls)
        };
        let (mut run_ids, mut created) = (std::collections::BTreeSet::new(), 0);
        for answer in storm(200).await {
            let answer = answer?;
            if answer.status != 200 && answer.status != 201 {
                return Err(format!("{}: {}", answer.status, answer.text));
            }
            created += usize::from(answer.status == 201);
            run_ids.insert((field(&answer, "id"), field(&answer, "runId"), field(&answer, "digest")));
        }
        if created != 1 || run_ids.len() != 1 {
            return Err(format!("{created} were created, ids {run_ids:?}"));
        }
        one.api.result("Storm.x").await?.expect(200)?;
        for answer in storm(50).await {
            let answer = answer?.expect(200)?;
            run_ids.insert((field(&answer, "id"), field(&answer, "runId"), field(&answer, "digest")));
        }
        if run_ids.len() == 1 { Ok(()) } else { Err(format!("after the end: {run_ids:?}")) }
    })
}

fn duplicates_may_be_refused() -> Result<(), String> {
    let server = server()?;
    let folder = Folder::new();
    folder.write("fermata.toml", &configuration(server, "reject"));
    let text = definition("Reject", 1, "", "100ms").replace("steps:", "duplicates: reject\nsteps:");
    folder.write("definitions/Reject/v1.yaml", &text);
    server.runtime.block_on(async {
        let serving = serve(&folder, &[])?;
        ready(&serving).await?;
        serving.api.start("Reject", json!({"k": "a"})).await?.expect(201)?;
        let second = serving.api.start("Reject", json!({"k": "a"})).await?;
        if second.json()["id"] != "Reject.a" {
            return Err(second.text);
        }
        second.problem(409, "run-exists", "Reject.a")
    })
}

fn a_route_of_its_own() -> Result<(), String> {
    let server = server()?;
    let folder = Folder::new();
    let route = "[[route]]\npath = \"/system.clients.startRouted\"\nprocess = \"Routed\"\n";
    folder.write("fermata.toml", &format!("{}{route}", configuration(server, "routed")));
    folder.write("definitions/Routed/v1.yaml", &definition("Routed", 1, "", "100ms"));
    server.runtime.block_on(async {
        let serving = serve(&folder, &[])?;
        ready(&serving).await?;
        let first = serving.api.post("/system.clients.startRouted", &json!({"k": "a"})).await?.expect(200)?;
        let again = serving.api.post("/system.clients.startRouted", &json!({"k": "a"})).await?.expect(200)?;
        if field(&first, "Id") != "Routed.a" || first.json() != again.json() || field(&first, "RunId").is_empty() {
            return Err(format!("{} then {}", first.text, again.text));
        }
        let wrong = serving.api.post("/system.clients.startRouted", &json!({"k": 1})).await?;
        wrong.problem(422, "invalid-input", "/k")
    })
}

fn status_result_cancel_and_list() -> Result<(), String> {
    let server = server()?;
    let folder = Folder::new();
    folder.write("fermata.toml", &configuration(server, "status"));
    folder.write("definitions/Status/v1.yaml", &definition("Status", 1, "", "5d"));
    folder.write(
        "definitions/Fails/v1.yaml",
        "fermata: 1\nprocess: Fails\nversion: 1\nkey: ${input.k}\nsteps:\n  - fail: { error: no-luck, message: \"none for ${input.k}\", details: { left: 0.1 } }\n",
    );
    server.runtime.block_on(async {
        let serving = serve(&folder, &[])?;
        let api = &serving.api;
        ready(&serving).await?;
        let key = "ä/b c";
        let started = api.start("Status", json!({"k": key})).await?.expect(201)?;
        let location = started.headers.get("location").and_then(|l| l.to_str().ok()).unwrap_or("").to_owned();
        let run = api.until(&location, |run| run["waiting"] == true).await?;
        let position = &run["position"][0];
        if run["key"] != key || run["status"] != "running" || position["step"] != "pause" || position["until"].is_null()
        {
            return Err(run.to_string());
        }
        let pending = api.get(&format!("{location}/result")).await?.expect(202)?;
        if !pending.headers.contains_key("retry-after") {
            return Err("no Retry-After".into());
        }
        let listed = "/v1/runs?process=Status&status=running&version=1&key=%C3%A4%2Fb%20c";
        api.until(listed, |page| page["runs"].as_array().is_some_and(|r| r.len() == 1)).await?;
        for _ in 0..2 {
            api.post(&format!("{location}/cancel"), &Json::Null).await?.expect(202)?;
        }
        let wait = [("prefer", "wait=30")];
        let cancelled = api.send(Method::GET, &format!("{location}/result"), &wait, None).await?;
        cancelled.problem(409, "run-cancelled", "cancelled")?;
        api.until(&location, |run| run["status"] == "cancelled" && run["closed"].is_string()).await?;
        api.start("Fails", json!({"k": "me"})).await?.expect(201)?;
        let failed = api.result("Fails.me").await?;
        let error = &failed.json()["error"];
        if error["type"] != "no-luck" || error["details"] != json!({"left": 0.1}) || error["step"] != "fail~1" {
            return Err(failed.text);
        }
        failed.problem(409, "run-failed", "none for me")?;
        // Pages: two runs, one a page.
        let first = api
            .until("/v1/runs?page_size=1&status=failed&process=Fails", |p| {
                p["runs"].as_array().is_some_and(|r| r.len() == 1)
            })
            .await?;
        if let Some(token) = first["nextPageToken"].as_str() {
            let next = api.get(&format!("/v1/runs?page_size=1&status=failed&process=Fails&page_token={token}")).await?;
            if !next.expect(200)?.json()["runs"].as_array().is_some_and(Vec::is_empty) {
                return Err("the second page repeats the first".into());
            }
        }
        Ok(())
    })
}

fn bad_input_over_http() -> Result<(), String> {
    let server = server()?;
    let folder = Folder::new();
    folder.write("fermata.toml", &configuration(server, "bad"));
    folder.write("definitions/Bad/v1.yaml", &definition("Bad", 1, "", "1s"));
    server.runtime.block_on(async {
        let serving = serve(&folder, &[])?;
        let api = &serving.api;
        ready(&serving).await?;
        let json = [("content-type", "application/json")];
        let runs = "/v1/processes/Bad/runs";
        let post = |body: &str| api.send(Method::POST, runs, &json, Some(body.to_owned()));
        api.start("Nope", json!({})).await?.problem(404, "unknown-process", "there are Bad")?;
        api.start("Bad", json!({})).await?.problem(422, "invalid-input", "k")?;
        api.start("Bad", json!({"k": ""})).await?.problem(422, "invalid-input", "/k")?;
        api.start("Bad", json!({"k": "a", "x": 1})).await?.problem(422, "invalid-input", "not expected: `x`")?;
        api.start("Bad", json!({"k": "k".repeat(201)})).await?.problem(422, "invalid-request", "201 bytes")?;
        post("{").await?.problem(400, "malformed", "not JSON")?;
        post("").await?.problem(400, "malformed", "empty")?;
        post("[]").await?.problem(422, "invalid-request", "object")?;
        post(&format!("{}1{}", "[".repeat(100), "]".repeat(100))).await?.problem(400, "malformed", "nested")?;
        post(r#"{"input":{"k":"a","n":9007199254740993}}"#).await?.problem(422, "invalid-request", "/input/n")?;
        post(r#"{"input":{"k":"a","k":"b"}}"#).await?.problem(422, "invalid-request", "stands twice")?;
        post(r#"{"input":{"k":"a"},"digest":"x"}"#).await?.problem(422, "invalid-request", "`digest` cannot be set")?;
        post(r#"{"input":{"k":"a"},"version":7}"#).await?.problem(404, "unknown-version", "it has 1")?;
        post(r#"{"input":{"k":"a"},"version":"x"}"#).await?.problem(422, "invalid-request", "`version`")?;
        let large = format!("{{\"input\":{{\"k\":\"{}\"}}}}", "x".repeat(20 << 20));
        post(&large).await?.problem(413, "too-large", "1048576")?;
        let text = api.send(Method::POST, runs, &[("content-type", "text/plain")], Some("{}".into())).await?;
        text.problem(415, "unsupported-media-type", "text/plain")?;
        let deleted = api.send(Method::DELETE, "/v1/runs", &[], None).await?;
        if deleted.headers.get("allow").is_none() {
            return Err("405 without Allow".into());
        }
        deleted.problem(405, "method-not-allowed", "DELETE")?;
        api.get("/nope").await?.problem(404, "no-route", "/nope")?;
        api.get("/v1/runs/Bad.none").await?.problem(404, "unknown-run", "")?;
        api.get("/v1/runs/Bad.none/result").await?.problem(404, "unknown-run", "")?;
        api.post("/v1/runs/Bad.none/cancel", &Json::Null).await?.problem(404, "unknown-run", "")?;
        api.get("/v1/runs?status=happy").await?.problem(400, "malformed", "one of running")?;
        api.get("/v1/runs?page_size=0").await?.problem(400, "malformed", "1 to 1000")?;
        api.get("/v1/runs?&colour=dark+red%26%C3%BC").await?.problem(
            400,
            "malformed",
            "`colour=dark red&ü`: not a filter",
        )?;
        for token in ["zz", "abc", "0x00", "+1"] {
            let found = api.get(&format!("/v1/runs?page_token={token}")).await?;
            found.problem(400, "malformed", "not a token of this service")?;
        }
        api.get("/v1/processes/Bad/versions/9").await?.problem(404, "unknown-version", "it has 1")?;
        let text = api.get("/v1/processes/Bad/versions/1").await?.expect(200)?;
        if text.text != definition("Bad", 1, "", "1s") {
            return Err("the text of the version is another".into());
        }
        let page = api.get("/problems/too-large").await?.expect(200)?;
        if page.text.contains("/v1/limits") { Ok(()) } else { Err(page.text) }
    })
}

fn says(result: (i32, String), code: i32, part: &str) -> Result<(), String> {
    if result.0 == code && result.1.contains(part) {
        return Ok(());
    }
    Err(format!("expected exit {code} and `{part}`, got exit {}:\n{}", result.0, result.1))
}

fn bad_definitions() -> Result<(), String> {
    let folder = Folder::new();
    let address = [("FERMATA_TEMPORAL_ADDRESS", "127.0.0.1:1")];
    says(once(&folder, &["check"], &[]), 2, "definitions: cannot be read")?;
    says(once(&folder, &["serve"], &address), 2, "there is no such folder")?;
    folder.write("definitions/P/v1.yaml", "fermata: 1\nsteps: [");
    says(once(&folder, &["check"], &[]), 1, "definitions/P/v1.yaml:2:")?;
    says(once(&folder, &["serve"], &address), 2, "nothing was started")?;
    says(once(&folder, &["simulate", "definitions/P/v1.yaml"], &[]), 1, "error[yaml]")?;
    let large = format!("{}# {}\n", definition("P", 1, "", "1s"), "x".repeat(256 * 1024));
    folder.write("definitions/P/v1.yaml", &large);
    says(once(&folder, &["check"], &[]), 1, "error[too-large]")?;
    folder.write("definitions/P/v1.yaml", &definition("Other", 2, "", "1s"));
    says(once(&folder, &["check"], &[]), 1, "its folder `P`")?;
    folder.write("definitions/P/v1.yaml", &definition("P", 1, "", "1s"));
    says(once(&folder, &["check"], &[]), 0, "1 definition: 0 errors")?;
    folder.write("definitions/P/releases.yaml", "schedules: []\n");
    says(once(&folder, &["check"], &[]), 1, "`schedules` is not supported yet")?;
    says(once(&folder, &["simulate", "definitions/P/v1.yaml", "--input", "{"], &[]), 2, "--input: not JSON")?;
    says(once(&folder, &["simulate", "definitions/P/v1.yaml", "--input", "{\"k\":1}"], &[]), 1, "does not fit")
}

fn a_name_that_is_almost_right() -> Result<(), String> {
    let folder = Folder::new();
    let address = [("FERMATA_TEMPORAL_ADDRESS", "127.0.0.1:1")];
    folder.write("definitions/P/v1.yaml", &definition("P", 1, "", "1s"));
    folder.write("definitions/P/v2.yml", &definition("P", 2, "", "1s"));
    let arguments = ["serve", "--listen", "127.0.0.1:0"];
    says(once(&folder, &arguments, &address), 2, "v2.yml:1:1: error[file-name]")?;
    says(once(&folder, &arguments, &address), 2, "nothing was started")
}

fn bad_configuration() -> Result<(), String> {
    let folder = Folder::new();
    folder.write("definitions/P/v1.yaml", &definition("P", 1, "", "1s"));
    let route = "[[route]]\npath = \"/a\"\nprocess = \"P\"\n";
    for (text, part) in [
        ("[temporal\n", "fermata.toml:1:"),
        ("[temporal]\nadress = \"x\"\n", "fermata.toml:2:1: error[config]: unknown field `adress`"),
        ("[temporal]\naddress = \"ftp://x\"\n", "is not an address"),
        ("[service.s]\nurl = \"push\"\n", "is not a URL"),
        ("[service.s]\nurl = \"http://u:p@push\"\n", "credentials go into `headers`"),
        ("[service.s]\nurl = \"http://push\"\nallow = [\"all\"]\n", "`all` cannot be allowed"),
        ("[service.s]\nurl = \"http://push\"\nheaders = { a = \"${NO_SUCH_NAME}\" }\n", "`NO_SUCH_NAME` is not set"),
        ("[limits]\nbody = 0\n", "`body` is a number of bytes"),
        ("[[route]]\npath = \"a\"\nprocess = \"P\"\n", "begins with `/`"),
        ("[[route]]\npath = \"/livez\"\nprocess = \"P\"\n", "`/livez` is the service's own"),
        (&format!("{route}{route}"), "stands twice"),
    ] {
        folder.write("fermata.toml", text);
        says(once(&folder, &["serve", "--temporal-address", "127.0.0.1:1"], &[]), 2, part)?;
    }
    folder.write("fermata.toml", "");
    says(once(&folder, &["serve"], &[("FERMATA_TEMPORAL_ADDRESS", "")]), 2, "is not an address")?;
    says(once(&folder, &["serve", "--config", "other.toml"], &[]), 2, "there is no such file")?;
    let open = ["serve", "--listen", "0.0.0.0:0", "--temporal-address", "127.0.0.1:1"];
    says(once(&folder, &open, &[]), 2, "--insecure")?;
    says(once(&folder, &["dev", "--listen", "0.0.0.0:0"], &[]), 2, "this machine only")
}

fn temporal_away() -> Result<(), String> {
    let folder = Folder::new();
    folder.write("fermata.toml", "[temporal]\naddress = \"127.0.0.1:1\"\n");
    folder.write("definitions/P/v1.yaml", &definition("P", 1, "", "1s"));
    says(once(&folder, &["dev", "--listen", "127.0.0.1:0"], &[]), 2, "Temporal at 127.0.0.1:1 does not answer")?;
    let runtime = tokio::runtime::Runtime::new().map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let serving = serve(&folder, &[])?;
        serving
            .api
            .until("/readyz", |problem| problem["detail"].as_str().is_some_and(|d| d.contains("127.0.0.1:1")))
            .await?;
        let ready = serving.api.get("/readyz").await?;
        if ready.headers.get("retry-after").is_none() {
            return Err("no Retry-After".into());
        }
        ready.problem(503, "unavailable", "does not answer")?;
        serving.api.get("/livez").await?.expect(200)?;
        serving.api.start("P", json!({"k": "a"})).await?.problem(503, "unavailable", "cannot be reached")?;
        serving.api.start("P", json!({})).await?.problem(422, "invalid-input", "k")
    })
}

fn a_port_in_use() -> Result<(), String> {
    let folder = Folder::new();
    folder.write("definitions/P/v1.yaml", &definition("P", 1, "", "1s"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    let address = taken.local_addr().map_err(|e| e.to_string())?.to_string();
    let serve = ["serve", "--temporal-address", "127.0.0.1:1", "--listen", &address];
    says(once(&folder, &serve, &[]), 2, "is in use")?;
    says(once(&folder, &["dev", "--listen", &address], &[]), 2, "is in use")
}

fn run_on(folder: &Folder, process: &str, k: &str) -> Result<Answer, String> {
    let server = server()?;
    server.runtime.block_on(async {
        let serving = serve(folder, &[])?;
        ready(&serving).await?;
        serving.api.start(process, json!({"k": k})).await?.expect(201)?;
        serving.api.result(&format!("{process}.{k}")).await
    })
}

fn the_guard() -> Result<(), String> {
    let server = server()?;
    let folder = Folder::new();
    let host: &Url = &server.mock.url;
    let config = format!(
        "{}[service.shut]\nurl = \"{host}\"\n[service.named]\nurl = \"http://localhost:{}/\"\n[service.private]\nurl = \"http://10.0.0.1/\"\n",
        configuration(server, "guard"),
        host.port().unwrap_or(0)
    );
    folder.write("fermata.toml", &config);
    let step = |id: &str, service: &str| {
        format!(
            "  - id: {id}\n    http: {{ service: {service}, path: /x }}\n    on-error: skip\n    save: {}\n",
            id.replace('-', "_")
        )
    };
    let text = format!(
        "fermata: 1\nprocess: Guard\nversion: 1\nkey: ${{input.k}}\nvars: {{ seen: 0 }}\nsteps:\n{}{}{}{}{}  - return: [\"${{shut == null}}\", \
         \"${{named == null}}\", \"${{private_net == null}}\", \"${{unknown == null}}\", \"${{open.status}}\"]\n",
        step("shut", "shut"),
        step("named", "named"),
        step("private-net", "private"),
        step("unknown", "nowhere"),
        step("open", "s")
    );
    folder.write("definitions/Guard/v1.yaml", &text.replace("vars: { seen: 0 }\n", ""));
    let result = run_on(&folder, "Guard", "a")?.expect(200)?;
    if result.json() != json!([true, true, true, true, 200]) {
        return Err(result.text);
    }
    let refused =
        text.replace("    on-error: skip\n", "").replace("Guard", "Refused").replace("vars: { seen: 0 }\n", "");
    folder.write("definitions/Refused/v1.yaml", &refused);
    let failed = run_on(&folder, "Refused", "a")?;
    if failed.json()["error"]["type"] != "http.refused" || failed.json()["error"]["attempts"] != 1 {
        return Err(failed.text);
    }
    failed.problem(409, "run-failed", "allow = [\"loopback\"]")
}

/// The server's pauses are those of the pure function that the simulator uses, or longer.
fn the_server_follows_the_policy() -> Result<(), String> {
    use crate::mock::{Dealt, unix_millis};
    use fermata::simulate::Reaction;
    use fermata::value::Value;
    let server = server()?;
    let folder = Folder::new();
    folder.write("fermata.toml", &configuration(server, "policy").replace("/s\"", "/policy\""));
    folder.write(
        "definitions/Policy/v1.yaml",
        "fermata: 1\nprocess: Policy\nversion: 1\nkey: ${input.k}\nsteps:\n  - id: call\n    http: { service: s, path: /x }\n    \
         retry: { attempts: 5, first: 200ms, factor: 2, longest: 500ms }\n",
    );
    let wrong = |status| Reaction::Reply { status, headers: Default::default(), body: Value::Null };
    let deals = (0..5).map(|_| Dealt { reaction: Some(wrong(503)), offset: 0, next: None }).collect();
    // The uid is made by the service, so every run without answers of its own gets these.
    server.mock.deal_any("policy", unix_millis(), [("call".to_owned(), deals)].into());
    let failed = run_on(&folder, "Policy", "a")?;
    if failed.json()["error"]["type"] != "http.503" || failed.json()["error"]["attempts"] != 5 {
        return Err(failed.text);
    }
    let at: Vec<i64> = server.mock.seen_any("policy").iter().map(|s| s.at).collect();
    // Every attempt carries the same key, which is the run's own and names the step (R36).
    let keys: std::collections::BTreeSet<String> = server.mock.seen_any("policy").into_iter().map(|s| s.key).collect();
    if keys.len() != 1 || keys.first().is_none_or(|k| !k.ends_with(":call") || k.len() < 40) {
        return Err(format!("keys {keys:?}"));
    }
    let pauses: Vec<i64> = at.windows(2).map(|w| w[1] - w[0]).collect();
    // Clocks of two processes: the pause counts from the failure, which is a little after the arrival.
    let wanted = [200, 400, 500, 500];
    let fits = pauses.len() == 4 && pauses.iter().zip(wanted).all(|(found, wanted)| *found >= wanted - 5);
    if fits { Ok(()) } else { Err(format!("pauses {pauses:?}, wanted at least {wanted:?}")) }
}
