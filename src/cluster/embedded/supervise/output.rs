//! The read end of a process's output pipe, and where what it says goes.

use std::io::{PipeReader, Read};
use std::os::fd::{AsFd, BorrowedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::log_file::LogFile;
use super::protocol::MAX_OUTPUT_BYTES;

/// Reads of a pipe in one go, so that one process that talks without end cannot hold the supervisor.
const MAX_READS: usize = 64;

#[derive(Debug)]
pub(super) struct ProcessOutput {
    /// Nothing once every writer has closed the pipe.
    reader: Option<PipeReader>,
    log: Option<LogFile>,
    kept: Vec<u8>,
}

impl ProcessOutput {
    pub(super) fn new(reader: PipeReader, log: Option<LogFile>) -> Self {
        Self { reader: Some(reader), log, kept: Vec::new() }
    }

    /// What to poll, while somebody can still write.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.reader.as_ref().map(AsFd::as_fd)
    }

    /// Takes what waits in the pipe, without blocking.
    pub(super) fn drain(&mut self) {
        let mut buffer = [0u8; 16 * 1024];
        for _ in 0..MAX_READS {
            let Some(reader) = self.reader.as_mut().filter(|reader| readable(reader)) else { return };
            match reader.read(&mut buffer) {
                Ok(length) if length > 0 => self.keep(&buffer[..length]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => self.reader = None,
            }
        }
    }

    /// The start of what was said, for a report; empty where a log took it.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.kept).into_owned()
    }

    fn keep(&mut self, bytes: &[u8]) {
        if let Some(log) = &mut self.log {
            // A log that cannot be written (disk full) must not stop the server that is under test.
            drop(log.write(bytes));
        } else {
            let room = MAX_OUTPUT_BYTES - self.kept.len();
            self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
    }
}

fn readable(reader: &PipeReader) -> bool {
    let mut fds = [PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
    matches!(poll(&mut fds, PollTimeout::ZERO), Ok(ready) if ready > 0)
}
