//! Every case file on a real server: the same trace as on the virtual clock (R53 b), with runs in memory and without;
//! and the pure machine, fed what the host was fed, with its state written and read back at each step (R53 a).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use fermata::machine::{End, Prepared, Run, State, Trace, What, apply, prepare};
use fermata::plan::{ENGINE, Home, Plan, from_yaml};
use fermata::simulate::{Happening, Report, Scenario, Status, simulate};
use fermata::temporal::{Applied, Ending, Pace, PacedAttempt, StartInput, set_pace};
use fermata::value::{Time, Value, to_json};
use libtest_mimic::Trial;

use crate::cases;
use crate::mock::{Dealt, unix_millis};
use crate::server::{CACHED, Server, UNCACHED, server};

/// Between two instants of a scenario, in milliseconds of the server, and what each attempt at an instant adds. Where
/// the machine was too late for that, the scenario is run again with more.
const GAP: i64 = 400;
const ATTEMPT: i64 = 150;
const SLOWER: [i64; 3] = [1, 3, 8];
/// Runs at the same time.
static RUNS: Slots = Slots::new(8);

pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for path in crate::files("tests/cases", "yaml") {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        // Several kinds of event at one instant: the server's clock cannot be made to do that.
        if name.starts_with("R1-") {
            continue;
        }
        for queue in [CACHED, UNCACHED] {
            let path = path.clone();
            trials.push(crate::trial(format!("temporal::{queue}::{name}"), move || run(&path, queue)));
        }
    }
    for queue in [CACHED, UNCACHED] {
        trials.push(crate::trial(format!("temporal::{queue}::R6-R55-strangers"), move || strangers(queue)));
    }
    trials
}

/// Signals that nobody declared, some of them unreadable, an update, and queries, sent past the service: the run goes on,
/// and a worker that replays it sees what the first one saw, task by task (R6, R55).
fn strangers(queue: &'static str) -> Result<(), String> {
    let server = server()?;
    let text = "fermata: 1\nprocess: Strangers\nversion: 1\nkey: ${input.k}\nsteps:\n  - id: pause\n    wait: 4s\n  - id: call\n    \
                http: { service: s, path: /x }\n  - return: done\n";
    let (plan, complaints) = from_yaml(text, &Home::default());
    let plan = plan.ok_or_else(|| format!("{complaints:?}"))?;
    let (id, uid) = (format!("strangers.{queue}"), uuid::Uuid::now_v7().to_string());
    let input = Value::map([("k", Value::text("a"))]);
    let start = StartInput {
        engine: ENGINE,
        uid: uid.clone(),
        process: "Strangers".to_owned(),
        version: 1,
        key: "a".to_owned(),
        digest: plan.digest().to_owned(),
        document: plan.canonical().to_owned(),
        input: input.clone(),
    };
    let client = server.client(queue);
    server.runtime.block_on(client.start(&id, &start, "case")).map_err(|e| e.to_string())?;
    let temporal = |arguments: &[&str]| {
        let address = format!("{}:{}", server.url.host_str().unwrap_or(""), server.url.port().unwrap_or(0));
        let output = std::process::Command::new(&server.program)
            .args(["workflow"])
            .args(arguments)
            .args(["--address", &address, "--workflow-id", &id])
            .output()
            .map_err(|e| e.to_string())?;
        let text = [output.stdout, output.stderr].map(|b| String::from_utf8_lossy(&b).into_owned()).concat();
        Ok::<_, String>((output.status.success(), text))
    };
    for n in 0..4 {
        let sent = match n {
            2 => temporal(&["signal", "--name", "odd", "--input", "x", "--input-meta", "encoding=binary/odd"])?,
            _ => temporal(&["signal", "--name", "hello", "--input", "{\"n\": 1e400}"])?,
        };
        if !sent.0 {
            return Err(sent.1);
        }
        let unknown = temporal(&["query", "--name", "nobody"])?;
        let position = server.runtime.block_on(client.position(&id, Duration::from_secs(10)));
        let position = position.map(|p| to_json(&p)).map_err(|e| e.to_string())?;
        if unknown.0 || !position.contains("\"step\":\"pause\"") {
            return Err(format!("{unknown:?} {position}"));
        }
    }
    let update = temporal(&["update", "execute", "--name", "update", "--input", "{}"])?;
    if update.0 || !update.1.contains("declares no updates") {
        return Err(format!("the update was taken: {}", update.1));
    }
    let ending = server.runtime.block_on(client.ending(&id, Duration::from_secs(60))).map_err(|e| e.to_string())?;
    if ending != Some(Ending::Completed(Value::text("done"))) {
        return Err(format!("{ending:?}"));
    }
    let live = server.instances(&id);
    let last = live.iter().rev().find(|i| ended(i)).ok_or("no instance saw the end")?;
    let strays = last.iter().flat_map(|a| &a.output.trace).filter(|t| matches!(t.what, What::Stray { .. })).count();
    if strays != 4 {
        return Err(format!("{strays} strays"));
    }
    server.runtime.block_on(client.replay(&id)).map_err(|e| format!("replay: {e}"))?;
    let all = server.instances(&id);
    same_events(last, all.last().ok_or("the replay was not seen")?)?;
    let run =
        Run { id: "Strangers.a".to_owned(), uid, key: "a".to_owned(), process: "Strangers".to_owned(), version: 1 };
    pure(&plan, State::new(run, input), last)
}

fn run(path: &Path, queue: &'static str) -> Result<(), String> {
    let case = cases::read(path)?;
    let server = server()?;
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let one = |(at, (scenario, _)): (usize, &(Scenario, Option<String>))| {
            let id = format!("{}.{at}.{queue}", case.name);
            let plan = &case.plan;
            let scenario = scenario.clone();
            scope.spawn(move || {
                let _slot = RUNS.take();
                paced(server, plan, &scenario, queue, &id).map_err(|e| format!("`{}` ({id}): {e}", scenario.name))
            })
        };
        let running: Vec<_> = case.scenarios.iter().enumerate().map(one).collect();
        running.into_iter().filter_map(|r| r.join().unwrap().err()).collect()
    });
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// Runs the scenario; again and slower where events came too late for the pace to tell instants apart.
fn paced(server: &Server, plan: &Plan, scenario: &Scenario, queue: &str, id: &str) -> Result<(), String> {
    let mut last = String::new();
    for slower in SLOWER {
        let id = format!("{id}.x{slower}");
        match scenario_on(server, plan, scenario, queue, &id, slower) {
            Ok(()) => return Ok(()),
            Err(error) => {
                last = format!("{error} (pace {slower})");
                if !was_late(plan, scenario, &server.instances(&id), GAP * slower)? {
                    return Err(last);
                }
            }
        }
    }
    Err(last)
}

/// Whether the pace was missed: where the run first parts from the virtual clock, its own time is a later instant, so
/// something of the instant before had not come yet; or an event came near the end of its gap.
fn was_late(plan: &Plan, scenario: &Scenario, live: &[Vec<Applied>], gap: i64) -> Result<bool, String> {
    let report = simulate(plan, scenario).map_err(|e| e.to_string())?;
    let lines = |now: Time, trace: &Trace| (now, serde_json::to_string(trace).unwrap());
    let shown = |trace: &Trace| !matches!(trace.what, What::Stray { .. });
    let wanted = report.trace.iter().filter(|(_, t)| shown(t)).map(|(now, t)| lines(*now, t));
    let Some(last) = live.last() else { return Ok(false) };
    let found = last.iter().flat_map(|a| a.output.trace.iter().filter(|t| shown(t)).map(|t| lines(a.now, t)));
    let parted = wanted.zip(found).find(|(wanted, found)| wanted != found);
    let near = last.iter().any(|a| a.late * 2 > gap);
    Ok(near || parted.is_some_and(|((wanted, _), (found, _))| found > wanted))
}

fn scenario_on(
    server: &Server,
    plan: &Plan,
    scenario: &Scenario,
    queue: &str,
    id: &str,
    slower: i64,
) -> Result<(), String> {
    let report = simulate(plan, scenario).map_err(|e| e.to_string())?;
    let Prepared { key, input } = prepare(plan, scenario.input.clone(), None).map_err(|e| e.to_string())?;
    let uid = uuid::Uuid::now_v7().to_string();
    let pace = pace(scenario, &report, slower);
    let start = StartInput {
        engine: ENGINE,
        uid: uid.clone(),
        process: plan.process().to_owned(),
        version: plan.version(),
        key: key.clone(),
        digest: plan.digest().to_owned(),
        document: plan.canonical().to_owned(),
        input: input.clone(),
    };
    let client = server.client(queue);
    server.runtime.block_on(async {
        let begin = unix_millis();
        server.mock.deal(&uid, begin, deals(scenario, &report, &pace));
        set_pace(id, pace.clone());
        client.start(id, &start, "case").await.map_err(|e| e.to_string())?;
        let started = tokio::time::Instant::now();
        for entry in &scenario.timeline {
            let at = started + Duration::from_millis(pace.offset(entry.after.millis()) as u64);
            tokio::time::sleep_until(at).await;
            match entry.happening {
                Happening::Cancel => client.cancel(id, "scenario").await.map_err(|e| e.to_string())?,
            }
        }
        if report.status == Status::Waiting {
            return Err("a scenario that only waits cannot be compared yet".to_owned());
        }
        let ending = client.ending(id, Duration::from_secs(90)).await.map_err(|e| e.to_string())?;
        same_ending(ending.ok_or("the run did not end within 90 s")?, &report)
    })?;
    let live = server.instances(id);
    let last = live.iter().rev().find(|i| ended(i)).ok_or("no instance saw the end")?;
    same_trace(&report, last)?;
    // The history, replayed by this code, feeds the same events again.
    let client = server.client(queue);
    server.runtime.block_on(client.replay(id)).map_err(|e| format!("replay: {e}"))?;
    let all = server.instances(id);
    let replayed = all.last().filter(|i| i[0].instance != last[0].instance).ok_or("the replay was not seen")?;
    same_events(last, replayed)?;
    let process = plan.process().to_owned();
    let run = Run { id: format!("{process}.{key}"), uid, key, process, version: plan.version() };
    pure(plan, State::new(run, input), last)
}

/// Each instant that the simulator saw or that a timer is due at, in order, gets its place on the server's clock.
fn pace(scenario: &Scenario, report: &Report, slower: i64) -> Pace {
    let start = scenario.at.millis();
    let mut instants = BTreeSet::from([0]);
    for (at, trace) in &report.trace {
        instants.insert(at.millis() - start);
        if let What::Armed { after } = trace.what {
            instants.insert(at.millis() - start + after);
        }
    }
    instants.extend(scenario.timeline.iter().map(|e| e.after.millis()));
    instants.extend(
        report.deals.iter().flat_map(|d| [Some(d.began), Some(d.ended), d.next]).flatten().map(|t| t.millis() - start),
    );
    let (mut at, mut knots) = (0, Vec::new());
    for own in instants {
        knots.push((own, at));
        let attempts = report.deals.iter().filter(|d| d.began.millis() - start == own).count() as i64;
        at += (GAP + ATTEMPT * attempts) * slower;
    }
    let mut pace = Pace { start, knots, ..Pace::default() };
    for deal in &report.deals {
        let offset = |time: Time| pace.offset(time.millis() - start);
        let attempt = PacedAttempt { timeout: deal.late.then(|| offset(deal.ended)), next: deal.next.map(offset) };
        pace.attempts.insert((deal.path.clone(), deal.attempt), attempt);
    }
    pace
}

fn deals(scenario: &Scenario, report: &Report, pace: &Pace) -> BTreeMap<String, Vec<Dealt>> {
    let mut deals: BTreeMap<String, Vec<Dealt>> = BTreeMap::new();
    for deal in &report.deals {
        let offset = pace.offset(deal.ended.millis() - scenario.at.millis());
        let timeout =
            matches!(&deal.answer.reaction, fermata::simulate::Reaction::Error { kind, .. } if kind == "http.timeout");
        let reaction = (!deal.late && !timeout).then(|| deal.answer.reaction.clone());
        deals.entry(deal.path.clone()).or_default().push(Dealt { reaction, offset });
    }
    deals
}

/// So many at a time.
struct Slots {
    free: Mutex<usize>,
    changed: Condvar,
}

struct Slot<'a>(&'a Slots);

impl Slots {
    const fn new(free: usize) -> Slots {
        Slots { free: Mutex::new(free), changed: Condvar::new() }
    }

    fn take(&self) -> Slot<'_> {
        let mut free = self.changed.wait_while(self.free.lock().unwrap(), |free| *free == 0).unwrap();
        *free -= 1;
        Slot(self)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap() += 1;
        self.0.changed.notify_one();
    }
}

fn ended(instance: &[Applied]) -> bool {
    instance.iter().any(|a| a.output.trace.iter().any(|t| matches!(t.what, What::End { .. })))
}

fn same_ending(ending: Ending, report: &Report) -> Result<(), String> {
    let found = match &ending {
        Ending::Completed(value) => ("completed", to_json(value)),
        Ending::Failed(error) => ("failed", error.get("type").map(|k| k.to_display()).unwrap_or_default()),
        Ending::Cancelled(_) => ("cancelled", String::new()),
        Ending::Terminated(reason) => ("terminated", reason.clone()),
    };
    let wanted = match (&report.result, &report.error) {
        (Some(value), _) => to_json(value),
        (_, Some(error)) => error.kind.clone(),
        _ => String::new(),
    };
    let result_differs = found.1 != wanted && !wanted.contains("0000-7000") && !derived(&wanted);
    if found.0 != report.status.word() || result_differs {
        return Err(format!("ended {found:?}, on the virtual clock {} {wanted}", report.status.word()));
    }
    Ok(())
}

/// Whether a result holds a `uuid()`, which is the run's own.
fn derived(result: &str) -> bool {
    result.split('"').any(|part| part.len() == 36 && part.matches('-').count() == 4)
}

fn lines<'a>(trace: impl Iterator<Item = &'a Trace>) -> Vec<String> {
    // A stray is what a host noticed of something withdrawn; hosts differ in it (R53).
    trace.filter(|t| !matches!(t.what, What::Stray { .. })).map(|t| serde_json::to_string(t).unwrap()).collect()
}

fn same_trace(report: &Report, live: &[Applied]) -> Result<(), String> {
    let wanted = lines(report.trace.iter().map(|(_, t)| t));
    let found = lines(live.iter().flat_map(|a| &a.output.trace));
    let has_uuid = live.iter().any(|a| a.workflow_id.starts_with("R31-"));
    let comparable = |line: &String| !(has_uuid && line.contains("\"set\""));
    let wanted: Vec<_> = wanted.into_iter().filter(comparable).collect();
    let found: Vec<_> = found.into_iter().filter(comparable).collect();
    match wanted.iter().zip(&found).find(|(w, f)| w != f) {
        Some((wanted, found)) => Err(format!("the trace parts: virtual {wanted}, Temporal {found}")),
        None if wanted.len() != found.len() => {
            Err(format!("the traces have {} and {} lines: {found:#?}", wanted.len(), found.len()))
        }
        None => Ok(()),
    }
}

fn same_events(one: &[Applied], other: &[Applied]) -> Result<(), String> {
    for (a, b) in one.iter().zip(other) {
        if a.event != b.event || a.now != b.now || a.output.commands != b.output.commands {
            return Err(format!("fed differently: {:?} at {:?}, then {:?} at {:?}", a.event, a.now, b.event, b.now));
        }
    }
    if one.len() == other.len() { Ok(()) } else { Err(format!("fed {} events, then {}", one.len(), other.len())) }
}

/// The machine alone, its state written and read back after each event.
fn pure(plan: &Plan, mut state: State, fed: &[Applied]) -> Result<(), String> {
    for applied in fed {
        let output = apply(plan, &mut state, applied.now, applied.event.clone());
        if output.commands != applied.output.commands || output.trace != applied.output.trace {
            return Err(format!("alone, the machine does something else at {:?}", applied.event));
        }
        let text = serde_json::to_string(&state).map_err(|e| e.to_string())?;
        let read: State = serde_json::from_str(&text).map_err(|e| format!("{e}: {text}"))?;
        if read != state {
            return Err(format!("the state does not read back as it was: {text}"));
        }
        state = read;
    }
    match state.end() {
        Some(End::Completed(_) | End::Failed(_) | End::Cancelled { .. }) => Ok(()),
        None => Err("alone, the machine did not end".to_owned()),
    }
}
