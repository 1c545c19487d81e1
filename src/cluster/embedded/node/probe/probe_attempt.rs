//! One attempt of a probe, and the plain GET that hooks use too (`pkg/probe/{exec,http,tcp}`, v1.34).

use std::future::Future;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::probe_spec::{ContainerProbe, ProbeAction};
use crate::cluster::embedded::supervise::{ProcessEnd, ProcessSpawn, SuperviseError, Supervisor};

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
        ProbeAction::HttpGet { host, port, path, headers } => {
            let host = address(host);
            let url = format!("http://{host}:{port}{path}");
            let get = http_get(&host, *port, path, headers, "kube-probe/1.34");
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

/// GETs over a connection of its own, without following redirects, and gives the status.
pub(crate) async fn http_get(
    host: &str,
    port: u16,
    path: &str,
    headers: &[(String, String)],
    user_agent: &str,
) -> Result<u16, String> {
    let fail = |error: &dyn std::fmt::Display| format!("Get \"http://{host}:{port}{path}\": {error}");
    let stream = TcpStream::connect((host, port)).await.map_err(|e| fail(&format!("dial tcp {host}:{port}: {e}")))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| fail(&e))?;
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
    let exchange = async {
        let response = sender.send_request(request).await.map_err(|e| fail(&e))?;
        let status = response.status().as_u16();
        let mut body = response.into_body();
        let mut read = 0;
        while let Some(frame) = body.frame().await {
            read += frame.map_err(|e| fail(&e))?.data_ref().map_or(0, Bytes::len);
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
        () = driven => Err(fail(&"the connection ended")),
    }
}
