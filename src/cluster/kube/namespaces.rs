//! Creates a run's namespaces on a real cluster, renews their heartbeat, and removes them.

use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;

use super::api_words;
use super::clean::{request_deletion, run_namespaces};
use super::labels::{BEAT_EVERY, HEARTBEAT, MANAGED_BY, MANAGER, RUN_LABEL};
use super::leftovers::NamespaceLife;

/// How long the removal of a run's namespaces may take, before it is left to the cluster.
const GONE_WITHIN: Duration = Duration::from_mins(2);
const GONE_POLL: Duration = Duration::from_millis(250);

fn now_s() -> u64 {
    crate::clock::wall_unix_ns() / 1_000_000_000
}

/// Creates a namespace of `run`. One that exists already belongs to somebody else and stays as it is.
pub(crate) async fn create(
    client: &Client,
    name: &str,
    run: &str,
    annotations: &[(&str, &str)],
    labels: &[(&str, &str)],
) -> Result<(), kube::Error> {
    let mut object = json!({"metadata": {"name": name,
        "labels": {MANAGED_BY: MANAGER, RUN_LABEL: run},
        "annotations": {HEARTBEAT: now_s().to_string()}}});
    for (annotation, value) in annotations {
        object["metadata"]["annotations"][*annotation] = json!(value);
    }
    for (label, value) in labels {
        object["metadata"]["labels"][*label] = json!(value);
    }
    let namespace: Namespace = serde_json::from_value(object).map_err(kube::Error::SerdeError)?;
    Api::all(client.clone()).create(&PostParams::default(), &namespace).await.map(|_| ())
}

/// Renews the run's heartbeat until it is dropped. The next update makes up for one that fails.
pub(crate) async fn beat(client: Client, names: Vec<String>) {
    let api: Api<Namespace> = Api::all(client);
    loop {
        tokio::time::sleep(BEAT_EVERY).await;
        for name in &names {
            let patch = json!({"metadata": {"annotations": {HEARTBEAT: now_s().to_string()}}});
            let _ = api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await;
        }
    }
}

/// Removes those of `names` that `run` made, and waits until they are gone; what is left, in a sentence. Their pods are
/// given a second: nobody needs their hooks any more.
pub(crate) async fn remove(client: &Client, names: &[String], run: &str) -> Option<String> {
    let mut last = "deletion is not complete".to_owned();
    let removal = async {
        loop {
            match step(client, names, run).await {
                Ok(0) => return,
                Ok(left) => last = format!("{left} still exist"),
                Err(error) => last = api_words(&error),
            }
            tokio::time::sleep(GONE_POLL).await;
        }
    };
    let removed = tokio::time::timeout(GONE_WITHIN, removal).await;
    removed
        .is_err()
        .then(|| format!("the namespaces {} still exist after {} s ({last})", names.join(", "), GONE_WITHIN.as_secs()))
}

/// Asks for the removal of what is not being removed yet; how many are left.
async fn step(client: &Client, names: &[String], run: &str) -> Result<usize, kube::Error> {
    let mut left = run_namespaces(client, now_s()).await?;
    left.retain(|one| one.run == run && names.contains(&one.namespace));
    for one in left.iter().filter(|one| one.life != NamespaceLife::Going) {
        request_deletion(client, one).await?;
    }
    Ok(left.len())
}
