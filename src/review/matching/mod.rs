//! Which step of the new version is which of the old: by id, then by what it does, then by its place; and which names
//! were only renamed.
//!
//! May not know: what a difference means, and to whom.

mod both;
mod locals;
mod matcher;
mod order;
mod pair;
mod slots;

pub use both::Both;
pub use pair::{At, Matched, Moved, Pair};
pub use slots::paired_slots;

use crate::review::side::{Side, Spelling};
use locals::renamed;
use matcher::Matcher;

/// Matches twice: what was renamed is known only when the steps are.
pub fn matched<'a>(old: &'a Side, new: &'a Side) -> Matched<'a> {
    let first = Matcher::new(old, new, Spelling::default()).run(old, new);
    let renamed = renamed(old, new, &first.pairs);
    if renamed.is_empty() { first } else { Matcher::new(old, new, Spelling { renamed }).run(old, new) }
}
