//! One version of a definition, as the review reads it: its parts as texts that can be compared, what messages call
//! them, which names they read, the lists inside a step, what a step asks of others, and what it does when it is run.
//!
//! May not know: the other version, what a difference means.

mod behaviour;
mod call;
mod lists;
mod names;
mod reads;
mod spelling;

use std::sync::Arc;

pub use behaviour::{Behaviour, RUNNING};
pub use call::Call;
pub use lists::{Slot, acts, beside, everything, root_name, slots};
pub use names::{id_of, label, name_of, quoted, short};
pub use reads::{readers, reads};
pub use spelling::Spelling;

use crate::diagnostic::{Diagnostic, Source, has_errors, render_all};
use crate::plan::{Home, Plan, from_yaml};
use crate::syntax::{Document, read_yaml};

/// One of the two versions.
#[derive(Debug, Clone)]
pub struct Side {
    pub document: Document,
    pub plan: Arc<Plan>,
    pub source: Source,
}

impl Side {
    /// Reads a definition; `name` is what places name it by. Errors: every complaint, where no run could come of it.
    pub fn read(text: &str, name: &str) -> Result<Side, Vec<Diagnostic>> {
        let (plan, complaints) = from_yaml(text, &Home::default());
        let (document, _) = read_yaml(text);
        match (plan, document) {
            (Some(plan), Some(document)) if !has_errors(&complaints) => {
                Ok(Side { document, plan, source: Source::new(name, text) })
            }
            _ => Err(complaints),
        }
    }

    /// The same, with the complaints as a person reads them.
    pub fn read_or_say(text: &str, name: &str) -> Result<Side, String> {
        Side::read(text, name).map_err(|complaints| render_all(&complaints, &Source::new(name, text), false))
    }
}
