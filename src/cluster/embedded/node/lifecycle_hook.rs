//! Lifecycle hooks (`pkg/kubelet/lifecycle/handlers.go`, v1.34): `exec`, `httpGet` and `sleep`.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::probe::{http_get, port_of};
use crate::cluster::embedded::supervise::{ProcessEnd, ProcessSpawn, Supervisor};

/// A hook has no time limit of its own: it ends with its container, whose end the grace period bounds.
const NO_LIMIT: Duration = Duration::from_hours(24 * 365);

/// A hook that can be run.
#[derive(Debug, Clone)]
pub(super) struct LifecycleHook {
    /// The handler, as the manifest writes it.
    pub(super) handler: Value,
    /// The container's manifest, for the names of its ports.
    pub(super) container: Value,
    /// The pod's address.
    pub(super) address: Ipv4Addr,
    /// The container.
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
        if let Some(command) = handler["exec"]["command"].as_array() {
            let argv = command.iter().map(|word| word.as_str().unwrap_or_default().to_owned()).collect();
            let result = supervisor.exec(ProcessSpawn { argv, ..spawn }, NO_LIMIT).await;
            return matches!(result, Ok(Some(result)) if result.end == ProcessEnd::Code(0));
        }
        get(&handler["httpGet"], &container, address).await
    }
}

async fn get(http: &Value, container: &Value, address: Ipv4Addr) -> bool {
    let Ok(port) = port_of(&http["port"], container) else { return false };
    let host = http["host"].as_str().filter(|host| !host.is_empty()).map_or_else(|| address.to_string(), str::to_owned);
    let path = http["path"].as_str().unwrap_or_default();
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let headers = http["httpHeaders"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let headers: Vec<_> = headers.map(|header| (text(&header["name"]), text(&header["value"]))).collect();
    http_get(&host, port, &path, &headers, "kube-lifecycle/1.34").await.is_ok()
}
