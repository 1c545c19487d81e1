//! What a pod may not ask for here: everything that could change the outcome of a rollout and is not modelled.

use serde_json::Value;

use super::env;
use crate::cluster::embedded::supervise;

/// What the embedded cluster cannot do of a pod, at a field of its spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PodRefusal {
    /// In the pod's spec, for example `containers[0].lifecycle.preStop`.
    pub(crate) field: String,
    pub(crate) message: String,
}

impl PodRefusal {
    fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// What the embedded cluster cannot do of this pod's `spec`, one clause each; empty if it can run it. Usable before a
/// run, on a Deployment's `spec.template.spec`.
pub(crate) fn refusals(spec: &Value) -> Vec<PodRefusal> {
    let mut found = Vec::new();
    for (field, noun) in [("initContainers", "init container"), ("ephemeralContainers", "ephemeral container")] {
        for (at, container) in list(&spec[field]).iter().enumerate() {
            let sidecar = if container["restartPolicy"] == "Always" { " (a sidecar)" } else { "" };
            let message = format!("{noun} {:?}{sidecar} is not supported", name(container));
            found.push(PodRefusal::new(format!("{field}[{at}]"), message));
        }
    }
    for (at, volume) in list(&spec["volumes"]).iter().enumerate() {
        let kind = volume.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).find(|key| *key != "name");
        let message = format!("volume {:?} ({}) is not supported", name(volume), kind.unwrap_or("emptyDir"));
        found.push(PodRefusal::new(format!("volumes[{at}]"), message));
    }
    for field in ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"] {
        if spec[field] == true {
            found.push(PodRefusal::new(field, format!("{field} is not supported")));
        }
    }
    for (at, gate) in list(&spec["readinessGates"]).iter().enumerate() {
        let condition = gate["conditionType"].as_str().unwrap_or_default();
        let message = format!("readiness gate {condition:?} is not supported: nothing here would set it");
        found.push(PodRefusal::new(format!("readinessGates[{at}]"), message));
    }
    if !spec["activeDeadlineSeconds"].is_null() {
        found.push(PodRefusal::new("activeDeadlineSeconds", "activeDeadlineSeconds is not supported"));
    }
    for (at, container) in list(&spec["containers"]).iter().enumerate() {
        found.extend(of_container(container).into_iter().map(|refusal| PodRefusal {
            field: format!("containers[{at}].{}", refusal.field),
            message: format!("container {:?}: {}", name(container), refusal.message),
        }));
    }
    found
}

fn of_container(container: &Value) -> Vec<PodRefusal> {
    let mut found = Vec::new();
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let refused = of_handler(probe, &container[probe], &["exec", "httpGet", "tcpSocket"]);
        found.extend(refused.map(|message| PodRefusal::new(probe, message)));
    }
    for hook in ["postStart", "preStop"] {
        let refused = of_handler(hook, &container["lifecycle"][hook], &["exec", "httpGet", "sleep"]);
        found.extend(refused.map(|message| PodRefusal::new(format!("lifecycle.{hook}"), message)));
    }
    match &container["lifecycle"]["stopSignal"] {
        Value::Null => {}
        Value::String(name) if supervise::number(name).is_some() => {}
        other => {
            let message = format!("stopSignal {other} is not supported; expected a name such as SIGTERM");
            found.push(PodRefusal::new("lifecycle.stopSignal", message));
        }
    }
    for (at, entry) in list(&container["env"]).iter().enumerate() {
        let (from, field) = (&entry["valueFrom"], format!("env[{at}].valueFrom"));
        for source in ["resourceFieldRef", "fileKeyRef"] {
            if !from[source].is_null() {
                let message = format!("env {:?} from {source} is not supported", name(entry));
                found.push(PodRefusal::new(&*field, message));
            }
        }
        let path = from["fieldRef"]["fieldPath"].as_str();
        if let Some(path) = path.filter(|path| env::field(&Value::Null, path).is_none()) {
            let message = format!("env {:?} from the field {path} is not supported", name(entry));
            found.push(PodRefusal::new(&*field, message));
        }
    }
    found
}

/// A probe or hook: absent, or exactly a handler that is known here.
fn of_handler(what: &str, handler: &Value, known: &[&str]) -> Option<String> {
    if handler.is_null() {
        return None;
    }
    // A hook that meets a server without TLS tries again in plain text (`pkg/kubelet/lifecycle/handlers.go`), which is not done here.
    let schemes: &[&str] = if what.ends_with("Probe") { &["HTTP", "HTTPS"] } else { &["HTTP"] };
    if let Some(scheme) = handler["httpGet"]["scheme"].as_str().filter(|scheme| !schemes.contains(scheme)) {
        return Some(format!("{what} by httpGet with scheme {scheme:?} is not supported"));
    }
    let kinds = ["exec", "httpGet", "tcpSocket", "grpc", "sleep"];
    let used: Vec<&str> = kinds.into_iter().filter(|kind| handler.get(kind).is_some_and(|v| !v.is_null())).collect();
    match used[..] {
        [kind] if known.contains(&kind) => None,
        [kind] => Some(format!("{what} by {kind} is not supported; expected one of {}", known.join(", "))),
        _ => Some(format!("{what} needs exactly one of {}", known.join(", "))),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn name(value: &Value) -> &str {
    value["name"].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_ordinary_pod_is_accepted() {
        let spec = json!({"containers": [{
            "name": "web", "image": "apache",
            "env": [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
            "readinessProbe": {"httpGet": {"path": "/", "port": 80, "scheme": "HTTP"}},
            "livenessProbe": {"tcpSocket": {"port": "http"}},
            "startupProbe": {"httpGet": {"port": 443, "scheme": "HTTPS"}},
            "lifecycle": {"preStop": {"exec": {"command": ["sleep", "3"]}}, "stopSignal": "SIGWINCH"},
            "resources": {"limits": {"cpu": "1"}}, "securityContext": {"runAsUser": 1000},
        }]});
        assert_eq!(refusals(&spec), []);
    }

    #[test]
    fn what_could_change_the_outcome_is_refused_by_name() {
        let spec = json!({
            "initContainers": [{"name": "migrate"}, {"name": "proxy", "restartPolicy": "Always"}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "x"}}],
            "hostNetwork": true,
            "readinessGates": [{"conditionType": "lb/ready"}],
            "containers": [{
                "name": "web",
                "env": [{"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}],
                "readinessProbe": {"grpc": {"port": 1}},
                "livenessProbe": {"httpGet": {"port": 1, "scheme": "FTP"}},
                "startupProbe": {"periodSeconds": 1},
                "lifecycle": {"preStop": {"tcpSocket": {"port": 1}}, "postStart": {"httpGet": {"port": 1, "scheme": "HTTPS"}},
                    "stopSignal": "SIGNONE"},
            }],
        });
        let found: Vec<String> =
            refusals(&spec).into_iter().map(|refusal| format!("{} {}", refusal.field, refusal.message)).collect();
        let found = found.join("\n");
        for expected in [
            "initContainers[0] init container \"migrate\"",
            "\"proxy\" (a sidecar)",
            "volume \"data\" (persistentVolumeClaim)",
            "hostNetwork",
            "lb/ready",
            "containers[0].env[0].valueFrom container \"web\": env \"CPU\" from resourceFieldRef",
            "readinessProbe by grpc",
            "livenessProbe by httpGet with scheme \"FTP\"",
            "postStart by httpGet with scheme \"HTTPS\"",
            "startupProbe needs exactly one",
            "preStop by tcpSocket",
            "stopSignal \"SIGNONE\"",
        ] {
            assert!(found.contains(expected), "{expected} in\n{found}");
        }
    }
}
