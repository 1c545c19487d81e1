//! The first moments of each process of a container: `rollproof supervise start`, which becomes the program.
//!
//! It dies with its supervisor from then on (`prctl(2)`, `PR_SET_PDEATHSIG`; the setting is lost in a fork and kept by
//! an execution, so it can be made only here). Its standard input is the way to report a failure: closed by the
//! execution, or told why there is none.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::dup2_stdin;

use super::isolation::Isolation;

/// Becomes the first of `words` with the others as its arguments; comes back only with a failure.
pub(super) fn main(isolation: Isolation, words: impl Iterator<Item = OsString>) -> ExitCode {
    let Ok(report) = io::stdin().as_fd().try_clone_to_owned() else { return ExitCode::FAILURE };
    let error = start(isolation, words, &report);
    let _ = File::from(report).write_all(error.as_bytes());
    ExitCode::FAILURE
}

fn start(isolation: Isolation, mut words: impl Iterator<Item = OsString>, report: &OwnedFd) -> String {
    let Some(program) = words.next() else { return "the command is empty".to_owned() };
    let detached = File::open("/dev/null").and_then(|null| Ok(dup2_stdin(null)?));
    if let Err(error) = detached {
        return format!("cannot open /dev/null: {error}");
    }
    if let Err(error) = isolation.enter() {
        return error;
    }
    // A change of rights clears this setting, so it comes last.
    if let Err(error) = prctl::set_pdeathsig(Signal::SIGKILL) {
        return format!("cannot ask for the end of the supervisor: {error}");
    }
    if !is_read(report) {
        return "the supervisor has ended".to_owned();
    }
    let error = Command::new(&program).args(words).exec();
    format!("cannot run {}: {error}", program.display())
}

/// Whether somebody still reads the report: a supervisor that ended before the setting was made sends no signal.
fn is_read(report: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(report.as_fd(), PollFlags::POLLOUT)];
    let ready = poll(&mut fds, PollTimeout::ZERO);
    ready.is_ok() && !fds[0].revents().is_some_and(|events| events.contains(PollFlags::POLLERR))
}
