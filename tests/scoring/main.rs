//! Scores diagnosis against the truth: random scenarios on the built-in server are run by the real program, and what
//! diagnosis says of each lost request is compared with what the cluster's and the server's own logs say.
//!
//! `cargo test --test scoring` scores a dozen scenarios; `cargo test --test scoring -- score` as many as one likes
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
