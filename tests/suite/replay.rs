//! The corpus of histories, `tests/replay/engine-<N>/<case>.<scenario>.json`: each is replayed by the SDK and read by the
//! pure machine, on every change and without a server. `RECORD=1` records them anew, from `tests/replay/<case>.yaml`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use fermata::plan::ENGINE;
use fermata::temporal::{Applied, History};
use libtest_mimic::Trial;

use crate::{cases, server};

mod coverage;
mod mutated;
mod operators;
mod record;

pub use record::first;

/// A recorded history.
pub struct Recorded {
    /// `<case>.<scenario>`, and from the second history of a run on its number behind that.
    pub name: String,
    pub path: PathBuf,
}

impl Recorded {
    pub fn text(&self) -> Result<String, String> {
        std::fs::read_to_string(&self.path).map_err(|e| format!("{}: {e}", self.path.display()))
    }

    pub fn history(&self) -> Result<History, String> {
        History::from_json(self.text()?.as_bytes()).map_err(|e| format!("{}: {e}", self.path.display()))
    }

    /// The first word of the scenario.
    pub fn column(&self) -> &str {
        let scenario = self.name.split_once('.').map_or("", |(_, scenario)| scenario);
        scenario.split('-').next().unwrap_or("")
    }
}

pub fn trials() -> Vec<Trial> {
    if std::env::var_os("RECORD").is_some() {
        return record::trials();
    }
    let mut trials = Vec::new();
    for path in crate::files("tests/replay", "yaml") {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        trials.push(crate::trial(format!("replay::case::{name}"), move || cases::run(&path)));
    }
    for (engine, recorded) in corpus() {
        let name = format!("replay::engine-{engine}::{}", recorded.name);
        trials.push(crate::trial(name, move || same(&recorded)));
    }
    trials.push(crate::trial("replay::each_scenario_is_recorded", all_recorded));
    trials.extend(coverage::trials());
    trials.extend(mutated::trials());
    trials.extend(operators::trials());
    trials
}

pub fn folder(engine: u32) -> PathBuf {
    crate::root().join(format!("tests/replay/engine-{engine}"))
}

/// The histories of every engine there ever was.
pub fn corpus() -> Vec<(u32, Recorded)> {
    (0..=ENGINE).filter(|engine| folder(*engine).exists()).flat_map(of_engine).collect()
}

fn of_engine(engine: u32) -> Vec<(u32, Recorded)> {
    let files = crate::files(&format!("tests/replay/engine-{engine}"), "json").into_iter();
    files.map(|path| (engine, Recorded { name: stem(&path), path })).collect()
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

/// Runs a future on a thread of its own: a replay stays on one.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// The SDK replays it, the machine gives its commands and its end, and both were fed the same.
fn same(recorded: &Recorded) -> Result<(), String> {
    server::keep_applied();
    let text = recorded.text()?;
    let history = recorded.history()?;
    if history.to_json().map_err(|e| e.to_string())? != text {
        return Err("it is written otherwise than it was read".to_owned());
    }
    block_on(history.replay())?;
    let reading = history.read().map_err(|e| e.to_string())?;
    // The histories of one run are replayed side by side.
    let instances = server::instances(history.workflow_id());
    let of_this = |instance: &&Vec<Applied>| instance.first().is_some_and(|one| one.history == reading.number);
    let replayed = instances.iter().rev().find(of_this).map_or(&[][..], Vec::as_slice);
    if replayed.is_empty() && !reading.fed.is_empty() {
        return Err("the replay was not seen".to_owned());
    }
    for (one, other) in reading.fed.iter().zip(replayed) {
        if one.event != other.event || one.now != other.now || one.commands != other.output.commands {
            return Err(format!(
                "in task {} the machine is fed {:?} at {:?}, by the SDK {:?} at {:?}; it gives {:?}, there {:?}",
                one.task, one.event, one.now, other.event, other.now, one.commands, other.output.commands
            ));
        }
    }
    if reading.fed.len() != replayed.len() {
        return Err(format!("the machine is fed {} events, by the SDK {}", reading.fed.len(), replayed.len()));
    }
    Ok(())
}

/// Of the engine as it is: a history for each scenario, and none besides.
fn all_recorded() -> Result<(), String> {
    let mut wanted = BTreeSet::new();
    for path in crate::files("tests/replay", "yaml") {
        let case = cases::read(&path)?;
        let played = case.scenarios.iter().flat_map(|(scenario, _)| record::Played::of(&case.name, &scenario.name));
        wanted.extend(played.map(|played| played.name()));
    }
    let found: BTreeSet<String> =
        of_engine(ENGINE).into_iter().map(|(_, recorded)| record::first(&recorded.name).to_owned()).collect();
    let lacking: Vec<_> = wanted.difference(&found).collect();
    let more: Vec<_> = found.difference(&wanted).collect();
    if lacking.is_empty() && more.is_empty() {
        return Ok(());
    }
    Err(format!("not recorded: {lacking:?}; of no scenario: {more:?}; RECORD=1 cargo test -- replay::"))
}
