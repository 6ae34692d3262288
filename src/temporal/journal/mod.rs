//! The journal of a run: what its histories give when they are fed through the machine again, line by line (R42). It is
//! not kept anywhere, so it ends where the server forgets.

mod beside;
mod fold;
mod page;

pub use fold::{Journal, Sources};
pub use page::{Page, Token};
