//! One turn: an event is applied and the strands run until each is suspended or has ended (R2, R3); then the conditions
//! that somebody waits for are looked at (R4).
//!
//! A strand's frames alternate lists and steps. Going on means: the list on top begins its next step; a step either
//! ends at once, suspends, or puts a list of its own on top. When something ends, its exit is delivered downward, frame
//! by frame, until a list goes on or the strand has ended. A strand that has ended is told to the step that it is a
//! branch of.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::budget::Purse;
use super::carried::{ENTRY, Room, way};
use super::error::RunError;
use super::event::{CallOutcome, Command, Event, Exceeded};
use super::path::{Ends, Part, Path};
use super::refusal::Refusal;
use super::scope::{self, FirstNames};
use super::state::{Frame, Pending, PendingKind, Role, Stage, State, StepFrame, Strand};
use super::steps::{self, Next};
use super::trace::{Shown, Trace, What};
use super::watch::Watch;
use super::{Output, messages};
use crate::expression::{Budget, Expression, Failure, Scope, World};
use crate::plan::{Gathers, ListId, Plan, Step, StepId};
use crate::syntax::{Own, Written};
use crate::value::{DEPTH, Duration, Time, Value};

pub(super) const MAIN: u64 = 0;
/// Steps that a message names at most.
const NAMED: usize = 10;

/// How a step, a list or a strand ended (R17).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "exit", content = "with", deny_unknown_fields)]
pub(super) enum Exit {
    Value(Value),
    Error(RunError),
    Return(Value),
    Break,
    Continue,
    Cancelled,
}

pub(super) struct Turn<'a> {
    pub plan: &'a Plan,
    pub state: &'a mut State,
    pub(super) out: Output,
    pub(super) purse: Purse,
    pub(super) room: Room,
    pub(super) watch: Watch<'a>,
    /// The strands in the queue, which is empty between events.
    queued: BTreeSet<u64>,
    /// The first number that this event gives, and its timers that are withdrawn before they are issued.
    first: u64,
    unissued: BTreeSet<u64>,
}

/// What became of a delivered exit.
pub(super) enum Flow {
    /// A list goes on.
    Go,
    Suspended,
    Ended(Exit),
}

impl<'a> Turn<'a> {
    pub fn new(plan: &'a Plan, state: &'a mut State, now: Time) -> Turn<'a> {
        state.clock = state.clock.max(now.millis());
        let first = state.next_number;
        Turn {
            plan,
            state,
            out: Output::default(),
            purse: Purse::full(),
            room: None,
            watch: Watch::default(),
            queued: BTreeSet::new(),
            first,
            unissued: BTreeSet::new(),
        }
    }

    pub fn apply(mut self, event: Event) -> Output {
        if self.state.end.is_some() {
            self.after_the_end(event);
            return self.out;
        }
        match event {
            Event::Started => self.start(),
            Event::Signal { name, payload, id } => messages::signal(&mut self, &name, payload, id),
            Event::Update { name, payload, id } => messages::update(&mut self, &name, payload, id),
            Event::Answered { call, outcome } => self.answered(call, outcome),
            Event::Fired { timer } => self.fired(timer),
            Event::Cancel { reason } => self.cancel(reason),
            Event::Exceeded(exceeded) => self.exceeded(&exceeded),
        }
        loop {
            while let Some(id) = self.state.ready.pop_front() {
                self.queued.remove(&id);
                self.run(id);
            }
            if self.state.end.is_some() || !self.look() {
                break;
            }
        }
        // A timer that was set and withdrawn in this very event never was (R54).
        let unissued = self.unissued;
        let issued = |c: &Command| !matches!(c, Command::Timer { number, .. } if unissued.contains(number));
        self.out.commands.retain(issued);
        self.out.spent = self.purse.spent();
        self.out
    }

    // ---- events

    fn start(&mut self) {
        if !self.state.strands.is_empty() {
            self.stray("started".to_owned());
            return;
        }
        self.state.started = self.state.clock;
        let plan = self.plan;
        let mut values = Vec::with_capacity(plan.vars.len());
        for (name, written) in &plan.vars {
            let mut no_uuid = String::new;
            let mut budget = Budget::within(self.purse.operations);
            let mut world = World { now: Time(self.state.clock), uuid: &mut no_uuid, budget: &mut budget };
            let value = written.evaluate(&FirstNames(self.state), &mut world);
            self.purse.operations = budget.left();
            let value = match value {
                Ok(value) => {
                    let kept =
                        self.charge(&Path::RUN, &value).and_then(|()| self.keep_named(MAIN, &Path::RUN, name, &value));
                    kept.map(|()| value)
                }
                Err(failure) => {
                    Err(self.failed(format!("the first value of `{name}`: {}", failure.message), &Path::RUN))
                }
            };
            match value {
                Ok(value) => values.push((name.clone(), value)),
                Err(exit) => return self.finish(exit),
            }
        }
        for (name, value) in values {
            self.assign(MAIN, &Path::RUN, &name, value);
        }
        let frames = vec![Frame::list(plan.root, Path::RUN, BTreeMap::new())];
        self.state.strands.insert(MAIN, Strand { id: MAIN, role: Role::Main, frames, cancelled: false });
        self.make_ready(MAIN);
    }

    fn answered(&mut self, call: u64, outcome: CallOutcome) {
        let fits = |kind| matches!(kind, PendingKind::Call);
        if self.pending(call, fits).is_none() {
            return self.stray(format!("answer {call}"));
        }
        self.wake(call, |turn, frame, step| steps::answered(turn, frame, step, outcome));
    }

    fn fired(&mut self, timer: u64) {
        let fits = |kind| matches!(kind, PendingKind::Timer { .. } | PendingKind::Timeout { .. });
        let Some(pending) = self.pending(timer, fits) else { return self.stray(format!("timer {timer}")) };
        if let PendingKind::Timer { due } | PendingKind::Timeout { due } = pending.kind {
            // A fired timer is authoritative: the clock is at least its due time (R32).
            self.state.clock = self.state.clock.max(due);
        }
        if let PendingKind::Timer { .. } = pending.kind {
            return self.wake(timer, |turn, frame, _| {
                turn.trace(&frame.path, What::Fired);
                Next::Done(Exit::Value(Value::Null))
            });
        }
        self.state.pending.remove(&timer);
        let Some(strand) = self.state.strands.get_mut(&pending.strand) else { return };
        if let Some(Frame::Step(frame)) = strand.frames.get_mut(pending.frame) {
            frame.struck = true;
            frame.timeout = None;
            let path = frame.path.clone();
            self.trace(&path, What::Fired);
        }
        self.unwind(pending.strand);
    }

    pub(super) fn cancel(&mut self, reason: String) {
        if self.state.cancel.is_none() {
            self.trace(&Path::RUN, What::CancelRequested);
            self.state.cancel = Some(reason);
            self.cancel_strand(MAIN);
        }
    }

    /// A bound of the host is reached: the run fails, and says who kept it from going on (R40).
    fn exceeded(&mut self, exceeded: &Exceeded) {
        let events = match exceeded {
            Exceeded::History { events } => events,
            Exceeded::State { bytes } => {
                let message = format!("what the run carries has {bytes} bytes, which is too much for a fresh history");
                return self.fail_run(RunError::new(Own::LimitState, message, &Path::RUN));
            }
        };
        let calls = self.state.pending.values().filter(|pending| matches!(pending.kind, PendingKind::Call));
        let mut paths: Vec<String> = calls
            .filter_map(|pending| match self.state.strands.get(&pending.strand)?.frames.get(pending.frame)? {
                Frame::Step(frame) => Some(format!("`{}`", frame.path)),
                Frame::List(_) => None,
            })
            .collect();
        let more = paths.len().saturating_sub(NAMED);
        paths.truncate(NAMED);
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        let message =
            format!("the history is full after {events} events, and these do not answer: {}{more}", paths.join(", "));
        self.fail_run(RunError::new(Own::LimitHistory, message, &Path::RUN));
    }

    /// What still comes in the task that ended the run (R12).
    fn after_the_end(&mut self, event: Event) {
        match event {
            Event::Signal { name, .. } if self.plan.signals.contains_key(&name) => {
                self.trace(&Path::RUN, What::Unread { signals: vec![name] });
            }
            Event::Signal { name, .. } => self.stray(format!("signal {name}")),
            Event::Update { name, .. } => messages::refuse(self, &name, Refusal::run_ended()),
            Event::Started => self.stray("started".to_owned()),
            Event::Answered { call, .. } => self.stray(format!("answer {call}")),
            Event::Fired { timer } => self.stray(format!("timer {timer}")),
            Event::Cancel { .. } => self.stray("cancel".to_owned()),
            Event::Exceeded(_) => self.stray("exceeded".to_owned()),
        }
    }

    pub fn stray(&mut self, event: String) {
        self.trace(&Path::RUN, What::Stray { event });
    }

    fn pending(&self, number: u64, fits: impl Fn(PendingKind) -> bool) -> Option<Pending> {
        self.state.pending.get(&number).filter(|pending| fits(pending.kind)).cloned()
    }

    /// The step that awaits a number goes on with what `f` makes of it.
    pub(super) fn wake(&mut self, number: u64, f: impl FnOnce(&mut Self, &mut StepFrame, &'a Step) -> Next) {
        let Some(pending) = self.state.pending.remove(&number) else { return };
        let Some(mut frame) = self.pop_step(pending.strand) else { return };
        let next = match self.plan.step(frame.step) {
            Some(step) => f(self, &mut frame, step),
            None => Next::Done(Exit::Value(Value::Null)),
        };
        let flow = self.take(pending.strand, frame, next);
        self.go_on(pending.strand, flow);
    }

    // ---- strands

    /// A new strand, which runs when its turn comes (R3).
    pub fn spawn(&mut self, role: Role, list: ListId, path: Path, names: BTreeMap<String, Value>) -> u64 {
        let id = self.state.next_strand;
        self.state.next_strand += 1;
        let frames = vec![Frame::list(list, path, names)];
        self.state.strands.insert(id, Strand { id, role, frames, cancelled: false });
        self.make_ready(id);
        id
    }

    fn make_ready(&mut self, id: u64) {
        if self.queued.insert(id) {
            self.state.ready.push_back(id);
        }
    }

    /// After an event touched a strand: it is put in the queue, so that all strands run in one order.
    pub(super) fn go_on(&mut self, id: u64, flow: Flow) {
        match flow {
            Flow::Go => self.make_ready(id),
            Flow::Suspended => {}
            Flow::Ended(exit) => self.ended(id, exit),
        }
    }

    pub(super) fn pop_step(&mut self, id: u64) -> Option<StepFrame> {
        let frames = &mut self.state.strands.get_mut(&id)?.frames;
        match frames.pop() {
            Some(Frame::Step(frame)) => Some(frame),
            other => {
                frames.extend(other);
                None
            }
        }
    }

    pub(super) fn push(&mut self, id: u64, frame: Frame) {
        if let Some(strand) = self.state.strands.get_mut(&id) {
            strand.frames.push(frame);
        }
    }

    fn run(&mut self, id: u64) {
        loop {
            let Some(strand) = self.state.strands.get_mut(&id) else { return };
            let unwinding = strand.unwinding(strand.frames.len().saturating_sub(1));
            let next = match strand.frames.last_mut() {
                None => None,
                Some(Frame::Step(_)) => return,
                Some(Frame::List(list)) => {
                    let step = self.plan.list(list.list).get(list.next).copied().filter(|_| !unwinding);
                    list.next += 1;
                    step.ok_or_else(|| std::mem::take(&mut list.value)).into()
                }
            };
            let flow = match next {
                Some(Ok(step)) => self.begin(id, step),
                None => Flow::Ended(Exit::Value(Value::Null)),
                Some(Err(_)) if unwinding => self.list_ended(id, Exit::Cancelled),
                Some(Err(value)) => {
                    let exit = self.value_of_list(id, value);
                    self.list_ended(id, exit)
                }
            };
            match flow {
                Flow::Go => {}
                Flow::Suspended => return,
                Flow::Ended(exit) => return self.ended(id, exit),
            }
        }
    }

    fn list_ended(&mut self, id: u64, exit: Exit) -> Flow {
        if let Some(strand) = self.state.strands.get_mut(&id) {
            strand.frames.pop();
        }
        self.deliver(id, exit)
    }

    /// What a list that came to its end is worth, computed while its names are there: the `collect` of an item, the
    /// `returns` of an update; else the result of its last step.
    fn value_of_list(&mut self, id: u64, value: Value) -> Exit {
        let Some(strand) = self.state.strands.get(&id) else { return Exit::Value(value) };
        let (role, frames) = (strand.role.clone(), strand.frames.as_slice());
        let step_of = |frame: Option<&Frame>| match frame {
            Some(Frame::Step(frame)) => self.plan.step(frame.step),
            _ => None,
        };
        let around = match (frames, &role) {
            ([.., Frame::Step(frame), Frame::List(_)], _) if matches!(frame.stage, Stage::Item(_)) => {
                self.plan.step(frame.step)
            }
            ([_], Role::Branch { parent, .. }) => {
                step_of(self.state.strands.get(parent).and_then(|parent| parent.frames.last()))
            }
            ([_], Role::Update { name, .. }) => {
                let returns = self.plan.updates.get(name).and_then(|update| update.returns.as_ref());
                let path = self.path_below(id, Part::Ends(Ends::Returns));
                return returns
                    .map_or(Exit::Value(Value::Null), |r| self.evaluate(id, &path, r).map_or_else(|e| e, Exit::Value));
            }
            _ => None,
        };
        let collect = match around.and_then(|step| step.action.gathers()) {
            Some(Gathers::Items(each)) => each.collect.as_ref(),
            Some(Gathers::First(_) | Gathers::All { .. }) | None => None,
        };
        match collect {
            Some(collect) => {
                let path = self.path_below(id, Part::Ends(Ends::Collect));
                self.evaluate(id, &path, collect).map_or_else(|exit| exit, Exit::Value)
            }
            None => Exit::Value(value),
        }
    }

    /// The path of what is about to begin in the list on top (R37).
    fn path_below(&self, id: u64, part: Part) -> Path {
        match self.state.strands.get(&id).and_then(|strand| strand.frames.last()) {
            Some(Frame::List(list)) => list.path.with(part),
            _ => Path::RUN.with(part),
        }
    }

    fn begin(&mut self, id: u64, step: StepId) -> Flow {
        let Some((step_id, step)) = self.plan.step(step).map(|found| (step, found)) else { return Flow::Go };
        let path = self.path_below(id, Part::Step(step.segment.clone()));
        let room = ENTRY + way(&path);
        if let Err(exit) = self.spend(&path).and_then(|()| self.keep(id, &path, room, || "this step".to_owned())) {
            return self.deliver(id, exit);
        }
        let mut frame = StepFrame { step: step_id, path, stage: Stage::Entered, timeout: None, struck: false };
        if let Some(when) = &step.when {
            match self.test(id, &frame.path, when) {
                Ok(true) => {}
                Ok(false) => return self.deliver(id, Exit::Value(Value::Null)),
                Err(exit) => return self.take(id, frame, Next::Done(exit)),
            }
        }
        self.trace(&frame.path, What::Entered);
        if let Some(timeout) = step.timeout {
            let Some(due) = Time(self.state.clock).plus(timeout) else {
                let message = format!("its timeout of {timeout} ends after the year 9999");
                let error = RunError::new(Own::Expression, message, &frame.path);
                return self.take(id, frame, Next::Done(Exit::Error(error)));
            };
            let kind = PendingKind::Timeout { due: due.millis() };
            frame.timeout = Some(self.timer(id, kind, due, &frame.path));
        }
        let next = steps::enter(self, id, &mut frame, step);
        self.take(id, frame, next)
    }

    /// Carries out what a step answered. `frame` is not on the strand.
    pub(super) fn take(&mut self, id: u64, mut frame: StepFrame, next: Next) -> Flow {
        match next {
            Next::Suspend(number) => {
                frame.stage = Stage::Awaiting(number);
                self.push(id, Frame::Step(frame));
                Flow::Suspended
            }
            Next::Join(join) => {
                frame.stage = Stage::Joining(join);
                self.push(id, Frame::Step(frame));
                Flow::Suspended
            }
            Next::Inside(inner) => {
                let path = inner.path.unwrap_or_else(|| frame.path.clone());
                frame.stage = inner.stage;
                self.push(id, Frame::Step(frame));
                self.push(id, Frame::list(inner.list, path, inner.names));
                Flow::Go
            }
            Next::Done(exit) => match self.leave(id, &mut frame, exit) {
                Left::Exit(exit) => self.deliver(id, exit),
                Left::List(list) => self.instead(id, frame, list),
            },
        }
    }

    /// Hands an exit to the frame on top, and on downward until a list goes on.
    fn deliver(&mut self, id: u64, mut exit: Exit) -> Flow {
        loop {
            let Some(strand) = self.state.strands.get_mut(&id) else { return Flow::Suspended };
            match strand.frames.pop() {
                None => return Flow::Ended(exit),
                Some(Frame::List(mut list)) => {
                    if let Exit::Value(value) = exit {
                        // Only the last step's is asked for.
                        if list.next >= self.plan.list(list.list).len() {
                            let bytes = value.weight().bytes;
                            if let Err(over) = self.keep(id, &list.path, bytes, || "the value of a step".to_owned()) {
                                exit = over;
                                continue;
                            }
                            list.value = value;
                        }
                        self.push(id, Frame::List(list));
                        return Flow::Go;
                    }
                }
                Some(Frame::Step(mut frame)) => {
                    let next = match (&frame.stage, self.plan.step(frame.step)) {
                        (Stage::OnTimeout, _) | (_, None) => Next::Done(exit),
                        (_, Some(step)) => steps::inside(self, id, &mut frame, step, exit),
                    };
                    let Next::Done(done) = next else { return self.take(id, frame, next) };
                    match self.leave(id, &mut frame, done) {
                        Left::Exit(left) => exit = left,
                        Left::List(list) => return self.instead(id, frame, list),
                    }
                }
            }
        }
    }

    /// The `on-timeout` list runs in the place of the step.
    fn instead(&mut self, id: u64, mut frame: StepFrame, list: ListId) -> Flow {
        let path = frame.path.clone();
        frame.stage = Stage::OnTimeout;
        self.push(id, Frame::Step(frame));
        self.push(id, Frame::list(list, path, BTreeMap::new()));
        Flow::Go
    }

    /// A step ends: its timeout is withdrawn, `on-timeout`, `on-error` and `save` have their say. `frame` is not on the
    /// strand any more.
    fn leave(&mut self, id: u64, frame: &mut StepFrame, mut exit: Exit) -> Left {
        if let Some(timer) = frame.timeout.take() {
            self.withdraw(timer);
        }
        let Some(step) = self.plan.step(frame.step) else { return Left::Exit(exit) };
        // The step's own timeout has struck, and what is inside has ended: however that ended, the timeout appears here
        // (R19, R33). Only a wider cancel and a limit go before it.
        let wider = self.state.strands.get(&id).is_none_or(|strand| match strand.frames.len().checked_sub(1) {
            Some(below) => strand.unwinding(below),
            None => strand.cancelled,
        });
        let limit = matches!(&exit, Exit::Error(error) if !error.catchable());
        if frame.struck && !wider && !limit {
            if let Exit::Error(error) = &exit {
                self.trace(&frame.path, What::Suppressed { error: error.into() });
            }
            let message = format!("it took longer than {}", step.timeout.unwrap_or(Duration::ZERO));
            exit = Exit::Error(RunError::new(Own::Timeout, message, &frame.path));
            if let Some(list) = step.on_timeout {
                frame.struck = false;
                return Left::List(list);
            }
        }
        if let (Exit::Error(error), true) = (&exit, step.skip_errors)
            && error.catchable()
        {
            let error = error.into();
            self.trace(&frame.path, What::Skipped { error });
            exit = Exit::Value(Value::Null);
        }
        let mut saved = None;
        if let (Exit::Value(value), Some(name), true) = (&exit, &step.save, frame.stage != Stage::OnTimeout) {
            match self.charge(&frame.path, value).and_then(|()| self.keep_named(id, &frame.path, name, value)) {
                Ok(()) => saved = Some((value.clone(), name)),
                Err(over) => exit = over,
            }
        }
        let (with, error) = match &exit {
            Exit::Value(_) => ("value", None),
            Exit::Error(error) => ("error", Some(error.into())),
            Exit::Return(_) => ("return", None),
            Exit::Break => ("break", None),
            Exit::Continue => ("continue", None),
            Exit::Cancelled => ("cancelled", None),
        };
        if let Some((value, name)) = saved {
            self.assign(id, &frame.path, name, value);
        }
        self.trace(&frame.path, What::Exit { with, error });
        Left::Exit(exit)
    }

    // ---- what steps use

    /// Runs an evaluation of a step. Errors: the exit of a step whose expression fails (R29), or that used up what the
    /// expressions of one event may cost (R5).
    pub fn compute<T>(
        &mut self,
        id: u64,
        path: &Path,
        extra: &[(&str, &Value)],
        f: impl FnOnce(&dyn Scope, &mut World<'_>) -> Result<T, Failure>,
    ) -> Result<T, Exit> {
        let result = scope::with_world(self.state, Some(id), extra, &mut self.purse.operations, f);
        result.map_err(|failure| self.failed(failure.message, path))
    }

    /// Computes a value and pays for what is then done with it: it is hashed, kept, sent.
    pub fn evaluate(&mut self, id: u64, path: &Path, written: &Written) -> Result<Value, Exit> {
        let value = self.compute(id, path, &[], |scope, world| written.evaluate(scope, world))?;
        if value.is_deep() {
            let message = format!("the value is over the budget of {DEPTH} levels of nesting");
            return Err(Exit::Error(RunError::new(Own::Expression, message, path)));
        }
        self.charge(path, &value).map(|()| value)
    }

    pub fn test(&mut self, id: u64, path: &Path, condition: &Expression) -> Result<bool, Exit> {
        self.compute(id, path, &[], |scope, world| condition.test(scope, world))
    }

    pub fn trace(&mut self, path: &Path, what: What) {
        self.out.trace.push(Trace { path: path.clone(), what });
    }

    /// Assigns to the level that the name belongs to (R26), and marks the waits that read it.
    pub fn assign(&mut self, id: u64, path: &Path, name: &str, value: Value) {
        let (shown, digest) = Shown::with_digest(&value);
        self.trace(path, What::Set { name: name.to_owned(), value: digest, shown });
        self.assigned(name);
        let plan = self.plan;
        let mut at = Some(id);
        while let Some(strand) = at.and_then(|id| self.state.strands.get_mut(&id)) {
            for frame in strand.frames.iter_mut().rev() {
                if let Frame::List(list) = frame
                    && plan.owns(list.list, name)
                {
                    list.names.insert(name.to_owned(), value);
                    return;
                }
            }
            at = match strand.role {
                Role::Branch { parent, .. } => Some(parent),
                _ => None,
            };
        }
        self.state.names.insert(name.to_owned(), value);
    }

    /// Issues a timer; the answer goes to the frame about to stand on top of the strand.
    pub fn timer(&mut self, id: u64, kind: PendingKind, due: Time, path: &Path) -> u64 {
        let number = self.number(id, kind);
        self.trace(path, What::Armed { after: due.millis() - self.state.clock });
        self.out.commands.push(Command::Timer { number, due, path: path.clone() });
        number
    }

    /// Takes the next number for a step that awaits something: the one about to stand on top of the strand.
    pub fn number(&mut self, id: u64, kind: PendingKind) -> u64 {
        let frame = self.state.strands.get(&id).map_or(0, |strand| strand.frames.len());
        let number = self.state.next_number;
        self.state.next_number += 1;
        self.state.pending.insert(number, Pending { strand: id, frame, kind });
        number
    }

    pub fn command(&mut self, command: Command) {
        self.out.commands.push(command);
    }

    pub(super) fn withdraw(&mut self, number: u64) {
        let Some(pending) = self.state.pending.remove(&number) else { return };
        match pending.kind {
            PendingKind::Condition { .. } => {}
            PendingKind::Call => self.out.commands.push(Command::Withdraw { number }),
            PendingKind::Timer { .. } | PendingKind::Timeout { .. } => {
                if number >= self.first {
                    self.unissued.insert(number);
                } else {
                    self.out.commands.push(Command::Withdraw { number });
                }
            }
        }
    }
}

enum Left {
    Exit(Exit),
    List(ListId),
}
