//! One pod: its containers' shared state, and what the API shows of it.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::{Notify, watch};

use super::config::NodeConfig;
use super::events::{EventType, PodEvents};
use super::launch::ContainerLaunch;
use super::node_truth::{NodeAction, NodeEntry};
use super::pod_status::{self, ContainerRunState, ContainerStatus, NodePodFacts};
use super::probe::{ContainerProbe, ContainerProgress, ProbeKind, ProbeView};
use crate::cluster::embedded::store::{ObjectKind, Store, meta};
use crate::cluster::embedded::supervise::Supervisor;
use crate::manifest;

pub(super) struct NodePod {
    pub(super) config: Arc<NodeConfig>,
    pub(super) store: Store,
    /// The object as it was when the node took it over, with its address in the status.
    pub(super) object: Value,
    pub(super) address: Ipv4Addr,
    pub(super) events: PodEvents,
    /// The grace of the deletion, in seconds, once there is one.
    pub(super) deletion: watch::Receiver<Option<i64>>,
    /// Containers whose first start has been tried; they start one after another.
    pub(super) tried: watch::Sender<usize>,
    host: Ipv4Addr,
    start_time: String,
    state: Mutex<PodContainers>,
}

struct PodContainers {
    containers: Vec<SharedContainer>,
    over: bool,
}

/// What the tasks of one container share.
pub(super) struct SharedContainer {
    pub(super) status: ContainerStatus,
    /// Counts the runs from 1.
    pub(super) run: u64,
    /// The second in which this run was started, since 1970.
    pub(super) started_s: i64,
    pub(super) supervisor: Option<Arc<Supervisor>>,
    pub(super) launch: Option<ContainerLaunch>,
    pub(super) trigger: Arc<Notify>,
    /// The run that a liveness or startup probe wants restarted, and the probe.
    pub(super) unhealthy: watch::Sender<Option<(u64, ContainerProbe)>>,
    startup: Option<ProbeVerdict>,
    readiness: Option<ProbeVerdict>,
}

/// A probe's verdict about one run; the outer `Option` where it is kept says whether there is such a probe.
type ProbeVerdict = (u64, Option<bool>);

impl NodePod {
    pub(super) fn new(
        config: Arc<NodeConfig>,
        store: Store,
        mut object: Value,
        addresses: (Ipv4Addr, Ipv4Addr),
        deletion: watch::Receiver<Option<i64>>,
    ) -> Self {
        let (host, address) = addresses;
        if !object["status"].is_object() {
            object["status"] = Value::Object(serde_json::Map::new());
        }
        object["status"]["podIP"] = address.to_string().into();
        object["status"]["hostIP"] = host.to_string().into();
        let events = PodEvents::new(store.clone(), &config.name, &object);
        let containers = meta::list(&object, "/spec/containers").iter().map(SharedContainer::new).collect();
        let start_time = store.now_text();
        let state = Mutex::new(PodContainers { containers, over: false });
        let tried = watch::Sender::new(0);
        Self { config, store, object, address, events, deletion, tried, host, start_time, state }
    }

    pub(super) fn namespace(&self) -> &str {
        meta::namespace(&self.object)
    }

    pub(super) fn name(&self) -> &str {
        meta::name(&self.object)
    }

    pub(super) fn uid(&self) -> &str {
        meta::uid(&self.object)
    }

    pub(super) fn container(&self, index: usize) -> &Value {
        &self.object["spec"]["containers"][index]
    }

    pub(super) fn container_name(&self, index: usize) -> &str {
        self.container(index)["name"].as_str().unwrap_or_default()
    }

    pub(super) fn restart_policy(&self) -> &str {
        self.object["spec"]["restartPolicy"].as_str().unwrap_or("Always")
    }

    pub(super) fn grace_s(&self) -> i64 {
        manifest::grace_s(&self.object["spec"])
    }

    pub(super) fn event(&self, index: usize, kind: EventType, reason: &str, message: &str) {
        self.events.record(self.container_name(index), kind, reason, message);
    }

    pub(super) fn truth(&self, index: usize, action: NodeAction) {
        (self.config.truth)(NodeEntry {
            at: self.config.clock.now(),
            namespace: self.namespace().to_owned(),
            pod: self.name().to_owned(),
            container: self.container_name(index).to_owned(),
            action,
        });
    }

    /// Looks at one container's shared state.
    pub(super) fn look<T>(&self, index: usize, look: impl FnOnce(&SharedContainer) -> T) -> T {
        look(&self.lock().containers[index])
    }

    /// Changes one container's shared state and publishes the pod's status.
    pub(super) fn change<T>(&self, index: usize, change: impl FnOnce(&mut SharedContainer) -> T) -> T {
        let mut state = self.lock();
        let result = change(&mut state.containers[index]);
        self.publish_locked(&mut state);
        result
    }

    pub(super) fn publish(&self) {
        self.publish_locked(&mut self.lock());
    }

    /// Every container has ended for good because the pod was deleted.
    pub(super) fn publish_end(&self) {
        let mut state = self.lock();
        state.over = true;
        self.publish_locked(&mut state);
    }

    pub(super) fn supervisors(&self) -> Vec<Arc<Supervisor>> {
        self.lock().containers.iter_mut().filter_map(|container| container.supervisor.take()).collect()
    }

    pub(super) fn view(&self, index: usize) -> ProbeView {
        let now_s = self.store.now().as_second();
        let deleted = self.deletion.borrow().is_some();
        let state = self.lock();
        let shared = &state.containers[index];
        let progress = match shared.status.state {
            ContainerRunState::Running { .. } if shared.status.started => ContainerProgress::Started,
            ContainerRunState::Running { .. } => ContainerProgress::Starting,
            ContainerRunState::Waiting { .. } | ContainerRunState::Terminated(_) => ContainerProgress::Down,
        };
        ProbeView {
            run: shared.run,
            progress,
            running_s: u64::try_from(now_s - shared.started_s).unwrap_or(0),
            deleted,
            over: state.over,
        }
    }

    /// Takes a probe's verdict. A failed liveness or startup probe asks for a restart.
    pub(super) fn verdict(&self, index: usize, probe: &ContainerProbe, run: u64, verdict: Option<bool>) {
        self.change(index, |shared| {
            match probe.kind {
                ProbeKind::Startup => shared.startup = Some((run, verdict)),
                ProbeKind::Readiness => shared.readiness = Some((run, verdict)),
                ProbeKind::Liveness => {}
            }
            let running = matches!(shared.status.state, ContainerRunState::Running { .. });
            if probe.kind != ProbeKind::Readiness && verdict == Some(false) && run == shared.run && running {
                shared.unhealthy.send_replace(Some((run, probe.clone())));
            }
        });
    }

    /// Written under the pod's lock, so that the API sees states in their order. A pod that is already gone, or whose
    /// name another pod has taken, is left alone.
    fn publish_locked(&self, state: &mut PodContainers) {
        for shared in &mut state.containers {
            shared.judge();
        }
        let containers: Vec<ContainerStatus> = state.containers.iter().map(|shared| shared.status.clone()).collect();
        let facts = NodePodFacts {
            pod_ip: self.address.to_string(),
            host_ip: self.host.to_string(),
            start_time: self.start_time.clone(),
            restart_policy: self.restart_policy().to_owned(),
            terminal: state.over,
        };
        let now = self.store.now_text();
        let _ = self.store.update_status(ObjectKind::Pod, self.namespace(), self.name(), |pod| {
            if pod["metadata"]["uid"] == self.uid() {
                pod_status::write(pod, &facts, &containers, &now);
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, PodContainers> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SharedContainer {
    fn new(container: &Value) -> Self {
        let text = |field: &str| container[field].as_str().unwrap_or_default();
        let has = |field: &str| (!container[field].is_null()).then_some((0, None));
        Self {
            status: ContainerStatus::new(text("name"), text("image")),
            run: 0,
            started_s: 0,
            supervisor: None,
            launch: None,
            trigger: Arc::new(Notify::new()),
            unhealthy: watch::Sender::new(None),
            startup: has("startupProbe"),
            readiness: has("readinessProbe"),
        }
    }

    /// `started` and `ready` from the probes' verdicts about this run (`pkg/kubelet/prober/prober_manager.go`,
    /// `UpdatePodStatus` and `isContainerStarted`, v1.34).
    fn judge(&mut self) {
        let running = matches!(self.status.state, ContainerRunState::Running { .. });
        let passed = |verdict: Option<ProbeVerdict>| verdict.is_none_or(|seen| seen == (self.run, Some(true)));
        self.status.started = running && passed(self.startup);
        self.status.ready = self.status.started && passed(self.readiness);
        if self.status.started && !self.status.ready {
            self.trigger.notify_one();
        }
    }
}
