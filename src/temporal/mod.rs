//! Temporal: the generic workflow, the activity, the client, the worker, the development server. The only room that
//! names the SDK.
//!
//! This room may not know: HTTP routes, files of definitions.

mod address;
mod client;
mod clock;
mod crossing;
pub mod dev_server;
mod history;
mod impact;
mod issue;
mod journal;
mod message;
mod pace;
mod plans;
pub mod program;
mod record;
mod replay;
mod request;
mod wire;
mod worker;
mod workflow;

pub use client::{Description, Ending, Filter, Listed, RunStatus, SEARCH_ATTRIBUTES, Started, Temporal, TemporalError};
#[doc(hidden)]
pub use crossing::{Mark, Marks};
pub use history::{Fed, FormError, History, Parted, Reading};
pub use impact::{Judged, count, counts};
pub use journal::{Journal, Page, Sources, Token};
pub use message::Asked;
#[doc(hidden)]
pub use pace::{Pace, PacedAttempt, set_pace};
#[doc(hidden)]
pub use record::{Applied, set_recorder};
pub use replay::{Outcome, Rehearsed};
pub use request::Services;
#[doc(hidden)]
pub use request::{HttpActivity, HttpCall};
pub use wire::{StartInput, UpdateInput};
pub use worker::{RunningWorker, WorkerConfig, WorkerError, start as start_worker};
pub use workflow::WORKFLOW;
