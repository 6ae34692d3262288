//! What one event may cost (R5): steps, and operations, which count what expressions compute and the weight of whatever a
//! step goes through: hashes, compares, writes, hands on.

use super::error::RunError;
use super::path::Path;
use super::turn::{Exit, Turn};
use crate::expression::TOGETHER;
use crate::syntax::Own;
use crate::value::Value;

/// Steps of one event, rounds and items: a task of the server lasts ten seconds.
const STEPS: u32 = 100_000;

/// Bytes that one event may send: what a task sends goes to the server in one piece, of 4 MiB at most.
const SENT: u64 = 3 * 1024 * 1024;

/// Bytes that are as much work to write and hash as one operation.
const WRITTEN: u64 = 16;

/// What is left for the rest of an event.
pub(super) struct Purse {
    steps: u32,
    pub operations: u64,
    /// Bytes that may still be sent.
    sent: u64,
    /// Taken from the purse before it was filled up again.
    before: Spent,
    /// It was used up, and was filled up again, once, for what is shielded.
    used_up: bool,
    refilled: bool,
}

impl Purse {
    pub fn full() -> Purse {
        let before = Spent::default();
        Purse { steps: STEPS, operations: TOGETHER, sent: SENT, before, used_up: false, refilled: false }
    }

    pub fn spent(&self) -> Spent {
        Spent {
            steps: self.before.steps + (STEPS - self.steps),
            operations: self.before.operations + (TOGETHER - self.operations),
            bytes: self.before.bytes + (SENT - self.sent),
        }
    }
}

/// What an event cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    pub steps: u32,
    pub operations: u64,
    /// Of requests, arguments and messages that were handed to the host.
    pub bytes: u64,
}

impl Turn<'_> {
    /// Takes one step, or round of a loop, from the budget of the event. Errors: the exit where it is used up.
    pub fn spend(&mut self, path: &Path) -> Result<(), Exit> {
        match self.purse.steps.checked_sub(1) {
            Some(left) => {
                self.purse.steps = left;
                Ok(())
            }
            None => Err(self.over(format!("more than {STEPS} steps ran without a wait"), path)),
        }
    }

    /// Pays for work that is no expression's. Errors: the exit where the budget is used up.
    pub fn toll(&mut self, path: &Path, cost: u64) -> Result<(), Exit> {
        match self.purse.operations.checked_sub(cost) {
            Some(left) => {
                self.purse.operations = left;
                Ok(())
            }
            None => {
                self.purse.operations = 0;
                Err(self.too_much(path))
            }
        }
    }

    /// Pays for a value that is written as JSON and hashed. Errors: the exit where the budget is used up.
    pub fn charge(&mut self, path: &Path, value: &Value) -> Result<(), Exit> {
        let weight = value.weight();
        self.toll(path, weight.values.saturating_add(weight.bytes / WRITTEN))
    }

    /// Is about to hand so many bytes to the host. Errors: the exit where one event sends too much.
    pub fn send(&mut self, path: &Path, bytes: usize) -> Result<(), Exit> {
        match u64::try_from(bytes).ok().and_then(|bytes| self.purse.sent.checked_sub(bytes)) {
            Some(left) => {
                self.purse.sent = left;
                Ok(())
            }
            None => Err(self.over(format!("one moment sent more than {SENT} bytes"), path)),
        }
    }

    /// The exit of an evaluation that failed: because all together cost too much, or by itself (R29).
    pub fn failed(&mut self, words: String, path: &Path) -> Exit {
        match self.purse.operations {
            0 => self.too_much(path),
            _ => Exit::Error(RunError::new(Own::Expression, words, path)),
        }
    }

    /// Once in an event, what is shielded gets a fresh budget.
    pub fn refill(&mut self) {
        if self.purse.used_up && !self.purse.refilled {
            self.purse = Purse { refilled: true, before: self.purse.spent(), ..Purse::full() };
        }
    }

    fn too_much(&mut self, path: &Path) -> Exit {
        self.over(format!("one moment cost more than {TOGETHER} operations"), path)
    }

    fn over(&mut self, message: String, path: &Path) -> Exit {
        self.purse.used_up = true;
        Exit::Error(RunError::new(Own::LimitSteps, message, path))
    }
}
