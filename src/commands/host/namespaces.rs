//! The namespaces of a run on a real cluster: made, kept alive for others to see, and removed.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use serde_json::json;

use crate::rollout::api_words;

/// Who made it, as `app.kubernetes.io/managed-by`.
pub(super) const MANAGER: &str = "rollproof";
/// The run's identity, as a label.
pub(super) const RUN_LABEL: &str = "rollproof.dev/run";
/// When the run was last alive, as an annotation, RFC 3339.
pub(super) const HEARTBEAT: &str = "rollproof.dev/heartbeat";

/// How often a run says that it lives.
pub(super) const BEAT_EVERY: Duration = Duration::from_secs(30);
/// How long the removal of a run's namespaces may take, before it is left to the cluster.
const GONE_WITHIN: Duration = Duration::from_mins(2);
const GONE_POLL: Duration = Duration::from_millis(250);

fn now() -> String {
    jiff::Timestamp::from_second(i64::try_from(crate::clock::wall_unix_ns() / 1_000_000_000).unwrap_or_default())
        .unwrap_or_default()
        .to_string()
}

/// Makes a namespace of run `run`. One that is there already is another's and not touched.
pub(super) async fn create(
    client: &Client,
    name: &str,
    run: &str,
    scenario: &str,
    labels: &[(&str, &str)],
) -> Result<(), kube::Error> {
    let mut object = json!({"metadata": {"name": name,
        "labels": {"app.kubernetes.io/managed-by": MANAGER, RUN_LABEL: run},
        "annotations": {HEARTBEAT: now(), "rollproof.dev/scenario": scenario}}});
    for (label, value) in labels {
        object["metadata"]["labels"][*label] = json!(value);
    }
    let namespace: Namespace = serde_json::from_value(object).map_err(kube::Error::SerdeError)?;
    Api::all(client.clone()).create(&PostParams::default(), &namespace).await.map(|_| ())
}

/// Says now and then that the run lives, until it is dropped. A beat that fails is made up for by the next.
pub(super) async fn beat(client: Client, names: Vec<String>) {
    let api: Api<Namespace> = Api::all(client);
    loop {
        tokio::time::sleep(BEAT_EVERY).await;
        for name in &names {
            let patch = json!({"metadata": {"annotations": {HEARTBEAT: now()}}});
            let _ = api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await;
        }
    }
}

/// Removes all namespaces of run `run` and waits until they are gone; what is left, in a sentence. Their pods are given a
/// second: nobody needs their hooks any more.
pub(super) async fn remove(client: &Client, run: &str) -> Option<String> {
    let mut last = "they are still there".to_owned();
    let removal = async {
        loop {
            match step(client, run).await {
                Ok(0) => return,
                Ok(left) => last = format!("{left} are still there"),
                Err(error) => last = api_words(&error),
            }
            tokio::time::sleep(GONE_POLL).await;
        }
    };
    let removed = tokio::time::timeout(GONE_WITHIN, removal).await;
    removed.is_err().then(|| {
        format!(
            "the run's namespaces ({RUN_LABEL}={run}) are not gone after {} s ({last}); remove them with `rollproof cluster clean`",
            GONE_WITHIN.as_secs()
        )
    })
}

/// Asks for the removal of what is not being removed yet; how many are left.
async fn step(client: &Client, run: &str) -> Result<usize, kube::Error> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let of_run = ListParams::default().labels(&format!("{RUN_LABEL}={run},app.kubernetes.io/managed-by={MANAGER}"));
    let list = namespaces.list(&of_run).await?;
    for namespace in list.items.iter().filter(|one| one.metadata.deletion_timestamp.is_none()) {
        let name = namespace.name_any();
        namespaces.delete(&name, &DeleteParams::background()).await?;
        let pods: Api<Pod> = Api::namespaced(client.clone(), &name);
        pods.delete_collection(
            &DeleteParams { grace_period_seconds: Some(1), ..DeleteParams::default() },
            &ListParams::default(),
        )
        .await?;
    }
    Ok(list.items.len())
}
