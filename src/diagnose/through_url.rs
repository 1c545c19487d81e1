//! Attempts through a URL. Who ended a connection there, or did not take it, no edge of a pod tells: a proxy or a load balancer may
//! stand between, which watches the endpoints by itself, and kube-proxy may have no part in it.

use super::finding::Finding;
use super::scene::Scene;
use super::through_proxy;
use crate::record::OutcomeGroup;
use crate::record::entry::Attempt;
use crate::spec::Door;

/// Whether an attempt went to a URL and not to the Service.
pub(super) fn is(attempt: &Attempt, scene: &Scene<'_>) -> bool {
    scene.variant.load.door(attempt.request) == Door::Url
}

/// Whether an answer may have been given by something in front of the pods.
pub(super) fn may_be_of_another(attempt: &Attempt, scene: &Scene<'_>) -> bool {
    is(attempt, scene) && (attempt.pod.is_none() || attempt.pod_from_connection)
}

/// `None` if it went to the Service, or if it is an answer, which says by itself who gave it.
pub(super) fn explain<'a>(attempt: &Attempt, scene: &Scene<'a>) -> Option<Finding<'a>> {
    if !is(attempt, scene) {
        return None;
    }
    if attempt.outcome.group() != OutcomeGroup::Answered
        && let Some(finding) = through_proxy::of_connection(attempt, scene)
    {
        return Some(finding);
    }
    match attempt.outcome.group() {
        OutcomeGroup::Answered => {
            through_proxy::of_answer(attempt, scene).filter(|_| may_be_of_another(attempt, scene))
        }
        OutcomeGroup::NotConnected => Some(Finding::unknown(
            "the connection went to a URL, and whoever listens there did not take it; the logs of what stands there would tell",
        )),
        _ => Some(Finding::unknown(
            "the connection went to a URL, and a proxy may have ended it or waited for a pod; its logs, or the same load on the \
             Service itself, would tell",
        )),
    }
}
