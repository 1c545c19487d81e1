//! Creating and changing objects, with the metadata that only the API server may set.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::api_error::{ApiError, StatusCause};
use super::meta;
use super::object_kind::ObjectKind;
use super::store_state::{MAX_EVENTS, Store, StoreState};
use super::wall::whole_seconds;
use crate::rng::Rng;

/// The alphabet of generated names: no vowels and no lookalikes (`k8s.io/apimachinery/pkg/util/rand`).
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
/// Length of the random end of a generated name.
const SUFFIX: usize = 5;
/// Fresh names are tried this often before `generateName` gives up.
const NAME_TRIES: usize = 8;
/// Metadata that no writer may change.
const FIXED: [&str; 6] =
    ["uid", "name", "namespace", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"];

impl Store {
    /// Creates an object. Fills name (from `generateName`), uid, creation time, generation and resource version.
    pub fn create(&self, kind: ObjectKind, object: Value) -> Result<Value, ApiError> {
        self.write(|state| state.create(kind, object).map(|object| (*object).clone()))
    }

    /// Changes an object in one atomic step. What `change` does to uid, name, namespace, creation or deletion time is
    /// undone. Without a difference there is no new version; a changed `spec` counts up `metadata.generation`.
    /// `change` runs under the store's lock, so it must not use the store itself.
    pub(crate) fn update<F>(&self, kind: ObjectKind, ns: &str, name: &str, change: F) -> Result<Value, ApiError>
    where
        F: FnOnce(&mut Value),
    {
        self.try_update(kind, ns, name, |object| {
            change(object);
            Ok(())
        })
    }

    /// As [`Store::update`], but only what `change` does to `status` is kept.
    pub(crate) fn update_status<F>(&self, kind: ObjectKind, ns: &str, name: &str, change: F) -> Result<Value, ApiError>
    where
        F: FnOnce(&mut Value),
    {
        self.try_update(kind, ns, name, |object| {
            let mut changed = object.clone();
            change(&mut changed);
            set_status(object, changed.get_mut("status").map(Value::take));
            Ok(())
        })
    }

    /// As [`Store::update`], for a change that can fail; then nothing is changed.
    pub(crate) fn try_update<F>(&self, kind: ObjectKind, ns: &str, name: &str, change: F) -> Result<Value, ApiError>
    where
        F: FnOnce(&mut Value) -> Result<(), ApiError>,
    {
        self.write(|state| {
            let before = state.find(kind, ns, name)?;
            let mut after = (*before).clone();
            change(&mut after)?;
            Ok((*state.replace(kind, &before, after)).clone())
        })
    }
}

pub(crate) fn set_status(object: &mut Value, status: Option<Value>) {
    if let Some(object) = object.as_object_mut() {
        match status {
            Some(status) => {
                object.insert("status".to_owned(), status);
            }
            None => {
                object.remove("status");
            }
        }
    }
}

impl StoreState {
    pub(super) fn create(&mut self, kind: ObjectKind, mut object: Value) -> Result<Arc<Value>, ApiError> {
        let info = kind.info();
        if !object.is_object() {
            return Err(ApiError::BadRequest { detail: format!("a {} must be a JSON object", info.kind) });
        }
        if !object["metadata"].is_object() {
            object["metadata"] = Value::Object(Map::new());
        }
        let name = self.name_for(kind, &object)?;
        if info.namespaced {
            self.check_namespace(kind, meta::namespace(&object), &name)?;
        }
        object["apiVersion"] = Value::String(kind.api_version());
        object["kind"] = Value::String(info.kind.to_owned());
        let uid = uuid(&mut self.rng);
        let created = whole_seconds(self.wall.now());
        if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.insert("name".to_owned(), Value::String(name));
            metadata.insert("uid".to_owned(), Value::String(uid));
            metadata.insert("creationTimestamp".to_owned(), Value::String(created));
            for key in ["deletionTimestamp", "deletionGracePeriodSeconds", "generation"] {
                metadata.remove(key);
            }
            if info.has_generation {
                metadata.insert("generation".to_owned(), Value::from(1));
            }
            if !info.namespaced {
                metadata.remove("namespace");
            }
        }
        if kind == ObjectKind::Namespace {
            object["status"]["phase"] = Value::String("Active".to_owned());
        }
        let created = self.put(kind, object);
        if kind == ObjectKind::Event {
            self.drop_old_events();
        }
        Ok(created)
    }

    /// Stores `after` in place of `before`, with what only the API server may set.
    pub(super) fn replace(&mut self, kind: ObjectKind, before: &Arc<Value>, mut after: Value) -> Arc<Value> {
        if !after.is_object() {
            return Arc::clone(before);
        }
        if !after["metadata"].is_object() {
            after["metadata"] = Value::Object(Map::new());
        }
        for field in FIXED.into_iter().chain(["generation", "resourceVersion"]) {
            match before["metadata"].get(field) {
                Some(value) => after["metadata"][field] = value.clone(),
                None => {
                    after["metadata"].as_object_mut().map(|metadata| metadata.remove(field));
                }
            }
        }
        for field in ["apiVersion", "kind"] {
            after[field] = before[field].clone();
        }
        if **before == after {
            return Arc::clone(before);
        }
        if kind.info().has_generation && before.get("spec") != after.get("spec") {
            let generation = meta::number(before, "/metadata/generation").unwrap_or(0);
            after["metadata"]["generation"] = Value::from(generation + 1);
        }
        self.put(kind, after)
    }

    fn name_for(&mut self, kind: ObjectKind, object: &Value) -> Result<String, ApiError> {
        let name = meta::name(object);
        let ns = meta::namespace(object);
        if !name.is_empty() {
            return match self.find(kind, ns, name) {
                Ok(_) => Err(ApiError::AlreadyExists { kind, name: name.to_owned() }),
                Err(_) => Ok(name.to_owned()),
            };
        }
        let prefix = meta::text(object, "/metadata/generateName");
        if prefix.is_empty() {
            let message = "Required value: name or generateName is required".to_owned();
            let causes = vec![StatusCause { field: "metadata.name".to_owned(), message }];
            return Err(ApiError::Invalid { kind, name: String::new(), causes });
        }
        for _ in 0..NAME_TRIES {
            let name = format!("{prefix}{}", suffix(&mut self.rng));
            if self.find(kind, ns, &name).is_err() {
                return Ok(name);
            }
        }
        Err(ApiError::AlreadyExists { kind, name: prefix.to_owned() })
    }

    fn check_namespace(&self, kind: ObjectKind, ns: &str, name: &str) -> Result<(), ApiError> {
        let namespace = self.find(ObjectKind::Namespace, "", ns)?;
        if meta::terminating(&namespace) {
            let detail = format!("unable to create new content in namespace {ns} because it is being terminated");
            return Err(ApiError::Forbidden { kind, name: name.to_owned(), detail });
        }
        Ok(())
    }

    fn drop_old_events(&mut self) {
        let Some(events) = self.objects.get(&ObjectKind::Event) else { return };
        if events.len() <= MAX_EVENTS {
            return;
        }
        let oldest = events.iter().min_by_key(|(_, event)| meta::version(event)).map(|(key, _)| key.clone());
        if let Some((ns, name)) = oldest {
            self.take(ObjectKind::Event, &ns, &name);
        }
    }
}

pub(super) fn suffix(rng: &mut Rng) -> String {
    (0..SUFFIX).map(|_| char::from(ALPHABET[rng.below(ALPHABET.len())])).collect()
}

/// A version 4 UUID (RFC 9562) from the seeded generator.
fn uuid(rng: &mut Rng) -> String {
    let high = (rng.next_u64() & !0xf000) | 0x4000;
    let low = (rng.next_u64() & !(0b11 << 62)) | (0b10 << 62);
    let (a, b, c) = (high >> 32, (high >> 16) & 0xffff, high & 0xffff);
    format!("{a:08x}-{b:04x}-{c:04x}-{:04x}-{:012x}", low >> 48, low & 0xffff_ffff_ffff)
}
