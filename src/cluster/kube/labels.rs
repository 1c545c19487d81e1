//! What tells rollproof's own objects and clusters from everybody else's. That rollproof made a cluster is kept in the cluster itself,
//! so that the knowledge cannot outlive it.

use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::PostParams;
use kube::{Api, Client};
use serde_json::{Value, json};

/// Who applies and patches, as the API's managed fields show it.
pub(crate) const FIELD_MANAGER: &str = "rollproof";
/// Who made an object (a label that Kubernetes recommends).
pub(crate) const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The value of [`MANAGED_BY`].
pub(crate) const MANAGER: &str = "rollproof";
/// The run's identity, as a label of its namespaces.
pub(super) const RUN_LABEL: &str = "rollproof.dev/run";
/// When the run was last alive, in seconds since 1970, as an annotation of its namespaces.
pub(super) const HEARTBEAT: &str = "rollproof.dev/heartbeat";
/// The scenario's name, as an annotation of the run's namespaces.
pub(crate) const SCENARIO: &str = "rollproof.dev/scenario";
/// The workload that a run measures where it stands, as an annotation of the run's namespace.
pub(crate) const MEASURES: &str = "rollproof.dev/measures";
/// The run that cordoned a node, as the node's annotation.
pub const CORDONED_BY: &str = "rollproof.dev/cordoned-by";

/// How often a run says that it lives.
pub(super) const BEAT_EVERY: Duration = Duration::from_secs(30);
/// How long after its last heartbeat a run counts as alive: three may be missed.
pub(super) const ALIVE_FOR: Duration = Duration::from_mins(2);

const NAMESPACE: &str = "kube-system";
const NAME: &str = "rollproof-cluster";

/// The labels of what a run makes in a namespace that is not its own.
pub(crate) fn guest_labels(run: &str) -> Value {
    json!({MANAGED_BY: MANAGER, RUN_LABEL: run})
}

pub(crate) async fn mark_as_own(client: &Client) -> Result<(), kube::Error> {
    let object = json!({"metadata": {"name": NAME, "namespace": NAMESPACE,
        "labels": {MANAGED_BY: MANAGER}}, "data": {"version": env!("CARGO_PKG_VERSION")}});
    let mark: ConfigMap = serde_json::from_value(object).map_err(kube::Error::SerdeError)?;
    Api::namespaced(client.clone(), NAMESPACE).create(&PostParams::default(), &mark).await.map(|_| ())
}

pub(crate) async fn is_own(client: &Client) -> Result<bool, kube::Error> {
    Ok(Api::<ConfigMap>::namespaced(client.clone(), NAMESPACE).get_opt(NAME).await?.is_some())
}
