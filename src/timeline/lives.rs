//! Gathers what the record tells of each pod, from all its sources, and leaves one ordered account per pod.

use std::collections::{BTreeMap, BTreeSet};

use super::derive::derive;
use super::edge::{Basis, Edge};
use super::life::PodLife;
use super::window::{Window, seconds};
use crate::clock::Stamp;
use crate::record::entry::{
    Change, ContainerSeen, ContainerState, EndpointsSeen, EventSeen, Gap, GapSource, Listener, ListenerSeen, PodSeen,
};
use crate::servers::PreStop;

/// A server's clock that is further from ours is not used.
const SKEW_MAX_NS: u64 = 1_500_000_000;
/// What a watch shows so soon after it had been blind may have happened while it was.
const AFTER_GAP_NS: u64 = 2_000_000_000;
const SECOND_NS: u64 = 1_000_000_000;

/// A pod and what its endpoints and listener show.
#[derive(Debug, Clone, Default)]
struct Pod {
    life: PodLife,
    ready_in: BTreeSet<String>,
    serving_in: BTreeSet<String>,
    listed_in: BTreeSet<String>,
    /// The last probe's state, and until when it is known.
    listener: Option<Listener>,
    restarts: i32,
    /// The receipt of kubelet's first `Killing` event: it acts on the deletion.
    killing_ns: Option<Stamp>,
    /// First seen in phase Running.
    running_ns: Option<Stamp>,
    /// What its containers came to, by name.
    ended: BTreeMap<String, Ended>,
    /// The hooks that failed, with the containers whose they were; `None` in records that do not tell.
    failed_hooks: Vec<(Option<String>, Edge)>,
    /// The server's clock agrees with ours, as far as its deletion shows.
    clock_agrees: bool,
}

/// A container that has ended.
#[derive(Debug, Clone)]
struct Ended {
    at: Edge,
    exit_code: Option<i32>,
    reason: Option<String>,
}

/// One namespace.
#[derive(Debug, Default)]
struct Space {
    pods: Vec<Pod>,
    gaps: Vec<Gap>,
}

/// The pods of all namespaces.
#[derive(Debug)]
pub(super) struct Lives {
    spaces: BTreeMap<String, Space>,
    /// The wall clock at stamp 0, in nanoseconds since 1970.
    started_unix_ns: u64,
}

impl Space {
    /// The pod with this name that was seen last: a `StatefulSet` gives the next pod the same name.
    fn named(&mut self, name: &str) -> Option<&mut Pod> {
        self.pods.iter_mut().rev().find(|pod| pod.life.name == name)
    }

    /// The same, made if it is not there: an `EndpointSlice` may tell of a pod before the watch of pods does.
    fn named_or_new(&mut self, name: &str) -> &mut Pod {
        if let Some(at) = self.pods.iter().rposition(|pod| pod.life.name == name) {
            return &mut self.pods[at];
        }
        let life = PodLife { name: name.to_owned(), ..PodLife::default() };
        self.pods.push(Pod { life, ..Pod::default() });
        let last = self.pods.len() - 1;
        &mut self.pods[last]
    }

    /// The pod with this uid; one that only endpoints have named so far becomes it.
    fn with_uid(&mut self, seen: &PodSeen) -> &mut Pod {
        let known = self.pods.iter().position(|pod| pod.life.uid == seen.uid);
        let known =
            known.or_else(|| self.pods.iter().position(|pod| pod.life.uid.is_empty() && pod.life.name == seen.name));
        let at = known.unwrap_or_else(|| {
            self.pods.push(Pod::default());
            self.pods.len() - 1
        });
        let pod = &mut self.pods[at];
        pod.life.name.clone_from(&seen.name);
        pod.life.uid.clone_from(&seen.uid);
        pod
    }
}

impl Lives {
    /// No pods yet, of a run whose stamp 0 was at this wall-clock time, in nanoseconds since 1970.
    pub(super) fn new(started_unix_ns: u64) -> Self {
        Self { spaces: BTreeMap::new(), started_unix_ns }
    }

    fn space(&mut self, namespace: &str) -> &mut Space {
        self.spaces.entry(namespace.to_owned()).or_default()
    }

    pub(super) fn pod(&mut self, seen: &PodSeen) {
        // A pod without an owner is no replica of anything.
        if seen.owner.is_none() {
            return;
        }
        let started_unix_ns = self.started_unix_ns;
        let pod = self.space(&seen.namespace).with_uid(seen);
        let at = Edge::received(seen.at_ns);
        let life = &mut pod.life;
        life.labels.clone_from(&seen.labels);
        life.created.get_or_insert(at);
        if seen.ready {
            life.ready.get_or_insert(at);
        }
        if seen.phase == "Running" && seen.change != Change::Gone {
            pod.running_ns.get_or_insert(seen.at_ns);
        }
        if let Some(until) = &seen.deletion_timestamp
            && life.deletion.is_none()
        {
            life.deletion = Some(at);
            life.grace_s = seen.deletion_grace_s.and_then(|grace| u64::try_from(grace).ok());
            let accepted = server_ns(until, started_unix_ns).and_then(|at| at.checked_sub(life.grace_s? * SECOND_NS));
            pod.clock_agrees = accepted.is_some_and(|accepted| accepted.abs_diff(seen.at_ns) <= SKEW_MAX_NS);
        }
        if seen.change == Change::Gone {
            life.gone.get_or_insert(at);
        }
        pod.containers(seen, at, started_unix_ns);
    }

    pub(super) fn endpoints(&mut self, seen: &EndpointsSeen) {
        let at = Edge::received(seen.at_ns);
        let kept = seen.change != Change::Gone;
        let space = self.space(&seen.namespace);
        for endpoint in seen.endpoints.iter().filter(|_| kept) {
            let Some(name) = &endpoint.pod else { continue };
            let pod = space.named_or_new(name);
            pod.listed_in.insert(seen.name.clone());
            pod.life.endpoint_gone = None;
            if endpoint.ready {
                pod.ready_in.insert(seen.name.clone());
                pod.life.endpoint_ready.get_or_insert(at);
                pod.life.endpoint_not_ready = None;
            }
            if endpoint.serving {
                pod.serving_in.insert(seen.name.clone());
                pod.life.endpoint_not_serving = None;
            }
        }
        let with = |is: fn(&crate::record::entry::EndpointSeen) -> bool| -> BTreeSet<&str> {
            let those = seen.endpoints.iter().filter(|endpoint| kept && is(endpoint));
            those.filter_map(|endpoint| endpoint.pod.as_deref()).collect()
        };
        let (listed, ready, serving) = (with(|_| true), with(|one| one.ready), with(|one| one.serving));
        for pod in &mut space.pods {
            let name = pod.life.name.as_str();
            if !ready.contains(name) && pod.ready_in.remove(&seen.name) && pod.ready_in.is_empty() {
                pod.life.endpoint_not_ready = Some(at);
            }
            if !serving.contains(name) && pod.serving_in.remove(&seen.name) && pod.serving_in.is_empty() {
                pod.life.endpoint_not_serving = Some(at);
            }
            if !listed.contains(name) && pod.listed_in.remove(&seen.name) && pod.listed_in.is_empty() {
                pod.life.endpoint_gone = Some(at);
            }
        }
    }

    pub(super) fn listener(&mut self, seen: &ListenerSeen) {
        let Some(pod) = self.space(&seen.namespace).named(&seen.pod) else { return };
        let open = seen.state == Listener::Open;
        let was = pod.listener.replace(seen.state);
        if open {
            pod.life.listener_closed = None;
            // The first look of all tells only that it was open by then.
            let low = if was.is_some() { seen.before_ns } else { 0 };
            pod.life.listener_opened.get_or_insert(Edge::between(low, seen.after_ns));
        } else if was == Some(Listener::Open) {
            pod.life.listener_closed = Some(Edge::between(seen.before_ns, seen.after_ns));
        }
    }

    pub(super) fn event(&mut self, seen: &EventSeen) {
        let Some(name) = seen.about.strip_prefix("Pod/") else { return };
        let Some(pod) = self.space(&seen.namespace).named(name) else { return };
        let at = Edge::received(seen.at_ns);
        match seen.reason.as_str() {
            "Scheduled" => _ = pod.life.scheduled.get_or_insert(at),
            "Killing" if pod.life.gone.is_none() => _ = pod.killing_ns.get_or_insert(seen.at_ns),
            "FailedPreStopHook" => pod.failed_hooks.push((seen.container.clone(), at)),
            _ => {}
        }
    }

    pub(super) fn gap(&mut self, gap: &Gap) {
        self.space(&gap.namespace).gaps.push(gap.clone());
    }

    /// Forgets a namespace's pods that were gone before this moment: no later trial has use for them.
    pub(super) fn forget(&mut self, namespace: &str, before: Stamp) {
        let Some(space) = self.spaces.get_mut(namespace) else { return };
        space.gaps.retain(|gap| gap.to_ns >= before);
        space.pods.retain(|pod| pod.life.gone.is_none_or(|gone| gone.high_ns >= before));
    }

    /// The pod-seconds used in a namespace between two moments: of each pod, the time from when it was first seen
    /// running until it was gone. `None` if no pod was seen running.
    pub(super) fn used_s(&self, namespace: &str, from: Stamp, to: Stamp) -> Option<f64> {
        let times = self.spaces.get(namespace)?.pods.iter().filter_map(|pod| {
            let began = pod.running_ns?.max(from);
            let ended = pod.life.gone.map_or(to, |gone| gone.high_ns).min(to);
            Some(ended.saturating_sub(began))
        });
        times.reduce(|sum, more| sum + more).map(seconds)
    }

    /// The pods of a trial, the older ones first. `container` is the one that serves, with its hook; `served` tells from when to
    /// when each pod answered as expected.
    pub(super) fn of_trial(
        &self,
        namespace: &str,
        window: Window,
        (container, hook): (&str, &PreStop),
        served: &BTreeMap<String, (Stamp, Stamp)>,
    ) -> Vec<PodLife> {
        let Some(space) = self.spaces.get(namespace) else { return Vec::new() };
        let known = space.pods.iter().filter(|pod| !pod.life.uid.is_empty());
        let mut lives: Vec<PodLife> = known
            .map(|pod| {
                let mut life = pod.life.clone();
                life.new = life.created.is_some_and(|created| created.high_ns >= window.first_ns);
                life.hook = hook.clone();
                pod.of_container(container, &mut life);
                life.served = served.get(&life.name).copied();
                space.widen(&mut life);
                derive(&mut life, pod.killing_ns);
                life
            })
            .collect();
        lives.sort_by_key(|life| (life.new, life.created.map(|created| created.high_ns), life.name.clone()));
        lives
    }
}

impl Space {
    /// What was seen right after a watch had been blind may have happened at any time while it was.
    fn widen(&self, life: &mut PodLife) {
        let widen = |edge: &mut Option<Edge>, source: GapSource| {
            let Some(edge) = edge else { return };
            for gap in self.gaps.iter().filter(|gap| gap.source == source) {
                let after = gap.from_ns..=gap.to_ns.saturating_add(AFTER_GAP_NS);
                if after.contains(&edge.high_ns) && gap.from_ns < edge.low_ns {
                    *edge = Edge { low_ns: gap.from_ns, basis: Basis::Bounded, ..*edge };
                }
            }
        };
        for edge in [
            &mut life.created,
            &mut life.ready,
            &mut life.deletion,
            &mut life.finished,
            &mut life.gone,
            &mut life.crashed,
        ] {
            widen(edge, GapSource::Pods);
        }
        for edge in [
            &mut life.endpoint_ready,
            &mut life.endpoint_not_ready,
            &mut life.endpoint_not_serving,
            &mut life.endpoint_gone,
        ] {
            widen(edge, GapSource::EndpointSlices);
        }
        for edge in [&mut life.scheduled, &mut life.hook_failed] {
            widen(edge, GapSource::Events);
        }
    }
}

impl Pod {
    /// What is told of one container: its end, and that its hook failed.
    fn of_container(&self, name: &str, life: &mut PodLife) {
        if let Some(ended) = self.ended.get(name) {
            life.finished = Some(ended.at);
            life.exit_code = ended.exit_code;
            life.reason.clone_from(&ended.reason);
        }
        let own = self.failed_hooks.iter().find(|(of, _)| of.as_deref().is_none_or(|of| of == name));
        life.hook_failed = own.map(|(_, at)| *at);
    }

    /// The main container is the one that ends last or, while none has ended, the first, unless it is known which one serves.
    fn containers(&mut self, seen: &PodSeen, at: Edge, started_unix_ns: u64) {
        let restarts = seen.containers.iter().map(|container| container.restarts).max().unwrap_or(0);
        let ended_early = self.life.deletion.is_none()
            && seen.containers.iter().any(|container| container.state == ContainerState::Terminated);
        if restarts > self.restarts || ended_early {
            self.life.crashed = Some(at);
        }
        self.restarts = self.restarts.max(restarts);
        let Some(container) = seen.containers.first() else { return };
        if container.state == ContainerState::Running {
            self.life.started.get_or_insert(at);
        }
        if self.life.deletion.is_none() {
            return;
        }
        for container in seen.containers.iter().filter(|container| container.state == ContainerState::Terminated) {
            if !self.ended.contains_key(&container.name) {
                let at = self.finished(container, at, started_unix_ns);
                let ended = Ended { at, exit_code: container.exit_code, reason: container.reason.clone() };
                self.ended.insert(container.name.clone(), ended);
            }
        }
        let all_ended = seen.containers.iter().all(|container| container.state == ContainerState::Terminated);
        if !all_ended || self.life.finished.is_some() {
            return;
        }
        let last = seen.containers.iter().max_by_key(|container| container.finished.clone()).unwrap_or(container);
        self.life.exit_code = last.exit_code;
        self.life.reason.clone_from(&last.reason);
        self.life.finished = Some(self.finished(last, at, started_unix_ns));
    }

    /// The server tells the whole second in which a container finished; the receipt comes up to a second later still, because
    /// kubelet looks for ended containers once a second.
    fn finished(&self, container: &ContainerSeen, at: Edge, started_unix_ns: u64) -> Edge {
        let told = container.finished.as_deref().and_then(|text| server_ns(text, started_unix_ns));
        match told.filter(|told| self.clock_agrees && *told <= at.high_ns) {
            Some(told) => Edge::between(told, told.saturating_add(SECOND_NS).min(at.high_ns)),
            None => Edge::between(at.high_ns.saturating_sub(2 * SECOND_NS), at.high_ns),
        }
    }
}

/// A server's time as a stamp; `None` if it is none, or before the run.
fn server_ns(text: &str, started_unix_ns: u64) -> Option<Stamp> {
    let at: jiff::Timestamp = text.parse().ok()?;
    let unix_ns = u64::try_from(at.as_nanosecond()).ok()?;
    unix_ns.checked_sub(started_unix_ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(at_s: u64, uid: &str, change: Change, phase: &str) -> PodSeen {
        PodSeen {
            at_ns: at_s * 1_000_000_000,
            change,
            namespace: "ns".to_owned(),
            name: format!("web-{uid}"),
            uid: uid.to_owned(),
            owner: Some("ReplicaSet/web-1".to_owned()),
            labels: BTreeMap::new(),
            ip: None,
            node: None,
            phase: phase.to_owned(),
            ready: true,
            created: None,
            deletion_timestamp: None,
            deletion_grace_s: None,
            containers: Vec::new(),
        }
    }

    fn used(pods: &Lives, from_s: u64, to_s: u64) -> Option<f64> {
        pods.used_s("ns", from_s * 1_000_000_000, to_s * 1_000_000_000)
    }

    #[test]
    fn a_replaced_pod_costs_the_time_that_both_ran() {
        let mut pods = Lives::new(0);
        pods.pod(&pod(1, "old", Change::Seen, "Running"));
        pods.pod(&pod(11, "new", Change::Seen, "Pending"));
        pods.pod(&pod(12, "new", Change::Changed, "Running"));
        pods.pod(&pod(15, "old", Change::Gone, "Running"));
        assert_eq!(used(&pods, 10, 20), Some(5.0 + 8.0));
        assert_eq!(pods.used_s("elsewhere", 0, u64::MAX), None);
        pods.forget("ns", 16_000_000_000);
        assert_eq!(used(&pods, 10, 20), Some(8.0));
    }

    #[test]
    fn a_pod_without_owner_or_that_never_ran_costs_nothing() {
        let mut pods = Lives::new(0);
        pods.pod(&PodSeen { owner: None, ..pod(1, "agent", Change::Seen, "Running") });
        pods.pod(&pod(1, "stuck", Change::Seen, "Pending"));
        assert_eq!(used(&pods, 0, 10), None);
    }

    /// A pod that is deleted at second 10, whose container ends in second 12 as kubelet tells it, which is received at 13.5.
    fn ended(listener: &[(Listener, u64)]) -> Edge {
        let mut pods = Lives::new(0);
        pods.pod(&pod(1, "old", Change::Seen, "Running"));
        let deletion = PodSeen {
            deletion_timestamp: Some("1970-01-01T00:00:40Z".to_owned()),
            deletion_grace_s: Some(30),
            ..pod(10, "old", Change::Changed, "Running")
        };
        pods.pod(&deletion);
        for (state, ms) in listener {
            let (before_ns, after_ns) = (ms * 1_000_000, (ms + 20) * 1_000_000);
            let (namespace, pod) = ("ns".to_owned(), "web-old".to_owned());
            pods.listener(&ListenerSeen { namespace, pod, state: *state, before_ns, after_ns });
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
        let window = Window { first_ns: 0, complete_ns: None, gone_ns: None, stopped_ns: None };
        pods.of_trial("ns", window, ("web", &PreStop::None), &BTreeMap::new())[0].finished.unwrap()
    }

    #[test]
    fn a_container_has_not_ended_while_its_listener_is_reached() {
        let bounds = |edge: Edge| (edge.low_ns / 1_000_000, edge.high_ns / 1_000_000);
        assert_eq!(bounds(ended(&[])), (12_000, 13_000));
        assert_eq!(bounds(ended(&[(Listener::Open, 5_000), (Listener::Refused, 12_700)])), (12_700, 13_000));
        // A listener that closed long before tells nothing of the end.
        assert_eq!(bounds(ended(&[(Listener::Open, 5_000), (Listener::Refused, 10_700)])), (12_000, 13_000));
    }
}
