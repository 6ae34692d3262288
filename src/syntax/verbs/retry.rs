//! `retry`: how a failed attempt of a call is tried again.

use crate::diagnostic::Span;
use crate::syntax::keys::{Form, Key, key};
use crate::syntax::part::{Keyed, keys};
use crate::value::{Decimal, Duration};

keys! {
    pub struct Retry {
        attempts: i64 = key(
            "attempts",
            Form::Integer { least: 1, most: 100_000 },
            "how often at most, the first try counted"
        ),
        first: Duration = key("first", Form::Duration, "the pause after the first try; 1s unless said"),
        factor: Decimal = key("factor", Form::Factor, "how the pause grows; 2 unless said"),
        longest: Duration = key("longest", Form::Duration, "the longest pause; 1m unless said"),
        total: Duration = key("for", Form::Duration, "for how long; 24h unless `attempts` is given"),
        on: Vec<(String, Span)> = key("on", Form::Patterns, "only these errors are tried again"),
        unless: Vec<(String, Span)> = key("unless", Form::Patterns, "these errors are not tried again"),
    }
}

/// The key, wherever it stands.
pub(in crate::syntax) const ON_RETRY: Key = key("retry", Form::Map(Retry::KEYS), "how a failed attempt is tried again");
