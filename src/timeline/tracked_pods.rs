//! The pods of all namespaces: hands each entry to the pod that it is about, and gives the lives and lags of a trial's pods.

use std::collections::{BTreeMap, BTreeSet};

use super::connections::Connections;
use super::gaps::Gaps;
use super::lag::{PropagationLags, lags};
use super::life::PodLife;
use super::neighbour::Neighbour;
use super::pod_tracker::{EndpointConditions, PodTracker};
use super::said::{self, KubernetesSaid};
use super::window::{Window, seconds};
use crate::clock::Stamp;
use crate::record::entry::{EndpointsSeen, EventSeen, ListenerSeen, ObservationGap, PodSeen, SeenChange};
use crate::servers::PreStop;

/// The pods of one namespace, in the order in which they were first named. Each entry finds its pods by an index: a record may hold tens
/// of thousands of them.
#[derive(Debug, Default)]
struct NamespacePods {
    pods: Vec<PodTracker>,
    /// The pods of each name, the latest last: a `StatefulSet` gives the next pod the same name.
    by_name: BTreeMap<String, Vec<usize>>,
    by_uid: BTreeMap<String, usize>,
    /// The pods that each `EndpointSlice` has listed and may still list.
    by_slice: BTreeMap<String, BTreeSet<usize>>,
    gaps: Gaps,
    said: Vec<KubernetesSaid>,
}

/// The pods of all namespaces.
#[derive(Debug)]
pub(super) struct TrackedPods {
    namespaces: BTreeMap<String, NamespacePods>,
    /// The wall clock at stamp 0, in nanoseconds since 1970.
    started_unix_ns: u64,
}

impl NamespacePods {
    /// The pod with this name that was seen last.
    fn named(&mut self, name: &str) -> Option<&mut PodTracker> {
        let at = *self.by_name.get(name)?.last()?;
        self.pods.get_mut(at)
    }

    /// The pod that a watch showed; one that only endpoints have named so far becomes it.
    fn shown(&mut self, seen: &PodSeen) -> &mut PodTracker {
        let known = self.by_uid.get(&seen.uid).copied();
        let known = known.or_else(|| {
            let of_name = self.by_name.get(&seen.name)?;
            of_name.iter().copied().find(|at| self.pods[*at].uid().is_empty())
        });
        let at = known.unwrap_or_else(|| self.add(PodTracker::named(&seen.name)));
        if self.pods[at].name() != seen.name {
            self.rename(at, &seen.name);
        }
        self.by_uid.insert(seen.uid.clone(), at);
        &mut self.pods[at]
    }

    fn add(&mut self, pod: PodTracker) -> usize {
        let at = self.pods.len();
        self.by_name.entry(pod.name().to_owned()).or_default().push(at);
        self.pods.push(pod);
        at
    }

    /// No cluster renames a pod, but a record may be changed.
    fn rename(&mut self, at: usize, name: &str) {
        if let Some(of_name) = self.by_name.get_mut(self.pods[at].name()) {
            of_name.retain(|known| *known != at);
        }
        let of_name = self.by_name.entry(name.to_owned()).or_default();
        let place = of_name.partition_point(|known| *known < at);
        of_name.insert(place, at);
    }

    fn endpoints(&mut self, seen: &EndpointsSeen) {
        let mut said: BTreeMap<&str, EndpointConditions> = BTreeMap::new();
        for endpoint in seen.endpoints.iter().filter(|_| seen.change != SeenChange::Gone) {
            let Some(name) = &endpoint.pod else { continue };
            let conditions = said.entry(name).or_default();
            conditions.ready |= endpoint.ready;
            conditions.serving |= endpoint.serving;
        }
        let nodes: BTreeMap<&str, &str> =
            seen.endpoints.iter().filter_map(|one| Some((one.pod.as_deref()?, one.node.as_deref()?))).collect();
        let mut listed = BTreeSet::new();
        for (name, conditions) in &said {
            let known = self.by_name.get(*name).and_then(|of_name| of_name.last()).copied();
            // An `EndpointSlice` may tell of a pod before the watch of pods does.
            let at = known.unwrap_or_else(|| self.add(PodTracker::named(name)));
            self.pods[at].listed(seen, *conditions);
            if let Some(node) = nodes.get(*name) {
                self.pods[at].on_node(node);
            }
            listed.insert(at);
        }
        let before = self.by_slice.remove(&seen.name).unwrap_or_default();
        for at in before.into_iter().chain(listed.clone()) {
            let pod = &mut self.pods[at];
            let conditions = said.get(pod.name()).copied();
            pod.left(seen, conditions);
            // An earlier pod of the same name is listed with the later one.
            if conditions.is_some() {
                listed.insert(at);
            }
        }
        if !listed.is_empty() {
            self.by_slice.insert(seen.name.clone(), listed);
        }
    }

    /// Forgets what was gone before this moment.
    fn forget(&mut self, before: Stamp) {
        self.gaps.forget(before);
        self.said.retain(|said| said.pod().is_none() || said.at_ns >= before);
        let mut places = Vec::with_capacity(self.pods.len());
        let mut kept = 0;
        for pod in &self.pods {
            let stays = !pod.was_gone_before(before);
            places.push(stays.then_some(kept));
            kept += usize::from(stays);
        }
        self.pods.retain(|pod| !pod.was_gone_before(before));
        let moved = |at: &usize| places.get(*at).copied().flatten();
        self.by_uid.retain(|_, at| match moved(at) {
            Some(place) => {
                *at = place;
                true
            }
            None => false,
        });
        self.by_name.retain(|_, all| {
            *all = all.iter().filter_map(moved).collect();
            !all.is_empty()
        });
        self.by_slice.retain(|_, all| {
            *all = all.iter().filter_map(moved).collect();
            !all.is_empty()
        });
    }
}

impl TrackedPods {
    /// No pods yet, of a run whose stamp 0 was at this wall-clock time, in nanoseconds since 1970.
    pub(super) const fn new(started_unix_ns: u64) -> Self {
        Self { namespaces: BTreeMap::new(), started_unix_ns }
    }

    fn namespace(&mut self, namespace: &str) -> &mut NamespacePods {
        self.namespaces.entry(namespace.to_owned()).or_default()
    }

    pub(super) fn pod(&mut self, seen: &PodSeen) {
        let started_unix_ns = self.started_unix_ns;
        self.namespace(&seen.namespace).shown(seen).pod(seen, started_unix_ns);
    }

    pub(super) fn endpoints(&mut self, seen: &EndpointsSeen) {
        self.namespace(&seen.namespace).endpoints(seen);
    }

    pub(super) fn listener(&mut self, seen: &ListenerSeen) {
        if let Some(pod) = self.namespace(&seen.namespace).named(&seen.pod) {
            pod.listener(seen);
        }
    }

    pub(super) fn event(&mut self, seen: &EventSeen) {
        said::keep(&mut self.namespace(&seen.namespace).said, seen);
        let Some(name) = seen.about.strip_prefix("Pod/") else { return };
        if let Some(pod) = self.namespace(&seen.namespace).named(name) {
            pod.event(seen);
        }
    }

    pub(super) fn gap(&mut self, gap: ObservationGap) {
        self.namespace(&gap.namespace).gaps.push(gap);
    }

    /// Forgets a namespace's pods that were gone before this moment: no later trial has use for them.
    pub(super) fn forget(&mut self, namespace: &str, before: Stamp) {
        if let Some(space) = self.namespaces.get_mut(namespace) {
            space.forget(before);
        }
    }

    /// What Kubernetes said of a namespace's objects so far.
    pub(super) fn said(&self, namespace: &str) -> Vec<KubernetesSaid> {
        self.namespaces.get(namespace).map(|space| space.said.clone()).unwrap_or_default()
    }

    /// The pod-seconds used in a namespace between two moments: of each pod, the time from when it was first seen
    /// running until it was gone. `None` if no pod was seen running.
    pub(super) fn used_s(&self, namespace: &str, from: Stamp, to: Stamp) -> Option<f64> {
        let times = self.replicas(namespace).filter_map(|pod| pod.ran_ns(from, to));
        times.reduce(|sum, more| sum + more).map(seconds)
    }

    fn replicas(&self, namespace: &str) -> impl Iterator<Item = &PodTracker> {
        let space = self.namespaces.get(namespace);
        space.into_iter().flat_map(|space| &space.pods).filter(|pod| pod.is_replica())
    }

    /// The pods of a trial, the older ones first. `container` is the one that serves, with its hook; `served` tells from when to
    /// when each pod answered as expected.
    pub(super) fn lives(
        &self,
        namespace: &str,
        window: Window,
        container: (&str, &PreStop),
        served: &BTreeMap<String, (Stamp, Stamp)>,
    ) -> Vec<PodLife> {
        let Some(NamespacePods { gaps, .. }) = self.namespaces.get(namespace) else { return Vec::new() };
        let replicas = self.replicas(namespace);
        let mut lives: Vec<PodLife> = replicas
            .map(|pod| {
                let served = served.get(pod.name()).copied();
                PodLife { served, ..pod.life(window, container, gaps) }
            })
            .collect();
        lives.sort_by_key(|life| (life.new, life.created.map(|created| created.high_ns), life.name.clone()));
        lives
    }

    /// The ready endpoints of the Service that are no replicas of the workload. `answered` has the slices in which each pod answered,
    /// and under the empty name those of new connections to pods that do not name themselves.
    pub(super) fn neighbours(&self, namespace: &str, answered: &BTreeMap<String, BTreeSet<Stamp>>) -> Vec<Neighbour> {
        let space = self.namespaces.get(namespace);
        let others = space.into_iter().flat_map(|space| &space.pods).filter(|pod| !pod.is_replica());
        let slices = |name: &str| answered.get(name).cloned().unwrap_or_default();
        let ready = others.filter(|pod| !pod.ready_spans().is_empty());
        let neighbour = |pod: &PodTracker| Neighbour {
            name: pod.name().to_owned(),
            node: pod.node().map(str::to_owned),
            ready: pod.ready_spans().to_vec(),
            answered: slices(pod.name()),
            unnamed: if answered.contains_key(pod.name()) { BTreeSet::new() } else { slices("") },
        };
        ready.map(neighbour).collect()
    }

    /// The lags of a namespace's pods that were deleted between a rollout's first mark and `end_ns`.
    pub(super) fn lags(
        &self,
        namespace: &str,
        window: Window,
        end_ns: Stamp,
        connections: &Connections,
    ) -> PropagationLags {
        let Some(space) = self.namespaces.get(namespace) else { return PropagationLags::default() };
        lags(&space.pods, &space.gaps, connections, window, end_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::super::edge::Edge;
    use super::super::lag::PodLag;
    use super::*;
    use crate::record::Arm;
    use crate::record::entry::{ContainerSeen, ContainerState, EndpointSeen, ListenerState, Pulse};
    use crate::record::sample::pod_seen;

    const WINDOW: Window = Window { first_ns: 0, complete_ns: None, gone_ns: None, stopped_ns: Some(30_000_000_000) };

    fn pod(at_s: u64, uid: &str, change: SeenChange, phase: &str) -> PodSeen {
        let seen = pod_seen(at_s * 1_000_000_000, "ns", &format!("web-{uid}"), uid);
        PodSeen { change, phase: phase.to_owned(), ..seen }
    }

    fn used(pods: &TrackedPods, from_s: u64, to_s: u64) -> Option<f64> {
        pods.used_s("ns", from_s * 1_000_000_000, to_s * 1_000_000_000)
    }

    #[test]
    fn a_replaced_pod_costs_the_time_that_both_ran() {
        let mut pods = TrackedPods::new(0);
        pods.pod(&pod(1, "old", SeenChange::Seen, "Running"));
        pods.pod(&pod(11, "new", SeenChange::Seen, "Pending"));
        pods.pod(&pod(12, "new", SeenChange::Changed, "Running"));
        pods.pod(&pod(15, "old", SeenChange::Gone, "Running"));
        assert_eq!(used(&pods, 10, 20), Some(5.0 + 8.0));
        assert_eq!(pods.used_s("elsewhere", 0, u64::MAX), None);
        pods.forget("ns", 16_000_000_000);
        assert_eq!(used(&pods, 10, 20), Some(8.0));
    }

    #[test]
    fn a_pod_without_owner_or_that_never_ran_costs_nothing() {
        let mut pods = TrackedPods::new(0);
        pods.pod(&PodSeen { owner: None, ..pod(1, "agent", SeenChange::Seen, "Running") });
        pods.pod(&pod(1, "stuck", SeenChange::Seen, "Pending"));
        assert_eq!(used(&pods, 0, 10), None);
    }

    /// A pod that is deleted at second 10, whose container ends in second 12 as kubelet tells it, which is received at 13.5.
    fn ended(probed: &[(ListenerState, u64)]) -> Edge {
        let mut pods = TrackedPods::new(0);
        pods.pod(&pod(1, "old", SeenChange::Seen, "Running"));
        let deletion = PodSeen {
            deletion_timestamp: Some("1970-01-01T00:00:40Z".to_owned()),
            deletion_grace_s: Some(30),
            ..pod(10, "old", SeenChange::Changed, "Running")
        };
        pods.pod(&deletion);
        for (state, ms) in probed {
            pods.listener(&listener(*ms, "web-old", *state));
        }
        let container = ContainerSeen {
            name: "web".to_owned(),
            ready: false,
            restarts: 0,
            state: ContainerState::Terminated,
            reason: None,
            message: None,
            exit_code: Some(0),
            started: None,
            finished: Some("1970-01-01T00:00:12Z".to_owned()),
        };
        let seen_ns = 13_500_000_000;
        pods.pod(&PodSeen { at_ns: seen_ns, containers: vec![container], ..deletion });
        pods.lives("ns", WINDOW, ("web", &PreStop::None), &BTreeMap::new())[0].finished.unwrap()
    }

    #[test]
    fn a_container_has_not_ended_while_its_listener_is_reached() {
        let bounds = |edge: Edge| (edge.low_ns / 1_000_000, edge.high_ns / 1_000_000);
        assert_eq!(bounds(ended(&[])), (12_000, 13_000));
        assert_eq!(bounds(ended(&[(ListenerState::Open, 5_000), (ListenerState::Refused, 12_700)])), (12_700, 13_000));
        // A listener that closed long before tells nothing of the end.
        assert_eq!(bounds(ended(&[(ListenerState::Open, 5_000), (ListenerState::Refused, 10_700)])), (12_000, 13_000));
    }

    fn endpoints(ms: u64, pods: &[(&str, bool)]) -> EndpointsSeen {
        let endpoint = |(pod, ready): &(&str, bool)| EndpointSeen {
            pod: Some((*pod).to_owned()),
            address: "127.0.0.9".to_owned(),
            node: None,
            ready: *ready,
            serving: true,
            terminating: !ready,
        };
        EndpointsSeen {
            at_ns: ms * 1_000_000,
            change: SeenChange::Changed,
            namespace: "ns".to_owned(),
            name: "slice".to_owned(),
            service: None,
            endpoints: pods.iter().map(endpoint).collect(),
        }
    }

    fn listener(ms: u64, pod: &str, state: ListenerState) -> ListenerSeen {
        let (before_ns, after_ns) = (ms * 1_000_000, (ms + 20) * 1_000_000);
        ListenerSeen { before_ns, after_ns, namespace: "ns".to_owned(), pod: pod.to_owned(), state }
    }

    /// `web-old` is deleted at 10 s, leaves its slice at 10.1 s, and closes its listener then; connections reached it until 10.4 s,
    /// ten a second.
    fn leaves(pods: &mut TrackedPods, closed_ms: u64) -> Connections {
        pods.pod(&pod(1, "old", SeenChange::Seen, "Running"));
        pods.endpoints(&endpoints(1_100, &[("web-old", true)]));
        pods.listener(&listener(5_000, "web-old", ListenerState::Open));
        let deletion_timestamp = Some("1970-01-01T00:00:40Z".to_owned());
        pods.pod(&PodSeen { deletion_timestamp, ..pod(10, "old", SeenChange::Changed, "Running") });
        pods.endpoints(&endpoints(10_100, &[("web-old", false)]));
        pods.listener(&listener(closed_ms, "web-old", ListenerState::Refused));
        let mut connections = Connections::default();
        connections.pulse(&Pulse {
            trial: 1,
            at_ns: 5_400_000_000,
            arm: Arm::New,
            request: 0,
            pod: Some("web-old".to_owned()),
            ok: 50,
            latency_us: String::new(),
            last_connect_ns: Some(10_400_000_000),
            first_connect_ns: None,
            retried: 0,
        });
        connections
    }

    #[test]
    fn a_pods_life_and_its_lag_are_read_off_one_tracker() {
        let mut pods = TrackedPods::new(0);
        let connections = leaves(&mut pods, 12_000);
        let lags = pods.lags("ns", WINDOW, Stamp::MAX, &connections);
        let lag =
            PodLag { pod: "web-old".to_owned(), after_deletion_ns: 400_000_000, after_not_ready_ns: Some(300_000_000) };
        assert_eq!(lags, PropagationLags { pods: vec![lag], not_observed: 0 });
        let [life] = &pods.lives("ns", WINDOW, ("web", &PreStop::None), &BTreeMap::new())[..] else { panic!() };
        let seen_ms = [life.deletion, life.endpoint_not_ready, life.listener_closed]
            .map(|edge| edge.unwrap().high_ns / 1_000_000);
        assert_eq!(seen_ms, [10_000, 10_100, 12_020]);
        // Its listener closed before it could show that no further connection came.
        let mut pods = TrackedPods::new(0);
        let connections = leaves(&mut pods, 10_500);
        let lags = pods.lags("ns", WINDOW, Stamp::MAX, &connections);
        assert_eq!(lags, PropagationLags { pods: Vec::new(), not_observed: 1 });
    }

    #[test]
    fn two_pods_of_one_name_have_a_life_each_and_no_lag() {
        let mut pods = TrackedPods::new(0);
        let connections = leaves(&mut pods, 12_000);
        pods.pod(&pod(20, "old", SeenChange::Gone, "Running"));
        let next = PodSeen { name: "web-old".to_owned(), ..pod(21, "next", SeenChange::Seen, "Running") };
        pods.pod(&next);
        pods.endpoints(&endpoints(22_000, &[("web-old", true)]));
        pods.listener(&listener(22_000, "web-old", ListenerState::Open));
        assert_eq!(pods.lags("ns", WINDOW, Stamp::MAX, &connections).not_observed, 1);
        let lives = pods.lives("ns", WINDOW, ("web", &PreStop::None), &BTreeMap::new());
        let [old, new] = &lives[..] else { panic!("{lives:?}") };
        assert_eq!((old.uid.as_str(), new.uid.as_str()), ("old", "next"));
        assert!(old.listener_closed.is_some() && old.endpoint_not_ready.is_some(), "{old:?}");
        assert!(new.listener_opened.is_some() && new.endpoint_ready.is_some() && new.deletion.is_none(), "{new:?}");
    }

    #[test]
    fn endpoints_may_tell_of_a_pod_before_the_watch_of_pods_does() {
        let mut pods = TrackedPods::new(0);
        pods.endpoints(&endpoints(900, &[("web-old", true), ("web-elsewhere", true)]));
        pods.pod(&pod(1, "old", SeenChange::Seen, "Running"));
        let lives = pods.lives("ns", WINDOW, ("web", &PreStop::None), &BTreeMap::new());
        let [life] = &lives[..] else { panic!("{lives:?}") };
        assert_eq!((life.name.as_str(), life.endpoint_ready.unwrap().high_ns), ("web-old", 900_000_000));
    }
}
