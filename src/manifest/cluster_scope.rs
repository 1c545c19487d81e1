//! Which objects live outside every namespace. Pure.

use serde_json::Value;

/// The kinds of Kubernetes' own API groups without a namespace (`kubectl api-resources --namespaced=false`, v1.34), and the
/// kinds of objects that extend the API.
const CLUSTER_SCOPED: [&str; 24] = [
    "APIService",
    "CSIDriver",
    "CSINode",
    "CertificateSigningRequest",
    "ClusterRole",
    "ClusterRoleBinding",
    "ClusterTrustBundle",
    "ComponentStatus",
    "CustomResourceDefinition",
    "FlowSchema",
    "IngressClass",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PriorityClass",
    "PriorityLevelConfiguration",
    "RuntimeClass",
    "StorageClass",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
];

/// Whether the object lives outside every namespace. Kinds of custom resources are unknown here, and taken to have one.
pub(crate) fn is_cluster_scoped(object: &Value) -> bool {
    let group =
        object["apiVersion"].as_str().and_then(|version| version.split_once('/')).map_or("", |(group, _)| group);
    let own = !group.contains('.') || group.ends_with(".k8s.io");
    own && object["kind"].as_str().is_some_and(|kind| CLUSTER_SCOPED.contains(&kind))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn kubernetes_own_kinds_are_known_and_others_are_left_alone() {
        let is = |version: &str, kind: &str| is_cluster_scoped(&json!({"apiVersion": version, "kind": kind}));
        assert!(is("v1", "Namespace") && is("rbac.authorization.k8s.io/v1", "ClusterRole"));
        assert!(is("apiextensions.k8s.io/v1", "CustomResourceDefinition"));
        assert!(!is("v1", "Service") && !is("apps/v1", "Deployment"));
        assert!(!is("cilium.io/v2", "Node"), "a custom resource of that name");
    }
}
