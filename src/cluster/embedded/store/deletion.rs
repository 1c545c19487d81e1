//! Deleting: grace for pods, background garbage collection for what is owned, and the contents of namespaces.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::api_error::ApiError;
use super::meta;
use super::object_kind::ObjectKind;
use super::store_state::{Store, StoreState};
use super::wall::whole_seconds;
use crate::manifest;

/// What a deletion asks for, as `metav1.DeleteOptions`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeleteOptions {
    /// `gracePeriodSeconds`; `None` takes the pod's own. Only pods have a grace.
    pub grace_s: Option<i64>,
    /// `preconditions.uid`: delete only the object with this uid.
    pub uid: Option<String>,
    /// `preconditions.resourceVersion`: delete only this version of it.
    pub(crate) resource_version: Option<String>,
    /// `propagationPolicy: Orphan`: leave what the object owns.
    pub(crate) orphan: bool,
}

impl DeleteOptions {
    /// Deletion with this grace.
    #[must_use]
    pub fn grace(grace_s: i64) -> Self {
        Self { grace_s: Some(grace_s), ..Self::default() }
    }
}

impl Store {
    /// Deletes an object and, in the background, what it owns. A scheduled pod that has not ended is only marked: its
    /// `deletionTimestamp` is the time of the request plus the grace in whole seconds, and it stays until it is
    /// deleted again with a grace of 0 (`pkg/registry/core/pod/strategy.go`, `CheckGracefulDelete`). A namespace stays
    /// until its last object is gone. Returns the object's last or marked state.
    pub fn delete(&self, kind: ObjectKind, ns: &str, name: &str, options: &DeleteOptions) -> Result<Value, ApiError> {
        self.write(|state| state.delete(kind, ns, name, options).map(|object| (*object).clone()))
    }
}

impl StoreState {
    fn delete(
        &mut self,
        kind: ObjectKind,
        ns: &str,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<Arc<Value>, ApiError> {
        let object = self.find(kind, ns, name)?;
        check_preconditions(kind, &object, options)?;
        let last = match kind {
            ObjectKind::Pod => self.delete_pod(&object, options.grace_s),
            ObjectKind::Namespace => self.delete_namespace(&object),
            _ => self.remove(kind, &object, options.orphan),
        };
        Ok(last)
    }

    fn delete_pod(&mut self, pod: &Arc<Value>, asked: Option<i64>) -> Arc<Value> {
        let decided = graceful(pod, asked, self.wall.now());
        match decided {
            PodDeletion::Remove => self.remove(ObjectKind::Pod, pod, false),
            PodDeletion::Keep => Arc::clone(pod),
            PodDeletion::Mark { at, grace_s } => {
                let mut marked = (**pod).clone();
                marked["metadata"]["deletionTimestamp"] = Value::String(whole_seconds(at));
                marked["metadata"]["deletionGracePeriodSeconds"] = Value::from(grace_s);
                self.put(ObjectKind::Pod, marked)
            }
        }
    }

    fn delete_namespace(&mut self, namespace: &Arc<Value>) -> Arc<Value> {
        let name = meta::name(namespace).to_owned();
        let mut last = Arc::clone(namespace);
        if !meta::terminating(namespace) {
            let mut marked = (**namespace).clone();
            marked["metadata"]["deletionTimestamp"] = Value::String(whole_seconds(self.wall.now()));
            marked["status"]["phase"] = Value::String("Terminating".to_owned());
            last = self.put(ObjectKind::Namespace, marked);
        }
        for kind in ObjectKind::ALL.into_iter().filter(|kind| kind.info().namespaced) {
            let objects = self.objects.get(&kind).into_iter().flatten();
            let names: Vec<String> =
                objects.filter(|((ns, _), _)| *ns == name).map(|((_, name), _)| name.clone()).collect();
            for object in names {
                // Garbage collection may already have taken it.
                let _ = self.delete(kind, &name, &object, &DeleteOptions::default());
            }
        }
        self.finish_namespace(&name);
        last
    }

    /// Removes an object, then what it owned, then its namespace if that only waited for it.
    fn remove(&mut self, kind: ObjectKind, object: &Arc<Value>, orphan: bool) -> Arc<Value> {
        let (ns, name) = (meta::namespace(object).to_owned(), meta::name(object));
        let last = self.take(kind, &ns, name).unwrap_or_else(|| Arc::clone(object));
        self.release_owned(meta::uid(object), &ns, orphan);
        self.finish_namespace(&ns);
        last
    }

    fn release_owned(&mut self, owner: &str, ns: &str, orphan: bool) {
        let dependents: Vec<(ObjectKind, Arc<Value>)> = ObjectKind::ALL
            .into_iter()
            .filter_map(|kind| self.objects.get(&kind).map(|objects| (kind, objects)))
            .flat_map(|(kind, objects)| objects.values().map(move |object| (kind, object)))
            .filter(|(_, object)| meta::namespace(object) == ns && owners(object).any(|uid| uid == owner))
            .map(|(kind, object)| (kind, Arc::clone(object)))
            .collect();
        for (kind, object) in dependents {
            let kept = owners(&object).any(|uid| uid != owner && self.exists(uid));
            if orphan || kept {
                let mut after = (*object).clone();
                if let Some(list) = after["metadata"]["ownerReferences"].as_array_mut() {
                    list.retain(|reference| reference["uid"] != owner);
                }
                self.replace(kind, &object, after);
            } else {
                // An owned object of an owned object may already be gone with it.
                let _ = self.delete(kind, ns, meta::name(&object), &DeleteOptions::default());
            }
        }
    }

    fn exists(&self, uid: &str) -> bool {
        self.objects.values().any(|objects| objects.values().any(|object| meta::uid(object) == uid))
    }

    fn finish_namespace(&mut self, ns: &str) {
        let waits = self.find(ObjectKind::Namespace, "", ns).is_ok_and(|namespace| meta::terminating(&namespace));
        let occupied = || self.objects.values().any(|objects| objects.keys().any(|(namespace, _)| namespace == ns));
        if waits && !occupied() {
            self.take(ObjectKind::Namespace, "", ns);
        }
    }
}

fn owners(object: &Value) -> impl Iterator<Item = &str> {
    meta::list(object, "/metadata/ownerReferences").iter().map(|reference| meta::text(reference, "/uid"))
}

fn check_preconditions(kind: ObjectKind, object: &Value, options: &DeleteOptions) -> Result<(), ApiError> {
    let pairs = [
        ("UID", options.uid.as_deref(), meta::uid(object)),
        ("resourceVersion", options.resource_version.as_deref(), meta::text(object, "/metadata/resourceVersion")),
    ];
    for (field, wanted, found) in pairs {
        if let Some(wanted) = wanted.filter(|wanted| *wanted != found) {
            let detail = format!("precondition failed: {field} in precondition: {wanted}, in object: {found}");
            return Err(ApiError::Conflict { kind, name: meta::name(object).to_owned(), detail });
        }
    }
    Ok(())
}

enum PodDeletion {
    Remove,
    Keep,
    Mark { at: Timestamp, grace_s: i64 },
}

/// What deleting a pod does. The rules of `CheckGracefulDelete` (pod strategy) and `rest.BeforeDelete`: a pod without a
/// node or past its end goes at once; a second deletion may only shorten the grace.
fn graceful(pod: &Value, asked: Option<i64>, now: Timestamp) -> PodDeletion {
    let own = manifest::grace_s(&pod["spec"]);
    let unscheduled = meta::text(pod, "/spec/nodeName").is_empty();
    let ended = matches!(meta::text(pod, "/status/phase"), "Succeeded" | "Failed");
    if unscheduled || ended || asked == Some(0) {
        return PodDeletion::Remove;
    }
    let clamp = |grace: i64| if grace < 0 { 1 } else { grace };
    if !meta::terminating(pod) {
        let grace_s = clamp(asked.unwrap_or(own));
        if grace_s == 0 {
            return PodDeletion::Remove;
        }
        return PodDeletion::Mark { at: shifted(now, grace_s), grace_s };
    }
    let current = meta::number(pod, "/metadata/deletionGracePeriodSeconds").unwrap_or(0);
    let deadline: Option<Timestamp> = meta::text(pod, "/metadata/deletionTimestamp").parse().ok();
    match (asked.map(clamp), deadline) {
        (Some(grace_s), Some(deadline)) if grace_s < current => {
            PodDeletion::Mark { at: shifted(deadline, grace_s.saturating_sub(current)), grace_s }
        }
        _ => PodDeletion::Keep,
    }
}

/// `at` moved by whole seconds; an absurd grace saturates at the end of representable time.
fn shifted(at: Timestamp, seconds: i64) -> Timestamp {
    at.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(at)
}
