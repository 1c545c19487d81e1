//! Times in which a pod had no ready endpoint, or no running container, and after which it may have had one again.

use super::edge::Edge;
use super::gaps::Gaps;
use crate::clock::Stamp;
use crate::record::entry::{ContainerSeen, ContainerState, GapSource};

/// What a pod lacked for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LapseKind {
    /// A ready endpoint.
    Unready,
    /// Its serving container, which had ended without the pod's deletion.
    Ended,
}

/// A time in which a pod that was not deleted lacked something.
#[derive(Debug, Clone, PartialEq)]
pub struct PodLapse {
    /// What it lacked.
    pub kind: LapseKind,
    /// When it began.
    pub from: Edge,
    /// When it was over; `None` if that was not seen.
    pub until: Option<Edge>,
}

impl PodLapse {
    /// Whether it surely lasted at a moment, and had lasted for some time before.
    #[must_use]
    pub fn surely_lasts(&self, at_ns: Stamp, since_ns: u64) -> bool {
        self.from.high_ns.saturating_add(since_ns) <= at_ns && self.until.is_none_or(|until| at_ns < until.low_ns)
    }

    /// Whether some of it may lie between two moments.
    #[must_use]
    pub fn may_touch(&self, first_ns: Stamp, last_ns: Stamp) -> bool {
        self.from.low_ns <= last_ns && self.until.is_none_or(|until| first_ns <= until.high_ns)
    }
}

/// The lapses of an endpoint that was ready in these spans.
pub(super) fn between_spans(spans: &[(Stamp, Option<Stamp>)], gaps: &Gaps) -> Vec<PodLapse> {
    let pairs = spans.iter().zip(spans.iter().skip(1));
    let lapses = pairs.filter_map(|((_, until_ns), (again_ns, _))| {
        let (from, until) = (Edge::received((*until_ns)?), Some(Edge::received(*again_ns)));
        Some(gaps.shorten(PodLapse { kind: LapseKind::Unready, from, until }, GapSource::EndpointSlices))
    });
    lapses.collect()
}

/// What a container that was not told to stop did.
#[derive(Debug, Clone, Default)]
pub(super) struct ContainerRuns {
    running: bool,
    restarts: i32,
    /// It was seen before.
    seen: bool,
    ends: Vec<(Edge, Option<Edge>)>,
    /// When its latest end was seen, how often it was restarted since it was seen first, and its latest exit code and reason.
    pub(super) crash: Option<(Edge, i32, Option<i32>, Option<String>)>,
}

impl ContainerRuns {
    /// Takes what a watch showed before the pod's deletion.
    pub(super) fn shown(&mut self, container: &ContainerSeen, at: Edge) {
        let runs = container.state == ContainerState::Running;
        let more = if self.seen { container.restarts.saturating_sub(self.restarts).max(0) } else { 0 };
        let ended = self.running && container.state == ContainerState::Terminated;
        if ended || more > 0 {
            let (_, restarts, code, reason) = self.crash.take().unwrap_or((at, 0, None, None));
            let told = container.exit_code.is_some();
            self.crash = Some((
                at,
                restarts.saturating_add(more),
                if told { container.exit_code } else { code },
                if told { container.reason.clone() } else { reason },
            ));
        }
        if self.running && !runs {
            self.ends.push((at, None));
        }
        if let Some((_, again)) = self.ends.last_mut().filter(|(_, again)| runs && again.is_none()) {
            *again = Some(at);
        }
        self.running = runs;
        self.restarts = self.restarts.max(container.restarts);
        self.seen = true;
    }

    pub(super) fn lapses(&self, gaps: &Gaps) -> Vec<PodLapse> {
        let lapse = |(from, until): &(Edge, Option<Edge>)| {
            gaps.shorten(PodLapse { kind: LapseKind::Ended, from: *from, until: *until }, GapSource::Pods)
        };
        self.ends.iter().map(lapse).collect()
    }
}

/// A container that ended without its pod's deletion.
#[derive(Debug, Clone, PartialEq)]
pub struct CrashedContainer {
    /// Its name.
    pub name: String,
    /// When it was seen last.
    pub at: Edge,
    /// The exit code that was seen last; `None` if only a restart was seen.
    pub exit_code: Option<i32>,
    /// The reason that this end was given.
    pub reason: Option<String>,
    /// How often it was restarted since it was seen first.
    pub restarts: i32,
}
