//! The open runs of a version, each asked where it stands, and judged for a move to another version.

use std::time::Duration as StdDuration;

use futures::StreamExt;

use super::client::{Filter, Listed, RunStatus, Temporal, TemporalError};
use super::clock::now;
use crate::machine::Path;
use crate::plan::Plan;
use crate::review::{Counts, Live, Mover, NOT_KNOWN, Review, Side, Standing};

/// Runs that are asked at the same time.
const AT_ONCE: usize = 32;
const PAGE: i32 = 500;
/// How long one run may take to answer where it stands.
const ANSWER: StdDuration = StdDuration::from_secs(10);

/// A run and what became of the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    pub id: String,
    /// The activation paths at which it is suspended.
    pub places: Vec<Path>,
    /// Errors: it could not be asked, with the reason.
    pub live: Result<Live, String>,
}

impl Judged {
    /// The verdict in words.
    pub fn word(&self) -> &'static str {
        self.live.as_ref().map_or(NOT_KNOWN, |live| live.verdict.word())
    }

    /// In words, the gravest first.
    pub fn reasons(&self) -> Vec<&str> {
        match &self.live {
            Ok(live) => live.reasons.iter().map(|reason| reason.words.as_str()).collect(),
            Err(words) => vec![words.as_str()],
        }
    }

    /// `{id, at, verdict, reasons, armed}`; `armed` has the timers that the new version would arm otherwise.
    pub fn to_json(&self) -> serde_json::Value {
        let armed = self.live.iter().flat_map(|live| &live.reasons).filter_map(|reason| {
            let (due, anew) = reason.due?;
            Some(serde_json::json!({"why": reason.words, "due": due.to_string(), "anew": anew.to_string()}))
        });
        serde_json::json!({
            "id": self.id,
            "at": self.places,
            "verdict": self.word(),
            "reasons": self.reasons(),
            "armed": armed.collect::<Vec<_>>(),
        })
    }
}

/// Puts the runs into the review of the same change.
pub fn count(review: &mut Review, all: &[Judged]) {
    let known: Vec<&Live> = all.iter().filter_map(|judged| judged.live.as_ref().ok()).collect();
    review.count(&known, all.len() - known.len());
}

/// How many runs there are of each verdict.
pub fn counts(all: &[Judged]) -> Counts {
    let mut counts = Counts::default();
    for judged in all {
        match &judged.live {
            Ok(live) => counts.count(live.verdict),
            Err(_) => counts.unknown += 1,
        }
    }
    counts
}

impl Temporal {
    /// Judges every open run of `old`, by id. `told` hears how many of how many were asked. Errors: no list of runs.
    pub async fn impact(
        &self,
        old: &Side,
        new: &Side,
        told: &mut (dyn FnMut(usize, usize) + Send),
    ) -> Result<Vec<Judged>, TemporalError> {
        let runs = open_runs(self, old).await?;
        let total = runs.len();
        let mover = Mover::new(old, new);
        let mut asked = futures::stream::iter(runs.into_iter().map(|run| one(self, &mover, &old.plan, run)))
            .buffer_unordered(AT_ONCE);
        let mut all = Vec::with_capacity(total);
        while let Some(found) = asked.next().await {
            all.extend(found);
            told(all.len(), total);
        }
        all.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(all)
    }
}

async fn open_runs(temporal: &Temporal, old: &Side) -> Result<Vec<Listed>, TemporalError> {
    let filter = Filter {
        process: Some(old.plan.process().to_owned()),
        version: Some(old.plan.version()),
        status: Some(RunStatus::Running),
        ..Filter::default()
    };
    let (mut runs, mut token) = (Vec::new(), Vec::new());
    loop {
        let (page, next) = temporal.list(&filter, PAGE, token).await?;
        runs.extend(page);
        if next.is_empty() {
            return Ok(runs);
        }
        token = next;
    }
}

/// `None`: the run has ended meanwhile, or is of another definition with the same number.
async fn one(temporal: &Temporal, mover: &Mover<'_>, plan: &Plan, run: Listed) -> Option<Judged> {
    let asked = |places, live| Some(Judged { id: run.id.clone(), places, live });
    let start = match temporal.start_input(&run.id).await {
        Ok(start) => start,
        Err(TemporalError::NotFound) => return None,
        Err(error) => return asked(Vec::new(), Err(error.to_string())),
    };
    if start.digest != plan.digest() {
        return None;
    }
    let position = match temporal.position(&run.id, ANSWER).await {
        Ok(position) => position,
        Err(TemporalError::NotFound) => return None,
        Err(error) => return asked(Vec::new(), Err(error.to_string())),
    };
    let mut places = Vec::with_capacity(position.len());
    for position in position {
        let path = position.path.clone();
        match position.of(plan) {
            Some(position) => places.push(Standing { path: position.path, armed: position.armed }),
            None => return asked(Vec::new(), Err(format!("nothing in the definition stands at `{path}`"))),
        }
    }
    let live = mover.judge(&places, &start.input, now());
    asked(places.into_iter().map(|place| place.path).collect(), Ok(live))
}
