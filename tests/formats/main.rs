//! Each file that a run writes, read by an independent reader. Tests whose reader is not installed are listed as ignored.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod diff;
mod hlog;
mod json;
mod junit;
mod markdown;
mod progress;
mod reader;
mod sample;
mod terminal;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let mut tests = Vec::new();
    tests.extend(junit::tests());
    tests.extend(hlog::tests());
    tests.extend(json::tests());
    tests.extend(markdown::tests());
    tests.extend(terminal::tests());
    tests.extend(diff::tests());
    tests.extend(progress::tests());
    libtest_mimic::run(&Arguments::from_args(), tests).exit_code()
}

/// A test; `missing` names what this machine lacks for it.
fn test(name: &str, missing: Option<&str>, body: fn()) -> Trial {
    let shown = missing.map_or_else(|| name.to_owned(), |missing| format!("{name} (needs {missing})"));
    let run = move || {
        std::panic::catch_unwind(body).map_err(|panic| {
            let words = panic.downcast_ref::<&str>().map(|words| (*words).to_owned());
            Failed::from(panic.downcast_ref::<String>().cloned().or(words).unwrap_or_else(|| "panicked".to_owned()))
        })
    };
    Trial::test(shown, run).with_ignored_flag(missing.is_some())
}
