//! The guard of one container: starts its supervisor, outlives it, and kills what it left behind.
//!
//! Orphans of a supervisor that was killed become the guard's children, because both are child subreapers. If the
//! guard itself is killed, the node closes the supervisor's standard input, which ends the container in the usual way.

use std::io::{self, Write};
use std::process::{Command, ExitCode};

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::wait::waitpid;

use super::descendants::kill_all;
use super::isolation::Isolation;
use super::supervisor::block_termination;
use super::{ARGUMENT, ITSELF};

/// Runs one container, until nothing of it is left.
///
/// Exit codes: 0 when nothing is left, 3 when the machine does not allow a supervisor (the reason on standard error),
/// 1 when a descendant could not be killed.
pub(super) fn main(isolation: Isolation) -> ExitCode {
    let started = prctl::set_child_subreaper(true)
        .and_then(|()| block_termination())
        .map_err(io::Error::from)
        .and_then(|_| Command::new(ITSELF).args([ARGUMENT, "serve", isolation.argument()]).spawn());
    let supervisor = match started {
        Ok(supervisor) => supervisor,
        Err(error) => {
            let _ = writeln!(io::stderr(), "cannot supervise a container: {error}; a Linux kernel 3.4 is needed");
            return ExitCode::from(3);
        }
    };
    let supervisor = i32::try_from(supervisor.id()).unwrap_or_default();
    loop {
        match waitpid(None, None) {
            Ok(status) if status.pid().is_some_and(|pid| pid.as_raw() == supervisor) => break,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => break,
        }
    }
    if kill_all() { ExitCode::SUCCESS } else { ExitCode::from(1) }
}
