//! How long routing went on leading new connections to pods that were going: the propagation lag, pod by pod.
//!
//! A pod's last new connection tells it only if later ones would have been seen: its listener must have accepted, and the
//! load must have gone on, for a while after it. Otherwise the pod gives no figure.

use std::collections::{BTreeMap, BTreeSet};

use super::window::Window;
use crate::clock::Stamp;
use crate::record::Arm;
use crate::record::entry::{Attempt, Change, EndpointsSeen, Gap, GapSource, Listener, ListenerSeen, PodSeen, Pulse};

/// Pods of a trial whose connections are told apart; those of further ones are left out.
const MOST_PODS: usize = 4_096;

/// Unanswered connections of a trial that are kept.
const MOST_UNANSWERED: usize = 65_536;

/// Fewer connections than this tell nothing of their spacing.
const LEAST_CONNECTIONS: u64 = 3;

/// No connection for this many times their mean spacing means that none was led here any more. Where each connection's
/// pod is chosen at random, one pause in twenty (exp(-3)) is as long all the same.
const SPACINGS: u64 = 3;

/// The lag of one pod. Both are from a watch's receipt, which may come late: they can be negative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodLag {
    /// The pod.
    pub pod: String,
    /// From when its `deletionTimestamp` was first seen to its last new connection, in nanoseconds.
    pub after_deletion_ns: i64,
    /// From when its endpoint was first seen not ready, or gone, to its last new connection, in nanoseconds; `None` if
    /// that was not seen during the rollout.
    pub after_not_ready_ns: Option<i64>,
}

/// The lags of a trial's pods.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PropagationLags {
    /// Of each deleted pod that shows one, by its name.
    pub pods: Vec<PodLag>,
    /// Deleted pods that new connections reached and that show none.
    pub not_observed: u32,
}

/// New connections that reached one pod in one trial.
#[derive(Debug, Clone, Copy)]
struct Reached {
    first_ns: Stamp,
    last_ns: Stamp,
    count: u64,
}

/// New connections of a trial, by pod.
#[derive(Debug, Default)]
pub(super) struct Connections {
    pods: BTreeMap<String, Reached>,
    /// When those were begun that nobody answered, so that which pod they reached is not known.
    unanswered: BTreeSet<Stamp>,
}

impl Connections {
    pub(super) fn pulse(&mut self, pulse: &Pulse) {
        if let (Arm::New, Some(pod), Some(last_ns)) = (pulse.arm, &pulse.pod, pulse.last_connect_ns) {
            self.reached(pod, Reached { first_ns: pulse.at_ns.min(last_ns), last_ns, count: pulse.ok });
        }
    }

    /// An attempt that did not end ok, for whatever reason, reached a pod all the same if its response named one.
    pub(super) fn attempt(&mut self, attempt: &Attempt) {
        if !attempt.arm.connects_anew() {
            return;
        }
        let Some(pod) = &attempt.pod else {
            if self.unanswered.len() < MOST_UNANSWERED {
                self.unanswered.extend(attempt.started_ns);
            }
            return;
        };
        let rtt_ns = attempt.connection.as_ref().map_or(0, |connection| connection.rtt_ns);
        let begun = attempt.connected_ns.map(|at| at.saturating_sub(rtt_ns)).or(attempt.started_ns);
        if let Some(at) = begun {
            self.reached(pod, Reached { first_ns: at, last_ns: at, count: 1 });
        }
    }

    /// Whether a connection that may have been led to a pod was begun after `last_ns`, until `settled_ns`.
    fn unanswered_between(&self, last_ns: Stamp, settled_ns: Stamp) -> bool {
        // Beyond the bound nothing is known of later ones.
        self.unanswered.len() >= MOST_UNANSWERED || self.unanswered.range(last_ns..=settled_ns).next().is_some()
    }

    fn reached(&mut self, pod: &str, more: Reached) {
        if let Some(so_far) = self.pods.get_mut(pod) {
            so_far.first_ns = so_far.first_ns.min(more.first_ns);
            so_far.last_ns = so_far.last_ns.max(more.last_ns);
            so_far.count = so_far.count.saturating_add(more.count);
        } else if self.pods.len() < MOST_PODS {
            self.pods.insert(pod.to_owned(), more);
        }
    }
}

impl Reached {
    /// From when on it shows that no further connection was led here; `None` if it cannot.
    fn settled_ns(&self) -> Option<Stamp> {
        if self.count < LEAST_CONNECTIONS {
            return None;
        }
        let spacing_ns = self.last_ns.saturating_sub(self.first_ns) / self.count;
        Some(self.last_ns.saturating_add(spacing_ns.saturating_mul(SPACINGS)))
    }
}

/// A pod by its uid.
#[derive(Debug)]
struct Life {
    name: String,
    deleted_ns: Option<Stamp>,
    gone_ns: Option<Stamp>,
}

/// A pod by its name, as endpoints and listeners know it.
#[derive(Debug, Default)]
struct Named {
    /// The slices that have it ready.
    ready_in: BTreeSet<String>,
    not_ready_ns: Option<Stamp>,
    open: bool,
    /// The latest moment at which its listener is known to have accepted.
    open_until_ns: Option<Stamp>,
}

/// A watch was blind.
#[derive(Debug)]
struct Blind {
    source: GapSource,
    from_ns: Stamp,
    to_ns: Stamp,
}

/// What the cluster showed of one namespace's pods.
#[derive(Debug, Default)]
struct Space {
    lives: BTreeMap<String, Life>,
    named: BTreeMap<String, Named>,
    blind: Vec<Blind>,
}

/// What the cluster showed of the pods that are going.
#[derive(Debug, Default)]
pub(super) struct Departures {
    spaces: BTreeMap<String, Space>,
}

impl Departures {
    fn space(&mut self, namespace: &str) -> &mut Space {
        self.spaces.entry(namespace.to_owned()).or_default()
    }

    pub(super) fn pod(&mut self, pod: &PodSeen) {
        let space = self.space(&pod.namespace);
        let new = || Life { name: pod.name.clone(), deleted_ns: None, gone_ns: None };
        let life = space.lives.entry(pod.uid.clone()).or_insert_with(new);
        if pod.deletion_timestamp.is_some() {
            life.deleted_ns.get_or_insert(pod.at_ns);
        }
        if pod.change == Change::Gone {
            life.gone_ns.get_or_insert(pod.at_ns);
        }
    }

    pub(super) fn endpoints(&mut self, seen: &EndpointsSeen) {
        let space = self.space(&seen.namespace);
        let kept = seen.change != Change::Gone;
        let ready = seen.endpoints.iter().filter(|endpoint| kept && endpoint.ready);
        let ready: BTreeSet<&str> = ready.filter_map(|endpoint| endpoint.pod.as_deref()).collect();
        for pod in &ready {
            let named = space.named.entry((*pod).to_owned()).or_default();
            named.ready_in.insert(seen.name.clone());
            named.not_ready_ns = None;
        }
        for (pod, named) in &mut space.named {
            let left = !ready.contains(pod.as_str()) && named.ready_in.remove(&seen.name);
            if left && named.ready_in.is_empty() {
                named.not_ready_ns = Some(seen.at_ns);
            }
        }
    }

    pub(super) fn listener(&mut self, seen: &ListenerSeen) {
        let named = self.space(&seen.namespace).named.entry(seen.pod.clone()).or_default();
        let open = seen.state == Listener::Open;
        // The earlier state still held at `before_ns`.
        let known = if open { Some(seen.after_ns) } else { named.open.then_some(seen.before_ns) };
        named.open_until_ns = named.open_until_ns.max(known);
        named.open = open;
    }

    pub(super) fn gap(&mut self, gap: &Gap) {
        let blind = Blind { source: gap.source, from_ns: gap.from_ns, to_ns: gap.to_ns };
        self.space(&gap.namespace).blind.push(blind);
    }

    /// Forgets a namespace's pods that were gone before this moment: no later trial has use for them.
    pub(super) fn forget(&mut self, namespace: &str, before: Stamp) {
        let Some(space) = self.spaces.get_mut(namespace) else { return };
        space.blind.retain(|blind| blind.to_ns >= before);
        space.lives.retain(|_, life| life.gone_ns.is_none_or(|gone| gone >= before));
        let alive: BTreeSet<&str> = space.lives.values().map(|life| life.name.as_str()).collect();
        space.named.retain(|pod, named| alive.contains(pod.as_str()) || !named.ready_in.is_empty());
    }

    /// The lags of the pods that were deleted between a rollout's first mark and `end_ns`.
    pub(super) fn lags(
        &self,
        namespace: &str,
        window: Window,
        end_ns: Stamp,
        connections: &Connections,
    ) -> PropagationLags {
        let mut lags = PropagationLags::default();
        let Some(space) = self.spaces.get(namespace) else { return lags };
        for life in space.lives.values() {
            let deleted = life.deleted_ns.filter(|at| (window.first_ns..=end_ns).contains(at));
            let (Some(deleted_ns), Some(reached)) = (deleted, connections.pods.get(&life.name)) else { continue };
            match space.lag(life, deleted_ns, *reached, window, connections) {
                Some(lag) => lags.pods.push(lag),
                None => lags.not_observed = lags.not_observed.saturating_add(1),
            }
        }
        lags.pods.sort_by(|a, b| a.pod.cmp(&b.pod));
        lags
    }
}

impl Space {
    fn lag(
        &self,
        life: &Life,
        deleted_ns: Stamp,
        reached: Reached,
        window: Window,
        connections: &Connections,
    ) -> Option<PodLag> {
        // A StatefulSet gives the next pod the same name: whose connection it was, the name does not tell.
        if self.lives.values().filter(|other| other.name == life.name).count() > 1 {
            return None;
        }
        let named = self.named.get(&life.name)?;
        let settled_ns = reached.settled_ns()?;
        if settled_ns > named.open_until_ns? || settled_ns > window.stopped_ns? {
            return None;
        }
        // A listener may accept for the kernel while no process takes what it accepted: a stopped Apache that still waits for
        // its slow requests does. Who was led to it then went unanswered.
        if connections.unanswered_between(reached.last_ns, settled_ns) {
            return None;
        }
        if self.late(GapSource::Pods, window.first_ns, deleted_ns) {
            return None;
        }
        let not_ready = named.not_ready_ns.filter(|at| *at >= window.first_ns);
        let not_ready = not_ready.filter(|at| !self.late(GapSource::EndpointSlices, window.first_ns, *at));
        Some(PodLag {
            pod: life.name.clone(),
            after_deletion_ns: difference(reached.last_ns, deleted_ns),
            after_not_ready_ns: not_ready.map(|at| difference(reached.last_ns, at)),
        })
    }

    /// Whether what a watch showed at `seen_ns` may have happened while it was blind.
    fn late(&self, source: GapSource, first_ns: Stamp, seen_ns: Stamp) -> bool {
        let of_source = self.blind.iter().filter(|blind| blind.source == source);
        of_source.into_iter().any(|blind| blind.from_ns < seen_ns && blind.to_ns >= first_ns)
    }
}

fn difference(later: Stamp, earlier: Stamp) -> i64 {
    let signed = |at| i64::try_from(at).unwrap_or(i64::MAX);
    signed(later) - signed(earlier)
}
