//! What is said of a change: the ids of findings, what each means for the three parties, where it stands, what shows
//! it, and who has agreed to it.
//!
//! May not know: how a change is found, how it is shown.

mod approval;
mod catalogue;
mod finding;
mod model;
mod witness;

pub use approval::{Approval, Stand, is_date, read_approvals, stand};
pub use catalogue::{FindingId, ROWS, Row};
pub use finding::{Finding, Place};
pub use model::{Certainty, Direction, Fact, InFlight, Severities, Severity, Subject, derive};
pub use witness::{Way, Witness};
