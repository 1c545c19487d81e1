//! From Kubernetes objects to the record's lines. Types are used to read only; nothing is written back.

use k8s_openapi::api::core::v1::{ContainerStatus, Event, Pod};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::Value;

use crate::clock::Stamp;
use crate::record::entry::{
    ContainerSeen, ContainerState, EndpointSeen, EndpointsSeen, EventSeen, PodSeen, SeenChange, WorkloadSeen,
};

/// Text from the cluster is bounded before it enters the record.
const TEXT_MAX: usize = 1_024;
/// So are a pod's labels, whose number the API does not limit.
const LABELS_MAX: usize = 64;
/// The label of an `EndpointSlice` that names its Service (`LabelServiceName` in k8s.io/api/discovery/v1).
const SERVICE_NAME: &str = "kubernetes.io/service-name";

pub(super) fn pod(at_ns: Stamp, change: SeenChange, pod: &Pod) -> PodSeen {
    let status = pod.status.clone().unwrap_or_default();
    let conditions = status.conditions.unwrap_or_default();
    // An init container that goes on beside the others.
    let inits = pod.spec.iter().flat_map(|spec| spec.init_containers.iter().flatten());
    let lasting: Vec<&String> =
        inits.filter(|one| one.restart_policy.as_deref() == Some("Always")).map(|one| &one.name).collect();
    let statuses = status.init_container_statuses.unwrap_or_default().into_iter();
    let sidecars = statuses.filter(|status| lasting.contains(&&status.name));
    let owner = pod.owner_references().iter().find(|owner| owner.controller == Some(true));
    PodSeen {
        at_ns,
        change,
        namespace: pod.namespace().unwrap_or_default(),
        name: pod.name_any(),
        uid: pod.uid().unwrap_or_default(),
        owner: owner.map(|owner| format!("{}/{}", owner.kind, owner.name)),
        labels: pod.labels().iter().take(LABELS_MAX).map(|(key, value)| (key.clone(), value.clone())).collect(),
        ip: status.pod_ip,
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        phase: status.phase.unwrap_or_default(),
        ready: conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True"),
        created: pod.metadata.creation_timestamp.as_ref().map(time),
        deletion_timestamp: pod.metadata.deletion_timestamp.as_ref().map(time),
        deletion_grace_s: pod.metadata.deletion_grace_period_seconds,
        containers: status.container_statuses.unwrap_or_default().into_iter().chain(sidecars).map(container).collect(),
    }
}

fn container(status: ContainerStatus) -> ContainerSeen {
    let k8s_openapi::api::core::v1::ContainerState { running, terminated, waiting } = status.state.unwrap_or_default();
    let base = ContainerSeen {
        name: status.name,
        ready: status.ready,
        restarts: status.restart_count,
        state: ContainerState::Waiting,
        reason: None,
        message: None,
        exit_code: None,
        started: None,
        finished: None,
    };
    if let Some(terminated) = terminated {
        return ContainerSeen {
            state: ContainerState::Terminated,
            reason: terminated.reason.map(bounded),
            message: terminated.message.map(bounded),
            exit_code: Some(terminated.exit_code),
            started: terminated.started_at.as_ref().map(time),
            finished: terminated.finished_at.as_ref().map(time),
            ..base
        };
    }
    if let Some(running) = running {
        return ContainerSeen {
            state: ContainerState::Running,
            started: running.started_at.as_ref().map(time),
            ..base
        };
    }
    let waiting = waiting.unwrap_or_default();
    ContainerSeen { reason: waiting.reason.map(bounded), message: waiting.message.map(bounded), ..base }
}

pub(super) fn endpoints(at_ns: Stamp, change: SeenChange, slice: &EndpointSlice) -> EndpointsSeen {
    let endpoints = slice.endpoints.iter().flat_map(|endpoint| {
        let conditions = endpoint.conditions.clone().unwrap_or_default();
        let pod = endpoint.target_ref.as_ref().and_then(|target| target.name.clone());
        // Unset means ready and serving, and not terminating: discovery/v1 EndpointConditions.
        endpoint.addresses.iter().map(move |address| EndpointSeen {
            pod: pod.clone(),
            address: address.clone(),
            node: endpoint.node_name.clone(),
            ready: conditions.ready.unwrap_or(true),
            serving: conditions.serving.or(conditions.ready).unwrap_or(true),
            terminating: conditions.terminating.unwrap_or(false),
        })
    });
    EndpointsSeen {
        at_ns,
        change,
        namespace: slice.namespace().unwrap_or_default(),
        name: slice.name_any(),
        service: slice.labels().get(SERVICE_NAME).cloned(),
        endpoints: endpoints.collect(),
    }
}

pub(super) fn event(at_ns: Stamp, event: &Event) -> EventSeen {
    let about = &event.involved_object;
    let last = event.last_timestamp.as_ref().or(event.first_timestamp.as_ref()).map(time);
    EventSeen {
        at_ns,
        namespace: event.namespace().unwrap_or_default(),
        about: format!("{}/{}", about.kind.as_deref().unwrap_or("?"), about.name.as_deref().unwrap_or("?")),
        container: about.field_path.as_deref().and_then(container_of),
        reason: bounded(event.reason.clone().unwrap_or_default()),
        message: bounded(event.message.clone().unwrap_or_default()),
        kind: bounded(event.type_.clone().unwrap_or_default()),
        count: event.count.unwrap_or(1),
        last: last.or_else(|| event.event_time.as_ref().map(|micro| micro.0.to_string())),
    }
}

/// The container in a field path as kubelet writes it: `spec.containers{web}`.
fn container_of(field_path: &str) -> Option<String> {
    let own = field_path.strip_prefix("spec.containers{").or_else(|| field_path.strip_prefix("spec.initContainers{"));
    let name = own?.strip_suffix('}')?;
    Some(bounded(name.to_owned()))
}

pub(super) fn workload(at_ns: Stamp, kind: &str, object: &DynamicObject) -> WorkloadSeen {
    WorkloadSeen {
        at_ns,
        namespace: object.namespace().unwrap_or_default(),
        name: format!("{kind}/{}", object.name_any()),
        generation: object.metadata.generation.unwrap_or_default(),
        status: object.data.get("status").cloned().unwrap_or(Value::Null),
    }
}

fn time(time: &Time) -> String {
    time.0.to_string()
}

fn bounded(mut text: String) -> String {
    if text.len() > TEXT_MAX {
        let end = text.floor_char_boundary(TEXT_MAX);
        text.truncate(end);
    }
    text
}
