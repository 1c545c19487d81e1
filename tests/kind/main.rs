//! Runs the built program against a real kind cluster, as a user would: scenarios, places of the load, and bad luck.
//!
//! They need kind, Docker and a running kind cluster, whose name is in `ROLLPROOF_TEST_KIND`; without it each is listed as
//! ignored by its name. They run one at a time, because each puts load on the cluster and is timed. Those that stop parts
//! of the cluster start them again, also when they fail.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod bad_luck;
mod cluster;
#[path = "../end_to_end/program.rs"]
#[allow(dead_code, reason = "shared with the tests on the embedded cluster")]
mod program;
mod scenarios;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

/// The kind cluster to test against.
pub(crate) fn cluster_name() -> Option<String> {
    std::env::var("ROLLPROOF_TEST_KIND").ok().filter(|name| !name.is_empty())
}

/// A named test, ignored without a cluster.
pub(crate) fn test(name: &str, body: impl FnOnce() + Send + 'static) -> Trial {
    let missing = cluster_name().is_none();
    let named =
        if missing { format!("{name} (needs a kind cluster, named in ROLLPROOF_TEST_KIND)") } else { name.to_owned() };
    Trial::test(named, move || {
        catch_unwind(AssertUnwindSafe(body)).map_err(|panic| {
            let text = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                .unwrap_or_else(|| "panicked".to_owned());
            Failed::from(text)
        })
    })
    .with_ignored_flag(missing)
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let mut tests = scenarios::tests();
    tests.extend(bad_luck::tests());
    libtest_mimic::run(&arguments, tests).exit_code()
}
