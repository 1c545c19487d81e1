//! What a proxy between the URL and the pods did, as far as it shows: an answer of its own names no pod, and the endpoints of its own
//! Service tell when it was being replaced.

use super::cause::Cause;
use super::finding::{Finding, Proof};
use super::scene::{AT_ONCE_NS, Outage, Scene, stop_begins};
use crate::clock::Stamp;
use crate::record::entry::Attempt;
use crate::record::{Outcome, OutcomeGroup};
use crate::spec::UrlDoor;
use crate::timeline::{Edge, PodEdge, PodLife, ProxyPod};

/// kubelet may stop a pod before its endpoint is seen to leave.
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
    let known = proxy(scene).is_some();
    // RFC 9110, 15.6.3 to 15.6.5. Only of a proxy that is known to be there can a 503 be told from the application's.
    let of_a_gateway = matches!(status, 502 | 504) || (status == 503 && known);
    let said = Proof::Fact(format!("status {status}, in an answer that names no pod").into());
    if of_a_gateway {
        if let Outage::Since(_) = scene.outage(at_ns) {
            let nobody = Proof::Fact("no pod of the Service could serve".into());
            return Some(Finding::without_pod(Cause::NoEndpoint, vec![said, nobody]));
        }
        if let Some(pod) = cut_with_pod(attempt, scene).filter(|_| status != 504) {
            return Some(Finding::of(Cause::CutAtStop, pod, CUT).and([said]));
        }
        let stopped = scene.deaf(at_ns);
        if let Some(latest) = stopped.iter().copied().max_by_key(|pod| pod.listener_closed.map(|edge| edge.high_ns)) {
            let pod = Some(latest.name.as_str()).filter(|_| stopped.len() == 1);
            return Some(Finding { pod, ..Finding::of(Cause::Proxy, latest, STOPPED) }.and([said]));
        }
    }
    // One that stops cuts connections and answers nothing.
    if let Some(fresh) = fresh(scene, at_ns).filter(|_| matches!(status, 404 | 502 | 503)) {
        return Some(of_rollout(fresh, at_ns, scene).and([said]));
    }
    of_a_gateway.then(|| Finding::without_pod(Cause::Proxy, vec![said]))
}

/// A connection that ended, or was not made, without an answer.
pub(super) fn of_connection<'a>(attempt: &Attempt, scene: &Scene<'a>) -> Option<Finding<'a>> {
    let (proxy, at_ns) = (proxy(scene)?, attempt.end_ns);
    // A connect that timed out was led to a pod when it was begun.
    let begun_ns = attempt.started_ns.filter(|_| attempt.outcome == Outcome::ConnectTimeout);
    let routed_ns = begun_ns.unwrap_or(at_ns);
    if let Some(replaced) = replaced(scene, routed_ns) {
        return Some(of_rollout(replaced, routed_ns, scene));
    }
    let cut = matches!(attempt.outcome.group(), OutcomeGroup::NoByte | OutcomeGroup::Partial);
    let pod = stopping(scene, at_ns).filter(|_| cut)?;
    let instead = Proof::Fact(format!("no pod of the proxy {proxy} was being replaced").into());
    Some(match cut_with_pod(attempt, scene) {
        Some(pod) => Finding::of(Cause::CutAtStop, pod, CUT).and([instead]),
        None => Finding::of(Cause::Proxy, pod, STOPPED).and([instead]),
    })
}

/// The Service of the proxy, where it is known.
fn proxy<'a>(scene: &Scene<'a>) -> Option<&'a str> {
    scene.variant.load.url.as_ref().and_then(|UrlDoor { proxy, .. }| proxy.as_deref())
}

/// A loss while the proxy was being replaced, unless a pod of the workload stopped at the same time.
fn of_rollout<'a>(replaced: (&ProxyPod, &'static str, Edge), at_ns: Stamp, scene: &Scene<'a>) -> Finding<'a> {
    let (pod, what, edge) = replaced;
    if let Some(stopping) = stopping(scene, at_ns) {
        return Finding::torn(format!(
            "the proxy's pod {} and the workload's pod {} were both being replaced; roll one of them at a time",
            pod.name, stopping.name
        ));
    }
    let fact = format!("the endpoint of the proxy's pod {} {what} {}", pod.name, when(edge.high_ns, at_ns));
    Finding::without_pod(Cause::ProxyRollout, vec![Proof::Fact(fact.into())])
}

fn when(edge_ns: Stamp, at_ns: Stamp) -> String {
    let (ms, word) = match at_ns.checked_sub(edge_ns) {
        Some(ns) => (ns / 1_000_000, "before"),
        None => ((edge_ns - at_ns) / 1_000_000, "after"),
    };
    format!("{ms} ms {word} the first failure")
}

/// A pod of the proxy that was stopping then.
fn replaced<'t>(scene: &Scene<'t>, at_ns: Stamp) -> Option<(&'t ProxyPod, &'static str, Edge)> {
    scene.trial.proxies.iter().find_map(|pod| {
        let left = pod.left?;
        let begun = left.low_ns.saturating_sub(BEFORE_NS) <= at_ns;
        let lasts = pod.gone.is_none_or(|gone| at_ns <= gone.high_ns.saturating_add(AFTER_NS));
        (begun && lasts).then_some((pod, "was ready no more", left))
    })
}

/// A pod of the proxy that had just become ready.
fn fresh<'t>(scene: &Scene<'t>, at_ns: Stamp) -> Option<(&'t ProxyPod, &'static str, Edge)> {
    let first_ns = scene.trial.window?.first_ns;
    scene.trial.proxies.iter().find_map(|pod| {
        let ready = pod.ready.filter(|ready| ready.low_ns >= first_ns)?;
        let recent = ready.low_ns <= at_ns && at_ns <= ready.high_ns.saturating_add(FRESH_NS);
        recent.then_some((pod, "became ready", ready))
    })
}

/// A pod of the workload that was stopping then.
fn stopping<'a>(scene: &Scene<'a>, at_ns: Stamp) -> Option<&'a PodLife> {
    scene.pods().find(|pod| {
        let begun = pod.deletion.is_some_and(|deletion| deletion.low_ns <= at_ns);
        begun && ended_by(pod).is_none_or(|ended_ns| at_ns <= ended_ns)
    })
}

fn ended_by(pod: &PodLife) -> Option<Stamp> {
    pod.finished.or(pod.gone).map(|edge| edge.high_ns.saturating_add(AFTER_NS))
}

/// The pod that stopped while the request was in flight, where nobody had stopped before and only one did.
fn cut_with_pod<'a>(attempt: &Attempt, scene: &Scene<'a>) -> Option<&'a PodLife> {
    let sent_ns = attempt.sent_ns?;
    let mut stopped = scene.pods().filter(|pod| {
        let told = pod.deletion.and_then(|_| stop_begins(pod));
        let meanwhile =
            told.is_some_and(|told| sent_ns.saturating_add(AT_ONCE_NS) < told.low_ns && told.low_ns <= attempt.end_ns);
        meanwhile && ended_by(pod).is_none_or(|ended_ns| attempt.end_ns <= ended_ns)
    });
    let only = stopped.next().filter(|_| stopped.next().is_none())?;
    scene.deaf(sent_ns).is_empty().then_some(only)
}
