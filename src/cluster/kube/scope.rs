//! Which objects belong to a namespace. Pure: what is not in Kubernetes itself is the cluster's own to say.

use serde_json::Value;

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

/// Kinds of Kubernetes 1.34 that stand for the whole cluster (`kubectl api-resources --namespaced=false`).
const CLUSTER: &[(&str, &[&str])] = &[
    ("", &["Namespace", "Node", "PersistentVolume"]),
    (
        "admissionregistration.k8s.io",
        &[
            "MutatingAdmissionPolicy",
            "MutatingAdmissionPolicyBinding",
            "MutatingWebhookConfiguration",
            "ValidatingAdmissionPolicy",
            "ValidatingAdmissionPolicyBinding",
            "ValidatingWebhookConfiguration",
        ],
    ),
    ("apiextensions.k8s.io", &["CustomResourceDefinition"]),
    ("apiregistration.k8s.io", &["APIService"]),
    ("certificates.k8s.io", &["CertificateSigningRequest", "ClusterTrustBundle"]),
    ("flowcontrol.apiserver.k8s.io", &["FlowSchema", "PriorityLevelConfiguration"]),
    ("networking.k8s.io", &["IPAddress", "IngressClass", "ServiceCIDR"]),
    ("node.k8s.io", &["RuntimeClass"]),
    ("rbac.authorization.k8s.io", &["ClusterRole", "ClusterRoleBinding"]),
    ("resource.k8s.io", &["DeviceClass", "ResourceSlice"]),
    ("scheduling.k8s.io", &["PriorityClass"]),
    ("storage.k8s.io", &["CSIDriver", "CSINode", "StorageClass", "VolumeAttachment", "VolumeAttributesClass"]),
];

/// What a kind of object belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A namespace.
    Namespace,
    /// The cluster.
    Cluster,
    /// Not a kind of Kubernetes' own: the cluster has to be asked.
    Unknown,
}

/// What `kind` of the API group `group` (empty for the core group) belongs to.
#[must_use]
pub fn scope(group: &str, kind: &str) -> Scope {
    let holds = |table: &[(&str, &[&str])]| table.iter().any(|(name, kinds)| *name == group && kinds.contains(&kind));
    if holds(NAMESPACED) {
        Scope::Namespace
    } else if holds(CLUSTER) {
        Scope::Cluster
    } else {
        Scope::Unknown
    }
}

/// The objects among `manifests` that no namespace holds, as `kind/name`, as far as this can be known without a cluster.
/// A run refuses them: whatever it does to them, it would do to everybody on that cluster.
#[must_use]
pub fn cluster_scoped(manifests: &[Value]) -> Vec<String> {
    let outside = manifests.iter().filter(|manifest| {
        let (group, _) = group_version(manifest);
        scope(group, text(manifest, "/kind")) == Scope::Cluster
    });
    outside.map(reference).collect()
}

/// Group and version of an object; the group is empty for the core group.
pub(super) fn group_version(manifest: &Value) -> (&str, &str) {
    let api_version = text(manifest, "/apiVersion");
    api_version.rsplit_once('/').unwrap_or(("", api_version))
}

/// `kind/name`, as `kubectl` writes it.
pub(super) fn reference(manifest: &Value) -> String {
    format!("{}/{}", text(manifest, "/kind").to_lowercase(), text(manifest, "/metadata/name"))
}

pub(super) fn text<'a>(manifest: &'a Value, pointer: &str) -> &'a str {
    manifest.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_stands_for_the_whole_cluster_is_named_and_nothing_else() {
        let object =
            |version: &str, kind: &str| json!({"apiVersion": version, "kind": kind, "metadata": {"name": "a"}});
        let manifests = [
            object("v1", "Namespace"),
            object("apps/v1", "Deployment"),
            object("rbac.authorization.k8s.io/v1", "ClusterRole"),
            object("rbac.authorization.k8s.io/v1", "Role"),
            // A kind of somebody else's, which only shares the name.
            object("example.com/v1", "Node"),
        ];
        assert_eq!(cluster_scoped(&manifests), ["namespace/a", "clusterrole/a"]);
        assert_eq!(scope("example.com", "Node"), Scope::Unknown);
        assert_eq!(scope("apps", "Deployment"), Scope::Namespace);
        assert_eq!(scope("", "Deployment"), Scope::Unknown, "the group belongs to the name");
    }

    #[test]
    fn no_kind_is_in_both_tables() {
        for (group, kinds) in NAMESPACED {
            for kind in *kinds {
                assert!(!CLUSTER.iter().any(|(other, names)| other == group && names.contains(kind)), "{group}/{kind}");
            }
        }
    }
}
