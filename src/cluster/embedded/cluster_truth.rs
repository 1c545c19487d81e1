//! The truth log: what the cluster did to each connection, as only it can know. JSON lines in a file of its own.
//!
//! Diagnosis must never read it; tests score diagnosis against it.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use serde::Serialize;
use serde_json::Value;

use crate::clock::Stamp;
use crate::record::private_file;

/// Lines that may wait for the writer. What does not fit is counted, and the count is the log's last line.
const CAPACITY: usize = 65_536;

/// One line of the log. Stamps are nanoseconds since the run's origin.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "t", rename_all = "kebab-case")]
pub(super) enum TruthLine {
    /// An address was chosen for a new connection.
    Pick(BackendPick),
    /// The routing table was changed.
    Table(TableSynced),
    Node(Value),
    /// Lines that were lost because the writer was behind.
    Overflow {
        lines: u64,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct BackendPick {
    pub(crate) at_ns: Stamp,
    pub(crate) namespace: String,
    pub(crate) service: String,
    pub(crate) port: u16,
    pub(crate) to: SocketAddr,
    /// The pod behind it; `None` if the connection was to be refused.
    pub(crate) pod: Option<String>,
    /// Whether that pod was chosen although it was terminating, because no other was left.
    pub(crate) terminating: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct TableSynced {
    /// When the new table took effect.
    pub(crate) at_ns: Stamp,
    pub(crate) services: Vec<ServiceRow>,
}

/// Where one Service port leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct ServiceRow {
    pub(crate) namespace: String,
    pub(crate) service: String,
    pub(crate) port: u16,
    /// Pods that new connections may go to.
    pub(crate) pods: Vec<String>,
}

/// Where truth goes. Clones share the log.
#[derive(Debug, Clone)]
pub(super) struct ClusterTruth {
    channel: Option<SyncSender<TruthLine>>,
    lost: Arc<AtomicU64>,
}

/// The log's writer; [`TruthWriter::finish`] waits for the last line.
#[derive(Debug)]
pub(super) struct TruthWriter {
    thread: Mutex<Option<JoinHandle<std::io::Result<()>>>>,
}

/// The truth log cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("writing the truth log of the embedded cluster to {path}: {source}; choose a writable output directory")]
pub(crate) struct TruthError {
    path: String,
    source: std::io::Error,
}

impl ClusterTruth {
    #[cfg(test)]
    pub(super) fn off() -> Self {
        Self { channel: None, lost: Arc::default() }
    }

    /// A log in a new file at `path`, written by a thread of its own until the last clone is gone.
    pub(super) fn create(path: &Path) -> Result<(Self, TruthWriter), TruthError> {
        let fail = |source| TruthError { path: path.display().to_string(), source };
        let file = private_file::replace(path).map_err(fail)?;
        let (sender, receiver) = sync_channel(CAPACITY);
        let lost = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&lost);
        let writer = std::thread::Builder::new().name("truth".to_owned());
        let thread = writer.spawn(move || write(file, &receiver, &counter)).map_err(fail)?;
        Ok((Self { channel: Some(sender), lost }, TruthWriter { thread: Mutex::new(Some(thread)) }))
    }

    /// Adds a line. Never blocks; a line that does not fit is counted.
    pub(super) fn send(&self, line: TruthLine) {
        if let Some(channel) = &self.channel
            && channel.try_send(line).is_err()
        {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn node(&self, entry: &impl Serialize) {
        if let Ok(value) = serde_json::to_value(entry) {
            self.send(TruthLine::Node(value));
        }
    }

    /// Whether lines are kept: otherwise they need not be built.
    pub(super) fn is_on(&self) -> bool {
        self.channel.is_some()
    }
}

impl TruthWriter {
    /// Waits until everything is on disk. Every [`ClusterTruth`] must be dropped before.
    pub(super) fn finish(&self, path: &Path) -> Result<(), TruthError> {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return Ok(()) };
        let ended = thread.join().unwrap_or_else(|_| Err(std::io::Error::other("the writer's thread ended early")));
        ended.map_err(|source| TruthError { path: path.display().to_string(), source })
    }
}

fn write(file: File, lines: &Receiver<TruthLine>, lost: &AtomicU64) -> std::io::Result<()> {
    let mut out = BufWriter::new(file);
    while let Ok(line) = lines.recv() {
        put(&mut out, &line)?;
        // Whatever waits is written in one go; a quiet moment puts it on disk.
        while let Ok(line) = lines.try_recv() {
            put(&mut out, &line)?;
        }
        out.flush()?;
    }
    let lost = lost.load(Ordering::Relaxed);
    if lost > 0 {
        put(&mut out, &TruthLine::Overflow { lines: lost })?;
    }
    out.flush()
}

fn put(out: &mut impl Write, line: &TruthLine) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_on_disk_when_the_writer_has_finished() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("truth.jsonl");
        let (truth, writer) = ClusterTruth::create(&path).unwrap();
        let pick = BackendPick {
            at_ns: 5,
            namespace: "default".into(),
            service: "web".into(),
            port: 80,
            to: "127.0.0.1:1".parse().unwrap(),
            pod: None,
            terminating: false,
        };
        truth.send(TruthLine::Pick(pick));
        truth.send(TruthLine::Node(serde_json::json!({"deed": "killed"})));
        drop(truth);
        writer.finish(&path).unwrap();
        let lines: Vec<Value> =
            std::fs::read_to_string(&path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&lines[0]["t"], &lines[0]["to"], lines.len()), (&"pick".into(), &"127.0.0.1:1".into(), 2));
        assert_eq!(lines[1], serde_json::json!({"t": "node", "deed": "killed"}));
    }

    #[test]
    fn a_link_that_was_laid_out_is_not_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let (victim, path) = (folder.path().join("victim"), folder.path().join("truth.jsonl"));
        std::fs::write(&victim, "mine").unwrap();
        std::os::unix::fs::symlink(&victim, &path).unwrap();
        let (truth, writer) = ClusterTruth::create(&path).unwrap();
        truth.node(&serde_json::json!({"deed": "theirs"}));
        drop(truth);
        writer.finish(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "mine");
        assert!(std::fs::read_to_string(&path).unwrap().contains("theirs"));
    }

    #[test]
    fn a_file_that_cannot_be_made_is_named() {
        let error = ClusterTruth::create(Path::new("/nowhere/truth.jsonl")).unwrap_err().to_string();
        assert!(error.contains("/nowhere/truth.jsonl"), "{error}");
    }
}
