//! Makes connections, over a local port of the load's own where the plan says so, and with TLS where it says that.

use std::future::{Future, poll_fn};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Sleep;

use crate::spec::Door;

use super::classify::DialError;
use super::engine::LoadContext;
use super::exchange::{DialedConnection, HttpConnection};
use super::load_stream::LoadStream;
use super::rotation::{LocalPorts, PortLease};
use super::socket::{CountedSocket, is_reset};
use super::tls_client::TlsClient;
use super::tls_socket::TlsSocket;

/// Connects to an address of the way to `door`, until `deadline`.
pub(super) async fn dial(
    shared: &LoadContext,
    door: Door,
    address: SocketAddr,
    mut deadline: Pin<&mut Sleep>,
) -> Result<HttpConnection, DialError> {
    let way = shared.way(door);
    let begun = shared.clock.now();
    let (stream, lease) = connect(shared, address, deadline.as_mut()).await?;
    let established = shared.clock.now();
    way.connected_in(established.saturating_sub(begun));
    let local_port = stream.local_addr().map_err(DialError::Connect)?.port();
    let (socket, facts) = CountedSocket::new(stream, shared.clock, lease);
    let dialed = DialedConnection {
        facts,
        id: shared.next_connection(),
        established,
        secured: None,
        rtt_ns: established.saturating_sub(begun),
        local_port,
        node: way.route.place(address),
    };
    let (stream, dialed) = match &way.tls {
        None => (LoadStream::Plain(socket), dialed),
        Some(tls) => secure(shared, tls, socket, dialed, deadline).await?,
    };
    // The handshake of HTTP/1 writes nothing; it cannot fail.
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| DialError::Connect(std::io::Error::other(error)))?;
    Ok(HttpConnection { sender, connection: Some(connection), dialed, uses: 0, pod: None })
}

async fn secure(
    shared: &LoadContext,
    tls: &TlsClient,
    socket: CountedSocket,
    dialed: DialedConnection,
    deadline: Pin<&mut Sleep>,
) -> Result<(LoadStream, DialedConnection), DialError> {
    match tls.handshake(socket.beneath_tls(), deadline).await {
        Ok(stream) => {
            let socket = TlsSocket::new(stream, Arc::clone(&dialed.facts), shared.clock);
            let secured = Some(shared.clock.now());
            Ok((LoadStream::Tls(Box::new(socket)), DialedConnection { secured, ..dialed }))
        }
        Err(end) => Err(DialError::Handshake { end, dialed }),
    }
}

async fn connect(
    shared: &LoadContext,
    address: SocketAddr,
    mut deadline: Pin<&mut Sleep>,
) -> Result<(TcpStream, Option<PortLease>), DialError> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let socket = socket.map_err(DialError::Local)?;
    socket.set_nodelay(true).map_err(DialError::Local)?;
    // Declared before what holds the socket, so that a dial that is given up closes it before the port is given back.
    let mut lease = bind(shared, &socket, address).map_err(DialError::Local)?;
    let mut connecting = pin!(socket.connect(address));
    let connected = poll_fn(|cx| {
        if let Poll::Ready(result) = connecting.as_mut().poll(cx) {
            return Poll::Ready(result.map_err(DialError::Connect));
        }
        deadline.as_mut().poll(cx).map(|()| Err(DialError::TimedOut))
    })
    .await;
    if let Some(lease) = &mut lease {
        match &connected {
            Ok(_) => lease.made(),
            Err(DialError::Connect(error)) if is_reset(error) => lease.peer_ended(),
            Err(_) => {}
        }
    }
    Ok((connected?, lease))
}

/// A port of the load's own for `socket`, if the plan says so. The port is named, so the kernel searches for none, and
/// `IP_BIND_ADDRESS_NO_PORT`, which puts that search off, has nothing to do. `SO_REUSEADDR` is left off: a port that is in
/// TIME-WAIT is to be passed over.
fn bind(shared: &LoadContext, socket: &TcpSocket, to: SocketAddr) -> io::Result<Option<PortLease>> {
    let LocalPorts::Rotation(rotation) = &shared.plan.local_ports else { return Ok(None) };
    let any = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    rotation.lend(shared.clock, |port| socket.bind(SocketAddr::new(any, port))).map(Some)
}
