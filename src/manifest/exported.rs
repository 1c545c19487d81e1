//! What `kubectl get -o yaml` writes beyond a manifest: fields that belong to one object on one cluster, and objects that a controller
//! makes from others. A copy that has them is refused, deleted by the garbage collector, or never goes away.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::documents::{ManifestObject, text};

/// The most objects that the note names.
const NAMED: usize = 20;

const METADATA: [&str; 10] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// Annotations and labels that a cluster or kubectl sets, by their names or by how these begin.
const ANNOTATIONS: [&str; 6] = [
    "deployment.kubernetes.io/",
    "deprecated.daemonset.template.generation",
    "kubectl.kubernetes.io/last-applied-configuration",
    "kubernetes.io/service-account.uid",
    "pv.kubernetes.io/",
    "volume.kubernetes.io/",
];

/// Kinds that a controller makes. Written by hand they own themselves.
const MADE: [&str; 6] = ["ControllerRevision", "EndpointSlice", "Endpoints", "Job", "Pod", "ReplicaSet"];

/// Leaves out what a cluster has filled in. A note says what was left out of what, if something was.
pub(crate) fn without_exported(objects: &mut Vec<ManifestObject>) -> Option<String> {
    let services = selecting_services(objects);
    let mut made = Vec::new();
    objects.retain(|object| {
        let left_out = is_made(object, &services);
        if left_out {
            made.push(object.reference());
        }
        !left_out
    });
    let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for object in objects.iter_mut() {
        let left_out = clean_exported(&mut object.value);
        if !left_out.is_empty() {
            fields.entry(left_out.join(", ")).or_default().push(object.reference());
        }
    }
    let of_fields = fields.into_iter().map(|(fields, objects)| format!("{fields} of {}", listed(&objects)));
    let parts: Vec<String> = of_fields.chain((!made.is_empty()).then(|| listed(&made))).collect();
    let why = "left out of the manifests, because a cluster sets or makes it itself";
    (!parts.is_empty()).then(|| format!("{why}: {}", parts.join("; ")))
}

fn listed(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMED);
    let list = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if more == 0 { list } else { format!("{list} and {more} more") }
}

/// The names of the Services whose endpoints a controller makes.
fn selecting_services(objects: &[ManifestObject]) -> Vec<String> {
    let selects = |object: &&ManifestObject| {
        object.value.pointer("/spec/selector").and_then(Value::as_object).is_some_and(|selector| !selector.is_empty())
    };
    objects.iter().filter(|one| one.is("Service", "")).filter(selects).map(|one| one.name().to_owned()).collect()
}

/// Whether a controller makes the object from another one, so that it comes by itself or would stand beside its own like.
fn is_made(object: &ManifestObject, services: &[String]) -> bool {
    let value = &object.value;
    let owned = value.pointer("/metadata/ownerReferences").and_then(Value::as_array).is_some_and(|all| !all.is_empty());
    let of_service = |name: &str| services.iter().any(|service| service == name);
    match object.kind() {
        "Event" => object.is("Event", "") || object.is("Event", "events.k8s.io"),
        "EndpointSlice" if object.is("EndpointSlice", "discovery.k8s.io") => {
            let manager = text(value, "/metadata/labels/endpointslice.kubernetes.io~1managed-by");
            owned
                || manager.ends_with(".k8s.io")
                || of_service(text(value, "/metadata/labels/kubernetes.io~1service-name"))
        }
        "Endpoints" if object.is("Endpoints", "") => owned || of_service(object.name()),
        kind => owned && MADE.contains(&kind) && !object.api_version().contains('.'),
    }
}

/// Removes the fields, and names those that held something: `creationTimestamp: null` and `status: {}` are what kubectl
/// writes for nothing.
pub(crate) fn clean_exported(object: &mut Value) -> Vec<String> {
    let kind = text(object, "/kind").to_owned();
    let mut left_out = Vec::new();
    if let Some(fields) = object.as_object_mut() {
        remove(fields, "status", &mut left_out);
    }
    if let Some(metadata) = object.pointer_mut("/metadata").and_then(Value::as_object_mut) {
        clean_metadata(metadata, &mut left_out);
    }
    for template in ["/spec/template/metadata", "/spec/jobTemplate/metadata"] {
        if let Some(metadata) = object.pointer_mut(template).and_then(Value::as_object_mut) {
            clean_fields(metadata, &mut left_out);
        }
    }
    match kind.as_str() {
        "Service" => clean_service(object, &mut left_out),
        "Job" => clean_job(object, &mut left_out),
        "PersistentVolumeClaim" => {
            if let Some(spec) = object.pointer_mut("/spec").and_then(Value::as_object_mut) {
                remove(spec, "volumeName", &mut left_out);
            }
        }
        _ => {}
    }
    left_out
}

fn clean_fields(metadata: &mut Map<String, Value>, left_out: &mut Vec<String>) {
    for field in METADATA {
        remove(metadata, field, left_out);
    }
}

fn clean_metadata(metadata: &mut Map<String, Value>, left_out: &mut Vec<String>) {
    clean_fields(metadata, left_out);
    let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) else { return };
    let set: Vec<String> =
        annotations.keys().filter(|key| ANNOTATIONS.iter().any(|known| key.starts_with(known))).cloned().collect();
    for key in set {
        remove(annotations, &key, left_out);
    }
}

/// The addresses and node ports of a Service belong to one of a name on a cluster, and each variant has its own.
fn clean_service(service: &mut Value, left_out: &mut Vec<String>) {
    let Some(spec) = service.pointer_mut("/spec").and_then(Value::as_object_mut) else { return };
    if spec.get("clusterIP").and_then(Value::as_str) != Some("None") {
        remove(spec, "clusterIP", left_out);
        remove(spec, "clusterIPs", left_out);
    }
    remove(spec, "healthCheckNodePort", left_out);
    let ports = spec.get_mut("ports").and_then(Value::as_array_mut);
    for port in ports.into_iter().flatten().filter_map(Value::as_object_mut) {
        remove(port, "nodePort", left_out);
    }
}

/// A Job's selector holds the uid of the one that it was exported from, unless the user has made it.
fn clean_job(job: &mut Value, left_out: &mut Vec<String>) {
    if job.pointer("/spec/manualSelector") == Some(&Value::Bool(true)) {
        return;
    }
    if let Some(spec) = job.pointer_mut("/spec").and_then(Value::as_object_mut) {
        remove(spec, "selector", left_out);
    }
    for place in ["/metadata/labels", "/spec/template/metadata/labels"] {
        let Some(labels) = job.pointer_mut(place).and_then(Value::as_object_mut) else { continue };
        for label in ["controller-uid", "batch.kubernetes.io/controller-uid"] {
            remove(labels, label, left_out);
        }
    }
}

fn remove(fields: &mut Map<String, Value>, name: &str, left_out: &mut Vec<String>) {
    let Some(old) = fields.remove(name) else { return };
    let empty = match &old {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    };
    if !empty && !left_out.iter().any(|known| known == name) {
        left_out.push(name.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::documents::parse;
    use super::*;
    use crate::yaml::YamlSource;

    fn cleaned(objects: &[Value]) -> (Vec<Value>, String) {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
        let mut objects = parse(&YamlSource::new("all.json", &list)).unwrap();
        let note = without_exported(&mut objects).unwrap_or_default();
        (objects.into_iter().map(|object| object.value).collect(), note)
    }

    #[test]
    fn what_a_cluster_filled_in_is_left_out_and_named_once() {
        let metadata = json!({"name": "web", "namespace": "shop", "labels": {"app": "web"}, "uid": "1", "resourceVersion": "7",
            "generation": 3, "creationTimestamp": "2026-01-01T00:00:00Z", "selfLink": "/a", "managedFields": [{"manager": "x"}],
            "deletionTimestamp": "2026-01-02T00:00:00Z", "deletionGracePeriodSeconds": 0,
            "finalizers": ["shop.example.com/keep"], "ownerReferences": [{"kind": "Shop", "name": "s", "uid": "2"}],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "deployment.kubernetes.io/revision": "4",
                "team": "shop"}});
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
            "spec": {"template": {"metadata": {"creationTimestamp": null, "labels": {"app": "web"}}}},
            "status": {"replicas": 2}});
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "uid": "5"},
            "spec": {"clusterIP": "10.191.20.5", "clusterIPs": ["10.191.20.5"], "healthCheckNodePort": 31000,
                "selector": {"app": "web"}, "ports": [{"port": 80, "nodePort": 30080}]}, "status": {"loadBalancer": {}}});
        let (left, note) = cleaned(&[deployment, service]);
        assert_eq!(
            left,
            [
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop",
                    "labels": {"app": "web"}, "annotations": {"team": "shop"}},
                    "spec": {"template": {"metadata": {"labels": {"app": "web"}}}}}),
                json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
                    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}}),
            ]
        );
        for words in
            ["ownerReferences", "finalizers", "deletionTimestamp", "of deployment/web", "nodePort of service/web"]
        {
            assert!(note.contains(words), "{words} in {note}");
        }
        assert!(!note.contains("labels") && !note.contains("team"), "{note}");
    }

    #[test]
    fn objects_that_a_controller_makes_are_left_out_and_those_of_a_person_stay() {
        let owned = |version: &str, kind: &str| {
            json!({"apiVersion": version, "kind": kind,
            "metadata": {"name": "made", "ownerReferences": [{"kind": "Any", "name": "a", "uid": "1"}]}})
        };
        let named = |version: &str, kind: &str, name: &str, labels: &Value| json!({"apiVersion": version, "kind": kind, "metadata": {"name": name, "labels": labels}});
        let (left, note) = cleaned(&[
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}}}),
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "db"}, "spec": {"ports": [{"port": 1}]}}),
            owned("apps/v1", "ReplicaSet"),
            owned("v1", "Pod"),
            owned("apps/v1", "Deployment"),
            owned("example.com/v1", "Pod"),
            named("v1", "Endpoints", "web", &json!({})),
            named("v1", "Endpoints", "db", &json!({})),
            named("discovery.k8s.io/v1", "EndpointSlice", "web-1", &json!({"kubernetes.io/service-name": "web"})),
            named("discovery.k8s.io/v1", "EndpointSlice", "db-1", &json!({"kubernetes.io/service-name": "db"})),
            named("v1", "Pod", "by-hand", &json!({})),
        ]);
        let kept: Vec<String> =
            left.iter().map(|one| format!("{}/{}", text(one, "/kind"), text(one, "/metadata/name"))).collect();
        let expected = [
            "Service/web",
            "Service/db",
            "Deployment/made",
            "Pod/made",
            "Endpoints/db",
            "EndpointSlice/db-1",
            "Pod/by-hand",
        ];
        assert_eq!(kept, expected);
        assert!(note.contains("replicaset/made, pod/made, endpoints/web, endpointslice/web-1"), "{note}");
    }

    #[test]
    fn what_a_person_writes_stays_without_a_word() {
        let headless =
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"clusterIP": "None"}});
        let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "web"},
            "spec": {"manualSelector": true, "selector": {"matchLabels": {"a": "b"}}}});
        let written = [headless, job];
        assert_eq!(cleaned(&written), (written.to_vec(), String::new()));
        let template = json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "creationTimestamp": null}, "spec": {}, "status": {}});
        let (left, note) = cleaned(&[template]);
        assert_eq!(
            (left[0].get("status"), note.as_str()),
            (None, ""),
            "kubectl create --dry-run writes these for nothing"
        );
    }
}
