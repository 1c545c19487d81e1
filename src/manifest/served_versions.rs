//! API versions that no cluster serves any more, and kinds in a group that never had them.

use super::documents::{ManifestObject, fault, group_of};
use super::helm_hook::is_foreign_hook;
use super::manifest_error::ManifestError;
use super::schema;

/// An API version that was removed: its kinds (all of them if none is named), since when, what replaces it, and what else changes
/// for one who moves.
struct RemovedVersion {
    version: &'static str,
    kinds: &'static [&'static str],
    since: &'static str,
    instead: &'static str,
    also: &'static str,
}

const fn removed(
    version: &'static str,
    kinds: &'static [&'static str],
    since: &'static str,
    instead: &'static str,
    also: &'static str,
) -> RemovedVersion {
    RemovedVersion { version, kinds, since, instead, also }
}

const SELECTOR: &str = ", where `spec.selector` is required: the template's labels";
const INGRESS: &str = ", where each path has a `pathType` and its backend is `service: {name, port}`";

/// The removed versions of kinds that live in namespaces (kubernetes.io, "Deprecated API Migration Guide", up to 1.34).
const REMOVED: &[RemovedVersion] = &[
    removed("extensions/v1beta1", &["Ingress"], "1.22", "networking.k8s.io/v1", INGRESS),
    removed("extensions/v1beta1", &["NetworkPolicy"], "1.16", "networking.k8s.io/v1", ""),
    removed("extensions/v1beta1", &["Deployment", "DaemonSet", "ReplicaSet"], "1.16", "apps/v1", SELECTOR),
    removed("apps/v1beta1", &["Deployment", "StatefulSet"], "1.16", "apps/v1", SELECTOR),
    removed("apps/v1beta1", &[], "1.16", "apps/v1", ""),
    removed("apps/v1beta2", &["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"], "1.16", "apps/v1", SELECTOR),
    removed("apps/v1beta2", &[], "1.16", "apps/v1", ""),
    removed("autoscaling/v2beta1", &[], "1.25", "autoscaling/v2", ", where a metric's target is `target: {type, ...}`"),
    removed("autoscaling/v2beta2", &[], "1.26", "autoscaling/v2", ""),
    removed("batch/v2alpha1", &[], "1.21", "batch/v1", ""),
    removed("batch/v1beta1", &[], "1.25", "batch/v1", ""),
    removed("coordination.k8s.io/v1beta1", &["Lease"], "1.22", "coordination.k8s.io/v1", ""),
    removed(
        "discovery.k8s.io/v1beta1",
        &[],
        "1.25",
        "discovery.k8s.io/v1",
        ", where `topology` is `nodeName` and `zone`",
    ),
    removed("events.k8s.io/v1beta1", &[], "1.25", "events.k8s.io/v1", ""),
    removed("networking.k8s.io/v1beta1", &["Ingress"], "1.22", "networking.k8s.io/v1", INGRESS),
    removed(
        "policy/v1beta1",
        &["PodDisruptionBudget"],
        "1.25",
        "policy/v1",
        ", where an empty selector means every pod",
    ),
    removed("rbac.authorization.k8s.io/v1alpha1", &["Role", "RoleBinding"], "1.22", "rbac.authorization.k8s.io/v1", ""),
    removed("rbac.authorization.k8s.io/v1beta1", &["Role", "RoleBinding"], "1.22", "rbac.authorization.k8s.io/v1", ""),
    removed("storage.k8s.io/v1beta1", &["CSIStorageCapacity"], "1.27", "storage.k8s.io/v1", ""),
];

/// Refuses objects of API versions that are not served any more, and kinds that their group does not have.
pub(crate) fn check_served(objects: &[ManifestObject]) -> Result<(), ManifestError> {
    for object in objects.iter().filter(|object| !is_foreign_hook(&object.value)) {
        let (version, kind) = (object.api_version(), object.kind());
        let gone = REMOVED
            .iter()
            .find(|removed| removed.version == version && (removed.kinds.is_empty() || removed.kinds.contains(&kind)));
        if let Some(gone) = gone {
            let message =
                format!("{} is of {version}, which Kubernetes has not served since {}", object.reference(), gone.since);
            return Err(fault(
                object,
                "apiVersion",
                &message,
                &format!("write `apiVersion: {}`{}", gone.instead, gone.also),
            ));
        }
        if let Some(home) = elsewhere(version, kind) {
            let message = format!("{} is of {version}, which has no {kind}", object.reference());
            return Err(fault(object, "apiVersion", &message, &format!("write `apiVersion: {home}`")));
        }
    }
    Ok(())
}

/// Where a kind of Kubernetes' own is, if it is written in a group of Kubernetes' own that does not have it.
fn elsewhere(version: &str, kind: &str) -> Option<&'static str> {
    let group = group_of(version);
    let own = group == "extensions" || schema::versions().any(|known| group_of(known) == group);
    if !own || schema::versions_of(kind).any(|known| group_of(known) == group) {
        return None;
    }
    schema::versions_of(kind).next()
}

#[cfg(test)]
mod tests {
    use miette::Diagnostic;

    use super::super::documents::parse;
    use super::*;
    use crate::yaml::YamlSource;

    fn refused(version: &str, kind: &str) -> Option<String> {
        let text = format!("---\napiVersion: {version}\nkind: {kind}\nmetadata: {{name: web}}\n");
        let error = check_served(&parse(&YamlSource::new("old.yaml", &text)).unwrap()).err()?;
        let help = error.help().map(|help| help.to_string()).unwrap_or_default();
        Some(format!("{error}\n{help}"))
    }

    #[test]
    fn a_version_that_is_gone_is_told_with_what_replaces_it() {
        for (version, kind, words) in [
            ("extensions/v1beta1", "Deployment", ["1.16", "apps/v1", "selector"]),
            ("apps/v1beta1", "StatefulSet", ["1.16", "apps/v1", "selector"]),
            ("apps/v1beta2", "DaemonSet", ["1.16", "apps/v1", "selector"]),
            ("policy/v1beta1", "PodDisruptionBudget", ["1.25", "policy/v1`", "empty selector"]),
            ("discovery.k8s.io/v1beta1", "EndpointSlice", ["1.25", "discovery.k8s.io/v1`", "zone"]),
            ("networking.k8s.io/v1beta1", "Ingress", ["1.22", "networking.k8s.io/v1`", "pathType"]),
            ("extensions/v1beta1", "Ingress", ["1.22", "networking.k8s.io/v1`", "pathType"]),
            ("autoscaling/v2beta2", "HorizontalPodAutoscaler", ["1.26", "autoscaling/v2`", ""]),
        ] {
            let error = refused(version, kind).unwrap();
            let named = format!("old.yaml line 2: {}/web is of {version}", kind.to_lowercase());
            assert!(error.contains(&named), "{error}");
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        }
    }

    #[test]
    fn a_kind_in_a_group_without_it_is_told_with_its_own() {
        let error = refused("v1", "Deployment").unwrap();
        assert!(error.contains("v1, which has no Deployment") && error.contains("apiVersion: apps/v1"), "{error}");
        assert!(refused("apps/v1", "Service").unwrap().contains("apiVersion: v1`"));
    }

    #[test]
    fn what_is_served_or_somebody_else_s_is_left_alone() {
        for (version, kind) in [
            ("apps/v1", "Deployment"),
            ("events.k8s.io/v1", "Event"),
            ("autoscaling/v1", "HorizontalPodAutoscaler"),
            ("apps/v1", "KindOfTomorrow"),
            ("example.com/v1", "Deployment"),
            ("networking.istio.io/v1beta1", "Gateway"),
            ("policy/v1beta1", "PodSecurityPolicy"),
        ] {
            assert_eq!(refused(version, kind), None, "{version} {kind}");
        }
    }
}
