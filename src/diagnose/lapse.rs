//! Moments at which no pod of the Service had an endpoint although some had one before and after: their probes failed, or their
//! containers ended.

use super::finding::Proof;
use super::scene::{Certainty, OUTAGE_TAIL_NS, Scene, listens_until};
use crate::clock::Stamp;
use crate::timeline::{LapseKind, PodLapse, PodLife};

/// What shows that no pod of the Service, nor of another workload behind it, had an endpoint when a connection was begun, or since
/// then until it was; `None` where that is not sure.
pub(super) fn without_endpoint<'a>(at_ns: Stamp, scene: &Scene<'a>) -> Option<Vec<Proof<'a>>> {
    if scene.pods().all(|pod| pod.lapses.is_empty()) {
        return None;
    }
    let moment_ns = if nobody(at_ns, scene) { at_ns } else { last_without(at_ns, scene)? };
    let all = scene.pods().filter_map(|pod| Some((pod, kind_at(pod, moment_ns)?)));
    let lapsed = all.map(|(pod, kind)| Proof::Fact(words(pod, kind).into()));
    let nobody = Proof::Fact("no pod of the Service had a ready endpoint, or one that terminated and served".into());
    Some(std::iter::once(nobody).chain(lapsed).collect())
}

/// The pods that may have lacked something then, in words.
pub(super) fn around(at_ns: Stamp, scene: &Scene<'_>) -> Option<String> {
    let lapses = scene.pods().flat_map(|pod| pod.lapses.iter().map(move |lapse| (pod, lapse)));
    let touching = lapses.filter(|(_, lapse)| lapse.may_touch(at_ns, at_ns));
    let (pod, lapse) = touching.max_by_key(|(_, lapse)| lapse.kind == LapseKind::Ended)?;
    Some(words(pod, lapse.kind))
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

/// The last moment before at which nobody had an endpoint, if no new connection has been answered since.
fn last_without(at_ns: Stamp, scene: &Scene<'_>) -> Option<Stamp> {
    let again = scene.pods().flat_map(|pod| {
        let ends = pod.lapses.iter().filter_map(|lapse| lapse.until);
        ends.chain(pod.endpoint_ready.filter(|_| pod.new)).map(|edge| edge.low_ns.saturating_sub(1))
    });
    let since_ns = at_ns.saturating_sub(OUTAGE_TAIL_NS);
    let since_ns = scene.trial.answered_anew_ns.range(..=at_ns).next_back().map_or(since_ns, |at| since_ns.max(*at));
    let mut before: Vec<Stamp> = again.filter(|again| (since_ns..at_ns).contains(again)).collect();
    before.sort_unstable();
    before.into_iter().rev().find(|moment_ns| nobody(*moment_ns, scene))
}

fn nobody(at_ns: Stamp, scene: &Scene<'_>) -> bool {
    let without = |certainty| !scene.pods().any(|pod| may_serve(pod, at_ns, certainty, scene));
    let others = scene.trial.neighbours.iter().any(|other| other.may_be_ready(at_ns));
    // Where no stopped pod was routed to any more, only the node's own rules can have refused it, which had followed the endpoints.
    let by_rules = || scene.deaf(at_ns).is_empty() && scene.not_listening_yet(at_ns).is_empty();
    !others && (without(Certainty::Possible) || (without(Certainty::Sure) && by_rules()))
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
