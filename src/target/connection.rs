//! What the open connections are doing, and a socket that notices when an answer was handed over.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::target_truth::{ConnectionActivity, TargetEvent, TargetTruth};
use crate::redact::{hide_in_path, short_hash};

/// The open connections. Clones share them.
#[derive(Clone)]
pub(super) struct OpenConnections {
    inner: Arc<SharedConnections>,
}

struct SharedConnections {
    truth: TargetTruth,
    open: Mutex<BTreeMap<u64, ConnectionState>>,
}

struct ConnectionState {
    doing: ConnectionActivity,
    /// The status of an answer whose body has ended and which is not yet written.
    ending: Option<u16>,
}

impl OpenConnections {
    pub(super) fn new(truth: TargetTruth) -> Self {
        Self { inner: Arc::new(SharedConnections { truth, open: Mutex::new(BTreeMap::new()) }) }
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<u64, ConnectionState>> {
        // A poisoned map is still the map: its entries are replaced whole.
        self.inner.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, what: TargetEvent) {
        self.inner.truth.write(what);
    }

    pub(super) fn count(&self) -> usize {
        self.open().len()
    }

    pub(super) fn accepted(&self, connection: u64, peer: SocketAddr) -> TrackedConnection {
        self.open().insert(connection, ConnectionState { doing: ConnectionActivity::Fresh, ending: None });
        self.note(TargetEvent::Accepted { connection, peer });
        TrackedConnection { id: connection, all: self.clone() }
    }

    /// Notes what is still open as cut.
    pub(super) fn cut(&self) {
        for (connection, state) in std::mem::take(&mut *self.open()) {
            self.note(TargetEvent::Cut { connection, doing: state.doing });
        }
    }
}

/// One connection's entry; dropping it notes that the connection ended.
pub(super) struct TrackedConnection {
    id: u64,
    all: OpenConnections,
}

impl TrackedConnection {
    pub(super) fn handle(&self) -> ConnectionHandle {
        ConnectionHandle { id: self.id, all: self.all.clone() }
    }
}

impl Drop for TrackedConnection {
    fn drop(&mut self) {
        let state = self.all.open().remove(&self.id);
        if let Some(state) = state {
            self.all.note(TargetEvent::Closed { connection: self.id, doing: state.doing });
        }
    }
}

/// Changes a connection's entry.
#[derive(Clone)]
pub(super) struct ConnectionHandle {
    id: u64,
    all: OpenConnections,
}

impl ConnectionHandle {
    fn update(&self, change: impl FnOnce(&mut ConnectionState)) {
        if let Some(state) = self.all.open().get_mut(&self.id) {
            change(state);
        }
    }

    pub(super) fn is_fresh(&self) -> bool {
        self.all.open().get(&self.id).is_some_and(|state| state.doing == ConnectionActivity::Fresh)
    }

    pub(super) fn read(&self, path: &str) {
        self.update(|state| *state = ConnectionState { doing: ConnectionActivity::Answering, ending: None });
        if self.all.inner.truth.is_on() {
            self.all.note(TargetEvent::Read { connection: self.id, path: hide_in_path(path, &mut short_hash) });
        }
    }

    /// The answer's body ended; the next flush makes it answered.
    fn ends(&self, status: u16) {
        self.update(|state| state.ending = Some(status));
    }

    fn flushed(&self) {
        let mut status = None;
        self.update(|state| {
            status = state.ending.take();
            if status.is_some() {
                state.doing = ConnectionActivity::Idle;
            }
        });
        if let Some(status) = status {
            self.all.note(TargetEvent::Answered { connection: self.id, status });
        }
    }
}

/// Goes with a response's body and, dropped with it, notes that the body ended.
pub(super) struct BodyEndNote {
    pub(super) handle: ConnectionHandle,
    pub(super) status: u16,
}

impl Drop for BodyEndNote {
    fn drop(&mut self) {
        self.handle.ends(self.status);
    }
}

/// A socket that tells its connection's entry of each flush. hyper flushes when its own buffer is empty, so an answer
/// whose body has ended is then in the system's hands.
pub(super) struct WatchedSocket<S> {
    pub(super) socket: S,
    pub(super) handle: ConnectionHandle,
}

impl<S: AsyncRead + Unpin> AsyncRead for WatchedSocket<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WatchedSocket<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(Pin::new(&mut self.socket).poll_flush(context))?;
        self.handle.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
