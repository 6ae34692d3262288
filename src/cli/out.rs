//! What the commands print. Where nobody reads any more, as in `fermata simulate … | head`, the rest is lost and nothing
//! else happens: the command comes to its end, with the exit code that it would have.

use std::fmt::Arguments;
use std::io::Write;

pub(super) fn out(text: Arguments<'_>) {
    let _ = std::io::stdout().lock().write_fmt(text);
}

pub(super) fn err(text: Arguments<'_>) {
    let _ = std::io::stderr().lock().write_fmt(text);
}
