//! A socket that counts. It knows bytes and moments, not HTTP.
//!
//! The counters belong to the present attempt: they are what tells "nothing was sent" from "sent, nothing came back"
//! from "cut inside the response", which no client library's error does.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::clock::{Clock, Stamp};

use super::rotation::PortLease;
use super::tcp_info::TcpInfo;

/// What happened on a socket since [`SocketFacts::begin`]. Only the load's thread writes and reads them; they are atomics
/// because the tasks of a runtime must be `Send`, and relaxed because nothing else depends on their order.
#[derive(Debug, Default)]
pub(super) struct SocketFacts {
    bytes_out: AtomicU64,
    bytes_in: AtomicU64,
    /// 0 while nothing was written.
    sent_ns: AtomicU64,
    /// 0 while nothing was read.
    first_byte_ns: AtomicU64,
    /// 0 without an error.
    errno: AtomicI32,
    end_of_stream: AtomicBool,
    /// Before the next first byte is written, the kernel is asked what became of the connection.
    look_first: AtomicBool,
    ended_before_write: AtomicBool,
    /// Bytes that the peer's kernel had acknowledged before this attempt, plus one; 0 if it was not asked.
    acked_before: AtomicU64,
    /// The same after the failure.
    acked_after: AtomicU64,
    /// Reads answer Pending until the first byte is written.
    read_gate: AtomicBool,
    /// Encrypted bytes read; 0 without TLS.
    encrypted_in: AtomicU64,
    /// Encrypted bytes that had come and were not read yet before the first byte was written, plus one; 0 if that is not known.
    waiting: AtomicU64,
    tls_failed: AtomicBool,
}

/// A copy of [`SocketFacts`] to decide on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct SocketSnapshot {
    pub(super) bytes_out: u64,
    pub(super) bytes_in: u64,
    pub(super) sent: Option<Stamp>,
    pub(super) first_byte: Option<Stamp>,
    /// The error number of the last failed call.
    pub(super) errno: Option<i32>,
    /// A read found the peer's FIN.
    pub(super) end_of_stream: bool,
    /// The peer's FIN or RST had come before the first byte was written.
    pub(super) ended_before_write: bool,
    /// Bytes of this attempt that the peer's kernel had acknowledged when the connection failed; `None` if it was not asked.
    pub(super) bytes_acked: Option<u64>,
    pub(super) tls: TlsAnswer,
}

/// What the peer sent beneath TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum TlsAnswer {
    #[default]
    Nothing,
    Something,
    /// It is no valid TLS, or an alert.
    Invalid,
}

impl SocketFacts {
    /// Starts counting for an attempt on a connection that is kept alive. With `write_first`, reads answer Pending until its first byte is written: a client
    /// that writes without looking.
    pub(super) fn begin(&self, write_first: bool) {
        self.bytes_out.store(0, Relaxed);
        self.bytes_in.store(0, Relaxed);
        self.sent_ns.store(0, Relaxed);
        self.first_byte_ns.store(0, Relaxed);
        self.errno.store(0, Relaxed);
        self.end_of_stream.store(false, Relaxed);
        self.look_first.store(true, Relaxed);
        self.ended_before_write.store(false, Relaxed);
        self.acked_before.store(0, Relaxed);
        self.acked_after.store(0, Relaxed);
        self.read_gate.store(write_first, Relaxed);
        self.encrypted_in.store(0, Relaxed);
        self.waiting.store(0, Relaxed);
        self.tls_failed.store(false, Relaxed);
    }

    /// Whether reads wait for the first byte that is written.
    pub(super) fn holds_reads(&self) -> bool {
        self.read_gate.load(Relaxed)
    }

    pub(super) fn seen(&self) -> SocketSnapshot {
        let moment = |stamp: &AtomicU64| Some(stamp.load(Relaxed)).filter(|at| *at != 0);
        SocketSnapshot {
            bytes_out: self.bytes_out.load(Relaxed),
            bytes_in: self.bytes_in.load(Relaxed),
            sent: moment(&self.sent_ns),
            first_byte: moment(&self.first_byte_ns),
            errno: Some(self.errno.load(Relaxed)).filter(|errno| *errno != 0),
            end_of_stream: self.end_of_stream.load(Relaxed),
            ended_before_write: self.ended_before_write.load(Relaxed),
            bytes_acked: self.bytes_acked(),
            tls: self.tls_answer(),
        }
    }

    fn tls_answer(&self) -> TlsAnswer {
        if self.tls_failed.load(Relaxed) {
            TlsAnswer::Invalid
        } else if self.encrypted_in.load(Relaxed) > 0 {
            TlsAnswer::Something
        } else {
            TlsAnswer::Nothing
        }
    }

    fn bytes_acked(&self) -> Option<u64> {
        let before = self.acked_before.load(Relaxed).checked_sub(1)?;
        // Earlier requests of the connection were acknowledged: a kernel that says otherwise does not count (gVisor's).
        if before == 0 {
            return None;
        }
        let after = self.acked_after.load(Relaxed).checked_sub(1)?;
        Some(after.saturating_sub(before))
    }

    pub(super) fn wrote(&self, bytes: usize, clock: Clock) {
        if self.bytes_out.load(Relaxed) == 0 && bytes > 0 {
            self.sent_ns.store(clock.now().max(1), Relaxed);
        }
        self.bytes_out.store(self.bytes_out.load(Relaxed).saturating_add(bytes as u64), Relaxed);
    }

    pub(super) fn read(&self, bytes: usize, clock: Clock) {
        if bytes == 0 {
            self.end_of_stream.store(true, Relaxed);
            return;
        }
        if self.bytes_in.load(Relaxed) == 0 {
            self.first_byte_ns.store(clock.now().max(1), Relaxed);
        }
        self.bytes_in.store(self.bytes_in.load(Relaxed).saturating_add(bytes as u64), Relaxed);
    }

    fn read_encrypted(&self, bytes: usize) {
        if bytes == 0 {
            self.end_of_stream.store(true, Relaxed);
        }
        self.encrypted_in.store(self.encrypted_in.load(Relaxed).saturating_add(bytes as u64), Relaxed);
    }

    /// The peer's `close_notify` was read. It was there before the write if nothing was read that came later.
    pub(super) fn tls_closed(&self) {
        self.end_of_stream.store(true, Relaxed);
        if self.waiting.load(Relaxed).checked_sub(1).is_some_and(|waiting| self.encrypted_in.load(Relaxed) <= waiting) {
            self.ended_before_write.store(true, Relaxed);
        }
    }

    pub(super) fn tls_failed(&self) {
        self.tls_failed.store(true, Relaxed);
    }

    fn failed(&self, error: &io::Error) {
        if let Some(errno) = error.raw_os_error() {
            self.errno.store(errno, Relaxed);
        }
    }
}

/// A TCP connection that keeps [`SocketFacts`].
#[derive(Debug)]
pub(super) struct CountedSocket {
    stream: TcpStream,
    facts: Arc<SocketFacts>,
    clock: Clock,
    /// What passes is encrypted, and is counted where it is not.
    beneath_tls: bool,
    /// Read over the connection's life, if it is beneath TLS.
    encrypted_bytes: u64,
    /// Its local port, if that is the load's own. Fields are dropped in order: it is given back after the socket is closed.
    lease: Option<PortLease>,
}

/// Whether an error means that the peer's RST came. A refusal is one too, and a write after a reset says EPIPE.
pub(super) fn is_reset(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionRefused | ConnectionReset | BrokenPipe)
}

impl CountedSocket {
    /// Counts what passes over `stream`, whose local port is `lease`'s if there is one.
    pub(super) fn new(stream: TcpStream, clock: Clock, lease: Option<PortLease>) -> (Self, Arc<SocketFacts>) {
        let facts = Arc::new(SocketFacts::default());
        (Self { stream, facts: Arc::clone(&facts), clock, beneath_tls: false, encrypted_bytes: 0, lease }, facts)
    }

    /// Leaves the counting of bytes, and their stamps, to the TLS above.
    pub(super) fn beneath_tls(self) -> Self {
        Self { beneath_tls: true, ..self }
    }

    /// The peer's FIN or RST was read.
    fn peer_ended(&mut self) {
        self.ask_after();
        if let Some(lease) = &mut self.lease {
            lease.peer_ended();
        }
    }

    fn failed(&mut self, error: &io::Error) {
        self.facts.failed(error);
        if is_reset(error) {
            self.peer_ended();
        }
    }

    /// Reads whatever still comes until the peer's FIN or RST, without counting it: it belongs to no attempt.
    fn poll_peer_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0; 512];
        loop {
            let mut buf = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => {}
                Ok(()) => break self.peer_ended(),
                Err(error) if is_reset(&error) => break self.peer_ended(),
                Err(_) => break,
            }
        }
        Poll::Ready(())
    }

    /// Notes whether the peer had ended the connection before the request is written, which nothing tells afterwards. It reads
    /// nothing, so the write fares as it would have.
    fn before_write(&self) {
        if self.facts.look_first.swap(false, Relaxed)
            && let Some(info) = TcpInfo::of(&self.stream)
        {
            self.facts.ended_before_write.store(info.peer_ended, Relaxed);
            self.facts.acked_before.store(info.bytes_acked.saturating_add(1), Relaxed);
            if self.beneath_tls
                && let Some(waiting) = self.waiting(info)
            {
                self.facts.waiting.store(waiting.saturating_add(1), Relaxed);
            }
        }
    }

    /// Encrypted bytes that have come and are not read yet. A kernel that does not count what has come (gVisor's) is asked again.
    fn waiting(&self, info: TcpInfo) -> Option<u64> {
        let unread = info.bytes_received.checked_sub(self.encrypted_bytes);
        unread.or_else(|| rustix::io::ioctl_fionread(&self.stream).ok())
    }

    /// Notes what the peer's kernel had acknowledged when the connection failed.
    fn ask_after(&self) {
        // Only where it was asked before, and once: a write that fails after the read would ask a socket that is reset.
        if self.facts.acked_before.load(Relaxed) != 0
            && self.facts.acked_after.load(Relaxed) == 0
            && let Some(info) = TcpInfo::of(&self.stream)
        {
            self.facts.acked_after.store(info.bytes_acked.saturating_add(1), Relaxed);
        }
    }

    fn after_write(&mut self, cx: &Context<'_>, result: io::Result<usize>) -> Poll<io::Result<usize>> {
        match &result {
            Ok(bytes) => {
                if !self.beneath_tls {
                    self.facts.wrote(*bytes, self.clock);
                }
                if self.facts.read_gate.swap(false, Relaxed) {
                    // The reader was told Pending without a waker; it is the same task as the writer.
                    cx.waker().wake_by_ref();
                }
            }
            Err(error) => self.failed(error),
        }
        Poll::Ready(result)
    }
}

impl AsyncRead for CountedSocket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.facts.holds_reads() {
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let result = ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        match &result {
            Ok(()) if buf.capacity() > before => {
                let bytes = buf.filled().len() - before;
                if self.beneath_tls {
                    self.encrypted_bytes = self.encrypted_bytes.saturating_add(bytes as u64);
                    self.facts.read_encrypted(bytes);
                } else {
                    self.facts.read(bytes, self.clock);
                }
                if bytes == 0 {
                    self.peer_ended();
                }
            }
            Ok(()) => {}
            Err(error) => self.failed(error),
        }
        Poll::Ready(result)
    }
}

impl AsyncWrite for CountedSocket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.before_write();
        let result = ready!(Pin::new(&mut self.stream).poll_write(cx, buf));
        self.after_write(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // A request is one buffer, as a rule, which the kernel takes sooner than a vector of one.
        if let [only] = bufs {
            return self.poll_write(cx, only);
        }
        self.before_write();
        let result = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bufs));
        self.after_write(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Shuts nothing down: a connection that has ended is dropped, and closing the socket says FIN just the same, for one
    /// system call less. What has not been read yet makes it a reset either way. A port of our own is worth waiting for
    /// the peer's FIN, which a server that was asked to close sends: it rests a third as long.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lease.is_some() {
            ready!(self.poll_peer_end(cx));
        }
        Poll::Ready(Ok(()))
    }
}
