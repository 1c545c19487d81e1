//! What a load did, in numbers: while it runs and at its end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::record::{Arm, Outcome, Sum};

/// What a load did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadSummary {
    /// Each arm that carried something.
    pub arms: BTreeMap<Arm, ArmSummary>,
    /// Send lag (started minus planned) of attempts that did not wait for a connection, in microseconds.
    pub lag_us: LagSummary,
    /// The largest gap between two successive sends, in nanoseconds.
    pub gap_max_ns: u64,
}

/// One arm's attempts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArmSummary {
    /// Attempts planned.
    pub planned: u64,
    /// How they ended; the counts add up to `planned`.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// The sums they fell into; the counts add up to `planned`.
    pub sums: BTreeMap<Sum, u64>,
}

/// Send lag in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LagSummary {
    /// The median.
    pub p50: u64,
    /// The 99th percentile.
    pub p99: u64,
    /// The largest.
    pub max: u64,
}

impl LoadSummary {
    /// Attempts planned by each arm, as [`crate::record::entry::TrialEnd`] wants them.
    #[must_use]
    pub fn planned(&self) -> BTreeMap<Arm, u64> {
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
    /// Attempts planned so far.
    #[must_use]
    pub fn planned(&self) -> u64 {
        self.planned.load(Relaxed)
    }

    /// Attempts that have ended.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.ended.load(Relaxed)
    }

    /// Attempts that were lost.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }
}
