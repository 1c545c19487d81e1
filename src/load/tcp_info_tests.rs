//! What the kernel says of a request on a kept-alive connection that a server ends in each way, and what is concluded from it, however
//! late the client looks.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt::Linger};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::socket::{CountedSocket, SocketSnapshot};
use super::tcp_info::TcpInfo;
use crate::clock::Clock;
use crate::record::{Arm, Outcome, Sum};
use crate::record::{RaceEvidence, sum};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\n\r\n";

/// How the server ends a connection that has carried a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ServerEnd {
    /// It closes before the next request comes.
    Closes,
    /// It sends FIN and reads no more.
    HalfCloses,
    /// It sends FIN and reads the next request, which it cannot answer.
    HalfClosesAndReads,
    /// It reads the next request and closes.
    ReadsAndCloses,
    /// It reads the next request, works on it for a while, and resets the connection.
    ReadsAndAborts,
}

/// What a client saw that looked so long after its write.
fn meet(how: ServerEnd, looks_after: Duration) -> SocketSnapshot {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = serve(listener, how);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let seen = runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let (mut socket, facts) = CountedSocket::new(stream, Clock::start(), None);
        facts.begin(true);
        socket.write_all(REQUEST).await.unwrap();
        socket.read_exact(&mut [0; 2]).await.unwrap();
        sleep(Duration::from_millis(20));
        facts.begin(true);
        socket.write_all(REQUEST).await.unwrap();
        sleep(looks_after);
        let read = socket.read(&mut [0; 2]).await;
        assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
        facts.seen()
    });
    server.join().unwrap();
    seen
}

fn serve(listener: TcpListener, how: ServerEnd) -> JoinHandle<()> {
    spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        read_request(&mut stream);
        stream.write_all(b"ok").unwrap();
        match how {
            ServerEnd::Closes => {}
            ServerEnd::HalfCloses => {
                stream.shutdown(Shutdown::Write).unwrap();
                sleep(Duration::from_millis(300));
            }
            ServerEnd::HalfClosesAndReads => {
                stream.shutdown(Shutdown::Write).unwrap();
                read_request(&mut stream);
                sleep(Duration::from_millis(300));
            }
            ServerEnd::ReadsAndCloses => read_request(&mut stream),
            ServerEnd::ReadsAndAborts => {
                read_request(&mut stream);
                // Longer than a kernel puts off an acknowledgement.
                sleep(Duration::from_millis(100));
                setsockopt(&stream, Linger, &nix::libc::linger { l_onoff: 1, l_linger: 0 }).unwrap();
            }
        }
    })
}

fn read_request(stream: &mut TcpStream) {
    stream.read_exact(&mut [0; REQUEST.len()]).unwrap();
}

/// The sum of such an attempt, were the server's end still on its way when the client wrote, as it is over a network.
fn sum_of(seen: SocketSnapshot, elapsed: Duration) -> Sum {
    let outcome = if seen.errno.is_some() { Outcome::ResetBeforeByte } else { Outcome::ClosedBeforeByte };
    let evidence = RaceEvidence {
        idempotent: true,
        ended_before_write: false,
        bytes_acked: seen.bytes_acked,
        write_to_failure_ns: u64::try_from(elapsed.as_nanos()).ok(),
        rtt_ns: Some(100_000),
        late_ns: 0,
    };
    sum(Arm::Reused, outcome, evidence)
}

const LOOKS: [Duration; 3] = [Duration::from_millis(2), Duration::from_millis(20), Duration::from_millis(100)];

#[test]
fn a_closed_connection_has_acknowledged_nothing_however_late_the_client_looks() {
    for after in LOOKS {
        let seen = meet(ServerEnd::Closes, after);
        assert!(seen.ended_before_write, "{seen:?}");
        assert_eq!((seen.bytes_acked, sum_of(seen, after)), (Some(0), Sum::Raced), "{seen:?}");
    }
}

#[test]
fn a_half_close_was_there_before_the_write_whoever_reads_afterwards() {
    for how in [ServerEnd::HalfCloses, ServerEnd::HalfClosesAndReads] {
        for after in LOOKS {
            let seen = meet(how, after);
            assert!(seen.ended_before_write, "{how:?} {seen:?}");
        }
        // The kernel acknowledges after a while what nobody reads, so that this proves nothing by itself.
        let seen = meet(how, Duration::from_millis(200));
        assert_eq!((seen.bytes_acked, sum_of(seen, Duration::from_millis(200))), (Some(18), Sum::Lost), "{how:?}");
    }
}

#[test]
fn a_request_that_was_read_is_never_proven_to_be_raced() {
    for after in LOOKS {
        let seen = meet(ServerEnd::ReadsAndCloses, after);
        assert!(!seen.ended_before_write, "{seen:?}");
        assert_ne!(seen.bytes_acked, Some(0), "{seen:?}");
        let by_time = if after < Duration::from_millis(5) { Sum::Raced } else { Sum::Lost };
        assert_eq!(sum_of(seen, after), by_time, "{seen:?}");
    }
}

#[test]
fn a_reset_of_an_acknowledged_request_is_lost_however_soon() {
    let seen = meet(ServerEnd::ReadsAndAborts, Duration::from_millis(2));
    assert!(!seen.ended_before_write && seen.errno.is_some(), "{seen:?}");
    assert_eq!((seen.bytes_acked, sum_of(seen, Duration::from_millis(1))), (Some(18), Sum::Lost), "{seen:?}");
}

#[test]
fn bytes_that_have_come_are_counted_before_they_are_read() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut client = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, _) = listener.accept().unwrap();
        server.write_all(b"first").unwrap();
        client.read_exact(&mut [0; 2]).await.unwrap();
        assert_eq!(TcpInfo::of(&client).unwrap().bytes_received, 5);
        assert_eq!(rustix::io::ioctl_fionread(&client).unwrap(), 3);
        server.write_all(b"and").unwrap();
        sleep(Duration::from_millis(20));
        let info = TcpInfo::of(&client).unwrap();
        assert_eq!((info.bytes_received, info.peer_ended), (8, false));
        drop(server);
        sleep(Duration::from_millis(20));
        assert!(TcpInfo::of(&client).unwrap().peer_ended);
    });
}
