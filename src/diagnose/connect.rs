//! Connections that were not made: refused, without a route, or without an answer.

use super::cause::Cause;
use super::cut::pod_vanished;
use super::finding::{Finding, Proof};
use super::lapse;
use super::scene::{Outage, SEEN_LATE_NS, Scene};
use crate::record::Outcome;
use crate::record::entry::Attempt;
use crate::timeline::{LapseKind, PodEdge, PodLife};

const OF_A_DEAF_POD: &[PodEdge] = &[
    PodEdge::Deletion,
    PodEdge::EndpointNotReady,
    PodEdge::HookEnd,
    PodEdge::StopSignal,
    PodEdge::ListenerClosed,
    PodEdge::ContainerFinished,
];

pub(super) fn explain<'a>(attempt: &'a Attempt, scene: &Scene<'a>) -> Finding<'a> {
    let at_ns = attempt.started_ns.unwrap_or(attempt.planned_ns);
    if let Some(finding) = stale_conntrack(attempt, scene) {
        return finding;
    }
    let mut deaf = scene.deaf(at_ns);
    // One whose deletion was seen before explains more than one whose deletion was seen soon after.
    if deaf.iter().any(|pod| pod.deletion.is_some_and(|deletion| deletion.surely_before(at_ns))) {
        deaf.retain(|pod| pod.deletion.is_some_and(|deletion| deletion.surely_before(at_ns)));
    }
    let outage = scene.outage(at_ns);
    if let Outage::Since(since_ns) = outage {
        return in_outage(&scene.not_listening_yet(since_ns.saturating_add(SEEN_LATE_NS)), &deaf, scene);
    }
    if let Some(proofs) = lapse::without_endpoint(attempt, scene) {
        return no_endpoint(proofs, &deaf);
    }
    if let Outage::Unclear = outage {
        return Finding::torn(
            "whether a pod still listened at that moment was not observed closely enough to tell an outage from a race",
        );
    }
    // Without a ready endpoint routing falls back to those that terminate while they serve (KEP-1669). With the new pods among the
    // endpoints it would not have come here any more.
    if let (Some(unselected), [_, ..]) = (scene.selects_nobody(at_ns), deaf.as_slice()) {
        return no_endpoint(vec![Proof::Fact(unselected.words().into())], &deaf);
    }
    match (scene.not_listening_yet(at_ns).as_slice(), deaf.as_slice()) {
        ([pod], []) => not_ready_yet(pod),
        ([first, ..], []) => Finding { pod: None, ..not_ready_yet(first) },
        ([new, ..], [old, ..]) => Finding::torn(format!(
            "the connection may have been routed to {}, which was ready before it listened, or to {}, whose listener was \
             closed; a failed connection names no pod",
            new.name, old.name
        )),
        ([], deaf) => {
            let neighbour = scene.only_neighbour(at_ns).map(|other| {
                Proof::Fact(
                    format!(
                        "{}, a pod of another workload, was a ready endpoint of the Service and answered",
                        other.name
                    )
                    .into(),
                )
            });
            without_new_pods(deaf, attempt, scene).and(neighbour)
        }
    }
}

/// No pod could serve. Was a pod taken for ready as that began that did not listen yet, then the old ones were stopped too early
/// for it: that is why; else there simply was none.
fn in_outage<'a>(early: &[&'a PodLife], deaf: &[&'a PodLife], scene: &Scene<'a>) -> Finding<'a> {
    if let Some(pod) = early.first() {
        return Finding { pod: None, ..not_ready_yet(pod) };
    }
    let none = match scene.node {
        None => "no pod of the Service could serve, and no new connection has been answered since".into(),
        Some(node) => format!("no pod of the Service on node {node} could serve").into(),
    };
    let none = Proof::Fact(none);
    let why = scene.unselected.as_ref().map(|unselected| Proof::Fact(unselected.words().into()));
    no_endpoint([none].into_iter().chain(why).collect(), deaf)
}

fn no_endpoint<'a>(why: Vec<Proof<'a>>, deaf: &[&'a PodLife]) -> Finding<'a> {
    let stopped = deaf.iter().map(|pod| Proof::Edges(pod, &[PodEdge::Deletion, PodEdge::ListenerClosed]));
    Finding::without_pod(Cause::NoEndpoint, why).and(stopped)
}

fn without_new_pods<'a>(deaf: &[&'a PodLife], attempt: &Attempt, scene: &Scene<'a>) -> Finding<'a> {
    let at_ns = attempt.started_ns.unwrap_or(attempt.planned_ns);
    if let Some(crashed) = scene.crashed(at_ns) {
        return Finding::unknown(format!(
            "a container of {} ended without the pod's deletion; its log and exit code tell why",
            crashed.name
        ));
    }
    match deaf {
        [] => Finding::unknown(scene.vanished().map_or_else(|| nobody(attempt, scene), pod_vanished)),
        [pod] => Finding::of(gone_deaf(pod, attempt), pod, OF_A_DEAF_POD),
        several => {
            let causes: Vec<Cause> = several.iter().map(|pod| gone_deaf(pod, attempt)).collect();
            let cause = if causes.iter().all(|cause| *cause == causes[0]) { causes[0] } else { Cause::EndpointRace };
            // Of those that went so the one that went last is the likeliest; which it was does not matter.
            let so = several.iter().zip(&causes).filter(|(_, one)| **one == cause).map(|(pod, _)| pod);
            let last = so.max_by_key(|pod| pod.deletion.map(|deletion| deletion.high_ns));
            let evidence = last.map(|pod| Proof::Edges(pod, OF_A_DEAF_POD)).into_iter().collect();
            Finding::without_pod(cause, evidence)
        }
    }
}

/// A pod whose hook failed at once was protected by nothing: that is why its listener was gone so soon.
fn gone_deaf(pod: &PodLife, attempt: &Attempt) -> Cause {
    let over = pod.hook_end.is_some_and(|end| end.low_ns <= attempt.end_ns);
    if pod.hook_broke() && over { Cause::PrestopFailed } else { Cause::EndpointRace }
}

fn not_ready_yet(pod: &PodLife) -> Finding<'_> {
    Finding::of(Cause::NotReadyYet, pod, &[PodEdge::Started, PodEdge::EndpointReady, PodEdge::ListenerOpened])
}

pub(super) fn stale_conntrack<'a>(attempt: &Attempt, scene: &Scene<'a>) -> Option<Finding<'a>> {
    let port = attempt.connection.as_ref()?.local_port;
    let until_ns = *scene.stale_ports.get(&(port, attempt.node))?;
    let silent = matches!(attempt.outcome, Outcome::ConnectTimeout | Outcome::Unreachable);
    (silent && attempt.started_ns? < until_ns).then(|| {
        let what = format!("an earlier connect from local port {port} timed out, and its NAT entry lives 120 s");
        Finding::without_pod(Cause::StaleConntrack, vec![Proof::Fact(what.into())])
    })
}

/// A pod's closed listener is known of those that the side probe looks at: a container that ends by itself is told by its pod.
fn nobody(attempt: &Attempt, scene: &Scene<'_>) -> String {
    let at_ns = attempt.started_ns.unwrap_or(attempt.planned_ns);
    let lapse = match lapse::around(at_ns, scene) {
        Some((LapseKind::Ended, words)) => {
            return format!(
                "{words}, and connections may still have been routed to it; its log and exit code tell why"
            );
        }
        Some((LapseKind::Unready, words)) => format!("; about then, {words}"),
        None => String::new(),
    };
    let would = if attempt.outcome == Outcome::Refused {
        "the pods' logs and the node's proxy rules would tell who refused"
    } else {
        "a capture on the node would tell where the packets went"
    };
    format!(
        "no pod is known whose listener was gone, or not yet there, while connections may have been routed to it{lapse}; {would}"
    )
}
