//! Scores diagnosis against the truth: the real program runs random scenarios on the built-in server, and the cause that
//! diagnosis gives each lost request is compared with the logs of the cluster and of the server.
//!
//! `cargo test --test scoring` scores a dozen scenarios; `cargo test --test scoring -- score` scores any number
//! (`score --help`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod command;
mod draw;
mod execute;
mod forced;
mod join;
mod label;
mod logs;
mod score;
mod show;
mod tests;
mod write;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).is_some_and(|first| first == "score") {
        return command::main(&arguments[1..]);
    }
    libtest_mimic::run(&libtest_mimic::Arguments::from_args(), tests::tests()).exit_code()
}
