//! The kinds of objects that the embedded cluster stores, as data.

use serde_json::Value;

/// A kind of object. The order is that in which a namespace's contents are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is the Kubernetes kind of that name")]
pub enum ObjectKind {
    Deployment,
    ReplicaSet,
    Pod,
    Service,
    EndpointSlice,
    ConfigMap,
    Secret,
    ServiceAccount,
    Role,
    RoleBinding,
    PodDisruptionBudget,
    Event,
    Node,
    Namespace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KindInfo {
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The version in that group.
    pub version: &'static str,
    /// `kind` in bodies.
    pub kind: &'static str,
    /// The resource's name in paths.
    pub plural: &'static str,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// Whether the API has a `status` subresource for it.
    pub(crate) has_status: bool,
    /// Whether the API server counts `metadata.generation` for it.
    pub(crate) has_generation: bool,
}

const fn info(
    api: (&'static str, &'static str),
    names: (&'static str, &'static str),
    namespaced: bool,
    has_status: bool,
    has_generation: bool,
) -> KindInfo {
    KindInfo { group: api.0, version: api.1, kind: names.0, plural: names.1, namespaced, has_status, has_generation }
}

const CORE: (&str, &str) = ("", "v1");
const APPS: (&str, &str) = ("apps", "v1");
const RBAC: (&str, &str) = ("rbac.authorization.k8s.io", "v1");

impl ObjectKind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::Deployment,
        Self::ReplicaSet,
        Self::Pod,
        Self::Service,
        Self::EndpointSlice,
        Self::ConfigMap,
        Self::Secret,
        Self::ServiceAccount,
        Self::Role,
        Self::RoleBinding,
        Self::PodDisruptionBudget,
        Self::Event,
        Self::Node,
        Self::Namespace,
    ];

    /// The kind's group, version and names.
    #[must_use]
    pub const fn info(self) -> KindInfo {
        match self {
            Self::Deployment => info(APPS, ("Deployment", "deployments"), true, true, true),
            Self::ReplicaSet => info(APPS, ("ReplicaSet", "replicasets"), true, true, true),
            Self::Pod => info(CORE, ("Pod", "pods"), true, true, false),
            Self::Service => info(CORE, ("Service", "services"), true, true, false),
            Self::EndpointSlice => {
                info(("discovery.k8s.io", "v1"), ("EndpointSlice", "endpointslices"), true, false, true)
            }
            Self::ConfigMap => info(CORE, ("ConfigMap", "configmaps"), true, false, false),
            Self::Secret => info(CORE, ("Secret", "secrets"), true, false, false),
            Self::ServiceAccount => info(CORE, ("ServiceAccount", "serviceaccounts"), true, false, false),
            Self::Role => info(RBAC, ("Role", "roles"), true, false, false),
            Self::RoleBinding => info(RBAC, ("RoleBinding", "rolebindings"), true, false, false),
            Self::PodDisruptionBudget => {
                info(("policy", "v1"), ("PodDisruptionBudget", "poddisruptionbudgets"), true, true, true)
            }
            Self::Event => info(CORE, ("Event", "events"), true, false, false),
            Self::Node => info(CORE, ("Node", "nodes"), false, true, false),
            Self::Namespace => info(CORE, ("Namespace", "namespaces"), false, true, false),
        }
    }

    /// `apiVersion` in bodies, for example `apps/v1`.
    pub(crate) fn api_version(self) -> String {
        let info = self.info();
        if info.group.is_empty() { info.version.to_owned() } else { format!("{}/{}", info.group, info.version) }
    }

    /// The name that the API's messages use, for example `deployments.apps` or `pods`.
    #[must_use]
    pub fn resource(self) -> String {
        let info = self.info();
        if info.group.is_empty() { info.plural.to_owned() } else { format!("{}.{}", info.plural, info.group) }
    }

    /// The kind that an object's `apiVersion` and `kind` name.
    #[must_use]
    pub fn of(object: &Value) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| object["kind"] == kind.info().kind && object["apiVersion"] == kind.api_version().as_str())
    }

    pub(crate) fn from_path(group: &str, version: &str, plural: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| {
            let info = kind.info();
            (info.group, info.version, info.plural) == (group, version, plural)
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_of_a_kind_only_with_its_version() {
        assert_eq!(
            ObjectKind::of(&json!({"apiVersion": "apps/v1", "kind": "Deployment"})),
            Some(ObjectKind::Deployment)
        );
        assert_eq!(ObjectKind::of(&json!({"apiVersion": "v1", "kind": "Service"})), Some(ObjectKind::Service));
        for (version, kind) in [("serving.knative.dev/v1", "Service"), ("v1", "Deployment"), ("batch/v1", "Job")] {
            assert_eq!(ObjectKind::of(&json!({"apiVersion": version, "kind": kind})), None);
        }
    }
}
