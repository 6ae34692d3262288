//! Points in time: RFC 3339 (`2026-03-29T07:00:00Z`) or RFC 9557 (`2026-03-29T09:00[Europe/Berlin]`), in the years that
//! these can write. Zone rules come with the program, never from the machine it runs on.

use std::fmt;

use jiff::SignedDuration;
use jiff::civil::{self, DateTime};
use jiff::fmt::temporal::Pieces;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Duration;

/// Milliseconds since 1970-01-01T00:00:00Z, in the years 0000 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Time(pub i64);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a time: {reason}")]
pub struct TimeError {
    pub text: String,
    pub reason: String,
}

const EPOCH: DateTime = civil::date(1970, 1, 1).at(0, 0, 0, 0);
/// 0000-01-01T00:00:00Z.
const FIRST: i64 = -62_167_219_200_000;
/// 9999-12-31T23:59:59.999Z.
const LAST: i64 = 253_402_300_799_999;

impl Time {
    /// `None` beyond the years 0000 to 9999.
    pub fn new(millis: i64) -> Option<Time> {
        (FIRST..=LAST).contains(&millis).then_some(Time(millis))
    }

    pub fn millis(self) -> i64 {
        self.0
    }

    /// `None` beyond the years 0000 to 9999.
    pub fn plus(self, duration: Duration) -> Option<Time> {
        self.0.checked_add(duration.0).and_then(Time::new)
    }

    /// Reads RFC 3339 or RFC 9557. A local time without zone or offset is refused: it would mean something else on
    /// every machine.
    pub fn parse(text: &str) -> Result<Time, TimeError> {
        let error = |reason: String| TimeError { text: text.to_owned(), reason };
        let millis = if text.contains('[') {
            text.parse::<jiff::ZonedDateTime>().map(|zoned| i128::from(zoned.timestamp().as_millisecond()))
        } else {
            Pieces::parse(text).and_then(|pieces| match (pieces.time(), pieces.to_numeric_offset()) {
                // Not as a timestamp of jiff, which ends before the last days of 9999 do.
                (Some(time), Some(offset)) => {
                    let local = pieces.date().to_datetime(time).duration_since(EPOCH);
                    Ok(local.as_millis() - i128::from(offset.seconds()) * 1_000)
                }
                // Its words for what is missing.
                _ => text.parse::<jiff::Timestamp>().map(|timestamp| i128::from(timestamp.as_millisecond())),
            })
        };
        let millis = millis.map_err(|e| error(e.to_string()))?;
        let time = i64::try_from(millis).ok().and_then(Time::new);
        time.ok_or_else(|| error("times lie in the years 0000 to 9999".to_owned()))
    }

    /// The same instant for the zone arithmetic of the calendar functions; `None` in the last days of 9999.
    pub fn timestamp(self) -> Option<jiff::Timestamp> {
        jiff::Timestamp::from_millisecond(self.0).ok()
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = SignedDuration::from_millis(self.0.clamp(FIRST, LAST));
        // All of these years are jiff's too: the end is never taken.
        write!(f, "{}Z", EPOCH.checked_add(since).unwrap_or(DateTime::MAX))
    }
}

/// As text, wherever a type of ours travels. The stored form of a value tags its times (`stored.rs`).
impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        let text = String::deserialize(deserializer)?;
        Time::parse(&text).map_err(de::Error::custom)
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
        for time in [Time(0), Time(1_767_225_600_250), Time(-1), Time(FIRST), Time(LAST)] {
            let text = serde_json::to_string(&time).unwrap();
            assert_eq!(serde_json::from_str::<Time>(&text).ok(), Some(time), "{text}");
        }
        for text in
            ["2026-01-01", "09:00", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", "2026-03-29T09:00[Mars/Phobos]"]
        {
            assert!(Time::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_ends_of_time_are_times() {
        for (text, millis) in [("0000-01-01T00:00:00Z", FIRST), ("9999-12-31T23:59:59.999Z", LAST)] {
            assert_eq!(Time::parse(text), Ok(Time(millis)));
            assert_eq!(Time(millis).to_string(), text);
        }
        assert_eq!(Time(LAST).plus(Duration(1)), None);
        assert_eq!(Time(FIRST).plus(Duration(-1)), None);
        assert_eq!(Time(0).plus(Duration(i64::MAX)), None);
        // Written as before, to the millisecond.
        for millis in [-1, -86_400_001, 1, 250, 1_767_225_600_120] {
            let timestamp = Time(millis).timestamp().map(|t| t.to_string());
            assert_eq!(Some(Time(millis).to_string()), timestamp);
        }
    }
}
