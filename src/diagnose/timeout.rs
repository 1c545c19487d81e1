//! Requests without an answer in time: from pods that are new, that answer no more as they stop, or that are too few.

use super::cause::Cause;
use super::cut::hangs;
use super::finding::{Finding, Proof};
use super::scene::Scene;
use crate::record::entry::Attempt;
use crate::record::{Outcome, OutcomeGroup};
use crate::timeline::{PodEdge, PodLife};

/// A new pod may be slow for so long after it was ready.
const YOUNG_NS: u64 = 10_000_000_000;
const OF_A_YOUNG_POD: &[PodEdge] = &[PodEdge::Started, PodEdge::EndpointReady];
const OF_A_HANGING_POD: &[PodEdge] =
    &[PodEdge::Deletion, PodEdge::EndpointNotReady, PodEdge::HookEnd, PodEdge::StopSignal, PodEdge::ListenerClosed];

pub(super) fn is(outcome: Outcome) -> bool {
    outcome.group() == OutcomeGroup::TimedOut || outcome == Outcome::TlsTimeout
}

pub(super) fn explain<'a>(attempt: &'a Attempt, scene: &Scene<'a>) -> Finding<'a> {
    let named = attempt.pod.as_ref().and_then(|name| scene.named(name, attempt.end_ns));
    let possible: Vec<&'a PodLife> = named.map_or_else(|| scene.pods().collect(), |pod| vec![pod]);
    let young: Vec<&PodLife> = possible.iter().copied().filter(|pod| is_young(pod, attempt)).collect();
    let hanging: Vec<&PodLife> = possible.into_iter().filter(|pod| hangs(attempt, pod, scene)).collect();
    match (young.as_slice(), hanging.as_slice()) {
        ([pod], []) if attempt.pod.is_some() => Finding::of(Cause::Overload, pod, OF_A_YOUNG_POD),
        ([pod, ..], []) => Finding::without_pod(Cause::Overload, vec![Proof::Edges(pod, OF_A_YOUNG_POD)]),
        ([], [pod]) => Finding::of(Cause::BacklogReset, pod, OF_A_HANGING_POD),
        ([], [pod, ..]) => Finding::without_pod(Cause::BacklogReset, vec![Proof::Edges(pod, OF_A_HANGING_POD)]),
        ([new, ..], [old, ..]) => Finding::torn(format!(
            "{} was young, and {} was stopping and answered no more; a connection without an answer names no pod",
            new.name, old.name
        )),
        ([], []) => too_few(attempt, scene),
    }
}

/// New, and ready for no longer than a slow start may take.
fn is_young(pod: &PodLife, attempt: &Attempt) -> bool {
    let begun_ns = attempt.started_ns.unwrap_or(attempt.planned_ns);
    let ready = pod.endpoint_ready.or(pod.ready);
    pod.new
        && ready
            .is_some_and(|ready| ready.low_ns <= attempt.end_ns && begun_ns <= ready.high_ns.saturating_add(YOUNG_NS))
}

fn too_few<'a>(attempt: &Attempt, scene: &Scene<'a>) -> Finding<'a> {
    let there = scene.pods().filter(|pod| {
        let ready = !pod.new || pod.endpoint_ready.is_some_and(|ready| ready.high_ns <= attempt.end_ns);
        ready && pod.deletion.is_none_or(|deletion| deletion.low_ns > attempt.end_ns)
    });
    let (there, wanted) = (there.count(), scene.variant.replicas() as usize);
    if there < wanted && !scene.trial.pods.is_empty() {
        let what = format!("{there} of {wanted} pods were there to serve");
        return Finding::without_pod(Cause::Overload, vec![Proof::Fact(what.into())]);
    }
    Finding::unknown(
        "no pod was young, stopping or missing at that moment; the servers' own latencies would tell who was slow",
    )
}
