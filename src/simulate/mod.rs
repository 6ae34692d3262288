//! The virtual-clock host: the same machine as on Temporal, no server, no waiting.
//!
//! This room may not know: Temporal, the real clock.

mod expectation;
mod fit;
mod host;
mod read;
mod scenario;
mod steps;
mod story;

pub use expectation::{Mismatch, check};
pub use fit::{input_misfits, misfits, says_nothing};
pub use host::{Beside, Deal, Fed, Recording, Replied, Report, Status, record, simulate, simulate_within};
pub use read::{read_scenario, scenario_from};
pub use scenario::{
    Answer, AnswerForm, AnswerPlaces, CallExpectation, Entry, Expectation, Happening, HappeningPlace, Places, Reaction,
    ReplyExpectation, Scenario,
};
pub use story::lines;
