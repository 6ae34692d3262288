//! When a failed attempt is tried again: one pure function. Temporal follows the same policy on its own; the simulator
//! asks here.

use crate::plan::Retry;
use crate::value::{Decimal, Duration, Time};

/// When attempt `attempt + 1` starts, given that attempt `attempt` (from 1) failed at `now` and the first began at
/// `first_began`. `None`: no more attempts, because they are used up or the next would start after the end (R34).
pub fn next_attempt(
    retry: &Retry,
    attempt: u32,
    first_began: Time,
    now: Time,
    after: Option<Duration>,
) -> Option<Time> {
    if retry.attempts.is_some_and(|most| attempt >= most) {
        return None;
    }
    let next = now.plus(after.unwrap_or_else(|| pause(retry, attempt)))?;
    first_began.plus(retry.total).is_none_or(|end| next <= end).then_some(next)
}

fn pause(retry: &Retry, attempt: u32) -> Duration {
    let mut millis = Decimal::from(retry.first.millis());
    let longest = Decimal::from(retry.longest.millis());
    for _ in 1..attempt {
        millis = millis.checked_mul(retry.factor).unwrap_or(longest);
        if millis >= longest {
            return retry.longest;
        }
    }
    Duration(i64::try_from(millis.trunc()).unwrap_or(retry.longest.millis())).min(retry.longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(attempts: Option<u32>) -> Retry {
        Retry {
            attempts,
            first: Duration::from_secs(1),
            factor: Decimal::TWO,
            longest: Duration::from_secs(60),
            total: Duration::from_secs(86_400),
            on: None,
            unless: Vec::new(),
        }
    }

    #[test]
    fn pauses_grow_to_the_longest() {
        let pauses: Vec<i64> = (1..=8)
            .filter_map(|n| next_attempt(&policy(None), n, Time(0), Time(0), None))
            .map(|t| t.millis() / 1000)
            .collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
    }

    #[test]
    fn it_ends_with_the_attempts_or_when_the_next_would_be_too_late() {
        assert_eq!(next_attempt(&policy(Some(3)), 3, Time(0), Time(5), None), None);
        let late = Time(86_399_500);
        assert_eq!(next_attempt(&policy(None), 1, Time(0), late, None), None);
        assert_eq!(next_attempt(&policy(None), 1, Time(0), Time(0), Some(Duration::from_secs(90_000))), None);
    }
}
