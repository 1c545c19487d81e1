//! What is known of servers, and what a preStop hook does to one.
//!
//! - `pre_stop`: the steps of a `lifecycle.preStop` hook
//! - `recognise`: which server a container runs
//! - `server_table`: each server that is known: how it is recognised, what stops it and how, with a source
//! - `signal`: signals as `kill` and its relatives write them
//! - `stop_command`: whether a command stops a server, and how
//!
//! Pure. The plan, the diagnosis and the advice read hooks and servers here only.

mod pre_stop;
mod recognise;
mod server_table;
mod signal;
mod stop_command;

pub(crate) use pre_stop::{HookScript, HookStep, PreStop};
pub(crate) use recognise::Server;
pub(crate) use server_table::{DrainLimit, ServerFacts, StopKind};
