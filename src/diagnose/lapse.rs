//! Moments at which no pod of the Service had an endpoint although some had one before and after: their probes failed, or their
//! containers ended.

use super::finding::Proof;
use super::scene::{Certainty, OUTAGE_TAIL_NS, Scene, listens_until};
use crate::clock::Stamp;
use crate::record::Outcome;
use crate::record::entry::Attempt;
use crate::timeline::{LapseKind, PodLapse, PodLife};

/// What shows that no pod of the Service, nor of another workload behind it, had an endpoint when a connection was begun, or since
/// then until it was; `None` where that is not sure.
pub(super) fn without_endpoint<'a>(attempt: &Attempt, scene: &Scene<'a>) -> Option<Vec<Proof<'a>>> {
    if scene.pods().all(|pod| pod.lapses.is_empty()) {
        return None;
    }
    let at_ns = attempt.started_ns.unwrap_or(attempt.planned_ns);
    let refused = matches!(attempt.outcome, Outcome::Refused | Outcome::Unreachable);
    let now = nobody(at_ns, scene) || (refused && only_the_deaf(at_ns, scene));
    // What a stopped pod may have refused is no sign that routing has not noticed who is ready again.
    let before = || {
        let moments = if only_rules_refuse(at_ns, scene) { ends_before(at_ns, scene) } else { Vec::new() };
        let unanswered = moments.iter().find(|(moment_ns, _)| !answered_between(*moment_ns, at_ns, scene));
        let late = || moments.iter().find(|(_, over_ns)| refused && by_late_rules(*over_ns, at_ns, scene));
        unanswered.or_else(late).map(|(moment_ns, _)| *moment_ns)
    };
    let moment_ns = if now { Some(at_ns) } else { before() }?;
    let all = scene.pods().filter_map(|pod| Some((pod, kind_at(pod, moment_ns)?)));
    let lapsed = all.map(|(pod, kind)| Proof::Fact(words(pod, kind).into()));
    let on = scene.node.map_or_else(String::new, |node| format!(" on node {node}"));
    let none = format!("no pod of the Service{on} had a ready endpoint, or one that terminated and served");
    let none = Proof::Fact(none.into());
    Some(std::iter::once(none).chain(lapsed).collect())
}

/// The pods that may have lacked something then, in words.
pub(super) fn around(at_ns: Stamp, scene: &Scene<'_>) -> Option<(LapseKind, String)> {
    let lapses = scene.pods().flat_map(|pod| pod.lapses.iter().map(move |lapse| (pod, lapse)));
    let touching = lapses.filter(|(_, lapse)| lapse.may_touch(at_ns, at_ns));
    let (pod, lapse) = touching.max_by_key(|(_, lapse)| lapse.kind == LapseKind::Ended)?;
    Some((lapse.kind, words(pod, lapse.kind)))
}

fn words(pod: &PodLife, kind: LapseKind) -> String {
    match kind {
        LapseKind::Unready => format!("the endpoint of {} was not ready, and the pod was not deleted", pod.name),
        LapseKind::Ended => format!("a container of {} had ended without the pod's deletion", pod.name),
    }
}

fn kind_at(pod: &PodLife, at_ns: Stamp) -> Option<LapseKind> {
    let lasts = |lapse: &&PodLapse| lapse.surely_lasts(at_ns, 0);
    let lapse = pod.lapses.iter().filter(lasts).max_by_key(|lapse| lapse.kind == LapseKind::Ended);
    let unready = pod.endpoint_not_ready.filter(|edge| pod.deletion.is_none() && edge.high_ns <= at_ns);
    lapse.map(|lapse| lapse.kind).or(unready.map(|_| LapseKind::Unready))
}

/// The times soon before in which nobody had an endpoint, the latest first: the last moment at which that is sure, and at which it may
/// be.
fn ends_before(at_ns: Stamp, scene: &Scene<'_>) -> Vec<(Stamp, Stamp)> {
    let again = scene.pods().flat_map(|pod| {
        let ends = pod.lapses.iter().filter_map(|lapse| lapse.until);
        ends.chain(pod.endpoint_ready.filter(|_| pod.new)).map(|edge| (edge.low_ns.saturating_sub(1), edge.high_ns))
    });
    let soon = at_ns.saturating_sub(OUTAGE_TAIL_NS)..at_ns;
    let mut moments: Vec<(Stamp, Stamp)> = again.filter(|(again_ns, _)| soon.contains(again_ns)).collect();
    moments.sort_unstable();
    moments.into_iter().rev().filter(|(moment_ns, _)| nobody(*moment_ns, scene)).collect()
}

fn answered_between(from_ns: Stamp, until_ns: Stamp, scene: &Scene<'_>) -> bool {
    scene.trial.answered_anew_ns.values().any(|of_pod| of_pod.range(from_ns..=until_ns).next().is_some())
}

/// Whether rules that follow the endpoints late can have refused a connection for want of one, and nothing else can: each pod listened.
fn by_late_rules(over_ns: Stamp, at_ns: Stamp, scene: &Scene<'_>) -> bool {
    let late = at_ns.saturating_sub(over_ns) <= scene.routing_lag_max_ns.min(OUTAGE_TAIL_NS);
    let ended = scene
        .pods()
        .flat_map(|pod| &pod.lapses)
        .any(|lapse| lapse.kind == LapseKind::Ended && lapse.may_touch(over_ns.saturating_sub(OUTAGE_TAIL_NS), at_ns));
    late && !ended && scene.crashed(at_ns).is_none()
}

fn nobody(at_ns: Stamp, scene: &Scene<'_>) -> bool {
    let without = |certainty| !scene.pods().any(|pod| may_serve(pod, at_ns, certainty, scene));
    let by_rules = || without(Certainty::Sure) && only_rules_refuse(at_ns, scene);
    !another_may_serve(at_ns, scene) && (without(Certainty::Possible) || by_rules())
}

/// Whether the last pod that may have served is the only one that can have refused, so that it did not listen any more.
fn only_the_deaf(at_ns: Stamp, scene: &Scene<'_>) -> bool {
    let mut serving = scene.pods().filter(|pod| may_serve(pod, at_ns, Certainty::Possible, scene));
    let (Some(last), None) = (serving.next(), serving.next()) else { return false };
    let deaf = scene.deaf(at_ns);
    let alone = !deaf.is_empty() && deaf.iter().all(|pod| pod.uid == last.uid);
    alone && scene.not_listening_yet(at_ns).is_empty() && !another_may_serve(at_ns, scene)
}

fn another_may_serve(at_ns: Stamp, scene: &Scene<'_>) -> bool {
    scene.trial.neighbours.iter().any(|other| other.may_be_ready(at_ns))
}

/// Where no stopped pod was routed to any more, and none before it listened, only the node's own rules can have refused a connection.
fn only_rules_refuse(at_ns: Stamp, scene: &Scene<'_>) -> bool {
    scene.deaf(at_ns).is_empty() && scene.not_listening_yet(at_ns).is_empty()
}

/// Whether a pod may have had an endpoint then; where only `Possible`, also whether connections may still have been routed to it.
fn may_serve(pod: &PodLife, at_ns: Stamp, certainty: Certainty, scene: &Scene<'_>) -> bool {
    let lag_ns = |kind: LapseKind| match (kind, certainty) {
        (LapseKind::Unready, Certainty::Possible) => scene.routing_lag_max_ns,
        (LapseKind::Unready, Certainty::Sure) | (LapseKind::Ended, _) => 0,
    };
    let began = if pod.new { pod.endpoint_ready.is_some_and(|ready| ready.low_ns <= at_ns) } else { true };
    let until_ns = match certainty {
        Certainty::Possible => scene.serves_until(pod, Certainty::Possible),
        Certainty::Sure => {
            let unready = pod.endpoint_not_ready.filter(|_| pod.deletion.is_none());
            let left = pod.endpoint_not_serving.or(unready).or(pod.endpoint_gone).map(|edge| edge.high_ns);
            listens_until(pod, Certainty::Possible).into_iter().chain(left).min()
        }
    };
    began
        && until_ns.is_none_or(|until_ns| at_ns < until_ns)
        && !pod.lapses.iter().any(|lapse| lapse.surely_lasts(at_ns, lag_ns(lapse.kind)))
}
