//! What each field manager applied last, so that what it no longer applies can be removed (`manifest::server_side_apply`).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::cluster::embedded::store::{ObjectKind, Store};

/// What was applied to which object (kind, namespace, name) by which field manager.
type AppliedKey = (ObjectKind, String, String, String);

#[derive(Debug, Default)]
pub(super) struct LastApplied(Mutex<BTreeMap<AppliedKey, Value>>);

impl LastApplied {
    pub(super) fn get(&self, key: &AppliedKey) -> Option<Value> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Remembers `applied`, and forgets what was applied to objects that are gone.
    pub(super) fn set(&self, store: &Store, key: AppliedKey, applied: Value) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(kind, ns, name, _), _| store.get(*kind, ns, name).is_ok());
        known.insert(key, applied);
    }

    /// Forgets what was applied to an object that is created again.
    pub(super) fn forget(&self, kind: ObjectKind, ns: &str, name: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|key, _| (key.0, key.1.as_str(), key.2.as_str()) != (kind, ns, name));
    }
}
