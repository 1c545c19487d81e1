//! Eviction of a workload's pods from one node through the Eviction API, which asks the disruption budgets.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::EvictParams;
use kube::{Api, ResourceExt};

use super::RolloutHandle;
use super::owned::{finished, own_pods};
use crate::cluster::kube::api_words;

/// How long a refused eviction waits where the server names no time: its own controllers need about that long to see a
/// replacement.
const RETRY: Duration = Duration::from_secs(1);
/// The longest wait that a server is granted at a time.
const RETRY_MAX: Duration = Duration::from_secs(30);

/// What is evicted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Eviction {
    /// The node; the one with most of the workload's pods by default.
    pub node: Option<String>,
    /// Cordon the node before, and give it back afterwards.
    pub cordon: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PodToEvict {
    pub name: String,
    pub uid: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvictionChoice {
    pub node: String,
    /// Its pods, by name.
    pub pods: Vec<PodToEvict>,
}

/// What the API answered to an eviction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EvictionAnswer {
    /// The pod is being deleted.
    Evicted,
    /// It was gone already.
    Gone,
    /// A disruption budget (or the server's load) state against it for now.
    Refused {
        /// When to ask again.
        after: Duration,
        /// What the server said.
        why: String,
    },
}

#[derive(Debug, thiserror::Error)]
pub enum EvictError {
    #[error("choosing the pods to evict: no pod of {workload} runs on {wanted}, expected one of {present}")]
    NoPods { workload: String, wanted: String, present: String },
    #[error("{doing} in namespace {namespace}: {}", api_words(source))]
    Api { doing: String, namespace: String, source: Box<kube::Error> },
}

/// The node that `wanted` names, else the one with most of `pods`, the first by name among equals; and its pods.
pub(crate) fn choose(pods: &[Pod], wanted: Option<&str>, workload: &str) -> Result<EvictionChoice, EvictError> {
    let mut by_node: BTreeMap<&str, Vec<PodToEvict>> = BTreeMap::new();
    let live = pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none() && !finished(pod));
    for pod in live {
        let Some(node) = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) else { continue };
        by_node.entry(node).or_default().push(PodToEvict { name: pod.name_any(), uid: pod.uid().unwrap_or_default() });
    }
    let fullest = by_node.iter().max_by_key(|(node, pods)| (pods.len(), std::cmp::Reverse(**node)));
    let node = wanted.or_else(|| fullest.map(|(node, _)| *node));
    match node.and_then(|node| Some((node, by_node.get(node)?))) {
        Some((node, pods)) => {
            let mut pods = pods.clone();
            pods.sort();
            Ok(EvictionChoice { node: node.to_owned(), pods })
        }
        None => Err(EvictError::NoPods {
            workload: workload.to_owned(),
            wanted: wanted.map_or_else(|| "any node".to_owned(), |node| format!("node {node}")),
            present: match by_node.into_keys().collect::<Vec<_>>().join(", ") {
                names if names.is_empty() => "none, as it has no running pod".to_owned(),
                names => names,
            },
        }),
    }
}

/// [`choose`] among the pods that the workload has now.
pub async fn pods_to_evict(handle: &RolloutHandle, eviction: &Eviction) -> Result<EvictionChoice, EvictError> {
    let pods = own_pods(handle).await.map_err(|source| EvictError::Api {
        doing: "listing the pods".to_owned(),
        namespace: handle.workload.namespace.clone(),
        source: Box::new(source),
    })?;
    choose(&pods, eviction.node.as_deref(), &handle.workload.reference())
}

/// Asks once for the eviction of `pod`.
pub async fn evict(handle: &RolloutHandle, pod: &PodToEvict) -> Result<EvictionAnswer, EvictError> {
    let namespace = &handle.workload.namespace;
    let pods: Api<Pod> = Api::namespaced(handle.client.clone(), namespace);
    // A pod of this name that is another by now, as a StatefulSet's replacement is, must not be hit.
    let params = EvictParams {
        delete_options: Some(kube::api::DeleteParams {
            preconditions: Some(kube::api::Preconditions { uid: Some(pod.uid.clone()), resource_version: None }),
            ..kube::api::DeleteParams::default()
        }),
        ..EvictParams::default()
    };
    match pods.evict(&pod.name, &params).await {
        Ok(_) => Ok(EvictionAnswer::Evicted),
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(EvictionAnswer::Gone),
        Err(kube::Error::Api(status)) if status.code == 429 => {
            let named = status.details.as_ref().map_or(0, |details| details.retry_after_seconds);
            Ok(EvictionAnswer::Refused { after: retry_after(u64::from(named)), why: status.message.clone() })
        }
        Err(source) => Err(EvictError::Api {
            doing: format!("evicting pod {}", pod.name),
            namespace: namespace.clone(),
            source: Box::new(source),
        }),
    }
}

fn retry_after(named_s: u64) -> Duration {
    if named_s == 0 { RETRY } else { Duration::from_secs(named_s).min(RETRY_MAX) }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::serde_json::{from_value, json};

    use super::*;

    fn pod(name: &str, node: Option<&str>) -> Pod {
        from_value(json!({"metadata": {"name": name, "uid": name}, "spec": {"containers": [], "nodeName": node}}))
            .unwrap()
    }

    fn gone(mut pod: Pod) -> Pod {
        pod.metadata.deletion_timestamp = from_value(json!("2026-01-01T00:00:30Z")).unwrap();
        pod
    }

    #[test]
    fn the_node_is_the_named_one_or_the_fullest() {
        let pods = [
            pod("b", Some("n1")),
            pod("a", Some("n1")),
            pod("c", Some("n2")),
            gone(pod("d", Some("n2"))),
            gone(pod("e", Some("n2"))),
            pod("f", None),
        ];
        let chosen = |wanted| {
            let EvictionChoice { node, pods } = choose(&pods, wanted, "deployment/web").unwrap();
            (node, pods.into_iter().map(|pod| pod.name).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(chosen(None), ("n1".to_owned(), "a b".to_owned()));
        assert_eq!(chosen(Some("n2")), ("n2".to_owned(), "c".to_owned()));
        let equal = [pod("a", Some("n2")), pod("b", Some("n1"))];
        assert_eq!(choose(&equal, None, "deployment/web").unwrap().node, "n1");
        assert_eq!(
            choose(&pods, Some("n3"), "deployment/web").unwrap_err().to_string(),
            "choosing the pods to evict: no pod of deployment/web runs on node n3, expected one of n1, n2"
        );
        let none = choose(&[], None, "deployment/web").unwrap_err().to_string();
        assert!(none.ends_with("runs on any node, expected one of none, as it has no running pod"), "{none}");
    }

    #[test]
    fn a_refused_eviction_waits_as_long_as_the_server_says() {
        assert_eq!(retry_after(0), RETRY);
        assert_eq!(retry_after(10), Duration::from_secs(10));
        assert_eq!(retry_after(1_000_000), RETRY_MAX);
    }
}
