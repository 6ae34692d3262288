//! What one event may cost (R5): steps, and operations, which count what expressions compute and the weight of whatever a
//! step goes through: hashes, compares, writes, hands on.

use super::error::RunError;
use super::turn::{Exit, Turn};
use crate::expression::TOGETHER;
use crate::syntax::Own;
use crate::value::Value;

/// Steps of one event, rounds and items: a task of the server lasts ten seconds.
const STEPS: u32 = 100_000;

/// What is left for the rest of an event.
pub(super) struct Purse {
    steps: u32,
    pub operations: u64,
    /// It was used up, and was filled up again, once, for what is shielded.
    used_up: bool,
    refilled: bool,
}

impl Purse {
    pub fn full() -> Purse {
        Purse { steps: STEPS, operations: TOGETHER, used_up: false, refilled: false }
    }
}

impl Turn<'_> {
    /// Takes one step, or round of a loop, from the budget of the event. Errors: the exit where it is used up.
    pub fn spend(&mut self, path: &str) -> Result<(), Exit> {
        match self.purse.steps.checked_sub(1) {
            Some(left) => {
                self.purse.steps = left;
                Ok(())
            }
            None => Err(self.over(format!("more than {STEPS} steps ran without a wait"), path)),
        }
    }

    /// Pays for work that is no expression's. Errors: the exit where the budget is used up.
    pub fn toll(&mut self, path: &str, cost: u64) -> Result<(), Exit> {
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

    /// Pays for going through a value. Errors: the exit where the budget is used up.
    pub fn charge(&mut self, path: &str, value: &Value) -> Result<(), Exit> {
        self.toll(path, value.weight().work())
    }

    /// The exit of an evaluation that failed: because all together cost too much, or by itself (R29).
    pub fn failed(&mut self, words: String, path: &str) -> Exit {
        match self.purse.operations {
            0 => self.too_much(path),
            _ => Exit::Error(RunError::new(Own::Expression, words, path)),
        }
    }

    /// Once in an event, what is shielded gets a fresh budget.
    pub fn refill(&mut self) {
        if self.purse.used_up && !self.purse.refilled {
            self.purse = Purse { refilled: true, ..Purse::full() };
        }
    }

    fn too_much(&mut self, path: &str) -> Exit {
        self.over(format!("one moment cost more than {TOGETHER} operations"), path)
    }

    fn over(&mut self, message: String, path: &str) -> Exit {
        self.purse.used_up = true;
        Exit::Error(RunError::new(Own::LimitSteps, message, path))
    }
}
