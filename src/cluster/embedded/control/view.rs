//! What the controllers see: the objects that they act on, at one moment.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::action::ControllerAction;
use crate::cluster::embedded::store::{ObjectKind, Store, meta, whole_seconds};

#[derive(Debug, Clone, Default)]
pub(super) struct ControllerView {
    pub(super) deployments: Vec<Arc<Value>>,
    pub(super) replica_sets: Vec<Arc<Value>>,
    pub(super) pods: Vec<Arc<Value>>,
    pub(super) services: Vec<Arc<Value>>,
    pub(super) slices: Vec<Arc<Value>>,
    pub(super) nodes: Vec<Arc<Value>>,
}

impl ControllerView {
    pub(super) fn of(store: &Store) -> Self {
        let list = |kind| store.list_shared(kind, None).0;
        Self {
            deployments: list(ObjectKind::Deployment),
            replica_sets: list(ObjectKind::ReplicaSet),
            pods: list(ObjectKind::Pod),
            services: list(ObjectKind::Service),
            slices: list(ObjectKind::EndpointSlice),
            nodes: list(ObjectKind::Node),
        }
    }

    pub(super) fn controlled<'a>(objects: &'a [Arc<Value>], owner: &Value) -> impl Iterator<Item = &'a Value> {
        let uid = meta::uid(owner).to_owned();
        objects.iter().map(|object| &**object).filter(move |object| meta::controller_uid(object) == uid)
    }
}

/// What steps decided so far, and when time alone would change the answer.
#[derive(Debug, Clone)]
pub(super) struct ControllerPlan {
    pub(super) now: Timestamp,
    pub(super) actions: Vec<ControllerAction>,
    pub(super) look_at: Option<Timestamp>,
}

impl ControllerPlan {
    pub(super) fn at(now: Timestamp) -> Self {
        Self { now, actions: Vec::new(), look_at: None }
    }

    pub(super) fn push(&mut self, action: ControllerAction) {
        self.actions.push(action);
    }

    /// The present moment as `metav1.Time` is written.
    pub(super) fn now_text(&self) -> String {
        whole_seconds(self.now)
    }

    pub(super) fn look_again(&mut self, at: Timestamp) {
        self.look_at = Some(self.look_at.map_or(at, |earlier| earlier.min(at)));
    }
}

/// `text` (a `metav1.Time`) plus whole seconds.
pub(super) fn after(text: &str, seconds: i64) -> Option<Timestamp> {
    text.parse::<Timestamp>().ok()?.saturating_add(SignedDuration::from_secs(seconds)).ok()
}

/// A pod that counts: not ended and not being deleted (`controller.FilterActivePods`).
pub(super) fn active(pod: &Value) -> bool {
    !ended(pod) && !meta::terminating(pod)
}

/// A pod whose containers will not run again.
pub(super) fn ended(pod: &Value) -> bool {
    matches!(meta::text(pod, "/status/phase"), "Succeeded" | "Failed")
}

pub(super) fn ready(pod: &Value) -> bool {
    meta::condition_true(pod, "Ready")
}

/// Since when a ready pod counts as available (`podutil.IsPodAvailable`); `None` if it is not ready.
pub(super) fn available_from(pod: &Value, min_ready_s: i64) -> Option<Timestamp> {
    let condition = meta::condition(pod, "Ready").filter(|condition| condition["status"] == "True")?;
    if min_ready_s == 0 {
        return Some(Timestamp::MIN);
    }
    after(meta::text(condition, "/lastTransitionTime"), min_ready_s)
}
