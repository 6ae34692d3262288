//! Scenario files that cannot be trusted: each is told with its place, by `fermata test` and by `fermata check`.

use libtest_mimic::Trial;

use crate::process::{Folder, once};

pub fn trials() -> Vec<Trial> {
    let tests: Vec<crate::Test> = vec![
        ("a_scenario_that_says_nothing_fails", a_scenario_that_says_nothing_fails),
        ("a_refusal_that_nobody_expects_fails", a_refusal_that_nobody_expects_fails),
        ("a_failure_that_nobody_expects_fails", a_failure_that_nobody_expects_fails),
        ("a_name_that_means_nothing_fails", a_name_that_means_nothing_fails),
        ("a_wrong_shape_is_told", a_wrong_shape_is_told),
        ("answers_are_those_of_the_step", answers_are_those_of_the_step),
        ("what_holds_passes", what_holds_passes),
        ("simulate_shows_what_happened", simulate_shows_what_happened),
        ("a_run_without_end_needs_a_horizon", a_run_without_end_needs_a_horizon),
        ("check_reads_the_scenarios_too", check_reads_the_scenarios_too),
        ("the_scenarios_of_the_page_hold", the_scenarios_of_the_page_hold),
        ("a_command_is_about_what_it_names", a_command_is_about_what_it_names),
        ("what_fails_its_scenarios_is_not_published", what_fails_its_scenarios_is_not_published),
        ("fifteen_businesses_run_as_reckoned", fifteen_businesses_run_as_reckoned),
    ];
    tests.into_iter().map(|(name, test)| crate::trial(format!("scenarios::{name}"), test)).collect()
}

const FILE: &str = "definitions/Ship/tests/s.yaml";

/// A process with everything that a scenario can name.
const SHIP: &str = "fermata: 1
process: Ship
version: 1
key: ${input.k}
input: { type: object, required: [k], additionalProperties: false, properties: { k: { type: string }, bad: { type: boolean, default: false } } }
vars: { limit: 3, total: 0 }
signals:
  go:
  paid: { payload: { type: object, required: [amount], properties: { amount: { type: number } } } }
  added:
    payload: { type: integer }
    do:
      - set: { total: \"${total + payload}\" }
updates:
  set-limit:
    payload: { type: integer, maximum: 10 }
    check: payload > 0
    otherwise: it is too little
    do:
      - fail: { error: unlucky, message: that is the thirteenth }
        when: payload == 7
      - set: { limit: \"${payload}\" }
    returns: ${limit}
queries:
  left: ${limit}
  tenth: ${10 / (limit - 3)}
steps:
  - id: outer
    do:
      - id: inner
        do:
          - id: pay
            http: { service: bank, path: /pay, query: { tag: [a, b], once: c }, headers: { X-Tenant: t } }
            retry: { attempts: 2 }
  - id: each
    for: item
    in: [1, 2]
    do:
      - id: act
        activity: { name: Pack, queue: q, args: [\"${item}\"] }
        save: packed
  - id: pause
    wait: 1h
  - id: tell
    send: { signal: shipped, to: Order.o, payload: { item: 1 } }
  - id: fails
    fail: { error: spoilt, message: it was spoilt on the way }
    when: input.bad
  - return: ${total}
";

/// What `fermata test` says of a scenario of that process, after `input: { k: a }`.
fn told(scenario: &str) -> (i32, String) {
    let folder = Folder::new();
    folder.write("definitions/Ship/v1.yaml", SHIP).write(FILE, &format!("input: {{ k: a }}\n{scenario}"));
    once(&folder, &["test"], &[])
}

/// Each scenario must fail, and each of its texts must be told.
fn all_fail(scenarios: &[(&str, &[&str])]) -> Result<(), String> {
    let mut wrong = Vec::new();
    for (scenario, parts) in scenarios {
        let (code, text) = told(scenario);
        for part in parts.iter().filter(|part| !text.contains(**part)) {
            wrong.push(format!("{scenario}\n`{part}` is not in:\n{text}"));
        }
        if code != 1 {
            wrong.push(format!("{scenario}\nexit code {code}:\n{text}"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n\n")) }
}

fn a_scenario_that_says_nothing_fails() -> Result<(), String> {
    let nothing = "error[expectation]: the scenario expects nothing, so it could not fail";
    all_fail(&[
        ("", &["tests/s.yaml:1:1: ", nothing, "= help: add `expect`"]),
        ("expect: {}", &["tests/s.yaml:2:9: error[wrong-shape]: `expect` says nothing, so it could not fail"]),
        ("expect:", &["s.yaml:2:7: error[wrong-shape]: `expect` is a mapping, this is nothing"]),
        ("timeline: [ { after: 1m, signal: go } ]", &[nothing]),
        ("timeline: [ { after: 1m, query: left } ]", &[nothing]),
        ("expect: { status: completed, path: [] }", &["s.yaml:2:36: ", "`path` names no step, so it says nothing"]),
        ("expect: { status: completed, never: [] }", &["s.yaml:2:37: ", "`never` names no step"]),
        ("expect: { status: completed, for: [] }", &["s.yaml:2:35: ", "`for` names no step"]),
        ("expect: { status: completed, calls: {} }", &["s.yaml:2:37: ", "`calls` names no step"]),
        ("expect: { status: completed, vars: {} }", &["s.yaml:2:36: ", "`vars` names no variable"]),
        ("answers: {}\nexpect: { status: completed }", &["s.yaml:2:10: ", "`answers` names no step"]),
        ("scenario: Broken\nexpect: {}", &["FAILED  Ship  Broken\n"]),
        ("versions: []\nexpect: { status: completed }", &["s.yaml:2:11: ", "`versions` names no version"]),
    ])
}

fn a_refusal_that_nobody_expects_fails() -> Result<(), String> {
    all_fail(&[
        // Found without a run.
        (
            "timeline: [ { after: 1m, signal: go, payload: 1 } ]\nexpect: { status: completed }",
            &[
                "s.yaml:2:47: ",
                "the signal `go` carries nothing, and this is a payload",
                "say `refused: payload-invalid`",
            ],
        ),
        (
            "timeline: [ { after: 1m, signal: paid, payload: { amount: x } } ]\nexpect: { status: completed }",
            &["s.yaml:2:59: ", "the payload does not fit the signal `paid`: at `/amount`: "],
        ),
        (
            "timeline: [ { after: 1m, signal: paid } ]\nexpect: { status: completed }",
            &["s.yaml:2:34: ", "the payload does not fit the signal `paid`: "],
        ),
        (
            "timeline: [ { after: 1m, update: set-limit, payload: 11 } ]\nexpect: { status: completed }",
            &["s.yaml:2:54: ", "the payload does not fit the update `set-limit`: "],
        ),
        (
            "timeline: [ { after: 1m, signal: og } ]\nexpect: { status: completed }",
            &["s.yaml:2:34: ", "there is no signal `og` in the definition", "did you mean `go`?"],
        ),
        (
            "timeline: [ { after: 1m, update: limit, payload: 1 } ]\nexpect: { status: completed }",
            &["s.yaml:2:34: ", "there is no update `limit` in the definition"],
        ),
        // Found by the run.
        (
            "timeline: [ { after: 1m, update: set-limit, payload: 0 } ]\nexpect: { status: completed }",
            &[
                "s.yaml:2:34: ",
                "`set-limit` was refused as `refused`, and the scenario does not say so: it is too little",
            ],
        ),
        (
            "timeline: [ { after: 1m, update: set-limit, payload: 7 } ]\nexpect: { status: completed }",
            &["s.yaml:2:34: ", "`set-limit` failed, and the scenario does not say so: `unlucky`", "the thirteenth"],
        ),
        (
            "timeline: [ { after: 1m, query: tenth } ]\nexpect: { status: completed }",
            &["s.yaml:2:33: ", "the query `tenth` failed, and the scenario does not say so: "],
        ),
        (
            "timeline: [ { after: 2h, signal: go } ]\nexpect: { status: completed }",
            &["s.yaml:2:34: ", "the signal `go` was refused as `run-ended`, and the scenario does not say so"],
        ),
        // Expected, and not so.
        (
            "timeline: [ { after: 1m, signal: go, refused: payload-invalid } ]",
            &["s.yaml:2:47: ", "expected the signal `go` to be refused with `payload-invalid`; it was taken"],
        ),
        (
            "timeline: [ { after: 1m, signal: go, payload: 1, refused: run-ended } ]",
            &["s.yaml:2:59: ", "it was refused as `payload-invalid`: it carries a payload, and takes none"],
        ),
        (
            "timeline: [ { after: 1m, update: set-limit, payload: 1, returns: 1, refused: too little } ]",
            &["s.yaml:2:69: error[misplaced-key]: `refused` cannot hold beside `returns`: there is one answer"],
        ),
        (
            "timeline: [ { after: 1m, signal: og, refused: payload-invalid } ]",
            &["there is no signal `og` in the definition"],
        ),
        (
            "timeline: [ { after: 1m, signal: go, refused: '' } ]",
            &["expected words of the refusal, this text is empty"],
        ),
    ])
}

fn a_failure_that_nobody_expects_fails() -> Result<(), String> {
    let unsaid = "the run failed, and the scenario does not say so: `http.500` at `outer.inner.pay` after 2 attempts: ";
    all_fail(&[
        ("answers: { pay: { status: 500 } }\nexpect: { path: [pay] }", &["s.yaml:3:9: ", unsaid]),
        (
            "answers: { pay: { status: 500 } }\nexpect:\n  took: 5s\n  result: 1",
            &["s.yaml:5:11: ", unsaid, "v1.yaml:32: the run stood at `outer.inner.pay`"],
        ),
        (
            "answers: { pay: { status: 500 } }\nexpect:\n  took: 5s\n  status: completed",
            &["s.yaml:5:11: ", "expected the run to be completed, it failed with `http.500` at `outer.inner.pay`"],
        ),
        (
            "answers: { pay: { status: 404, body: { no: 1 } } }\nexpect: { error: http.500 }",
            &["expected the error `http.500`, found `http.404` at `outer.inner.pay`: "],
        ),
    ])?;
    // The reason comes first.
    let (_, text) = told("answers: { pay: { status: 500 } }\nexpect: { path: [each], took: 1h, status: completed }");
    match (text.find("it failed with"), text.find("expected it to take")) {
        (Some(reason), Some(took)) if reason < took => Ok(()),
        _ => Err(text),
    }
}

fn a_name_that_means_nothing_fails() -> Result<(), String> {
    let unknown = |name: &str| format!("there is no step `{name}` in the definition");
    let mut scenarios: Vec<(String, Vec<String>)> = Vec::new();
    for key in ["path", "never", "for"] {
        let at = 14 + key.len();
        scenarios.push((
            format!("expect: {{ {key}: [outer.payy] }}"),
            vec![format!("s.yaml:2:{at}: "), unknown("outer.payy"), "did you mean `pay`?".to_owned()],
        ));
    }
    let path = "a path of `pay` is `outer.inner.pay`".to_owned();
    scenarios.push(("expect: { never: [outer.0.pay] }".to_owned(), vec![unknown("outer.0.pay"), path.clone()]));
    scenarios.push(("expect: { never: [act.pay] }".to_owned(), vec![unknown("act.pay"), path]));
    scenarios.push(("expect: { never: [each.act] }".to_owned(), vec!["a path of `act` is `each.0.act`".to_owned()]));
    scenarios.push((
        "expect: { calls: { payy: { times: 0 } } }".to_owned(),
        vec!["s.yaml:2:20: ".to_owned(), unknown("payy")],
    ));
    scenarios.push((
        "answers: { outer.typo: { status: 500 } }\nexpect: { status: completed }".to_owned(),
        vec!["s.yaml:2:12: ".to_owned(), unknown("outer.typo")],
    ));
    for (scenario, part) in [
        ("expect: { vars: { totl: 1 } }", "there is no name of the run `totl` in the definition"),
        // It belongs to an item of the loop.
        ("expect: { vars: { packed: 1 } }", "there is no name of the run `packed` in the definition"),
        ("expect: { unread: [paidd] }", "there is no signal `paidd` in the definition"),
        ("timeline: [ { after: 1m, query: lef, returns: 1 } ]", "did you mean `left`?"),
        ("expect: { calls: { pause: { times: 1 } } }", "`pause` is a `wait`, which calls nobody"),
        ("answers: { pause: ok }\nexpect: { status: completed }", "`pause` is a `wait`, which calls nobody"),
        ("expect: { calls: { act: { body: 1 } } }", "`body` is no part of what `act` sends"),
    ] {
        scenarios.push((scenario.to_owned(), vec![part.to_owned()]));
    }
    for (scenario, parts) in &scenarios {
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        all_fail(&[(scenario, &parts)])?;
    }
    Ok(())
}

fn a_wrong_shape_is_told() -> Result<(), String> {
    all_fail(&[
        ("expect: { calls: nonsense }", &["s.yaml:2:18: error[wrong-shape]: `calls` is a mapping, this is text"]),
        ("expect: { calls: [nonsense] }", &["`calls` is a mapping, this is a list"]),
        ("expect: { vars: [limit] }", &["s.yaml:2:17: error[wrong-shape]: `vars` is a mapping, this is a list"]),
        ("expect: { calls: { pay: { times: 1.5 } } }", &["s.yaml:2:34: ", "`times` is a whole number, 0 or more"]),
        ("expect: { calls: { pay: { times: 0, path: /x } } }", &["`path` is of a call that is never made"]),
        ("expect: { calls: { pay: { query: a=b } } }", &["`query` is a mapping, this is text"]),
        ("expect: { statu: completed }", &["s.yaml:2:11: error[unknown-key]", "did you mean `status`?"]),
        ("expect: { status: complete }", &["`complete` is not a status", "did you mean `completed`?"]),
        ("answers: [nonsense]\nexpect: { status: completed }", &["`answers` is a mapping, this is a list"]),
        ("answers: { pay: [] }\nexpect: { status: completed }", &["s.yaml:2:17: ", "`pay` has no answer"]),
        ("answers: { pay: {} }\nexpect: { status: completed }", &["s.yaml:2:17: ", "this answer says nothing"]),
        (
            "answers: { pay: { error: http.timeout, body: 1 } }\nexpect: { status: completed }",
            &["s.yaml:2:40: error[misplaced-key]: `body` means nothing beside `error`"],
        ),
        (
            "answers: { pay: { status: 204, message: no } }\nexpect: { status: completed }",
            &["`message` means nothing beside `status`"],
        ),
        ("answers: { pay: { status: 99 } }\nexpect: { status: completed }", &["a number from 100 to 599"]),
        ("answers: { pay: { status: 200.5 } }\nexpect: { status: completed }", &["a number from 100 to 599"]),
        ("answers: { act: { error: activity.X, retryable: no } }\nexpect: { status: completed }", &["true or false"]),
        ("answers: { pay: { headers: x } }\nexpect: { status: completed }", &["`headers` is a mapping, this is text"]),
        (
            "versions: ['1']\nexpect: { status: completed }",
            &["s.yaml:2:12: ", "a version is a whole number, 1 or more"],
        ),
        ("versions: 1\nexpect: { status: completed }", &["`versions` is a list of versions, this is a number"]),
        ("timeline: [ { after: 1h, together: [] } ]\nexpect: { status: completed }", &["nothing happens here"]),
        ("timeline: [ { after: 1h, singal: go } ]\nexpect: { status: completed }", &["did you mean `signal`?"]),
        (
            "timeline: { after: 1h, signal: go }\nexpect: { status: completed }",
            &["`timeline` is a list of what happens"],
        ),
        ("timeline: [ { after: 1h, worker: down } ]\nexpect: { status: completed }", &["the worker never comes back"]),
        ("timeline: [ { after: 1h, worker: up } ]\nexpect: { status: completed }", &["the worker was not down"]),
        ("scenarios: two\nexpect: { status: completed }", &["did you mean `scenario`?"]),
    ])
}

fn answers_are_those_of_the_step() -> Result<(), String> {
    let done = "\nexpect: { status: completed }";
    for (answers, parts) in [
        (
            "answers: { act: { status: 500 } }",
            [
                "s.yaml:2:17: ",
                "`act` cannot be answered like this",
                "the answers of an activity are `ok`, `{ value, after }`",
            ],
        ),
        (
            "answers: { pay: { value: 1 } }",
            ["s.yaml:2:17: ", "`pay` cannot be answered like this", "the answers of a service"],
        ),
        (
            "answers: { tell: { status: 404 } }",
            ["s.yaml:2:18: ", "`tell` cannot be answered like this", "send.not-running"],
        ),
        (
            "answers: { pay: [ { error: http.503 }, ok ] }",
            ["s.yaml:2:19: ", "`pay` cannot fail with `http.503` by itself", "`{ status: 503 }`"],
        ),
        (
            "answers: { pay: { error: http.timeot } }",
            ["s.yaml:2:17: ", "cannot fail with `http.timeot`", "did you mean `http.timeout`?"],
        ),
        ("answers: { act: { error: Boom } }", ["s.yaml:2:17: ", "cannot fail with `Boom`", "as in `activity.Boom`"]),
        (
            "answers: { tell: { error: gone } }",
            ["s.yaml:2:18: ", "cannot fail with `gone`", "there are send.not-running, send.rejected"],
        ),
        (
            "answers: { pay: { error: http.timeout, retryable: false } }",
            ["s.yaml:2:17: ", "`pay` cannot be answered", "a service"],
        ),
    ] {
        all_fail(&[(&format!("{answers}{done}"), &parts)])?;
    }
    Ok(())
}

/// The other way round: everything that the page allows, said truly.
fn what_holds_passes() -> Result<(), String> {
    let folder = Folder::new();
    folder.write("definitions/Ship/v1.yaml", SHIP);
    let scenarios = [
        "answers: { inner.pay: { status: 404 } }\nexpect: { status: failed, error: http.404, path: [inner.pay] }",
        "answers: { pay: { status: 404 }, outer.inner.pay: ok }\nexpect: { status: completed }",
        "answers: { act: { value: 1 }, act.1: { error: activity.Full, retryable: false } }\nexpect: { error: activity.Full, calls: { act.0: { args: [1] }, act: { times: 2 } } }",
        "timeline: [ { after: 1m, signal: og, refused: unknown } ]",
        "timeline: [ { after: 1m, signal: go, payload: 1, refused: takes none } ]",
        "timeline: [ { after: 1m, signal: paid, payload: {}, refused: payload-invalid } ]",
        "timeline: [ { after: 2h, signal: go, refused: run-ended } ]\nexpect: { took: 1h }",
        "timeline: [ { after: 1m, update: nobody, refused: unknown } ]",
        "timeline: [ { after: 1m, update: set-limit, payload: 0, refused: too little } ]",
        "timeline: [ { after: 1m, update: set-limit, payload: 7, error: unlucky } ]",
        "timeline: [ { after: 1m, query: tenth, error: expression } ]",
        "timeline: [ { after: 1m, signal: go } ]\nexpect: { unread: [go], vars: { limit: 3 } }",
        "expect: { unread: [], never: [fails], calls: { pay: { query: { tag: [a, b], once: c, other: null } } } }",
        "expect: { calls: { pay: { headers: { X-Tenant: t, x-other: null }, query: { tag: b } } } }",
        "timeline: [ { after: 1m, signal: added, payload: 4 } ]\nexpect: { result: 4, path: [on.added.0.set~1, tell] }",
    ];
    for (at, scenario) in scenarios.iter().enumerate() {
        folder.write(&format!("definitions/Ship/tests/{at}.yaml"), &format!("input: {{ k: a }}\n{scenario}\n"));
    }
    let (code, text) = once(&folder, &["test"], &[]);
    let wanted = format!("{} passed, 0 failed", scenarios.len());
    if code == 0 && text.contains(&wanted) { Ok(()) } else { Err(text) }
}

/// Each complaint once, with the versions it is about where it is not about all of them.
fn check_reads_the_scenarios_too() -> Result<(), String> {
    let folder = Folder::new();
    let second = SHIP.replace("version: 1", "version: 2").replace("id: tell", "id: inform");
    folder.write("definitions/Ship/v1.yaml", SHIP).write("definitions/Ship/v2.yaml", &second);
    let good = "input: { k: a }\nversions: [1]\nexpect: { path: [tell] }\n";
    folder.write("definitions/Ship/tests/good.yaml", good);
    let (code, text) = once(&folder, &["check"], &[]);
    if code != 0 || !text.contains("2 definitions, 1 scenario: 0 errors, ") {
        return Err(text);
    }
    let wrong = "input: { k: 1 }\nexpect:\n  never: [nowhere]\n  path: [tell]\n";
    folder.write("definitions/Ship/tests/wrong.yaml", wrong);
    folder.write("definitions/Ship/tests/shape.yaml", "input: { k: a }\nexpect: { calls: nonsense }\n");
    folder.write("definitions/Ship/tests/version.yaml", &good.replace("[1]", "[1, 3]"));
    folder.write("definitions/Ship/tests/nothing.yaml", "input: { k: a }\n");
    let complaints = [
        "wrong.yaml:1:13: error[expectation]: the input does not fit the process: at `/k`: ",
        "wrong.yaml:3:11: error[expectation]: there is no step `nowhere` in the definition\n",
        "wrong.yaml:4:10: error[expectation]: there is no step `tell` in the definition (version 2)\n",
        "shape.yaml:2:18: error[wrong-shape]: `calls` is a mapping, this is text\n",
        "version.yaml:2:15: error[expectation]: there is no version 3 of Ship\n",
        "nothing.yaml:1:1: error[expectation]: the scenario expects nothing, so it could not fail\n",
    ];
    let (code, text) = once(&folder, &["check"], &[]);
    for complaint in complaints {
        if code != 1 || text.matches(complaint).count() != 1 {
            return Err(format!("`{complaint}` is not there once:\n{text}"));
        }
    }
    if !text.contains("2 definitions, 5 scenarios: 6 errors, ") {
        return Err(text);
    }
    // A folder of one process, and one file.
    let (code, text) = once(&folder, &["check", "definitions/Ship"], &[]);
    if code != 1 || !text.contains("2 definitions, 5 scenarios: 6 errors") {
        return Err(text);
    }
    let (code, text) = once(&folder, &["check", "definitions/Ship/tests/wrong.yaml"], &[]);
    if code != 1 || !text.contains("0 definitions, 1 scenario: 3 errors") {
        return Err(text);
    }
    let (code, text) = once(&folder, &["check", "definitions/Ship/v1.yaml"], &[]);
    if code != 0 || !text.contains("1 definition: 0 errors") {
        return Err(text);
    }
    // What is wrong with a version that is not in order is told of the version.
    folder.write("definitions/Ship/v2.yaml", &second.replace("steps:", "stepps:"));
    let (code, text) = once(&folder, &["check"], &[]);
    if code != 1 || text.contains("(version 2)") || text.contains("no version 2") {
        return Err(text);
    }
    Ok(())
}

/// The scenarios in docs/language.md belong to the process at the top of that page.
fn the_scenarios_of_the_page_hold() -> Result<(), String> {
    let page = std::fs::read_to_string(crate::root().join("docs/language.md")).map_err(|e| e.to_string())?;
    let fences = |kind: &str| {
        let begins = format!("```yaml {kind}\n");
        page.split(begins.as_str())
            .skip(1)
            .filter_map(|rest| rest.split("```").next())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let folder = Folder::new();
    let definition = fences("definition").into_iter().next().ok_or("there is no definition on the page")?;
    folder.write("definitions/OrderReminder/v1.yaml", &definition);
    let scenarios = fences("scenario");
    for (at, scenario) in scenarios.iter().enumerate() {
        folder.write(&format!("definitions/OrderReminder/tests/{at}.yaml"), scenario);
    }
    let (code, text) = once(&folder, &["test"], &[]);
    let wanted = format!("{} passed, 0 failed", scenarios.len());
    if code == 0 && scenarios.len() > 2 && text.contains(&wanted) { Ok(()) } else { Err(text) }
}

/// A run that never comes to rest is no waiting run; with `until` it is looked at as it stands then.
fn a_run_without_end_needs_a_horizon() -> Result<(), String> {
    const HEARTBEAT: &str = "fermata: 1
process: Heart
version: 1
key: ${input.k}
vars: { beats: 0 }
signals: { stop: }
queries: { beats: \"${beats}\" }
steps:
  - id: life
    race:
      death:
        - id: stop
          wait: { signal: stop }
          forever: true
      beating:
        - while: true
          do:
            - id: pause
              wait: 1h
            - set: { beats: \"${beats + 1}\" }
";
    let folder = Folder::new();
    folder.write("definitions/Heart/v1.yaml", HEARTBEAT);
    let test = |scenario: &str| {
        folder.write("definitions/Heart/tests/s.yaml", &format!("input: {{ k: a }}\n{scenario}\n"));
        once(&folder, &["test"], &[])
    };
    let endless = "s.yaml:2:9: error[expectation]: the run does not come to rest: after ";
    let (code, text) = test("expect: { status: waiting }");
    if code != 1 || !text.contains(endless) || !text.contains("say when to look at it, as in `until: 30d`") {
        return Err(text);
    }
    // What is due at that instant still happens, what is due later does not.
    for (scenario, holds) in [
        ("until: 10h\nexpect: { status: waiting, vars: { beats: 10 }, for: [stop, pause.10], took: 10h }", true),
        ("until: 599m\nexpect: { status: waiting, vars: { beats: 9 }, took: 9h }", true),
        ("until: 10h\ntimeline: [ { after: 10h, query: beats, returns: 10 } ]", true),
        ("until: 10h\ntimeline: [ { after: 10h, signal: stop } ]\nexpect: { status: completed, took: 10h }", true),
        ("timeline: [ { after: 30m, signal: stop } ]\nexpect: { status: completed, took: 30m }", true),
        ("until: 10h\nexpect: { status: completed }", false),
    ] {
        let (code, text) = test(scenario);
        if (code == 0) != holds {
            return Err(format!("{scenario}\n{text}"));
        }
    }
    for (scenario, part) in [
        ("until: 10\nexpect: { status: waiting }", "s.yaml:2:8: error[duration]"),
        (
            "until: 10h\ntimeline:\n  - { after: 11h, signal: stop }\nexpect: { status: waiting }",
            "s.yaml:4:5: error[wrong-shape]: this never happens: the scenario ends after 10h",
        ),
    ] {
        let (code, text) = test(scenario);
        if code != 1 || !text.contains(part) {
            return Err(format!("{scenario}\n{text}"));
        }
    }
    let simulate = |more: &[&str]| {
        let arguments = ["simulate", "definitions/Heart/v1.yaml", "--input", "{\"k\": \"a\"}"];
        once(&folder, &[&arguments, more].concat(), &[])
    };
    let (code, text) = simulate(&[]);
    if code != 1 || !text.contains("the run does not come to rest: say with `--until 30d`") || text.len() > 40_000 {
        return Err(format!("{code} {} {}", text.len(), text.get(..2000).unwrap_or(&text)));
    }
    let (code, text) = simulate(&["--until", "3h"]);
    if code != 0 || !text.contains("waiting after 3h") {
        return Err(text);
    }
    Ok(())
}

/// What happened, not that something did: values, requests, answers, messages, dates; for people and for programs.
fn simulate_shows_what_happened() -> Result<(), String> {
    const PARCEL: &str = "fermata: 1
process: Parcel
version: 1
key: ${input.k}
vars: { note: null, much: '' }
signals:
  scanned: { payload: { type: object, required: [place], properties: { place: { type: string } } } }
updates:
  rename: { payload: { type: string }, check: payload != '', otherwise: a name is wanted, returns: \"${payload + '!'}\" }
queries:
  note: ${note}
steps:
  - id: order
    http: { service: shop, method: POST, path: /orders, query: { by: fermata }, body: { of: \"${input.k}\" } }
    retry: { attempts: 2 }
    save: order
  - set: { note: { code: \"${order.body.code}\", words: \"${input.words}\" } }
  - set: { much: \"${['0123456789', '0123456789'].map(|x| [x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x])}\" }
  - log: ${len(much)} lists
  - id: pack
    activity: { name: Pack, queue: boxes, args: [1] }
    on-error: skip
  - id: scan
    wait: { signal: scanned }
    timeout: 2d
  - id: tell
    send: { signal: done, to: Order.o, payload: 7 }
  - id: pause
    wait: 1d
  - fail: { error: lost, message: it was never seen again }
";
    const SCENARIO: &str = "at: '2026-03-01T10:00:00Z'
input: { k: a, words: 'one two' }
answers:
  order: [ { status: 503 }, { after: 2s, status: 201, body: { code: 5 } } ]
  pack: { error: activity.Full, message: no box is left, retryable: false }
timeline:
  - { after: 1h, update: rename, payload: '', refused: refused }
  - { after: 1h, update: rename, payload: x }
  - { after: 1h, query: note }
  - { after: 2h, signal: scanned, payload: { place: Rome } }
  - { after: 3d, signal: scanned, payload: { place: Oslo }, refused: run-ended }
expect: { error: lost }
";
    let folder = Folder::new();
    folder.write("definitions/Parcel/v1.yaml", PARCEL).write("s.yaml", SCENARIO);
    let simulate = |more: &[&str]| {
        let arguments = ["simulate", "definitions/Parcel/v1.yaml", "--scenario", "s.yaml"];
        once(&folder, &[&arguments, more].concat(), &[])
    };
    let (code, text) = simulate(&[]);
    let shown: Vec<String> = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let digits = "\"0123456789\",".repeat(9);
    for wanted in [
        "2026-03-01T10:00:00Z 0s order called POST shop /orders?by=fermata with {\"of\":\"a\"}",
        "2026-03-01T10:00:00Z 0s order attempt 1 answered 503, the next at 2026-03-01T10:00:01Z",
        "2026-03-01T10:00:03Z 3s order answered 201 {\"code\":5}, attempt 2",
        "2026-03-01T10:00:03Z 3s set~1 set note = {\"code\":5,\"words\":\"one two\"}",
        &format!("2026-03-01T10:00:03Z 3s set~2 set much = [[{digits}\"… (1565 bytes)"),
        "2026-03-01T10:00:03Z 3s pack called Pack on boxes with [1]",
        "2026-03-01T10:00:03Z 3s pack answered activity.Full: no box is left",
        "2026-03-01T10:00:03Z 3s pack passed over activity.Full: no box is left",
        "2026-03-01T10:00:03Z 3s scan at most 2d, until 2026-03-03T10:00:03Z",
        "2026-03-01T11:00:00Z 1h update rename refused: a name is wanted",
        "2026-03-01T11:00:00Z 1h update rename returned \"x!\"",
        "2026-03-01T11:00:00Z 1h query note answered {\"code\":5,\"words\":\"one two\"}",
        "2026-03-01T12:00:00Z 2h signal scanned into the inbox: {\"place\":\"Rome\"}",
        "2026-03-01T12:00:00Z 2h scan took the signal: {\"place\":\"Rome\"}",
        "2026-03-01T12:00:00Z 2h tell called Order.o: signal done with 7",
        "2026-03-01T12:00:00Z 2h pause waits 1d, until 2026-03-02T12:00:00Z",
        "2026-03-02T12:00:00Z 1d2h pause time is up",
        "2026-03-02T12:00:00Z 1d2h fail~1 failed with lost: it was never seen again",
        "2026-03-04T10:00:00Z 3d signal scanned refused: the run has ended",
        "failed after 1d2h with lost: it was never seen again",
    ] {
        if code != 0 || !shown.iter().any(|line| line == wanted) {
            return Err(format!("`{wanted}` is not in:\n{text}"));
        }
    }
    let (code, text) = simulate(&["--format", "json"]);
    let lines: Vec<serde_json::Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    if code != 0 || lines.len() != text.lines().count() {
        return Err(text);
    }
    for wanted in [
        r#"{"at":"2026-03-01T10:00:00Z","path":"order","line":13,"what":"called","request":{"service":"shop","method":"POST","path":"/orders","query":[["by","fermata"]],"body":{"of":"a"}}}"#,
        r#"{"at":"2026-03-01T10:00:00Z","path":"order","line":13,"what":"attempt","attempt":1,"status":503,"body":null,"next":"2026-03-01T10:00:01Z"}"#,
        r#"{"at":"2026-03-01T10:00:03Z","path":"order","line":13,"what":"ended","outcome":"ok","attempts":2,"status":201,"body":{"code":5}}"#,
        r#"{"at":"2026-03-01T10:00:03Z","path":"set~1","line":17,"what":"set","name":"note","value":{"code":5,"words":"one two"}}"#,
        r#"{"at":"2026-03-01T10:00:03Z","path":"pack","line":20,"what":"skipped","error":"activity.Full","message":"no box is left"}"#,
        r#"{"at":"2026-03-01T10:00:03Z","path":"scan","line":23,"what":"armed","after":172800000,"due":"2026-03-03T10:00:03Z"}"#,
        r#"{"at":"2026-03-01T11:00:00Z","path":"","what":"refused","event":"update rename","reason":"a name is wanted"}"#,
        r#"{"at":"2026-03-01T11:00:00Z","path":"","what":"updated","update":"rename","outcome":"returned","value":"x!"}"#,
        r#"{"at":"2026-03-01T11:00:00Z","path":"","what":"queried","query":"note","value":{"code":5,"words":"one two"}}"#,
        r#"{"at":"2026-03-01T12:00:00Z","path":"scan","line":23,"what":"took","message":0,"payload":{"place":"Rome"}}"#,
        r#"{"at":"2026-03-02T12:00:00Z","path":"","what":"end","status":"failed","error":"lost","message":"it was never seen again","step":"fail~1"}"#,
    ] {
        let wanted: serde_json::Value = serde_json::from_str(wanted).map_err(|e| e.to_string())?;
        if !lines.contains(&wanted) {
            return Err(format!("{wanted} is not in:\n{text}"));
        }
    }
    // What is long is told by its size and its digest.
    let much = lines.iter().find(|line| line["name"] == "much" && line["path"] == "set~2").ok_or("no line")?;
    if much["bytes"] != 1565 || much["digest"].as_str().map(str::len) != Some(16) || !much["value"].is_null() {
        return Err(much.to_string());
    }
    // A run that has not ended says where it stands, and when it will go on.
    let (_, text) = simulate(&["--format", "json", "--until", "3h"]);
    let last = r#"{"at":"2026-03-01T13:00:00Z","path":"pause","line":28,"what":"waits","for":"the time","until":"2026-03-02T12:00:00Z"}"#;
    if text.lines().any(|line| line == last) { Ok(()) } else { Err(text) }
}

/// A folder with two versions of Ship, a scenario for each, and a process beside it that is not in order.
fn ship_and_wreck() -> Folder {
    let folder = Folder::new();
    let second = SHIP.replace("version: 1", "version: 2").replace("wait: 1h", "wait: 2h");
    folder.write("definitions/Ship/v1.yaml", SHIP).write("definitions/Ship/v2.yaml", &second);
    let took = |versions: &str, took: &str| {
        format!("scenario: Takes {took}\nversions: {versions}\ninput: {{ k: a }}\nexpect: {{ took: {took} }}\n")
    };
    folder.write("definitions/Ship/tests/one.yaml", &took("[1]", "1h"));
    folder.write("definitions/Ship/tests/two.yaml", &took("[2]", "2h"));
    folder.write("definitions/Wreck/v1.yaml", "fermata: 1\n");
    folder.write("definitions/Wreck/tests/s.yaml", "expect: nothing\n");
    folder
}

fn says(found: (i32, String), code: i32, parts: &[&str], never: &[&str]) -> Result<(), String> {
    let missing = parts.iter().find(|part| !found.1.contains(**part));
    let present = never.iter().find(|part| found.1.contains(**part));
    match (found.0 == code, missing, present) {
        (true, None, None) => Ok(()),
        _ => {
            Err(format!("exit {} instead of {code}; missing: {missing:?}; too much: {present:?}\n{}", found.0, found.1))
        }
    }
}

fn a_command_is_about_what_it_names() -> Result<(), String> {
    let folder = ship_and_wreck();
    let test = |arguments: &[&str]| once(&folder, &[&["test"], arguments].concat(), &[]);
    let (one, two) = ("passed  Ship v1  Takes 1h", "passed  Ship v2  Takes 2h");
    says(test(&[]), 2, &["definitions/Wreck/v1.yaml", "nothing was run"], &["passed"])?;
    says(test(&["Ship"]), 0, &[one, two, "2 passed, 0 failed"], &["Wreck"])?;
    says(test(&["Wreck"]), 2, &["definitions/Wreck/v1.yaml", "nothing was run"], &["Ship"])?;
    says(test(&["Ship@2"]), 0, &[two, "1 passed, 0 failed"], &[])?;
    says(test(&["definitions/Ship/v2.yaml"]), 0, &[two, "1 passed, 0 failed"], &[])?;
    says(test(&["definitions/Ship/tests/one.yaml"]), 0, &[one, "1 passed, 0 failed"], &[])?;
    says(test(&["Ship", "Takes 2h"]), 0, &[two, "1 passed, 0 failed"], &[])?;
    says(test(&["Ship", "two"]), 0, &[two, "1 passed, 0 failed"], &[])?;
    says(test(&["Ship@1", "Takes 2h"]), 2, &["no scenarios of Ship v1"], &[])?;
    says(test(&["Ship", "Takes 3h"]), 2, &["there is no scenario `Takes 3h` of Ship", "did you mean `Takes "], &[])?;
    says(test(&["Ship@3"]), 2, &["Ship has no version 3; it has 1, 2"], &[])?;
    says(test(&["Ship@x"]), 2, &["write `Ship@2`"], &[])?;
    says(test(&["Shop"]), 2, &["there is no process `Shop`"], &[])?;
    says(test(&["definitions/Ship/tests/three.yaml"]), 2, &["there is no such file"], &[])?;
    folder.write("stray.yaml", "");
    says(test(&["stray.yaml"]), 2, &["neither a version nor a scenario"], &[])?;
    let inside = |arguments: &[&str]| {
        let folder = folder.path().join("definitions/Ship");
        let output = std::process::Command::new(crate::process::fermata()).args(arguments).current_dir(folder).output();
        let output = output.unwrap();
        let text = [output.stdout, output.stderr].map(|b| String::from_utf8_lossy(&b).into_owned()).concat();
        (output.status.code().unwrap_or(-1), text)
    };
    says(inside(&["test", "tests/one.yaml"]), 0, &[one], &[])?;

    let simulate = |arguments: &[&str]| once(&folder, &[&["simulate"], arguments].concat(), &[]);
    says(simulate(&["Ship@1", "--scenario", "Takes 1h"]), 0, &["Ship v1  key a", "completed after 1h"], &["Wreck"])?;
    // The newest version that the scenario is for.
    says(simulate(&["Ship", "--scenario", "one"]), 0, &["Ship v1  key a"], &[])?;
    says(simulate(&["Ship", "--input", "{\"k\": \"b\"}"]), 0, &["Ship v2  key b", "completed after 2h"], &[])?;
    says(
        simulate(&["Ship@2", "--scenario", "Takes 1h"]),
        1,
        &["one.yaml:2:12: error[expectation]: the scenario is not for version 2, but for 1"],
        &["completed"],
    )?;
    let file = ["definitions/Ship/v2.yaml", "--scenario", "definitions/Ship/tests/one.yaml"];
    says(simulate(&file), 1, &["the scenario is not for version 2, but for 1"], &["completed"])?;
    says(
        simulate(&["definitions/Ship/v2.yaml", "--scenario", "Takes 2h"]),
        0,
        &["Ship v2", "completed after 2h"],
        &[],
    )?;
    says(simulate(&["Ship@4"]), 2, &["Ship has no version 4; it has 1, 2"], &[])?;
    says(simulate(&["Shop"]), 2, &["there is no process `Shop` in definitions"], &[])?;
    says(simulate(&["Ship", "--scenario", "Takes 4h"]), 2, &["there is no scenario `Takes 4h` of Ship"], &[])?;
    says(simulate(&["definitions/Ship/v7.yaml"]), 2, &["v7.yaml"], &[])
}

fn what_fails_its_scenarios_is_not_published() -> Result<(), String> {
    let folder = ship_and_wreck();
    let publish = |arguments: &[&str]| once(&folder, &[&["publish"], arguments].concat(), &[]);
    let lock = folder.path().join("definitions/LOCK");
    says(publish(&[]), 1, &["definitions/Wreck/v1.yaml", "definitions must be in order first"], &["sha256:"])?;
    let failing = "input: { k: a }\nversions: [2]\nexpect: { took: 1h }\n";
    folder.write("definitions/Ship/tests/three.yaml", failing);
    let refused =
        ["FAILED  Ship v2  three", "three.yaml:3:17: ", "scenarios fail; `--untested` publishes all the same"];
    says(publish(&["Ship"]), 1, &refused, &["sha256:", "Wreck", "passed  Ship"])?;
    if lock.exists() {
        return Err("something was published all the same".to_owned());
    }
    // What cannot be read could be about any version.
    folder.write("definitions/Ship/tests/three.yaml", "expect: nothing\n");
    says(publish(&["Ship"]), 1, &["FAILED  Ship  three", "three.yaml:1:9: error[wrong-shape]"], &["sha256:"])?;
    folder.write("definitions/Ship/tests/three.yaml", &failing.replace("[2]", "[1]"));
    says(publish(&["Ship", "--untested"]), 0, &["Ship v1  sha256:", "  untested", "Ship v2  sha256:"], &["FAILED"])?;
    // A version that is published already is not asked again.
    let third = SHIP.replace("version: 1", "version: 3").replace("wait: 1h", "wait: 3h");
    folder.write("definitions/Ship/v3.yaml", &third);
    says(publish(&["Ship"]), 0, &["Ship v3  sha256:", "  no scenarios"], &["FAILED", "Ship v1"])?;
    folder.write("definitions/Ship/v4.yaml", &SHIP.replace("version: 1", "version: 4"));
    folder.write("definitions/Ship/tests/four.yaml", "input: { k: a }\nversions: [4]\nexpect: { took: 1h }\n");
    says(publish(&["Ship"]), 0, &["Ship v4  sha256:", "  1 scenario passed"], &["FAILED", "Ship v3"])
}

/// `tests/processes`: processes as businesses write them, with scenarios that were reckoned by hand from the page.
fn fifteen_businesses_run_as_reckoned() -> Result<(), String> {
    let processes = crate::root().join("tests/processes");
    let processes = processes.to_string_lossy();
    let nowhere = Folder::new();
    for arguments in [vec!["check", &processes], vec!["test", "--definitions", &processes]] {
        let (code, text) = once(&nowhere, &arguments, &[]);
        if code != 0 {
            return Err(format!("{}: {code}\n{text}", arguments.join(" ")));
        }
    }
    Ok(())
}
