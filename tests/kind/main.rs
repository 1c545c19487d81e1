//! Runs the built program against a real kind cluster, as a user would: scenarios, the places of the load, and failures.
//!
//! The tests need kind, Docker and a running kind cluster, whose name is in `ROLLPROOF_TEST_KIND`; without it, each is listed as
//! ignored. Most run one at a time, because each puts load on the cluster and is timed. Those of `workloads` put no load on it, and
//! others look at what does not depend on it: they run two at a time. Tests that stop parts of the cluster start them again, also when they fail.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod api_trouble;
mod attach;
mod bad_luck;
mod causes;
mod cluster;
mod doors;
mod edges;
mod forced;
mod helm;
mod images;
mod journal;
mod node_ports;
#[path = "../end_to_end/program.rs"]
#[allow(dead_code, reason = "shared with the tests on the embedded cluster")]
mod program;
#[path = "../scoring/proxy_client.rs"]
mod proxy_client;
#[path = "../scoring/proxy_count.rs"]
mod proxy_count;
mod reports;
mod scenarios;
mod workloads;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use program::{alone, beside, named_on_kind};

/// How many tests run in parallel, of those that may: an agent asks for half a core, and a third would not be scheduled on two.
const AT_ONCE: usize = 2;

/// A named test that another may run beside: what it looks at does not depend on how busy the machine is.
pub(crate) fn side_test(name: &str, body: impl FnOnce() + Send + 'static) -> Trial {
    named_on_kind(name, || {
        let _turn = beside();
        body();
    })
}

/// A named test that needs the cluster for itself.
pub(crate) fn test(name: &str, body: impl FnOnce() + Send + 'static) -> Trial {
    named_on_kind(name, || {
        let _turn = alone();
        body();
    })
}

fn main() -> ExitCode {
    // `images` packs this program into an image.
    if std::env::args().nth(1).as_deref() == Some("speak") {
        images::speak();
        return ExitCode::SUCCESS;
    }
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(AT_ONCE);
    let mut tests = workloads::tests();
    tests.extend(images::tests());
    tests.extend(scenarios::tests());
    tests.extend(causes::tests());
    tests.extend(reports::tests());
    tests.extend(bad_luck::tests());
    tests.extend(attach::tests());
    tests.extend(api_trouble::tests());
    tests.extend(helm::tests());
    tests.extend(doors::tests());
    tests.extend(node_ports::tests());
    libtest_mimic::run(&arguments, tests).exit_code()
}
