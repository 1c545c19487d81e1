//! The `ReplicaSet` controller (`pkg/controller/replicaset`): as many pods as asked for, and a status that counts them.

use std::cmp::Reverse;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::action::ControllerAction;
use super::view::{ControllerPlan, ControllerView, active, available_from, ready};
use crate::cluster::embedded::store::{ObjectKind, meta};

const COMPONENT: &str = "replicaset-controller";

pub(super) fn step(view: &ControllerView, plan: &mut ControllerPlan) {
    for set in &view.replica_sets {
        let pods: Vec<&Value> = ControllerView::controlled(&view.pods, set).filter(|pod| active(pod)).collect();
        if !meta::terminating(set) {
            scale(set, &pods, plan);
        }
        status(set, &pods, plan);
    }
}

fn scale(set: &Value, pods: &[&Value], plan: &mut ControllerPlan) {
    let wanted = usize::try_from(meta::number(set, "/spec/replicas").unwrap_or(1)).unwrap_or(0);
    let now = plan.now_text();
    for _ in pods.len()..wanted {
        plan.push(ControllerAction::CreatePod { set: set.clone(), pod: pod(set), now: now.clone() });
    }
    if pods.len() > wanted {
        let mut ranked = pods.to_vec();
        ranked.sort_by_cached_key(|pod| deletion_rank(pod, plan.now));
        for pod in ranked.into_iter().take(pods.len() - wanted) {
            plan.push(ControllerAction::delete(ObjectKind::Pod, pod));
            let message = format!("Deleted pod: {}", meta::name(pod));
            plan.push(ControllerAction::event(
                ObjectKind::ReplicaSet,
                set,
                COMPONENT,
                "SuccessfulDelete",
                &message,
                &now,
            ));
        }
    }
}

/// A pod of the set, as `GetPodFromTemplate` makes it.
fn pod(set: &Value) -> Value {
    let template = &set["spec"]["template"];
    let mut metadata = json!({
        "generateName": format!("{}-", meta::name(set)),
        "namespace": meta::namespace(set),
        "ownerReferences": [{
            "apiVersion": ObjectKind::ReplicaSet.api_version(), "kind": "ReplicaSet", "name": meta::name(set),
            "uid": meta::uid(set), "controller": true, "blockOwnerDeletion": true,
        }],
    });
    for field in ["labels", "annotations"] {
        if let Some(value) = template["metadata"].get(field) {
            metadata[field] = value.clone();
        }
    }
    json!({"metadata": metadata, "spec": template["spec"], "status": {"phase": "Pending", "qosClass": "BestEffort"}})
}

/// The order in which surplus pods go, lowest first (`controller.ActivePodsWithRanks`): without a node, pending, not
/// ready, cheap to delete; then the more recently ready, in powers of two of the time since; then more restarts; then
/// the younger. On the one node here the rank by pods on the same node is equal for all.
fn deletion_rank(pod: &Value, now: Timestamp) -> impl Ord + use<> {
    let phase = match meta::text(pod, "/status/phase") {
        "Pending" | "" => 0,
        "Unknown" => 1,
        _ => 2,
    };
    let ready = ready(pod);
    let cost: i64 = meta::annotation(pod, "controller.kubernetes.io/pod-deletion-cost")
        .and_then(|cost| cost.parse().ok())
        .unwrap_or(0);
    let ready_since =
        meta::condition(pod, "Ready").map_or("", |condition| meta::text(condition, "/lastTransitionTime"));
    let restarts = meta::list(pod, "/status/containerStatuses")
        .iter()
        .filter_map(|status| meta::number(status, "/restartCount"))
        .max()
        .unwrap_or(0);
    (
        !meta::text(pod, "/spec/nodeName").is_empty(),
        phase,
        ready,
        cost,
        if ready { age_rank(ready_since, now) } else { 0 },
        Reverse(restarts),
        age_rank(meta::text(pod, "/metadata/creationTimestamp"), now),
        meta::uid(pod).to_owned(),
    )
}

/// The base-2 logarithm of the time since `text`, in nanoseconds, or -1 (`logarithmicRankDiff`).
fn age_rank(text: &str, now: Timestamp) -> i64 {
    let since: Option<Timestamp> = text.parse().ok();
    let age = since.map_or(0, |since| now.duration_since(since).as_nanos());
    u128::try_from(age).ok().and_then(u128::checked_ilog2).map_or(-1, i64::from)
}

fn status(set: &Value, pods: &[&Value], plan: &mut ControllerPlan) {
    let min_ready_s = meta::number(set, "/spec/minReadySeconds").unwrap_or(0);
    let mut available = 0;
    for pod in pods {
        match available_from(pod, min_ready_s) {
            Some(from) if from <= plan.now => available += 1,
            Some(from) => plan.look_again(from),
            None => {}
        }
    }
    let mut wanted = json!({
        "replicas": pods.len(), "fullyLabeledReplicas": pods.len(),
        "readyReplicas": pods.iter().filter(|pod| ready(pod)).count(), "availableReplicas": available,
        "observedGeneration": set["metadata"]["generation"],
    });
    if let Some(conditions) = set["status"].get("conditions") {
        wanted["conditions"] = conditions.clone();
    }
    if set["status"] != wanted {
        plan.push(ControllerAction::status(ObjectKind::ReplicaSet, set, wanted));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn pod(name: &str, change: impl FnOnce(&mut Value)) -> Value {
        let mut pod = json!({
            "metadata": {"name": name, "uid": name, "creationTimestamp": "2026-01-01T00:00:00Z",
                "ownerReferences": [{"uid": "set", "controller": true}]},
            "spec": {"nodeName": "n"},
            "status": {"phase": "Running", "conditions": [
                {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:10Z"}]},
        });
        change(&mut pod);
        pod
    }

    fn run(replicas: usize, min_ready_s: i64, pods: Vec<Value>) -> ControllerPlan {
        let set = json!({"metadata": {"name": "set", "uid": "set", "namespace": "default", "generation": 1},
            "spec": {"replicas": replicas, "minReadySeconds": min_ready_s, "template": {"metadata": {"labels": {"a": "b"}}}}});
        let view = ControllerView {
            replica_sets: vec![Arc::new(set)],
            pods: pods.into_iter().map(Arc::new).collect(),
            ..ControllerView::default()
        };
        let mut plan = ControllerPlan::at("2026-01-01T00:01:00Z".parse().unwrap());
        step(&view, &mut plan);
        plan
    }

    fn deleted(plan: &ControllerPlan) -> Vec<&str> {
        let deletions = plan.actions.iter().filter_map(|action| match action {
            ControllerAction::Delete { name, .. } => Some(name.as_str()),
            _ => None,
        });
        deletions.collect()
    }

    #[test]
    fn surplus_pods_go_in_kubernetes_order() {
        let plan = run(
            1,
            0,
            vec![
                pod("a-settled", |_| {}),
                pod("b-recent", |p| p["status"]["conditions"][0]["lastTransitionTime"] = json!("2026-01-01T00:00:58Z")),
                pod("c-costly", |p| {
                    p["metadata"]["annotations"] = json!({"controller.kubernetes.io/pod-deletion-cost": "5"});
                }),
                pod("d-unready", |p| p["status"]["conditions"][0]["status"] = json!("False")),
                pod("e-pending", |p| p["status"]["phase"] = json!("Pending")),
                pod("f-unassigned", |p| p["spec"] = json!({})),
                pod("g-restarted", |p| p["status"]["containerStatuses"] = json!([{"restartCount": 3}])),
            ],
        );
        assert_eq!(deleted(&plan), ["f-unassigned", "e-pending", "d-unready", "b-recent", "g-restarted", "a-settled"]);
    }

    #[test]
    fn terminating_and_ended_pods_are_replaced_and_not_counted() {
        let plan = run(
            2,
            0,
            vec![
                pod("a", |_| {}),
                pod("b", |p| p["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:01:30Z")),
                pod("c", |p| p["status"]["phase"] = json!("Failed")),
            ],
        );
        let created = plan.actions.iter().filter(|a| matches!(a, ControllerAction::CreatePod { .. })).count();
        assert_eq!((created, deleted(&plan).len()), (1, 0));
        let status = plan.actions.iter().find_map(|action| match action {
            ControllerAction::Status { status, .. } => Some(status),
            _ => None,
        });
        assert_eq!(status.unwrap()["replicas"], 1);
        assert_eq!(status.unwrap()["availableReplicas"], 1);
    }

    #[test]
    fn a_pod_is_available_only_after_min_ready_seconds() {
        for (min_ready_s, available, again) in [(50, 1, None), (51, 0, Some("2026-01-01T00:01:01Z"))] {
            let plan = run(1, min_ready_s, vec![pod("a", |_| {})]);
            let Some(ControllerAction::Status { status, .. }) = plan.actions.first() else { panic!("{plan:?}") };
            assert_eq!(status["availableReplicas"], available);
            assert_eq!(status["readyReplicas"], 1);
            assert_eq!(plan.look_at.map(|at| at.to_string()).as_deref(), again);
        }
    }
}
