//! What happened in a run, line by line: for people, and as JSON. It is the trace with what it stands for: values instead
//! of digests, messages of errors, dates, requests and answers. A simulated run and a real one are told in one set of
//! words.
//!
//! This room may not know: where a run took place, scenarios, histories.

mod line;
mod teller;
mod veil;

pub use line::{Line, waiting};
#[cfg(feature = "server")]
pub(crate) use teller::Told;
pub(crate) use teller::short;
pub use teller::{Answer, Known, Teller};
pub use veil::Veil;
