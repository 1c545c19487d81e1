//! The times in which a watch of a namespace was blind.

use super::edge::{Basis, Edge};
use super::life::PodLife;
use super::pod_lapse::PodLapse;
use crate::clock::Stamp;
use crate::record::entry::{GapSource, ObservationGap};

/// What a watch shows so soon after it had been blind may have happened while it was.
const AFTER_GAP_NS: u64 = 2_000_000_000;

#[derive(Debug, Default)]
pub(super) struct Gaps(Vec<ObservationGap>);

impl Gaps {
    pub(super) fn push(&mut self, gap: ObservationGap) {
        self.0.push(gap);
    }

    pub(super) fn forget(&mut self, before: Stamp) {
        self.0.retain(|gap| gap.to_ns >= before);
    }

    fn of(&self, source: GapSource) -> impl Iterator<Item = &ObservationGap> {
        self.0.iter().filter(move |gap| gap.source == source)
    }

    /// Whether what a watch showed at `seen_ns` may have happened while it was blind, after `first_ns`.
    pub(super) fn may_hide(&self, source: GapSource, first_ns: Stamp, seen_ns: Stamp) -> bool {
        self.of(source).any(|gap| gap.from_ns < seen_ns && gap.to_ns >= first_ns)
    }

    /// What a watch did not see while it was blind may have been over then.
    pub(super) fn shorten(&self, lapse: PodLapse, source: GapSource) -> PodLapse {
        let begun_ns = lapse.from.high_ns;
        let blind = self.of(source).filter(|gap| gap.to_ns >= begun_ns);
        let Some(blind_ns) = blind.map(|gap| gap.from_ns.max(begun_ns)).min() else { return lapse };
        let until = match lapse.until {
            Some(until) if until.low_ns <= blind_ns => until,
            Some(until) => Edge { low_ns: blind_ns, basis: Basis::Bounded, ..until },
            None => Edge { low_ns: blind_ns, high_ns: Stamp::MAX, basis: Basis::Bounded },
        };
        PodLapse { until: Some(until), ..lapse }
    }

    /// What was seen right after a watch had been blind may have happened at any time while it was.
    pub(super) fn widen(&self, life: &mut PodLife) {
        let widen = |edge: &mut Option<Edge>, source| {
            let Some(edge) = edge else { return };
            for gap in self.of(source) {
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
