//! The embedded cluster's own log of what it did. Analysis never reads it; tests score analysis against it.

use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;

use super::node::NodeEntry;
use crate::clock::Stamp;

/// Entries that may wait for the writer.
const CAPACITY: usize = 65_536;
const FLUSH: Duration = Duration::from_millis(200);

/// One line of the log.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "t", rename_all = "kebab-case")]
pub enum TruthEntry {
    /// A connection's endpoint was chosen.
    Chosen(Choice),
    /// The routing table followed the `EndpointSlice`s.
    Synced {
        /// When.
        at_ns: Stamp,
        /// Service by service: the pods that new connections may get.
        services: Vec<String>,
    },
    /// The node did something to a container.
    Node(NodeEntry),
    /// Lines were lost because the writer could not keep up.
    Lost {
        /// How many.
        lines: u64,
    },
}

impl TruthEntry {
    /// The table followed.
    #[must_use]
    pub fn synced(at_ns: Stamp, services: Vec<String>) -> Self {
        Self::Synced { at_ns, services }
    }
}

/// Which endpoint a connection got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// When.
    pub at_ns: Stamp,
    /// The Service's namespace.
    pub namespace: String,
    /// The Service.
    pub service: String,
    /// The pod; `None` where the Service had no endpoint and the connection was refused.
    pub pod: Option<String>,
    /// The address.
    pub address: SocketAddr,
}

/// Where entries go. Clones share the log; logging never blocks.
#[derive(Debug, Clone)]
pub struct Truth {
    channel: SyncSender<TruthEntry>,
    lost: Arc<AtomicU64>,
}

impl Truth {
    /// Begins the log at `path` (mode 0600). The thread ends once every clone is gone.
    pub fn create(path: &Path) -> std::io::Result<(Self, JoinHandle<()>)> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        let (channel, entries) = sync_channel(CAPACITY);
        let lost = Arc::new(AtomicU64::new(0));
        let of_writer = Arc::clone(&lost);
        let thread = std::thread::Builder::new()
            .name("truth".to_owned())
            .spawn(move || write(BufWriter::new(file), &entries, &of_writer))?;
        Ok((Self { channel, lost }, thread))
    }

    /// Logs `entry`, or counts it as lost.
    pub fn log(&self, entry: TruthEntry) {
        if self.channel.try_send(entry).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A log that cannot be written stops here in silence: it is for tests, and the run does not depend on it.
fn write(mut out: impl Write, entries: &Receiver<TruthEntry>, lost: &AtomicU64) {
    loop {
        let written = match entries.recv_timeout(FLUSH) {
            Ok(entry) => line(&mut out, &entry),
            Err(RecvTimeoutError::Timeout) => out.flush(),
            Err(RecvTimeoutError::Disconnected) => break,
        };
        let lines = lost.swap(0, Ordering::Relaxed);
        let told = if lines > 0 { line(&mut out, &TruthEntry::Lost { lines }) } else { Ok(()) };
        if written.and(told).is_err() {
            return;
        }
    }
    let _ = out.flush();
}

fn line(out: &mut impl Write, entry: &TruthEntry) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, entry)?;
    out.write_all(b"\n")
}
