//! Scores diagnosis against the truth: the real program runs random scenarios on the built-in server, and the cause that
//! diagnosis gives each lost request is compared with the logs of the cluster and of the server.
//!
//! `cargo test --test scoring` scores a dozen scenarios; `cargo test --test scoring -- score` scores any number
//! (`score --help`). `cargo test --test scoring -- null` repeats trials whose result is known (`null --help`). `cargo test --test scoring -- proxies`
//! counts what real proxies lose on a kind cluster (`proxies --help`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod blocks;
mod command;
mod conditions;
mod draw;
mod execute;
mod forced;
mod hogs;
mod join;
mod label;
mod limits;
mod logs;
mod null;
mod null_count;
mod proxies;
mod proxy_client;
mod proxy_count;
mod score;
mod show;
mod tests;
mod write;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("score") => return command::main(&arguments[1..]),
        Some("null") => return null::main(&arguments[1..]),
        Some("proxies") => return proxies::main(&arguments[1..]),
        _ => {}
    }
    libtest_mimic::run(&libtest_mimic::Arguments::from_args(), tests::tests()).exit_code()
}

/// The arguments of a command; where they are none, or help was asked for, what is to be said has been, with the code to end with.
fn parsed<T: clap::Parser>(arguments: &[String]) -> Result<T, ExitCode> {
    T::try_parse_from(arguments).map_err(|error| {
        let _ = error.print();
        ExitCode::from(if error.use_stderr() { 2 } else { 0 })
    })
}
