//! How long pods ran, from what the API showed of them.

use std::collections::BTreeMap;

use super::window::seconds;
use crate::clock::Stamp;
use crate::record::entry::{Change, PodSeen};

/// The lives of the pods that a controller owns, by namespace and uid.
#[derive(Debug, Default)]
pub(super) struct Pods {
    lives: BTreeMap<(String, String), Life>,
}

#[derive(Debug, Default)]
struct Life {
    /// First seen in phase Running.
    running_ns: Option<Stamp>,
    gone_ns: Option<Stamp>,
}

impl Pods {
    pub(super) fn see(&mut self, pod: &PodSeen) {
        // A pod without an owner is no replica of anything.
        if pod.owner.is_none() {
            return;
        }
        let life = self.lives.entry((pod.namespace.clone(), pod.uid.clone())).or_default();
        if pod.change == Change::Gone {
            life.gone_ns.get_or_insert(pod.at_ns);
        } else if pod.phase == "Running" {
            life.running_ns.get_or_insert(pod.at_ns);
        }
    }

    /// The pod-seconds used in a namespace between two moments: of each pod, the time from when it was first seen
    /// running until it was gone. `None` if no pod was seen running.
    pub(super) fn used_s(&self, namespace: &str, from: Stamp, to: Stamp) -> Option<f64> {
        let here = self.lives.iter().filter(|((ns, _), _)| ns == namespace);
        let times = here.filter_map(|(_, life)| {
            let began = life.running_ns?.max(from);
            let ended = life.gone_ns.unwrap_or(to).min(to);
            Some(ended.saturating_sub(began))
        });
        times.reduce(|sum, more| sum + more).map(seconds)
    }

    /// Forgets a namespace's pods that were gone before this moment: no later trial has use for them.
    pub(super) fn forget(&mut self, namespace: &str, before: Stamp) {
        self.lives.retain(|(ns, _), life| ns != namespace || life.gone_ns.is_none_or(|gone| gone >= before));
    }
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

    fn used(pods: &Pods, from_s: u64, to_s: u64) -> Option<f64> {
        pods.used_s("ns", from_s * 1_000_000_000, to_s * 1_000_000_000)
    }

    #[test]
    fn a_replaced_pod_costs_the_time_that_both_ran() {
        let mut pods = Pods::default();
        pods.see(&pod(1, "old", Change::Seen, "Running"));
        pods.see(&pod(11, "new", Change::Seen, "Pending"));
        pods.see(&pod(12, "new", Change::Changed, "Running"));
        pods.see(&pod(15, "old", Change::Gone, "Running"));
        assert_eq!(used(&pods, 10, 20), Some(5.0 + 8.0));
        assert_eq!(pods.used_s("elsewhere", 0, u64::MAX), None);
        pods.forget("ns", 16_000_000_000);
        assert_eq!(used(&pods, 10, 20), Some(8.0));
    }

    #[test]
    fn a_pod_without_owner_or_that_never_ran_costs_nothing() {
        let mut pods = Pods::default();
        pods.see(&PodSeen { owner: None, ..pod(1, "agent", Change::Seen, "Running") });
        pods.see(&pod(1, "stuck", Change::Seen, "Pending"));
        assert_eq!(used(&pods, 0, 10), None);
    }
}
