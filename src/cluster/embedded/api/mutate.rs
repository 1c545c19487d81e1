//! Creating, replacing and patching: what a client may change, with defaults and validation.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::api_request::ResourceTarget;
use super::api_server::EmbeddedApi;
use super::{defaults, gated_fields, validate};
use crate::cluster::embedded::store::{ApiError, ObjectKind, StatusCause, meta, set_status};
use crate::manifest::{apply_merge, json_merge, strategic_merge};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PatchType {
    Apply,
    Merge,
    Strategic,
}

impl PatchType {
    pub(super) fn parse(content_type: &str) -> Result<Self, ApiError> {
        match content_type.split(';').next().unwrap_or_default().trim() {
            "application/apply-patch+yaml" => Ok(Self::Apply),
            "application/merge-patch+json" => Ok(Self::Merge),
            "application/strategic-merge-patch+json" => Ok(Self::Strategic),
            _ => Err(ApiError::UnsupportedMediaType {
                accepted: "application/merge-patch+json, application/strategic-merge-patch+json, \
                           application/apply-patch+yaml",
            }),
        }
    }
}

/// One client's change to one resource.
pub(super) struct Mutation<'a> {
    pub(super) api: &'a EmbeddedApi,
    pub(super) target: &'a ResourceTarget,
    pub(super) manager: &'a str,
}

impl Mutation<'_> {
    pub(super) fn create(&self, mut object: Value) -> Result<Value, ApiError> {
        let kind = self.target.kind;
        self.check_identity(&object, None)?;
        self.admit(&mut object, None)?;
        if kind.info().has_status && kind != ObjectKind::Pod && kind != ObjectKind::Node {
            // A status belongs to the component that observes it, not to the creator.
            object.as_object_mut().map(|map| map.remove("status"));
        }
        let created = self.api.store.create(kind, object)?;
        self.api.applied.forget(kind, meta::namespace(&created), meta::name(&created));
        Ok(created)
    }

    pub(super) fn replace(&self, name: &str, sub: Option<&str>, path: &str, body: Value) -> Result<Value, ApiError> {
        self.change(name, sub, path, |object| {
            self.check_seen(&body, object)?;
            *object = body;
            Ok(())
        })
    }

    pub(super) fn patch(
        &self,
        name: &str,
        sub: Option<&str>,
        path: &str,
        patch_type: PatchType,
        body: &Value,
    ) -> Result<(u16, Value), ApiError> {
        if patch_type == PatchType::Apply {
            if self.manager.is_empty() {
                let detail = "fieldManager is required for apply patch".to_owned();
                return Err(ApiError::BadRequest { detail });
            }
            if sub.is_none() {
                return self.apply(name, path, body);
            }
        }
        let merged = self.change(name, sub, path, |object| {
            self.check_seen(body, object)?;
            merge(patch_type, object, None, body)
        })?;
        Ok((200, merged))
    }

    fn apply(&self, name: &str, path: &str, body: &Value) -> Result<(u16, Value), ApiError> {
        let (kind, ns) = (self.target.kind, self.target.namespace());
        let key = (kind, ns.to_owned(), name.to_owned(), self.manager.to_owned());
        self.check_identity(body, Some(name))?;
        let outcome = if self.api.store.get(kind, ns, name).is_ok() {
            let last = self.api.applied.get(&key);
            let merged = self.change(name, None, path, |object| {
                self.check_seen(body, object)?;
                merge(PatchType::Apply, object, last.as_ref(), body)
            })?;
            (200, merged)
        } else {
            let mut object = body.clone();
            object["metadata"]["name"] = Value::String(name.to_owned());
            (201, self.create(object)?)
        };
        self.api.applied.set(&self.api.store, key, body.clone());
        Ok(outcome)
    }

    /// Runs a change on the object, or on the view of it that a subresource is.
    fn change<F>(&self, name: &str, sub: Option<&str>, path: &str, change: F) -> Result<Value, ApiError>
    where
        F: FnOnce(&mut Value) -> Result<(), ApiError>,
    {
        let kind = self.target.kind;
        let scale = sub == Some("scale");
        let known = match sub {
            None => true,
            Some("status") => kind.info().has_status,
            Some("scale") => scales(kind),
            Some(_) => false,
        };
        if !known {
            return Err(ApiError::NoResource { path: path.to_owned() });
        }
        let stored = self.api.store.try_update(kind, self.target.namespace(), name, |object| {
            let before = object.clone();
            let mut after = if scale { scale_of(&before) } else { before.clone() };
            change(&mut after)?;
            self.check_identity(&after, Some(name))?;
            match sub {
                None => {
                    after["apiVersion"] = before["apiVersion"].clone();
                    self.admit(&mut after, Some(&before))?;
                    keep_status(kind, &mut after, &before);
                    *object = after;
                }
                Some("status") => {
                    validate::types(kind, &after)?;
                    set_status(object, after.get_mut("status").map(Value::take));
                }
                Some(_) => {
                    object["spec"]["replicas"] = Value::from(wanted_replicas(kind, name, &after)?);
                }
            }
            Ok(())
        })?;
        Ok(if scale { scale_of(&stored) } else { stored })
    }

    /// Types, defaults, cluster addresses, rules: what the API server does to an object before it stores it.
    fn admit(&self, object: &mut Value, before: Option<&Value>) -> Result<(), ApiError> {
        let kind = self.target.kind;
        without_nulls(object);
        validate::types(kind, object)?;
        gated_fields::drop_disabled(kind, object);
        if let Some(ns) = &self.target.ns {
            object["metadata"]["namespace"] = Value::String(ns.clone());
        }
        defaults::fill(kind, object);
        if kind == ObjectKind::Service {
            self.give_address(object, before);
        }
        validate::rules(kind, object, before)
    }

    /// A Service keeps its cluster address, and gets one when it has none.
    fn give_address(&self, service: &mut Value, before: Option<&Value>) {
        let given = meta::text(service, "/spec/clusterIP");
        if !given.is_empty() || service["spec"]["type"] == "ExternalName" {
            return;
        }
        let kept = before.map(|before| meta::text(before, "/spec/clusterIP")).filter(|address| !address.is_empty());
        let address = kept.map_or_else(
            || {
                // 10.96.0.0/12 is the range that kubeadm and kind use; the first ten are left as they do.
                let host = self.api.addresses.fetch_add(1, Ordering::Relaxed) + 10;
                format!("10.96.{}.{}", host / 250 % 256, host % 250 + 1)
            },
            str::to_owned,
        );
        service["spec"]["clusterIPs"] = json!([address]);
        service["spec"]["clusterIP"] = Value::String(address);
    }

    /// What a body says about kind, name and namespace must be what the path says.
    fn check_identity(&self, body: &Value, name: Option<&str>) -> Result<(), ApiError> {
        let bad = |detail: String| Err(ApiError::BadRequest { detail });
        if !body.is_object() {
            return bad("the request's body must be a JSON object".to_owned());
        }
        if body.get("metadata").is_some_and(|metadata| !metadata.is_object() && !metadata.is_null()) {
            return bad("the object's metadata must be a JSON object".to_owned());
        }
        let info = self.target.kind.info();
        let scale = self.target.sub.as_deref() == Some("scale");
        let kind = meta::text(body, "/kind");
        if !scale && !kind.is_empty() && kind != info.kind {
            return bad(format!("the object's kind is {kind}, but it was sent to the path of {}", info.plural));
        }
        let version = meta::text(body, "/apiVersion");
        if !scale && !version.is_empty() && version != self.target.kind.api_version() {
            return bad(format!(
                "the object's apiVersion is {version}, but it was sent to the path of {}",
                self.target.kind.api_version()
            ));
        }
        let ns = meta::namespace(body);
        if let Some(expected) = self.target.ns.as_deref()
            && !ns.is_empty()
            && ns != expected
        {
            return bad(format!("the namespace of the object ({ns}) does not match that of the request ({expected})"));
        }
        let given = meta::name(body);
        if let Some(expected) = name
            && !given.is_empty()
            && given != expected
        {
            return bad(format!("the name of the object ({given}) does not match the name on the URL ({expected})"));
        }
        Ok(())
    }

    /// Optimistic locking: a body with a resource version or uid is meant for that object only.
    fn check_seen(&self, body: &Value, live: &Value) -> Result<(), ApiError> {
        for field in ["resourceVersion", "uid"] {
            let seen = body["metadata"][field].as_str().unwrap_or_default();
            if !seen.is_empty() && live["metadata"][field] != seen {
                let detail =
                    "the object has been modified; please apply your changes to the latest version and try again";
                let name = meta::name(live).to_owned();
                return Err(ApiError::Conflict { kind: self.target.kind, name, detail: detail.to_owned() });
            }
        }
        Ok(())
    }
}

/// Merges `body` into `object`; `last` is what the same manager applied before.
fn merge(patch_type: PatchType, object: &mut Value, last: Option<&Value>, body: &Value) -> Result<(), ApiError> {
    let bad = |detail: String| ApiError::BadRequest { detail };
    if !body.is_object() {
        return Err(bad("a patch must be a JSON object".to_owned()));
    }
    match patch_type {
        PatchType::Merge => {
            json_merge(object, body);
        }
        PatchType::Strategic => {
            strategic_merge(object, body).map_err(|error| bad(error.to_string()))?;
        }
        PatchType::Apply => {
            apply_merge(object, last, body).map_err(|error| bad(error.to_string()))?;
        }
    }
    Ok(())
}

fn keep_status(kind: ObjectKind, after: &mut Value, before: &Value) {
    if kind.info().has_status {
        set_status(after, before.get("status").cloned());
    }
}

/// Null fields are absent fields; the API server does not store them.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(without_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

pub(super) const fn scales(kind: ObjectKind) -> bool {
    matches!(kind, ObjectKind::Deployment | ObjectKind::ReplicaSet)
}

/// The `autoscaling/v1` Scale of a workload.
pub(super) fn scale_of(object: &Value) -> Value {
    let labels = object["spec"]["selector"]["matchLabels"].as_object().into_iter().flatten();
    let selector: Vec<String> =
        labels.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    let mut metadata = json!({});
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        metadata[field] = object["metadata"][field].clone();
    }
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata,
        "spec": {"replicas": object["spec"]["replicas"]},
        "status": {"replicas": object["status"]["replicas"].as_i64().unwrap_or(0), "selector": selector.join(",")},
    })
}

fn wanted_replicas(kind: ObjectKind, name: &str, scale: &Value) -> Result<i64, ApiError> {
    // An absent number is 0 in the API's type, as `omitempty` writes it.
    let replicas = match &scale["spec"]["replicas"] {
        Value::Null => Some(0),
        other => other.as_i64().filter(|replicas| (0..=i64::from(i32::MAX)).contains(replicas)),
    };
    replicas.ok_or_else(|| {
        let message = format!("Invalid value: {}: must be a whole number, at least 0", scale["spec"]["replicas"]);
        ApiError::Invalid {
            kind,
            name: name.to_owned(),
            causes: vec![StatusCause { field: "spec.replicas".into(), message }],
        }
    })
}
