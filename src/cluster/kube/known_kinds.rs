//! Which kinds of objects need not be asked for. Pure.

use kube::api::{ApiResource, GroupVersionKind};
use serde_json::Value;

use crate::manifest::WorkloadKind;
use crate::manifest::documents::{self, text};

/// The resource of a kind of workload in the API.
#[must_use]
pub fn resource(kind: WorkloadKind) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("apps", "v1", kind.name()), kind.plural())
}

/// Kinds of Kubernetes 1.34 that live in namespaces, by group (`kubectl api-resources --namespaced=true`).
const NAMESPACED: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "ConfigMap",
            "Endpoints",
            "Event",
            "LimitRange",
            "PersistentVolumeClaim",
            "Pod",
            "PodTemplate",
            "ReplicationController",
            "ResourceQuota",
            "Secret",
            "Service",
            "ServiceAccount",
        ],
    ),
    ("apps", &["ControllerRevision", "DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"]),
    ("autoscaling", &["HorizontalPodAutoscaler"]),
    ("batch", &["CronJob", "Job"]),
    ("coordination.k8s.io", &["Lease"]),
    ("discovery.k8s.io", &["EndpointSlice"]),
    ("events.k8s.io", &["Event"]),
    ("networking.k8s.io", &["Ingress", "NetworkPolicy"]),
    ("policy", &["PodDisruptionBudget"]),
    ("rbac.authorization.k8s.io", &["Role", "RoleBinding"]),
    ("resource.k8s.io", &["ResourceClaim", "ResourceClaimTemplate"]),
    ("storage.k8s.io", &["CSIStorageCapacity"]),
];

/// Whether `kind` of the API group `group` (empty for the core group) is one of Kubernetes' own that lives in namespaces.
/// The path of such a kind can be guessed; for others the cluster has to be asked.
pub(super) fn is_known(group: &str, kind: &str) -> bool {
    NAMESPACED.iter().any(|(name, kinds)| *name == group && kinds.contains(&kind))
}

/// Group and version of an object; the group is empty for the core group.
pub(super) fn group_version(manifest: &Value) -> (&str, &str) {
    let api_version = text(manifest, "/apiVersion");
    api_version.rsplit_once('/').unwrap_or(("", api_version))
}

pub(crate) fn reference(manifest: &Value) -> String {
    documents::reference(text(manifest, "/kind"), text(manifest, "/metadata/name"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::manifest::is_cluster_scoped;

    #[test]
    fn a_kind_is_known_by_its_group_too() {
        assert!(is_known("apps", "Deployment") && is_known("", "Service"));
        assert!(!is_known("", "Deployment") && !is_known("example.com", "Service") && !is_known("v1", "Namespace"));
        let (group, version) = ("apps", "v1");
        assert_eq!(group_version(&json!({"apiVersion": "apps/v1"})), (group, version));
        assert_eq!(group_version(&json!({"apiVersion": "v1"})), ("", "v1"));
    }

    #[test]
    fn nothing_known_to_live_in_a_namespace_lives_outside() {
        for (group, kinds) in NAMESPACED {
            for kind in *kinds {
                let version = if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") };
                assert!(!is_cluster_scoped(&json!({"apiVersion": version, "kind": kind})), "{version} {kind}");
            }
        }
    }
}
