//! Follows one pod through all that the record shows of it. Its life and the lag of its routing are read off the same tracker.

use std::collections::{BTreeMap, BTreeSet};

use super::derive::derive;
use super::edge::Edge;
use super::gaps::Gaps;
use super::life::PodLife;
use super::other_container::OtherContainer;
use super::pod_lapse::{ContainerRuns, CrashedContainer, between_spans};
use super::window::Window;
use crate::clock::Stamp;
use crate::record::entry::{
    ContainerSeen, ContainerState, EndpointsSeen, EventSeen, ListenerSeen, ListenerState, PodSeen, SeenChange,
};
use crate::servers::PreStop;

/// A server's clock that is further from ours is not used.
const SKEW_MAX_NS: u64 = 1_500_000_000;
const SECOND_NS: u64 = 1_000_000_000;

/// What the record has shown of one pod so far.
#[derive(Debug, Clone, Default)]
pub(super) struct PodTracker {
    /// Its edges as they were seen; what follows from them is not in it.
    seen: PodLife,
    /// A controller owns it. Another pod is no replica of anything.
    owned: bool,
    /// The slices in which it is ready, serving, or listed at all.
    ready_in: BTreeSet<String>,
    serving_in: BTreeSet<String>,
    listed_in: BTreeSet<String>,
    /// When its endpoint was ready, from when until when.
    ready_spans: Vec<(Stamp, Option<Stamp>)>,
    listener: Option<ListenerState>,
    accepted_until_ns: Option<Stamp>,
    restarts: i32,
    /// What its containers did before its deletion, by name.
    runs: BTreeMap<String, ContainerRuns>,
    /// The receipt of kubelet's first `Killing` event: it acts on the deletion.
    killing_ns: Option<Stamp>,
    /// First seen in phase Running.
    running_ns: Option<Stamp>,
    /// What its containers came to, by name.
    ended: BTreeMap<String, EndedContainer>,
    /// The hooks that failed, with the containers whose they were; `None` in records that do not tell.
    failed_hooks: Vec<(Option<String>, Edge)>,
    /// The server's clock agrees with ours, as far as its deletion shows.
    clock_agrees: bool,
}

#[derive(Debug, Clone)]
struct EndedContainer {
    at: Edge,
    exit_code: Option<i32>,
    reason: Option<String>,
}

impl EndedContainer {
    fn named(&self, name: &str) -> OtherContainer {
        let Self { at: finished, exit_code, reason } = self.clone();
        OtherContainer { name: name.to_owned(), hook: PreStop::None, finished, exit_code, reason }
    }
}

/// What an `EndpointSlice` says of a pod that it lists.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct EndpointConditions {
    pub(super) ready: bool,
    pub(super) serving: bool,
}

impl PodTracker {
    pub(super) fn named(name: &str) -> Self {
        Self { seen: PodLife { name: name.to_owned(), ..PodLife::default() }, ..Self::default() }
    }

    pub(super) fn name(&self) -> &str {
        &self.seen.name
    }

    /// Empty while only its endpoints have named it.
    pub(super) fn uid(&self) -> &str {
        &self.seen.uid
    }

    pub(super) const fn is_replica(&self) -> bool {
        self.owned
    }

    pub(super) fn node(&self) -> Option<&str> {
        self.seen.node.as_deref()
    }

    /// Takes the node that a slice names.
    pub(super) fn on_node(&mut self, node: &str) {
        self.seen.node.get_or_insert_with(|| node.to_owned());
    }

    pub(super) fn ready_spans(&self) -> &[(Stamp, Option<Stamp>)] {
        &self.ready_spans
    }

    pub(super) fn deletion_ns(&self) -> Option<Stamp> {
        self.seen.deletion.map(|edge| edge.high_ns)
    }

    pub(super) fn endpoint_not_ready_ns(&self) -> Option<Stamp> {
        self.seen.endpoint_not_ready.map(|edge| edge.high_ns)
    }

    pub(super) const fn accepted_until_ns(&self) -> Option<Stamp> {
        self.accepted_until_ns
    }

    pub(super) fn was_gone_before(&self, at_ns: Stamp) -> bool {
        self.seen.gone.is_some_and(|gone| gone.high_ns < at_ns)
    }

    /// From when it was first seen running until it was gone, within these moments; `None` if it was not seen running.
    pub(super) fn ran_ns(&self, from: Stamp, to: Stamp) -> Option<u64> {
        let began = self.running_ns?.max(from);
        let ended = self.seen.gone.map_or(to, |gone| gone.high_ns).min(to);
        Some(ended.saturating_sub(began))
    }

    /// Its life in a trial. `container` is the one that serves, with its hook.
    pub(super) fn life(&self, window: Window, (container, hook): (&str, &PreStop), gaps: &Gaps) -> PodLife {
        let mut life = self.seen.clone();
        life.new = life.created.is_some_and(|created| created.high_ns >= window.first_ns);
        life.hook = hook.clone();
        life.listener_open_until_ns = self.accepted_until_ns;
        self.tell_of_container(container, &mut life);
        self.tell_of_lapses(container, gaps, &mut life);
        gaps.widen(&mut life);
        derive(&mut life, self.killing_ns);
        life
    }

    fn tell_of_lapses(&self, serving: &str, gaps: &Gaps, life: &mut PodLife) {
        life.lapses = between_spans(&self.ready_spans, gaps);
        // Which one serves is not known of several without a name.
        let runs =
            if serving.is_empty() && self.runs.len() == 1 { self.runs.values().next() } else { self.runs.get(serving) };
        life.lapses.extend(runs.into_iter().flat_map(|runs| runs.lapses(gaps)));
        let crashes = self.runs.iter().filter_map(|(name, runs)| {
            let (at, restarts, exit_code, reason) = runs.crash.clone()?;
            Some(CrashedContainer { name: name.clone(), at, exit_code, reason, restarts })
        });
        life.crashes = crashes.collect();
    }

    /// What is told of one container: its end, and that its hook failed.
    fn tell_of_container(&self, name: &str, life: &mut PodLife) {
        if let Some(ended) = self.ended.get(name) {
            life.finished = Some(ended.at);
            life.exit_code = ended.exit_code;
            life.reason.clone_from(&ended.reason);
        }
        if !name.is_empty() {
            let others = self.ended.iter().filter(|(other, _)| *other != name);
            life.others = others.map(|(other, ended)| ended.named(other)).collect();
            life.others.sort_by_key(|other| (other.finished.high_ns, other.finished.low_ns));
        }
        let own = self.failed_hooks.iter().find(|(of, _)| of.as_deref().is_none_or(|of| of == name));
        life.hook_failed = own.map(|(_, at)| *at);
    }

    /// Takes what the watch showed. `started_unix_ns` is the wall clock at stamp 0.
    pub(super) fn pod(&mut self, seen: &PodSeen, started_unix_ns: u64) {
        let at = Edge::received(seen.at_ns);
        let life = &mut self.seen;
        self.owned |= seen.owner.is_some();
        life.name.clone_from(&seen.name);
        life.uid.clone_from(&seen.uid);
        life.labels.clone_from(&seen.labels);
        if seen.node.is_some() {
            life.node.clone_from(&seen.node);
        }
        life.created.get_or_insert(at);
        if seen.ready {
            life.ready.get_or_insert(at);
        }
        if seen.phase == "Running" && seen.change != SeenChange::Gone {
            self.running_ns.get_or_insert(seen.at_ns);
        }
        if let Some(until) = &seen.deletion_timestamp
            && life.deletion.is_none()
        {
            life.deletion = Some(at);
            life.grace_s = seen.deletion_grace_s.and_then(|grace| u64::try_from(grace).ok());
            let accepted = server_ns(until, started_unix_ns).and_then(|at| at.checked_sub(life.grace_s? * SECOND_NS));
            self.clock_agrees = accepted.is_some_and(|accepted| accepted.abs_diff(seen.at_ns) <= SKEW_MAX_NS);
        }
        if seen.change == SeenChange::Gone {
            life.gone.get_or_insert(at);
        }
        self.containers(seen, at, started_unix_ns);
    }

    /// Takes what a slice that lists it says of it.
    pub(super) fn listed(&mut self, slice: &EndpointsSeen, conditions: EndpointConditions) {
        let at = Edge::received(slice.at_ns);
        self.listed_in.insert(slice.name.clone());
        self.seen.endpoint_gone = None;
        if conditions.ready {
            if self.ready_in.is_empty() {
                self.ready_spans.push((slice.at_ns, None));
            }
            self.ready_in.insert(slice.name.clone());
            self.seen.endpoint_ready.get_or_insert(at);
            self.seen.endpoint_not_ready = None;
        }
        if conditions.serving {
            self.serving_in.insert(slice.name.clone());
            self.seen.endpoint_not_serving = None;
        }
    }

    /// Takes note of what a slice says of it no more; `None` if it does not list it. What another slice still says holds.
    pub(super) fn left(&mut self, slice: &EndpointsSeen, conditions: Option<EndpointConditions>) {
        let at = Edge::received(slice.at_ns);
        let left = |slices: &mut BTreeSet<String>| slices.remove(&slice.name) && slices.is_empty();
        if !conditions.is_some_and(|said| said.ready) && left(&mut self.ready_in) {
            self.seen.endpoint_not_ready = Some(at);
            if let Some((_, until_ns)) = self.ready_spans.last_mut() {
                *until_ns = Some(slice.at_ns);
            }
        }
        if !conditions.is_some_and(|said| said.serving) && left(&mut self.serving_in) {
            self.seen.endpoint_not_serving = Some(at);
        }
        if conditions.is_none() && left(&mut self.listed_in) {
            self.seen.endpoint_gone = Some(at);
        }
    }

    pub(super) fn listener(&mut self, seen: &ListenerSeen) {
        let was = self.listener.replace(seen.state);
        let was_open = was == Some(ListenerState::Open);
        if seen.state == ListenerState::Open {
            self.seen.listener_closed = None;
            // The first look of all tells only that it was open by then.
            let low = if was.is_some() { seen.before_ns } else { 0 };
            self.seen.listener_opened.get_or_insert(Edge::between(low, seen.after_ns));
            self.accepted_until_ns = self.accepted_until_ns.max(Some(seen.after_ns));
        } else if was_open {
            self.seen.listener_closed = Some(Edge::between(seen.before_ns, seen.after_ns));
            // The earlier state still held at `before_ns`.
            self.accepted_until_ns = self.accepted_until_ns.max(Some(seen.before_ns));
        }
    }

    pub(super) fn event(&mut self, seen: &EventSeen) {
        let at = Edge::received(seen.at_ns);
        match seen.reason.as_str() {
            "Scheduled" => _ = self.seen.scheduled.get_or_insert(at),
            "Killing" if self.seen.gone.is_none() => _ = self.killing_ns.get_or_insert(seen.at_ns),
            "FailedPreStopHook" => self.failed_hooks.push((seen.container.clone(), at)),
            _ => {}
        }
    }

    /// The main container is the one that ends last or, while none has ended, the first, unless it is known which one serves.
    fn containers(&mut self, seen: &PodSeen, at: Edge, started_unix_ns: u64) {
        let restarts = seen.containers.iter().map(|container| container.restarts).max().unwrap_or(0);
        let has_ended = |container: &&ContainerSeen| container.state == ContainerState::Terminated;
        let ended_early = self.seen.deletion.is_none() && seen.containers.iter().any(|one| has_ended(&one));
        if restarts > self.restarts || ended_early {
            self.seen.crashed = Some(at);
        }
        self.restarts = self.restarts.max(restarts);
        if self.seen.deletion.is_none() && seen.change != SeenChange::Gone {
            for container in &seen.containers {
                self.runs.entry(container.name.clone()).or_default().shown(container, at);
            }
        }
        let Some(container) = seen.containers.first() else { return };
        if container.state == ContainerState::Running {
            self.seen.started.get_or_insert(at);
        }
        if self.seen.deletion.is_none() {
            return;
        }
        for container in seen.containers.iter().filter(has_ended) {
            if !self.ended.contains_key(&container.name) {
                let at = self.finished(container, at, started_unix_ns);
                let ended = EndedContainer { at, exit_code: container.exit_code, reason: container.reason.clone() };
                self.ended.insert(container.name.clone(), ended);
            }
        }
        if !seen.containers.iter().all(|one| has_ended(&one)) || self.seen.finished.is_some() {
            return;
        }
        let last = seen.containers.iter().max_by_key(|container| container.finished.clone()).unwrap_or(container);
        self.seen.exit_code = last.exit_code;
        self.seen.reason.clone_from(&last.reason);
        self.seen.finished = Some(self.finished(last, at, started_unix_ns));
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
