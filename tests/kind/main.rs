//! Runs the built program against a real kind cluster, as a user would: scenarios, places of the load, and bad luck.
//!
//! They need kind, Docker and a running kind cluster, whose name is in `ROLLPROOF_TEST_KIND`; without it each is listed as
//! ignored by its name. They run one at a time, because each puts load on the cluster and is timed. Those that stop parts
//! of the cluster start them again, also when they fail.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod bad_luck;
mod causes;
mod cluster;
mod edges;
mod forced;
mod journal;
#[path = "../end_to_end/program.rs"]
#[allow(dead_code, reason = "shared with the tests on the embedded cluster")]
mod program;
mod scenarios;

use std::process::ExitCode;

use libtest_mimic::Arguments;
pub(crate) use program::named_on_kind as test;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let mut tests = scenarios::tests();
    tests.extend(causes::tests());
    tests.extend(bad_luck::tests());
    libtest_mimic::run(&arguments, tests).exit_code()
}
