//! Stopping a container: hook, stop signal, SIGKILL (`pkg/kubelet/kuberuntime/kuberuntime_container.go`,
//! `killContainer`, v1.34).

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::container::{ContainerRun, finished_within, hook};
use super::events::EventType;
use super::node_truth::NodeAction;
use super::pod::NodePod;
use super::termination;

/// SIGKILL is certain, but a process in an uninterruptible call takes its time.
const KILL_LIMIT: Duration = Duration::from_secs(15);
/// A hook that dies with its container ends at once; its event should come before the pod is gone.
const HOOK_END_LIMIT: Duration = Duration::from_secs(1);

/// Stops a run of a container within `grace_s` and, at the most, the minimum that is always left for the signal.
/// `message` is that of the `Killing` event.
pub(super) async fn stop(pod: &Arc<NodePod>, index: usize, run: &ContainerRun, grace_s: i64, message: &str) {
    pod.event(index, EventType::Normal, "Killing", message);
    let handler = &pod.container(index)["lifecycle"]["preStop"];
    let mut took = Duration::ZERO;
    let mut hook = None;
    if !handler.is_null() && grace_s > 0 {
        let begun = pod.config.clock.now();
        let mut running = start_hook(pod, index, run, handler);
        // A hook that uses up the grace is left running; it ends with the container.
        let _ = timeout(termination::hook_limit(grace_s), &mut running).await;
        took = Duration::from_nanos(pod.config.clock.now() - begun);
        hook = Some(running);
    }
    let left = termination::after_hook(grace_s, took);
    if run.finished.borrow().is_none() {
        signal(pod, index, run, left).await;
    }
    let by_exec = !handler["exec"].is_null();
    if let Some(hook) = hook.filter(|hook| by_exec && !hook.is_finished()) {
        let _ = timeout(HOOK_END_LIMIT, hook).await;
    }
}

async fn signal(pod: &NodePod, index: usize, run: &ContainerRun, left: Duration) {
    let signal = run.launch.stop_signal;
    if let Ok(delivered) = run.supervisor.signal(signal).await {
        pod.truth(index, NodeAction::StopSignal { signal, delivered });
    }
    if !finished_within(run, left).await {
        pod.truth(index, NodeAction::Killed);
        let _ = run.supervisor.kill().await;
        finished_within(run, KILL_LIMIT).await;
    }
}

/// The hook runs as a task of its own, so that it can outlast the time that it is waited for.
fn start_hook(pod: &Arc<NodePod>, index: usize, run: &ContainerRun, handler: &Value) -> JoinHandle<()> {
    let hook = hook(pod, index, run, handler);
    let pod = Arc::clone(pod);
    pod.truth(index, NodeAction::HookStarted { hook: "preStop" });
    tokio::spawn(async move {
        let success = hook.run().await;
        pod.truth(index, NodeAction::HookEnded { hook: "preStop", success });
        if !success {
            // The kubelet withholds the reason, so that no secret leaks into an event.
            pod.event(index, EventType::Warning, "FailedPreStopHook", "PreStopHook failed");
        }
    })
}
