//! One supervisor process per container: it starts the main process and what is executed beside it, applies the
//! kernel's rules for PID 1, and leaves no descendant behind, however the container or rollproof ended.
//!
//! `serve` is the supervisor's side (synchronous, single-threaded, no tokio), `client` is the node's. They share only
//! `protocol`. Neither knows about pods, probes or grace periods.

mod client;
mod descendants;
mod log;
mod output;
mod protocol;
mod serve;
mod signals;

pub use client::{ExecResult, SuperviseError, Supervisor, Watch};
pub use log::{Follow, MAX_LOG_BYTES, tail};
pub use protocol::{End, MAIN, Report, Request, Spawn};
pub use serve::main;
pub use signals::{number, reaches_pid_1};
