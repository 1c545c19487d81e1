//! The places where people meet rollproof: a shell that completes, a manual page, kubectl, a CI job, the documentation.
//!
//! A test whose program is not installed is listed as ignored, not as passed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod action;
mod causes;
mod docs;
mod pages;
mod plugin;
#[path = "../end_to_end/program.rs"]
#[allow(dead_code, reason = "shared with the tests of whole runs")]
mod program;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

/// A named test that needs these programs on `PATH`.
pub(crate) fn test(name: &str, needs: &[&str], body: impl FnOnce() + Send + 'static) -> Trial {
    let missing = needs.iter().find(|program| on_path(program).is_none());
    program::named(name, missing.map(|program| format!("{program}, which is not on PATH")).as_deref(), body)
}

/// Where a program is on `PATH`.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(program)).find(|path| path.is_file())
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let mut tests = pages::tests();
    tests.extend(plugin::tests());
    tests.extend(action::tests());
    tests.extend(docs::tests());
    tests.extend(causes::tests());
    libtest_mimic::run(&arguments, tests).exit_code()
}
