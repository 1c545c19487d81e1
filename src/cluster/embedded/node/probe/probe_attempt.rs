//! One attempt of a probe, and the plain GET that hooks use too (`pkg/probe/{exec,http,tcp}`, v1.34).

use std::future::Future;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::probe_spec::{ContainerProbe, ProbeAction};
use crate::cluster::embedded::supervise::{ProcessEnd, ProcessSpawn, SuperviseError, Supervisor};
use crate::load::secure_unverified;

/// Bytes of a response that are read (`maxRespBodyLength`).
const MAX_BODY_BYTES: usize = 10 * 1024;

pub(crate) struct ProbeTarget {
    pub(crate) address: Ipv4Addr,
    pub(crate) supervisor: Arc<Supervisor>,
    /// How to execute in it; the command is filled in.
    pub(crate) spawn: ProcessSpawn,
}

/// Tries once. The error is the message of the `Unhealthy` event; nothing if the attempt itself could not be made, so
/// that it does not count.
pub(super) async fn attempt(probe: &ContainerProbe, target: &ProbeTarget) -> Option<Result<(), String>> {
    let address = |host: &Option<String>| host.clone().unwrap_or_else(|| target.address.to_string());
    match &probe.action {
        ProbeAction::Exec(command) => exec(command, probe.timeout, target).await,
        ProbeAction::TcpSocket { host, port } => {
            let at = format!("{}:{port}", address(host));
            let connect = async { TcpStream::connect(&at).await.map(drop).map_err(|e| format!("dial tcp {at}: {e}")) };
            Some(within(probe.timeout, connect, || format!("dial tcp {at}: i/o timeout")).await)
        }
        ProbeAction::HttpGet { host, https, port, path, headers } => {
            let host = address(host);
            let url = format!("{}://{host}:{port}{path}", scheme(*https));
            let get = http_get((*https, &host, *port), path, headers, "kube-probe/1.34");
            let status = within(probe.timeout, get, || format!("Get {url:?}: context deadline exceeded")).await;
            Some(status.and_then(|status| match status {
                200..=399 => Ok(()),
                _ => Err(format!("HTTP probe failed with statuscode: {status}")),
            }))
        }
    }
}

async fn exec(command: &[String], timeout: Duration, target: &ProbeTarget) -> Option<Result<(), String>> {
    let spawn = ProcessSpawn { argv: command.to_vec(), ..target.spawn.clone() };
    match target.supervisor.exec(spawn, timeout).await {
        Ok(Some(result)) if result.end == ProcessEnd::Code(0) => Some(Ok(())),
        Ok(Some(result)) => Some(Err(result.output)),
        Ok(None) => Some(Err(format!("command timed out: {command:?} timed out after {}s", timeout.as_secs()))),
        Err(SuperviseError::Spawn(error)) => Some(Err(error)),
        // The container ended under the probe.
        Err(_) => None,
    }
}

async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, String>>,
    late: impl FnOnce() -> String,
) -> Result<T, String> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(late()))
}

const fn scheme(https: bool) -> &'static str {
    if https { "https" } else { "http" }
}

/// GETs over a connection of its own, without following redirects, and gives the status. With HTTPS, any certificate is taken.
pub(crate) async fn http_get(
    (https, host, port): (bool, &str, u16),
    path: &str,
    headers: &[(String, String)],
    user_agent: &str,
) -> Result<u16, String> {
    let fail = |error: &dyn std::fmt::Display| format!("Get \"{}://{host}:{port}{path}\": {error}", scheme(https));
    let mut request = http::Request::get(path).header("Accept", "*/*").header("Connection", "close");
    let given = |name: &str| headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
    if !given("Host") {
        request = request.header("Host", format!("{host}:{port}"));
    }
    if !given("User-Agent") {
        request = request.header("User-Agent", user_agent);
    }
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(|e| fail(&e))?;
    let stream = TcpStream::connect((host, port)).await.map_err(|e| fail(&format!("dial tcp {host}:{port}: {e}")))?;
    let status = if https {
        let secured = secure_unverified(stream, host).await.map_err(|e| fail(&format!("tls: {e}")))?;
        status_of(secured, request).await
    } else {
        status_of(stream, request).await
    };
    status.map_err(|error| fail(&error))
}

async fn status_of(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: http::Request<Empty<Bytes>>,
) -> Result<u16, String> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = response.status().as_u16();
        let mut body = response.into_body();
        let mut read = 0;
        while let Some(frame) = body.frame().await {
            read += frame.map_err(|error| error.to_string())?.data_ref().map_or(0, Bytes::len);
            if read >= MAX_BODY_BYTES {
                break;
            }
        }
        Ok(status)
    };
    let driven = async {
        // The exchange ends the attempt; the connection alone ending does too, through the exchange's error.
        let _ = connection.await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        result = exchange => result,
        () = driven => Err("the connection ended".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};
    use rustls::ServerConfig;
    use rustls::pki_types::PrivateKeyDer;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut request = [0; 4_096];
        if stream.read(&mut request).await.is_ok_and(|read| read > 0) {
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await;
            let _ = stream.shutdown().await;
        }
    }

    /// A server that answers one request, with TLS and a certificate that nobody signed, or without.
    async fn server(tls: bool) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["another.name".to_owned()]).unwrap().self_signed(&key).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            if !tls {
                answer(stream).await;
            } else if let Ok(secured) = TlsAcceptor::from(Arc::new(config)).accept(stream).await {
                answer(secured).await;
            }
        });
        port
    }

    async fn got(https: bool, tls: bool) -> Result<u16, String> {
        http_get((https, "127.0.0.1", server(tls).await), "/ready", &[], "test").await
    }

    #[tokio::test]
    async fn https_takes_any_certificate_and_needs_tls() {
        assert_eq!(got(true, true).await, Ok(204));
        assert_eq!(got(false, false).await, Ok(204));
        let plain = got(true, false).await.unwrap_err();
        assert!(plain.starts_with("Get \"https://127.0.0.1:") && plain.contains("/ready\": tls: "), "{plain}");
        let error = got(false, true).await.unwrap_err();
        assert!(error.starts_with("Get \"http://127.0.0.1:"), "{error}");
    }
}
