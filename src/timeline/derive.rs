//! Edges that no API shows, derived from those that were seen: when a preStop hook ended, and when the stop signal was sent.
//!
//! kubelet emits `Killing`, runs the hook, and then sends the stop signal with what is left of the grace, never less than two
//! seconds (kubernetes/kubernetes, `pkg/kubelet/kuberuntime/kuberuntime_container.go`).

use super::edge::{Basis, Edge};
use super::life::PodLife;
use crate::clock::Stamp;
use crate::servers::PreStop;

/// From the deletion until kubelet acts on it.
const KUBELET_ACTS_NS: u64 = 300_000_000;
/// Starting a hook's program and noticing its end.
const HOOK_OVERHEAD_NS: u64 = 700_000_000;
/// From the end of a hook to the stop signal.
const SIGNAL_AFTER_NS: u64 = 200_000_000;

/// The rule of a hook's end with its server's.
const WITH_THE_SERVER: &str = "the container's end, before the hook's";

/// Derives them for a pod of which kubelet's first `Killing` event was received at `killing_ns`.
pub(super) fn derive(life: &mut PodLife, killing_ns: Option<Stamp>) {
    // Whatever ended a pod that was not deleted: there was no hook and no stop signal that the record knows of.
    let Some(deletion) = life.deletion else { return };
    life.finished = finished(life);
    let acted_ns = killing_ns.unwrap_or_else(|| deletion.high_ns.saturating_add(KUBELET_ACTS_NS));
    let acted = Edge::derived(deletion.low_ns, acted_ns, "deletion, and the Killing event at the latest");
    life.hook_start = (life.hook != PreStop::None).then_some(acted);
    life.hook_end = hook_end(life, acted).map(|end| {
        // A hook does not outlive its container.
        let latest_ns = life.finished.map_or(end.high_ns, |finished| finished.high_ns.min(end.high_ns));
        Edge { high_ns: latest_ns.max(end.low_ns), ..end }
    });
    life.stop_signal = stop_signal(life, acted);
}

/// The last container to end is told to the second. It had not ended while the side probe still reached the pod's listener, which
/// one of them held.
fn finished(life: &PodLife) -> Option<Edge> {
    let finished = life.finished?;
    let open_ns = life.listener_closed.map_or(0, |closed| closed.low_ns).min(finished.high_ns);
    Some(Edge { low_ns: finished.low_ns.max(open_ns), ..finished })
}

/// How long the hook surely lasted, or when it failed.
fn hook_end(life: &PodLife, acted: Edge) -> Option<Edge> {
    if life.hook == PreStop::None {
        return None;
    }
    let least_ns = life.hook.least_ns();
    let grace_ns = life.grace_s?.saturating_mul(1_000_000_000);
    let full = Edge::derived(
        acted.low_ns.saturating_add(least_ns.min(grace_ns)),
        acted.high_ns.saturating_add(least_ns.min(grace_ns)).saturating_add(HOOK_OVERHEAD_NS),
        if life.hook.only_sleeps() { "deletion + sleep" } else { "deletion + the hook's sleeps" },
    );
    if life.hook_used_grace_up() {
        let (low, high) = (acted.low_ns.saturating_add(grace_ns), acted.high_ns.saturating_add(grace_ns));
        let rule = "deletion + grace, which the hook uses up";
        return Some(Edge::derived(low, high.saturating_add(HOOK_OVERHEAD_NS), rule));
    }
    if life.hook_broke()
        && let Some(failed) = life.hook_failed
    {
        return Some(Edge::derived(acted.low_ns, failed.high_ns, "the FailedPreStopHook event"));
    }
    if let Some(failed) = life.hook_failed
        && life.server_was_done_at(failed)
    {
        let low = life.finished.map_or(acted.low_ns, |finished| finished.low_ns);
        return Some(Edge::derived(low, failed.high_ns, "the FailedPreStopHook event, after the server had ended"));
    }
    if let Some(finished) = life.finished
        && finished.surely_before(full.low_ns)
    {
        // The server was done first, and the hook ended with it.
        return Some(Edge::derived(finished.low_ns, finished.high_ns, WITH_THE_SERVER));
    }
    if life.hook.length_is_known() {
        return Some(full);
    }
    let latest = acted.high_ns.saturating_add(grace_ns);
    Some(Edge::derived(full.low_ns, latest, "deletion + grace, at the latest"))
}

/// After the hook; without one, as soon as kubelet acts.
fn stop_signal(life: &PodLife, acted: Edge) -> Option<Edge> {
    let rule = if life.hook_end.is_some() { "the end of the hook" } else { "deletion, because there is no hook" };
    let from = life.hook_end.unwrap_or(acted);
    let mut signal = Edge::derived(from.low_ns, from.high_ns.saturating_add(SIGNAL_AFTER_NS), rule);
    // A server that ended by itself while the hook ran is sent no signal.
    let killed_hook = !life.hook_broke() && life.hook_failed.is_some_and(|failed| life.server_was_done_at(failed));
    let with_the_server = life.hook_end.is_some_and(|end| end.basis == Basis::Derived(WITH_THE_SERVER));
    let ended_first = with_the_server || (killed_hook && !life.hook_used_grace_up());
    let long_before = life.finished.is_some_and(|finished| finished.surely_before(signal.low_ns));
    if life.hook_end.is_some() && (ended_first || long_before) {
        return None;
    }
    if let Some(finished) = life.finished {
        signal.high_ns = signal.high_ns.min(finished.high_ns).max(signal.low_ns);
    }
    // Without a hook nothing else closes a listener that was open until the deletion.
    if let (PreStop::None, Some(closed)) = (&life.hook, life.listener_closed)
        && closed.low_ns >= signal.low_ns
    {
        signal.high_ns = signal.high_ns.min(closed.high_ns).max(signal.low_ns);
    }
    Some(signal)
}
