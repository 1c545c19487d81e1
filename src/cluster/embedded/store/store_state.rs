//! The store itself: its lock, its state, and reading.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::api_error::ApiError;
use super::meta;
use super::object_kind::ObjectKind;
use super::store_watch::{ChangeVerb, ObjectChange};
use super::wall::{WallClock, whole_seconds};
use crate::rng::Rng;

/// Changes kept for watchers. A watcher that lags further behind must list again (410 Gone).
pub(super) const HISTORY: usize = 8_192;
/// Events kept; the oldest goes when one more comes, as the API server's time to live does.
pub(super) const MAX_EVENTS: usize = 4_096;

/// Namespace (empty for cluster-wide kinds) and name.
pub(super) type ObjectKey = (String, String);

/// The objects of one embedded cluster. Clones share them.
#[derive(Debug, Clone)]
pub struct Store {
    shared: Arc<SharedStore>,
}

#[derive(Debug)]
struct SharedStore {
    state: Mutex<StoreState>,
    changed: tokio::sync::watch::Sender<u64>,
}

#[derive(Debug)]
pub(super) struct StoreState {
    pub(super) objects: BTreeMap<ObjectKind, BTreeMap<ObjectKey, Arc<Value>>>,
    pub(super) version: u64,
    pub(super) history: VecDeque<ObjectChange>,
    /// The version of the newest change that was dropped from the history.
    pub(super) dropped: u64,
    pub(super) rng: Rng,
    pub(super) wall: WallClock,
}

impl Store {
    /// An empty store but for the namespace `default`. Names and uids come from `seed`.
    #[must_use]
    pub fn new(wall: WallClock, seed: u64) -> Self {
        let state = StoreState {
            objects: BTreeMap::new(),
            version: 0,
            history: VecDeque::new(),
            dropped: 0,
            rng: Rng::stream(seed, "embedded-store"),
            wall,
        };
        let (changed, _) = tokio::sync::watch::channel(0);
        let store = Self { shared: Arc::new(SharedStore { state: Mutex::new(state), changed }) };
        // A new store has no such namespace yet, so this cannot fail.
        let _ = store.create(ObjectKind::Namespace, json!({"metadata": {"name": "default"}}));
        store
    }

    /// One object.
    pub fn get(&self, kind: ObjectKind, ns: &str, name: &str) -> Result<Value, ApiError> {
        self.read(|state| state.find(kind, ns, name).map(|object| (*object).clone()))
    }

    /// The objects of a kind, in one namespace or in all (`None`), by namespace and name, and the store's version.
    #[must_use]
    pub fn list(&self, kind: ObjectKind, ns: Option<&str>) -> (Vec<Value>, u64) {
        let (objects, version) = self.list_shared(kind, ns);
        (objects.iter().map(|object| (**object).clone()).collect(), version)
    }

    /// As [`Store::list`], without copying the objects.
    pub(crate) fn list_shared(&self, kind: ObjectKind, ns: Option<&str>) -> (Vec<Arc<Value>>, u64) {
        self.read(|state| {
            let objects = state.objects.get(&kind).into_iter().flatten();
            let wanted = objects.filter(|((namespace, _), _)| ns.is_none_or(|ns| ns == namespace));
            (wanted.map(|(_, object)| Arc::clone(object)).collect(), state.version)
        })
    }

    /// The latest resource version; a receiver wakes at each change of anything.
    #[must_use]
    pub fn changed(&self) -> tokio::sync::watch::Receiver<u64> {
        self.shared.changed.subscribe()
    }

    /// The present moment on the store's wall clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.read(|state| state.wall.now())
    }

    /// The present moment as `metav1.Time` is written: whole seconds.
    pub(crate) fn now_text(&self) -> String {
        whole_seconds(self.now())
    }

    pub(super) fn read<T>(&self, look: impl FnOnce(&StoreState) -> T) -> T {
        look(&self.lock())
    }

    /// Runs one write under the lock and then wakes those who wait for changes.
    pub(super) fn write<T>(&self, act: impl FnOnce(&mut StoreState) -> T) -> T {
        let mut state = self.lock();
        let before = state.version;
        let result = act(&mut state);
        if state.version != before {
            // Still under the lock, so that versions are announced in order.
            self.shared.changed.send_replace(state.version);
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, StoreState> {
        // A writer's closure works on a copy, so a panic in it leaves the state whole.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StoreState {
    pub(super) fn find(&self, kind: ObjectKind, ns: &str, name: &str) -> Result<Arc<Value>, ApiError> {
        let key = key(kind, ns, name);
        let found = self.objects.get(&kind).and_then(|objects| objects.get(&key));
        found.cloned().ok_or_else(|| ApiError::NotFound { kind, name: name.to_owned() })
    }

    /// Stores `object` under the next version and notes the change.
    pub(super) fn put(&mut self, kind: ObjectKind, mut object: Value) -> Arc<Value> {
        self.version += 1;
        object["metadata"]["resourceVersion"] = Value::String(self.version.to_string());
        let key = key(kind, meta::namespace(&object), meta::name(&object));
        let object = Arc::new(object);
        let previous = self.objects.entry(kind).or_default().insert(key, Arc::clone(&object));
        let verb = if previous.is_some() { ChangeVerb::Modified } else { ChangeVerb::Added };
        self.note(ObjectChange { version: self.version, kind, verb, object: Arc::clone(&object), previous });
        object
    }

    /// Removes an object under the next version and notes the change. The last state that watchers see carries the
    /// version of the removal, as the API server's does.
    pub(super) fn take(&mut self, kind: ObjectKind, ns: &str, name: &str) -> Option<Arc<Value>> {
        let previous = self.objects.get_mut(&kind)?.remove(&key(kind, ns, name))?;
        self.version += 1;
        let mut last = (*previous).clone();
        last["metadata"]["resourceVersion"] = Value::String(self.version.to_string());
        let object = Arc::new(last);
        let change = ObjectChange {
            version: self.version,
            kind,
            verb: ChangeVerb::Deleted,
            object: Arc::clone(&object),
            previous: Some(previous),
        };
        self.note(change);
        Some(object)
    }

    fn note(&mut self, change: ObjectChange) {
        self.history.push_back(change);
        while self.history.len() > HISTORY {
            if let Some(oldest) = self.history.pop_front() {
                self.dropped = oldest.version;
            }
        }
    }
}

pub(super) fn key(kind: ObjectKind, ns: &str, name: &str) -> ObjectKey {
    let ns = if kind.info().namespaced { ns } else { "" };
    (ns.to_owned(), name.to_owned())
}
