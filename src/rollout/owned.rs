//! Which pods are a workload's own. Labels alone do not tell: two workloads may carry the same ones.

use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use super::{RolledWorkload, RolloutHandle};
use crate::manifest::WorkloadKind;

/// The label by which a Deployment's controller tells its `ReplicaSets` apart (`DefaultDeploymentUniqueLabelKey` in
/// k8s.io/api/apps/v1).
const TEMPLATE_HASH: &str = "pod-template-hash";

/// Whether `pod` is one of `workload`'s, by its controller. A Deployment's pods are controlled by a `ReplicaSet` that is
/// named after the Deployment and the template's hash, which the pod carries as a label
/// (`getNewReplicaSet` in kubernetes/pkg/controller/deployment/sync.go, v1.34); sets control their pods themselves.
pub(crate) fn belongs(workload: &RolledWorkload, pod: &Pod) -> bool {
    let owners = pod.owner_references();
    let Some(owner) = owners.iter().find(|owner| owner.controller == Some(true)) else { return false };
    match workload.kind {
        WorkloadKind::Deployment => {
            let hash = pod.labels().get(TEMPLATE_HASH).map_or("", String::as_str);
            owner.kind == "ReplicaSet"
                && !hash.is_empty()
                && owner.name.strip_suffix(hash).and_then(|name| name.strip_suffix('-')) == Some(&workload.name)
        }
        kind => owner.kind == kind.name() && owner.name == workload.name,
    }
}

/// Whether `pod` has ended by itself: nothing replaces it any more, and it may stay for long.
pub(crate) fn finished(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// The workload's own pods, as the API has them now.
pub async fn own_pods(handle: &RolloutHandle) -> Result<Vec<Pod>, kube::Error> {
    let workload = &handle.workload;
    let pods: Api<Pod> = Api::namespaced(handle.client.clone(), &workload.namespace);
    let listed = pods.list(&ListParams::default().labels(&workload.selector)).await?;
    Ok(listed.items.into_iter().filter(|pod| belongs(workload, pod)).collect())
}

#[cfg(test)]
mod tests {
    use k8s_openapi::serde_json::{from_value, json};

    use super::*;

    fn pod(owner: &str, name: &str, hash: &str, controller: bool) -> Pod {
        from_value(json!({"metadata": {"name": "p", "labels": {"app": "web", TEMPLATE_HASH: hash},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": owner, "name": name, "uid": "u",
                "controller": controller}]}}))
        .unwrap()
    }

    fn workload(kind: WorkloadKind) -> RolledWorkload {
        RolledWorkload { kind, namespace: "n".into(), name: "web".into(), selector: "app=web".into() }
    }

    #[test]
    fn a_pod_of_another_workload_with_the_same_labels_is_not_its_own() {
        let deployment = workload(WorkloadKind::Deployment);
        assert!(belongs(&deployment, &pod("ReplicaSet", "web-5d4", "5d4", true)));
        for other in [
            pod("ReplicaSet", "web-api-5d4", "5d4", true),
            pod("ReplicaSet", "web-5d4", "6e5", true),
            pod("ReplicaSet", "web-5d4", "", true),
            pod("StatefulSet", "web", "5d4", true),
            pod("ReplicaSet", "web-5d4", "5d4", false),
        ] {
            assert!(!belongs(&deployment, &other), "{other:?}");
        }
        for kind in [WorkloadKind::StatefulSet, WorkloadKind::DaemonSet] {
            assert!(belongs(&workload(kind), &pod(kind.name(), "web", "", true)));
            assert!(!belongs(&workload(kind), &pod(kind.name(), "web2", "", true)));
            assert!(!belongs(&workload(kind), &pod("Job", "web", "", true)));
        }
    }
}
