//! Pods that were stopped and may still be routed to.

use super::scene::{Certainty, Scene, listens_until};
use crate::clock::Stamp;
use crate::timeline::{Edge, PodLife};

impl<'a> Scene<'a> {
    /// Until when connections may have been routed to a pod that was deleted.
    pub(super) fn routed_until(&self, pod: &PodLife, deletion: Edge) -> Stamp {
        let last = pod.endpoint_gone.or(pod.endpoint_not_serving).filter(|_| self.falls_back);
        last.or(pod.endpoint_not_ready).unwrap_or(deletion).high_ns.saturating_add(self.routing_lag_max_ns)
    }

    /// Pods whose listener may be closed while connections may still be routed to them.
    pub(super) fn deaf(&self, at_ns: Stamp) -> Vec<&'a PodLife> {
        let mut stopped = self.stopped(at_ns);
        stopped.retain(|pod| !self.routed_anew(pod, at_ns));
        stopped
    }

    /// The same for those who route by themselves: what connections to the Service show tells nothing of them.
    pub(super) fn stopped(&self, at_ns: Stamp) -> Vec<&'a PodLife> {
        let stopped = self.pods().filter(|pod| {
            let Some(deletion) = pod.deletion else { return false };
            let routed_until = self.routed_until(pod, deletion);
            let was_routed = pod.endpoint_ready.is_some() || !pod.new;
            let gone_deaf = listens_until(pod, Certainty::Sure).is_some_and(|from| from <= at_ns);
            was_routed && gone_deaf && at_ns <= routed_until
        });
        stopped.collect()
    }

    /// Whether connections were seen to be routed to a pod that was ready only after this one was not: rules are written for all endpoints at
    /// once, so those for this pod were gone by then.
    pub(super) fn routed_anew(&self, gone: &PodLife, at_ns: Stamp) -> bool {
        let Some(not_ready) = gone.endpoint_not_ready else { return false };
        self.pods().any(|pod| {
            let later = pod.new && pod.endpoint_ready.is_some_and(|ready| ready.high_ns > not_ready.high_ns);
            later && self.trial.first_answered_ns.get(&pod.name).is_some_and(|first_ns| *first_ns <= at_ns)
        })
    }
}
