//! The kubelet's Events: its reasons and messages (`pkg/kubelet/events/event.go`, v1.34), counted up where they repeat,
//! as client-go's recorder does.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use crate::cluster::embedded::store::{EventText, ObjectKind, Store, event, meta};

/// Distinct events kept for one pod; beyond that the counts begin again.
const MAX_KNOWN: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventType {
    Normal,
    Warning,
}

#[derive(Debug)]
pub(super) struct PodEvents {
    store: Store,
    node: String,
    pod: Value,
    known: Mutex<BTreeMap<(String, String, String), String>>,
}

impl PodEvents {
    pub(super) fn new(store: Store, node: &str, pod: &Value) -> Self {
        let known = Mutex::new(BTreeMap::new());
        Self { store, node: node.to_owned(), pod: json!({"metadata": pod["metadata"]}), known }
    }

    /// Records an event about a container of the pod, or about the pod itself where `container` is empty. A namespace
    /// that is going away takes no events; that is no error.
    pub(super) fn record(&self, container: &str, kind: EventType, reason: &str, message: &str) {
        let key = (container.to_owned(), reason.to_owned(), message.to_owned());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let ns = meta::namespace(&self.pod);
        let now = self.store.now_text();
        if let Some(name) = known.get(&key) {
            let counted = self.store.update(ObjectKind::Event, ns, name, |event| {
                let count = event["count"].as_i64().unwrap_or(1) + 1;
                event["count"] = count.into();
                event["lastTimestamp"] = now.clone().into();
            });
            if counted.is_ok() {
                return;
            }
        }
        let event = self.event(container, kind, reason, message, &now);
        if let Ok(created) = self.store.create(ObjectKind::Event, event) {
            if known.len() >= MAX_KNOWN {
                known.clear();
            }
            known.insert(key, meta::name(&created).to_owned());
        }
    }

    fn event(&self, container: &str, kind: EventType, reason: &str, message: &str, now: &str) -> Value {
        let kind = if kind == EventType::Normal { "Normal" } else { "Warning" };
        let text = EventText { kind, reason, message, component: "kubelet" };
        let mut event = event(ObjectKind::Pod, &self.pod, text, now);
        if !container.is_empty() {
            event["involvedObject"]["fieldPath"] = format!("spec.containers{{{container}}}").into();
        }
        event["source"]["host"] = self.node.clone().into();
        event["reportingInstance"] = self.node.clone().into();
        event
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::embedded::store::WallClock;

    #[test]
    fn a_repeated_event_is_counted_and_another_is_its_own() {
        let store = Store::new(WallClock::system(), 1);
        let pod = json!({"metadata": {"name": "web-1", "namespace": "default", "uid": "u"}});
        let events = PodEvents::new(store.clone(), "node", &pod);
        events.record("web", EventType::Warning, "Unhealthy", "Readiness probe failed: x");
        events.record("web", EventType::Warning, "Unhealthy", "Readiness probe failed: x");
        events.record("web", EventType::Normal, "Killing", "Stopping container web");
        let (mut all, _) = store.list(ObjectKind::Event, Some("default"));
        all.sort_by_key(|event| event["reason"].as_str().unwrap().to_owned());
        assert_eq!(all.len(), 2);
        assert_eq!(all[0]["involvedObject"]["fieldPath"], "spec.containers{web}");
        assert_eq!((&all[1]["count"], &all[1]["type"]), (&json!(2), &json!("Warning")));
    }
}
