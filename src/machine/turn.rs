//! One turn: an event is applied and the strands run until each is suspended or has ended (R2, R3).
//!
//! A strand's frames alternate lists and steps. Going on means: the list on top begins its next step; a step either
//! ends at once, suspends, or puts a list of its own on top. When something ends, its exit is delivered downward, frame
//! by frame, until a list goes on or the strand has ended.

use super::Output;
use super::error::RunError;
use super::event::{CallOutcome, Command, End, Event};
use super::scope::{self, FirstNames};
use super::state::{Frame, Pending, PendingKind, Stage, State, StepFrame, Strand};
use super::steps::{self, Next};
use super::trace::{Trace, What, digest};
use crate::expression::{Expression, Failure, OPERATIONS, Scope, World};
use crate::plan::{ListId, Plan, Step, StepId};
use crate::syntax::Written;
use crate::value::{Duration, Time, Value};

/// Steps of one event, and operations of all its expressions together (R5): a task of the server lasts ten seconds.
const STEPS: u32 = 100_000;
const EVENT_OPERATIONS: u64 = 2_000_000;
const MAIN: u64 = 0;

/// How a step, a list or a strand ended (R17).
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Exit {
    Value(Value),
    Error(RunError),
    Return(Value),
    Cancelled,
}

pub(super) struct Turn<'a> {
    pub plan: &'a Plan,
    pub state: &'a mut State,
    out: Output,
    steps_left: u32,
    operations_left: u64,
}

/// What became of a delivered exit.
enum Flow {
    /// A list goes on.
    Go,
    Suspended,
    Ended(Exit),
}

impl<'a> Turn<'a> {
    pub fn new(plan: &'a Plan, state: &'a mut State, now: Time) -> Turn<'a> {
        state.clock = state.clock.max(now.millis());
        Turn { plan, state, out: Output::default(), steps_left: STEPS, operations_left: EVENT_OPERATIONS }
    }

    pub fn apply(mut self, event: Event) -> Output {
        if self.state.end.is_some() {
            self.stray(&event);
            return self.out;
        }
        match event {
            Event::Started => self.start(),
            Event::Signal { .. } => self.stray(&event),
            Event::Answered { call, outcome } => self.answered(call, outcome),
            Event::Fired { timer } => self.fired(timer),
            Event::Cancel { reason } => self.cancel(reason),
        }
        while let Some(id) = self.state.ready.pop_front() {
            if let Some(mut strand) = self.state.strands.remove(&id) {
                let flow = self.run(&mut strand);
                self.settle(strand, flow);
            }
        }
        self.out
    }

    // ---- events

    fn start(&mut self) {
        if !self.state.strands.is_empty() {
            self.stray(&Event::Started);
            return;
        }
        self.state.started = self.state.clock;
        let plan = self.plan;
        let mut values = Vec::with_capacity(plan.vars.len());
        for (name, written) in &plan.vars {
            let mut no_uuid = String::new;
            let mut operations = OPERATIONS;
            let mut world = World { now: Time(self.state.clock), uuid: &mut no_uuid, operations: &mut operations };
            match written.evaluate(&FirstNames(self.state), &mut world) {
                Ok(value) => values.push((name.clone(), value)),
                Err(failure) => {
                    let message = format!("the first value of `{name}`: {}", failure.message);
                    return self.finish(Exit::Error(RunError::new("expression", message, "")));
                }
            }
        }
        for (name, value) in values {
            self.assign("", &name, value);
        }
        let frames = vec![Frame::List { list: plan.root, next: 0, value: Value::Null }];
        self.state.strands.insert(MAIN, Strand { id: MAIN, frames, cancelling: None });
        self.state.ready.push_back(MAIN);
    }

    fn answered(&mut self, call: u64, outcome: CallOutcome) {
        self.wake(call, PendingName::Call, |turn, frame, step| steps::answered(turn, frame, step, outcome));
    }

    fn fired(&mut self, timer: u64) {
        let Some(pending) = self.state.pending.get(&timer).cloned() else {
            return self.trace("", What::Stray { event: format!("timer {timer}") });
        };
        let (due, timeout) = match pending.kind {
            PendingKind::Timer { due } => (due, false),
            PendingKind::Timeout { due } => (due, true),
            PendingKind::Call => return self.trace("", What::Stray { event: format!("timer {timer}") }),
        };
        // A fired timer is authoritative: the clock is at least its due time (R32).
        self.state.clock = self.state.clock.max(due);
        if !timeout {
            return self.wake(timer, PendingName::Timer, |turn, frame, _| {
                turn.trace(&frame.path, What::Fired);
                Next::Done(Exit::Value(Value::Null))
            });
        }
        self.state.pending.remove(&timer);
        let Some(mut strand) = self.state.strands.remove(&pending.strand) else { return };
        if let Some(Frame::Step(frame)) = strand.frames.get_mut(pending.frame) {
            frame.struck = true;
            frame.timeout = None;
            let path = frame.path.clone();
            self.trace(&path, What::Fired);
        }
        let flow = self.unwind(&mut strand, pending.frame);
        self.go_on(strand, flow);
    }

    fn cancel(&mut self, reason: String) {
        self.trace("", What::CancelRequested);
        if self.state.cancel.is_some() {
            return;
        }
        self.state.cancel = Some(reason);
        if let Some(mut strand) = self.state.strands.remove(&MAIN) {
            let flow = self.unwind(&mut strand, 0);
            self.go_on(strand, flow);
        }
    }

    fn stray(&mut self, event: &Event) {
        let event = match event {
            Event::Started => "started".to_owned(),
            Event::Signal { name, .. } => format!("signal {name}"),
            Event::Answered { call, .. } => format!("answer {call}"),
            Event::Fired { timer } => format!("timer {timer}"),
            Event::Cancel { .. } => "cancel".to_owned(),
        };
        self.trace("", What::Stray { event });
    }

    /// Hands the answer to a number to the step that awaits it.
    fn wake(&mut self, number: u64, kind: PendingName, f: impl FnOnce(&mut Self, &mut StepFrame, &'a Step) -> Next) {
        let awaited = self.state.pending.get(&number).filter(|p| kind.fits(p.kind)).map(|p| p.strand);
        let strand = awaited.and_then(|id| self.state.strands.remove(&id));
        let Some(mut strand) = strand else {
            return self.trace("", What::Stray { event: format!("answer {number}") });
        };
        self.state.pending.remove(&number);
        let flow = match strand.frames.pop() {
            Some(Frame::Step(mut frame)) => {
                let next = match self.plan.step(frame.step) {
                    Some(step) => f(self, &mut frame, step),
                    None => Next::Done(Exit::Value(Value::Null)),
                };
                self.take(&mut strand, frame, next)
            }
            other => {
                strand.frames.extend(other);
                Flow::Suspended
            }
        };
        self.go_on(strand, flow);
    }

    /// After an event touched a strand: it is put in the queue, so that all strands run in one order.
    fn go_on(&mut self, strand: Strand, flow: Flow) {
        if let Flow::Go = flow {
            self.state.ready.push_back(strand.id);
        }
        self.settle(strand, flow);
    }

    fn settle(&mut self, strand: Strand, flow: Flow) {
        match flow {
            Flow::Ended(exit) => self.finish(exit),
            Flow::Go | Flow::Suspended => {
                self.state.strands.insert(strand.id, strand);
            }
        }
    }

    // ---- running a strand

    fn run(&mut self, strand: &mut Strand) -> Flow {
        loop {
            let index = strand.frames.len().saturating_sub(1);
            let cancelled = strand.cancelling.is_some_and(|from| index >= from);
            let flow = match strand.frames.last_mut() {
                None => return Flow::Ended(Exit::Value(Value::Null)),
                Some(Frame::Step(_)) => return Flow::Suspended,
                Some(Frame::List { list, next, value }) => {
                    let (list, at) = (*list, *next);
                    let step = self.plan.list(list).get(at).copied().filter(|_| !cancelled);
                    match step {
                        Some(step) => {
                            *next += 1;
                            self.begin(strand, step)
                        }
                        None => {
                            let exit = if cancelled { Exit::Cancelled } else { Exit::Value(std::mem::take(value)) };
                            strand.frames.pop();
                            self.deliver(strand, exit)
                        }
                    }
                }
            };
            match flow {
                Flow::Go => {}
                other => return other,
            }
        }
    }

    fn begin(&mut self, strand: &mut Strand, id: StepId) -> Flow {
        let Some(step) = self.plan.step(id) else { return Flow::Go };
        let path = path_below(strand, &step.segment);
        let Some(left) = self.steps_left.checked_sub(1) else {
            let message = format!("more than {STEPS} steps ran without a wait");
            return self.deliver(strand, Exit::Error(RunError::new("limit.steps", message, &path)));
        };
        self.steps_left = left;
        let mut frame = StepFrame { step: id, path, stage: Stage::Entered, timeout: None, struck: false };
        if let Some(when) = &step.when {
            match self.test(&frame.path, when) {
                Ok(true) => {}
                Ok(false) => return self.deliver(strand, Exit::Value(Value::Null)),
                Err(exit) => return self.take(strand, frame, Next::Done(exit)),
            }
        }
        self.trace(&frame.path, What::Entered);
        if let Some(timeout) = step.timeout {
            let due = Time(self.state.clock).plus(timeout);
            let at = strand.frames.len();
            let kind = PendingKind::Timeout { due: due.millis() };
            frame.timeout = Some(self.timer(strand.id, at, kind, due, &frame.path));
        }
        let at = At { strand: strand.id, frame: strand.frames.len() };
        let next = steps::enter(self, &mut frame, step, at);
        self.take(strand, frame, next)
    }

    /// Carries out what a step answered. `frame` is not on the strand.
    fn take(&mut self, strand: &mut Strand, mut frame: StepFrame, next: Next) -> Flow {
        match next {
            Next::Suspend(number) => {
                frame.stage = Stage::Awaiting(number);
                strand.frames.push(Frame::Step(frame));
                Flow::Suspended
            }
            Next::Inside(list) => {
                frame.stage = Stage::Inside;
                strand.frames.push(Frame::Step(frame));
                push_list(strand, list);
                Flow::Go
            }
            Next::Done(exit) => {
                strand.frames.push(Frame::Step(frame));
                self.deliver(strand, exit)
            }
        }
    }

    /// Hands an exit to the frame on top, and on downward until a list goes on.
    fn deliver(&mut self, strand: &mut Strand, mut exit: Exit) -> Flow {
        loop {
            match strand.frames.pop() {
                None => return Flow::Ended(exit),
                Some(Frame::List { list, next, .. }) => {
                    if let Exit::Value(value) = exit {
                        strand.frames.push(Frame::List { list, next, value });
                        return Flow::Go;
                    }
                }
                Some(Frame::Step(mut frame)) => match self.leave(strand, &mut frame, exit) {
                    Left::Exit(left) => exit = left,
                    Left::List(list) => {
                        frame.stage = Stage::OnTimeout;
                        strand.frames.push(Frame::Step(frame));
                        push_list(strand, list);
                        return Flow::Go;
                    }
                },
            }
        }
    }

    /// A step ends: its timeout is withdrawn, `on-timeout`, `on-error` and `save` have their say. `frame` is not on the
    /// strand any more.
    fn leave(&mut self, strand: &mut Strand, frame: &mut StepFrame, mut exit: Exit) -> Left {
        if let Some(timer) = frame.timeout.take() {
            self.withdraw(timer);
        }
        let Some(step) = self.plan.step(frame.step) else { return Left::Exit(exit) };
        let index = strand.frames.len();
        if frame.struck && exit == Exit::Cancelled {
            // The cancel came from this step's own timeout and appears here as an error (R19), unless a wider cancel
            // is under way.
            if strand.cancelling == Some(index) {
                strand.cancelling = None;
                let limit = step.timeout.unwrap_or(Duration::ZERO);
                let message = format!("it took longer than {limit}");
                exit = Exit::Error(RunError::new("timeout", message, &frame.path));
                if let Some(list) = step.on_timeout {
                    frame.struck = false;
                    return Left::List(list);
                }
            }
        }
        if let (Exit::Error(error), true) = (&exit, step.skip_errors)
            && error.catchable()
        {
            let error = error.kind.clone();
            self.trace(&frame.path, What::Skipped { error });
            exit = Exit::Value(Value::Null);
        }
        let (with, error) = match &exit {
            Exit::Value(_) => ("value", None),
            Exit::Error(error) => ("error", Some(error.kind.clone())),
            Exit::Return(_) => ("return", None),
            Exit::Cancelled => ("cancelled", None),
        };
        if let (Exit::Value(value), Some(name), true) = (&exit, &step.save, frame.stage != Stage::OnTimeout) {
            self.assign(&frame.path, name, value.clone());
        }
        self.trace(&frame.path, What::Exit { with, error });
        Left::Exit(exit)
    }

    /// Cancels what runs in a strand at and above a frame. The strand is suspended, so its top frame is a step.
    fn unwind(&mut self, strand: &mut Strand, from: usize) -> Flow {
        strand.cancelling = Some(strand.cancelling.map_or(from, |wider| wider.min(from)));
        match strand.frames.pop() {
            Some(Frame::Step(frame)) => {
                if let Stage::Awaiting(number) = frame.stage {
                    self.withdraw(number);
                }
                self.take(strand, frame, Next::Done(Exit::Cancelled))
            }
            other => {
                strand.frames.extend(other);
                Flow::Go
            }
        }
    }

    /// The main line has ended, and with it the run.
    fn finish(&mut self, exit: Exit) {
        let end = match exit {
            Exit::Return(value) => End::Completed(value),
            Exit::Value(_) => match steps::check_result(self.plan, &Value::Null, "") {
                Ok(()) => End::Completed(Value::Null),
                Err(error) => End::Failed(error),
            },
            Exit::Error(error) => End::Failed(error),
            Exit::Cancelled => End::Cancelled { reason: self.state.cancel.clone().unwrap_or_default() },
        };
        let (status, error) = match &end {
            End::Completed(_) => ("completed", None),
            End::Failed(error) => ("failed", Some(error.kind.clone())),
            End::Cancelled { .. } => ("cancelled", None),
        };
        self.trace("", What::End { status, error });
        self.state.strands.clear();
        self.state.ready.clear();
        self.state.end = Some(end.clone());
        self.out.commands.push(Command::End(end));
    }

    // ---- what steps use

    /// Runs an evaluation of a step. Errors: the exit of a step whose expression fails (R29), or that used up what the
    /// expressions of one event may cost (R5).
    pub fn compute<T>(
        &mut self,
        path: &str,
        f: impl FnOnce(&dyn Scope, &mut World<'_>) -> Result<T, Failure>,
    ) -> Result<T, Exit> {
        let result = scope::with_world(self.state, &mut self.operations_left, f);
        result.map_err(|failure| {
            Exit::Error(match self.operations_left {
                0 => {
                    let message = format!("the expressions of one moment cost more than {EVENT_OPERATIONS} operations");
                    RunError::new("limit.steps", message, path)
                }
                _ => RunError::new("expression", failure.message, path),
            })
        })
    }

    pub fn evaluate(&mut self, path: &str, written: &Written) -> Result<Value, Exit> {
        self.compute(path, |scope, world| written.evaluate(scope, world))
    }

    pub fn test(&mut self, path: &str, condition: &Expression) -> Result<bool, Exit> {
        self.compute(path, |scope, world| condition.test(scope, world))
    }

    pub fn trace(&mut self, path: &str, what: What) {
        self.out.trace.push(Trace { path: path.to_owned(), what });
    }

    pub fn assign(&mut self, path: &str, name: &str, value: Value) {
        self.trace(path, What::Set { name: name.to_owned(), value: digest(&value) });
        self.state.names.insert(name.to_owned(), value);
    }

    /// Issues a timer; the answer goes to the frame.
    pub fn timer(&mut self, strand: u64, frame: usize, kind: PendingKind, due: Time, path: &str) -> u64 {
        let number = self.number(Pending { strand, frame, kind });
        self.trace(path, What::Armed { after: due.millis() - self.state.clock });
        self.out.commands.push(Command::Timer { number, due, path: path.to_owned() });
        number
    }

    /// Takes the next command number for a step that awaits its answer.
    pub fn number(&mut self, pending: Pending) -> u64 {
        let number = self.state.next_number;
        self.state.next_number += 1;
        self.state.pending.insert(number, pending);
        number
    }

    pub fn command(&mut self, command: Command) {
        self.out.commands.push(command);
    }

    fn withdraw(&mut self, number: u64) {
        if self.state.pending.remove(&number).is_some() {
            self.out.commands.push(Command::Withdraw { number });
        }
    }
}

/// Where a step's frame will stand once it is suspended.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    pub strand: u64,
    pub frame: usize,
}

enum Left {
    Exit(Exit),
    List(ListId),
}

#[derive(Clone, Copy)]
enum PendingName {
    Call,
    Timer,
}

impl PendingName {
    fn fits(self, kind: PendingKind) -> bool {
        matches!((self, kind), (PendingName::Call, PendingKind::Call) | (PendingName::Timer, PendingKind::Timer { .. }))
    }
}

fn push_list(strand: &mut Strand, list: ListId) {
    strand.frames.push(Frame::List { list, next: 0, value: Value::Null });
}

/// The activation path of a step about to begin (R37).
fn path_below(strand: &Strand, segment: &str) -> String {
    let parent = strand.frames.iter().rev().find_map(|frame| match frame {
        Frame::Step(frame) => Some(frame.path.as_str()),
        Frame::List { .. } => None,
    });
    match parent {
        Some(parent) => format!("{parent}.{segment}"),
        None => segment.to_owned(),
    }
}
