//! A review as text: for a terminal, a pull request, a browser, and for programs. Pure functions from a review to text.
//!
//! May not know: how a change is found, how a witness is.

mod html;
mod json;
mod markdown;
mod sarif;
mod text;
mod words;

pub use html::html;
pub use json::json;
pub use markdown::markdown;
pub use sarif::{annotations, sarif};
pub use text::text;
