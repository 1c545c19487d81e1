//! How long new connections were still routed to terminating pods: the propagation lag, pod by pod.
//!
//! A pod's last new connection tells it only if later ones would have been seen: its listener must have accepted, and the
//! load must have gone on, for a while after it. Otherwise the pod gives no figure.

use std::collections::BTreeMap;

use super::connections::{Connections, Reached};
use super::gaps::Gaps;
use super::pod_tracker::PodTracker;
use super::window::Window;
use crate::clock::Stamp;
use crate::record::entry::GapSource;

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

/// The lags of those of a namespace's pods that were deleted between a rollout's first mark and `end_ns`.
pub(super) fn lags(
    pods: &[PodTracker],
    gaps: &Gaps,
    connections: &Connections,
    window: Window,
    end_ns: Stamp,
) -> PropagationLags {
    let mut lags = PropagationLags::default();
    let mut names: BTreeMap<&str, u32> = BTreeMap::new();
    for pod in pods {
        *names.entry(pod.name()).or_default() += 1;
    }
    for pod in pods {
        let deleted = pod.deletion_ns().filter(|at| (window.first_ns..=end_ns).contains(at));
        let (Some(deleted_ns), Some(reached)) = (deleted, connections.of(pod.name())) else { continue };
        // A StatefulSet gives the next pod the same name: whose connection it was, the name does not tell.
        let shares_name = names.get(pod.name()).is_some_and(|pods| *pods > 1);
        match lag(pod, deleted_ns, reached, connections, gaps, window).filter(|_| !shares_name) {
            Some(lag) => lags.pods.push(lag),
            None => lags.not_observed = lags.not_observed.saturating_add(1),
        }
    }
    lags.pods.sort_by(|a, b| a.pod.cmp(&b.pod));
    lags
}

fn lag(
    pod: &PodTracker,
    deleted_ns: Stamp,
    reached: Reached,
    connections: &Connections,
    gaps: &Gaps,
    window: Window,
) -> Option<PodLag> {
    let settled_ns = reached.settled_ns()?;
    if settled_ns > pod.accepted_until_ns()? || settled_ns > window.stopped_ns? {
        return None;
    }
    // A listener may accept for the kernel while no process takes what it accepted: a stopped Apache that still waits for
    // its slow requests does. Requests that were routed to it then went unanswered.
    if connections.unanswered_between(reached.last_ns, settled_ns) {
        return None;
    }
    if gaps.may_hide(GapSource::Pods, window.first_ns, deleted_ns) {
        return None;
    }
    let not_ready = pod.endpoint_not_ready_ns().filter(|at| *at >= window.first_ns);
    let not_ready = not_ready.filter(|at| !gaps.may_hide(GapSource::EndpointSlices, window.first_ns, *at));
    Some(PodLag {
        pod: pod.name().to_owned(),
        after_deletion_ns: difference(reached.last_ns, deleted_ns),
        after_not_ready_ns: not_ready.map(|at| difference(reached.last_ns, at)),
    })
}

fn difference(later: Stamp, earlier: Stamp) -> i64 {
    let signed = |at| i64::try_from(at).unwrap_or(i64::MAX);
    signed(later) - signed(earlier)
}
