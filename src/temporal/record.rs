//! A look over the host's shoulder: every event as it was fed to the machine, and what came of it. For tests and for
//! rehearsing on recorded histories; nothing in a run depends on it.

use std::sync::{Arc, RwLock};

use crate::machine::{Event, Output};
use crate::value::Time;

/// One event as the host applied it.
#[derive(Debug, Clone)]
pub struct Applied {
    pub workflow_id: String,
    /// Differs for each time the run's code was begun anew: a first run, a replay, another worker.
    pub instance: u64,
    /// How many histories of the run there were before.
    pub history: u64,
    pub now: Time,
    pub event: Event,
    /// Under a pace: milliseconds of the server since the instant that the event belongs to.
    pub late: i64,
    pub output: Output,
}

type Recorder = Arc<dyn Fn(Applied) + Send + Sync>;
static RECORDER: RwLock<Option<Recorder>> = RwLock::new(None);

/// Sets who is told, in this process.
#[doc(hidden)]
pub fn set_recorder(recorder: Recorder) {
    if let Ok(mut slot) = RECORDER.write() {
        *slot = Some(recorder);
    }
}

pub(super) fn recorder() -> Option<Recorder> {
    RECORDER.read().ok()?.clone()
}
