//! The end of a container that does not serve: a proxy beside the server, or the server behind a proxy.

use super::edge::Edge;
use super::life::PodLife;
use crate::servers::PreStop;

/// From a deletion, or the end of a hook, to the stop signal.
const KUBELET_ACTS_NS: u64 = 500_000_000;

/// A container of a pod, other than the one that serves, that ended after the pod's deletion.
#[derive(Debug, Clone, PartialEq)]
pub struct OtherContainer {
    /// Its name.
    pub name: String,
    /// Its preStop hook, from the manifest.
    pub hook: PreStop,
    /// When it finished.
    pub finished: Edge,
    /// Its exit code.
    pub exit_code: Option<i32>,
    /// The reason that its end was given.
    pub reason: Option<String>,
}

impl OtherContainer {
    /// When its main process was sent the stop signal, at its own hook's end: the kubelet stops each container for itself. `None` if its
    /// hook does not tell for how long it waits.
    #[must_use]
    pub fn stop_signal(&self, pod: &PodLife) -> Option<Edge> {
        let deletion = pod.deletion.filter(|_| self.hook == PreStop::None || self.hook.length_is_known())?;
        let low_ns = deletion.low_ns.saturating_add(self.hook.least_ns());
        if self.finished.surely_before(low_ns) {
            return None;
        }
        let high_ns = deletion.high_ns.saturating_add(self.hook.least_ns()).saturating_add(KUBELET_ACTS_NS);
        let rule = if self.hook == PreStop::None {
            "deletion, because it has no hook"
        } else {
            "deletion + its hook's sleeps"
        };
        Some(Edge::derived(low_ns, high_ns.min(self.finished.high_ns), rule))
    }
}
