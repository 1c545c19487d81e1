//! What is known of servers, and what a preStop hook does to one.
//!
//! - `signal`: signals as `kill` and its relatives write them
//! - `table`: each server that is known: how it is recognised, what stops it and how, with a source
//! - `recognise`: which server a container runs
//! - `command`: whether a command stops a server, and how
//! - `pre_stop`: the steps of a `lifecycle.preStop` hook
//!
//! Pure. The plan, the diagnosis and the advice read hooks and servers here only.

mod command;
mod pre_stop;
mod recognise;
mod signal;
mod table;

pub use pre_stop::{HookScript, HookStep, PreStop};
pub use recognise::Server;
pub use table::{DrainLimit, ServerFacts, StopKind};
