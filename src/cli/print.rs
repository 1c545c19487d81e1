//! The only code that prints. Data goes to stdout, talk to stderr; a reader that went away is no error.

#![expect(clippy::print_stderr, reason = "this is the printer")]

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Mutex;

use super::exit::Exit;
use crate::commands::{Ending, Failure, Finished, Talk};
use crate::verdict::Verdict;

/// Says things on stderr. On a terminal the last line may be a state that the next one replaces.
#[derive(Debug, Default)]
pub(super) struct Terminal {
    shown: Mutex<usize>,
}

impl Talk for Terminal {
    fn say(&self, line: &str) {
        let mut shown = self.shown.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        clear(&mut shown);
        eprintln!("{line}");
    }

    fn progress(&self, line: &str) {
        if !std::io::stderr().is_terminal() {
            return;
        }
        let mut shown = self.shown.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        clear(&mut shown);
        eprint!("{line}");
        *shown = line.chars().count();
    }
}

fn clear(shown: &mut usize) {
    if *shown > 0 {
        eprint!("\r{}\r", " ".repeat(*shown));
        *shown = 0;
    }
}

/// Prints what a command ended with.
pub(super) fn finished(result: Result<Finished, Failure>) -> ExitCode {
    let exit = match result {
        Ok(finished) => {
            data(&finished.summary);
            ending(finished.ending)
        }
        Err(failure) => {
            let exit = failed(&failure);
            match failure {
                Failure::Input(diagnostic) => eprintln!("{:?}", miette::Report::new_boxed(diagnostic)),
                Failure::Bug(text) => eprintln!("error: {text}\nThis is a bug in rollproof."),
                other => eprintln!("error: {other}"),
            }
            exit
        }
    };
    ExitCode::from(exit.code())
}

fn ending(ending: Ending) -> Exit {
    let judged = |verdict| match verdict {
        Verdict::Pass => Exit::Pass,
        Verdict::Fail => Exit::Fail,
        Verdict::Inconclusive => Exit::Inconclusive,
    };
    match ending {
        Ending::Judged(verdict) => judged(verdict),
        Ending::Interrupted => Exit::Interrupted,
        Ending::Broken(verdict) => judged(verdict).max(Exit::Machine),
    }
}

fn failed(failure: &Failure) -> Exit {
    match failure {
        Failure::Input(_) | Failure::User(_) => Exit::User,
        Failure::Machine(_) => Exit::Machine,
        Failure::Bug(_) => Exit::Bug,
        Failure::Interrupted => Exit::Interrupted,
    }
}

/// Prints data on stdout.
pub(super) fn data(text: &str) {
    let mut out = std::io::stdout().lock();
    // A broken pipe means that the reader has what it wanted.
    let _ =
        out.write_all(text.as_bytes()).and_then(|()| if text.ends_with('\n') { Ok(()) } else { out.write_all(b"\n") });
}

/// Prints clap's own answer: help on stdout, an error on stderr.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    ExitCode::from(if error.use_stderr() { Exit::User.code() } else { Exit::Pass.code() })
}

/// Prints what the built-in server ended with.
pub(super) fn server(result: Result<(), impl std::fmt::Display>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(Exit::Machine.code())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_run_is_never_a_pass_and_a_loss_outranks_it() {
        assert_eq!(ending(Ending::Broken(Verdict::Pass)), Exit::Machine);
        assert_eq!(ending(Ending::Broken(Verdict::Inconclusive)), Exit::Machine);
        assert_eq!(ending(Ending::Broken(Verdict::Fail)), Exit::Fail);
    }
}
