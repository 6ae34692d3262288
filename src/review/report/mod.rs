//! Everything that is known of one change, as it is handed out: the findings, both versions as pictures, and how many
//! of the open runs each finding is about.
//!
//! May not know: how a change is found, how it is shown.

mod counted;
mod picture;
mod review;

pub use picture::{Block, Picture, picture};
pub use review::{Review, Version};
