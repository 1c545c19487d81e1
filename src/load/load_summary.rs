//! What a load did, in numbers: while it runs and at its end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::record::{Arm, Outcome, Sum};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadSummary {
    /// Each arm that carried something.
    pub arms: BTreeMap<Arm, ArmSummary>,
    /// Send lag (started minus planned) of attempts that did not wait for a connection, in microseconds.
    pub lag_us: LagSummary,
    /// The largest gap between two successive sends, in nanoseconds.
    pub gap_max_ns: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArmSummary {
    pub planned: u64,
    /// How they ended; the counts add up to `planned`.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// The sums they fell into; the counts add up to `planned`.
    pub sums: BTreeMap<Sum, u64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LagSummary {
    pub p50: u64,
    pub p99: u64,
    pub max: u64,
}

impl LoadSummary {
    /// Attempts planned by each arm, as [`crate::record::entry::TrialEnd`] wants them.
    pub(crate) fn planned(&self) -> BTreeMap<Arm, u64> {
        self.arms.iter().map(|(arm, summary)| (*arm, summary.planned)).collect()
    }
}

/// Counters of a running load, for a progress line. They follow the load by up to 20 ms.
#[derive(Debug, Default)]
pub struct LoadCounters {
    pub(super) planned: AtomicU64,
    pub(super) ended: AtomicU64,
    pub(super) lost: AtomicU64,
}

impl LoadCounters {
    #[must_use]
    pub fn planned(&self) -> u64 {
        self.planned.load(Relaxed)
    }

    #[must_use]
    pub fn ended(&self) -> u64 {
        self.ended.load(Relaxed)
    }

    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }
}
