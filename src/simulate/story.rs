//! What happened in a simulated run, line by line: the trace, and what a scenario has beside it.

use std::collections::BTreeMap;

use serde_json::Map;

use super::host::{Beside, Deal, Replied, Report, Status};
use super::scenario::{Happening, Reaction, Scenario};
use crate::machine::{Path, Trace, UpdateOutcome, What};
use crate::plan::Plan;
use crate::story::{Answer, Known, Line, Teller, short, waiting};
use crate::value::{Time, Value, to_json, to_serde};

/// The whole story, in the order it happened; of a run that has not ended, at last, where it waits.
pub fn lines<'a>(plan: &'a Plan, scenario: &'a Scenario, report: &'a Report) -> impl Iterator<Item = Line> + 'a {
    let story = Story::new(plan, scenario, report);
    let mut beside = report.beside.iter().peekable();
    let mut trace = report.trace.iter();
    let happened = std::iter::from_fn(move || {
        let told = report.trace.len() - trace.len();
        if let Some((_, at, what)) = beside.next_if(|(before, ..)| *before <= told) {
            return Some(story.beside(*at, *what));
        }
        trace.next().map(|(at, line)| story.line(*at, line))
    });
    let stands = scenario.until.filter(|_| !report.unfinished).unwrap_or(report.took);
    let stands = scenario.at.plus(stands).unwrap_or(scenario.at);
    let waits = report.waiting.iter().filter(|_| report.status == Status::Waiting);
    happened.chain(waits.map(move |position| waiting(stands, position)))
}

struct Story<'a> {
    teller: Teller<'a>,
    report: &'a Report,
    happenings: Vec<&'a Happening>,
    /// The request of each call, by its path.
    requests: BTreeMap<&'a Path, &'a Value>,
    /// The attempt that was the last of its call.
    last: BTreeMap<&'a Path, &'a Deal>,
}

impl<'a> Story<'a> {
    fn new(plan: &'a Plan, scenario: &'a Scenario, report: &'a Report) -> Story<'a> {
        let requests = report.attempts.iter().map(|(path, request)| (path, request)).collect();
        let last = report.deals.iter().map(|deal| (&deal.path, deal)).collect();
        let happenings = scenario.timeline.iter().flat_map(|entry| &entry.together).collect();
        // What is made up for a scenario is told whole.
        Story { teller: Teller::new(plan, usize::MAX), report, happenings, requests, last }
    }

    fn line(&self, at: Time, trace: &Trace) -> Line {
        let answered = matches!(trace.what, What::Ended { .. });
        let last = self.last.get(&trace.path).filter(|_| answered);
        let known = Known {
            request: self.requests.get(&trace.path).copied(),
            answer: last.and_then(|deal| self.answer(deal)),
            result: self.report.result.as_ref(),
            step: self.report.error.as_ref().map(|error| error.step.as_str()),
        };
        self.teller.line(at, trace, &known)
    }

    fn beside(&self, at: Time, beside: Beside) -> Line {
        match beside {
            Beside::Again(deal) => {
                let Some(deal) = self.report.deals.get(deal) else { return Line::new(at, "", "attempt", None) };
                let mut parts = Map::new();
                let answer = self.answer(deal).map(|answer| self.teller.answered(&answer, &mut parts));
                let answer = answer.unwrap_or_else(|| "nothing in time".to_owned());
                let next = deal.next.map_or_else(String::new, |next| next.to_string());
                let words = format!("attempt {} answered {answer}, the next at {next}", deal.attempt);
                let line = Line { parts, ..Line::new(at, deal.path.to_string(), "attempt", words) };
                let line = line.with("attempt", deal.attempt).with("next", next);
                self.teller.placed(line, &deal.path)
            }
            Beside::Queried(number) => {
                let name = self.name(number);
                let (part, answer) = match self.report.replies.get(&number) {
                    Some(Replied::Query(Ok(value))) => {
                        (Some(("value", to_serde(value))), format!("answered {}", short(&to_json(value))))
                    }
                    Some(Replied::Query(Err(refusal))) => {
                        let message = refusal.message.as_str();
                        (Some(("message", message.into())), format!("failed: {}", short(message)))
                    }
                    Some(Replied::Update(_)) | None => (None, "was not answered".to_owned()),
                };
                let line = Line::new(at, "", "queried", format!("query {name} {answer}")).with("query", name);
                match part {
                    Some((key, value)) => line.with(key, value),
                    None => line,
                }
            }
            Beside::Refused(number) => {
                let refusal = match self.report.replies.get(&number) {
                    Some(Replied::Update(UpdateOutcome::Refused(refusal))) => Some(refusal),
                    _ => self.report.refusals.get(&number),
                };
                let reason = refusal.map(|refusal| refusal.message.as_str()).unwrap_or_default();
                let word = match self.happenings.get(number) {
                    Some(Happening::Update { .. }) => "update",
                    _ => "signal",
                };
                let event = format!("{word} {}", self.name(number));
                let words = format!("{event} refused: {}", short(reason));
                Line::new(at, "", "refused", words).with("event", event).with("reason", reason)
            }
        }
    }

    /// What an attempt was answered; `None` where no answer came in time.
    fn answer<'b>(&self, deal: &'b Deal) -> Option<Answer<'b>> {
        if deal.late {
            return None;
        }
        let of_http = self.requests.get(&deal.path).is_some_and(|request| request.get("method").is_some());
        let (status, value) = match &deal.answer.reaction {
            Reaction::Reply { status, body, .. } => (*status, body),
            Reaction::Value(value) => (200, value),
            Reaction::Error { kind, message, .. } => {
                return Some(Answer::Failed { kind: kind.text().into_owned(), message });
            }
        };
        Some(if of_http { Answer::Reply { status, body: Some(value) } } else { Answer::Value(value) })
    }

    fn name(&self, number: usize) -> &'a str {
        match self.happenings.get(number) {
            Some(Happening::Signal { name, .. } | Happening::Update { name, .. } | Happening::Query { name, .. }) => {
                name
            }
            Some(Happening::Cancel | Happening::WorkerDown | Happening::WorkerUp) | None => "",
        }
    }
}
