//! A server that fails on request: each path is one scripted fault, played with raw sockets, so that the kernel's own
//! FIN and RST reach the client. It counts what it played and which attempts it saw.

#![expect(clippy::unwrap_used, reason = "a test server")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};

/// What a server does with a connection before it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnAccept {
    /// Serves requests.
    Serve,
    /// Resets at once.
    Reset,
    /// Resets a moment later, when the client's connect is over.
    ResetSoon,
    /// Sends FIN, reads to the client's end.
    Fin,
}

/// What the server saw.
#[derive(Debug, Default, Clone)]
pub(crate) struct Seen {
    /// Requests by path.
    pub(crate) paths: BTreeMap<String, u64>,
    /// How often each attempt's request was seen.
    pub(crate) attempts: BTreeMap<u64, u64>,
    /// Connections accepted.
    pub(crate) connections: u64,
    /// Bytes that clients wrote on connections whose FIN was sent after a response that keeps them alive.
    pub(crate) bytes_after_fin: u64,
    /// POST bodies that were not the expected one.
    pub(crate) wrong_bodies: u64,
    /// Faults of `-once` and `-at-first` paths that were played.
    pub(crate) once: u64,
}

/// A running fault server. Its threads end with the test's process; each holds at most one connection, for at most
/// [`PATIENCE`].
pub(crate) struct FaultServer {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

/// The longest that a connection is held.
const PATIENCE: Duration = Duration::from_secs(20);

/// The body of ok responses.
const BODY: &str = "0123456789abcdef0123456789abcdef";

/// The body that a POST must carry.
pub(crate) const POSTED: &str = "a posted body that has to arrive whole";

impl FaultServer {
    pub(crate) fn start(on_accept: OnAccept) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let for_thread = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { continue };
                let seen = Arc::clone(&for_thread);
                seen.lock().unwrap().connections += 1;
                std::thread::spawn(move || converse(stream, on_accept, &seen));
            }
        });
        Self { address, seen }
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }
}

fn converse(mut stream: TcpStream, on_accept: OnAccept, seen: &Mutex<Seen>) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    match on_accept {
        OnAccept::Reset => reset(stream),
        OnAccept::ResetSoon => {
            std::thread::sleep(Duration::from_millis(5));
            reset(stream);
        }
        OnAccept::Fin => {
            fin(stream);
        }
        OnAccept::Serve => {
            let mut before = 0;
            while let Some(next) = serve(stream, before, seen) {
                stream = next;
                before += 1;
            }
        }
    }
}

/// Closes with RST.
fn reset(stream: TcpStream) {
    let linger = nix::libc::linger { l_onoff: 1, l_linger: 0 };
    setsockopt(&stream.as_fd(), sockopt::Linger, &linger).unwrap();
    drop(stream);
}

/// Sends FIN and reads until the client is done, so that no RST follows. Returns what it read.
fn fin(mut stream: TcpStream) -> u64 {
    let _ = stream.shutdown(Shutdown::Write);
    hold(&mut stream)
}

/// Reads until the client ends the connection.
fn hold(stream: &mut TcpStream) -> u64 {
    let mut sink = [0; 1024];
    let mut bytes = 0;
    while let Some(n) = stream.read(&mut sink).ok().filter(|n| *n > 0) {
        bytes += n as u64;
    }
    bytes
}

/// Waits until a whole head can be read, without reading it. `None`: the client ended the connection.
fn peek_head(stream: &TcpStream) -> Option<String> {
    let mut buffer = [0; 8192];
    loop {
        let n = stream.peek(&mut buffer).ok().filter(|n| *n > 0)?;
        let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
        match text.find("\r\n\r\n") {
            Some(end) => return Some(text[..end + 4].to_owned()),
            None => std::thread::sleep(Duration::from_micros(200)),
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().filter_map(|line| line.split_once(": ")).find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v)
}

/// The fault of a path on a connection that has carried this many requests. `/X-once` plays its fault on the first such
/// request that is not the first of its connection, `/X-at-first` on the first of all. All others are answered, as a
/// retry would be.
fn scripted(path: &str, before: u64, seen: &Mutex<Seen>) -> String {
    let (fault, due) = match (path.strip_suffix("-once"), path.strip_suffix("-at-first")) {
        (Some(fault), _) => (fault, before > 0),
        (_, Some(fault)) => (fault, true),
        _ => return path.to_owned(),
    };
    let mut seen = seen.lock().unwrap();
    if due && seen.once == 0 {
        seen.once += 1;
        return fault.to_owned();
    }
    "/ok".to_owned()
}

/// Plays one request; returns the connection if it stays open.
fn serve(mut stream: TcpStream, before: u64, seen: &Mutex<Seen>) -> Option<TcpStream> {
    let head = peek_head(&stream)?;
    let path = head.split(' ').nth(1).unwrap_or_default();
    let path = scripted(path, before, seen);
    {
        let mut seen = seen.lock().unwrap();
        *seen.paths.entry(path.clone()).or_default() += 1;
        if let Some(id) = header(&head, "x-rollproof-attempt").and_then(|id| id.parse().ok()) {
            *seen.attempts.entry(id).or_default() += 1;
        }
    }
    if path == "/unread" {
        // Bytes that were not read make the close a reset.
        drop(stream);
        return None;
    }
    let mut read = vec![0; head.len()];
    stream.read_exact(&mut read).ok()?;
    let length = header(&head, "content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    if head.starts_with("POST") && body != POSTED.as_bytes() {
        seen.lock().unwrap().wrong_bodies += 1;
    }
    // A client that keeps connections alive sees a different close than one that sent `Connection: close`.
    let close = header(&head, "connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    play(stream, &path, close, seen)
}

fn play(mut stream: TcpStream, path: &str, close: bool, seen: &Mutex<Seen>) -> Option<TcpStream> {
    let whole = format!("HTTP/1.1 200 OK\r\nX-Pod: pod-a\r\nContent-Length: {}\r\n\r\n", BODY.len());
    let half = format!("{whole}{}", &BODY[..16]);
    let whole = format!("{whole}{BODY}");
    let chunk = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n0123456789abcdef\r\n";
    let mut say = |text: &str| stream.write_all(text.as_bytes());
    match path {
        "/ok" | "/posted" => say(&whole).ok()?,
        "/chunked" => say(&format!("{chunk}0\r\n\r\n")).ok()?,
        "/in-pieces" => {
            for piece in whole.as_bytes().chunks(20) {
                stream.write_all(piece).ok()?;
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        "/503" => say("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy").ok()?,
        "/404" => say("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").ok()?,
        "/close-delimited" => {
            say(&format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{BODY}")).ok()?;
            fin(stream);
            return None;
        }
        "/says-close" => {
            say("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok").ok()?;
            fin(stream);
            return None;
        }
        "/http-1.0" => {
            say("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok").ok()?;
            fin(stream);
            return None;
        }
        "/then-fin" => {
            say(&whole).ok()?;
            // A FIN that comes with the response is part of reading that response.
            std::thread::sleep(Duration::from_millis(5));
            let bytes = fin(stream);
            seen.lock().unwrap().bytes_after_fin += bytes;
            return None;
        }
        _ => return fault(stream, path, &whole, &half, chunk),
    }
    if close {
        fin(stream);
        return None;
    }
    Some(stream)
}

/// Faults end the connection.
fn fault(mut stream: TcpStream, path: &str, whole: &str, half: &str, chunk: &str) -> Option<TcpStream> {
    let mut say = |text: &str| {
        let _ = stream.write_all(text.as_bytes());
    };
    match path {
        "/reset" => reset(stream),
        "/fin" => {
            fin(stream);
        }
        "/never" => {
            hold(&mut stream);
        }
        "/half-body-reset" => {
            say(half);
            // A reset discards what the client has not read yet.
            std::thread::sleep(Duration::from_millis(30));
            reset(stream);
        }
        "/half-body-fin" => {
            say(half);
            fin(stream);
        }
        "/half-body-stall" => {
            say(half);
            hold(&mut stream);
        }
        "/half-chunked-fin" => {
            say(chunk);
            fin(stream);
        }
        "/bad-chunk" => {
            say(&format!("{chunk}not a size\r\n"));
            hold(&mut stream);
        }
        "/not-http" => {
            say("220 mail.example ESMTP ready\r\n");
            fin(stream);
        }
        "/half-head-fin" => {
            say("HTTP/1.1 200 OK\r\nContent-Le");
            fin(stream);
        }
        "/half-head-reset" => {
            say("HTTP/1.1 200 OK\r\nContent-Le");
            std::thread::sleep(Duration::from_millis(30));
            reset(stream);
        }
        "/half-head-stall" => {
            say("HTTP/1.1 200 OK\r\nContent-Le");
            hold(&mut stream);
        }
        "/then-reset" => {
            say(whole);
            std::thread::sleep(Duration::from_millis(5));
            reset(stream);
        }
        "/then-408" => {
            say(whole);
            std::thread::sleep(Duration::from_millis(5));
            let late = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
            let _ = stream.write_all(late.as_bytes());
            fin(stream);
        }
        other => panic!("the script has no {other}"),
    }
    None
}

/// A listener whose backlog is full and that never accepts: a further SYN is dropped.
pub(crate) struct FullBacklog {
    pub(crate) address: SocketAddr,
    _listener: std::os::fd::OwnedFd,
    _fill: Vec<TcpStream>,
}

impl FullBacklog {
    pub(crate) fn new() -> Self {
        use nix::sys::socket::{
            AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, getsockname, listen, socket,
        };
        use std::os::fd::AsRawFd;
        let listener = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
        bind(listener.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0)).unwrap();
        listen(&listener, Backlog::new(1).unwrap()).unwrap();
        let bound: SockaddrIn = getsockname(listener.as_raw_fd()).unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, bound.port()));
        let mut fill = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
            fill.push(stream);
            assert!(fill.len() < 64, "the backlog must fill up");
        }
        Self { address, _listener: listener, _fill: fill }
    }
}
