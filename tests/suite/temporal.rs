//! Every case file on a real server: the same trace as on the virtual clock (R53 b), with runs in memory and without;
//! and the pure machine, fed what the host was fed, with its state written and read back at each step (R53 a).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use fermata::machine::{Command, End, Prepared, Refusal, Run, State, Trace, UpdateOutcome, What, apply, prepare};
use fermata::plan::{ENGINE, Home, Plan, from_yaml};
use fermata::simulate::{Happening, Reaction, Replied, Report, Scenario, Status, simulate};
use fermata::temporal::{
    Applied, Asked, Ending, Mark, Marks, Pace, PacedAttempt, RunStatus, StartInput, Temporal, TemporalError,
    UpdateInput, set_pace,
};
use fermata::value::{Time, Value, to_json};
use libtest_mimic::Trial;

use crate::carried;
use crate::cases;
use crate::mock::{Dealt, unix_millis};
use crate::server::{CACHED, Server, UNCACHED, server};

/// Between two instants of a scenario, in milliseconds of the server, and what each attempt at an instant adds. Where
/// the machine was too late for that, the scenario is run again with more.
const GAP: i64 = 400;
const ATTEMPT: i64 = 150;
const SLOWER: [i64; 3] = [1, 3, 8];
/// What stopping or starting a worker takes at most, in milliseconds of the server.
const WORKER: i64 = 2_000;
/// A run crosses into a fresh history wherever it can.
pub const CROSSING: Marks = Marks { soft: Mark { events: 1, ..Marks::USUAL.soft }, ..Marks::USUAL };
/// Runs at the same time.
pub static RUNS: Slots = Slots::new(8);

pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for path in crate::files("tests/cases", "yaml") {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        // Several kinds of event at one instant: the server's clock cannot be made to do that.
        if name.starts_with("R1-") || cases::read(&path).is_ok_and(|case| case.simulator_only) {
            continue;
        }
        for queue in [CACHED, UNCACHED] {
            let path = path.clone();
            trials.push(crate::trial(format!("temporal::{queue}::{name}"), move || run(&path, queue, None)));
        }
        trials.push(crate::trial(format!("temporal::crossing::{name}"), move || run(&path, CACHED, Some(CROSSING))));
    }
    for queue in [CACHED, UNCACHED] {
        trials.push(crate::trial(format!("temporal::{queue}::R6-R55-strangers"), move || strangers(queue)));
    }
    trials.push(crate::trial("temporal::cached::R42-newer-forms-wait-for-a-newer-worker", newer));
    trials
}

/// A command of the `temporal` program about one workflow: whether it went well, and what it said.
fn command(server: &Server, id: &str, arguments: &[&str]) -> Result<(bool, String), String> {
    let address = format!("{}:{}", server.url.host_str().unwrap_or(""), server.url.port().unwrap_or(0));
    let output = std::process::Command::new(&server.program)
        .args(["workflow"])
        .args(arguments)
        .args(["--address", &address, "--workflow-id", id])
        .output()
        .map_err(|e| e.to_string())?;
    let text = [output.stdout, output.stderr].map(|b| String::from_utf8_lossy(&b).into_owned()).concat();
    Ok((output.status.success(), text))
}

/// A start that a newer program wrote fails the task, again and again, and not the run: a newer worker goes on with it.
/// One that is broken fails the run.
fn newer() -> Result<(), String> {
    let server = server()?;
    let client = server.client(CACHED);
    let start = StartInput {
        engine: ENGINE + 1,
        uid: uuid::Uuid::now_v7().to_string(),
        process: "P".to_owned(),
        version: 1,
        key: "a".to_owned(),
        digest: String::new(),
        document: "{}".to_owned(),
        input: Value::Null,
        chosen: None,
        marks: None,
        carried: None,
    };
    let inputs = [
        ("form", "{\"fermata\": 3, \"state\": {}}".to_owned(), true),
        ("engine", start.to_json(), true),
        ("broken", "{\"fermata\": 1}".to_owned(), false),
    ];
    for (name, input, waits) in inputs {
        let id = format!("newer.{name}");
        let begin = ["start", "--type", "fermata", "--task-queue", CACHED, "--input", &input];
        let begun = command(server, &id, &begin)?;
        if !begun.0 {
            return Err(begun.1);
        }
        if waits {
            server.runtime.block_on(settled(async || {
                let shown = command(server, &id, &["show", "--output", "json"])?;
                let failed = shown.1.contains("EVENT_TYPE_WORKFLOW_TASK_FAILED");
                Ok((!failed).then(|| format!("{name}: no task failed: {}", shown.1)))
            }))?;
            let described = server.runtime.block_on(client.describe(&id)).map_err(|e| e.to_string())?;
            if described.status != RunStatus::Running {
                return Err(format!("{name}: the run is {:?}", described.status));
            }
            // Whoever comes with an update is told to come again, as where there is no worker.
            let update = UpdateInput { name: "any".to_owned(), id: Some("a".to_owned()), ..UpdateInput::none() };
            match server.runtime.block_on(client.update(&id, &update, Duration::from_secs(1))) {
                Err(TemporalError::NoWorker) => {}
                other => return Err(format!("{name}: the update gave {other:?}")),
            }
            server.runtime.block_on(client.terminate(&id, "seen")).map_err(|e| e.to_string())?;
        } else {
            let ending = server.runtime.block_on(client.ending(&id, Duration::from_secs(30)));
            match ending.map_err(|e| e.to_string())? {
                Some(Ending::Failed(error)) if error.get("type") == Some(&Value::text("start-input")) => {}
                other => return Err(format!("{name}: ended as {other:?}")),
            }
        }
    }
    Ok(())
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
    let start = StartInput::new(&plan, uid.clone(), "a".to_owned(), input.clone());
    let client = server.client(queue);
    server.runtime.block_on(client.start(&id, &start, "case")).map_err(|e| e.to_string())?;
    let temporal = |arguments: &[&str]| command(server, &id, arguments);
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
        let position = position.map_err(|e| e.to_string())?;
        if unknown.0 || position.iter().all(|position| position.step != "pause") {
            return Err(format!("{unknown:?} {position:?}"));
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

fn run(path: &Path, queue: &'static str, marks: Option<Marks>) -> Result<(), String> {
    let case = cases::read(path)?;
    let server = server()?;
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let one = |(at, (scenario, _)): (usize, &(Scenario, Option<String>))| {
            let id = format!("{}.{at}.{}", case.name, if marks.is_some() { "crossing" } else { queue });
            let plan = &case.plan;
            let scenario = scenario.clone();
            scope.spawn(move || {
                play(server, plan, &scenario, queue, marks, &id).map_err(|e| format!("`{}` ({id}): {e}", scenario.name))
            })
        };
        let running: Vec<_> = case.scenarios.iter().enumerate().map(one).collect();
        running.into_iter().filter_map(|r| r.join().unwrap().err()).collect()
    });
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// Runs the scenario when a place is free.
pub fn play(
    server: &Server,
    plan: &Plan,
    scenario: &Scenario,
    queue: &str,
    marks: Option<Marks>,
    id: &str,
) -> Result<(), String> {
    let _slot = RUNS.take();
    paced(server, plan, scenario, queue, marks, id)
}

/// Runs the scenario; again and slower where events came too late for the pace to tell instants apart.
fn paced(
    server: &Server,
    plan: &Plan,
    scenario: &Scenario,
    queue: &str,
    marks: Option<Marks>,
    id: &str,
) -> Result<(), String> {
    let mut last = String::new();
    for slower in SLOWER {
        let id = format!("{id}.x{slower}");
        match scenario_on(server, plan, scenario, queue, marks, &id, slower) {
            Ok(()) => return Ok(()),
            Err(error) => {
                last = format!("{error} (pace {slower}){}", failed_tasks(server, &id));
                // A server that was out of reach for a moment is no word on the run.
                if !error.contains("does not answer") && !was_late(plan, scenario, &server.run_of(&id), GAP * slower)? {
                    return Err(last);
                }
            }
        }
    }
    Err(last)
}

/// What the server says of tasks of the run that failed, as far as its last history tells.
fn failed_tasks(server: &Server, id: &str) -> String {
    let recorded = server.runtime.block_on(server.client(CACHED).recorded(id));
    let text = recorded.ok().and_then(|history| history.to_json().ok()).unwrap_or_default();
    let failed = text.lines().filter(|line| line.contains("TASK_FAILED") || line.contains("TASK_TIMED_OUT"));
    failed.map(|line| format!("\n  {}", line.chars().take(1_000).collect::<String>())).collect()
}

/// Whether the pace was missed: where a strand first parts from the virtual clock, its own time is a later instant, so
/// something of the instant before had not come yet; or an event came near the end of its gap.
fn was_late(plan: &Plan, scenario: &Scenario, last: &[Applied], gap: i64) -> Result<bool, String> {
    let report = simulate(plan, scenario).map_err(|e| e.to_string())?;
    let wanted = strands(plan, report.trace.iter().map(|(now, trace)| (*now, trace)));
    let found = strands(plan, last.iter().flat_map(|a| a.output.trace.iter().map(|trace| (a.now, trace))));
    let near = last.iter().any(|a| a.late * 2 > gap);
    let parted = |(strand, wanted): (&String, &Vec<(Time, String)>)| {
        let found = found.get(strand).map_or(&[][..], Vec::as_slice);
        wanted
            .iter()
            .zip(found)
            .find(|(wanted, found)| wanted != found)
            .is_some_and(|(wanted, found)| found.0 > wanted.0)
    };
    Ok(near || wanted.iter().any(parted))
}

/// The lines of each strand, with the run's own time. Not compared: what a host noticed of something withdrawn, and an
/// update that came twice, which the server answers by itself (R53).
fn strands<'a>(plan: &Plan, trace: impl Iterator<Item = (Time, &'a Trace)>) -> BTreeMap<String, Vec<(Time, String)>> {
    let mut strands: BTreeMap<String, Vec<(Time, String)>> = BTreeMap::new();
    for (now, line) in trace {
        let twice = matches!(&line.what, What::Duplicate { event } if event.starts_with("update"));
        if !twice && !matches!(line.what, What::Stray { .. }) {
            let text = serde_json::to_string(line).unwrap();
            strands.entry(line.path.strand(plan).to_string()).or_default().push((now, text));
        }
    }
    strands
}

fn scenario_on(
    server: &Server,
    plan: &Plan,
    scenario: &Scenario,
    queue: &str,
    marks: Option<Marks>,
    id: &str,
    slower: i64,
) -> Result<(), String> {
    let report = simulate(plan, scenario).map_err(|e| e.to_string())?;
    let Prepared { key, input } = prepare(plan, scenario.input.clone(), None).map_err(|e| e.to_string())?;
    let uid = uuid::Uuid::now_v7().to_string();
    let pace = pace(scenario, &report, slower);
    let start = StartInput { marks, ..StartInput::new(plan, uid.clone(), key.clone(), input.clone()) };
    let mut stage = Stage::set(server, queue, id, needs_own_worker(scenario))?;
    // Requests know the uid, activities the id.
    let (began, deals) = (unix_millis(), deals(scenario, &report, &pace));
    server.mock.deal(&uid, began, deals.clone());
    server.mock.deal(id, began, deals);
    set_pace(id, pace.clone());
    let replies = stage.play(&start, scenario, &report, &pace)?;
    same_replies(&replies, &report)?;
    let last = server.run_of(id);
    if report.status != Status::Waiting && !ended(&last) {
        return Err("no instance saw the end".to_owned());
    }
    same_trace(plan, &report, &last)?;
    short_enough(plan, scenario, &stage)?;
    // The history, replayed by this code, feeds the same events again.
    server.runtime.block_on(stage.client.replay(id)).map_err(|e| format!("replay: {e}"))?;
    let replayed = server.run_of(id);
    if replayed.iter().any(|one| last.iter().any(|other| one.instance == other.instance)) {
        return Err("the replay was not seen".to_owned());
    }
    // A run that was terminated where it waits may have lost its last task.
    let fed = if report.status == Status::Waiting { &last[..last.len().min(replayed.len())] } else { &last };
    same_events(fed, &replayed)?;
    pure(plan, State::new(start.run(), input), &last)
}

/// The history is no longer than the definition lets us reckon, and the messages and cancels that came.
fn short_enough(plan: &Plan, scenario: &Scenario, stage: &Stage<'_>) -> Result<(), String> {
    // A worker that stops may let tasks time out, which no definition knows of.
    let Some(most) = plan.worst_case_history().filter(|_| !stage.own) else { return Ok(()) };
    // A message is two events at most, and the task in which it is taken, with its mark.
    let happenings = scenario.timeline.iter().map(|entry| entry.together.len() as u64).sum::<u64>();
    let description = stage.server.runtime.block_on(stage.client.describe(&stage.id)).map_err(|e| e.to_string())?;
    let most = most + 6 * happenings;
    if description.events > most {
        return Err(format!("the history has {} events, reckoned were {most}", description.events));
    }
    Ok(())
}

/// A scenario in which a worker stops needs one that no other test waits for.
pub fn needs_own_worker(scenario: &Scenario) -> bool {
    scenario.timeline.iter().any(|entry| entry.together.len() > 1)
        || scenario.timeline.iter().flat_map(|e| &e.together).any(|h| *h == Happening::WorkerDown)
}

/// Where a scenario is played: a client, and a worker of its own where it must stop.
pub struct Stage<'a> {
    server: &'a Server,
    pub client: Temporal,
    id: String,
    own: bool,
    worker: Option<fermata::temporal::RunningWorker>,
    cached: bool,
}

impl<'a> Stage<'a> {
    pub fn set(server: &'a Server, queue: &str, id: &str, own: bool) -> Result<Stage<'a>, String> {
        let cached = queue == CACHED;
        let client = if own { server.own_client(id)? } else { server.client(queue) };
        let mut stage = Stage { server, client, id: id.to_owned(), own, worker: None, cached };
        if own {
            server.runtime.block_on(stage.up())?;
        }
        Ok(stage)
    }

    async fn up(&mut self) -> Result<(), String> {
        self.worker = Some(self.server.own_worker(&self.client, self.cached).await?);
        Ok(())
    }

    async fn down(&mut self) -> Result<(), String> {
        match self.worker.take() {
            Some(worker) => worker.stop().await.map_err(|e| e.to_string()),
            None => Ok(()),
        }
    }

    /// Starts the run, lets the timeline happen at its pace, and waits for the end. Gives what updates and queries
    /// answered.
    pub fn play(
        &mut self,
        start: &StartInput,
        scenario: &Scenario,
        report: &Report,
        pace: &Pace,
    ) -> Result<BTreeMap<usize, Replied>, String> {
        let server = self.server;
        server.runtime.block_on(async {
            self.client.start(&self.id, start, "case").await.map_err(|e| e.to_string())?;
            let started = tokio::time::Instant::now();
            let offset = |after: i64| Duration::from_millis(u64::try_from(pace.offset(after)).unwrap_or(0));
            let (mut at, mut replies, mut sent) = (0, BTreeMap::new(), Vec::new());
            for entry in &scenario.timeline {
                let instant = started + offset(entry.after.millis());
                let over = report.status != Status::Waiting && report.took < entry.after;
                if entry.together.len() > 1 {
                    // All of it is there when the worker comes back: one task.
                    tokio::time::sleep_until(instant - Duration::from_millis(WORKER as u64)).await;
                    self.down().await?;
                }
                tokio::time::sleep_until(instant).await;
                for happening in &entry.together {
                    match happening {
                        Happening::WorkerDown => self.down().await?,
                        Happening::WorkerUp => self.up().await?,
                        other => {
                            let reply = self.send(other.clone(), at, over);
                            match other {
                                // It is answered when the worker is back; the next must come behind it.
                                Happening::Update { name, id, .. } if self.own && self.worker.is_none() => {
                                    let id = id.clone().unwrap_or_else(|| format!("message-{at}"));
                                    let update =
                                        UpdateInput { name: name.clone(), id: Some(id), ..UpdateInput::none() };
                                    sent.push(tokio::spawn(reply));
                                    self.has_update(&update).await?;
                                }
                                _ => replies.extend(reply.await?),
                            }
                        }
                    }
                    at += 1;
                }
                if entry.together.len() > 1 {
                    self.up().await?;
                }
            }
            for reply in sent {
                let reply = reply.await.map_err(|e| e.to_string())??;
                replies.extend(reply);
            }
            if report.status == Status::Waiting {
                let end = report.took.millis().max(scenario.timeline.last().map_or(0, |e| e.after.millis()));
                tokio::time::sleep_until(started + offset(end)).await;
                self.waits_as(report).await?;
                self.client.terminate(&self.id, "the scenario ends here").await.map_err(|e| e.to_string())?;
            } else {
                let ending = self.client.ending(&self.id, Duration::from_secs(90)).await.map_err(|e| e.to_string())?;
                same_ending(ending.ok_or("the run did not end within 90 s")?, report)?;
            }
            self.down().await?;
            Ok(replies)
        })
    }

    /// Until the server has the update, or is done with the run.
    async fn has_update(&self, update: &UpdateInput) -> Result<(), String> {
        settled(async || {
            let known = self.client.knows_update(&self.id, update).await.map_err(|e| e.to_string())?;
            let open = || async { self.client.describe(&self.id).await.map(|d| d.status == RunStatus::Running) };
            let lacking = !known && open().await.map_err(|e| e.to_string())?;
            Ok(lacking.then(|| format!("the server does not have the update {update:?}")))
        })
        .await
    }

    /// Until the run waits where it waits on the virtual clock.
    async fn waits_as(&self, report: &Report) -> Result<(), String> {
        let mut wanted: Vec<String> = report.waiting.iter().map(|p| p.path.to_string()).collect();
        wanted.sort();
        settled(async || {
            let found = self.client.position(&self.id, Duration::from_secs(10)).await.map_err(|e| e.to_string())?;
            let mut found: Vec<String> = found.into_iter().map(|position| position.path).collect();
            found.sort();
            let other = found != wanted;
            Ok(other.then(|| format!("the run waits at {found:?}, on the virtual clock at {wanted:?}")))
        })
        .await
    }

    /// Sends one thing of the timeline. Of a run that is over a message is refused by the server.
    fn send(
        &self,
        happening: Happening,
        at: usize,
        over: bool,
    ) -> impl Future<Output = Result<Option<(usize, Replied)>, String>> + use<> {
        let (client, id) = (self.client.clone(), self.id.clone());
        async move {
            let ended = || {
                let refusal = UpdateOutcome::Refused(Refusal::run_ended());
                Ok(Some((at, Replied::Update(refusal))))
            };
            match happening {
                Happening::Cancel => client.cancel(&id, "scenario").await.map(|()| None).map_err(|e| e.to_string()),
                Happening::Signal { name, payload, id: message } => {
                    let message = message.unwrap_or_else(|| format!("message-{at}"));
                    match client.signal(&id, &name, &payload, &message).await {
                        Err(TemporalError::NotFound) if over => Ok(None),
                        other => other.map(|()| None).map_err(|e| format!("signal {name}: {e}")),
                    }
                }
                Happening::Update { name, payload, id: message, .. } => {
                    let input =
                        UpdateInput { name, payload, id: Some(message.unwrap_or_else(|| format!("message-{at}"))) };
                    match client.update(&id, &input, Duration::from_secs(60)).await {
                        Err(TemporalError::NotFound) => ended(),
                        other => other
                            .map(|outcome| Some((at, Replied::Update(outcome))))
                            .map_err(|e| format!("update {}: {e}", input.name)),
                    }
                }
                Happening::Query { name, .. } => match client.query(&id, &name, Duration::from_secs(20)).await {
                    Ok(Asked::Answer(value)) => Ok(Some((at, Replied::Query(Ok(value))))),
                    Ok(Asked::Refused(refusal)) => Ok(Some((at, Replied::Query(Err(refusal))))),
                    Err(error) => Err(format!("query {name}: {error}")),
                },
                Happening::WorkerDown | Happening::WorkerUp => Ok(None),
            }
        }
    }
}

/// Looks until nothing is amiss; what still is after 20 s is the error.
async fn settled(look: impl AsyncFn() -> Result<Option<String>, String>) -> Result<(), String> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while let Some(amiss) = look().await? {
        if tokio::time::Instant::now() > deadline {
            return Err(amiss);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

pub fn same_replies(found: &BTreeMap<usize, Replied>, report: &Report) -> Result<(), String> {
    let shown = |reply: Option<&Replied>| match reply {
        Some(Replied::Update(UpdateOutcome::Returned(value)) | Replied::Query(Ok(value))) => to_json(value),
        Some(Replied::Update(UpdateOutcome::Refused(refusal))) => format!("refused {}", refusal.kind),
        Some(Replied::Update(UpdateOutcome::Failed(error))) => format!("failed {}", error.kind),
        Some(Replied::Query(Err(refusal))) => refusal.text(),
        None => "nothing".to_owned(),
    };
    for at in found.keys().chain(report.replies.keys()) {
        let (here, there) = (shown(found.get(at)), shown(report.replies.get(at)));
        if here != there {
            return Err(format!("happening {at} answered {here}, on the virtual clock {there}"));
        }
    }
    Ok(())
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
    // Around a stop or a start of the worker there must be time for it.
    let stops: BTreeSet<i64> = scenario
        .timeline
        .iter()
        .filter(|e| {
            e.together.len() > 1 || e.together.iter().any(|h| matches!(h, Happening::WorkerDown | Happening::WorkerUp))
        })
        .map(|e| e.after.millis())
        .collect();
    instants.extend(
        report.deals.iter().flat_map(|d| [Some(d.began), Some(d.ended), d.next]).flatten().map(|t| t.millis() - start),
    );
    let (mut at, mut knots) = (0, Vec::new());
    for own in instants {
        at += if stops.contains(&own) { WORKER + GAP } else { 0 };
        knots.push((own, at));
        at += if stops.contains(&own) { WORKER } else { 0 };
        let attempts = report.deals.iter().filter(|d| d.began.millis() - start == own).count() as i64;
        at += (GAP + ATTEMPT * attempts) * slower;
    }
    let mut pace = Pace { start, knots, ..Pace::default() };
    for deal in &report.deals {
        let offset = |time: Time| pace.offset(time.millis() - start);
        let attempt =
            PacedAttempt { timeout: times_out(deal).then(|| offset(deal.ended)), next: deal.next.map(offset) };
        pace.attempts.insert((deal.path.to_string(), deal.attempt), attempt);
    }
    pace
}

pub fn deals(scenario: &Scenario, report: &Report, pace: &Pace) -> BTreeMap<String, Vec<Dealt>> {
    let mut deals: BTreeMap<String, Vec<Dealt>> = BTreeMap::new();
    for deal in &report.deals {
        let offset = pace.offset(deal.ended.millis() - scenario.at.millis());
        let next = deal.next.map(|next| pace.offset(next.millis() - scenario.at.millis()));
        let reaction = (!times_out(deal)).then(|| deal.answer.reaction.clone());
        deals.entry(deal.path.to_string()).or_default().push(Dealt { reaction, offset, next });
    }
    deals
}

/// Whether an attempt hears no answer: none came in time, or the scenario says so.
fn times_out(deal: &fermata::simulate::Deal) -> bool {
    deal.late || matches!(&deal.answer.reaction, Reaction::Error { kind, .. } if kind == "http.timeout")
}

/// So many at a time.
pub struct Slots {
    free: Mutex<usize>,
    changed: Condvar,
}

pub struct Slot<'a>(&'a Slots);

impl Slots {
    const fn new(free: usize) -> Slots {
        Slots { free: Mutex::new(free), changed: Condvar::new() }
    }

    pub fn take(&self) -> Slot<'_> {
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

pub fn ended(instance: &[Applied]) -> bool {
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
        (_, Some(error)) => error.kind.to_string(),
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

pub fn same_trace(plan: &Plan, report: &Report, live: &[Applied]) -> Result<(), String> {
    let has_uuid = live.iter().any(|a| a.workflow_id.starts_with("R31-"));
    let comparable = |(_, line): &(Time, String)| !(has_uuid && line.contains("\"set\""));
    let lines = |strand: Option<&Vec<(Time, String)>>| -> Vec<String> {
        strand.into_iter().flatten().filter(|line| comparable(line)).map(|(_, line)| line.clone()).collect()
    };
    let wanted = strands(plan, report.trace.iter().map(|(now, trace)| (*now, trace)));
    let found = strands(plan, live.iter().flat_map(|a| a.output.trace.iter().map(|trace| (a.now, trace))));
    for strand in wanted.keys().chain(found.keys()) {
        let (wanted, found) = (lines(wanted.get(strand)), lines(found.get(strand)));
        match wanted.iter().zip(&found).find(|(w, f)| w != f) {
            Some((wanted, found)) => {
                return Err(format!("strand `{strand}` parts: virtual {wanted}, Temporal {found}"));
            }
            None if wanted.len() != found.len() => {
                let (long, more) = if wanted.len() > found.len() { ("virtual", &wanted) } else { ("Temporal", &found) };
                let next = more.get(wanted.len().min(found.len()));
                return Err(format!("strand `{strand}`: {long} goes on with {next:?}"));
            }
            None => {}
        }
    }
    Ok(())
}

pub fn same_events(one: &[Applied], other: &[Applied]) -> Result<(), String> {
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
        state = carried::carry(&state)?;
    }
    let ends = fed.iter().flat_map(|a| &a.output.commands).any(|c| matches!(c, Command::End(_)));
    match (state.end(), ends) {
        (Some(End::Completed(_) | End::Failed(_) | End::Cancelled { .. }), true) | (None, false) => Ok(()),
        (end, _) => Err(format!("alone, the machine ended otherwise: {end:?}")),
    }
}
