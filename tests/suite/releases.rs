//! Publishing and choosing: what is published never changes, and who gets which version is the same wherever it is asked.

use fermata::catalog::{Catalog, Wanted};
use libtest_mimic::Trial;
use serde_json::{Value as Json, json};

use crate::process::{Folder, once};
use crate::server::server;
use crate::service::{configuration, ready, serve};

pub fn trials() -> Vec<Trial> {
    let tests: Vec<crate::Test> = vec![
        ("what_is_published_never_changes", what_is_published_never_changes),
        ("a_label_that_moves_shows_its_effect", a_label_that_moves_shows_its_effect),
        ("who_gets_which_version", who_gets_which_version),
        ("a_share_holds_over_many_starts", a_share_holds_over_many_starts),
        ("the_shipped_definitions_are_published", the_shipped_definitions_are_published),
    ];
    tests.into_iter().map(|(name, test)| crate::trial(format!("releases::{name}"), test)).collect()
}

fn definition(version: u32) -> String {
    format!(
        "# A note of version {version}.\nfermata: 1\nprocess: Ship\nversion: {version}   # the number\nkey: ${{input.k}}\ninput: {{ type: \
         object, required: [k], properties: {{ k: {{ type: string }}, country: {{ type: string }} }} }}\nsteps:\n  - return: \
         {version}\n"
    )
}

fn expect(found: (i32, String), code: i32, parts: &[&str]) -> Result<(), String> {
    match parts.iter().find(|part| !found.1.contains(**part)) {
        None if found.0 == code => Ok(()),
        None => Err(format!("exit code {} instead of {code}: {}", found.0, found.1)),
        Some(part) => Err(format!("`{part}` is not in: {}", found.1)),
    }
}

fn what_is_published_never_changes() -> Result<(), String> {
    let folder = Folder::new();
    let (one, lock) = ("definitions/Ship/v1.yaml", folder.path().join("definitions/LOCK"));
    folder.write(one, &definition(1));
    expect(once(&folder, &["publish", "Shop"], &[]), 2, &["there is no process `Shop`"])?;
    expect(once(&folder, &["publish", "Ship"], &[]), 0, &["Ship v1  sha256:", "commit it"])?;
    expect(once(&folder, &["publish"], &[]), 0, &["nothing to publish"])?;
    let written = std::fs::read_to_string(&lock).map_err(|e| e.to_string())?;
    // Layout, comments and the order of keys are no change.
    let other = "version: 1\nprocess: Ship\nfermata: 1\n\nsteps: [ { return: 1 } ]\nkey: \"${input.k}\"\ninput:\n  required: [k]\n  type: \
                 object\n  properties: { country: { type: string }, k: { type: string } }\n";
    folder.write(one, other);
    expect(once(&folder, &["check"], &[]), 0, &["1 definition: 0 errors, 0 warnings"])?;
    folder.write(one, &definition(1).replace("return: 1", "return: 2"));
    let changed = ["error[published-version-changed]", "a published version never changes", "fermata new-version Ship"];
    expect(once(&folder, &["check"], &[]), 1, &changed)?;
    expect(once(&folder, &["publish"], &[]), 1, &changed)?;
    folder.write("fermata.toml", "[temporal]\naddress = \"http://127.0.0.1:1\"\n");
    expect(once(&folder, &["serve", "--listen", "127.0.0.1:0"], &[]), 2, &changed)?;
    if std::fs::read_to_string(&lock).map_err(|e| e.to_string())? != written {
        return Err("the LOCK has changed".to_owned());
    }
    folder.write(one, &definition(1));
    expect(once(&folder, &["new-version", "Ship"], &[]), 0, &["v2.yaml is a copy of v1"])?;
    let copy = std::fs::read_to_string(folder.path().join("definitions/Ship/v2.yaml")).map_err(|e| e.to_string())?;
    if copy != definition(1).replace("version: 1 ", "version: 2 ") {
        return Err(format!("not a copy with the next number:\n{copy}"));
    }
    expect(once(&folder, &["check"], &[]), 0, &["2 definitions: 0 errors"])?;
    expect(once(&folder, &["publish"], &[]), 0, &["Ship v2  sha256:"])?;
    std::fs::remove_file(folder.path().join(one)).map_err(|e| e.to_string())?;
    expect(once(&folder, &["check"], &[]), 0, &["Ship v1 is published and its file is gone", "1 warning"])?;
    std::fs::write(&lock, "Ship v1\n").map_err(|e| e.to_string())?;
    expect(once(&folder, &["check"], &[]), 1, &["LOCK:1:1: error[lock]: expected `<Process> v<N> sha256:…`"])?;
    expect(once(&folder, &["publish"], &[]), 1, &["LOCK:1:1: error[lock]"])
}

fn a_label_that_moves_shows_its_effect() -> Result<(), String> {
    let folder = Folder::new();
    for version in [1, 2, 3] {
        folder.write(&format!("definitions/Ship/v{version}.yaml"), &definition(version));
    }
    expect(
        once(&folder, &["release", "Ship", "stable=1"], &[]),
        2,
        &["version 1 is not published", "fermata publish Ship"],
    )?;
    expect(once(&folder, &["publish"], &[]), 0, &["Ship v3"])?;
    expect(once(&folder, &["release", "Ship", "stable=1"], &[]), 0, &["stable: v1 (new)", "no rules"])?;
    expect(once(&folder, &["release", "Ship", "stable=9"], &[]), 2, &["has no version 9; it has 1, 2, 3"])?;
    expect(once(&folder, &["release", "Ship", "stable"], &[]), 2, &["write `stable=2`"])?;
    let file = "definitions/Ship/releases.yaml";
    folder.write(file, "# Who gets what.\nlabels:\n  stable: 1 # for most\nstart:\n  - version: stable # the rest\n");
    expect(
        once(&folder, &["release", "Ship", "stable=2", "--dry-run"], &[]),
        0,
        &["stable: v1 -> v2", "nothing was written"],
    )?;
    let moved = ["stable: v1 -> v2", "next: v3 (new)", "rule 1: all others get stable  (v1 until now, v2 from now on)"];
    expect(once(&folder, &["release", "Ship", "stable=2", "next=3"], &[]), 0, &moved)?;
    let text = std::fs::read_to_string(folder.path().join(file)).map_err(|e| e.to_string())?;
    let wanted =
        "# Who gets what.\nlabels:\n  next: 3\n  stable: 2 # for most\nstart:\n  - version: stable # the rest\n";
    if text != wanted {
        return Err(format!("the file was not edited as a person would:\n{text}"));
    }
    folder.write(file, "labels: { stable: 1 }\nstart:\n  - version: stabel\n");
    let wrong = ["releases.yaml:3:14: error[release]: there is no label `stabel`", "did you mean `stable`?"];
    expect(once(&folder, &["check"], &[]), 1, &wrong)
}

const RULES: &str = "labels: { stable: 1, next: 2 }
start:
  - when: input.country == 'SE'
    version: next
  - share: 50%
    version: next
  - version: stable
";

fn who_gets_which_version() -> Result<(), String> {
    const KEYS: usize = 60;
    let server = server()?;
    let folder = Folder::new();
    folder.write("fermata.toml", &configuration(server, "releases"));
    for version in [1, 2] {
        folder.write(&format!("definitions/Ship/v{version}.yaml"), &definition(version));
    }
    folder.write("definitions/Ship/releases.yaml", RULES);
    server.runtime.block_on(async {
        let (one, two) = (serve(&folder, &[])?, serve(&folder, &["--no-worker"])?);
        ready(&one).await?;
        ready(&two).await?;
        let start = async |api: &crate::api::Api, body: Json| {
            api.post("/v1/processes/Ship/runs", &body).await.map(|answer| (answer.status, answer.json()))
        };
        let swede = start(&one.api, json!({"input": {"k": "swede", "country": "SE"}})).await?;
        if swede.1["version"] != 2 || swede.1["chosen"]["rule"] != 1 {
            return Err(swede.1.to_string());
        }
        let status = one.api.get("/v1/runs/Ship.swede").await?.expect(200)?;
        if status.json()["chosen"] != swede.1["chosen"] {
            return Err(format!("the run does not know what chose it: {}", status.text));
        }
        // Whoever is asked, and whenever: this process reads the same rules and must come to the same answers.
        let catalog = Catalog::load(&folder.path().join("definitions")).map_err(|e| e.to_string())?;
        let chosen = |key: &str| {
            let input = fermata::value::from_json(&json!({"k": key}).to_string()).unwrap();
            catalog.choose("Ship", &Wanted::default(), &input, None).map(|(version, _)| version.plan.version())
        };
        let asked = async |api: &crate::api::Api, keys: std::ops::Range<usize>| {
            for n in keys {
                let key = format!("k-{n}");
                let (status, answer) = start(api, json!({"input": {"k": key}})).await?;
                let wanted = chosen(&key).map_err(|e| e.to_string())?;
                if status != 201 || answer["version"] != wanted {
                    return Err(format!("{key} was to get version {wanted}, and got {answer}"));
                }
            }
            Ok::<_, String>(())
        };
        asked(&one.api, 0..KEYS / 3).await?;
        asked(&two.api, KEYS / 3..2 * KEYS / 3).await?;
        drop(one);
        let three = serve(&folder, &[])?;
        ready(&three).await?;
        asked(&three.api, 2 * KEYS / 3..KEYS).await?;
        let next = (0..10_000).filter(|n| chosen(&format!("key-{n}")) == Ok(2)).count();
        if !(4_800..=5_200).contains(&next) {
            return Err(format!("half of 10,000 keys were to get version 2, {next} would"));
        }
        let labelled = start(&three.api, json!({"input": {"k": "l"}, "label": "next"})).await?.1;
        if labelled["version"] != 2 || labelled["chosen"] != json!({"by": "label", "label": "next"}) {
            return Err(labelled.to_string());
        }
        three.api.post("/v1/processes/Ship/runs", &json!({"input": {"k": "m"}, "label": "nxt"})).await?.problem(
            404,
            "unknown-label",
            "it has next, stable",
        )?;
        three
            .api
            .post("/v1/processes/Ship/runs", &json!({"input": {"k": "m"}, "label": "next", "version": 1}))
            .await?
            .problem(422, "invalid-request", "not both")?;
        // A version that is not published is there, and is not started by `serve`.
        folder.write("definitions/Ship/v3.yaml", &definition(3));
        let mut four = crate::process::Running::start(&folder, &["serve", "--listen", "127.0.0.1:0"], &[]);
        four.line("not published, so not to be started here: Ship v3")?;
        let line = four.line("fermata serves at ")?;
        let api = crate::api::Api::new(line.rsplit(' ').next().unwrap_or(""));
        api.until("/readyz", Json::is_null).await?;
        api.post("/v1/processes/Ship/runs", &json!({"input": {"k": "n"}, "version": 3})).await?.problem(
            409,
            "not-published",
            "fermata dev",
        )
    })
}

/// Starts over a share of a tenth, on two processes and after a restart; `FERMATA_STARTS` says how many.
fn a_share_holds_over_many_starts() -> Result<(), String> {
    let wanted = std::env::var("FERMATA_STARTS").ok().and_then(|n| n.parse().ok()).unwrap_or(600_usize);
    let server = server()?;
    let folder = Folder::new();
    folder.write("fermata.toml", &configuration(server, "shares"));
    for version in [1, 2] {
        folder.write(&format!("definitions/Share/v{version}.yaml"), &definition(version).replace("Ship", "Share"));
    }
    let rules = "labels: { stable: 1, next: 2 }\nstart:\n  - share: 10%\n    version: next\n  - version: stable\n";
    folder.write("definitions/Share/releases.yaml", rules);
    server.runtime.block_on(async {
        // Nobody works on them: what is asked is who gets which version.
        let process = || serve(&folder, &["--no-worker"]);
        let (one, two) = (process()?, process()?);
        ready(&one).await?;
        ready(&two).await?;
        let (first, second) = (one.api.clone(), two.api.clone());
        let half = wanted / 2;
        let mut begun = versions(&[first, second.clone()], 0..half, 201).await?;
        drop(one);
        let three = process()?;
        ready(&three).await?;
        let apis = [second, three.api.clone()];
        begun.extend(versions(&apis, half..wanted, 201).await?);
        // A key that is asked again has its run; and this process, which reads the same rules, comes to the same version.
        let again = versions(&apis, 0..half.min(200), 200).await?;
        let catalog = Catalog::load(&folder.path().join("definitions")).map_err(|e| e.to_string())?;
        let chosen = |n: usize| {
            let input = fermata::value::from_json(&json!({"k": format!("key-{n}")}).to_string()).unwrap();
            catalog.choose("Share", &Wanted::default(), &input, None).map(|(version, _)| version.plan.version())
        };
        if let Some(n) =
            (0..wanted).find(|n| chosen(*n) != Ok(begun[*n]) || again.get(*n).is_some_and(|v| *v != begun[*n]))
        {
            return Err(format!("key-{n} got version {} first, then {:?}", begun[n], again.get(n)));
        }
        let next = begun.iter().filter(|version| **version == 2).count();
        eprintln!("releases: {next} of {wanted} starts fell to a share of 10 %");
        let share = next as f64 / wanted as f64;
        // What chance allows of so few (three deviations); of 10,000, one in a hundred.
        let off = (3.0 * (0.09 / wanted as f64).sqrt()).max(0.01);
        if (share - 0.1).abs() > off { Err(format!("{next} of {wanted} starts got the new version")) } else { Ok(()) }
    })
}

/// The version that each key gets, asked of the processes in turn, some at a time.
async fn versions(apis: &[crate::api::Api], keys: std::ops::Range<usize>, status: u16) -> Result<Vec<i64>, String> {
    use futures::{StreamExt, TryStreamExt};
    let ask = async |n: usize| {
        let api = &apis[n % apis.len()];
        let answer = api.start("Share", json!({"k": format!("key-{n}")})).await?.expect(status)?;
        answer.json()["version"].as_i64().ok_or(answer.text)
    };
    futures::stream::iter(keys.map(ask)).buffered(16).try_collect().await
}

/// The repository's own definitions keep to it.
fn the_shipped_definitions_are_published() -> Result<(), String> {
    let catalog = Catalog::load(&crate::root().join("definitions")).map_err(|e| e.to_string())?;
    let wrong: Vec<&str> = catalog.complaints.iter().map(|complaint| complaint.rendered.as_str()).collect();
    if !wrong.is_empty() {
        return Err(wrong.join("\n"));
    }
    match catalog.unpublished().as_slice() {
        [] => Ok(()),
        drafts => Err(format!("not published: {}", drafts.join(", "))),
    }
}
