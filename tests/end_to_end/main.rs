//! Runs the built program as a user would: scenarios, the demo, interruptions and bad luck.
//!
//! Each test is named; one whose server is missing on this machine is listed as ignored, not as passed. They run one
//! at a time: each puts load on the machine and is timed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod advised;
mod again;
mod bad_input;
mod bad_luck;
mod foreign;
mod kills;
mod manifests;
#[allow(dead_code, reason = "shared with the tests on kind")]
mod program;
mod rollouts;
mod scenarios;

use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use program::named;

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

/// A named test.
pub(crate) fn test(name: &str, needs: Needs, body: impl FnOnce() + Send + 'static) -> Trial {
    let missing = needs.missing().then(|| format!("{}, which is not installed", needs.server()));
    named(name, missing.as_deref(), body)
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let mut tests = scenarios::tests();
    tests.extend(rollouts::tests());
    tests.extend(bad_input::tests());
    tests.extend(bad_luck::tests());
    tests.extend(kills::tests());
    tests.extend(manifests::tests());
    tests.extend(again::tests());
    tests.extend(advised::tests());
    tests.extend(foreign::tests());
    libtest_mimic::run(&arguments, tests).exit_code()
}
