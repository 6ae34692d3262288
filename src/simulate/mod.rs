//! The virtual-clock host: the same machine as on Temporal, no server, no waiting.
//!
//! This room may not know: Temporal, the real clock.

mod expectation;
mod host;
mod scenario;

pub use expectation::{Mismatch, check};
pub use host::{Deal, Report, Status, simulate};
pub use scenario::{Answer, Expectation, Happening, Reaction, Scenario, read_scenario, scenario_from};
