//! Edges: moments in a pod's life, with what is known of when they were and how it is known.

use crate::clock::Stamp;

/// A watch's receipt comes up to a tenth of a second after the change, on a busy machine somewhat later.
const RECEIPT_LATE_NS: u64 = 200_000_000;

/// How an edge is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// It was seen, by a watch or by the side probe.
    Observed,
    /// It follows from other edges by this rule.
    Derived(&'static str),
    /// It was seen after a watch had been blind: only bounds are known.
    Bounded,
}

/// A moment that lies between two stamps, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// Not before.
    pub low_ns: Stamp,
    /// Not after. Of an observed edge, when it was seen.
    pub high_ns: Stamp,
    /// How it is known.
    pub basis: Basis,
}

impl Edge {
    #[must_use]
    pub(super) const fn received(at_ns: Stamp) -> Self {
        Self { low_ns: at_ns.saturating_sub(RECEIPT_LATE_NS), high_ns: at_ns, basis: Basis::Observed }
    }

    #[must_use]
    pub(super) const fn between(low_ns: Stamp, high_ns: Stamp) -> Self {
        Self { low_ns, high_ns, basis: Basis::Observed }
    }

    /// By a rule, between two stamps; a reversed pair becomes the later stamp alone.
    #[must_use]
    pub(super) fn derived(low_ns: Stamp, high_ns: Stamp, rule: &'static str) -> Self {
        Self { low_ns, high_ns: high_ns.max(low_ns), basis: Basis::Derived(rule) }
    }

    /// Certainly before a moment.
    #[must_use]
    pub const fn surely_before(&self, at_ns: Stamp) -> bool {
        self.high_ns < at_ns
    }

    /// How it is known, in words.
    #[must_use]
    pub fn basis_words(&self) -> String {
        match self.basis {
            Basis::Observed => "observed".to_owned(),
            Basis::Derived(rule) => format!("derived by {rule}"),
            Basis::Bounded => "bounded by a gap in the watch".to_owned(),
        }
    }
}
