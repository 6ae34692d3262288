//! What a step asks of somebody outside, with the defaults of its definition.

use crate::plan::{Action, Activity, Http, Retry, Schema, Step};
use crate::value::Duration;

#[derive(Debug, Clone, Copy)]
pub enum Call<'a> {
    Http(&'a Http),
    Activity(&'a Activity),
    /// A signal to another run.
    Send,
}

impl<'a> Call<'a> {
    /// `None`: it asks nobody.
    pub fn of(step: &'a Step) -> Option<Call<'a>> {
        match &step.action {
            Action::Http(http) => Some(Call::Http(http)),
            Action::Activity(activity) => Some(Call::Activity(activity)),
            Action::Send { .. } => Some(Call::Send),
            Action::Set(_)
            | Action::Wait(_)
            | Action::Until(_)
            | Action::Receive { .. }
            | Action::If { .. }
            | Action::Switch(_)
            | Action::While { .. }
            | Action::For(_)
            | Action::Parallel { .. }
            | Action::Race(_)
            | Action::Try { .. }
            | Action::Do(_)
            | Action::Return(_)
            | Action::Fail { .. }
            | Action::Break
            | Action::Continue
            | Action::Log(_) => None,
        }
    }

    /// Of one attempt, where it is made in attempts.
    pub fn timeout(self) -> Option<Duration> {
        match self {
            Call::Http(http) => Some(http.timeout),
            Call::Activity(activity) => Some(activity.timeout),
            Call::Send => None,
        }
    }

    pub fn retry(self) -> Option<&'a Retry> {
        match self {
            Call::Http(http) => Some(&http.retry),
            Call::Activity(activity) => Some(&activity.retry),
            Call::Send => None,
        }
    }

    /// What its answer is promised to be.
    pub fn reply(self) -> Option<&'a Schema> {
        match self {
            Call::Http(http) => http.reply.as_ref(),
            Call::Activity(activity) => activity.reply.as_ref(),
            Call::Send => None,
        }
    }
}
