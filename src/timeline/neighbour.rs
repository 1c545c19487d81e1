//! Endpoints of the load's Service that are no pods of the rolled workload, for example another workload's canary.

use std::collections::BTreeSet;

use super::edge::Edge;
use crate::clock::Stamp;

/// An answer so soon before or after a moment tells that a pod served at it.
const NEAR_NS: u64 = 1_000_000_000;

/// A pod of another workload behind the same Service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Neighbour {
    /// Its name.
    pub name: String,
    /// Its node.
    pub node: Option<String>,
    /// When its endpoint was ready: from when, and until when if that was seen.
    pub ready: Vec<(Stamp, Option<Stamp>)>,
    /// The slices of 100 ms in which it answered as expected.
    pub answered: BTreeSet<Stamp>,
    /// The slices in which a new connection was answered by a pod that did not name itself; empty if this one names itself.
    pub unnamed: BTreeSet<Stamp>,
}

impl Neighbour {
    /// Whether its endpoint was ready.
    #[must_use]
    pub fn is_ready(&self, at_ns: Stamp) -> bool {
        self.span(at_ns).is_some()
    }

    /// Whether its endpoint may have been ready, as late as a watch's receipt may be.
    #[must_use]
    pub fn may_be_ready(&self, at_ns: Stamp) -> bool {
        let may = |(from_ns, until_ns): &(Stamp, Option<Stamp>)| {
            Edge::received(*from_ns).low_ns <= at_ns && until_ns.is_none_or(|until_ns| at_ns < until_ns)
        };
        self.ready.iter().any(may)
    }

    /// Whether its endpoint was ready, and it is known to have answered.
    #[must_use]
    pub fn serves(&self, at_ns: Stamp) -> bool {
        let Some((from_ns, until_ns)) = self.span(at_ns) else { return false };
        let later = self.answered.range(at_ns..until_ns).next();
        let before = self.answered.range(at_ns.saturating_sub(NEAR_NS).max(from_ns)..=at_ns).next();
        later.or(before).is_some()
    }

    /// The slices soon after a moment in which a pod that did not name itself answered a new connection, while this one's endpoint was
    /// ready.
    pub fn unnamed_after(&self, at_ns: Stamp) -> impl Iterator<Item = Stamp> {
        let until_ns = self.span(at_ns).map_or(at_ns, |(_, until_ns)| until_ns.min(at_ns.saturating_add(NEAR_NS)));
        self.unnamed.range(at_ns..until_ns).copied()
    }

    /// The moments at which its endpoint became ready, or was so no more.
    pub fn changes(&self) -> impl Iterator<Item = Stamp> {
        self.ready.iter().flat_map(|(from_ns, until_ns)| std::iter::once(*from_ns).chain(*until_ns))
    }

    fn span(&self, at_ns: Stamp) -> Option<(Stamp, Stamp)> {
        let spans = self.ready.iter().map(|(from_ns, until_ns)| (*from_ns, until_ns.unwrap_or(Stamp::MAX)));
        spans.into_iter().find(|(from_ns, until_ns)| *from_ns <= at_ns && at_ns < *until_ns)
    }
}
