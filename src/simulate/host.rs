//! Runs a plan under a scenario. One batch of events per virtual instant, in the order of R1; what a batch's commands
//! answer without delay is the next batch of the same instant.

use std::collections::BTreeMap;

use super::scenario::{Answer, Happening, Reaction, Scenario};
use crate::machine::{
    Attempt, Call, CallOutcome, Command, End, Event, Position, Prepared, Refused, Reply, Run, RunError, State, Trace,
    Verdict, apply, judge, next_attempt, positions, prepare,
};
use crate::plan::Plan;
use crate::value::{Duration, Time, Value};

/// Events of one simulated run; beyond it, the simulation ends with what it has.
const EVENTS: usize = 1_000_000;

/// The words for how a run stands, the same everywhere; `Waiting` is a run that nothing more happens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Completed,
    Failed,
    Cancelled,
    Waiting,
}

impl Status {
    pub fn word(self) -> &'static str {
        match self {
            Status::Completed => "completed",
            Status::Failed => "failed",
            Status::Cancelled => "cancelled",
            Status::Waiting => "waiting",
        }
    }
}

/// Which answer an attempt got: dealt here once, so that another host can be given the same cards (R53 d).
#[derive(Debug, Clone, PartialEq)]
pub struct Deal {
    pub path: String,
    pub attempt: u32,
    pub answer: Answer,
    pub began: Time,
    pub ended: Time,
    /// The attempt ran out of time before the answer came.
    pub late: bool,
    /// When the next attempt is to begin, if there is one and nothing withdraws it.
    pub next: Option<Time>,
}

/// What a simulated run did.
#[derive(Debug, Clone)]
pub struct Report {
    pub status: Status,
    pub result: Option<Value>,
    pub error: Option<RunError>,
    /// From the start to the end, or to the last thing that happened.
    pub took: Duration,
    pub key: String,
    pub trace: Vec<(Time, Trace)>,
    pub names: BTreeMap<String, Value>,
    /// Every attempt, in the order they began.
    pub attempts: Vec<(String, Value)>,
    pub deals: Vec<Deal>,
    /// Where the run waits, if it does.
    pub waiting: Vec<Position>,
}

/// Runs until the run ends or nothing more can happen. Errors: an input that the service would refuse.
pub fn simulate(plan: &Plan, scenario: &Scenario) -> Result<Report, Refused> {
    let Prepared { key, input } = prepare(plan, scenario.input.clone(), None)?;
    let run = Run {
        id: format!("{}.{key}", plan.process()),
        uid: "00000000-0000-7000-8000-000000000000".to_owned(),
        key: key.clone(),
        process: plan.process().to_owned(),
        version: plan.version(),
    };
    let mut host = Host {
        plan,
        scenario,
        state: State::new(run, input),
        now: scenario.at,
        queue: BTreeMap::new(),
        calls: BTreeMap::new(),
        used: BTreeMap::new(),
        trace: Vec::new(),
        attempts: Vec::new(),
        deals: Vec::new(),
        last: scenario.at,
    };
    host.run();
    Ok(host.report(key))
}

/// The order within an instant (R1). Attempts are not events of the machine: they come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    AttemptBegins,
    AttemptEnds,
    Started,
    Result,
    Timer,
    Cancel,
}

#[derive(Debug, Clone)]
struct Slot {
    due: Time,
    class: Class,
    /// Timers by due time and number, results by number (R1).
    number: u64,
}

impl Slot {
    fn key(&self) -> (Time, Class, u64) {
        (self.due, self.class, self.number)
    }
}

struct InFlight {
    call: Call,
    attempt: u32,
    first_began: Time,
    reaction: Option<(Reaction, bool)>,
    outcome: Option<CallOutcome>,
}

struct Host<'a> {
    plan: &'a Plan,
    scenario: &'a Scenario,
    state: State,
    now: Time,
    queue: BTreeMap<(Time, Class, u64), Slot>,
    calls: BTreeMap<u64, InFlight>,
    /// How many answers of a list were dealt.
    used: BTreeMap<String, usize>,
    trace: Vec<(Time, Trace)>,
    attempts: Vec<(String, Value)>,
    deals: Vec<Deal>,
    last: Time,
}

impl Host<'_> {
    fn run(&mut self) {
        self.schedule(self.scenario.at, Class::Started, 0);
        for (at, entry) in self.scenario.timeline.iter().enumerate() {
            match entry.happening {
                Happening::Cancel => {
                    let number = u64::try_from(at).unwrap_or(u64::MAX);
                    self.schedule(self.scenario.at.plus(entry.after), Class::Cancel, number);
                }
            }
        }
        for _ in 0..EVENTS {
            if self.state.end().is_some() {
                return;
            }
            let Some((key, slot)) = self.queue.pop_first() else { return };
            self.now = self.now.max(key.0);
            match slot.class {
                Class::AttemptBegins => self.attempt_begins(slot.number),
                Class::AttemptEnds => self.attempt_ends(slot.number),
                _ => self.batch(slot),
            }
        }
    }

    /// Applies every event of this instant that is known now.
    fn batch(&mut self, first: Slot) {
        let due = first.due;
        let mut slots = vec![first];
        while let Some(entry) = self.queue.first_entry().filter(|e| e.key().0 == due) {
            slots.push(entry.remove());
        }
        for slot in slots {
            let event = match slot.class {
                Class::Started => Event::Started,
                Class::Result => match self.calls.remove(&slot.number).and_then(|c| c.outcome) {
                    Some(outcome) => Event::Answered { call: slot.number, outcome },
                    None => continue,
                },
                Class::Timer => Event::Fired { timer: slot.number },
                Class::Cancel => Event::Cancel { reason: "scenario".to_owned() },
                Class::AttemptBegins | Class::AttemptEnds => continue,
            };
            if self.state.end().is_some() {
                return;
            }
            self.last = self.now;
            let output = apply(self.plan, &mut self.state, self.now, event);
            self.trace.extend(output.trace.into_iter().map(|t| (self.now, t)));
            for command in output.commands {
                self.carry_out(command);
            }
        }
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Call(call) => {
                let number = call.number;
                let flight = InFlight { call: *call, attempt: 0, first_began: self.now, reaction: None, outcome: None };
                self.calls.insert(number, flight);
                self.schedule(self.now, Class::AttemptBegins, number);
            }
            Command::Timer { number, due, .. } => self.schedule(due, Class::Timer, number),
            Command::Withdraw { number } => {
                self.calls.remove(&number);
                self.queue
                    .retain(|_, slot| slot.number != number || matches!(slot.class, Class::Started | Class::Cancel));
            }
            Command::End(_) => {}
        }
    }

    fn schedule(&mut self, due: Time, class: Class, number: u64) {
        let slot = Slot { due, class, number };
        self.queue.insert(slot.key(), slot);
    }

    fn attempt_begins(&mut self, number: u64) {
        let Some(flight) = self.calls.get_mut(&number) else { return };
        flight.attempt += 1;
        let path = flight.call.path.clone();
        self.attempts.push((path.clone(), flight.call.request.to_value()));
        let answer = deal(self.scenario, &mut self.used, &path);
        let timeout = flight.call.request.timeout;
        let answered = self.now.plus(answer.after.min(timeout));
        let end = flight.first_began.plus(flight.call.request.retry.total);
        let late = answer.after > timeout || answered > end;
        let due = answered.min(end).max(self.now);
        flight.reaction = Some((answer.reaction.clone(), late));
        self.deals.push(Deal { path, attempt: flight.attempt, answer, began: self.now, ended: due, late, next: None });
        self.schedule(due, Class::AttemptEnds, number);
    }

    fn attempt_ends(&mut self, number: u64) {
        let Some(flight) = self.calls.get_mut(&number) else { return };
        let request = &flight.call.request;
        let attempt = match flight.reaction.take() {
            Some((_, true)) => Attempt::Failed {
                kind: "http.timeout".to_owned(),
                message: format!("{} {} did not answer within {}", request.method, request.path, request.timeout),
                details: Value::Null,
            },
            Some((reaction, false)) => reaction.into_attempt(),
            None => return,
        };
        let (result, next) = match judge(request, attempt) {
            Verdict::Accepted(value) => (Ok(value), None),
            Verdict::Failed { error, retry, after } => {
                let next = retry
                    .then(|| next_attempt(&request.retry, flight.attempt, flight.first_began, self.now, after))
                    .flatten();
                (Err(error), next)
            }
        };
        let attempt = flight.attempt;
        if let Some(deal) = self.deals.iter_mut().rev().find(|d| d.path == flight.call.path && d.attempt == attempt) {
            deal.next = next;
        }
        match next {
            Some(next) => self.schedule(next, Class::AttemptBegins, number),
            None => {
                flight.outcome = Some(CallOutcome { result, attempts: Some(flight.attempt) });
                self.schedule(self.now, Class::Result, number);
            }
        }
    }

    fn report(self, key: String) -> Report {
        let (status, result, error) = match self.state.end() {
            Some(End::Completed(value)) => (Status::Completed, Some(value.clone()), None),
            Some(End::Failed(error)) => (Status::Failed, None, Some(error.clone())),
            Some(End::Cancelled { .. }) => (Status::Cancelled, None, None),
            None => (Status::Waiting, None, None),
        };
        Report {
            status,
            result,
            error,
            took: Duration(self.last.millis() - self.scenario.at.millis()),
            key,
            trace: self.trace,
            names: self.state.names().clone(),
            attempts: self.attempts,
            deals: self.deals,
            waiting: positions(self.plan, &self.state),
        }
    }
}

/// The next answer for a step: by its path, else by its id; the last of a list repeats; not listed is `ok`.
fn deal(scenario: &Scenario, used: &mut BTreeMap<String, usize>, path: &str) -> Answer {
    let id = path.rsplit('.').next().unwrap_or(path);
    let Some((name, answers)) = [path, id].iter().find_map(|n| scenario.answers.get_key_value(*n)) else {
        return Answer::default();
    };
    let count = used.entry(name.clone()).or_default();
    let answer = answers.get(*count).or(answers.last()).cloned().unwrap_or_default();
    *count += 1;
    answer
}

impl Reaction {
    /// The reaction as it comes off the wire.
    pub fn into_attempt(self) -> Attempt {
        match self {
            Reaction::Reply { status, headers, body } => {
                let headers = headers.into_iter().filter(|(name, _)| Reply::keeps(name)).collect();
                Attempt::Replied(Reply { status, headers, body })
            }
            Reaction::Error { kind, message, details } => Attempt::Failed { kind, message, details },
        }
    }
}
