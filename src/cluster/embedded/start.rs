//! Starts and ends the embedded cluster.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::api::Api;
use super::control;
use super::node::{Node, NodeConfig};
use super::proxy::{Proxy, ProxyConfig, ServiceRoute};
use super::store::{Kind, Store, WallClock};
use super::truth::{Truth, TruthEntry};
use crate::clock::Clock;

/// The version that the API reports, after the Kubernetes that it was compared with.
pub const VERSION: &str = "v1.34.4+rollproof";
/// The only node.
const NODE: &str = "embedded";
/// How long everything that runs in a pod may take to end when the cluster does.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// How the cluster is set up.
#[derive(Debug, Clone)]
pub struct Config {
    /// The run's clock.
    pub clock: Clock,
    /// The run's seed.
    pub seed: u64,
    /// From a change of endpoints until a sync of the routing table is due.
    pub base: Duration,
    /// The least time between two syncs.
    pub min_sync_period: Duration,
    /// Whether pods share the network with the machine.
    pub shared_network: bool,
    /// Folders of the manifests, beside which `images/NAME/` is looked for.
    pub image_folders: Vec<PathBuf>,
    /// Where the truth log goes.
    pub truth: PathBuf,
}

/// A cluster inside this process. Dropping it ends its supervisors, and they end everything that runs in pods.
pub struct Embedded {
    api: Api,
    store: Store,
    proxy: Proxy,
    node: Node,
    tasks: JoinSet<()>,
    stop: CancellationToken,
    truth: Option<JoinHandle<()>>,
    /// The pods' files; removed with it.
    _folder: tempfile::TempDir,
}

impl Embedded {
    /// Starts API, controllers, node and routing. Must be called inside a tokio runtime.
    pub fn start(config: Config) -> io::Result<Self> {
        let (truth, truth_thread) = Truth::create(&config.truth)?;
        let folder = tempfile::Builder::new().prefix("rollproof-").tempdir()?;
        let store = Store::new(WallClock::system(), config.seed);
        let api = Api::new(store.clone());
        let proxy = Proxy::new(ProxyConfig {
            base: config.base,
            min_sync_period: config.min_sync_period,
            seed: config.seed,
            clock: config.clock,
            truth: truth.clone(),
        })?;
        register_node(&store).map_err(io::Error::other)?;
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(control::run(store.clone(), control::Settings::default(), stop.clone()));
        tasks.spawn(proxy.follow(store.clone(), stop.clone()));
        let of_node = truth.clone();
        let node = Node::start(
            NodeConfig {
                name: NODE.to_owned(),
                executable: std::env::current_exe()?,
                folder: folder.path().to_owned(),
                path: std::env::var("PATH").unwrap_or_default(),
                image_folders: config.image_folders,
                shared_network: config.shared_network,
                target_truth: Some(std::path::absolute(config.truth.with_file_name("truth-target.jsonl"))?),
                clock: config.clock,
                truth: Arc::new(move |entry| of_node.log(TruthEntry::Node(entry))),
            },
            store.clone(),
        );
        Ok(Self { api, store, proxy, node, tasks, stop, truth: Some(truth_thread), _folder: folder })
    }

    /// A client of its API.
    #[must_use]
    pub fn client(&self) -> kube::Client {
        self.api.client()
    }

    /// The way to a Service's port, by the port's name (empty where it has none).
    #[must_use]
    pub fn route(&self, namespace: &str, service: &str, port_name: &str) -> ServiceRoute {
        self.proxy.route(namespace, service, port_name)
    }

    /// For people: the last log lines of the pods of `namespace` that are not ready, and what their containers wait for.
    #[must_use]
    pub fn why_not_ready(&self, namespace: &str, lines: usize) -> String {
        let (pods, _) = self.store.list(Kind::Pod, Some(namespace));
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

    /// Ends everything, and returns when it has ended.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        // A bound, because a run must end even where a process cannot be killed.
        let _ = tokio::time::timeout(ENDS_WITHIN, self.node.shutdown()).await;
        self.tasks.shutdown().await;
        let truth = self.truth.take();
        drop((self.proxy, self.api, self.store));
        // Routes may still be held; the log's thread ends with the last of them.
        drop(truth);
    }
}

/// What a kubelet does first: it makes its node known, ready for pods.
fn register_node(store: &Store) -> Result<(), super::store::ApiError> {
    let node = serde_json::json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE},
        "status": {"conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}]}});
    store.create(Kind::Node, node).map(|_| ())
}

fn indent(text: &str) -> String {
    if text.is_empty() {
        return "  (nothing)".to_owned();
    }
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

impl std::fmt::Debug for Embedded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedded").finish_non_exhaustive()
    }
}
