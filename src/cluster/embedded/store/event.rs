//! Kubernetes Events as the components of the cluster write them.

use serde_json::{Value, json};

use super::meta;
use super::object_kind::ObjectKind;

#[derive(Debug, Clone, Copy)]
pub(crate) struct EventText<'a> {
    pub(crate) kind: &'a str,
    /// `reason`, for example `ScalingReplicaSet`.
    pub(crate) reason: &'a str,
    pub(crate) message: &'a str,
    /// `source.component`, for example `kubelet`.
    pub(crate) component: &'a str,
}

/// The Event object (core/v1) about `object`, which is of kind `about`. `now` is a `metav1.Time` text. The name is
/// completed by the store.
pub(crate) fn event(about: ObjectKind, object: &Value, text: EventText<'_>, now: &str) -> Value {
    let namespace = if meta::namespace(object).is_empty() { "default" } else { meta::namespace(object) };
    json!({
        "metadata": {"generateName": format!("{}.", meta::name(object)), "namespace": namespace},
        "involvedObject": {
            "apiVersion": about.api_version(), "kind": about.info().kind, "name": meta::name(object),
            "namespace": meta::namespace(object), "uid": meta::uid(object),
            "resourceVersion": object["metadata"]["resourceVersion"],
        },
        "type": text.kind, "reason": text.reason, "message": text.message,
        "source": {"component": text.component}, "reportingComponent": text.component, "reportingInstance": "",
        "firstTimestamp": now, "lastTimestamp": now, "count": 1,
    })
}
