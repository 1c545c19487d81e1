//! Runs the built program as a user would: scenarios, the demo, interruptions and bad luck.
//!
//! Each test is named; one whose server is missing on this machine is listed as ignored, not as passed. They run one
//! at a time: each puts load on the machine and is timed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod bad_input;
mod bad_luck;
mod manifests;
mod program;
mod rollouts;
mod scenarios;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

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
    let named = if needs.missing() {
        format!("{name} (needs {}, which is not installed)", needs.server())
    } else {
        name.to_owned()
    };
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
    .with_ignored_flag(needs.missing())
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let mut tests = scenarios::tests();
    tests.extend(rollouts::tests());
    tests.extend(bad_input::tests());
    tests.extend(bad_luck::tests());
    tests.extend(manifests::tests());
    libtest_mimic::run(&arguments, tests).exit_code()
}
