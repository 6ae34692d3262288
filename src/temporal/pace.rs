//! How the time of a run maps to the time of the server. In production they are the same. Tests of the host put each
//! instant of a scenario a fraction of a second after the one before. There is no setting for it.

use std::collections::BTreeMap;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// The instants of a run that are known beforehand.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pace {
    /// The run's own start, in milliseconds since 1970.
    pub start: i64,
    /// The server's time of the start, once the run has begun.
    pub server_start: i64,
    /// Pairs of offsets from the start in milliseconds, the run's own and the server's, both growing from (0, 0).
    pub knots: Vec<(i64, i64)>,
    /// How an attempt of a call, by path and number, stands to the server's time; not listed: it ends within its time
    /// and has no next.
    pub attempts: BTreeMap<(String, u32), PacedAttempt>,
}

/// Offsets from the start in the server's time, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PacedAttempt {
    /// When the attempt runs out of time, if it does.
    pub timeout: Option<i64>,
    /// When the next attempt begins, if there is one.
    pub next: Option<i64>,
}

static ANY: AtomicBool = AtomicBool::new(false);
static PACES: RwLock<BTreeMap<String, Pace>> = RwLock::new(BTreeMap::new());

/// For tests: sets the pace of the run with this workflow id, before it starts.
#[doc(hidden)]
pub fn set_pace(workflow_id: &str, pace: Pace) {
    if let Ok(mut paces) = PACES.write() {
        paces.insert(workflow_id.to_owned(), pace);
        ANY.store(true, Ordering::Release);
    }
}

pub(super) fn pace_of(workflow_id: &str) -> Option<Pace> {
    if !ANY.load(Ordering::Acquire) {
        return None;
    }
    PACES.read().ok()?.get(workflow_id).cloned()
}

/// The pace of a run whose code begins; the activity hears of the start through it.
pub(super) fn begin(workflow_id: &str, server_start: i64) -> Option<Pace> {
    let mut pace = pace_of(workflow_id)?;
    // A fresh history of the run goes on in its time.
    if pace.server_start == 0 {
        pace.server_start = server_start;
    }
    set_pace(workflow_id, pace.clone());
    Some(pace)
}

impl Pace {
    /// The run's own time at a time of the server: the last known instant that has come.
    pub(super) fn own(&self, server: i64) -> i64 {
        let since = server - self.server_start;
        let passed = self.knots.iter().rev().find(|(_, at)| *at <= since);
        self.start + passed.map_or(0, |(own, _)| *own)
    }

    /// The server's time of a moment of the run's own time. Between known instants on a straight line, after the last
    /// with the run's own length.
    pub(super) fn server(&self, own: i64) -> i64 {
        self.server_start + self.offset(own - self.start)
    }

    /// The server's offset for an offset of the run.
    pub fn offset(&self, own: i64) -> i64 {
        let (mut from_x, mut from_y) = (0_i64, 0_i64);
        for (to_x, to_y) in &self.knots {
            if own <= *to_x {
                let (width, height) = (i128::from(to_x - from_x), i128::from(to_y - from_y));
                let inside = if width == 0 { 0 } else { i128::from(own - from_x) * height / width };
                return from_y + i64::try_from(inside).unwrap_or(0);
            }
            (from_x, from_y) = (*to_x, *to_y);
        }
        from_y.saturating_add(own - from_x)
    }

    pub(super) fn attempt(&self, path: &str, attempt: u32) -> PacedAttempt {
        self.attempts.get(&(path.to_owned(), attempt)).copied().unwrap_or_default()
    }

    /// How long from `now` (the server's time) until an offset.
    pub(super) fn until(&self, offset: i64, now: i64) -> i64 {
        (self.server_start + offset - now).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::Pace;

    #[test]
    fn instants_map_both_ways() {
        let knots = vec![(0, 0), (2_000, 300), (259_200_000, 600)];
        let pace = Pace { start: 10, server_start: 1_000, knots, ..Pace::default() };
        for (own, server) in [(10, 1_000), (2_010, 1_300), (259_200_010, 1_600)] {
            assert_eq!((pace.server(own), pace.own(server)), (server, own));
        }
        assert_eq!(pace.own(1_299), 10);
        assert_eq!(pace.server(259_200_510), 2_100);
    }
}
