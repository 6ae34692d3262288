//! The search for witnesses: what is tried to show a finding, run on both versions, and whether it shows it. Nothing is
//! claimed that was not run.
//!
//! May not know: how a finding was found, how it is shown to people.

mod candidates;
mod guess;
mod hints;
mod search;
mod trial;
mod values;

pub use search::attach;
