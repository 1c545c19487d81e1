//! Keys of a patch that look like slips of the pen. The API server drops a field that it does not know, or refuses it; a
//! patch that adds one does nothing that its author meant.

use serde_json::Value;

use super::patch_rules::{TemplatePlace, below};
use crate::yaml::nearest_within;

/// How many letters a slip differs in.
const LETTERS: usize = 2;

/// A key that is not known where it stands, and is near to one that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MisspeltKey {
    /// Where, for example `spec.template.spec.containers[0].lifecyle`.
    pub(crate) path: String,
    /// The key that was probably meant.
    pub(crate) meant: &'static str,
}

/// The slips in a patch of an object of this kind: in its containers, pod spec and workload spec. A key that resembles
/// nothing may be newer than this program, and is no slip.
pub(crate) fn slips(kind: &str, patch: &Value) -> Vec<MisspeltKey> {
    let mut found = Vec::new();
    look(kind, TemplatePlace::Root, patch, "", &mut found);
    found
}

fn look(kind: &str, place: TemplatePlace, value: &Value, path: &str, found: &mut Vec<MisspeltKey>) {
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let known = known(kind, place);
                let strange = !known.is_empty() && !key.starts_with('$') && !known.contains(&key.as_str());
                if let Some(meant) = strange.then(|| nearest_within(key, known.iter().copied(), LETTERS)).flatten() {
                    found.push(MisspeltKey { path: path.clone(), meant });
                }
                look(kind, below(kind, place, key), field, &path, found);
            }
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                look(kind, place, element, &format!("{path}[{index}]"), found);
            }
        }
        _ => {}
    }
}

/// The fields that Kubernetes knows at a place (k8s.io/api core/v1 and apps/v1, v1.34); empty where that is not looked at.
fn known(kind: &str, place: TemplatePlace) -> &'static [&'static str] {
    match (place, kind) {
        (TemplatePlace::Container, _) => CONTAINER,
        (TemplatePlace::PodSpec, _) => POD_SPEC,
        (TemplatePlace::WorkloadSpec, "Deployment") => DEPLOYMENT_SPEC,
        (TemplatePlace::WorkloadSpec, "StatefulSet") => STATEFUL_SET_SPEC,
        (TemplatePlace::WorkloadSpec, "DaemonSet") => DAEMON_SET_SPEC,
        _ => &[],
    }
}

const CONTAINER: &[&str] = &[
    "args",
    "command",
    "env",
    "envFrom",
    "image",
    "imagePullPolicy",
    "lifecycle",
    "livenessProbe",
    "name",
    "ports",
    "readinessProbe",
    "resizePolicy",
    "resources",
    "restartPolicy",
    "restartPolicyRules",
    "securityContext",
    "startupProbe",
    "stdin",
    "stdinOnce",
    "targetContainerName",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "tty",
    "volumeDevices",
    "volumeMounts",
    "workingDir",
];

const POD_SPEC: &[&str] = &[
    "activeDeadlineSeconds",
    "affinity",
    "automountServiceAccountToken",
    "containers",
    "dnsConfig",
    "dnsPolicy",
    "enableServiceLinks",
    "ephemeralContainers",
    "hostAliases",
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "hostUsers",
    "hostname",
    "hostnameOverride",
    "imagePullSecrets",
    "initContainers",
    "nodeName",
    "nodeSelector",
    "os",
    "overhead",
    "preemptionPolicy",
    "priority",
    "priorityClassName",
    "readinessGates",
    "resourceClaims",
    "resources",
    "restartPolicy",
    "runtimeClassName",
    "schedulerName",
    "schedulingGates",
    "securityContext",
    "serviceAccount",
    "serviceAccountName",
    "setHostnameAsFQDN",
    "shareProcessNamespace",
    "subdomain",
    "terminationGracePeriodSeconds",
    "tolerations",
    "topologySpreadConstraints",
    "volumes",
];

const DEPLOYMENT_SPEC: &[&str] = &[
    "minReadySeconds",
    "paused",
    "progressDeadlineSeconds",
    "replicas",
    "revisionHistoryLimit",
    "selector",
    "strategy",
    "template",
];

const STATEFUL_SET_SPEC: &[&str] = &[
    "minReadySeconds",
    "ordinals",
    "persistentVolumeClaimRetentionPolicy",
    "podManagementPolicy",
    "replicas",
    "revisionHistoryLimit",
    "selector",
    "serviceName",
    "template",
    "updateStrategy",
    "volumeClaimTemplates",
];

const DAEMON_SET_SPEC: &[&str] = &["minReadySeconds", "revisionHistoryLimit", "selector", "template", "updateStrategy"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(kind: &str, patch: &Value) -> Vec<(String, &'static str)> {
        slips(kind, patch).into_iter().map(|slip| (slip.path, slip.meant)).collect()
    }

    #[test]
    fn a_slip_is_told_with_what_was_meant() {
        let patch = json!({"spec": {"replica": 2, "template": {"spec": {"terminationGracePeriodSecond": 40,
            "containers": [{"name": "web", "lifecyle": {"preStop": {"sleep": {"seconds": 3}}}}]}}}});
        assert_eq!(
            found("Deployment", &patch),
            [
                ("spec.replica".to_owned(), "replicas"),
                ("spec.template.spec.containers[0].lifecyle".to_owned(), "lifecycle"),
                ("spec.template.spec.terminationGracePeriodSecond".to_owned(), "terminationGracePeriodSeconds"),
            ]
        );
        let update = json!({"spec": {"updateStrategi": {}}});
        assert_eq!(found("StatefulSet", &update), [("spec.updateStrategi".to_owned(), "updateStrategy")]);
        assert_eq!(found("Deployment", &update), [], "it resembles nothing that a Deployment has");
    }

    #[test]
    fn what_is_right_or_new_or_elsewhere_is_no_slip() {
        for patch in [
            json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "lifecycle": {"preStopp": {}}}]}}}}),
            json!({"spec": {"template": {"spec": {"$retainKeys": ["a"], "aFieldOfTomorrow": 1}}}}),
            json!({"metadata": {"labels": {"replica": "x"}}, "spec": {"template": {"metadata": {"lables": {}}}}}),
            json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "env": [{"nam": "a"}]}]}}}}),
        ] {
            assert_eq!(found("Deployment", &patch), [], "{patch}");
        }
        assert_eq!(found("Service", &json!({"spec": {"replica": 2}})), []);
    }
}
