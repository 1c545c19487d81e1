//! Watching: a cursor into the store's history. Nothing is queued for a watcher, so a slow one costs no memory; one that
//! falls behind the history gets 410 Gone, as it would from the API server.

use std::sync::Arc;

use serde_json::Value;

use super::api_error::ApiError;
use super::meta;
use super::object_kind::ObjectKind;
use super::store_state::{Store, StoreState};

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeVerb {
    /// It was created.
    Added,
    /// It was changed.
    Modified,
    /// It was removed.
    Deleted,
}

#[derive(Debug, Clone)]
pub struct ObjectChange {
    /// The store's version that the change made.
    pub version: u64,
    pub kind: ObjectKind,
    pub verb: ChangeVerb,
    /// The object after the change; of a removed one its last state.
    pub object: Arc<Value>,
    /// The object before it; `None` if it was created.
    pub(crate) previous: Option<Arc<Value>>,
}

/// A position in the history of one kind, in one namespace or in all.
#[derive(Debug)]
pub struct StoreWatch {
    store: Store,
    kind: ObjectKind,
    namespace: Option<String>,
    since: u64,
    changed: tokio::sync::watch::Receiver<u64>,
}

impl Store {
    /// A watch of what changes after version `since`.
    pub fn watch(&self, kind: ObjectKind, ns: Option<&str>, since: u64) -> Result<StoreWatch, ApiError> {
        self.read(|state| state.reaches(since))?;
        let changed = self.changed();
        Ok(StoreWatch { store: self.clone(), kind, namespace: ns.map(str::to_owned), since, changed })
    }

    /// The present objects of a kind and a watch of everything after them.
    #[must_use]
    pub fn list_and_watch(&self, kind: ObjectKind, ns: Option<&str>) -> (Vec<Arc<Value>>, StoreWatch) {
        let changed = self.changed();
        // The list names the version it was taken at, so nothing can fall between list and watch.
        let (objects, since) = self.list_shared(kind, ns);
        (objects, StoreWatch { store: self.clone(), kind, namespace: ns.map(str::to_owned), since, changed })
    }
}

impl StoreWatch {
    /// Everything that changed since the last call, oldest first; may be empty.
    pub fn take(&mut self) -> Result<Vec<ObjectChange>, ApiError> {
        let (changes, version) = self.store.read(|state| {
            state.reaches(self.since)?;
            let start = state.history.partition_point(|change| change.version <= self.since);
            let later = state.history.range(start..).filter(|change| self.wants(change));
            Ok((later.cloned().collect(), state.version))
        })?;
        self.since = version;
        Ok(changes)
    }

    /// Waits until something changed and takes it; never empty. Safe to drop at any await point.
    pub async fn next(&mut self) -> Result<Vec<ObjectChange>, ApiError> {
        loop {
            self.changed.mark_unchanged();
            let changes = self.take()?;
            if !changes.is_empty() {
                return Ok(changes);
            }
            // The sender lives as long as the store, which this watch holds.
            if self.changed.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// The version up to which this watch has seen everything, for bookmarks.
    pub const fn version(&self) -> u64 {
        self.since
    }

    fn wants(&self, change: &ObjectChange) -> bool {
        change.kind == self.kind
            && self.namespace.as_deref().is_none_or(|namespace| namespace == meta::namespace(&change.object))
    }
}

impl StoreState {
    fn reaches(&self, since: u64) -> Result<(), ApiError> {
        if since < self.dropped {
            return Err(ApiError::Gone { asked: since, oldest: self.dropped });
        }
        if since > self.version {
            return Err(ApiError::TooLarge { asked: since, current: self.version });
        }
        Ok(())
    }
}
