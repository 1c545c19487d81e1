//! The node itself: takes over the pods that are assigned to it, and ends what is deleted.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::address::PodAddresses;
use super::config::NodeConfig;
use super::container;
use super::events::{EventType, PodEvents};
use super::launch;
use super::node_error::NodeError;
use super::pod::NodePod;
use super::refusals::refusals;
use crate::cluster::embedded::ContainerLogs;
use crate::cluster::embedded::store::{ChangeVerb, DeleteOptions, ObjectChange, ObjectKind, Store, meta};
use crate::cluster::embedded::supervise;

/// Pods on one node; Kubernetes' default is 110 (`maxPods`), and there are as many addresses as this.
const MAX_PODS: usize = 253;
/// Pods whose logs are kept after they are gone.
const LOGS_KEPT: usize = 64;
/// How long shutting down waits for killed containers.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(15);

/// The embedded cluster's one node. Dropping it without [`Node::shutdown`] still ends its containers, because their
/// supervisors see their pipes close when the process ends.
#[derive(Debug)]
pub struct Node {
    folder: std::path::PathBuf,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Node {
    /// Starts the node on the present runtime. From then on it runs every pod whose `spec.nodeName` is its name.
    #[must_use]
    pub fn start(config: NodeConfig, store: Store) -> Self {
        let stop = CancellationToken::new();
        let folder = config.folder.clone();
        let task = tokio::spawn(Kubelet::new(config, store, stop.clone()).run());
        Self { folder, stop, task }
    }

    /// The last `lines` lines of each container's log of a pod, also for a while after the pod is gone; empty if it
    /// never ran here.
    #[must_use]
    pub fn tail(&self, ns: &str, pod: &str, lines: usize) -> String {
        let logs = ContainerLogs::new(&self.folder);
        let mut text = String::new();
        for container in logs.containers(ns, pod) {
            for line in supervise::tail(&logs.container(ns, pod, &container), lines).lines() {
                let _ = writeln!(text, "{container}: {line}");
            }
        }
        text
    }

    /// Kills every container and waits, for a bounded time, until none is left.
    pub async fn shutdown(self) {
        self.stop.cancel();
        let _ = timeout(SHUTDOWN_LIMIT, self.task).await;
    }
}

struct Kubelet {
    config: Arc<NodeConfig>,
    store: Store,
    addresses: PodAddresses,
    pods: BTreeMap<String, AssignedPod>,
    /// Pods that could not be taken over, by uid, so that each is refused once.
    refused: BTreeSet<String>,
    done: (mpsc::Sender<String>, mpsc::Receiver<String>),
    stop: CancellationToken,
    logs: Arc<Mutex<VecDeque<(String, String)>>>,
}

struct AssignedPod {
    address: Ipv4Addr,
    deletion: watch::Sender<Option<i64>>,
    task: JoinHandle<()>,
}

impl Kubelet {
    fn new(config: NodeConfig, store: Store, stop: CancellationToken) -> Self {
        let addresses = PodAddresses::new(std::process::id(), config.shared_network);
        Self {
            config: Arc::new(config),
            store,
            addresses,
            pods: BTreeMap::new(),
            refused: BTreeSet::new(),
            done: mpsc::channel(MAX_PODS),
            stop,
            logs: Arc::default(),
        }
    }

    async fn run(mut self) {
        let (mut objects, mut changes) = self.store.list_and_watch(ObjectKind::Pod, None);
        loop {
            for object in objects.drain(..) {
                self.seen(&object);
            }
            tokio::select! {
                () = self.stop.cancelled() => break,
                Some(uid) = self.done.1.recv() => self.finished(&uid),
                next = changes.next() => if let Ok(list) = next {
                    for change in &list {
                        self.changed(change);
                    }
                } else {
                    // The node fell behind the history: it lists again, and what is no longer there was deleted.
                    (objects, changes) = self.store.list_and_watch(ObjectKind::Pod, None);
                    self.forget_all_but(&objects);
                }
            }
        }
        join_all(std::mem::take(&mut self.pods).into_values().map(|pod| pod.task)).await;
    }

    fn changed(&mut self, change: &ObjectChange) {
        match change.verb {
            ChangeVerb::Added | ChangeVerb::Modified => self.seen(&change.object),
            ChangeVerb::Deleted => {
                let uid = meta::uid(&change.object);
                self.refused.remove(uid);
                self.removed(uid);
            }
        }
    }

    /// A pod removed by force still ends here in the pod's own grace (`calculateEffectiveGracePeriod`).
    fn removed(&self, uid: &str) {
        if let Some(pod) = self.pods.get(uid) {
            pod.deletion.send_if_modified(|grace| grace.is_none() && grace.replace(0).is_none());
        }
    }

    fn forget_all_but(&self, objects: &[Arc<Value>]) {
        for uid in self.pods.keys() {
            if !objects.iter().any(|object| object["metadata"]["uid"] == **uid) {
                self.removed(uid);
            }
        }
    }

    fn seen(&mut self, object: &Value) {
        if meta::text(object, "/spec/nodeName") != self.config.name {
            return;
        }
        let grace = meta::number(object, "/metadata/deletionGracePeriodSeconds");
        let deleted = meta::terminating(object);
        if let Some(pod) = self.pods.get(meta::uid(object)) {
            if deleted {
                pod.deletion.send_if_modified(|known| known.is_none() && known.replace(grace.unwrap_or(0)).is_none());
            }
            return;
        }
        if deleted {
            // It was never started here, so there is nothing to end.
            remove(&self.store, object);
            return;
        }
        let ended = matches!(meta::text(object, "/status/phase"), "Succeeded" | "Failed");
        if !ended && !self.refused.contains(meta::uid(object)) {
            self.take_over(object);
        }
    }

    fn take_over(&mut self, object: &Value) {
        let uid = meta::uid(object).to_owned();
        let address = match self.admit(object) {
            Ok(address) => address,
            Err(error) => {
                self.refused.insert(uid);
                self.refuse(object, &error);
                return;
            }
        };
        let (deletion, told) = watch::channel(None);
        let addresses = (self.addresses.host(), address);
        let pod = Arc::new(NodePod::new(Arc::clone(&self.config), self.store.clone(), object.clone(), addresses, told));
        let (stop, done, id) = (self.stop.clone(), self.done.0.clone(), uid.clone());
        let task = tokio::spawn(async move {
            tokio::select! {
                () = run_pod(&pod) => {}
                () = stop.cancelled() => kill(&pod).await,
            }
            // When the node itself is gone nobody listens.
            let _ = done.send(id).await;
        });
        self.pods.insert(uid, AssignedPod { address, deletion, task });
        self.remember_logs(meta::namespace(object), meta::name(object));
    }

    fn admit(&mut self, object: &Value) -> Result<Ipv4Addr, NodeError> {
        let refused = refusals(&object["spec"]);
        if !refused.is_empty() {
            let all: Vec<String> = refused.into_iter().map(|refusal| refusal.message).collect();
            return Err(NodeError::Refused(all.join("; ")));
        }
        self.addresses.take(&launch::ports(&self.store, object))
    }

    /// A pod that cannot run here stays pending and says why. The kubelet would fail one that it does not admit, but
    /// then its `ReplicaSet` makes another without end.
    fn refuse(&self, object: &Value, error: &NodeError) {
        let message = error.to_string();
        PodEvents::new(self.store.clone(), &self.config.name, object).record(
            "",
            EventType::Warning,
            "Failed",
            &message,
        );
        let containers = object["spec"]["containers"].as_array().into_iter().flatten();
        let statuses: Value = containers
            .map(|container| {
                let waiting = json!({"reason": error.waiting_reason(), "message": message});
                json!({
                    "name": container["name"], "image": container["image"], "imageID": "", "ready": false,
                    "started": false, "restartCount": 0, "lastState": {}, "state": {"waiting": waiting},
                })
            })
            .collect();
        let (ns, name) = (meta::namespace(object), meta::name(object));
        let _ = self.store.update_status(ObjectKind::Pod, ns, name, |pod| {
            pod["status"]["phase"] = "Pending".into();
            pod["status"]["message"] = message.clone().into();
            pod["status"]["containerStatuses"] = statuses;
        });
    }

    fn finished(&mut self, uid: &str) {
        if let Some(pod) = self.pods.remove(uid) {
            self.addresses.release(pod.address);
        }
    }

    /// Keeps the logs of so many pods; the oldest go first.
    fn remember_logs(&self, ns: &str, name: &str) {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        logs.push_back((ns.to_owned(), name.to_owned()));
        if logs.len() > LOGS_KEPT + MAX_PODS
            && let Some((ns, name)) = logs.pop_front()
        {
            ContainerLogs::new(&self.config.folder).forget(&ns, &name);
        }
    }
}

/// Runs a pod until it is deleted and all its containers have ended; then removes it from the API.
async fn run_pod(pod: &Arc<NodePod>) {
    pod.publish();
    let count = pod.object["spec"]["containers"].as_array().map_or(0, Vec::len);
    let lives = async {
        join_all((0..count).map(|index| container::run_container(pod, index))).await;
        // Containers that ended by themselves leave the pod where it is until somebody deletes it.
        let mut deletion = pod.deletion.clone();
        let _ = deletion.wait_for(Option::is_some).await;
    };
    let probes = async {
        join_all((0..count).map(|index| container::probes(pod, index))).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = lives => {}
        () = probes => {}
    }
    pod.publish_end();
    remove_folder(pod);
    remove(&pod.store, &pod.object);
}

async fn kill(pod: &NodePod) {
    for supervisor in pod.supervisors() {
        let mut ended = supervisor.ended();
        let _ = supervisor.kill().await;
        let _ = timeout(SHUTDOWN_LIMIT / 3, ended.wait_for(Option::is_some)).await;
    }
    remove_folder(pod);
}

fn remove_folder(pod: &NodePod) {
    let _ = fs::remove_dir_all(Path::new(&pod.config.folder).join("pods").join(pod.namespace()).join(pod.name()));
}

/// Removes exactly this pod from the API; another of the same name stays.
fn remove(store: &Store, object: &Value) {
    let options = DeleteOptions { uid: Some(meta::uid(object).to_owned()), ..DeleteOptions::grace(0) };
    let _ = store.delete(ObjectKind::Pod, meta::namespace(object), meta::name(object), &options);
}
