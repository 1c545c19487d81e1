//! A Deployment's `ReplicaSet`s: which is the new one, how it is made, revisions, and the limit on old ones
//! (`pkg/controller/deployment/sync.go` and `util/deployment_util.go`).

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::view::ControllerView;
use crate::cluster::embedded::store::{ObjectKind, meta};

/// The label that tells the pods of a Deployment's `ReplicaSet`s apart.
pub(super) const HASH_LABEL: &str = "pod-template-hash";
/// The annotation that counts a Deployment's templates.
pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
/// Earlier revisions of a `ReplicaSet` that is used again.
const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";
/// `spec.replicas` of the Deployment when the `ReplicaSet` was last scaled.
pub(super) const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
/// The same plus the surge.
pub(super) const MAX: &str = "deployment.kubernetes.io/max-replicas";
/// Annotations of a Deployment that its `ReplicaSet`s do not take over.
const NOT_COPIED: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    REVISION_HISTORY,
    DESIRED,
    MAX,
    "deprecated.deployment.rollback.to",
];

/// A `ReplicaSet` with the numbers that the rollout counts with.
#[derive(Debug, Clone)]
pub(super) struct OwnedReplicaSet {
    pub(super) object: Arc<Value>,
    /// `spec.replicas`; kept up to date while a step scales.
    pub(super) replicas: i64,
    /// `status.replicas`.
    pub(super) actual: i64,
    pub(super) ready: i64,
    pub(super) available: i64,
}

impl OwnedReplicaSet {
    fn new(object: &Arc<Value>) -> Self {
        let number = |pointer| meta::number(object, pointer).unwrap_or(0);
        Self {
            object: Arc::clone(object),
            replicas: number("/spec/replicas"),
            actual: number("/status/replicas"),
            ready: number("/status/readyReplicas"),
            available: number("/status/availableReplicas"),
        }
    }

    pub(super) fn name(&self) -> &str {
        meta::name(&self.object)
    }

    pub(super) fn annotated(&self, key: &str) -> Option<i64> {
        meta::annotation(&self.object, key)?.parse().ok()
    }
}

/// The new `ReplicaSet`, if it exists, and the old ones, oldest first.
pub(super) fn sets(view: &ControllerView, deployment: &Value) -> (Option<OwnedReplicaSet>, Vec<OwnedReplicaSet>) {
    let uid = meta::uid(deployment);
    let owned = view.replica_sets.iter().filter(|set| meta::controller_uid(set) == uid);
    let mut sets: Vec<OwnedReplicaSet> = owned.map(OwnedReplicaSet::new).collect();
    sets.sort_by(|a, b| age_key(&a.object).cmp(&age_key(&b.object)));
    let template = &deployment["spec"]["template"];
    let new = sets.iter().position(|set| same_template(&set.object["spec"]["template"], template));
    let new = new.map(|at| sets.remove(at));
    (new, sets)
}

fn age_key(object: &Value) -> (&str, &str) {
    (meta::text(object, "/metadata/creationTimestamp"), meta::name(object))
}

/// Equal but for the hash label (`EqualIgnoreHash`).
fn same_template(of_set: &Value, template: &Value) -> bool {
    let mut of_set = of_set.clone();
    if let Some(labels) = of_set.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove(HASH_LABEL);
    }
    of_set == *template
}

/// The new `ReplicaSet` of a Deployment that has none for its template.
pub(super) fn new_set(view: &ControllerView, deployment: &Value, replicas: i64, max: i64, revision: i64) -> Value {
    let spec = &deployment["spec"];
    let (name, hash) = free_name(view, deployment);
    let mut template = spec["template"].clone();
    template["metadata"]["labels"][HASH_LABEL] = json!(hash);
    let mut selector = spec["selector"].clone();
    selector["matchLabels"][HASH_LABEL] = json!(hash);
    let mut annotations = copied_annotations(deployment);
    annotations.insert(REVISION.to_owned(), json!(revision.to_string()));
    annotations.insert(DESIRED.to_owned(), json!(spec["replicas"].as_i64().unwrap_or(1).to_string()));
    annotations.insert(MAX.to_owned(), json!(max.to_string()));
    let mut set = json!({
        "metadata": {
            "name": name, "namespace": meta::namespace(deployment), "labels": template["metadata"]["labels"],
            "annotations": annotations,
            "ownerReferences": [{
                "apiVersion": ObjectKind::Deployment.api_version(), "kind": "Deployment", "name": meta::name(deployment),
                "uid": meta::uid(deployment), "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "spec": {"replicas": replicas, "selector": selector, "template": template},
        "status": {"replicas": 0},
    });
    if let Some(min_ready) = meta::number(spec, "/minReadySeconds").filter(|seconds| *seconds > 0) {
        set["spec"]["minReadySeconds"] = json!(min_ready);
    }
    set
}

/// What must change on the existing new `ReplicaSet`: revision, copied annotations, `minReadySeconds`. A JSON merge
/// patch; `None` if nothing.
pub(super) fn refresh(deployment: &Value, set: &Value, revision: i64) -> Option<Value> {
    let mut annotations: Map<String, Value> = copied_annotations(deployment)
        .into_iter()
        .filter(|(key, value)| meta::annotation(set, key) != value.as_str())
        .collect();
    let current: i64 = meta::annotation(set, REVISION).and_then(|text| text.parse().ok()).unwrap_or(0);
    if current < revision {
        annotations.insert(REVISION.to_owned(), json!(revision.to_string()));
        if current > 0 {
            let earlier = meta::annotation(set, REVISION_HISTORY);
            let history = earlier.map_or_else(|| current.to_string(), |earlier| format!("{earlier},{current}"));
            annotations.insert(REVISION_HISTORY.to_owned(), json!(history));
        }
    }
    let min_ready = |object: &Value| meta::number(object, "/spec/minReadySeconds").unwrap_or(0);
    let mut patch = json!({});
    if !annotations.is_empty() {
        patch["metadata"] = json!({ "annotations": annotations });
    }
    if min_ready(deployment) != min_ready(set) {
        patch["spec"] = json!({"minReadySeconds": min_ready(deployment)});
    }
    (patch != json!({})).then_some(patch)
}

/// The revision that the new `ReplicaSet` must have: one more than any old one.
pub(super) fn next_revision(old: &[OwnedReplicaSet]) -> i64 {
    old.iter().filter_map(|set| set.annotated(REVISION)).max().unwrap_or(0) + 1
}

/// Old, empty `ReplicaSet`s beyond `spec.revisionHistoryLimit`, lowest revision first (`cleanupDeployment`).
pub(super) fn beyond_limit<'a>(deployment: &Value, old: &'a [OwnedReplicaSet]) -> Vec<&'a OwnedReplicaSet> {
    let limit = meta::number(deployment, "/spec/revisionHistoryLimit").unwrap_or(10);
    let mut alive: Vec<&OwnedReplicaSet> = old.iter().filter(|set| !meta::terminating(&set.object)).collect();
    alive.sort_by_key(|set| set.annotated(REVISION).unwrap_or(0));
    let surplus = alive.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
    alive.truncate(surplus);
    alive.retain(|set| {
        let observed = meta::number(&set.object, "/status/observedGeneration").unwrap_or(0);
        set.replicas == 0 && set.actual == 0 && meta::number(&set.object, "/metadata/generation") <= Some(observed)
    });
    alive
}

fn copied_annotations(deployment: &Value) -> Map<String, Value> {
    let annotations = deployment["metadata"]["annotations"].as_object().into_iter().flatten();
    let kept = annotations.filter(|(key, _)| !NOT_COPIED.contains(&key.as_str()));
    kept.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// A name from the template's hash that no `ReplicaSet` has, and the hash.
fn free_name(view: &ControllerView, deployment: &Value) -> (String, String) {
    let taken = |name: &str| {
        let ns = meta::namespace(deployment);
        view.replica_sets.iter().any(|set| meta::name(set) == name && meta::namespace(set) == ns)
    };
    let mut collisions = 0u32;
    loop {
        let hash = template_hash(&deployment["spec"]["template"], collisions);
        let name = format!("{}-{hash}", meta::name(deployment));
        // There are fewer ReplicaSets than hashes, so this ends.
        if !taken(&name) {
            return (name, hash);
        }
        collisions += 1;
    }
}

/// FNV-1a of the template, written in the alphabet of Kubernetes' safe names. Not Kubernetes' own value: that hashes a
/// dump of its Go types. JSON maps are ordered by key here, so equal templates have equal hashes.
fn template_hash(template: &Value, collisions: u32) -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let text = if collisions == 0 { template.to_string() } else { format!("{template}{collisions}") };
    let hash = text.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash.to_string().bytes().map(|digit| char::from(ALPHABET[usize::from(digit) % ALPHABET.len()])).collect()
}
