//! Server-side apply, reduced: the applied object is merged into the live one, and what the same manager applied
//! before and no longer does is removed. Ownership by several managers, and conflicts between them, are not kept.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use crate::cluster::embedded::store::{Kind, Store};

/// What was applied to which object (kind, namespace, name) by which field manager.
type Key = (Kind, String, String, String);

/// The last applied object of each manager.
#[derive(Debug, Default)]
pub(super) struct LastApplied(Mutex<BTreeMap<Key, Value>>);

impl LastApplied {
    pub(super) fn get(&self, key: &Key) -> Option<Value> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Remembers `applied`, and forgets what was applied to objects that are gone.
    pub(super) fn set(&self, store: &Store, key: Key, applied: Value) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(kind, ns, name, _), _| store.get(*kind, ns, name).is_ok());
        known.insert(key, applied);
    }

    /// Forgets what was applied to an object that is created anew.
    pub(super) fn forget(&self, kind: Kind, ns: &str, name: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|key, _| (key.0, key.1.as_str(), key.2.as_str()) != (kind, ns, name));
    }
}

/// The strategic merge patch that applies `new` where `last` was applied before: `new` itself, with deletions for what
/// only `last` has.
pub(super) fn patch(last: Option<&Value>, new: &Value) -> Value {
    let mut patch = new.clone();
    if let Some(last) = last {
        remove_missing(last, &mut patch, "");
    }
    patch
}

fn remove_missing(last: &Value, patch: &mut Value, within: &str) {
    let (Some(last), Some(patch)) = (last.as_object(), patch.as_object_mut()) else { return };
    for (key, old) in last {
        match (old, patch.get_mut(key)) {
            (_, None) => {
                patch.insert(key.clone(), Value::Null);
            }
            (Value::Object(_), Some(new)) => remove_missing(old, new, key),
            (Value::Array(old), Some(Value::Array(new))) => {
                if let Some(merge_key) = merge_key(within, key) {
                    remove_items(old, new, merge_key, key);
                }
            }
            _ => {}
        }
    }
}

fn remove_items(last: &[Value], patch: &mut Vec<Value>, merge_key: &str, field: &str) {
    for old in last {
        let Some(wanted) = old.get(merge_key) else { continue };
        if let Some(new) = patch.iter_mut().find(|new| new.get(merge_key) == Some(wanted)) {
            remove_missing(old, new, field);
        } else {
            patch.push(json!({merge_key: wanted, "$patch": "delete"}));
        }
    }
}

/// The key by which the elements of a list are matched (the `patchMergeKey` tags of core/v1); `None` for lists that
/// are replaced whole.
fn merge_key(within: &str, field: &str) -> Option<&'static str> {
    match field {
        "containers" | "initContainers" | "volumes" | "env" | "imagePullSecrets" => Some("name"),
        "volumeMounts" => Some("mountPath"),
        "ports" if within == "spec" => Some("port"),
        "ports" => Some("containerPort"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_items_that_are_no_longer_applied_are_deleted() {
        let last = json!({"spec": {"replicas": 2, "containers": [
            {"name": "a", "image": "x", "lifecycle": {"preStop": {}}}, {"name": "b"}]}});
        let new = json!({"spec": {"containers": [{"name": "a", "image": "y"}]}});
        assert_eq!(
            patch(Some(&last), &new),
            json!({"spec": {"replicas": null, "containers": [
                {"name": "a", "image": "y", "lifecycle": null}, {"name": "b", "$patch": "delete"}]}})
        );
        assert_eq!(patch(None, &new), new);
    }
}
