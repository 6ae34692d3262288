//! Ends and cancels of strands: who hears of an end, and how far a cancel reaches (R12, R17, R18, R22, R25).

use super::error::RunError;
use super::event::{Command, End};
use super::messages;
use super::path::Path;
use super::state::{Frame, Role, Stage, StepFrame};
use super::steps::{self, Next};
use super::trace::What;
use super::turn::{Exit, MAIN, Turn};
use crate::value::Value;

impl Turn<'_> {
    pub(super) fn ended(&mut self, id: u64, exit: Exit) {
        let Some(strand) = self.state.strands.remove(&id) else { return };
        match strand.role {
            Role::Main => self.state.main_exit = Some(exit),
            Role::Branch { parent, index } => self.branch_ended(parent, index, exit),
            Role::Signal { .. } => match exit {
                Exit::Error(error) => self.fail_run(error),
                Exit::Cancelled => self.cancel("a handler ended the run as cancelled".to_owned()),
                _ => {}
            },
            Role::Update { name, id, answer } => messages::update_ended(self, answer, &name, id, exit),
        }
        // The run ends with its last strand: handlers that were begun before the main line ended are waited for (R12).
        if self.state.strands.is_empty()
            && let Some(exit) = self.state.main_exit.take()
        {
            self.main_ended(exit);
        }
    }

    /// A branch or item has ended: the step it belongs to hears of it, and goes on once all have.
    fn branch_ended(&mut self, parent: u64, index: usize, exit: Exit) {
        let Some(mut frame) = self.pop_step(parent) else { return };
        let Some(step) = self.plan.step(frame.step) else { return };
        let Stage::Joining(join) = std::mem::replace(&mut frame.stage, Stage::Entered) else { return };
        let mut join = *join;
        join.open.remove(&index);
        let undecided = join.decided.is_none();
        if let (false, Exit::Error(error)) = (undecided, &exit) {
            match error.catchable() {
                true => self.trace(&frame.path, What::Suppressed { error: error.into() }),
                // Also the limit that a loser meets fails the run (R5).
                false => self.fail_run(error.clone()),
            }
        } else if undecided {
            steps::branch_ended(self, parent, &frame.path, step, &mut join, index, exit);
        }
        if join.open.is_empty() {
            let exit = steps::joined(step, join);
            let flow = self.take(parent, frame, Next::Done(exit));
            return self.go_on(parent, flow);
        }
        let losers =
            if undecided && join.decided.is_some() { join.open.values().copied().collect() } else { Vec::new() };
        frame.stage = Stage::Joining(Box::new(join));
        self.push(parent, Frame::Step(frame));
        for loser in losers {
            self.cancel_strand(loser);
        }
    }

    /// An error that fails the run from beside the main line, which is unwound first (R11). The first stands, and a
    /// cancel before it, except against a limit (R5).
    pub(super) fn fail_run(&mut self, error: RunError) {
        if self.state.failing.is_some() || (self.state.cancel.is_some() && error.catchable()) {
            return self.trace(&Path::RUN, What::Suppressed { error: (&error).into() });
        }
        self.state.failing = Some(error);
        self.cancel_strand(MAIN);
    }

    pub(super) fn cancel_strand(&mut self, id: u64) {
        if let Some(strand) = self.state.strands.get_mut(&id) {
            strand.cancelled = true;
            self.unwind(id);
        }
    }

    /// Lets a suspended strand go on with the cancel that has reached it. One that is ready sees it when it runs.
    pub(super) fn unwind(&mut self, id: u64) {
        let Some(strand) = self.state.strands.get(&id) else { return };
        let Some(top) = strand.frames.len().checked_sub(1).filter(|top| strand.unwinding(*top)) else { return };
        let open: Vec<u64> = match self.state.strands.get_mut(&id).and_then(|strand| strand.frames.get_mut(top)) {
            Some(Frame::Step(StepFrame { stage: Stage::Joining(join), .. })) => {
                join.decided.get_or_insert((None, Exit::Cancelled));
                join.open.values().copied().collect()
            }
            Some(Frame::Step(StepFrame { stage: Stage::Awaiting(number), .. })) => {
                let number = *number;
                self.withdraw(number);
                if let Some(frame) = self.pop_step(id) {
                    let flow = self.take(id, frame, Next::Done(Exit::Cancelled));
                    self.go_on(id, flow);
                }
                return;
            }
            _ => return,
        };
        for strand in open {
            self.cancel_strand(strand);
        }
    }

    fn main_ended(&mut self, exit: Exit) {
        let exit = match (self.state.failing.take(), exit) {
            (Some(first), Exit::Error(error)) => {
                self.trace(&Path::RUN, What::Suppressed { error: (&error).into() });
                Exit::Error(first)
            }
            (Some(first), _) => Exit::Error(first),
            (None, exit) => exit,
        };
        self.finish(exit);
    }

    pub(super) fn finish(&mut self, exit: Exit) {
        let end = match exit {
            Exit::Return(value) => End::Completed(value),
            Exit::Value(_) | Exit::Break | Exit::Continue => {
                match steps::check_result(self.plan, &Value::Null, &Path::RUN) {
                    Ok(()) => End::Completed(Value::Null),
                    Err(error) => End::Failed(error),
                }
            }
            Exit::Error(error) => End::Failed(error),
            Exit::Cancelled => End::Cancelled { reason: self.state.cancel.clone().unwrap_or_default() },
        };
        let (status, error) = match &end {
            End::Completed(_) => ("completed", None),
            End::Failed(error) => ("failed", Some(error.into())),
            End::Cancelled { .. } => ("cancelled", None),
        };
        if !self.state.inbox.is_empty() {
            let signals = self.state.inbox.iter().map(|message| message.name.clone()).collect();
            self.trace(&Path::RUN, What::Unread { signals });
        }
        self.trace(&Path::RUN, What::End { status, error });
        self.state.strands.clear();
        self.state.ready.clear();
        self.state.pending.clear();
        self.state.end = Some(end.clone());
        self.out.commands.push(Command::End(end));
    }
}
