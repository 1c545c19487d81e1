//! The new connections of a trial, by the pod that they reached.

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::Stamp;
use crate::record::Arm;
use crate::record::entry::{Attempt, Pulse};

/// Pods of a trial whose connections are told apart; those of further ones are left out.
const MOST_PODS: usize = 4_096;

/// Unanswered connections of a trial that are kept.
const MOST_UNANSWERED: usize = 65_536;

/// Fewer connections than this tell nothing of their spacing.
const LEAST_CONNECTIONS: u64 = 3;

/// No connection for this many times their mean spacing means that none was routed here any more. Where each connection's
/// pod is chosen at random, one pause in twenty (exp(-3)) is as long all the same.
const SPACINGS: u64 = 3;

#[derive(Debug, Clone, Copy)]
pub(super) struct Reached {
    first_ns: Stamp,
    pub(super) last_ns: Stamp,
    count: u64,
}

#[derive(Debug, Default)]
pub(super) struct Connections {
    pods: BTreeMap<String, Reached>,
    /// When those were begun that nobody answered, so that which pod they reached is not known.
    unanswered: BTreeSet<Stamp>,
}

impl Connections {
    pub(super) fn pulse(&mut self, pulse: &Pulse) {
        if let (Arm::New, Some(pod), Some(last_ns)) = (pulse.arm, &pulse.pod, pulse.last_connect_ns) {
            self.add(pod, Reached { first_ns: pulse.at_ns.min(last_ns), last_ns, count: pulse.ok });
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
            self.add(pod, Reached { first_ns: at, last_ns: at, count: 1 });
        }
    }

    /// Those that reached a pod; `None` if none did.
    pub(super) fn of(&self, pod: &str) -> Option<Reached> {
        self.pods.get(pod).copied()
    }

    /// Whether a connection that may have been routed to a pod was begun after `last_ns`, until `settled_ns`.
    pub(super) fn unanswered_between(&self, last_ns: Stamp, settled_ns: Stamp) -> bool {
        // Beyond the bound nothing is known of later ones.
        self.unanswered.len() >= MOST_UNANSWERED || self.unanswered.range(last_ns..=settled_ns).next().is_some()
    }

    fn add(&mut self, pod: &str, more: Reached) {
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
    /// From when on it shows that no further connection was routed here; `None` if it cannot.
    pub(super) fn settled_ns(&self) -> Option<Stamp> {
        if self.count < LEAST_CONNECTIONS {
            return None;
        }
        let spacing_ns = self.last_ns.saturating_sub(self.first_ns) / self.count;
        Some(self.last_ns.saturating_add(spacing_ns.saturating_mul(SPACINGS)))
    }
}
