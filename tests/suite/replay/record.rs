//! Recording: the scenarios of `tests/replay/*.yaml` are played on a real server, in real time and without a pace, so that
//! histories hold the timers, retries and timeouts of production. Some of them are played a second time, by a run that
//! goes over into a fresh history wherever it can.

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

/// Scenarios that are played by a run that crosses, too.
const CROSSING: [&str; 4] = ["success", "success-failed", "signal", "cancel"];

/// How a scenario is played, and what its histories are called: `<case>.<scenario>`, or for a run that crosses
/// `<case>.crossing-<scenario>`, and behind that `.2`, `.3` … from the second history on.
#[derive(Clone, Copy)]
pub struct Played<'a> {
    case: &'a str,
    scenario: &'a str,
    crossing: bool,
}

impl<'a> Played<'a> {
    /// The ways in which a scenario is played.
    pub fn of(case: &'a str, scenario: &'a str) -> impl Iterator<Item = Played<'a>> {
        let crossing = CROSSING.contains(&scenario).then_some(true);
        std::iter::once(false).chain(crossing).map(move |crossing| Played { case, scenario, crossing })
    }

    pub fn name(&self) -> String {
        format!("{}.{}{}", self.case, if self.crossing { "crossing-" } else { "" }, self.scenario)
    }
}

/// The name of the first history of a run, of any of them.
pub fn first(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((first, number)) if number.bytes().all(|b| b.is_ascii_digit()) => first,
        _ => name,
    }
}

fn case(path: &Path) -> Result<(), String> {
    let case = cases::read(path)?;
    let server = server()?;
    RECEIVING.get_or_init(|| receive(server)).clone()?;
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let one = |(played, scenario): (Played<'_>, &Scenario)| {
            let (name, crossing) = (played.name(), played.crossing);
            let (plan, scenario) = (&case.plan, scenario.clone());
            scope.spawn(move || keep(server, plan, &scenario, &name, crossing).map_err(|e| format!("{name}: {e}")))
        };
        let scenarios = case.scenarios.iter().map(|(scenario, _)| scenario);
        let played = scenarios.flat_map(|one| Played::of(&case.name, &one.name).map(move |played| (played, one)));
        let running: Vec<_> = played.map(one).collect();
        running.into_iter().filter_map(|r| r.join().unwrap().err()).collect()
    });
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

fn keep(server: &Server, plan: &Plan, scenario: &Scenario, name: &str, crossing: bool) -> Result<(), String> {
    let folder = super::folder(ENGINE);
    // What a released engine wrote stays as it is.
    if released(ENGINE) && folder.join(format!("{name}.json")).exists() {
        return Ok(());
    }
    let mut last = Err("not tried".to_owned());
    for attempt in 0..3 {
        last = play(server, plan, scenario, &format!("{name}.{attempt}"), crossing);
        if last.is_ok() {
            break;
        }
    }
    let histories = last?;
    std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    for (_, old) in super::of_engine(ENGINE).into_iter().filter(|(_, old)| first(&old.name) == name) {
        std::fs::remove_file(old.path).map_err(|e| e.to_string())?;
    }
    for (at, text) in histories.into_iter().enumerate() {
        let number = if at == 0 { String::new() } else { format!(".{}", at + 1) };
        std::fs::write(folder.join(format!("{name}{number}.json")), text).map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// Engine 0 promises nothing.
fn released(engine: u32) -> bool {
    engine != 0
}

/// Plays a scenario and gives the histories of the run.
fn play(server: &Server, plan: &Plan, scenario: &Scenario, id: &str, crossing: bool) -> Result<Vec<String>, String> {
    let _slot = RUNS.take();
    let report = simulate(plan, scenario).map_err(|e| e.to_string())?;
    let Prepared { key, input } = prepare(plan, scenario.input.clone(), None).map_err(|e| e.to_string())?;
    let start = StartInput { marks: crossing.then_some(temporal::CROSSING), ..start(plan, key, input) };
    let pace = Pace { start: scenario.at.millis(), ..Pace::default() };
    let mut stage = Stage::set(server, CACHED, id, needs_own_worker(scenario))?;
    let (began, deals) = (unix_millis(), deals(scenario, &report, &pace));
    server.mock.deal(&start.uid, began, deals.clone());
    server.mock.deal(id, began, deals);
    let replies = stage.play(&start, scenario, &report, &pace)?;
    same_replies(&replies, &report)?;
    let live = server.run_of(id);
    if !ended(&live) {
        return Err("no instance saw the end".to_owned());
    }
    same_trace(plan, &report, &live)?;
    let chain = server.runtime.block_on(stage.client.chain(id)).map_err(|e| e.to_string())?;
    for history in &chain {
        server.runtime.block_on(history.replay())?;
    }
    temporal::same_events(&live, &server.run_of(id))?;
    chain.iter().map(|history| history.to_settled_json().map_err(|e| e.to_string())).collect()
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
