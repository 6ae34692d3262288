//! fermata: declarative, durable business processes on Temporal.
//!
//! A definition is text. It is read into a document, checked into a plan, and run by a pure machine; a host feeds the
//! machine and carries its commands out. The rooms below stand in reading order, and each may use only those above it;
//! `docs/architecture.md` has the map, and a test keeps it true. Without the feature `server` there are only the rooms that
//! know no Temporal, and the commands that need no server.

pub mod diagnostic;
pub mod value;

pub mod expression;
pub mod syntax;

pub mod plan;

pub mod machine;

pub mod story;

pub mod catalog;
#[cfg(feature = "server")]
pub mod config;
pub mod review;
pub mod simulate;
#[cfg(feature = "server")]
pub mod temporal;

#[cfg(feature = "server")]
pub mod service;

pub mod cli;
