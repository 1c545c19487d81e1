//! What a proxy between the URL and the pods did, as far as it shows: an answer of its own names no pod, and the endpoints of its own
//! Service tell when it was being replaced.

use super::cause::Cause;
use super::finding::{Finding, Proof};
use super::scene::{AT_ONCE_NS, Outage, Scene, stop_begins};
use crate::clock::Stamp;
use crate::record::entry::Attempt;
use crate::record::{Outcome, OutcomeGroup};
use crate::timeline::{Edge, PodEdge, PodLife, ProxyPod};

/// kubelet may stop a pod before its endpoint is seen to terminate.
const BEFORE_NS: u64 = 500_000_000;
/// What a pod's end does may be seen so long after it.
const AFTER_NS: u64 = 2_000_000_000;
/// A proxy that has just started may not know its routes or pods yet.
const FRESH_NS: u64 = 5_000_000_000;

const STOPPED: &[PodEdge] = &[PodEdge::Deletion, PodEdge::EndpointNotReady, PodEdge::ListenerClosed];
const CUT: &[PodEdge] = &[PodEdge::StopSignal, PodEdge::ContainerFinished];

/// An answer that names no pod.
pub(super) fn of_answer<'a>(attempt: &Attempt, scene: &Scene<'a>) -> Option<Finding<'a>> {
    let (status, at_ns) = (attempt.status?, attempt.end_ns);
    let proxy = proxy(scene, at_ns);
    // RFC 9110, 15.6.3 to 15.6.5. A 503 may be the application's, unless a proxy is known to be there and something else speaks for it.
    let of_a_gateway = matches!(status, 502 | 504) || (status == 503 && proxy.is_some());
    let said = Proof::Fact(format!("status {status}, in an answer that names no pod").into());
    if of_a_gateway {
        if let Some(pod) = cut_with_pod(attempt, scene).filter(|_| status != 504) {
            return Some(Finding::of(Cause::CutAtStop, pod, CUT).and([said]));
        }
        // A proxy asks for a pod when the request comes, however long it waits then.
        if let Outage::Since(_) = scene.outage(begun(attempt)) {
            let nobody = Proof::Fact("no pod of the Service could serve".into());
            return Some(Finding::without_pod(Cause::NoEndpoint, vec![said, nobody]));
        }
        let stopped = scene.stopped(at_ns);
        if let Some(latest) = stopped.iter().copied().max_by_key(|pod| pod.listener_closed.map(|edge| edge.high_ns)) {
            let pod = Some(latest.name.as_str()).filter(|_| stopped.len() == 1);
            return Some(Finding { pod, ..Finding::of(Cause::Proxy, latest, STOPPED) }.and([said]));
        }
    }
    // One that stops cuts connections and answers nothing.
    let fresh = proxy.and_then(|_| fresh(scene, at_ns)).filter(|_| matches!(status, 404 | 502 | 503));
    if let Some((pod, ready)) = fresh {
        return Some(of_rollout(pod, "became ready", ready, at_ns, scene).and([said]));
    }
    matches!(status, 502 | 504).then(|| Finding::without_pod(Cause::Proxy, vec![said]))
}

/// A connection that ended, or was not made, without an answer. What timed out on a connection may have waited for the proxy or for a pod.
pub(super) fn of_connection<'a>(attempt: &Attempt, scene: &Scene<'a>) -> Option<Finding<'a>> {
    let unmade = attempt.outcome.group() == OutcomeGroup::NotConnected;
    let cut =
        matches!(attempt.outcome.group(), OutcomeGroup::NoByte | OutcomeGroup::Partial | OutcomeGroup::NotSecured);
    let says_nothing = matches!(attempt.outcome, Outcome::BadHttp | Outcome::TlsFailed | Outcome::TlsTimeout);
    if says_nothing || !(unmade || cut) {
        return None;
    }
    // A connect that timed out was led to a pod when it was begun.
    let at_ns = if attempt.outcome == Outcome::ConnectTimeout { begun(attempt) } else { attempt.end_ns };
    let proxy = proxy(scene, at_ns)?;
    if let Some((pod, stopping)) = replaced(attempt, at_ns, scene) {
        return Some(of_rollout(pod, "stopped", stopping, at_ns, scene));
    }
    let stopping: Vec<&PodLife> = stopping(scene, at_ns).collect();
    let first = stopping.first().filter(|_| cut && attempt.outcome.group() != OutcomeGroup::NotSecured)?;
    let instead = Proof::Fact(format!("no pod of the proxy {proxy} was being replaced").into());
    if let Some(pod) = cut_with_pod(attempt, scene) {
        return Some(Finding::of(Cause::CutAtStop, pod, CUT).and([instead]));
    }
    let pod = Some(first.name.as_str()).filter(|_| stopping.len() == 1);
    let meanwhile = Proof::Fact(format!("pod {} was being stopped", first.name).into());
    Some(Finding { pod, ..Finding::without_pod(Cause::Proxy, vec![meanwhile, instead]) })
}

fn begun(attempt: &Attempt) -> Stamp {
    attempt.sent_ns.or(attempt.started_ns).unwrap_or(attempt.planned_ns)
}

/// The Service of the proxy, where its pods were seen at that moment.
fn proxy<'a>(scene: &Scene<'a>, at_ns: Stamp) -> Option<&'a str> {
    let named = scene.variant.load.url.as_ref().and_then(|door| door.proxy.as_deref());
    named.filter(|_| scene.trial.proxy.is_known_at(at_ns))
}

/// A loss while the proxy was being replaced, unless a pod of the workload stopped at the same time.
fn of_rollout<'a>(pod: &ProxyPod, what: &str, edge: Edge, at_ns: Stamp, scene: &Scene<'a>) -> Finding<'a> {
    if let Some(stopping) = stopping(scene, at_ns).next() {
        return Finding::torn(format!(
            "the proxy's pod {} and the workload's pod {} were both being replaced; roll one of them at a time",
            pod.name, stopping.name
        ));
    }
    let fact = format!("the proxy's pod {} {what} {}", pod.name, when(edge.high_ns, at_ns));
    Finding::without_pod(Cause::ProxyRollout, vec![Proof::Fact(fact.into())])
}

fn when(edge_ns: Stamp, at_ns: Stamp) -> String {
    let (ms, word) = match at_ns.checked_sub(edge_ns) {
        Some(ns) => (ns / 1_000_000, "before"),
        None => ((edge_ns - at_ns) / 1_000_000, "after"),
    };
    format!("{ms} ms {word} the first failure")
}

/// The pod of the proxy that stopped and may have had the connection: routing led there until it had followed.
fn replaced<'t>(attempt: &Attempt, at_ns: Stamp, scene: &Scene<'t>) -> Option<(&'t ProxyPod, Edge)> {
    let made_ns = made(attempt);
    scene.trial.proxy.pods.iter().find_map(|pod| {
        let stopping = pod.stopping?;
        let routed_until = stopping.high_ns.saturating_add(scene.routing_lag_max_ns);
        let there = pod.gone.is_none_or(|gone| at_ns <= gone.high_ns.saturating_add(AFTER_NS));
        let lasts = match made_ns {
            // It was made before, and cut while the pod was there.
            Some(made_ns) => there && made_ns <= routed_until,
            None => at_ns <= routed_until,
        };
        (stopping.low_ns.saturating_sub(BEFORE_NS) <= at_ns && lasts).then_some((pod, stopping))
    })
}

/// When the connection was made; `None` if it was not.
fn made(attempt: &Attempt) -> Option<Stamp> {
    let kept = || {
        let age_ns = attempt.connection.as_ref()?.age_ns;
        Some(attempt.started_ns.unwrap_or(attempt.planned_ns).saturating_sub(age_ns))
    };
    let made = attempt.outcome.group() != OutcomeGroup::NotConnected;
    if made { attempt.connected_ns.or_else(kept) } else { None }
}

/// A pod of the proxy that had just become ready.
fn fresh<'t>(scene: &Scene<'t>, at_ns: Stamp) -> Option<(&'t ProxyPod, Edge)> {
    let first_ns = scene.trial.window?.first_ns;
    let pods = scene.trial.proxy.pods.iter().filter(|pod| pod.ready.low_ns >= first_ns);
    let mut fresh = pods.filter(|pod| pod.ready.low_ns <= at_ns && at_ns <= pod.ready.high_ns.saturating_add(FRESH_NS));
    fresh.next().map(|pod| (pod, pod.ready))
}

/// The pods of the workload that were stopping then.
fn stopping<'a>(scene: &Scene<'a>, at_ns: Stamp) -> impl Iterator<Item = &'a PodLife> {
    scene.pods().filter(move |pod| {
        let begun = pod.deletion.is_some_and(|deletion| deletion.low_ns <= at_ns);
        begun && ended_by(pod).is_none_or(|ended_ns| at_ns <= ended_ns)
    })
}

fn ended_by(pod: &PodLife) -> Option<Stamp> {
    pod.finished.or(pod.gone).map(|edge| edge.high_ns.saturating_add(AFTER_NS))
}

/// The pod that stopped while the request was in flight, where nobody had stopped before and only one did: the request ended as it was told
/// to stop, or as it ended.
fn cut_with_pod<'a>(attempt: &Attempt, scene: &Scene<'a>) -> Option<&'a PodLife> {
    let sent_ns = attempt.sent_ns?;
    let near = |edge: Edge| edge.low_ns <= attempt.end_ns && attempt.end_ns <= edge.high_ns.saturating_add(AFTER_NS);
    let mut stopped = scene.pods().filter(|pod| {
        let Some(told) = pod.deletion.and_then(|_| stop_begins(pod)) else { return false };
        let meanwhile = sent_ns.saturating_add(AT_ONCE_NS) < told.low_ns;
        meanwhile && (near(told) || pod.finished.or(pod.gone).is_some_and(near))
    });
    let only = stopped.next().filter(|_| stopped.next().is_none())?;
    scene.stopped(sent_ns).is_empty().then_some(only)
}
