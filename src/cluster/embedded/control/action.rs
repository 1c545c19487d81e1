//! What a controller wants changed, as data.

use serde_json::Value;

use crate::cluster::embedded::store::{DeleteOptions, EventText, ObjectKind, Store, event, meta};
use crate::manifest::patch_merge::json_merge;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum ControllerAction {
    Create {
        kind: ObjectKind,
        object: Value,
    },
    /// Create a pod of a `ReplicaSet`, and say so in an Event with the name that it got.
    CreatePod {
        set: Value,
        pod: Value,
        /// When, as `metav1.Time` is written.
        now: String,
    },
    /// Merge a JSON merge patch (RFC 7386) into an object.
    Merge {
        kind: ObjectKind,
        ns: String,
        name: String,
        patch: Value,
    },
    Status {
        kind: ObjectKind,
        ns: String,
        name: String,
        status: Value,
    },
    /// Delete an object, unless it is another one by now.
    Delete {
        kind: ObjectKind,
        ns: String,
        name: String,
        uid: String,
    },
}

impl ControllerAction {
    pub(super) fn merge(kind: ObjectKind, object: &Value, patch: Value) -> Self {
        Self::Merge { kind, ns: meta::namespace(object).to_owned(), name: meta::name(object).to_owned(), patch }
    }

    pub(super) fn status(kind: ObjectKind, object: &Value, status: Value) -> Self {
        Self::Status { kind, ns: meta::namespace(object).to_owned(), name: meta::name(object).to_owned(), status }
    }

    pub(super) fn delete(kind: ObjectKind, object: &Value) -> Self {
        let (ns, name, uid) = (meta::namespace(object), meta::name(object), meta::uid(object));
        Self::Delete { kind, ns: ns.to_owned(), name: name.to_owned(), uid: uid.to_owned() }
    }

    /// A normal Event about an object.
    pub(super) fn event(
        about: ObjectKind,
        object: &Value,
        component: &str,
        reason: &str,
        message: &str,
        now: &str,
    ) -> Self {
        let text = EventText { kind: "Normal", reason, message, component };
        Self::Create { kind: ObjectKind::Event, object: event(about, object, text, now) }
    }

    /// Carries the change out. What cannot be done any more, because the object or its namespace went, is left: the
    /// next step looks at what is there then.
    pub(super) fn apply(self, store: &Store) -> bool {
        let done = match self {
            Self::Create { kind, object } => store.create(kind, object).map(|_| ()),
            Self::CreatePod { set, pod, now } => store.create(ObjectKind::Pod, pod).map(|pod| {
                let message = format!("Created pod: {}", meta::name(&pod));
                let event = Self::event(
                    ObjectKind::ReplicaSet,
                    &set,
                    "replicaset-controller",
                    "SuccessfulCreate",
                    &message,
                    &now,
                );
                event.apply(store);
            }),
            Self::Merge { kind, ns, name, patch } => store
                .update(kind, &ns, &name, |object| {
                    json_merge(object, &patch);
                })
                .map(|_| ()),
            Self::Status { kind, ns, name, status } => {
                store.update_status(kind, &ns, &name, |object| object["status"] = status).map(|_| ())
            }
            Self::Delete { kind, ns, name, uid } => {
                let options = DeleteOptions { uid: Some(uid), ..DeleteOptions::default() };
                store.delete(kind, &ns, &name, &options).map(|_| ())
            }
        };
        done.is_ok()
    }
}
