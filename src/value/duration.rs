//! Durations as authors write them: `45s`, `10m`, `2h`, `3d`, `1w`, `1h30m`. A day is exactly 24 hours.

use std::fmt;

/// A length of time in milliseconds, 10000 years at most; never negative when it was read from text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Duration(pub i64);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    #[error("`{0}` has no unit")]
    NoUnit(String),
    #[error("`{0}` is not a duration")]
    Malformed(String),
    #[error("`{0}` is longer than {years} years", years = .1.0 / YEAR)]
    TooLong(String, Duration),
}

const UNITS: [(&str, i64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
const YEAR: i64 = 31_557_600_000;
/// What an author may write.
const WRITTEN: Duration = Duration(100 * 366 * 86_400_000);
/// What may be computed: longer than all time.
const LONGEST: Duration = Duration(10_000 * YEAR);

impl Duration {
    pub const ZERO: Duration = Duration(0);

    /// `None` beyond 10000 years, either way.
    pub fn new(millis: i64) -> Option<Duration> {
        (-LONGEST.0..=LONGEST.0).contains(&millis).then_some(Duration(millis))
    }

    pub fn from_secs(seconds: i64) -> Duration {
        Duration(seconds.saturating_mul(1_000))
    }

    pub fn millis(self) -> i64 {
        self.0
    }

    /// Reads what an author writes: `1h30m`. Units go from large to small and each stands once: `w d h m s ms`. 100 years
    /// are the most.
    pub fn parse(text: &str) -> Result<Duration, DurationError> {
        Duration::within(text, WRITTEN)
    }

    /// Reads any duration that a run may have written.
    pub fn read(text: &str) -> Result<Duration, DurationError> {
        Duration::within(text, LONGEST)
    }

    fn within(text: &str, most: Duration) -> Result<Duration, DurationError> {
        let malformed = || DurationError::Malformed(text.to_owned());
        if text.is_empty() {
            return Err(malformed());
        }
        if text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(DurationError::NoUnit(text.to_owned()));
        }
        let (mut rest, mut total, mut allowed) = (text, 0_i64, 0_usize);
        while !rest.is_empty() {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let letters =
                rest[digits..].len() - rest[digits..].trim_start_matches(|c: char| c.is_ascii_lowercase()).len();
            let (count, unit) = (&rest[..digits], &rest[digits..digits + letters]);
            let at = UNITS.iter().position(|(name, _)| *name == unit).ok_or_else(malformed)?;
            if count.is_empty() || at < allowed {
                return Err(malformed());
            }
            let too_long = || DurationError::TooLong(text.to_owned(), most);
            let count: i64 = count.parse().map_err(|_| too_long())?;
            let millis = UNITS.get(at).and_then(|(_, unit)| count.checked_mul(*unit)).ok_or_else(too_long)?;
            total = total.checked_add(millis).filter(|t| *t <= most.0).ok_or_else(too_long)?;
            (rest, allowed) = (&rest[digits + letters..], at + 1);
        }
        Ok(Duration(total))
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let mut rest = self.0.unsigned_abs();
        for (name, unit) in UNITS.iter().skip(1) {
            let unit = unit.unsigned_abs();
            if rest >= unit {
                write!(f, "{}{name}", rest / unit)?;
                rest %= unit;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_authors_write() {
        for (text, millis, again) in [
            ("45s", 45_000, "45s"),
            ("1h30m", 5_400_000, "1h30m"),
            ("3d", 259_200_000, "3d"),
            ("1w", 604_800_000, "7d"),
            ("90m", 5_400_000, "1h30m"),
            ("0s", 0, "0s"),
            ("250ms", 250, "250ms"),
        ] {
            assert_eq!(Duration::parse(text), Ok(Duration(millis)), "{text}");
            assert_eq!(Duration(millis).to_string(), again);
        }
        assert_eq!(Duration::parse("30"), Err(DurationError::NoUnit("30".into())));
        for text in ["", "h", "1x", "1m1h", "1.5h", "-1h", "1h ", "1H", "P1D", "1é"] {
            assert!(matches!(Duration::parse(text), Err(DurationError::Malformed(_))), "{text}");
        }
        assert!(matches!(Duration::parse("999999999w"), Err(DurationError::TooLong(..))));
        assert!(matches!(Duration::parse("99999999999999999999s"), Err(DurationError::TooLong(..))));
        assert_eq!(Duration::parse("36600d"), Ok(WRITTEN));
        assert_eq!(Duration::read("3652500d"), Ok(LONGEST));
        for (read, years) in [(Duration::parse("36601d"), "100"), (Duration::read("3652501d"), "10000")] {
            assert!(read.is_err_and(|e| e.to_string().ends_with(&format!("is longer than {years} years"))));
        }
    }
}
