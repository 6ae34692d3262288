//! The virtual-clock host: the same machine as on Temporal, no server, no waiting.
//!
//! This room may not know: Temporal, the real clock.

mod expectation;
mod host;
mod scenario;

pub use expectation::{Mismatch, check, misfits};
pub use host::{Deal, Replied, Report, Status, simulate, simulate_within};
pub use scenario::{
    Answer, Entry, Expectation, Happening, Reaction, ReplyExpectation, Scenario, read_scenario, scenario_from,
};
