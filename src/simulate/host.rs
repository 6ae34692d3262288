//! Runs a plan under a scenario. One batch of events per virtual instant, in the order of R1; what a batch's commands
//! answer without delay is the next batch of the same instant.

use std::collections::BTreeMap;

use super::scenario::{Answer, Happening, Reaction, Scenario};
use super::steps::most_particular;
use crate::machine::{
    ActivityRequest, Attempt, Call, CallError, CallOutcome, Command, End, ErrorType, Event, Output, Own, Path,
    Position, Prepared, Refusal, RefusalKind, Refused, Reply, Request, Run, RunError, Send, State, Trace,
    UpdateOutcome, Verdict, What, Work, apply, judge, next_attempt, positions, prepare, query, refusal, reply_of,
};
use crate::plan::{Plan, example};
use crate::value::{Duration, Time, Value};

/// Events of one simulated run, and lines of its trace (about 200 MB of them). A run that makes more is taken for one
/// that does not come to rest by itself.
const EVENTS: usize = 1_000_000;
const LINES: usize = 1_000_000;

/// The words for how a run stands, the same everywhere. `Waiting` is a run that only a message could wake, or that stood
/// at the end of the scenario.
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
    pub path: Path,
    pub attempt: u32,
    pub answer: Answer,
    pub began: Time,
    pub ended: Time,
    /// The attempt ran out of time before the answer came.
    pub late: bool,
    /// When the next attempt is to begin, if there is one and nothing withdraws it.
    pub next: Option<Time>,
}

/// What the machine does not trace, since it does not reach it: told beside the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// Of the attempts that were dealt, one after which another follows.
    Again(usize),
    /// Of all that happens on the timeline, a query that was answered.
    Queried(usize),
    /// A message that was refused before it came to the machine.
    Refused(usize),
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
    /// Each with the number of lines of the trace before it.
    pub beside: Vec<(usize, Time, Beside)>,
    pub names: BTreeMap<String, Value>,
    /// Every attempt, in the order they began.
    pub attempts: Vec<(Path, Value)>,
    pub deals: Vec<Deal>,
    /// Where the run waits, if it does.
    pub waiting: Vec<Position>,
    /// Signals that nobody read, in order of arrival.
    pub unread: Vec<String>,
    /// What updates and queries answered, by their place among all that happens in the timeline.
    pub replies: BTreeMap<usize, Replied>,
    /// The signals that were not taken, by the same places.
    pub refusals: BTreeMap<usize, Refusal>,
    /// The bound of work was reached before the run came to rest: nothing can be said of how it goes on.
    pub unfinished: bool,
}

impl Report {
    /// The step that the run stood at when it ended, or waits at: the step of its error, else the last that was left.
    pub fn stood(&self) -> Option<String> {
        let failed = self.error.as_ref().map(|error| error.step.clone()).filter(|step| !step.is_empty());
        let waits = self.waiting.first().map(|position| position.path.to_string());
        let left = self.trace.iter().rev().map(|(_, trace)| &trace.path).find(|path| !path.is_run());
        failed.or(waits).or_else(|| left.map(Path::to_string))
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Replied {
    Update(UpdateOutcome),
    Query(Result<Value, Refusal>),
}

/// One event as the machine was fed it, and what came of it.
#[derive(Debug, Clone)]
pub struct Fed {
    pub now: Time,
    pub event: Event,
    pub output: Output,
}

/// A simulated run from the machine's side: the state before its first event, and all events.
#[derive(Debug, Clone)]
pub struct Recording {
    pub start: State,
    pub fed: Vec<Fed>,
}

/// Runs as [`simulate`] does, and keeps what the machine was fed.
pub fn record(plan: &Plan, scenario: &Scenario) -> Result<Recording, Refused> {
    let (mut host, _) = Host::begin(plan, scenario)?;
    let start = host.state.clone();
    host.fed = Some(Vec::new());
    host.run(EVENTS);
    Ok(Recording { start, fed: host.fed.unwrap_or_default() })
}

/// Runs until the run ends, nothing more can happen, or the scenario ends. Errors: an input that the service would
/// refuse.
pub fn simulate(plan: &Plan, scenario: &Scenario) -> Result<Report, Refused> {
    simulate_within(plan, scenario, EVENTS)
}

/// The same, for so many events at most: a run that goes on after them is reported as it stands.
pub fn simulate_within(plan: &Plan, scenario: &Scenario, events: usize) -> Result<Report, Refused> {
    let (mut host, key) = Host::begin(plan, scenario)?;
    host.run(events);
    Ok(host.report(key))
}

/// The order within an instant (R1). Attempts are not events of the machine: they come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    AttemptBegins,
    AttemptEnds,
    Worker,
    Started,
    Signal,
    Update,
    Result,
    Timer,
    Cancel,
    /// No event of the machine: a look at it after everything of the instant.
    Query,
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
    reaction: Option<(Reaction, Option<Late>)>,
}

/// Why no answer came: the time of the attempt was over, or that of all attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Late {
    Attempt,
    All,
}

/// The words of a call whose attempts ran out of time together.
const ALL_LATE: &str = "no attempt ended before the time for all of them was over";

struct Host<'a> {
    plan: &'a Plan,
    scenario: &'a Scenario,
    state: State,
    now: Time,
    queue: BTreeMap<(Time, Class, u64), Slot>,
    /// By the number of a command, where what answers it stands in the queue, or stood.
    of_commands: BTreeMap<u64, (Time, Class, u64)>,
    calls: BTreeMap<u64, InFlight>,
    /// How calls ended of which the machine has not heard.
    outcomes: BTreeMap<u64, CallOutcome>,
    /// How many answers of a list were dealt.
    used: BTreeMap<String, usize>,
    trace: Vec<(Time, Trace)>,
    beside: Vec<(usize, Time, Beside)>,
    attempts: Vec<(Path, Value)>,
    deals: Vec<Deal>,
    /// All that happens in the timeline, in order.
    happenings: Vec<&'a Happening>,
    replies: BTreeMap<usize, Replied>,
    refusals: BTreeMap<usize, Refusal>,
    unfinished: bool,
    /// The updates that the machine has not answered, by number, with their place in the timeline.
    updates: BTreeMap<u64, usize>,
    /// What has come while the worker is down.
    held: Option<Vec<Slot>>,
    last: Time,
    /// Where somebody wants to know: what the machine was fed.
    fed: Option<Vec<Fed>>,
}

impl<'a> Host<'a> {
    /// The run of a scenario before its first event, and its business key.
    fn begin(plan: &'a Plan, scenario: &'a Scenario) -> Result<(Host<'a>, String), Refused> {
        let Prepared { key, input } = prepare(plan, scenario.input.clone(), None)?;
        let run = Run {
            id: format!("{}.{key}", plan.process()),
            uid: "00000000-0000-7000-8000-000000000000".to_owned(),
            key: key.clone(),
            process: plan.process().to_owned(),
            version: plan.version(),
        };
        let host = Host {
            plan,
            scenario,
            state: State::new(run, input),
            now: scenario.at,
            queue: BTreeMap::new(),
            of_commands: BTreeMap::new(),
            calls: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            used: BTreeMap::new(),
            trace: Vec::new(),
            beside: Vec::new(),
            attempts: Vec::new(),
            deals: Vec::new(),
            happenings: scenario.timeline.iter().flat_map(|entry| &entry.together).collect(),
            replies: BTreeMap::new(),
            refusals: BTreeMap::new(),
            unfinished: false,
            updates: BTreeMap::new(),
            held: None,
            last: scenario.at,
            fed: None,
        };
        Ok((host, key))
    }
}

impl Host<'_> {
    fn run(&mut self, events: usize) {
        self.schedule(self.scenario.at, Class::Started, 0);
        let instants = self.scenario.timeline.iter().flat_map(|entry| entry.together.iter().map(|_| entry.after));
        for (at, (after, happening)) in instants.zip(self.happenings.clone()).enumerate() {
            let class = match happening {
                Happening::Cancel => Class::Cancel,
                Happening::Signal { .. } => Class::Signal,
                Happening::Update { .. } => Class::Update,
                Happening::Query { .. } => Class::Query,
                Happening::WorkerDown | Happening::WorkerUp => Class::Worker,
            };
            self.schedule_after(self.scenario.at, after, class, u64::try_from(at).unwrap_or(u64::MAX));
        }
        let horizon = self.scenario.until.and_then(|until| self.scenario.at.plus(until));
        for event in 0.. {
            let due = self.queue.first_key_value().map(|(key, _)| key.0);
            if due.is_none_or(|due| horizon.is_some_and(|horizon| due > horizon)) {
                return;
            }
            if event == events || self.trace.len() > LINES {
                self.unfinished = self.state.end().is_none();
                return;
            }
            let Some((key, slot)) = self.queue.pop_first() else { return };
            if self.state.end().is_some() && !matches!(slot.class, Class::Signal | Class::Update | Class::Query) {
                continue;
            }
            self.now = self.now.max(key.0);
            match (slot.class, &mut self.held) {
                (Class::Worker, _) => self.worker(&slot),
                (_, Some(held)) => held.push(slot),
                (Class::AttemptBegins, None) => self.attempt_begins(slot.number),
                (Class::AttemptEnds, None) => self.attempt_ends(slot.number),
                (Class::Query, None) => self.look(slot.number),
                (_, None) => self.batch(slot),
            }
        }
    }

    fn happening(&self, number: u64) -> Option<(usize, Happening)> {
        let at = usize::try_from(number).ok()?;
        self.happenings.get(at).map(|happening| (at, (*happening).clone()))
    }

    fn look(&mut self, number: u64) {
        let Some((at, Happening::Query { name, .. })) = self.happening(number) else { return };
        let answer = query(self.plan, &self.state, &name);
        self.replies.insert(at, Replied::Query(answer));
        self.note(Beside::Queried(at));
    }

    fn note(&mut self, beside: Beside) {
        self.beside.push((self.trace.len(), self.now, beside));
    }

    /// A worker that comes back finds all that has come meanwhile in one task (R1).
    fn worker(&mut self, slot: &Slot) {
        match self.happening(slot.number) {
            Some((_, Happening::WorkerDown)) => {
                self.held.get_or_insert_default();
            }
            _ => {
                let mut held = self.held.take().unwrap_or_default();
                // Signals, then updates, by arrival, results by number, timers by due time and number (R1).
                held.sort_by_key(|slot| match slot.class {
                    Class::Timer | Class::Signal | Class::Update => (slot.class, slot.due, slot.number),
                    class => (class, Time(0), slot.number),
                });
                self.apply_all(held);
            }
        }
    }

    /// Applies every event of this instant that is known now.
    fn batch(&mut self, first: Slot) {
        let due = first.due;
        let mut slots = vec![first];
        while let Some(entry) = self.queue.first_entry().filter(|e| e.key().0 == due && e.key().1 != Class::Query) {
            slots.push(entry.remove());
        }
        self.apply_all(slots);
    }

    fn apply_all(&mut self, slots: Vec<Slot>) {
        let ended = self.state.end().is_some();
        for slot in slots {
            let event = match slot.class {
                Class::Started => Event::Started,
                Class::Signal | Class::Update => match self.message(slot.number) {
                    Some(event) => event,
                    None => continue,
                },
                Class::Result => match self.outcomes.remove(&slot.number) {
                    Some(outcome) => Event::Answered { call: slot.number, outcome },
                    None => continue,
                },
                Class::Timer => Event::Fired { timer: slot.number },
                Class::Cancel => Event::Cancel { reason: "scenario".to_owned() },
                // What an attempt or a query would have done while the worker was down, it does now.
                Class::AttemptBegins | Class::AttemptEnds | Class::Query => {
                    self.schedule(self.now, slot.class, slot.number);
                    continue;
                }
                Class::Worker => continue,
            };
            let signal = match &event {
                Event::Signal { name, .. } => Some(format!("signal {name}")),
                _ => None,
            };
            // A signal of the very task that ended the run is still handed over, and counts as unread (R12).
            if self.state.end().is_some() && (ended || signal.is_none()) {
                if signal.is_some() {
                    self.refuse(slot.number, RefusalKind::RunEnded, "the run has ended");
                    self.note(Beside::Refused(usize::try_from(slot.number).unwrap_or(usize::MAX)));
                }
                continue;
            }
            self.last = self.now;
            let told = self.fed.is_some().then(|| event.clone());
            let output = apply(self.plan, &mut self.state, self.now, event);
            if let Some(signal) = signal {
                for trace in &output.trace {
                    match &trace.what {
                        What::Refused { event, reason } if *event == signal => {
                            self.refuse(slot.number, RefusalKind::PayloadInvalid, reason);
                        }
                        What::Stray { event } if *event == signal => {
                            self.refuse(slot.number, RefusalKind::Unknown, "the process declares no such signal");
                        }
                        _ => {}
                    }
                }
            }
            if let (Some(fed), Some(event)) = (&mut self.fed, told) {
                fed.push(Fed { now: self.now, event, output: output.clone() });
            }
            self.trace.extend(output.trace.into_iter().map(|t| (self.now, t)));
            for command in output.commands {
                self.carry_out(command);
            }
        }
    }

    /// A signal was not taken.
    fn refuse(&mut self, number: u64, kind: RefusalKind, message: &str) {
        if let Ok(at) = usize::try_from(number) {
            self.refusals.insert(at, Refusal::new(kind, message));
        }
    }

    /// The event of a signal or an update. `None`: an update that the validator refuses leaves no event (R13).
    fn message(&mut self, number: u64) -> Option<Event> {
        match self.happening(number)? {
            (_, Happening::Signal { name, payload, id }) => Some(Event::Signal { name, payload, id }),
            (at, Happening::Update { name, payload, id, .. }) => {
                match refusal(self.plan, &self.state, &name, &payload, id.as_deref()) {
                    Some(refusal) => {
                        self.replies.insert(at, Replied::Update(UpdateOutcome::Refused(refusal)));
                        self.note(Beside::Refused(at));
                        None
                    }
                    None => {
                        self.updates.insert(self.state.next_update(), at);
                        Some(Event::Update { name, payload, id })
                    }
                }
            }
            _ => None,
        }
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Call(call) => {
                let number = call.number;
                let flight = InFlight { call: *call, attempt: 0, first_began: self.now, reaction: None };
                self.calls.insert(number, flight);
                self.schedule(self.now, Class::AttemptBegins, number);
            }
            Command::Send(send) => self.send(&send),
            Command::Answer { update, .. } => {
                let outcome = self.state.take_answer(update);
                if let Some((at, outcome)) = self.updates.remove(&update).zip(outcome) {
                    self.replies.insert(at, Replied::Update(outcome));
                }
            }
            Command::Timer { number, due, .. } => self.schedule(due, Class::Timer, number),
            Command::Withdraw { number } => {
                self.calls.remove(&number);
                self.outcomes.remove(&number);
                if let Some(key) = self.of_commands.remove(&number) {
                    self.queue.remove(&key);
                }
            }
            Command::End(_) => {}
        }
    }

    /// What would come after the end of time does not come.
    fn schedule_after(&mut self, from: Time, after: Duration, class: Class, number: u64) {
        if let Some(due) = from.plus(after) {
            self.schedule(due, class, number);
        }
    }

    fn schedule(&mut self, due: Time, class: Class, number: u64) {
        let slot = Slot { due, class, number };
        match class {
            Class::AttemptBegins | Class::AttemptEnds | Class::Result | Class::Timer => {
                self.of_commands.insert(number, slot.key());
            }
            Class::Worker | Class::Started | Class::Signal | Class::Update | Class::Cancel | Class::Query => {}
        }
        self.queue.insert(slot.key(), slot);
    }

    /// A signal to another run: the scenario says what its server answers, at once.
    fn send(&mut self, send: &Send) {
        self.attempts.push((send.path.clone(), send.to_value()));
        let answer = deal(self.plan, self.scenario, &mut self.used, &send.path);
        let result = match answer.reaction {
            Reaction::Error { kind, message, details, .. } => Err(CallError { kind, message, details }),
            Reaction::Reply { .. } | Reaction::Value(_) => Ok(Value::Null),
        };
        self.outcomes.insert(send.number, CallOutcome { result, attempts: None });
        self.schedule_after(self.now, answer.after, Class::Result, send.number);
    }

    fn attempt_begins(&mut self, number: u64) {
        let Some(flight) = self.calls.get_mut(&number) else { return };
        flight.attempt += 1;
        let path = flight.call.path.clone();
        let work = &flight.call.work;
        self.attempts.push((path.clone(), work.to_value()));
        let answer = deal(self.plan, self.scenario, &mut self.used, &path);
        let timeout = work.timeout();
        let answered = self.now.plus(answer.after.min(timeout));
        let end = flight.first_began.plus(work.retry().total);
        let late = match (answered, end) {
            (Some(answered), Some(end)) if answered > end => Some(Late::All),
            (None, Some(_)) => Some(Late::All),
            _ if answer.after > timeout => Some(Late::Attempt),
            _ => None,
        };
        // What comes after the end of time does not come.
        let Some(due) = answered.into_iter().chain(end).min() else { return };
        let due = due.max(self.now);
        flight.reaction = Some((answer.reaction.clone(), late));
        self.deals.push(Deal {
            path,
            attempt: flight.attempt,
            answer,
            began: self.now,
            ended: due,
            late: late.is_some(),
            next: None,
        });
        self.schedule(due, Class::AttemptEnds, number);
    }

    fn attempt_ends(&mut self, number: u64) {
        let Some(flight) = self.calls.get_mut(&number) else { return };
        let Some((reaction, late)) = flight.reaction.take() else { return };
        let (verdict, known) = match &flight.call.work {
            Work::Http(request) => {
                let timeout =
                    |message: String| Attempt::Failed { kind: Own::HttpTimeout.into(), message, details: Value::Null };
                let attempt = match late {
                    Some(Late::All) => timeout(ALL_LATE.to_owned()),
                    Some(Late::Attempt) => {
                        let Request { method, path, timeout: within, .. } = request;
                        timeout(format!("{method} {path} did not answer within {within}"))
                    }
                    None => reaction.into_attempt(),
                };
                (judge(request, attempt), true)
            }
            Work::Activity(activity) => (judge_activity(activity, reaction, late), false),
        };
        let retry = flight.call.work.retry();
        let (result, next, used_up) = match verdict {
            Verdict::Accepted(value) => (Ok(value), None, false),
            Verdict::Failed { error, retry: again, after } => {
                let next =
                    again.then(|| next_attempt(retry, flight.attempt, flight.first_began, self.now, after)).flatten();
                (Err(error), next, again && retry.attempts == Some(flight.attempt))
            }
        };
        let attempt = flight.attempt;
        let dealt = self.deals.iter().rposition(|d| d.path == flight.call.path && d.attempt == attempt);
        if let Some((at, deal)) = dealt.and_then(|at| Some((at, self.deals.get_mut(at)?))) {
            deal.next = next;
            self.beside.extend(next.map(|_| (self.trace.len(), self.now, Beside::Again(at))));
        }
        match next {
            Some(next) => self.schedule(next, Class::AttemptBegins, number),
            None => {
                // Of a foreign activity the server tells the number only where all attempts were used up (R34).
                let attempts = (known || used_up).then_some(attempt);
                self.calls.remove(&number);
                self.outcomes.insert(number, CallOutcome { result, attempts });
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
        let unread = self.trace.iter().flat_map(|(_, trace)| match &trace.what {
            What::Unread { signals } => signals.clone(),
            _ => Vec::new(),
        });
        let unread = unread.collect();
        Report {
            status,
            result,
            error,
            took: Duration(self.last.millis() - self.scenario.at.millis()),
            key,
            trace: self.trace,
            beside: self.beside,
            names: self.state.names().clone(),
            attempts: self.attempts,
            deals: self.deals,
            waiting: positions(self.plan, &self.state),
            unread,
            replies: self.replies,
            refusals: self.refusals,
            unfinished: self.unfinished,
        }
    }
}

/// The next answer for a step, by the most particular of the names that mean it; the last of a list repeats. Not listed
/// is `ok`, with a reply that fits the step's `reply` where one can be made up.
fn deal(plan: &Plan, scenario: &Scenario, used: &mut BTreeMap<String, usize>, path: &Path) -> Answer {
    let name = most_particular(path, scenario.answers.keys().map(String::as_str));
    let Some((name, answers)) = name.and_then(|name| scenario.answers.get_key_value(name)) else {
        let made = reply_of(plan, path).and_then(|schema| example(Some(schema)));
        let reaction = made.map_or_else(Reaction::default, Reaction::Value);
        return Answer { reaction, ..Answer::default() };
    };
    let count = used.entry(name.clone()).or_default();
    let answer = answers.get(*count).or(answers.last()).cloned().unwrap_or_default();
    *count += 1;
    answer
}

impl Reaction {
    /// The type of the error that it is.
    pub(super) fn error(&self) -> Option<&ErrorType> {
        match self {
            Reaction::Error { kind, .. } => Some(kind),
            Reaction::Reply { .. } | Reaction::Value(_) => None,
        }
    }

    /// The reaction as it comes off the wire.
    pub fn into_attempt(self) -> Attempt {
        match self {
            Reaction::Reply { status, headers, body } => {
                let headers = headers.into_iter().filter(|(name, _)| Reply::keeps(name)).collect();
                Attempt::Replied(Reply { status, headers, body })
            }
            Reaction::Value(body) => Attempt::Replied(Reply { status: 200, headers: BTreeMap::new(), body }),
            Reaction::Error { kind, message, details, .. } => Attempt::Failed { kind, message, details },
        }
    }
}

/// What an attempt of an activity means: as the server would judge it (R34).
fn judge_activity(activity: &ActivityRequest, reaction: Reaction, late: Option<Late>) -> Verdict {
    let timeout =
        |message: String| (CallError { kind: Own::ActivityTimeout.into(), message, details: Value::Null }, true);
    let (error, retry) = match (late, reaction) {
        (Some(Late::All), _) => timeout(ALL_LATE.to_owned()),
        (Some(Late::Attempt), _) => {
            timeout(format!("the activity {} did not answer within {}", activity.name, activity.timeout))
        }
        (None, Reaction::Value(value) | Reaction::Reply { body: value, .. }) => return Verdict::Accepted(value),
        (None, Reaction::Error { kind, message, details, retryable }) => {
            let retry = retryable && activity.may_retry(&kind);
            (CallError { kind, message, details }, retry)
        }
    };
    Verdict::Failed { error, retry, after: None }
}
