//! A TLS server that fails on request: within the handshake by the connection's number, after it by the path. It counts what it
//! played. Its certificates are made here.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rollproof::spec::TlsSpec;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// The name that the good certificate is for.
pub(crate) const NAME: &str = "web.test";
pub(crate) const BODY: &str = "0123456789abcdef0123456789abcdef";
/// `/slow` is answered after this time.
pub(crate) const SLOW: Duration = Duration::from_millis(60);

/// What happens within the handshake of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum HandshakeFault {
    /// Nothing: it completes.
    None,
    /// A reset, once the client has spoken.
    Reset,
    /// A reset in the middle of the server's own part.
    ResetInside,
    /// A FIN, once the client has spoken.
    Close,
    /// The same after a `close_notify`.
    CloseNotify,
    /// A FIN in the middle of the server's own part.
    CloseInside,
    /// Nothing is ever said.
    Silence,
    /// Nothing more is said in the middle of the server's own part.
    SilenceInside,
    Expired,
    WrongName,
    UnknownCa,
    /// Plain HTTP.
    PlainText,
    /// An alert.
    Alert,
}

impl HandshakeFault {
    pub(crate) const ALL: [Self; 13] = [
        Self::None,
        Self::Reset,
        Self::ResetInside,
        Self::Close,
        Self::CloseNotify,
        Self::CloseInside,
        Self::Silence,
        Self::SilenceInside,
        Self::Expired,
        Self::WrongName,
        Self::UnknownCa,
        Self::PlainText,
        Self::Alert,
    ];
}

/// What the server saw.
#[derive(Debug, Default, Clone)]
pub(crate) struct TlsSeen {
    pub(crate) handshakes: BTreeMap<HandshakeFault, u64>,
    /// Requests by path.
    pub(crate) paths: BTreeMap<String, u64>,
    /// The bytes of each attempt's request, decrypted; one entry for each time that it was seen.
    pub(crate) attempts: BTreeMap<u64, Vec<u64>>,
}

/// A running server. Its threads end with the test's process.
pub(crate) struct TlsServer {
    pub(crate) address: SocketAddr,
    pub(crate) ca: String,
    seen: Arc<Mutex<TlsSeen>>,
}

struct ServerIdentities {
    good: Arc<ServerConfig>,
    expired: Arc<ServerConfig>,
    wrong_name: Arc<ServerConfig>,
    unknown_ca: Arc<ServerConfig>,
}

struct TestAuthority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl TestAuthority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn server(&self, names: &[&str], expired: bool) -> Arc<ServerConfig> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        if expired {
            (params.not_before, params.not_after) = (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
        }
        let key = KeyPair::generate().unwrap();
        let certificate: CertificateDer<'static> = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Arc::new(builder.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap())
    }
}

impl TlsServer {
    /// A server whose connections meet these faults in turn.
    pub(crate) fn start(faults: &'static [HandshakeFault]) -> Self {
        let authority = TestAuthority::new("a CA of the test");
        let identities = Arc::new(ServerIdentities {
            good: authority.server(&[NAME, "127.0.0.1"], false),
            expired: authority.server(&[NAME], true),
            wrong_name: authority.server(&["other.test"], false),
            unknown_ca: TestAuthority::new("another CA").server(&[NAME], false),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(TlsSeen::default()));
        let for_thread = Arc::clone(&seen);
        std::thread::spawn(move || {
            for (stream, fault) in listener.incoming().flatten().zip(faults.iter().cycle()) {
                *for_thread.lock().unwrap().handshakes.entry(*fault).or_default() += 1;
                let (seen, identities) = (Arc::clone(&for_thread), Arc::clone(&identities));
                std::thread::spawn(move || converse(stream, *fault, &identities, &seen));
            }
        });
        Self { address, ca: authority.pem, seen }
    }

    pub(crate) fn seen(&self) -> TlsSeen {
        self.seen.lock().unwrap().clone()
    }

    /// What a client must be told to trust it.
    pub(crate) fn trusted(&self) -> TlsSpec {
        TlsSpec { ca: Some(self.ca.clone()), server_name: Some(NAME.to_owned()), insecure: false }
    }
}

fn converse(mut stream: TcpStream, fault: HandshakeFault, identities: &ServerIdentities, seen: &Mutex<TlsSeen>) {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.set_nodelay(true).unwrap();
    match fault {
        HandshakeFault::None => serve(stream, &identities.good, seen),
        HandshakeFault::Expired => serve(stream, &identities.expired, seen),
        HandshakeFault::WrongName => serve(stream, &identities.wrong_name, seen),
        HandshakeFault::UnknownCa => serve(stream, &identities.unknown_ca, seen),
        HandshakeFault::Silence => hold(stream),
        _ => {
            let hello = read_hello(&mut stream);
            match fault {
                HandshakeFault::Reset => reset(stream),
                HandshakeFault::Close => fin(stream),
                HandshakeFault::CloseNotify => {
                    stream.write_all(&[21, 3, 3, 0, 2, 1, 0]).unwrap();
                    fin(stream);
                }
                HandshakeFault::Alert => {
                    stream.write_all(&[21, 3, 3, 0, 2, 2, 40]).unwrap();
                    fin(stream);
                }
                HandshakeFault::PlainText => {
                    stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").unwrap();
                    fin(stream);
                }
                _ => {
                    stream.write_all(&half_of_the_answer(&hello, &identities.good)).unwrap();
                    // A reset discards what the client has not read yet.
                    std::thread::sleep(Duration::from_millis(30));
                    match fault {
                        HandshakeFault::ResetInside => reset(stream),
                        HandshakeFault::CloseInside => fin(stream),
                        _ => hold(stream),
                    }
                }
            }
        }
    }
}

/// The whole first record of the client.
fn read_hello(stream: &mut TcpStream) -> Vec<u8> {
    let mut hello = vec![0; 5];
    stream.read_exact(&mut hello).unwrap();
    let length = usize::from(u16::from_be_bytes([hello[3], hello[4]]));
    hello.resize(5 + length, 0);
    stream.read_exact(&mut hello[5..]).unwrap();
    hello
}

fn half_of_the_answer(hello: &[u8], config: &Arc<ServerConfig>) -> Vec<u8> {
    let mut server = ServerConnection::new(Arc::clone(config)).unwrap();
    server.read_tls(&mut &hello[..]).unwrap();
    server.process_new_packets().unwrap();
    let mut answer = Vec::new();
    while server.wants_write() {
        server.write_tls(&mut answer).unwrap();
    }
    assert!(answer.len() > 200, "{}", answer.len());
    answer.truncate(answer.len() / 2);
    answer
}

fn reset(stream: TcpStream) {
    let linger = nix::libc::linger { l_onoff: 1, l_linger: 0 };
    setsockopt(&stream.as_fd(), sockopt::Linger, &linger).unwrap();
    drop(stream);
}

/// Sends FIN and reads until the client is done, so that no RST follows.
fn fin(stream: TcpStream) {
    let _ = stream.shutdown(Shutdown::Write);
    hold(stream);
}

fn hold(mut stream: TcpStream) {
    let mut sink = [0; 1024];
    while stream.read(&mut sink).is_ok_and(|n| n > 0) {}
}

type TlsConnection = StreamOwned<ServerConnection, TcpStream>;

/// Sends `close_notify` and FIN.
fn close(mut connection: TlsConnection) {
    connection.conn.send_close_notify();
    let _ = connection.flush();
    fin(connection.sock);
}

fn serve(stream: TcpStream, config: &Arc<ServerConfig>, seen: &Mutex<TlsSeen>) {
    let mut connection = StreamOwned::new(ServerConnection::new(Arc::clone(config)).unwrap(), stream);
    while let Some(head) = read_head(&mut connection) {
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let field = |name: &str| {
            let fields = head.lines().filter_map(|line| line.split_once(": "));
            fields.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next()
        };
        {
            let mut seen = seen.lock().unwrap();
            *seen.paths.entry(path.clone()).or_default() += 1;
            if let Some(id) = field("x-rollproof-attempt").and_then(|id| id.parse().ok()) {
                seen.attempts.entry(id).or_default().push(head.len() as u64);
            }
        }
        let last = field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        match play(connection, &path, last) {
            Some(open) => connection = open,
            None => return,
        }
    }
}

fn read_head(connection: &mut TlsConnection) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        connection.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

/// The whole answer of `/ok`.
pub(crate) fn answer() -> String {
    format!("HTTP/1.1 200 OK\r\nX-Pod: pod-a\r\nContent-Length: {}\r\n\r\n{BODY}", BODY.len())
}

/// What becomes of a connection after what was said on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AfterAnswer {
    Stays,
    /// `close_notify` and FIN.
    Closes,
    /// FIN alone.
    ClosesBare,
    Resets,
    /// Nothing more is said.
    Hangs,
    /// Something that is no TLS, and FIN.
    SpeaksPlain,
    /// `close_notify` and FIN, a moment later: a close that comes with the response is part of reading that response.
    ClosesSoon,
    /// `close_notify` a moment later, and no FIN.
    ClosesTlsSoon,
}

/// What is said on a path, and what comes then.
fn script(path: &str) -> (String, AfterAnswer) {
    let whole = answer();
    let half = whole[..whole.len() - 16].to_owned();
    let until_close = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{BODY}");
    let said = |text: &str| text.to_owned();
    match path {
        "/ok" | "/slow" => (whole, AfterAnswer::Stays),
        "/503" => (said("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"), AfterAnswer::Stays),
        "/moved" => {
            let moved = "HTTP/1.1 302 Found\r\nLocation: https://elsewhere.test/\r\nContent-Length: 0\r\n\r\n";
            (said(moved), AfterAnswer::Stays)
        }
        "/closed" => (String::new(), AfterAnswer::Closes),
        "/closed-bare" => (String::new(), AfterAnswer::ClosesBare),
        "/reset" => (String::new(), AfterAnswer::Resets),
        "/never" => (String::new(), AfterAnswer::Hangs),
        "/half-head-closed" => (said("HTTP/1.1 200 OK\r\nContent-Le"), AfterAnswer::Closes),
        "/half-body-closed" => (half, AfterAnswer::Closes),
        "/half-body-bare" => (half, AfterAnswer::ClosesBare),
        "/half-body-reset" => (half, AfterAnswer::Resets),
        "/until-close" => (until_close, AfterAnswer::Closes),
        // Whether it was whole, nothing tells.
        "/until-bare-close" => (until_close, AfterAnswer::ClosesBare),
        "/not-http" => (said("220 mail.example ESMTP ready\r\n"), AfterAnswer::Closes),
        "/not-tls" => (String::new(), AfterAnswer::SpeaksPlain),
        "/then-close" => (whole, AfterAnswer::ClosesSoon),
        "/then-close-notify" => (whole, AfterAnswer::ClosesTlsSoon),
        other => panic!("the script has no {other}"),
    }
}

/// Plays one request; returns the connection if it stays open.
fn play(mut connection: TlsConnection, path: &str, last: bool) -> Option<TlsConnection> {
    let (said, then) = script(path);
    if path == "/slow" {
        std::thread::sleep(SLOW);
    }
    let _ = connection.write_all(said.as_bytes());
    let _ = connection.flush();
    match then {
        AfterAnswer::Stays if !last => return Some(connection),
        AfterAnswer::Stays | AfterAnswer::Closes => close(connection),
        AfterAnswer::ClosesBare => fin(connection.sock),
        AfterAnswer::Resets => {
            // A reset discards what the client has not read yet.
            std::thread::sleep(Duration::from_millis(if said.is_empty() { 0 } else { 30 }));
            reset(connection.sock);
        }
        AfterAnswer::Hangs => hold(connection.sock),
        AfterAnswer::SpeaksPlain => {
            let _ = connection.sock.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            fin(connection.sock);
        }
        AfterAnswer::ClosesSoon => {
            std::thread::sleep(Duration::from_millis(5));
            close(connection);
        }
        AfterAnswer::ClosesTlsSoon => {
            std::thread::sleep(Duration::from_millis(5));
            connection.conn.send_close_notify();
            let _ = connection.flush();
            hold(connection.sock);
        }
    }
    None
}
