//! TLS over a counting socket. What is counted and stamped for an attempt is what HTTP writes and reads: a session ticket or a
//! `close_notify` is no byte of a response. What the kernel knows is noted by the socket beneath.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use crate::clock::Clock;

use super::socket::{CountedSocket, SocketFacts};

/// A TLS connection that counts what passes over it unencrypted.
#[derive(Debug)]
pub(super) struct TlsSocket {
    stream: TlsStream<CountedSocket>,
    facts: Arc<SocketFacts>,
    clock: Clock,
}

/// The error of TLS itself that `error` stands for; `None` if the connection failed beneath.
pub(super) fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

impl TlsSocket {
    pub(super) fn new(stream: TlsStream<CountedSocket>, facts: Arc<SocketFacts>, clock: Clock) -> Self {
        Self { stream, facts, clock }
    }

    fn failed(&self, error: &io::Error) {
        if tls_error(error).is_some() {
            self.facts.tls_failed();
        }
    }

    fn after_write(&self, result: io::Result<usize>) -> Poll<io::Result<usize>> {
        match &result {
            Ok(bytes) => self.facts.wrote(*bytes, self.clock),
            Err(error) => self.failed(error),
        }
        Poll::Ready(result)
    }
}

impl AsyncRead for TlsSocket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // Something may have been decrypted with what came before it.
        if self.facts.holds_reads() {
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let result = ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        match &result {
            Ok(()) if buf.capacity() > before => match buf.filled().len() - before {
                0 => self.facts.tls_closed(),
                bytes => self.facts.read(bytes, self.clock),
            },
            Ok(()) => {}
            Err(error) => self.failed(error),
        }
        Poll::Ready(result)
    }
}

impl AsyncWrite for TlsSocket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = ready!(Pin::new(&mut self.stream).poll_write(cx, buf));
        self.after_write(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bufs));
        self.after_write(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Sends no `close_notify`: a server that was asked to close has sent its own, and one that comes after that server's FIN is
    /// answered by a reset.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut().0).poll_shutdown(cx)
    }
}
