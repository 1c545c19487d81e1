//! One container's life: started, watched, restarted, stopped. The decisions are in `backoff`, `termination`, `probe`
//! and `pod_status`; this file puts them on the clock.

use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use super::backoff::Backoff;
use super::events::EventType;
use super::launch::{ContainerFiles, ContainerLaunch, launch};
use super::lifecycle_hook::LifecycleHook;
use super::node_error::NodeError;
use super::node_truth::NodeAction;
use super::pod::NodePod;
use super::pod_status::{ContainerRunState, TerminatedRun, ended_reason};
use super::probe::{ContainerProbe, ProbeHost, ProbeKind, ProbeTarget, ProbeView};
use super::{probe, stop, termination};
use crate::cluster::embedded::store::whole_seconds;
use crate::cluster::embedded::supervise::{ContainerEnd, ProcessEnd, Supervisor};

const RELIST_PERIOD_NS: u64 = 1_000_000_000;
/// Time between attempts to start a container that cannot be started, at least: the kubelet's own syncs are this far
/// apart for a waiting container, and what is missing may come.
const RETRY: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
pub(super) struct FinishedRun {
    pub(super) end: ProcessEnd,
    /// In whole seconds, as the API writes it.
    at: String,
}

pub(super) struct ContainerRun {
    pub(super) number: u64,
    pub(super) supervisor: Arc<Supervisor>,
    pub(super) launch: ContainerLaunch,
    pub(super) finished: watch::Receiver<Option<FinishedRun>>,
    started_at: String,
    container_id: String,
}

/// Runs one container of a pod until it has ended for good and, unless it ended by itself, the pod is deleted.
pub(super) async fn run_container(pod: &Arc<NodePod>, index: usize) {
    let mut tried = pod.tried.subscribe();
    let mut deletion = pod.deletion.clone();
    tokio::select! {
        _ = tried.wait_for(|count| *count >= index) => {}
        _ = deletion.wait_for(Option::is_some) => return,
    }
    let mut backoff = Backoff::default();
    let begun = pod.config.clock.now();
    let since = || Duration::from_nanos(pod.config.clock.now() - begun);
    while pod.deletion.borrow().is_none() {
        let started = start(pod, index).await;
        pod.tried.send_if_modified(|count| {
            let first = *count == index;
            *count += usize::from(first);
            first
        });
        let (wait, reason, message) = match started {
            Ok(run) => {
                run_until_end(pod, index, &run).await;
                let failed = pod.look(
                    index,
                    |shared| matches!(&shared.status.state, ContainerRunState::Terminated(e) if e.exit_code != 0),
                );
                let policy = pod.restart_policy();
                if pod.deletion.borrow().is_some() || policy == "Never" || (policy == "OnFailure" && !failed) {
                    return;
                }
                (backoff.next(since()), "CrashLoopBackOff", None)
            }
            Err(error) => {
                let message = error.to_string();
                pod.event(index, EventType::Warning, "Failed", &format!("Error: {message}"));
                (backoff.next(since()).max(RETRY), error.waiting_reason(), Some(message))
            }
        };
        wait_for_restart(pod, index, wait, reason, message).await;
    }
}

/// Waits before a container is started again, or until the pod is deleted.
async fn wait_for_restart(pod: &NodePod, index: usize, wait: Duration, reason: &str, message: Option<String>) {
    if wait.is_zero() {
        return;
    }
    let name = pod.container_name(index);
    let message = message.unwrap_or_else(|| {
        let text = format!("Back-off restarting failed container {name} in pod {}", pod.name());
        pod.event(index, EventType::Warning, "BackOff", &text);
        format!("back-off {}s restarting failed container={name} pod={}", wait.as_secs(), pod.name())
    });
    pod.change(index, |shared| {
        let waiting = ContainerRunState::Waiting { reason: reason.to_owned(), message };
        if let ContainerRunState::Terminated(ended) = std::mem::replace(&mut shared.status.state, waiting) {
            shared.status.last = Some(ended);
        }
    });
    let mut deletion = pod.deletion.clone();
    tokio::select! {
        () = sleep(wait) => {}
        _ = deletion.wait_for(Option::is_some) => {}
    }
}

/// Starts a container, its postStart hook included; only then does it count as running.
async fn start(pod: &Arc<NodePod>, index: usize) -> Result<ContainerRun, NodeError> {
    let container = pod.container(index);
    let name = pod.container_name(index);
    let files = ContainerFiles::of(&pod.config.folder, pod.namespace(), pod.name(), name);
    let launch = launch(&pod.config, &pod.store, &pod.object, container, &files).await?;
    pod.event(index, EventType::Normal, "Created", &format!("Created container: {name}"));
    let supervisor = Arc::new(Supervisor::start(&pod.config.executable, pod.config.isolation)?);
    let started_at = pod.store.now();
    let pid = supervisor.start_main(launch.main.clone()).await?;
    pod.truth(index, NodeAction::ContainerStarted { pid });
    pod.event(index, EventType::Normal, "Started", &format!("Started container {name}"));
    let finished = follow(pod, index, &supervisor);
    let number = pod.look(index, |shared| shared.run + 1);
    let container_id = format!("rollproof://{}-{index}-{number}", pod.uid());
    pod.change(index, |shared| {
        shared.supervisor = Some(Arc::clone(&supervisor));
        shared.launch = Some(launch.clone());
    });
    let run =
        ContainerRun { number, supervisor, launch, finished, started_at: whole_seconds(started_at), container_id };
    let hook = &container["lifecycle"]["postStart"];
    let runs = hook.is_null() || post_start(pod, index, &run, hook).await;
    if runs {
        relist(pod, &run).await;
    }
    pod.change(index, |shared| {
        shared.run = number;
        shared.started_s = started_at.as_second();
        shared.status.restarts += u32::from(number > 1);
        if !runs {
            return;
        }
        let running =
            ContainerRunState::Running { started_at: run.started_at.clone(), container_id: run.container_id.clone() };
        if let ContainerRunState::Terminated(ended) = std::mem::replace(&mut shared.status.state, running) {
            shared.status.last = Some(ended);
        }
    });
    if !runs {
        pod.event(index, EventType::Warning, "FailedPostStartHook", "PostStartHook failed");
        stop::stop(pod, index, &run, pod.grace_s(), "FailedPostStartHook").await;
    }
    Ok(run)
}

/// The kubelet learns that a container runs when it next lists them, every second (`pkg/kubelet/kubelet.go`
/// `genericPlegRelistPeriod`, v1.34): until then the pod is not seen to run, and nothing probes it.
async fn relist(pod: &NodePod, run: &ContainerRun) {
    let since_last = pod.config.clock.now() % RELIST_PERIOD_NS;
    let (mut finished, mut deletion) = (run.finished.clone(), pod.deletion.clone());
    tokio::select! {
        () = sleep(Duration::from_nanos(RELIST_PERIOD_NS - since_last)) => {}
        _ = finished.wait_for(Option::is_some) => {}
        _ = deletion.wait_for(Option::is_some) => {}
    }
}

/// Whether the hook succeeded; one that the pod's deletion overtakes is not waited for.
async fn post_start(pod: &Arc<NodePod>, index: usize, run: &ContainerRun, handler: &Value) -> bool {
    let mut deletion = pod.deletion.clone();
    pod.truth(index, NodeAction::HookStarted { hook: "postStart" });
    let success = tokio::select! {
        success = hook(pod, index, run, handler).run() => success,
        _ = deletion.wait_for(Option::is_some) => return true,
    };
    pod.truth(index, NodeAction::HookEnded { hook: "postStart", success });
    success
}

pub(super) fn hook(pod: &NodePod, index: usize, run: &ContainerRun, handler: &Value) -> LifecycleHook {
    LifecycleHook {
        handler: handler.clone(),
        container: pod.container(index).clone(),
        address: pod.address,
        supervisor: Arc::clone(&run.supervisor),
        spawn: run.launch.main.clone(),
    }
}

/// Stamps the end of a run when it comes, whatever else is being waited for.
fn follow(pod: &Arc<NodePod>, index: usize, supervisor: &Supervisor) -> watch::Receiver<Option<FinishedRun>> {
    let (tell, told) = watch::channel(None);
    let mut ended = supervisor.ended();
    let pod = Arc::clone(pod);
    tokio::spawn(async move {
        let end = ended.wait_for(Option::is_some).await.ok().and_then(|end| *end);
        let end = match end {
            Some(ContainerEnd::Main(end)) => end,
            Some(ContainerEnd::Lost) | None => {
                let (name, container) = (pod.name(), pod.container_name(index));
                let what = format!(
                    "the supervisor of container {container} in pod {name} was killed, and the container with it"
                );
                (pod.config.trouble)(pod.namespace(), what);
                ProcessEnd::Signal(Signal::SIGKILL as i32)
            }
        };
        pod.truth(index, NodeAction::ContainerFinished { exit_code: end.exit_code() });
        tell.send_replace(Some(FinishedRun { end, at: pod.store.now_text() }));
    });
    told
}

/// Waits for the end of a run: its own, by a failed probe, or by the pod's deletion.
async fn run_until_end(pod: &Arc<NodePod>, index: usize, run: &ContainerRun) {
    let mut finished = run.finished.clone();
    let mut deletion = pod.deletion.clone();
    let mut unhealthy = pod.look(index, |shared| shared.unhealthy.subscribe());
    let name = pod.container_name(index);
    let mine = |asked: &Option<(u64, ContainerProbe)>| asked.as_ref().is_some_and(|(number, _)| *number == run.number);
    let (grace_s, message) = tokio::select! {
        _ = finished.wait_for(Option::is_some) => (0, String::new()),
        grace = deletion.wait_for(Option::is_some) => {
            let asked = grace.ok().and_then(|grace| *grace);
            (termination::effective_grace_s(asked, pod.grace_s()), format!("Stopping container {name}"))
        }
        asked = unhealthy.wait_for(mine) => {
            let probe = asked.ok().and_then(|asked| asked.as_ref().map(|(_, probe)| probe.clone()));
            let kind = probe.as_ref().map_or(ProbeKind::Liveness, |probe| probe.kind).name().to_lowercase();
            let grace_s = probe.and_then(|probe| probe.grace_s).unwrap_or_else(|| pod.grace_s());
            (grace_s, format!("Container {name} failed {kind} probe, will be restarted"))
        }
    };
    if !message.is_empty() {
        stop::stop(pod, index, run, grace_s, &message).await;
    }
    let finished = run.finished.borrow().clone();
    let Some(FinishedRun { end, at }) = finished else { return };
    pod.change(index, |shared| {
        shared.supervisor = None;
        shared.launch = None;
        let ended = ContainerRunState::Terminated(TerminatedRun {
            exit_code: end.exit_code(),
            reason: ended_reason(end.exit_code()).to_owned(),
            started_at: run.started_at.clone(),
            finished_at: at,
            container_id: run.container_id.clone(),
        });
        if let ContainerRunState::Terminated(before) = std::mem::replace(&mut shared.status.state, ended) {
            shared.status.last = Some(before);
        }
    });
}

/// Runs the probes of one container for as long as the pod is on the node.
pub(super) async fn probes(pod: &Arc<NodePod>, index: usize) {
    let probes = match probe::probes(pod.container(index)) {
        Ok(probes) => probes,
        Err(problem) => {
            pod.event(index, EventType::Warning, "ProbeError", &problem);
            return;
        }
    };
    let trigger = pod.look(index, |shared| Arc::clone(&shared.trigger));
    let host = ContainerProbeHost { pod, index, trigger };
    let tasks = probes.into_iter().map(|probe| probe::run(probe, &host));
    futures_util::future::join_all(tasks).await;
}

/// The probes' way to their container.
struct ContainerProbeHost<'a> {
    pod: &'a Arc<NodePod>,
    index: usize,
    trigger: Arc<Notify>,
}

impl ProbeHost for ContainerProbeHost<'_> {
    fn view(&self) -> ProbeView {
        self.pod.view(self.index)
    }

    fn target(&self) -> Option<ProbeTarget> {
        let found = self.pod.look(self.index, |shared| shared.supervisor.clone().zip(shared.launch.clone()));
        found.map(|(supervisor, launch)| ProbeTarget { address: self.pod.address, supervisor, spawn: launch.main })
    }

    fn trigger(&self) -> &Notify {
        &self.trigger
    }

    fn failed(&self, probe: &ContainerProbe, message: &str) {
        let text = format!("{} probe failed: {}", probe.kind.name(), message.trim_end());
        self.pod.event(self.index, EventType::Warning, "Unhealthy", &text);
    }

    fn verdict(&self, probe: &ContainerProbe, run: u64, verdict: Option<bool>) {
        self.pod.verdict(self.index, probe, run, verdict);
    }
}

/// Waits for the end of a run that is certain to come; bounded all the same.
pub(super) async fn finished_within(run: &ContainerRun, limit: Duration) -> bool {
    let mut finished = run.finished.clone();
    timeout(limit, finished.wait_for(Option::is_some)).await.is_ok_and(|end| end.is_ok())
}
