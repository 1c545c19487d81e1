//! The pods of a proxy in front of the workload, as the endpoints of its Service tell of them.

use std::collections::{BTreeMap, BTreeSet};

use super::edge::Edge;
use crate::clock::Stamp;
use crate::record::entry::{EndpointsSeen, GapSource, ObservationGap, SeenChange};

/// A gap so long before or after a moment may hide what decided it.
const NEAR_GAP_NS: u64 = 2_000_000_000;

/// What is known of the proxy that a variant's URL leads through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenProxy {
    /// Its pods; one that comes again under its name is another one.
    pub pods: Vec<ProxyPod>,
    /// When nothing was seen of it.
    gaps: Vec<(Stamp, Stamp)>,
}

/// A pod behind the Service of the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyPod {
    /// Its name.
    pub name: String,
    /// When its endpoint was ready for the first time.
    pub ready: Edge,
    /// When it was seen to terminate, or was listed no more. A failing probe alone replaces nothing.
    pub stopping: Option<Edge>,
    /// When it was listed no more.
    pub gone: Option<Edge>,
}

impl SeenProxy {
    /// Whether the proxy was there at that moment, and seen.
    #[must_use]
    pub fn is_known_at(&self, at_ns: Stamp) -> bool {
        let near = |(from_ns, to_ns): &(Stamp, Stamp)| {
            from_ns.saturating_sub(NEAR_GAP_NS) <= at_ns && at_ns <= to_ns.saturating_add(NEAR_GAP_NS)
        };
        self.pods.iter().any(|pod| pod.ready.low_ns <= at_ns) && !self.gaps.iter().any(near)
    }
}

/// The endpoints of one Service, and the pods that they told of.
#[derive(Debug, Default)]
struct ProxyEndpoints {
    /// By slice and pod, whether the endpoint is ready and whether it terminates: a pod may be moved from one slice to another.
    slices: BTreeMap<String, BTreeMap<String, (bool, bool)>>,
    pods: Vec<ProxyPod>,
}

impl ProxyEndpoints {
    fn seen(&mut self, seen: &EndpointsSeen) {
        let listed = seen.endpoints.iter().filter(|_| seen.change != SeenChange::Gone);
        let slice = listed.filter_map(|one| Some((one.pod.clone()?, (one.ready, one.terminating))));
        self.slices.insert(seen.name.clone(), slice.collect());
        let now = Edge::received(seen.at_ns);
        let mut all: BTreeMap<&str, (bool, bool)> = BTreeMap::new();
        for (name, (ready, terminating)) in self.slices.values().flatten() {
            let of_pod = all.entry(name).or_default();
            *of_pod = (of_pod.0 || *ready, of_pod.1 || *terminating);
        }
        for pod in self.pods.iter_mut().filter(|pod| pod.gone.is_none()) {
            match all.get(pod.name.as_str()) {
                Some((_, false)) => {}
                Some((_, true)) => _ = pod.stopping.get_or_insert(now),
                None => {
                    pod.stopping.get_or_insert(now);
                    pod.gone = Some(now);
                }
            }
        }
        let there: BTreeSet<&str> =
            self.pods.iter().filter(|pod| pod.gone.is_none()).map(|pod| pod.name.as_str()).collect();
        let new = all.iter().filter(|(name, (ready, _))| *ready && !there.contains(*name));
        let new: Vec<ProxyPod> = new
            .map(|(name, _)| ProxyPod { name: (*name).to_owned(), ready: now, stopping: None, gone: None })
            .collect();
        self.pods.extend(new);
    }
}

/// The endpoints of the Services that are proxies' in any variant.
#[derive(Debug, Default)]
pub(super) struct SeenProxies {
    /// By namespace and Service.
    services: BTreeMap<(String, String), ProxyEndpoints>,
    gaps: BTreeMap<String, Vec<(Stamp, Stamp)>>,
}

impl SeenProxies {
    pub(super) fn endpoints(&mut self, service: &str, seen: &EndpointsSeen) {
        self.services.entry((seen.namespace.clone(), service.to_owned())).or_default().seen(seen);
    }

    pub(super) fn gap(&mut self, gap: &ObservationGap) {
        if gap.source == GapSource::EndpointSlices {
            self.gaps.entry(gap.namespace.clone()).or_default().push((gap.from_ns, gap.to_ns));
        }
    }

    /// Forgets what was gone before this moment.
    pub(super) fn forget(&mut self, namespace: &str, before: Stamp) {
        for (_, service) in self.services.iter_mut().filter(|((known, _), _)| known == namespace) {
            service.pods.retain(|pod| pod.gone.is_none_or(|gone| gone.high_ns >= before));
        }
        if let Some(gaps) = self.gaps.get_mut(namespace) {
            gaps.retain(|(_, to_ns)| *to_ns >= before);
        }
    }

    pub(super) fn of(&self, namespace: &str, service: Option<&str>) -> SeenProxy {
        let key = service.map(|service| (namespace.to_owned(), service.to_owned()));
        let pods = key.and_then(|key| self.services.get(&key)).map(|service| service.pods.clone());
        SeenProxy { pods: pods.unwrap_or_default(), gaps: self.gaps.get(namespace).cloned().unwrap_or_default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::entry::EndpointSeen;

    /// The endpoints of a slice: ready (`r`), terminating (`t`), or neither (`n`).
    fn seen(ms: u64, slice: &str, pods: &[(&str, char)]) -> EndpointsSeen {
        let endpoint = |(name, state): &(&str, char)| EndpointSeen {
            pod: Some((*name).to_owned()),
            address: "10.0.0.1".to_owned(),
            node: None,
            ready: *state == 'r',
            serving: *state == 'r',
            terminating: *state == 't',
        };
        EndpointsSeen {
            at_ns: ms * 1_000_000,
            change: SeenChange::Changed,
            namespace: "ns".to_owned(),
            name: slice.to_owned(),
            service: Some("proxy".to_owned()),
            endpoints: pods.iter().map(endpoint).collect(),
        }
    }

    fn pods(all: &[EndpointsSeen]) -> Vec<(String, u64, Option<u64>, Option<u64>)> {
        let mut proxies = SeenProxies::default();
        for one in all {
            proxies.endpoints("proxy", one);
        }
        let ms = |edge: Edge| edge.high_ns / 1_000_000;
        let known = proxies.of("ns", Some("proxy")).pods;
        known.iter().map(|p| (p.name.clone(), ms(p.ready), p.stopping.map(ms), p.gone.map(ms))).collect()
    }

    fn pod(
        name: &str,
        ready: u64,
        stopping: Option<u64>,
        gone: Option<u64>,
    ) -> (String, u64, Option<u64>, Option<u64>) {
        (name.to_owned(), ready, stopping, gone)
    }

    #[test]
    fn a_replaced_pod_stops_and_is_gone_and_one_whose_probe_fails_is_not() {
        let found = pods(&[
            seen(1_000, "s", &[("a", 'r'), ("b", 'r'), ("c", 'n')]),
            seen(2_000, "s", &[("a", 't'), ("b", 'n'), ("c", 'n')]),
            seen(3_000, "s", &[("b", 'r'), ("c", 'r')]),
        ]);
        assert_eq!(
            found,
            [pod("a", 1_000, Some(2_000), Some(3_000)), pod("b", 1_000, None, None), pod("c", 3_000, None, None)]
        );
    }

    #[test]
    fn a_pod_that_comes_again_under_its_name_is_another_one_and_one_in_another_slice_is_not() {
        let again =
            pods(&[seen(1_000, "s", &[("a-0", 'r')]), seen(2_000, "s", &[]), seen(3_000, "s", &[("a-0", 'r')])]);
        assert_eq!(again, [pod("a-0", 1_000, Some(2_000), Some(2_000)), pod("a-0", 3_000, None, None)]);
        let moved = pods(&[seen(1_000, "s", &[("a", 'r')]), seen(2_000, "t", &[("a", 'r')]), seen(3_000, "s", &[])]);
        assert_eq!(moved, [pod("a", 1_000, None, None)]);
        let removed = EndpointsSeen { change: SeenChange::Gone, ..seen(2_000, "s", &[("a", 'r')]) };
        assert_eq!(pods(&[seen(1_000, "s", &[("a", 'r')]), removed]), [pod("a", 1_000, Some(2_000), Some(2_000))]);
    }

    #[test]
    fn what_was_not_seen_is_not_known() {
        let mut proxies = SeenProxies::default();
        proxies.endpoints("proxy", &seen(1_000, "s", &[("a", 'r')]));
        let gap = |source| ObservationGap {
            source,
            namespace: "ns".to_owned(),
            from_ns: 20_000_000_000,
            to_ns: 21_000_000_000,
            why: String::new(),
        };
        proxies.gap(&gap(GapSource::Pods));
        assert!(proxies.of("ns", Some("proxy")).is_known_at(20_500_000_000), "another watch");
        proxies.gap(&gap(GapSource::EndpointSlices));
        let known = |service: Option<&str>, ms: u64| proxies.of("ns", service).is_known_at(ms * 1_000_000);
        let proxy = Some("proxy");
        assert!(
            known(proxy, 2_000)
                && !known(proxy, 500)
                && !known(proxy, 20_500)
                && !known(proxy, 22_000)
                && known(proxy, 24_000)
        );
        assert!(!known(None, 2_000) && !known(Some("web"), 2_000));
        proxies.endpoints("proxy", &seen(30_000, "s", &[]));
        proxies.forget("ns", 30_001_000_000);
        assert_eq!(proxies.of("ns", proxy), SeenProxy::default());
    }
}
