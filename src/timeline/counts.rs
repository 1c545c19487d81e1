//! What attempts came to: the five sums and every outcome. A damaged record may hold any number, so sums saturate.

use std::collections::BTreeMap;

use crate::record::{Outcome, Sum};

/// Attempts by sum and by outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Answered as expected.
    pub ok: u64,
    /// Those of them whose answer says that a proxy tried more than once.
    pub retried: u64,
    /// Lost.
    pub lost: u64,
    /// Lost in the keep-alive race.
    pub raced: u64,
    /// Never written.
    pub unsent: u64,
    /// The harness's own trouble.
    pub harness: u64,
    /// How they ended.
    pub outcomes: BTreeMap<Outcome, u64>,
}

impl Counts {
    /// All of them: the sum of the five.
    #[must_use]
    pub const fn attempts(&self) -> u64 {
        let answered = self.ok.saturating_add(self.lost).saturating_add(self.raced);
        answered.saturating_add(self.unsent).saturating_add(self.harness)
    }

    /// Those that ended so.
    #[must_use]
    pub fn outcome(&self, outcome: Outcome) -> u64 {
        self.outcomes.get(&outcome).copied().unwrap_or(0)
    }

    /// Adds `more` attempts that ended alike.
    pub fn add(&mut self, sum: Sum, outcome: Outcome, more: u64) {
        let counter = match sum {
            Sum::Ok => &mut self.ok,
            Sum::Lost => &mut self.lost,
            Sum::Raced => &mut self.raced,
            Sum::Unsent => &mut self.unsent,
            Sum::Harness => &mut self.harness,
        };
        *counter = counter.saturating_add(more);
        let counter = self.outcomes.entry(outcome).or_default();
        *counter = counter.saturating_add(more);
    }

    /// Adds answers as expected, of which a proxy tried `retried` more than once.
    pub fn add_ok(&mut self, more: u64, retried: u64) {
        self.add(Sum::Ok, Outcome::Ok, more);
        self.retried = self.retried.saturating_add(retried.min(more));
    }

    /// Adds other counts.
    pub fn merge(&mut self, other: &Self) {
        self.ok = self.ok.saturating_add(other.ok);
        self.retried = self.retried.saturating_add(other.retried);
        self.lost = self.lost.saturating_add(other.lost);
        self.raced = self.raced.saturating_add(other.raced);
        self.unsent = self.unsent.saturating_add(other.unsent);
        self.harness = self.harness.saturating_add(other.harness);
        for (outcome, count) in &other.outcomes {
            let counter = self.outcomes.entry(*outcome).or_default();
            *counter = counter.saturating_add(*count);
        }
    }
}
