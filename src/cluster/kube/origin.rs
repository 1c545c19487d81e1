//! Which clusters rollproof made. The knowledge is kept in the cluster itself, so that it cannot outlive it.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::PostParams;
use kube::{Api, Client};
use serde_json::json;

use super::labels::{MANAGED_BY, MANAGER};

const NAMESPACE: &str = "kube-system";
const NAME: &str = "rollproof-cluster";

/// Marks a cluster as made by rollproof.
pub(crate) async fn mark_as_own(client: &Client) -> Result<(), kube::Error> {
    let object = json!({"metadata": {"name": NAME, "namespace": NAMESPACE,
        "labels": {MANAGED_BY: MANAGER}}, "data": {"version": env!("CARGO_PKG_VERSION")}});
    let mark: ConfigMap = serde_json::from_value(object).map_err(kube::Error::SerdeError)?;
    Api::namespaced(client.clone(), NAMESPACE).create(&PostParams::default(), &mark).await.map(|_| ())
}

/// Whether rollproof made this cluster.
pub(crate) async fn is_own(client: &Client) -> Result<bool, kube::Error> {
    Ok(Api::<ConfigMap>::namespaced(client.clone(), NAMESPACE).get_opt(NAME).await?.is_some())
}
