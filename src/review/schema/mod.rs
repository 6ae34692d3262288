//! Two JSON Schemas side by side: what one takes and the other does not, place by place. Which of that is a finding is
//! for who asks: it differs between what goes in and what comes out.
//!
//! May not know: definitions, steps, findings.

mod compare;
mod difference;

pub use compare::{differences, resolve};
pub use difference::{Difference, Kind};
