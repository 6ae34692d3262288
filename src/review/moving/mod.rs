//! What a new version would mean for a run that is alive: could it go on there from where it stands? The verdict is for
//! the place alone; what the change means to callers and to those who are called is in the findings.
//!
//! May not know: findings, hosts, how a run is asked where it stands.

mod chain;
mod mover;
mod verdict;

pub use mover::Mover;
pub use verdict::{About, Counts, Live, NOT_KNOWN, Reason, Standing, Verdict};
