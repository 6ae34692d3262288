//! Recording: the scenarios of `tests/replay/*.yaml` are played on a real server, in real time and without a pace, so that
//! histories hold the timers, retries and timeouts of production.

use std::path::Path;
use std::sync::OnceLock;

use fermata::machine::{Prepared, prepare};
use fermata::plan::{ENGINE, Home, Plan, from_yaml};
use fermata::simulate::{Scenario, simulate};
use fermata::temporal::{Pace, StartInput};
use fermata::value::Value;
use libtest_mimic::Trial;

use crate::mock::unix_millis;
use crate::server::{CACHED, Server, server};
use crate::temporal::{RUNS, Stage, deals, ended, needs_own_worker, same_replies, same_trace};
use crate::{cases, temporal};

/// The run that `send` tells something.
const RECEIVER: &str = "fermata: 1\nprocess: Receiver\nversion: 1\nkey: ${input.k}\nsignals: { news: { payload: {} } }\n\
                        steps:\n  - while: true\n    do:\n      - id: news\n        wait: { signal: news }\n        forever: true\n";
static RECEIVING: OnceLock<Result<(), String>> = OnceLock::new();

pub fn trials() -> Vec<Trial> {
    let files = crate::files("tests/replay", "yaml").into_iter();
    files
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            crate::trial(format!("replay::record::{name}"), move || case(&path))
        })
        .collect()
}

/// What the history of a scenario is called.
pub fn name(case: &str, scenario: &str) -> String {
    format!("{case}.{scenario}")
}

fn case(path: &Path) -> Result<(), String> {
    let case = cases::read(path)?;
    let server = server()?;
    RECEIVING.get_or_init(|| receive(server)).clone()?;
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let one = |(scenario, _): &(Scenario, Option<String>)| {
            let name = name(&case.name, &scenario.name);
            let (plan, scenario) = (&case.plan, scenario.clone());
            scope.spawn(move || keep(server, plan, &scenario, &name).map_err(|e| format!("{name}: {e}")))
        };
        let running: Vec<_> = case.scenarios.iter().map(one).collect();
        running.into_iter().filter_map(|r| r.join().unwrap().err()).collect()
    });
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

fn keep(server: &Server, plan: &Plan, scenario: &Scenario, name: &str) -> Result<(), String> {
    let path = super::folder(ENGINE).join(format!("{name}.json"));
    // What a released engine wrote stays as it is.
    if released(ENGINE) && path.exists() {
        return Ok(());
    }
    let mut last = Err("not tried".to_owned());
    for attempt in 0..3 {
        last = play(server, plan, scenario, &format!("{name}.{attempt}"));
        if last.is_ok() {
            break;
        }
    }
    let text = last?;
    std::fs::create_dir_all(super::folder(ENGINE)).map_err(|e| e.to_string())?;
    std::fs::write(path, text).map_err(|e| e.to_string())
}

/// Engine 0 promises nothing.
fn released(engine: u32) -> bool {
    engine != 0
}

/// Plays a scenario and gives the history of the run.
fn play(server: &Server, plan: &Plan, scenario: &Scenario, id: &str) -> Result<String, String> {
    let _slot = RUNS.take();
    let report = simulate(plan, scenario).map_err(|e| e.to_string())?;
    let Prepared { key, input } = prepare(plan, scenario.input.clone(), None).map_err(|e| e.to_string())?;
    let start = start(plan, key, input);
    let pace = Pace { start: scenario.at.millis(), ..Pace::default() };
    let mut stage = Stage::set(server, CACHED, id, needs_own_worker(scenario))?;
    let (began, deals) = (unix_millis(), deals(scenario, &report, &pace));
    server.mock.deal(&start.uid, began, deals.clone());
    server.mock.deal(id, began, deals);
    let replies = stage.play(&start, scenario, &report, &pace)?;
    same_replies(&replies, &report)?;
    let live = server.instances(id);
    let last = live.iter().rev().find(|i| ended(i)).ok_or("no instance saw the end")?;
    same_trace(plan, &report, last)?;
    let history = server.runtime.block_on(stage.client.recorded(id)).map_err(|e| e.to_string())?;
    server.runtime.block_on(history.replay())?;
    let all = server.instances(id);
    temporal::same_events(last, all.last().ok_or("the replay was not seen")?)?;
    history.to_settled_json().map_err(|e| e.to_string())
}

fn start(plan: &Plan, key: String, input: Value) -> StartInput {
    StartInput::new(plan, uuid::Uuid::now_v7().to_string(), key, input)
}

fn receive(server: &Server) -> Result<(), String> {
    let (plan, complaints) = from_yaml(RECEIVER, &Home::default());
    let plan = plan.ok_or_else(|| format!("{complaints:?}"))?;
    let start = start(&plan, "there".to_owned(), Value::map([("k", Value::text("there"))]));
    let started = server.client(CACHED);
    server.runtime.block_on(started.start("Receiver.there", &start, "replay")).map(|_| ()).map_err(|e| e.to_string())
}
