//! The effect of a new version on runs that are alive: the verdict for each place, and for every open run on a server.

use std::collections::BTreeMap;
use std::time::Duration;

use fermata::machine::{Alarm, Armed, Path};
use fermata::review::{Mover, Side, Standing, Verdict};
use fermata::temporal::{Filter, StartInput};
use fermata::value::{Time, Value, from_json};
use libtest_mimic::Trial;
use serde_json::{Value as Json, json};

use crate::process::{Folder, once};
use crate::server::{CACHED, server};

pub fn trials() -> Vec<Trial> {
    vec![
        crate::trial("impact::each_place_has_its_verdict", each_place_has_its_verdict),
        crate::trial("impact::blocks_beside_count", blocks_beside_count),
        crate::trial("impact::timers_have_two_dates", timers_have_two_dates),
        crate::trial("impact::every_open_run_is_judged", every_open_run_is_judged),
        crate::trial("impact::over_http", over_http),
    ]
}

fn side(text: &str) -> Result<Side, String> {
    Side::read_or_say(text, "stops")
}

/// A definition that stops where its input says; each way is a place of its own.
const OLD: &str = "fermata: 1
process: Stops
version: 1
key: ${input.k}
input: { type: object, required: [k, stop], properties: { k: { type: string }, stop: { type: integer } } }
vars: { n: 0 }
signals: { go: { payload: { type: integer } } }
steps:
  - id: ways
    switch:
      - when: input.stop == 0
        do:
          - id: same
            wait: 30d
          - log: behind
      - when: input.stop == 1
        do:
          - id: longer
            wait: 30d
      - when: input.stop == 2
        do:
          - id: taken
            wait: { signal: go, where: payload > 1 }
            forever: true
      - when: input.stop == 3
        do:
          - id: removed
            wait: 30d
      - when: input.stop == 4
        do:
          - id: early
            log: early
          - id: skipping
            wait: 30d
      - when: input.stop == 5
        do:
          - id: blocks
            parallel:
              a:
                - id: inside
                  wait: 30d
              b:
                - log: b
      - when: input.stop == 6
        do:
          - id: limited
            for: item
            in: [1, 2, 3]
            parallel: 2
            do:
              - id: each
                wait: 30d
      - when: input.stop == 8
        do:
          - id: named
            wait: 30d
      - when: input.stop == 9
        do:
          - id: reused
            wait: { signal: go, where: payload > 7 }
            forever: true
      - when: input.stop == 10
        do:
          - id: forked
            parallel:
              left:
                - id: in-left
                  wait: 30d
      - when: input.stop == 11
        do:
          - id: nested
            wait: 30d
      - when: input.stop == 12
        do:
          - id: done
            log: done
          - id: between
            wait: 30d
      - when: input.stop == 13
        do:
          - do:
              - id: kept
                wait: 30d
      - when: input.stop == 14
        do:
          - id: hurried
            do:
              - id: hurry
                wait: 30d
            timeout: 60d
      - else:
          - id: rounds
            while: n < 2
            do:
              - id: round
                wait: 30d
              - set: { n: \"${n + 1}\" }
";

/// What happens to each place, and the verdict that a person would give: the obvious reckoning.
fn changes() -> [(&'static str, &'static str, Verdict, &'static str); 15] {
    use Verdict::{Blocked, Choice, Safe};
    [
        ("- log: behind", "- log: other words", Safe, ""),
        (
            "id: longer\n            wait: 30d",
            "id: longer\n            wait: 60d",
            Choice,
            "the time of `longer` was armed",
        ),
        ("where: payload > 1", "where: payload > 2", Blocked, "`taken` waits for other messages now"),
        ("id: removed\n            wait: 30d", "log: nothing", Blocked, "`removed`, which is gone"),
        (
            "          - id: early\n            log: early\n",
            "          - id: inserted\n            log: new\n          - id: early\n            log: early\n",
            Choice,
            "`inserted` is new before `skipping` and would be skipped",
        ),
        (
            "              b:\n                - log: b\n",
            "              c:\n                - log: b\n",
            Choice,
            "the branch `b` of `blocks` is gone",
        ),
        ("parallel: 2", "parallel: 3", Blocked, "`limited` works on 3 at once now, it was 2"),
        ("while: n < 2", "while: n < 3", Safe, ""),
        ("id: named", "id: renamed", Choice, "`named` is called `renamed` now"),
        (
            "wait: { signal: go, where: payload > 7 }\n            forever: true",
            "wait: 30d",
            Blocked,
            "`reused`, which is the name of something else",
        ),
        ("left:", "right:", Choice, "the branch `left` around `in-left` is called `right` now"),
        (
            "          - id: nested\n            wait: 30d\n",
            "          - id: around\n            do:\n              - id: nested\n                wait: 30d\n",
            Blocked,
            "`nested`, which stands elsewhere",
        ),
        (
            "          - id: done\n            log: done\n          - id: between\n            wait: 30d\n",
            "          - id: between\n            wait: 30d\n          - id: done\n            log: done\n",
            Choice,
            "`done` stands behind `between` now and would run a second time",
        ),
        (
            "          - do:\n              - id: kept\n",
            "          - do:\n              - log: other\n          - do:\n              - id: kept\n",
            Choice,
            "`do~1` is called `do~2` now",
        ),
        ("timeout: 60d", "timeout: 45d", Choice, "the timeout of `hurried` was armed"),
    ]
}

const PATHS: [&str; 15] = [
    "ways.same",
    "ways.longer",
    "ways.taken",
    "ways.removed",
    "ways.skipping",
    "ways.blocks.a.inside",
    "ways.limited.1.each",
    "ways.rounds.0.round",
    "ways.named",
    "ways.reused",
    "ways.forked.left.in-left",
    "ways.nested",
    "ways.between",
    "ways.do~1.kept",
    "ways.hurried.hurry",
];

fn placed(side: &Side, path: &str) -> Result<Path, String> {
    Path::parse(&side.plan, path).ok_or_else(|| format!("nothing stands at `{path}`"))
}

fn each_place_has_its_verdict() -> Result<(), String> {
    let old = side(OLD)?;
    let input: Value = from_json("{\"k\": \"x\", \"stop\": 0}").map_err(|e| e.to_string())?;
    let judge = |new: &str, path: &str| {
        let place = Standing { path: placed(&old, path)?, armed: Vec::new() };
        Ok::<_, String>(Mover::new(&old, &side(new)?).judge(&[place], &input, Time(0)))
    };
    for (at, (from, to, verdict, words)) in changes().into_iter().enumerate() {
        let new = OLD.replacen(from, to, 1);
        if new == OLD {
            return Err(format!("`{from}` is not there"));
        }
        // The change is felt at its own place, and nowhere else.
        for (other, path) in PATHS.iter().enumerate() {
            let found = judge(&new, path)?;
            let wanted = if other == at { verdict } else { Verdict::Safe };
            let told = found.reasons.iter().any(|reason| reason.words.contains(words));
            if found.verdict != wanted || (other == at && !words.is_empty() && !told) {
                return Err(format!("{path} after `{from}` -> `{to}`: expected {wanted:?} `{words}`, found {found:?}"));
            }
        }
    }
    let whole = [
        ("required: [k, stop]", "required: [k, stop, tax]", Verdict::Choice, "its input does not fit"),
        ("vars: { n: 0 }", "vars: { n: 0, m: \"${input.k}\" }", Verdict::Choice, "the variable `m` has no value yet"),
        (
            "  - id: ways\n    switch:",
            "  - id: before\n    log: ${n}\n  - id: ways\n    switch:",
            Verdict::Choice,
            "`before` is new before `ways`",
        ),
        (
            "      - when: input.stop == 0\n",
            "      - when: input.stop == 99\n        do:\n          - log: above\n      - when: input.stop == 0\n",
            Verdict::Choice,
            "`same` stands in way 2 now, it was way 1",
        ),
        ("    switch:", "    timeout: 90d\n    switch:", Verdict::Choice, "the timeout of `ways` was armed"),
    ];
    for (from, to, verdict, words) in whole {
        let new = OLD.replacen(from, to, 1);
        let found = judge(&new, PATHS[0])?;
        if found.verdict != verdict || !found.reasons.iter().any(|reason| reason.words.contains(words)) {
            return Err(format!("`{from}` -> `{to}`: expected {verdict:?} `{words}`, found {found:?}"));
        }
    }
    Ok(())
}

/// What a move would skip or repeat counts wherever it stands in the blocks beside; a timeout that has struck leaves its
/// steps alone.
fn blocks_beside_count() -> Result<(), String> {
    let text = |steps: &str| {
        format!(
            "fermata: 1\nprocess: Beside\nversion: 1\nkey: ${{input.k}}\nvars: {{ n: 0 }}\nsteps:\n{steps}  - return: ${{n}}\n"
        )
    };
    let (wait, a) = ("  - { id: w, wait: 30d }\n", "{ id: a, set: { n: 1 } }");
    let b = "{ id: b, http: { service: s, path: / } }";
    let each = |parallel: u32| {
        format!(
            "  - {{ id: each, for: x, in: [1, 2], parallel: {parallel}, do: [{{ id: in, wait: 9d }}], timeout: 1d, on-timeout: \
             [{{ id: late, wait: 30d }}] }}\n"
        )
    };
    let cases = [
        (
            format!("  - {{ id: g, do: [{a}] }}\n{wait}  - {b}\n"),
            format!("  - {{ id: g, do: [{a}, {b}] }}\n{wait}"),
            "w",
            "`b` stands before `w` and would be skipped",
        ),
        (
            format!("  - {a}\n{wait}"),
            format!("{wait}  - {{ id: g, do: [{a}] }}\n"),
            "w",
            "`a` stands behind `w` now and would run a second time",
        ),
        (
            format!("  - {{ id: g, do: [{a}] }}\n{wait}"),
            format!("  - {{ id: g, do: [{a}, {b}] }}\n{wait}"),
            "w",
            "`b` is new before `w` and would be skipped",
        ),
        // Of a block that is new it is the steps inside that would be skipped.
        (
            wait.to_owned(),
            format!("  - {{ id: g, do: [{b}] }}\n{wait}"),
            "w",
            "`b` is new before `w` and would be skipped",
        ),
        (each(1), each(2), "each.late", ""),
        (each(1), each(1).replace("timeout: 1d", "timeout: 2d"), "each.late", ""),
        (wait.to_owned(), "  - { id: w, wait: 720h }\n".to_owned(), "w", ""),
    ];
    for (old, new, path, words) in cases {
        let (old, new) = (side(&text(&old))?, side(&text(&new))?);
        let place = Standing { path: placed(&old, path)?, armed: Vec::new() };
        let found = Mover::new(&old, &new).judge(&[place], &Value::Null, Time(0));
        let told = found.reasons.iter().any(|reason| reason.words == words);
        let wanted = if words.is_empty() { Verdict::Safe } else { Verdict::Choice };
        if found.verdict != wanted || (!told && !words.is_empty()) {
            return Err(format!("{path}: expected {wanted:?} `{words}`, found {found:?}"));
        }
    }
    // A result under another name: the run has the old one.
    let reads = |name: &str| {
        format!(
            "  - {{ id: c, http: {{ service: s, path: / }}, save: {name} }}\n{wait}  - log: \"${{{name}.status}}\"\n"
        )
    };
    let (old, new) = (side(&text(&reads("reply")))?, side(&text(&reads("answer")))?);
    let place = Standing { path: placed(&old, "w")?, armed: Vec::new() };
    let found = Mover::new(&old, &new).judge(&[place], &Value::Null, Time(0));
    match found.reasons.first() {
        Some(reason) if reason.words == "the name `reply` is called `answer` now" => Ok(()),
        _ => Err(format!("{found:?}")),
    }
}

/// What is armed has two dates, and one that has passed is said.
fn timers_have_two_dates() -> Result<(), String> {
    let old = side(OLD)?;
    let day = |n: i64| Time(n * 86_400_000);
    let judge = |from: &str, to: &str, path: &str, due: i64, wait: bool, now: i64| {
        let step = if wait { path } else { path.rsplit_once('.').map_or(path, |(around, _)| around) };
        let what = if wait { Alarm::Wait } else { Alarm::Timeout };
        let armed = vec![Armed { path: placed(&old, step)?, what, due: day(due) }];
        let place = Standing { path: placed(&old, path)?, armed };
        let new = side(&OLD.replacen(from, to, 1))?;
        let live = Mover::new(&old, &new).judge(&[place], &Value::Null, day(now));
        let reason = live.reasons.iter().find(|reason| reason.due.is_some()).ok_or(format!("no dates: {live:?}"))?;
        Ok::<_, String>((reason.verdict, reason.words.clone(), reason.due))
    };
    let longer = "id: longer\n            wait: 30d";
    let sooner = "id: longer\n            wait: 10d";
    let cases = [
        // Armed on day 5 for 30 days; now 10.
        (judge(longer, sooner, PATHS[1], 35, true, 10)?, Verdict::Choice, "keep it, or arm it anew", 15),
        (judge(longer, sooner, PATHS[1], 35, true, 20)?, Verdict::Choice, "armed anew it would be over at once", 15),
        (judge("timeout: 60d", "timeout: 45d", PATHS[14], 65, false, 10)?, Verdict::Choice, "was armed as it was", 50),
        (
            judge("timeout: 60d", "timeout: 45d", PATHS[14], 65, false, 51)?,
            Verdict::Blocked,
            "would be past already",
            50,
        ),
    ];
    for ((verdict, words, due), wanted, text, anew) in cases {
        if verdict != wanted || !words.contains(text) || due.map(|(_, anew)| anew) != Some(day(anew)) {
            return Err(format!("expected {wanted:?} `{text}` day {anew}, found {verdict:?} `{words}` {due:?}"));
        }
    }
    Ok(())
}

/// Runs at every place, asked over the command line; `FERMATA_RUNS` says how many.
fn every_open_run_is_judged() -> Result<(), String> {
    let wanted = std::env::var("FERMATA_RUNS").ok().and_then(|n| n.parse().ok()).unwrap_or(200_usize);
    let server = server()?;
    let old = side(OLD)?.plan;
    let mut new = OLD.replacen("version: 1", "version: 2", 1);
    for (from, to, ..) in changes() {
        new = new.replacen(from, to, 1);
    }
    let folder = Folder::new();
    folder.write("definitions/Stops/v1.yaml", OLD);
    folder.write("definitions/Stops/v2.yaml", &new);
    folder.write("fermata.toml", &format!("[temporal]\naddress = \"{}\"\ntask_queue = \"{CACHED}\"\n", server.url));
    let client = server.client(CACHED);
    server.runtime.block_on(async {
        for n in 0..wanted {
            let (key, stop) = (format!("k{n}"), n % PATHS.len());
            let input = from_json(&json!({"k": key, "stop": stop}).to_string()).map_err(|e| e.to_string())?;
            let start = StartInput::new(&old, uuid::Uuid::now_v7().to_string(), key.clone(), input);
            client.start(&format!("Stops.{key}"), &start, "impact").await.map_err(|e| e.to_string())?;
        }
        // Until the last is where it stops, and the index knows them all.
        let last = format!("Stops.k{}", wanted - 1);
        client.position(&last, Duration::from_secs(30)).await.map_err(|e| e.to_string())?;
        let filter = Filter { process: Some("Stops".to_owned()), ..Filter::default() };
        let mut every = tokio::time::interval(Duration::from_millis(200));
        for _ in 0..300 {
            every.tick().await;
            let (mut known, mut token) = (0, Vec::new());
            loop {
                let (page, next) = client.list(&filter, 500, token).await.map_err(|e| e.to_string())?;
                known += page.len();
                token = next;
                if token.is_empty() {
                    break;
                }
            }
            if known == wanted {
                return Ok(());
            }
        }
        Err("the index does not know all runs".to_owned())
    })?;
    let began = std::time::Instant::now();
    let (code, text) = once(&folder, &["impact", "Stops@1", "Stops@2", "--format", "json"], &[]);
    eprintln!("impact: {wanted} open runs judged in {:.1} s", began.elapsed().as_secs_f64());
    let judged: Json = serde_json::from_str(text.lines().find(|line| line.starts_with('{')).unwrap_or(""))
        .map_err(|e| format!("{e}: {text}"))?;
    let mut wrong = Vec::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for run in judged["runs"].as_array().ok_or("no runs")? {
        let id = run["id"].as_str().unwrap_or("");
        let n: usize = id.trim_start_matches("Stops.k").parse().map_err(|_| id.to_owned())?;
        let (.., verdict, words) = changes()[n % PATHS.len()];
        *counts.entry(verdict.word()).or_default() += 1;
        let reasons = run["reasons"].to_string();
        // A wait of 30 days that is one of 60 now.
        let days = |key: &str| run["armed"][0][key].as_str().and_then(|text| Time::parse(text).ok()).map(Time::millis);
        let later = days("anew").zip(days("due")).map(|(anew, due)| (anew - due) / 86_400_000);
        if n % PATHS.len() == 1 && later != Some(30) {
            wrong.push(format!("{run}: expected two dates 30 days apart"));
        }
        if run["verdict"] != verdict.word() || !reasons.contains(words) {
            wrong.push(format!("{run}, expected {} `{words}`", verdict.word()));
        }
    }
    if code != 1 || judged["counts"] != json!(counts) {
        wrong.push(format!("exit code {code}, counts {}, expected {counts:?}", judged["counts"]));
    }
    let (_, text) = once(&folder, &["impact", "Stops@1", "Stops@2"], &[]);
    if !text.contains(&format!("{wanted} open runs")) || !text.contains("blocked         at ways.removed") {
        wrong.push(text);
    }
    wrong.extend(counted(&folder, &judged, wanted)?);
    server.runtime.block_on(async {
        for n in 0..wanted {
            let _ = client.terminate(&format!("Stops.k{n}"), "the test is over").await;
        }
    });
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// `diff --live` says of each finding how many runs it is about: those whose reasons name its step. What is wrong.
fn counted(folder: &Folder, judged: &Json, wanted: usize) -> Result<Vec<String>, String> {
    let (code, text) = once(folder, &["diff", "Stops@1", "Stops@2", "--live", "--format", "json"], &[]);
    let review: Json = serde_json::from_str(text.lines().find(|line| line.starts_with('{')).unwrap_or(""))
        .map_err(|e| format!("{e}: {text}"))?;
    let mut wrong = Vec::new();
    if code != 1 || review["live"] != json!({"open": wanted, "counts": judged["counts"]}) {
        wrong.push(format!("exit code {code}, live {}", review["live"]));
    }
    let at = |stop: usize| (0..wanted).filter(|n| n % PATHS.len() == stop).count();
    let expected = [
        ("wait-lengthened", json!({"needs a choice": at(1), "safe": wanted - at(1)})),
        ("signal-condition-changed", json!({"blocked": at(2), "safe": wanted - at(2)})),
        ("step-removed", json!({"blocked": at(3), "safe": wanted - at(3)})),
        ("parallel-limit-changed", json!({"blocked": at(6), "safe": wanted - at(6)})),
        ("step-id-reused", json!({"blocked": at(9), "safe": wanted - at(9)})),
        ("step-nested", json!({"blocked": at(11), "safe": wanted - at(11)})),
        // A longer loop is felt by no run where it stands.
        ("loop-bound-changed", json!({"safe": wanted})),
    ];
    for (id, counts) in expected {
        let found: Vec<&Json> =
            review["findings"].as_array().ok_or("no findings")?.iter().filter(|f| f["id"] == id).collect();
        if !found.iter().any(|finding| finding["live"] == counts) {
            wrong.push(format!("{id}: expected {counts}, found {found:?}"));
        }
    }
    let (_, text) = once(folder, &["diff", "Stops@1", "Stops@2", "--live"], &[]);
    let line = format!("{} need a choice · {} safe", at(1), wanted - at(1));
    if !text.contains(&format!("{wanted} open runs of v1: ")) || !text.contains(&line) {
        wrong.push(text);
    }
    Ok(wrong)
}

/// Over HTTP: the findings, and what is alive.
fn over_http() -> Result<(), String> {
    let server = server()?;
    let folder = Folder::new();
    let process = |text: &str| text.replace("process: Stops", "process: Compared");
    let mut new = OLD.replacen("version: 1", "version: 2", 1);
    for (from, to, ..) in changes() {
        new = new.replacen(from, to, 1);
    }
    folder.write("fermata.toml", &crate::service::configuration(server, "compared"));
    folder.write("definitions/Compared/v1.yaml", &process(OLD));
    server.runtime.block_on(async {
        let first = crate::service::serve(&folder, &[])?;
        crate::service::ready(&first).await?;
        for (key, stop) in [("a", 0), ("b", 3)] {
            first.api.start("Compared", json!({"k": key, "stop": stop})).await?.expect(201)?;
            first.api.until(&format!("/v1/runs/Compared.{key}"), |run| run["waiting"] == true).await?;
        }
        drop(first);
        folder.write("definitions/Compared/v2.yaml", &process(&new));
        let serving = crate::service::serve(&folder, &[])?;
        crate::service::ready(&serving).await?;
        let path = "/v1/processes/Compared/compare/1...2";
        // The index of open runs lags a little.
        let review = serving.api.until(path, |review| review["live"]["open"] == 2).await?;
        let counts = json!({"safe": 1, "blocked": 1});
        let found = |id: &str| review["findings"].as_array().is_some_and(|all| all.iter().any(|one| one["id"] == id));
        if review["live"]["counts"] != counts || !found("wait-lengthened") || !review["live"]["runs"].is_null() {
            return Err(review.to_string());
        }
        let listed = serving.api.get(&format!("{path}?runs=list")).await?.expect(200)?.json();
        if listed["live"]["runs"][1]["verdict"] != "blocked" {
            return Err(listed.to_string());
        }
        let markdown = [("accept", "text/markdown")];
        let answer = serving.api.send(reqwest::Method::GET, path, &markdown, None).await?.expect(200)?;
        let counted = answer.text.contains("2 open runs of v1: 1 blocked · 1 safe");
        if !answer.text.contains("wait-lengthened") || !counted {
            return Err(answer.text);
        }
        serving.api.get("/v1/processes/Compared/compare/1...7").await?.problem(
            404,
            "unknown-version",
            "no version 7",
        )?;
        serving.api.get("/v1/processes/Compared/compare/1-2").await?.problem(400, "malformed", "such as `1...2`")?;
        for key in ["a", "b"] {
            let client = server.client(CACHED);
            client.terminate(&format!("Compared.{key}"), "the test is over").await.map_err(|e| e.to_string())?;
        }
        Ok(())
    })
}
