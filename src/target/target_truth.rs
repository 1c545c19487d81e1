//! The server's own account of what it did, for tests that compare it with what a client saw.
//!
//! Every line is written at once and whole, so that a server that is killed leaves all of it: what was `read` and is
//! neither `answered` nor `cut` died with the process. Nothing that explains a lost request may read this log.

use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::record::private_file;

/// Lines that one process writes at most; then one `full` line says so.
const MOST_LINES: u64 = 4_000_000;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetTruthLine {
    /// Wall-clock time, nanoseconds since 1970.
    pub at_unix_ns: u64,
    /// The pod's name.
    pub pod: String,
    /// The server's process id.
    pub pid: u32,
    /// What happened.
    #[serde(flatten)]
    pub what: TargetEvent,
}

/// What a connection was doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectionActivity {
    /// Accepted, and no request was read yet.
    Fresh,
    /// A request was read and its answer is not yet written whole.
    Answering,
    /// Its last answer was written, and it is kept alive.
    Idle,
}

/// What happened. Connections are numbered from 0 in the order in which they were accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "kebab-case")]
pub enum TargetEvent {
    /// The listener opened.
    Listening {
        /// Where.
        address: SocketAddr,
    },
    /// A connection was accepted.
    Accepted {
        /// Its number.
        connection: u64,
        /// The client's address; its port is the client's local port.
        peer: SocketAddr,
    },
    /// A request's head was read.
    Read {
        /// On which connection.
        connection: u64,
        /// Its path, with query.
        path: String,
    },
    /// An answer was handed to the system whole.
    Answered {
        /// On which connection.
        connection: u64,
        /// Its status.
        status: u16,
    },
    /// A connection ended otherwise than by this process ending.
    Closed {
        /// Its number.
        connection: u64,
        /// What it was doing; `answering` means that the client went away first.
        doing: ConnectionActivity,
    },
    /// A connection was open as this process ended itself.
    Cut {
        /// Its number.
        connection: u64,
        /// What it was doing.
        doing: ConnectionActivity,
    },
    /// SIGTERM came.
    Term,
    /// SIGQUIT came.
    Quit,
    /// The listener closed.
    ListenerClosed,
    /// The process ends itself.
    Exit,
    /// The log is full; nothing more is written.
    Full,
}

#[derive(Debug)]
pub(crate) struct TargetTruth {
    pod: String,
    file: Option<Mutex<(File, u64)>>,
}

impl TargetTruth {
    /// Opens the log for appending; without a path nothing is written.
    pub(crate) fn open(pod: &str, path: Option<&Path>) -> std::io::Result<Self> {
        let file = path.map(private_file::append).transpose()?;
        Ok(Self { pod: pod.to_owned(), file: file.map(|file| Mutex::new((file, 0))) })
    }

    pub(crate) const fn is_on(&self) -> bool {
        self.file.is_some()
    }

    /// Appends a line. A line that cannot be written is left out: the server's work does not depend on its log.
    pub(crate) fn write(&self, what: TargetEvent) {
        let Some(Ok(mut guard)) = self.file.as_ref().map(Mutex::lock) else { return };
        let (file, lines) = &mut *guard;
        let what = match *lines {
            MOST_LINES => TargetEvent::Full,
            more if more > MOST_LINES => return,
            _ => what,
        };
        *lines += 1;
        let line = TargetTruthLine {
            at_unix_ns: crate::clock::wall_unix_ns(),
            pod: self.pod.clone(),
            pid: std::process::id(),
            what,
        };
        if let Ok(mut text) = serde_json::to_vec(&line) {
            // One write for each line, so that the lines of several servers that share a file stay whole.
            text.push(b'\n');
            let _ = file.write_all(&text);
        }
    }
}
