//! Lifecycle hooks (`pkg/kubelet/lifecycle/handlers.go`, v1.34): `exec`, `httpGet` and `sleep`.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::probe::{ProbeAction, action, http_get};
use crate::cluster::embedded::supervise::{ProcessEnd, ProcessSpawn, Supervisor};

/// A hook has no time limit of its own: it ends with its container, whose end the grace period bounds.
const NO_LIMIT: Duration = Duration::from_hours(24 * 365);

#[derive(Debug, Clone)]
pub(super) struct LifecycleHook {
    /// The handler, as the manifest writes it.
    pub(super) handler: Value,
    /// The container's manifest, for the names of its ports.
    pub(super) container: Value,
    pub(super) address: Ipv4Addr,
    pub(super) supervisor: Arc<Supervisor>,
    /// How to execute in it; the command is filled in.
    pub(super) spawn: ProcessSpawn,
}

impl LifecycleHook {
    /// Runs it; whether it succeeded. Any answer to a `httpGet` is a success, whatever its status. A `sleep` goes on
    /// when the container has ended, as the kubelet's does.
    pub(super) async fn run(self) -> bool {
        let Self { handler, container, address, supervisor, spawn } = self;
        if let Some(seconds) = handler["sleep"]["seconds"].as_u64() {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            return true;
        }
        match action(&handler, &container) {
            Ok(ProbeAction::Exec(argv)) => {
                let result = supervisor.exec(ProcessSpawn { argv, ..spawn }, NO_LIMIT).await;
                matches!(result, Ok(Some(result)) if result.end == ProcessEnd::Code(0))
            }
            Ok(ProbeAction::HttpGet { host, https, port, path, headers }) => {
                let host = host.unwrap_or_else(|| address.to_string());
                http_get((https, &host, port), &path, &headers, "kube-lifecycle/1.34").await.is_ok()
            }
            // The API allows a `tcpSocket` in a hook, and the kubelet runs none.
            Ok(ProbeAction::TcpSocket { .. }) | Err(_) => false,
        }
    }
}
