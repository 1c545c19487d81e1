//! Makes connections. This is where name resolution, TLS and the choice of a local port belong.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::Poll;

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Sleep;

use super::classify::DialError;
use super::engine::Shared;
use super::exchange::Link;
use super::socket::CountedSocket;

/// Connects to the route's next address, until `deadline`.
pub(super) async fn dial(shared: &Shared, deadline: Pin<&mut Sleep>) -> Result<Link, DialError> {
    let address = shared.route.next();
    let begun = shared.clock.now();
    let stream = connect(address, deadline).await?;
    let established = shared.clock.now();
    let local_port = stream.local_addr().map_err(DialError::Connect)?.port();
    let (socket, facts) = CountedSocket::new(stream, shared.clock);
    let io = TokioIo::new(socket);
    // The handshake of HTTP/1 writes nothing; it cannot fail.
    let (sender, connection) =
        http1::handshake(io).await.map_err(|error| DialError::Connect(std::io::Error::other(error)))?;
    Ok(Link {
        sender,
        connection: Some(connection),
        facts,
        id: shared.next_connection(),
        established,
        rtt_ns: established.saturating_sub(begun),
        local_port,
        uses: 0,
        pod: None,
    })
}

async fn connect(address: SocketAddr, mut deadline: Pin<&mut Sleep>) -> Result<TcpStream, DialError> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let socket = socket.map_err(DialError::Local)?;
    socket.set_nodelay(true).map_err(DialError::Local)?;
    let mut connecting = pin!(socket.connect(address));
    poll_fn(|cx| {
        if let Poll::Ready(result) = connecting.as_mut().poll(cx) {
            return Poll::Ready(result.map_err(DialError::Connect));
        }
        deadline.as_mut().poll(cx).map(|()| Err(DialError::TimedOut))
    })
    .await
}
