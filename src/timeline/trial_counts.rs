//! Sums over a trial's attempts, by arm, kind of request and outcome.

use std::collections::BTreeSet;

use super::counts::Counts;
use super::trial::Trial;
use super::window::Phase;
use crate::record::{Arm, Outcome, Sum};

impl Trial {
    /// The kinds of request that these arms carried from the first mark on, answered or lost.
    #[must_use]
    pub fn carried_kinds(&self, arms: &[Arm]) -> BTreeSet<u16> {
        let answered = self.latency_us.keys().filter(|(phase, arm, _)| *phase != Phase::Before && arms.contains(arm));
        let lost = self.lost.iter().filter(|attempt| arms.contains(&attempt.arm)).map(|attempt| attempt.request);
        answered.map(|(.., kind)| *kind).chain(lost).collect()
    }

    /// What the attempts of some arms and kinds of request came to, from the first mark on.
    #[must_use]
    pub fn counts_of(&self, are_meant: impl Fn(Arm, u16) -> bool) -> Counts {
        let mut counts = Counts::default();
        for ((phase, arm, request), latencies) in &self.latency_us {
            if *phase != Phase::Before && are_meant(*arm, *request) {
                counts.add(Sum::Ok, Outcome::Ok, latencies.len());
            }
        }
        for (failure, count) in self.failures.iter().filter(|(failure, _)| are_meant(failure.arm, failure.request)) {
            counts.add(failure.sum, failure.outcome, *count);
        }
        counts
    }

    /// How many attempts of the trial, whatever arm and phase, ended so.
    #[must_use]
    pub fn all_with(&self, outcome: Outcome) -> u64 {
        self.lead_in.values().chain(self.judged.values()).map(|counts| counts.outcome(outcome)).sum()
    }
}
