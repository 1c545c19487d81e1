//! The `EndpointSlice` controller (`pkg/controller/endpointslice`): which pods a Service has, and in which state.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::action::ControllerAction;
use super::view::{ControllerPlan, ControllerView, ended, ready};
use crate::cluster::embedded::store::{LabelSelector, ObjectKind, meta};

/// The label that names a slice's Service.
pub(crate) const SERVICE_NAME: &str = "kubernetes.io/service-name";
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const MANAGER: &str = "endpointslice-controller.k8s.io";
/// Endpoints in one slice (`--max-endpoints-per-slice`).
const MAX_ENDPOINTS: usize = 100;

#[derive(Debug, Clone, PartialEq)]
struct SliceContent {
    ports: Value,
    endpoints: Vec<Value>,
}

/// One step for every Service with a selector.
pub(super) fn step(view: &ControllerView, plan: &mut ControllerPlan) {
    for service in &view.services {
        let selector = LabelSelector::from_labels(&service["spec"]["selector"]);
        if selector.is_empty() || meta::terminating(service) || service["spec"]["type"] == "ExternalName" {
            continue;
        }
        let ns = meta::namespace(service);
        let slices: Vec<&Value> = view.slices.iter().map(|slice| &**slice).filter(|s| belongs(s, service)).collect();
        let pods = view.pods.iter().map(|pod| &**pod);
        let pods: Vec<&Value> = pods.filter(|pod| meta::namespace(pod) == ns && selector.matches(pod)).collect();
        reconcile(service, &slices, wanted(service, &pods), plan);
    }
}

fn belongs(slice: &Value, service: &Value) -> bool {
    meta::namespace(slice) == meta::namespace(service)
        && meta::label(slice, SERVICE_NAME) == Some(meta::name(service))
        && meta::label(slice, MANAGED_BY) == Some(MANAGER)
}

fn wanted(service: &Value, pods: &[&Value]) -> Vec<SliceContent> {
    // Pods that resolve the Service's ports differently stand in different slices.
    let mut groups: BTreeMap<String, SliceContent> = BTreeMap::new();
    for pod in pods.iter().filter(|pod| !ended(pod) && !meta::text(pod, "/status/podIP").is_empty()) {
        let ports = ports(service, pod);
        let group = groups.entry(ports.to_string()).or_insert_with(|| SliceContent { ports, endpoints: Vec::new() });
        group.endpoints.push(endpoint(service, pod));
    }
    let mut contents = Vec::new();
    for SliceContent { ports, endpoints } in groups.into_values() {
        let chunks = endpoints.chunks(MAX_ENDPOINTS);
        contents.extend(chunks.map(|chunk| SliceContent { ports: ports.clone(), endpoints: chunk.to_vec() }));
    }
    if contents.is_empty() {
        // A Service without pods keeps one empty slice, so that its emptiness can be seen.
        contents.push(SliceContent { ports: json!([]), endpoints: Vec::new() });
    }
    contents
}

/// One endpoint. Its conditions are those of `podToEndpoint` in `staging/src/k8s.io/endpointslice/utils.go`: a
/// terminating pod is never ready, unless the Service publishes addresses that are not.
fn endpoint(service: &Value, pod: &Value) -> Value {
    let serving = ready(pod);
    let terminating = meta::terminating(pod);
    let ready = service["spec"]["publishNotReadyAddresses"] == true || (serving && !terminating);
    json!({
        "addresses": [meta::text(pod, "/status/podIP")],
        "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
        "nodeName": meta::text(pod, "/spec/nodeName"),
        "targetRef": {
            "kind": "Pod", "namespace": meta::namespace(pod), "name": meta::name(pod), "uid": meta::uid(pod),
        },
    })
}

/// The Service's ports as numbers on this pod; a name that the pod does not have is left out.
fn ports(service: &Value, pod: &Value) -> Value {
    let ports = meta::list(service, "/spec/ports").iter().filter_map(|port| {
        let number = u16::try_from(target_port(port, pod)?).ok()?;
        let name = meta::text(port, "/name");
        Some(json!({"name": name, "port": number, "protocol": meta::text(port, "/protocol")}))
    });
    ports.collect()
}

fn target_port(port: &Value, pod: &Value) -> Option<i64> {
    match &port["targetPort"] {
        Value::String(name) => meta::list(pod, "/spec/containers")
            .iter()
            .flat_map(|container| meta::list(container, "/ports"))
            .find(|found| found["name"] == name.as_str() && found["protocol"] == port["protocol"])
            .and_then(|found| meta::number(found, "/containerPort")),
        Value::Null => meta::number(port, "/port"),
        number => number.as_i64(),
    }
}

fn reconcile(service: &Value, slices: &[&Value], wanted: Vec<SliceContent>, plan: &mut ControllerPlan) {
    let mut spare = slices.to_vec();
    let mut unplaced = Vec::new();
    // A slice stays with the ports that it has, so that as few as possible change.
    for content in wanted {
        match spare.iter().position(|slice| slice["ports"] == content.ports) {
            Some(at) => update(spare.remove(at), &content, plan),
            None => unplaced.push(content),
        }
    }
    for content in unplaced {
        if spare.is_empty() {
            plan.push(ControllerAction::Create { kind: ObjectKind::EndpointSlice, object: slice(service, &content) });
        } else {
            update(spare.remove(0), &content, plan);
        }
    }
    for slice in spare {
        plan.push(ControllerAction::delete(ObjectKind::EndpointSlice, slice));
    }
}

fn update(slice: &Value, content: &SliceContent, plan: &mut ControllerPlan) {
    let endpoints = Value::Array(content.endpoints.clone());
    if slice["ports"] != content.ports || slice["endpoints"] != endpoints {
        let patch = json!({"ports": content.ports, "endpoints": endpoints});
        plan.push(ControllerAction::merge(ObjectKind::EndpointSlice, slice, patch));
    }
}

fn slice(service: &Value, content: &SliceContent) -> Value {
    let name = meta::name(service);
    let mut labels = service["metadata"]["labels"].clone();
    labels[SERVICE_NAME] = json!(name);
    labels[MANAGED_BY] = json!(MANAGER);
    json!({
        "metadata": {
            "generateName": format!("{name}-"), "namespace": meta::namespace(service), "labels": labels,
            "ownerReferences": [{
                "apiVersion": "v1", "kind": "Service", "name": name, "uid": meta::uid(service),
                "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "addressType": "IPv4", "ports": content.ports, "endpoints": content.endpoints,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn pod(name: &str, ready: bool, terminating: bool) -> Value {
        let mut pod = json!({
            "metadata": {"name": name, "namespace": "default", "labels": {"app": "web"}},
            "spec": {"nodeName": "n", "containers": [{"ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]}]},
            "status": {"phase": "Running", "podIP": "127.1.0.1",
                "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]},
        });
        if terminating {
            pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        }
        pod
    }

    fn service(extra: &[(&str, Value)]) -> Value {
        let mut service = json!({"metadata": {"name": "web", "namespace": "default"}, "spec": {
            "selector": {"app": "web"}, "ports": [{"name": "a", "port": 80, "targetPort": "http", "protocol": "TCP"}]}});
        for (key, value) in extra {
            service["spec"][*key] = value.clone();
        }
        service
    }

    fn run(service: Value, pods: Vec<Value>, slices: Vec<Value>) -> Vec<ControllerAction> {
        let view = ControllerView {
            services: vec![Arc::new(service)],
            pods: pods.into_iter().map(Arc::new).collect(),
            slices: slices.into_iter().map(Arc::new).collect(),
            ..ControllerView::default()
        };
        let mut plan = ControllerPlan::at("2026-01-01T00:00:00Z".parse().unwrap());
        step(&view, &mut plan);
        plan.actions
    }

    fn created(actions: &[ControllerAction]) -> Vec<&Value> {
        let objects = actions.iter().map(|action| match action {
            ControllerAction::Create { object, .. } => object,
            other => panic!("expected a new slice, got {other:?}"),
        });
        objects.collect()
    }

    #[test]
    fn conditions_follow_readiness_termination_and_publishing() {
        for (is_ready, terminating, publish, expected) in [
            (true, false, false, (true, true, false)),
            (false, false, false, (false, false, false)),
            (true, true, false, (false, true, true)),
            (false, true, false, (false, false, true)),
            (false, false, true, (true, false, false)),
            (true, true, true, (true, true, true)),
        ] {
            let service = service(&[("publishNotReadyAddresses", json!(publish))]);
            let actions = run(service, vec![pod("a", is_ready, terminating)], vec![]);
            let conditions = &created(&actions)[0]["endpoints"][0]["conditions"];
            let (ready, serving, terminating) = expected;
            assert_eq!(*conditions, json!({"ready": ready, "serving": serving, "terminating": terminating}));
        }
    }

    #[test]
    fn pods_that_ended_have_no_address_or_another_label_are_no_endpoints() {
        let mut ended = pod("a", true, false);
        ended["status"]["phase"] = json!("Failed");
        let mut nowhere = pod("b", true, false);
        nowhere["status"]["podIP"] = json!("");
        let mut other = pod("c", true, false);
        other["metadata"]["labels"]["app"] = json!("api");
        let mut elsewhere = pod("d", true, false);
        elsewhere["metadata"]["namespace"] = json!("other");
        let actions = run(service(&[]), vec![ended, nowhere, other, elsewhere], vec![]);
        assert_eq!(created(&actions)[0]["endpoints"], json!([]));
    }

    #[test]
    fn named_ports_are_looked_up_in_each_pod() {
        let mut renumbered = pod("b", true, false);
        renumbered["spec"]["containers"][0]["ports"][0]["containerPort"] = json!(9090);
        let actions = run(service(&[]), vec![pod("a", true, false), renumbered], vec![]);
        let slices = created(&actions);
        assert_eq!(slices[0]["ports"], json!([{"name": "a", "port": 8080, "protocol": "TCP"}]));
        assert_eq!(slices[1]["ports"], json!([{"name": "a", "port": 9090, "protocol": "TCP"}]));
        assert_eq!(slices[0]["metadata"]["labels"][SERVICE_NAME], "web");
        assert_eq!(slices[0]["endpoints"][0]["targetRef"]["name"], "a");
    }

    #[test]
    fn an_existing_slice_is_changed_only_when_something_differs() {
        let actions = run(service(&[]), vec![pod("a", true, false)], vec![]);
        let mut slice = created(&actions)[0].clone();
        slice["metadata"]["name"] = json!("web-1");
        assert_eq!(run(service(&[]), vec![pod("a", true, false)], vec![slice.clone()]), []);
        let changed = run(service(&[]), vec![pod("a", false, false)], vec![slice.clone()]);
        assert!(matches!(&changed[..], [ControllerAction::Merge { name, .. }] if name == "web-1"), "{changed:?}");
        let emptied = run(service(&[]), vec![], vec![slice]);
        assert!(
            matches!(&emptied[..], [ControllerAction::Merge { patch, .. }] if patch["endpoints"] == json!([])),
            "{emptied:?}"
        );
    }

    #[test]
    fn a_service_without_selector_is_left_to_its_owner() {
        assert_eq!(run(service(&[("selector", json!({}))]), vec![pod("a", true, false)], vec![]), []);
    }
}
