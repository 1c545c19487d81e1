//! What the kernel knows of a TCP connection: whether the peer has ended it, what the peer has acknowledged, and what it has sent.

use nix::libc;
use nix::sys::socket::getsockopt;
use tokio::net::TcpStream;

/// The beginning of the kernel's `struct tcp_info` (linux/tcp.h), up to and with `tcpi_bytes_received`, which Linux has since 4.1.
const LENGTH: usize = 136;
/// Where `tcpi_bytes_acked` stands in it.
const BYTES_ACKED: usize = 120;
/// Where `tcpi_bytes_received` stands in it.
const BYTES_RECEIVED: usize = 128;
/// `tcpi_state`, from the kernel's `net/tcp_states.h`: the peer's RST came, or both sides have ended.
const TCP_CLOSE: u8 = 7;
/// The peer's FIN came.
const TCP_CLOSE_WAIT: u8 = 8;

/// The part of `TCP_INFO` that tells what became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TcpInfo {
    /// The peer's FIN or RST has come.
    pub(super) peer_ended: bool,
    /// Bytes that the peer's kernel has acknowledged over the connection's life.
    pub(super) bytes_acked: u64,
    /// Bytes that have come over the connection's life, read or not; a FIN counts as one.
    pub(super) bytes_received: u64,
}

/// The socket option, see tcp(7).
#[derive(Debug, Clone, Copy)]
struct TcpInfoOption;

nix::getsockopt_impl!(
    TcpInfoOption,
    libc::IPPROTO_TCP,
    libc::TCP_INFO,
    [u8; LENGTH],
    nix::sys::socket::sockopt::GetStruct<[u8; LENGTH]>
);

impl TcpInfo {
    /// Asks the kernel; `None` if it does not answer.
    pub(super) fn of(stream: &TcpStream) -> Option<Self> {
        let raw = getsockopt(stream, TcpInfoOption).ok()?;
        let number = |at: usize| Some(u64::from_ne_bytes(raw[at..at + 8].try_into().ok()?));
        let peer_ended = matches!(raw[0], TCP_CLOSE | TCP_CLOSE_WAIT);
        Some(Self { peer_ended, bytes_acked: number(BYTES_ACKED)?, bytes_received: number(BYTES_RECEIVED)? })
    }
}
