//! Answers with a status that was not expected.

use super::at_stop;
use super::cause::Cause;
use super::finding::{Finding, Proof};
use super::scene::Scene;
use crate::record::entry::Attempt;
use crate::timeline::PodEdge;

pub(super) fn explain<'a>(attempt: &'a Attempt, scene: &Scene<'a>) -> Finding<'a> {
    let status = attempt.status.unwrap_or(0);
    let said = Proof::Fact(format!("status {status}").into());
    if let Some(finding) = at_stop::explain(attempt, scene) {
        return finding;
    }
    let Some(name) = attempt.pod.as_ref().filter(|_| !attempt.pod_from_connection) else {
        // RFC 9110, 15.6.3 and 15.6.5: only a gateway or proxy answers so.
        if matches!(status, 502 | 504) {
            return Finding::without_pod(Cause::Proxy, vec![said]);
        }
        return Finding::unknown(format!(
            "the answer with status {status} names no pod; a pod's header on every answer, also on errors, would tell whether \
             the application or something in front of it answered"
        ))
        .and([said]);
    };
    if scene.named(name, attempt.end_ns).is_some_and(|pod| pod.new) && scene.trial.shares_name(name) {
        return Finding::unknown(format!(
            "the new pod has the name of the old one, {name}, so that it is not known whether it had answered before"
        ))
        .and([said]);
    }
    match at_stop::early(attempt, scene) {
        Some(pod) => {
            Finding::of(Cause::NotReadyYet, pod, &[PodEdge::Started, PodEdge::EndpointReady, PodEdge::ListenerOpened])
                .and([said])
        }
        None => Finding { pod: Some(name), ..Finding::without_pod(Cause::ServerError, vec![said]) },
    }
}
