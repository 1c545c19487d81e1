//! One pod's life in a trial: its edges, merged from the record alone.

use std::collections::BTreeMap;

use super::edge::Edge;
use super::other_container::OtherContainer;
use super::pod_edge::PodEdge;
use super::pod_lapse::{CrashedContainer, PodLapse};
use crate::clock::Stamp;
use crate::servers::PreStop;

/// One pod's life, as far as the record tells it. An edge that is `None` was not observed and does not follow from others.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PodLife {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its labels, as they were seen last; empty where the record does not have them.
    pub labels: BTreeMap<String, String>,
    /// The node that it was assigned to.
    pub node: Option<String>,
    /// First seen after the rollout's first mark.
    pub new: bool,
    /// Seen by the watch for the first time.
    pub created: Option<Edge>,
    /// Assigned to a node.
    pub scheduled: Option<Edge>,
    /// Its main container runs.
    pub started: Option<Edge>,
    /// Its Ready condition is true for the first time.
    pub ready: Option<Edge>,
    /// Its endpoint is ready for the first time.
    pub endpoint_ready: Option<Edge>,
    /// The side probe reached its listener for the first time.
    pub listener_opened: Option<Edge>,
    /// Its deletion was accepted.
    pub deletion: Option<Edge>,
    /// Its endpoint is ready no more, or gone.
    pub endpoint_not_ready: Option<Edge>,
    /// Its endpoint is neither ready nor serving, or gone.
    pub endpoint_not_serving: Option<Edge>,
    /// Its endpoint is in no slice any more.
    pub endpoint_gone: Option<Edge>,
    /// Its preStop hook began.
    pub hook_start: Option<Edge>,
    /// Its preStop hook ended.
    pub hook_end: Option<Edge>,
    /// Its preStop hook was reported to have failed.
    pub hook_failed: Option<Edge>,
    /// Its main process was sent the stop signal.
    pub stop_signal: Option<Edge>,
    /// Its listener refuses or is silent.
    pub listener_closed: Option<Edge>,
    /// The last look of the side probe that found its listener open.
    pub listener_open_until_ns: Option<Stamp>,
    /// Its main container has finished.
    pub finished: Option<Edge>,
    /// Its object is gone.
    pub gone: Option<Edge>,
    /// The grace period in seconds with which it was deleted.
    pub grace_s: Option<u64>,
    /// Its hook, from the manifest.
    pub hook: PreStop,
    /// The exit code of its main container.
    pub exit_code: Option<i32>,
    /// The reason that the container's end was given.
    pub reason: Option<String>,
    /// Its other containers that ended after its deletion, the first one first.
    pub others: Vec<OtherContainer>,
    /// A container restarted, or ended before the pod's deletion: when that was seen.
    pub crashed: Option<Edge>,
    /// Times in which it had no ready endpoint, or its serving container had ended. After the last one that is over, its edges
    /// hold; they know nothing of these.
    pub lapses: Vec<PodLapse>,
    /// Its containers that ended without its deletion.
    pub crashes: Vec<CrashedContainer>,
    /// The start of the first slice in which one of its answers was as expected, and that of the last.
    pub served: Option<(Stamp, Stamp)>,
}

impl PodLife {
    /// The end of its grace period: the deletion and the grace.
    #[must_use]
    pub fn grace_end(&self) -> Option<Edge> {
        let (deletion, length_ns) = (self.deletion?, self.grace_s?.saturating_mul(1_000_000_000));
        let (low, high) = (deletion.low_ns.saturating_add(length_ns), deletion.high_ns.saturating_add(length_ns));
        Some(Edge::derived(low, high, "deletion + terminationGracePeriodSeconds"))
    }

    /// Whether the hook was still running when the grace was over, so that kubelet ended it.
    #[must_use]
    pub fn hook_used_grace_up(&self) -> bool {
        let Some(grace_end) = self.grace_end() else { return false };
        let long = self.hook.least_ns() >= self.grace_s.unwrap_or(u64::MAX).saturating_mul(1_000_000_000);
        let reported = self.hook_failed.is_some_and(|failed| failed.high_ns >= grace_end.low_ns);
        let ended_before = self.finished.is_some_and(|finished| finished.surely_before(grace_end.low_ns));
        reported || (long && !ended_before && self.hook_failed.is_none())
    }

    /// Whether the server had ended, or at least closed its listener, when the hook was reported to have failed: then the hook
    /// was killed with its container, which is what a graceful stop looks like where the server is the main process.
    pub(super) fn server_was_done_at(&self, failed: Edge) -> bool {
        // A hook that tells the server to stop did its work where the listener may have been closed by then.
        let told = self.hook.stop().is_some();
        let closed_first =
            |closed: Edge| if told { closed.low_ns <= failed.high_ns } else { closed.surely_before(failed.low_ns) };
        let ended_first =
            |end: Edge| if told { end.low_ns <= failed.high_ns } else { end.surely_before(failed.low_ns) };
        self.listener_closed.is_some_and(closed_first) || self.finished.is_some_and(ended_first)
    }

    /// Whether the hook failed of itself, before it had done what it says.
    #[must_use]
    pub fn hook_broke(&self) -> bool {
        let (Some(failed), Some(start)) = (self.hook_failed, self.hook_start) else { return false };
        let lasted_ns = failed.high_ns.saturating_sub(start.low_ns);
        if self.hook_used_grace_up() {
            return false;
        }
        if lasted_ns < self.hook.first_sleep_ns() {
            return true;
        }
        if self.server_was_done_at(failed) {
            return false;
        }
        let least_ns = self.hook.least_ns();
        // With its sleeps still to come it cannot have ended well. Without any, only a server that lived on shows that its end was
        // not the cause.
        // One that nothing had told to stop has no other reason to end.
        let lived = match self.listener_closed {
            Some(closed) => closed.high_ns >= failed.low_ns,
            None => self.hook.stop().is_none(),
        };
        if least_ns > 0 { lasted_ns < least_ns } else { lived }
    }

    /// When the pod passed an edge; `None` where that was not observed and does not follow from other edges.
    #[must_use]
    pub fn edge(&self, edge: PodEdge) -> Option<Edge> {
        match edge {
            PodEdge::Created => self.created,
            PodEdge::Scheduled => self.scheduled,
            PodEdge::Started => self.started,
            PodEdge::ListenerOpened => self.listener_opened,
            PodEdge::Ready => self.ready,
            PodEdge::EndpointReady => self.endpoint_ready,
            PodEdge::Deletion => self.deletion,
            PodEdge::EndpointNotReady => self.endpoint_not_ready,
            PodEdge::HookStart => self.hook_start,
            PodEdge::HookFailed => self.hook_failed,
            PodEdge::HookEnd => self.hook_end,
            PodEdge::StopSignal => self.stop_signal,
            PodEdge::ListenerClosed => self.listener_closed,
            PodEdge::EndpointNotServing => self.endpoint_not_serving,
            PodEdge::GraceEnd => self.grace_end(),
            PodEdge::OtherFinished => self.others.first().map(|other| other.finished),
            PodEdge::ContainerFinished => self.finished,
            PodEdge::EndpointGone => self.endpoint_gone,
            PodEdge::Gone => self.gone,
        }
    }

    /// The edges that are known, in the order in which a pod usually passes them.
    pub fn known_edges(&self) -> impl Iterator<Item = (PodEdge, Edge)> {
        PodEdge::ALL.into_iter().filter_map(|edge| Some((edge, self.edge(edge)?)))
    }
}
