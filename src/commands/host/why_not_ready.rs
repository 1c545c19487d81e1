//! Why a workload does not get ready, in the cluster's own words.

use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::{ListParams, LogParams};
use kube::{Api, Client, ResourceExt};

/// Lines of a container's output that are shown.
const LOG_LINES: i64 = 10;
/// Warnings that are shown.
const EVENTS: usize = 5;

/// What pods, their output and the latest warnings of `namespace` say. Never fails: it is said beside another error.
pub(super) async fn why_not_ready(client: &Client, namespace: &str) -> String {
    let mut lines = Vec::new();
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    for pod in pods.list(&ListParams::default()).await.map(|list| list.items).unwrap_or_default() {
        let name = pod.name_any();
        for container in pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten()) {
            if container.ready {
                continue;
            }
            let state = container.state.clone().unwrap_or_default();
            let waiting = state.waiting.map(|one| (one.reason, one.message));
            let ended = state.terminated.map(|one| (Some(format!("exit code {}", one.exit_code)), one.message));
            let (reason, message) = waiting.or(ended).unwrap_or((Some("running, not ready".to_owned()), None));
            let words: Vec<String> = [reason, message].into_iter().flatten().collect();
            lines.push(format!("pod {name}, container {}: {}", container.name, words.join(": ")));
            let wanted = LogParams {
                container: Some(container.name.clone()),
                tail_lines: Some(LOG_LINES),
                limit_bytes: Some(4_096),
                ..LogParams::default()
            };
            let output = pods.logs(&name, &wanted).await.unwrap_or_default();
            lines.extend(output.lines().map(|line| format!("  {line}")));
        }
        let unscheduled = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
        let unscheduled = unscheduled.filter(|one| one.type_ == "PodScheduled" && one.status == "False");
        lines.extend(unscheduled.map(|one| format!("pod {name}: {}", one.message.clone().unwrap_or_default())));
    }
    let events: Api<Event> = Api::namespaced(client.clone(), namespace);
    let warnings = events.list(&ListParams::default().fields("type=Warning")).await.map(|list| list.items);
    for event in warnings.unwrap_or_default().into_iter().rev().take(EVENTS) {
        let about = event.involved_object.name.unwrap_or_default();
        let words = [event.reason, event.message].map(Option::unwrap_or_default).join(": ");
        lines.push(format!("event of {about}: {words}"));
    }
    if lines.is_empty() { "the cluster reports no reason".to_owned() } else { lines.join("\n") }
}
