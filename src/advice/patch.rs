//! One patch for all causes.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::subject::Subject;
use crate::manifest::strategic_merge;

/// What is to change, in the words of the manifest.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Changes {
    pub(super) pre_stop: Option<Value>,
    pub(super) args: Option<Vec<String>>,
    /// The hook of another container, by its name.
    pub(super) other_hook: Option<(String, Value)>,
    pub(super) grace_s: Option<u64>,
    pub(super) readiness: Option<Value>,
    /// `maxUnavailable: 0`, and `maxSurge: 1` where there is none.
    pub(super) never_fewer: bool,
    /// `maxUnavailable: 1` and `maxSurge: 0`, where a node has room for one of the pods only.
    pub(super) one_by_one: bool,
    pub(super) replicas: Option<u32>,
    pub(super) min_ready_s: Option<u64>,
    /// Containers beside the serving one, by their names, each with the seconds that it is to sleep before it is stopped.
    pub(super) beside: BTreeMap<String, u64>,
    /// An object other than the workload is to be changed too: a patch of the workload that looks whole would leave that out.
    pub(super) elsewhere: bool,
}

/// The strategic merge patch of these changes; `None` if there are none, if they are not all, or if the workload does not take it.
pub(super) fn patch(subject: &Subject<'_>, changes: &Changes, surge: u32) -> Option<Value> {
    if changes.elsewhere {
        return None;
    }
    let mut container = Map::new();
    if let Some(pre_stop) = &changes.pre_stop {
        container.insert("lifecycle".to_owned(), json!({"preStop": replaced(Some(subject.container), pre_stop)}));
    }
    if let Some(args) = &changes.args {
        container.insert("args".to_owned(), json!(args));
    }
    if let Some(readiness) = &changes.readiness {
        container.insert("readinessProbe".to_owned(), readiness.clone());
    }
    let mut pod = Map::new();
    if let Some(grace_s) = changes.grace_s {
        pod.insert("terminationGracePeriodSeconds".to_owned(), json!(grace_s));
    }
    let mut containers = Vec::new();
    if !container.is_empty() {
        // The list is merged by this key.
        container.insert("name".to_owned(), subject.container.get("name")?.clone());
        containers.push(Value::Object(container));
    }
    containers.extend(
        changes
            .beside
            .iter()
            .map(|(name, seconds)| json!({"name": name, "lifecycle": {"preStop": {"sleep": {"seconds": seconds}}}})),
    );
    if !containers.is_empty() {
        pod.insert("containers".to_owned(), Value::Array(containers));
    }
    if let Some((name, hook)) = &changes.other_hook {
        let present = subject.manifest.pointer("/spec/template/spec/containers").and_then(Value::as_array);
        let named =
            present.and_then(|all| all.iter().find(|one| one.get("name").and_then(Value::as_str) == Some(name)));
        let other = json!({"name": name, "lifecycle": {"preStop": replaced(named, hook)}});
        let all = pod.entry("containers").or_insert_with(|| json!([]));
        all.as_array_mut()?.push(other);
    }
    let mut spec = Map::new();
    if !pod.is_empty() {
        spec.insert("template".to_owned(), json!({"spec": pod}));
    }
    if let Some(replicas) = changes.replicas {
        spec.insert("replicas".to_owned(), json!(replicas));
    }
    if let Some(seconds) = changes.min_ready_s {
        spec.insert("minReadySeconds".to_owned(), json!(seconds));
    }
    if let Some(rolling) = rolling(changes, surge) {
        let key = if subject.is_deployment() { "strategy" } else { "updateStrategy" };
        spec.insert(key.to_owned(), json!({"type": "RollingUpdate", "rollingUpdate": rolling}));
    }
    if spec.is_empty() {
        return None;
    }
    let mut metadata = json!({"name": subject.text("/metadata/name")});
    if !subject.text("/metadata/namespace").is_empty() {
        metadata["namespace"] = json!(subject.text("/metadata/namespace"));
    }
    let (api_version, kind) = (subject.text("/apiVersion"), subject.text("/kind"));
    let patch = json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec});
    let mut patched = subject.manifest.clone();
    strategic_merge(&mut patched, &patch).is_ok_and(|changed| changed).then_some(patch)
}

fn rolling(changes: &Changes, surge: u32) -> Option<Value> {
    if changes.one_by_one {
        return Some(json!({"maxUnavailable": 1, "maxSurge": 0}));
    }
    changes.never_fewer.then(|| {
        let mut rolling = json!({"maxUnavailable": 0});
        if surge == 0 {
            rolling["maxSurge"] = json!(1);
        }
        rolling
    })
}

/// A handler in the place of the one that is there: a hook may have one only, and a merge keeps the other's key.
fn replaced(container: Option<&Value>, handler: &Value) -> Value {
    let mut whole = handler.clone();
    let present = container.and_then(|one| one.pointer("/lifecycle/preStop")).and_then(Value::as_object);
    for key in present.into_iter().flat_map(Map::keys) {
        if whole.get(key).is_none() {
            whole[key] = Value::Null;
        }
    }
    whole
}
