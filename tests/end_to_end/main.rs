//! Runs the built program as a user would: scenarios, the demo, interruptions and bad luck.
//!
//! A test whose server is not installed is listed as ignored, not as passed. Tests that put load on the machine and are
//! timed run one at a time, after the others.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod advised;
mod again;
mod bad_input;
mod bad_luck;
mod doors;
mod foreign;
mod kills;
mod manifests;
#[allow(dead_code, reason = "shared with the tests on kind")]
mod program;
mod rollouts;
mod scenarios;
mod secrets;
mod tls;

use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use program::{AT_ONCE, named};

/// What a test needs besides this machine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    Nothing,
    Apache,
    Nginx,
}

impl Needs {
    fn server(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Apache => "apache2",
            Self::Nginx => "nginx",
        }
    }

    fn missing(self) -> bool {
        match self {
            Self::Nothing => false,
            Self::Apache | Self::Nginx => !Path::new("/usr/sbin").join(self.server()).exists(),
        }
    }
}

/// A named test, and whether it has to run alone.
pub(crate) struct Test {
    alone: bool,
    trial: Trial,
}

impl Test {
    fn new(name: &str, needs: Needs, alone: bool, body: impl FnOnce() + Send + 'static) -> Self {
        let missing = needs.missing().then(|| format!("{}, which is not installed", needs.server()));
        Self { alone, trial: named(name, missing.as_deref(), body) }
    }
}

/// A test whose result a busy machine could change: it runs alone.
pub(crate) fn test(name: &str, needs: Needs, body: impl FnOnce() + Send + 'static) -> Test {
    Test::new(name, needs, true, || {
        let _turn = program::alone();
        body();
    })
}

/// A test whose result is the same on a busy machine: it runs in parallel with others.
pub(crate) fn beside(name: &str, needs: Needs, body: impl FnOnce() + Send + 'static) -> Test {
    Test::new(name, needs, false, || {
        let _turn = program::beside();
        body();
    })
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(AT_ONCE);
    let mut tests = scenarios::tests();
    tests.extend(rollouts::tests());
    tests.extend(bad_input::tests());
    tests.extend(bad_luck::tests());
    tests.extend(kills::tests());
    tests.extend(manifests::tests());
    tests.extend(again::tests());
    tests.extend(advised::tests());
    tests.extend(foreign::tests());
    tests.extend(secrets::tests());
    tests.extend(tls::tests());
    tests.extend(doors::tests());
    // Tests that run alone come last, so that they do not hold up the parallel ones.
    tests.sort_by_key(|test| test.alone);
    libtest_mimic::run(&arguments, tests.into_iter().map(|test| test.trial).collect()).exit_code()
}
