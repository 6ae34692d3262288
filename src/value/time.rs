//! Points in time: RFC 3339 (`2026-03-29T07:00:00Z`) or RFC 9557 (`2026-03-29T09:00[Europe/Berlin]`). Zone rules come
//! with the program, never from the machine it runs on.

use std::fmt;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Time(pub i64);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a time: {reason}")]
pub struct TimeError {
    pub text: String,
    pub reason: String,
}

impl Time {
    pub fn millis(self) -> i64 {
        self.0
    }

    pub fn plus(self, duration: super::Duration) -> Time {
        Time(self.0.saturating_add(duration.0))
    }

    /// Reads RFC 3339 or RFC 9557. A local time without zone or offset is refused: it would mean something else on
    /// every machine.
    pub fn parse(text: &str) -> Result<Time, TimeError> {
        let error = |reason: String| TimeError { text: text.to_owned(), reason };
        let parsed = if text.contains('[') {
            text.parse::<jiff::ZonedDateTime>().map(|zoned| zoned.timestamp())
        } else {
            text.parse::<jiff::Timestamp>()
        };
        match parsed {
            Ok(timestamp) => Ok(Time(timestamp.as_millisecond())),
            Err(e) => Err(error(e.to_string())),
        }
    }

    /// The same instant for the zone arithmetic of the calendar functions.
    pub fn timestamp(self) -> Option<jiff::Timestamp> {
        jiff::Timestamp::from_millisecond(self.0).ok()
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.timestamp() {
            Some(timestamp) => write!(f, "{timestamp}"),
            None => write!(f, "{}ms", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_offsets_and_zones() {
        let berlin = Time::parse("2026-03-29T09:00[Europe/Berlin]");
        assert_eq!(berlin.map(|t| t.to_string()).as_deref(), Ok("2026-03-29T07:00:00Z"));
        assert_eq!(
            Time::parse("2026-01-01T00:00:00+01:00").map(|t| t.to_string()).as_deref(),
            Ok("2025-12-31T23:00:00Z")
        );
        assert_eq!(Time::parse("2026-01-01T00:00:00.250Z").map(Time::millis), Ok(1_767_225_600_250));
        for text in
            ["2026-01-01", "09:00", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", "2026-03-29T09:00[Mars/Phobos]"]
        {
            assert!(Time::parse(text).is_err(), "{text}");
        }
    }
}
