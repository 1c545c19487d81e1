//! Starts and ends the embedded cluster.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpSocket;

use super::ContainerLogs;
use super::cluster_truth::{ClusterTruth, TruthError, TruthWriter};
use super::control_plane::{ControlPlane, ControlPlaneConfig};
use super::node::{Node, NodeConfig, NodeTrouble};
use super::proxy::{ServiceRoute, SyncRule};
use super::run_folder::{RunFolder, remove_abandoned};
use super::store::{ApiError, ObjectKind};
use super::supervise::Isolation;
use crate::clock::{Clock, saturating_ns};
use crate::record::private_file;

const NODE: &str = "embedded";
/// How long everything that runs in a pod may take to end when the cluster does.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

#[derive(Clone)]
pub(crate) struct EmbeddedConfig {
    pub(crate) clock: Clock,
    pub(crate) seed: u64,
    /// From a change of endpoints until a sync of the routing table is due.
    pub(crate) base: Duration,
    /// The least time between two syncs.
    pub(crate) min_sync_period: Duration,
    /// Whether pods share the network with the machine.
    pub(crate) shared_network: bool,
    /// Folders of the manifests, beside which `images/NAME/` is looked for.
    pub(crate) image_folders: Vec<PathBuf>,
    pub(crate) truth: PathBuf,
    /// Receives errors of the cluster itself, which no workload caused.
    pub(crate) trouble: NodeTrouble,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("{doing}: {source}")]
    System { doing: &'static str, source: io::Error },
    #[error(transparent)]
    Truth(#[from] TruthError),
    #[error("registering the node: {0}")]
    Node(#[from] ApiError),
}

/// A cluster inside this process. Dropping it ends its supervisors, and they end everything that runs in pods.
pub(crate) struct EmbeddedCluster {
    control_plane: ControlPlane,
    node: Node,
    truth: TruthWriter,
    truth_path: PathBuf,
    /// Bound and never listening, so that the kernel refuses, and nobody else can listen there.
    _reject: TcpSocket,
    /// The pods' files; removed with it.
    _folder: RunFolder,
}

impl EmbeddedCluster {
    /// Starts API, controllers, routing and node. Must be called inside a tokio runtime.
    pub(crate) fn start(config: EmbeddedConfig) -> Result<Self, StartError> {
        let system = |doing| move |source| StartError::System { doing, source };
        let (truth, writer) = ClusterTruth::create(&config.truth)?;
        let temporary = std::env::temp_dir();
        remove_abandoned(&temporary);
        let folder =
            RunFolder::create(&temporary).map_err(system("creating a folder for the pods' files in TMPDIR"))?;
        let reject = TcpSocket::new_v4().map_err(system("making a socket that refuses"))?;
        reject.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).map_err(system("binding a socket that refuses"))?;
        let control_plane = ControlPlane::start(ControlPlaneConfig {
            seed: config.seed,
            clock: config.clock,
            node_name: NODE.to_owned(),
            sync: SyncRule {
                base_ns: saturating_ns(config.base),
                min_sync_period_ns: saturating_ns(config.min_sync_period),
            },
            reject: reject.local_addr().map_err(system("reading the address of a socket that refuses"))?,
            logs: Some(ContainerLogs::new(folder.path())),
            truth: truth.clone(),
        })?;
        let target_truth = std::path::absolute(config.truth.with_file_name("truth-target.jsonl"))
            .map_err(system("finding the present folder"))?;
        // The servers append to it: what an earlier run left, or somebody laid out, is none of theirs.
        private_file::remove(&target_truth).map_err(system("removing an old truth-target.jsonl"))?;
        let executable = std::env::current_exe().map_err(system("finding this program's own path"))?;
        let node = Node::start(
            NodeConfig {
                name: NODE.to_owned(),
                isolation: Isolation::available(&executable),
                trouble: config.trouble,
                executable,
                folder: folder.path().to_owned(),
                path: std::env::var("PATH").unwrap_or_default(),
                image_folders: config.image_folders,
                shared_network: config.shared_network,
                target_truth: Some(target_truth),
                clock: config.clock,
                truth: Arc::new(move |entry| truth.node(&entry)),
            },
            control_plane.store().clone(),
        );
        Ok(Self { control_plane, node, truth: writer, truth_path: config.truth, _reject: reject, _folder: folder })
    }

    pub(crate) fn client(&self) -> kube::Client {
        self.control_plane.client()
    }

    pub(crate) fn route(&self, namespace: &str, service: &str, port: u16) -> ServiceRoute {
        self.control_plane.route(namespace, service, port)
    }

    /// For people: the last log lines of the pods of `namespace` that are not ready, and what their containers wait for.
    pub(crate) fn why_not_ready(&self, namespace: &str, lines: usize) -> String {
        let (pods, _) = self.control_plane.store().list(ObjectKind::Pod, Some(namespace));
        let mut told = Vec::new();
        for pod in pods {
            let conditions = pod.pointer("/status/conditions").and_then(serde_json::Value::as_array);
            let ready =
                conditions.is_some_and(|all| all.iter().any(|one| one["type"] == "Ready" && one["status"] == "True"));
            let Some(name) = pod.pointer("/metadata/name").and_then(serde_json::Value::as_str) else { continue };
            if ready {
                continue;
            }
            let statuses = pod.pointer("/status/containerStatuses").and_then(serde_json::Value::as_array);
            for state in statuses.into_iter().flatten().map(|status| &status["state"]) {
                let text = |pointer: &str| state.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or("");
                for kind in ["waiting", "terminated"] {
                    let (reason, message) = (text(&format!("/{kind}/reason")), text(&format!("/{kind}/message")));
                    if !reason.is_empty() {
                        told.push(format!("pod {name} is {kind}: {reason} {message}"));
                    }
                }
            }
            let log = self.node.tail(namespace, name, lines);
            told.push(format!("the last lines of pod {name}'s log:\n{}", indent(&log)));
        }
        told.join("\n")
    }

    /// Ends everything, and returns when it has ended. Every route must have been dropped before.
    pub(crate) async fn shutdown(self) {
        // A bound, because a run must end even where a process cannot be killed.
        let _ = tokio::time::timeout(ENDS_WITHIN, self.node.shutdown()).await;
        self.control_plane.shutdown().await;
        let (writer, path) = (self.truth, self.truth_path);
        let written = tokio::task::spawn_blocking(move || writer.finish(&path));
        // The log is for tests, and a run does not fail with it.
        let _ = tokio::time::timeout(ENDS_WITHIN, written).await;
    }
}

fn indent(text: &str) -> String {
    if text.is_empty() {
        return "  (nothing)".to_owned();
    }
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

impl std::fmt::Debug for EmbeddedCluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedCluster").finish_non_exhaustive()
    }
}
