//! The pods of a proxy in front of the workload, as the endpoints of its Service tell of them.

use std::collections::BTreeMap;

use super::edge::Edge;
use crate::clock::Stamp;
use crate::record::entry::{EndpointsSeen, SeenChange};

/// A pod behind the Service of the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyPod {
    /// Its name.
    pub name: String,
    /// When its endpoint was ready for the first time.
    pub ready: Option<Edge>,
    /// When it was ready no more, because its pod was stopped or for another reason; the latest.
    pub left: Option<Edge>,
    /// When it was listed no more.
    pub gone: Option<Edge>,
}

/// The proxies' pods of all namespaces.
#[derive(Debug, Default)]
pub(super) struct ProxyPods {
    /// By namespace, then by slice and pod.
    namespaces: BTreeMap<String, BTreeMap<(String, String), ProxyPod>>,
}

impl ProxyPods {
    pub(super) fn endpoints(&mut self, seen: &EndpointsSeen) {
        let pods = self.namespaces.entry(seen.namespace.clone()).or_default();
        let now = Edge::received(seen.at_ns);
        let listed = || seen.endpoints.iter().filter(|_| seen.change != SeenChange::Gone);
        for endpoint in listed() {
            let Some(name) = &endpoint.pod else { continue };
            let pod = pods.entry((seen.name.clone(), name.clone())).or_insert_with(|| ProxyPod {
                name: name.clone(),
                ready: None,
                left: None,
                gone: None,
            });
            if endpoint.ready {
                (pod.left, pod.gone) = (None, None);
                pod.ready.get_or_insert(now);
            } else if pod.ready.is_some() {
                pod.left.get_or_insert(now);
            }
        }
        for ((_, name), pod) in pods.iter_mut().filter(|((slice, _), _)| *slice == seen.name) {
            if !listed().any(|endpoint| endpoint.pod.as_ref() == Some(name)) {
                pod.left.get_or_insert(now);
                pod.gone.get_or_insert(now);
            }
        }
    }

    /// Forgets what was gone before this moment.
    pub(super) fn forget(&mut self, namespace: &str, before: Stamp) {
        if let Some(pods) = self.namespaces.get_mut(namespace) {
            pods.retain(|_, pod| pod.gone.is_none_or(|gone| gone.high_ns >= before));
        }
    }

    pub(super) fn all(&self, namespace: &str) -> Vec<ProxyPod> {
        self.namespaces.get(namespace).map(|pods| pods.values().cloned().collect()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::entry::EndpointSeen;

    fn seen(ms: u64, pods: &[(&str, bool)]) -> EndpointsSeen {
        let endpoint = |(name, ready): &(&str, bool)| EndpointSeen {
            pod: Some((*name).to_owned()),
            address: "10.0.0.1".to_owned(),
            node: None,
            ready: *ready,
            serving: *ready,
            terminating: !*ready,
        };
        EndpointsSeen {
            at_ns: ms * 1_000_000,
            change: SeenChange::Changed,
            namespace: "ns".to_owned(),
            name: "proxy-1".to_owned(),
            service: Some("proxy".to_owned()),
            endpoints: pods.iter().map(endpoint).collect(),
        }
    }

    #[test]
    fn a_replaced_pod_leaves_and_is_gone_and_one_that_is_back_has_not_left() {
        let mut pods = ProxyPods::default();
        pods.endpoints(&seen(1_000, &[("a", true), ("b", true), ("c", false)]));
        pods.endpoints(&seen(2_000, &[("a", false), ("b", false), ("c", false)]));
        pods.endpoints(&seen(3_000, &[("b", true), ("c", true)]));
        let ms = |edge: Option<Edge>| edge.map(|edge| edge.high_ns / 1_000_000);
        let all: Vec<_> =
            pods.all("ns").iter().map(|p| (p.name.clone(), ms(p.ready), ms(p.left), ms(p.gone))).collect();
        assert_eq!(
            all,
            [
                ("a".to_owned(), Some(1_000), Some(2_000), Some(3_000)),
                ("b".to_owned(), Some(1_000), None, None),
                ("c".to_owned(), Some(3_000), None, None),
            ]
        );
        pods.forget("ns", 3_001 * 1_000_000);
        assert_eq!(pods.all("ns").len(), 2);
        pods.endpoints(&EndpointsSeen { change: SeenChange::Gone, ..seen(4_000, &[("b", true)]) });
        assert!(pods.all("ns").iter().all(|pod| ms(pod.gone) == Some(4_000)));
        assert!(pods.all("elsewhere").is_empty());
    }
}
