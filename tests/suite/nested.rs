//! Each pair of blocks, one inside the other, with success, failure, cancel, and a timeout at the very instant of the end:
//! what must come out is reckoned here from the table below, and the same trace comes from both hosts.

use fermata::simulate::{Status, simulate};
use libtest_mimic::Trial;
use serde_json::{Value as Json, json};

use crate::cases;
use crate::server::{CACHED, UNCACHED, server};
use crate::temporal;

const BLOCKS: [&str; 8] = ["for", "for-parallel", "while", "parallel", "race", "try", "do", "switch"];
const OUTCOMES: [&str; 4] = ["success", "failure", "cancel", "timeout"];
/// What a handler may hold (R10).
const ATOMIC: [&str; 5] = ["for", "while", "try", "do", "switch"];

pub fn trials() -> Vec<Trial> {
    let blocks = BLOCKS.iter().enumerate().map(|(at, outer)| {
        let queue = if at % 2 == 0 { CACHED } else { UNCACHED };
        crate::trial(format!("nested::{queue}::{outer}"), move || pairs(outer, queue))
    });
    blocks.chain([crate::trial("nested::cached::handler", || handlers(CACHED))]).collect()
}

/// A block around steps. `n` makes its names its own.
fn block(kind: &str, n: usize, steps: Json) -> Json {
    let (id, item, count) = (format!("block{n}"), format!("item{n}"), format!("count{n}"));
    match kind {
        "for" => json!([{"id": id, "for": item, "in": [1], "do": logged(&item, steps)}]),
        "for-parallel" => json!([{"id": id, "for": item, "in": [1], "parallel": 3, "do": logged(&item, steps)}]),
        "while" => {
            let mut body = vec![json!({"set": {&count: format!("${{{count} + 1}}")}})];
            body.extend(steps.as_array().cloned().unwrap_or_default());
            json!([{"set": {&count: 0}}, {"id": id, "while": format!("{count} < 1"), "do": body}])
        }
        "parallel" => {
            let other = json!([{"id": format!("soon{n}"), "wait": "5m"}]);
            json!([{"id": id, "parallel": {"a": steps, "b": other}}])
        }
        "race" => {
            let other = json!([{"id": format!("never{n}"), "wait": "30d"}]);
            json!([{"id": id, "race": {"a": steps, "b": other}}])
        }
        "try" => {
            let tidy = json!([{"id": format!("tidy{n}"), "http": {"service": "s", "path": "/tidy"}}]);
            json!([{"id": id, "try": steps, "catch": [{"do": [{"log": "${error.type}"}]}], "finally": tidy}])
        }
        "switch" => json!([{"id": id, "switch": [{"when": "input.k != 'x'", "do": []}, {"else": steps}]}]),
        _ => json!([{"id": id, "do": steps, "timeout": "20d"}]),
    }
}

fn logged(name: &str, steps: Json) -> Json {
    let mut all = vec![json!({"log": format!("${{{name}}}")})];
    all.extend(steps.as_array().cloned().unwrap_or_default());
    Json::Array(all)
}

fn pairs(outer: &str, queue: &'static str) -> Result<(), String> {
    let mut cases = Vec::new();
    for inner in BLOCKS {
        for outcome in OUTCOMES {
            let leaf = match outcome {
                "timeout" => json!([{"id": "leaf", "wait": "10m"}]),
                _ => json!([{"id": "leaf", "http": {"service": "s", "path": "/leaf"}, "timeout": "3h"}]),
            };
            let steps = block(outer, 1, block(inner, 2, leaf));
            // A timeout around all of it, which is armed first: due at the very instant at which the leaf is over.
            let steps = match outcome {
                "timeout" => json!([{"id": "all", "do": steps, "timeout": "10m"}]),
                _ => steps,
            };
            let answer = match outcome {
                "failure" => json!({"status": 409, "after": "10m"}),
                "cancel" => json!({"after": "2h"}),
                _ => json!({"after": "10m"}),
            };
            let timeline = if outcome == "cancel" { json!([{"after": "10m", "cancel": true}]) } else { json!([]) };
            let answers = if outcome == "timeout" { json!({}) } else { json!({"leaf": answer}) };
            let tries = [outer, inner].iter().filter(|kind| **kind == "try").count();
            // The table: a cancel is no error, a timeout strikes outside of both blocks, a `try` takes an error.
            let (status, error) = match outcome {
                "success" => ("completed", None),
                "failure" if tries > 0 => ("completed", None),
                "failure" => ("failed", Some("http.409")),
                "cancel" => ("cancelled", None),
                _ => ("failed", Some("timeout")),
            };
            let expected = Expected { status, error, tidied: tries };
            cases.push((format!("{outer}-{inner}-{outcome}"), case(steps, json!({}), answers, timeline), expected));
        }
    }
    play(cases, queue)
}

/// A handler around a pair of blocks: it ends within its event, and its error fails the run.
fn handlers(queue: &'static str) -> Result<(), String> {
    let mut cases = Vec::new();
    for outer in ATOMIC {
        for inner in ATOMIC {
            for fails in [false, true] {
                let leaf = if fails { json!([{"fail": {"error": "own"}}]) } else { json!([{"set": {"done": true}}]) };
                let steps = block(outer, 1, block(inner, 2, leaf)).to_string();
                // Nothing in a handler may call, or have a timeout.
                let steps = steps
                    .replace(r#""http":{"path":"/tidy","service":"s"},"id":"tidy1""#, r#""log":"tidied""#)
                    .replace(r#""http":{"path":"/tidy","service":"s"},"id":"tidy2""#, r#""log":"tidied""#)
                    .replace(r#","timeout":"20d""#, "");
                let steps: Json = serde_json::from_str(&steps).map_err(|e| e.to_string())?;
                let main = json!([{"id": "wait", "wait": {"until": "done"}, "timeout": "1h", "on-timeout": []}]);
                let caught = [outer, inner].contains(&"try");
                let (status, error) = if fails && !caught { ("failed", Some("own")) } else { ("completed", None) };
                let timeline = json!([{"after": "10m", "signal": "s"}]);
                let case = case(main, json!({"s": {"do": steps}}), json!({}), timeline);
                cases.push((format!("handler-{outer}-{inner}-{fails}"), case, Expected { status, error, tidied: 0 }));
            }
        }
    }
    play(cases, queue)
}

fn case(steps: Json, signals: Json, answers: Json, timeline: Json) -> Json {
    let mut scenario = json!({"scenario": "it", "input": {"k": "x"}, "timeline": timeline});
    if answers.as_object().is_some_and(|answers| !answers.is_empty()) {
        scenario["answers"] = answers;
    }
    json!({
        "case": "A block in a block.",
        "definition": {
            "fermata": 1, "process": "Nested", "version": 1, "key": "${input.k}", "vars": {"done": false},
            "signals": signals, "queries": {"done": "${done}"}, "steps": steps,
        },
        "scenarios": [scenario],
    })
}

struct Expected {
    status: &'static str,
    error: Option<&'static str>,
    /// Calls of `tidy`.
    tidied: usize,
}

fn play(cases: Vec<(String, Json, Expected)>, queue: &'static str) -> Result<(), String> {
    let server = server()?;
    let mut wrong = Vec::new();
    for some in cases.chunks(6) {
        std::thread::scope(|scope| {
            let one = |(name, case, expected): &(String, Json, Expected)| {
                let name = format!("nested-{name}");
                let (text, expected) = (case.to_string(), (expected.status, expected.error, expected.tidied));
                scope.spawn(move || {
                    let case = cases::from_text(&name, &text)?;
                    let scenario = &case.scenarios[0].0;
                    let report = simulate(&case.plan, scenario).map_err(|e| e.to_string())?;
                    let error = report.error.as_ref().map(|error| error.kind.text());
                    let tidied = report.attempts.iter().filter(|(path, _)| path.to_string().contains("tidy")).count();
                    let found = (report.status.word(), error.as_deref(), tidied);
                    if found != expected || report.status == Status::Waiting {
                        return Err(format!("{name}: expected {expected:?}, found {found:?}"));
                    }
                    temporal::play(server, &case.plan, scenario, queue, None, &name).map_err(|e| format!("{name}: {e}"))
                })
            };
            let running: Vec<_> = some.iter().map(one).collect();
            wrong.extend(running.into_iter().filter_map(|r| r.join().unwrap().err()));
        });
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}
