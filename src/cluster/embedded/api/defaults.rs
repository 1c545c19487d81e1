//! What the API server fills into objects: the defaults that later behaviour depends on
//! (`pkg/apis/{core,apps}/v1/defaults.go`).

use base64::Engine as _;
use serde_json::{Map, Value, json};

use crate::cluster::embedded::store::ObjectKind;
use crate::manifest::DEFAULT_GRACE_S;

/// Fills defaults into an object that is about to be stored. Its types have been checked.
pub(super) fn fill(kind: ObjectKind, object: &mut Value) {
    match kind {
        ObjectKind::Deployment => deployment(object),
        ObjectKind::ReplicaSet => {
            default(&mut object["spec"], "replicas", json!(1));
            pod_spec(&mut object["spec"]["template"]["spec"]);
        }
        ObjectKind::Pod => {
            pod_spec(&mut object["spec"]);
            default(object, "status", json!({"phase": "Pending", "qosClass": "BestEffort"}));
        }
        ObjectKind::Service => service(object),
        ObjectKind::Secret => secret(object),
        _ => {}
    }
}

/// Sets `field` if it is absent or null.
fn default(object: &mut Value, field: &str, value: Value) {
    if object.is_null() {
        *object = Value::Object(Map::new());
    }
    if let Some(map) = object.as_object_mut()
        && map.get(field).is_none_or(Value::is_null)
    {
        map.insert(field.to_owned(), value);
    }
}

fn for_each(object: &mut Value, field: &str, each: impl FnMut(&mut Value)) {
    if let Some(list) = object.get_mut(field).and_then(Value::as_array_mut) {
        list.iter_mut().for_each(each);
    }
}

fn deployment(object: &mut Value) {
    let spec = &mut object["spec"];
    default(spec, "replicas", json!(1));
    default(spec, "revisionHistoryLimit", json!(10));
    default(spec, "progressDeadlineSeconds", json!(600));
    default(spec, "strategy", json!({}));
    default(&mut spec["strategy"], "type", json!("RollingUpdate"));
    if spec["strategy"]["type"] == "RollingUpdate" {
        default(&mut spec["strategy"], "rollingUpdate", json!({}));
        default(&mut spec["strategy"]["rollingUpdate"], "maxUnavailable", json!("25%"));
        default(&mut spec["strategy"]["rollingUpdate"], "maxSurge", json!("25%"));
    }
    pod_spec(&mut spec["template"]["spec"]);
}

fn pod_spec(spec: &mut Value) {
    if !spec.is_object() && !spec.is_null() {
        return;
    }
    default(spec, "restartPolicy", json!("Always"));
    default(spec, "terminationGracePeriodSeconds", json!(DEFAULT_GRACE_S));
    default(spec, "dnsPolicy", json!("ClusterFirst"));
    default(spec, "schedulerName", json!("default-scheduler"));
    default(spec, "securityContext", json!({}));
    for field in ["containers", "initContainers"] {
        for_each(spec, field, container);
    }
    for_each(spec, "volumes", |volume| {
        for source in ["configMap", "secret", "projected", "downwardAPI"] {
            if volume[source].is_object() {
                default(&mut volume[source], "defaultMode", json!(0o644));
            }
        }
    });
}

fn container(container: &mut Value) {
    if !container.is_object() {
        return;
    }
    let image = container["image"].as_str().unwrap_or_default();
    let tag = image.rsplit('/').next().and_then(|last| last.split_once(':')).map(|(_, tag)| tag);
    let latest = !image.contains('@') && tag.is_none_or(|tag| tag == "latest");
    default(container, "imagePullPolicy", json!(if latest { "Always" } else { "IfNotPresent" }));
    default(container, "resources", json!({}));
    default(container, "terminationMessagePath", json!("/dev/termination-log"));
    default(container, "terminationMessagePolicy", json!("File"));
    for_each(container, "ports", |port| default(port, "protocol", json!("TCP")));
    for_each(container, "env", |env| {
        if env["valueFrom"]["fieldRef"].is_object() {
            default(&mut env["valueFrom"]["fieldRef"], "apiVersion", json!("v1"));
        }
    });
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if container[name].is_object() {
            let probe = &mut container[name];
            default(probe, "timeoutSeconds", json!(1));
            default(probe, "periodSeconds", json!(10));
            default(probe, "successThreshold", json!(1));
            default(probe, "failureThreshold", json!(3));
            handler(probe);
        }
    }
    for hook in ["postStart", "preStop"] {
        if container["lifecycle"][hook].is_object() {
            handler(&mut container["lifecycle"][hook]);
        }
    }
}

fn handler(handler: &mut Value) {
    if handler["httpGet"].is_object() {
        default(&mut handler["httpGet"], "path", json!("/"));
        default(&mut handler["httpGet"], "scheme", json!("HTTP"));
    }
    if handler["grpc"].is_object() {
        default(&mut handler["grpc"], "service", json!(""));
    }
}

fn service(object: &mut Value) {
    let spec = &mut object["spec"];
    default(spec, "type", json!("ClusterIP"));
    default(spec, "sessionAffinity", json!("None"));
    for_each(spec, "ports", |port| {
        default(port, "protocol", json!("TCP"));
        let number = port.get("port").cloned().unwrap_or(Value::Null);
        // 0 and "" mean "not given" in the API's types.
        if port.get("targetPort").is_some_and(|target| *target == json!(0) || *target == json!("")) {
            port["targetPort"] = Value::Null;
        }
        default(port, "targetPort", number);
    });
    if spec["type"] != "ExternalName" {
        default(spec, "internalTrafficPolicy", json!("Cluster"));
        default(spec, "ipFamilies", json!(["IPv4"]));
        default(spec, "ipFamilyPolicy", json!("SingleStack"));
    }
}

/// `stringData` is write-only: its values are stored in `data`, in base64.
fn secret(object: &mut Value) {
    let Some(Value::Object(texts)) = object.as_object_mut().and_then(|secret| secret.remove("stringData")) else {
        default(object, "type", json!("Opaque"));
        return;
    };
    default(object, "data", json!({}));
    for (key, text) in texts {
        let encoded = base64::engine::general_purpose::STANDARD.encode(text.as_str().unwrap_or_default());
        object["data"][key] = Value::String(encoded);
    }
    default(object, "type", json!("Opaque"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_deployment_gets_the_defaults_that_a_rollout_depends_on() {
        let mut object = json!({"spec": {"template": {"spec": {"containers": [{
            "name": "web", "image": "r.example:5000/web:1", "ports": [{"containerPort": 80}],
            "readinessProbe": {"httpGet": {"port": 80}, "periodSeconds": 1},
        }]}}}});
        fill(ObjectKind::Deployment, &mut object);
        let spec = &object["spec"];
        assert_eq!(spec["replicas"], 1);
        assert_eq!(spec["strategy"]["rollingUpdate"], json!({"maxSurge": "25%", "maxUnavailable": "25%"}));
        assert_eq!((&spec["progressDeadlineSeconds"], &spec["revisionHistoryLimit"]), (&json!(600), &json!(10)));
        let pod = &spec["template"]["spec"];
        assert_eq!(pod["terminationGracePeriodSeconds"], 30);
        let container = &pod["containers"][0];
        assert_eq!(container["imagePullPolicy"], "IfNotPresent");
        assert_eq!(
            container["readinessProbe"],
            json!({"httpGet": {"port": 80, "path": "/", "scheme": "HTTP"}, "periodSeconds": 1, "timeoutSeconds": 1,
                "successThreshold": 1, "failureThreshold": 3})
        );
        assert!(!object.to_string().contains("null"), "{object}");
    }

    #[test]
    fn recreate_gets_no_rolling_update_and_what_is_given_stays() {
        let mut object = json!({"spec": {"strategy": {"type": "Recreate"}, "replicas": 0,
            "template": {"spec": {"terminationGracePeriodSeconds": 0}}}});
        fill(ObjectKind::Deployment, &mut object);
        assert_eq!(object["spec"]["strategy"], json!({"type": "Recreate"}));
        assert_eq!(object["spec"]["replicas"], 0);
        assert_eq!(object["spec"]["template"]["spec"]["terminationGracePeriodSeconds"], 0);
    }

    #[test]
    fn a_service_port_goes_to_the_same_port_unless_told() {
        let mut object = json!({"spec": {"ports": [{"port": 80}, {"port": 81, "targetPort": "web"}]}});
        fill(ObjectKind::Service, &mut object);
        assert_eq!(object["spec"]["ports"][0], json!({"port": 80, "targetPort": 80, "protocol": "TCP"}));
        assert_eq!(object["spec"]["ports"][1]["targetPort"], "web");
    }

    #[test]
    fn string_data_is_stored_encoded() {
        let mut object = json!({"data": {"a": "QQ=="}, "stringData": {"b": "hi"}});
        fill(ObjectKind::Secret, &mut object);
        assert_eq!(object, json!({"type": "Opaque", "data": {"a": "QQ==", "b": "aGk="}}));
    }
}
