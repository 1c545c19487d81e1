//! Parts of the program on their own: the load engine, the agent, the built-in server, and the calls of kind and Docker.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod agent;
mod calibration;
mod descriptors;
mod doors;
#[path = "../fault_server/mod.rs"]
#[allow(dead_code, reason = "shared with the tests of hidden clients")]
mod fault_server;
mod hostile;
mod kind_programs;
mod load_run;
#[path = "../end_to_end/program.rs"]
#[allow(dead_code, reason = "shared with the tests of whole runs")]
mod program;
mod target;
mod tls;
mod tls_server;
