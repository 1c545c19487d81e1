//! A server, plain or with TLS: it finds the end of each request's head and answers with 66 bytes.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What its certificate is for, and where it is reached.
pub(crate) const HOST: &str = "127.0.0.1";

/// What a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServerKind {
    Plain,
    /// Each connection needs a full handshake.
    Tls,
    /// A client that comes again may resume its session.
    TlsWithSessions,
}

impl ServerKind {
    const ALL: [Self; 3] = [Self::Plain, Self::Tls, Self::TlsWithSessions];

    fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Tls => "tls",
            Self::TlsWithSessions => "tls-with-sessions",
        }
    }
}

/// A server in a child process; it ends with this value.
pub(crate) struct Server {
    child: Child,
    said: BufReader<ChildStdout>,
    pub(crate) port: u16,
    ca: Option<CaFile>,
}

struct CaFile {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts one on core 0.
    pub(crate) fn start(kind: ServerKind) -> Self {
        super::machine::pin(0);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["serve", kind.name()])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let port = line(&mut said).parse().unwrap();
        let ca = (kind != ServerKind::Plain).then_some(CaFile { path, _folder: folder });
        Self { child, said, port, ca }
    }

    /// The certificate to trust; `None` without TLS.
    pub(crate) fn ca(&self) -> Option<&Path> {
        self.ca.as_ref().map(|ca| ca.path.as_path())
    }

    /// The handshakes since this was last asked, counted by what was agreed on.
    pub(crate) fn handshakes(&mut self) -> String {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        line(&mut self.said)
    }
}

fn line(from: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    line.trim().to_owned()
}

#[derive(Default)]
struct Handshakes(Mutex<BTreeMap<String, u64>>);

impl Handshakes {
    fn count(&self, connection: &ServerConnection) {
        let version = connection.protocol_version().map(|version| format!("{version:?}"));
        let suite = connection.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()));
        let group = connection.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name()));
        let kind = connection.handshake_kind().map(|kind| format!("{kind:?}"));
        let agreed: Vec<_> = [version, suite, group, kind].into_iter().flatten().collect();
        *self.0.lock().unwrap().entry(agreed.join(" ")).or_default() += 1;
    }

    fn take(&self) -> String {
        let counts = std::mem::take(&mut *self.0.lock().unwrap());
        counts.iter().map(|(agreed, count)| format!("{count} {agreed}")).collect::<Vec<_>>().join(", ")
    }
}

/// The child: prints its port and serves until its standard input ends. Each line of it is answered by the handshakes since the
/// last.
pub(crate) fn serve(args: &[String]) {
    let kind = ServerKind::ALL.into_iter().find(|kind| kind.name() == args[0]).unwrap();
    let acceptor = (kind != ServerKind::Plain).then(|| acceptor(kind, Path::new(&args[1])));
    let handshakes = Arc::new(Handshakes::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind((HOST, 0)).await.unwrap();
        println!("{}", listener.local_addr().unwrap().port());
        let for_parent = Arc::clone(&handshakes);
        std::thread::spawn(move || {
            for _ in std::io::stdin().lines() {
                println!("{}", for_parent.take());
            }
            // The parent held the other end; when it is gone, so is the server.
            std::process::abort();
        });
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            match acceptor.clone() {
                None => drop(tokio::spawn(answer(stream))),
                Some(acceptor) => drop(tokio::spawn(answer_secured(acceptor, stream, Arc::clone(&handshakes)))),
            }
        }
    });
}

/// With a certificate of a CA that is written to `ca`. Both are made here.
fn acceptor(kind: ServerKind, ca: &Path) -> TlsAcceptor {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "the CA of the benchmark");
    let key = KeyPair::generate().unwrap();
    std::fs::write(ca, params.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![HOST.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
    if kind == ServerKind::Tls {
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    }
    TlsAcceptor::from(Arc::new(config))
}

async fn answer_secured(acceptor: TlsAcceptor, stream: TcpStream, handshakes: Arc<Handshakes>) {
    // The `close_notify` of a response must not wait until the client has acknowledged that response.
    stream.set_nodelay(true).unwrap();
    if let Ok(mut stream) = acceptor.accept(stream).await {
        handshakes.count(stream.get_ref().1);
        answer(&mut stream).await;
        let _ = stream.shutdown().await;
    }
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    const BODY: &str = "012345678901234567890123456789012345678901234567890123456789012345";
    let head = format!("HTTP/1.1 200 OK\r\nX-Pod: bench\r\nContent-Length: {}\r\n", BODY.len());
    let kept = format!("{head}\r\n{BODY}");
    let closing = format!("{head}Connection: close\r\n\r\n{BODY}");
    let mut buffer = [0; 4096];
    let mut filled = 0;
    loop {
        match stream.read(&mut buffer[filled..]).await {
            Ok(n) if n > 0 => filled += n,
            _ => return,
        }
        if !buffer[..filled].ends_with(b"\r\n\r\n") {
            continue;
        }
        let close = buffer[..filled].windows(15).any(|part| part.eq_ignore_ascii_case(b"nnection: close"));
        filled = 0;
        let response = if close { &closing } else { &kept };
        // Each response is one record of TLS in one segment: a flush writes what is left of it.
        if stream.write_all(response.as_bytes()).await.is_err() || stream.flush().await.is_err() || close {
            return;
        }
    }
}
