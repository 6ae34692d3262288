//! The verbs, each with its part of the table of keys and the type that holds what is read of it. To add one, copy the
//! nearest file, name it here and in `keys::VERBS` and `action`, and follow the compiler.

mod activity;
mod choose;
mod each;
mod ending;
mod http;
mod log;
mod parallel;
mod race;
mod repeat;
mod retry;
mod send;
mod set;
mod shield;
mod wait;

pub use activity::{Activity, Call};
pub use choose::{If, Switch, Way};
pub use each::{For, Items};
pub use ending::{Break, Continue, Fail, Failure, Return};
pub use http::{Http, Request};
pub use log::Log;
pub use parallel::Parallel;
pub use race::Race;
pub use repeat::While;
pub(super) use retry::ON_RETRY;
pub use retry::Retry;
pub use send::{Delivery, Send};
pub use set::Set;
pub use shield::{Catch, Do, Try};
pub use wait::{Awaited, Wait, WaitFor};
