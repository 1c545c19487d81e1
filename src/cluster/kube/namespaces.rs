//! The namespaces of runs on a real cluster: made, kept alive for others to see, found again, and removed.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use serde_json::json;

use super::words;

/// Who made it, as `app.kubernetes.io/managed-by`.
const MANAGER: &str = "rollproof";
/// The run's identity, as a label.
pub const RUN_LABEL: &str = "rollproof.dev/run";
/// When the run was last alive, as an annotation: seconds since 1970.
const HEARTBEAT: &str = "rollproof.dev/heartbeat";

/// How often a run says that it lives.
const BEAT_EVERY: Duration = Duration::from_secs(30);
/// A run that has not said so for so long is over.
const DEAD_AFTER_S: u64 = 120;
/// How long the removal of a run's namespaces may take, before it is left to the cluster.
const GONE_WITHIN: Duration = Duration::from_mins(2);
const GONE_POLL: Duration = Duration::from_millis(250);

/// A namespace that rollproof made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    /// Its name.
    pub name: String,
    /// The run that made it, empty if that is not known.
    pub run: String,
    /// Seconds since its run was last alive, where that is known.
    pub silent_s: Option<u64>,
    /// It is being removed.
    pub terminating: bool,
}

impl Own {
    /// Whether its run is over: then it is a leftover. What says nothing of its run is one too.
    #[must_use]
    pub fn is_left_over(&self) -> bool {
        self.silent_s.is_none_or(|silent_s| silent_s > DEAD_AFTER_S)
    }
}

fn now_s() -> u64 {
    crate::clock::wall_unix_ns() / 1_000_000_000
}

/// Makes a namespace of run `run`. One that is there already is another's and not touched.
pub async fn create(
    client: &Client,
    name: &str,
    run: &str,
    scenario: &str,
    labels: &[(&str, &str)],
) -> Result<(), kube::Error> {
    let mut object = json!({"metadata": {"name": name,
        "labels": {"app.kubernetes.io/managed-by": MANAGER, RUN_LABEL: run},
        "annotations": {HEARTBEAT: now_s().to_string(), "rollproof.dev/scenario": scenario}}});
    for (label, value) in labels {
        object["metadata"]["labels"][*label] = json!(value);
    }
    let namespace: Namespace = serde_json::from_value(object).map_err(kube::Error::SerdeError)?;
    Api::all(client.clone()).create(&PostParams::default(), &namespace).await.map(|_| ())
}

/// Says now and then that the run lives, until it is dropped. A beat that fails is made up for by the next.
pub async fn beat(client: Client, names: Vec<String>) {
    let api: Api<Namespace> = Api::all(client);
    loop {
        tokio::time::sleep(BEAT_EVERY).await;
        for name in &names {
            let patch = json!({"metadata": {"annotations": {HEARTBEAT: now_s().to_string()}}});
            let _ = api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await;
        }
    }
}

/// All namespaces that rollproof made, by name.
pub async fn list(client: &Client) -> Result<Vec<Own>, kube::Error> {
    let own = ListParams::default().labels(&format!("app.kubernetes.io/managed-by={MANAGER}"));
    let found = Api::<Namespace>::all(client.clone()).list(&own).await?;
    let mut found: Vec<Own> = found.items.iter().map(|namespace| seen(namespace, now_s())).collect();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

fn seen(namespace: &Namespace, now_s: u64) -> Own {
    let beat = namespace.annotations().get(HEARTBEAT).and_then(|beat| beat.parse::<u64>().ok());
    Own {
        name: namespace.name_any(),
        run: namespace.labels().get(RUN_LABEL).cloned().unwrap_or_default(),
        silent_s: beat.map(|beat| now_s.saturating_sub(beat)),
        terminating: namespace.metadata.deletion_timestamp.is_some(),
    }
}

/// Removes those of `names` that rollproof made, and waits until they are gone; what is left, in a sentence. Their pods are
/// given a second: nobody needs their hooks any more.
pub async fn remove(client: &Client, names: &[String]) -> Option<String> {
    let mut last = "they are still there".to_owned();
    let removal = async {
        loop {
            match step(client, names).await {
                Ok(0) => return,
                Ok(left) => last = format!("{left} are still there"),
                Err(error) => last = words(&error),
            }
            tokio::time::sleep(GONE_POLL).await;
        }
    };
    let removed = tokio::time::timeout(GONE_WITHIN, removal).await;
    removed.is_err().then(|| {
        format!(
            "the namespaces {} are not gone after {} s ({last}); remove them with `rollproof cluster clean`",
            names.join(", "),
            GONE_WITHIN.as_secs()
        )
    })
}

/// Asks for the removal of what is not being removed yet; how many are left.
async fn step(client: &Client, names: &[String]) -> Result<usize, kube::Error> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let left: Vec<Own> = list(client).await?.into_iter().filter(|own| names.contains(&own.name)).collect();
    for own in left.iter().filter(|own| !own.terminating) {
        namespaces.delete(&own.name, &DeleteParams::background()).await?;
        let pods: Api<Pod> = Api::namespaced(client.clone(), &own.name);
        let soon = DeleteParams { grace_period_seconds: Some(1), ..DeleteParams::default() };
        pods.delete_collection(&soon, &ListParams::default()).await?;
    }
    Ok(left.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(annotations: &serde_json::Value) -> Own {
        let object = json!({"metadata": {"name": "n", "labels": {RUN_LABEL: "r"}, "annotations": annotations}});
        seen(&serde_json::from_value(object).unwrap(), 1_000)
    }

    #[test]
    fn a_namespace_is_left_over_once_its_run_is_silent() {
        assert!(!own(&json!({HEARTBEAT: "995"})).is_left_over());
        assert!(!own(&json!({HEARTBEAT: "880"})).is_left_over());
        assert!(own(&json!({HEARTBEAT: "879"})).is_left_over());
        assert!(own(&json!({})).is_left_over());
        assert!(own(&json!({HEARTBEAT: "yesterday"})).is_left_over());
        assert!(!own(&json!({HEARTBEAT: "2000"})).is_left_over(), "a clock that is ahead");
    }
}
