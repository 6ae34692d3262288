//! fermata: declarative, durable business processes on Temporal.
//!
//! A definition is text. It is read into a document, checked into a plan, and run by a pure machine; a host feeds the
//! machine and carries its commands out. The rooms below stand in reading order, and each may use only those above it;
//! `docs/architecture.md` has the map, and a test keeps it true.

pub mod diagnostic;
pub mod value;

pub mod expression;
pub mod syntax;

pub mod plan;

pub mod machine;

pub mod catalog;
pub mod config;
pub mod review;
pub mod simulate;
pub mod temporal;

pub mod service;

pub mod cli;
