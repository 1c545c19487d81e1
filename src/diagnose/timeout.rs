//! Requests without an answer in time, at pods that were not stopping.

use super::cause::Cause;
use super::finding::{Finding, Proof};
use super::scene::Scene;
use crate::record::Outcome;
use crate::record::entry::Attempt;
use crate::timeline::PodLife;

/// A new pod may be slow for so long after it was ready.
const YOUNG_NS: u64 = 10_000_000_000;

pub(super) const fn is(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::HeaderTimeout | Outcome::BodyTimeout)
}

/// `pod` is the one at the other end, where that is known.
pub(super) fn explain<'a>(attempt: &'a Attempt, pod: Option<&'a PodLife>, scene: &Scene<'a>) -> Finding<'a> {
    let begun_ns = attempt.started_ns.unwrap_or(attempt.planned_ns);
    let young = |pod: &PodLife| {
        let ready = pod.endpoint_ready.or(pod.ready);
        pod.new
            && ready.is_some_and(|ready| {
                ready.low_ns <= attempt.end_ns && begun_ns <= ready.high_ns.saturating_add(YOUNG_NS)
            })
    };
    let found: Vec<&'a PodLife> = match pod {
        Some(pod) => Some(pod).into_iter().filter(|pod| young(pod)).collect(),
        None => scene.pods().filter(|pod| young(pod)).collect(),
    };
    match found.as_slice() {
        [young] => Finding::of(Cause::Overload, young, &["started", "endpoint ready"]),
        [young, ..] => Finding::without_pod(Cause::Overload, vec![Proof::Edges(young, &["started", "endpoint ready"])]),
        [] => too_few(attempt, scene),
    }
}

fn too_few<'a>(attempt: &Attempt, scene: &Scene<'a>) -> Finding<'a> {
    let there = scene.pods().filter(|pod| {
        let ready = !pod.new || pod.endpoint_ready.is_some_and(|ready| ready.high_ns <= attempt.end_ns);
        ready && pod.deletion.is_none_or(|deletion| deletion.low_ns > attempt.end_ns)
    });
    let (there, wanted) = (there.count(), scene.variant.replicas as usize);
    if there < wanted && !scene.trial.pods.is_empty() {
        let what = format!("{there} of {wanted} pods were there to serve");
        return Finding::without_pod(Cause::Overload, vec![Proof::Fact(what.into())]);
    }
    Finding::unknown(
        "no pod was young, stopping or missing at that moment; the servers' own latencies would tell who was slow",
    )
}
