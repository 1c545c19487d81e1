//! When each attempt is planned, and which kind and arm it is. Pure: stamps and seed come in as arguments.

use crate::clock::Stamp;
use crate::record::Arm;
use crate::rng::Rng;

use super::plan::LoadPlan;

/// Weights are rounded to this many parts of the whole.
const PARTS: f64 = 1_000_000.0;

/// At most this many steps are skipped at the start, so that the seed also decides where in its period a load begins.
const MAX_PHASE: usize = 4_096;

/// The plan of successive attempts.
#[derive(Debug, Clone)]
pub(super) struct LoadSchedule {
    start: Stamp,
    rate: f64,
    next_id: u64,
    sequence: AttemptSequence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PlannedAttempt {
    /// From 0.
    pub(super) id: u64,
    pub(super) at: Stamp,
    pub(super) request: u16,
    pub(super) arm: Arm,
}

impl LoadSchedule {
    /// The schedule of a plan that passed its check, from `start` on.
    pub(super) fn new(plan: &LoadPlan, start: Stamp) -> Self {
        Self { start, rate: plan.spec.rate, next_id: 0, sequence: AttemptSequence::new(plan) }
    }

    /// When the next attempt is planned. Counted from the start and not from the last one, so that rounding does not
    /// add up.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "attempts stay far below 2^53 and the product is not negative"
    )]
    pub(super) fn next_at(&self) -> Stamp {
        self.start.saturating_add((self.next_id as f64 / self.rate * 1e9).round() as u64)
    }

    pub(super) fn take(&mut self) -> PlannedAttempt {
        let at = self.next_at();
        let (request, arm) = self.sequence.next();
        let id = self.next_id;
        self.next_id += 1;
        PlannedAttempt { id, at, request, arm }
    }
}

/// Smooth weighted round robin: each step every entry gains its weight, the largest is taken and pays the sum. Over a
/// period each entry is taken exactly in proportion to its weight, and never bunched.
#[derive(Debug, Clone)]
struct AttemptSequence {
    entries: Vec<WeightedEntry>,
    total: i64,
}

#[derive(Debug, Clone)]
struct WeightedEntry {
    request: u16,
    arm: Arm,
    weight: i64,
    credit: i64,
}

impl AttemptSequence {
    fn new(plan: &LoadPlan) -> Self {
        let mut rng = Rng::stream(plan.seed, "load-sequence");
        let mut entries = weights(plan);
        // Ties go to the earlier entry, so the order of entries is part of what the seed decides.
        rng.shuffle(&mut entries);
        let divisor = entries.iter().fold(0, |divisor, entry| gcd(divisor, entry.weight)).max(1);
        for entry in &mut entries {
            entry.weight /= divisor;
        }
        let total: i64 = entries.iter().map(|entry| entry.weight).sum();
        let mut sequence = Self { entries, total };
        let period = usize::try_from(total).unwrap_or(MAX_PHASE).min(MAX_PHASE);
        for _ in 0..rng.below(period) {
            sequence.next();
        }
        sequence
    }

    fn next(&mut self) -> (u16, Arm) {
        let mut best = 0;
        for i in 0..self.entries.len() {
            self.entries[i].credit += self.entries[i].weight;
            if self.entries[i].credit > self.entries[best].credit {
                best = i;
            }
        }
        let taken = &mut self.entries[best];
        taken.credit -= self.total;
        (taken.request, taken.arm)
    }
}

/// Every kind and arm with a positive weight, as whole parts.
#[expect(clippy::cast_possible_truncation, reason = "a part is between 0 and 1")]
fn weights(plan: &LoadPlan) -> Vec<WeightedEntry> {
    let entry = |(request, arm, part): (u16, Arm, f64)| {
        let weight = ((part * PARTS).round() as i64).max(1);
        WeightedEntry { request, arm, weight, credit: 0 }
    };
    plan.parts().map(entry).collect()
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::spec::{LoadSpec, RequestSpec};

    fn kind(share: f64, arms: &[(Arm, f64)]) -> RequestSpec {
        RequestSpec { share, ..RequestSpec::get(http::uri::PathAndQuery::from_static("/"), arms.to_vec()) }
    }

    fn plan(rate: f64, seed: u64, requests: Vec<RequestSpec>) -> LoadPlan {
        LoadPlan { seed, ..LoadPlan::new(LoadSpec::new(rate, Duration::from_secs(1), requests), 4) }
    }

    fn mixed(seed: u64) -> LoadPlan {
        let requests =
            vec![kind(0.9, &[(Arm::New, 1.0), (Arm::Reused, 1.0), (Arm::Blind, 1.0)]), kind(0.1, &[(Arm::New, 1.0)])];
        plan(100.0, seed, requests)
    }

    #[test]
    fn counts_match_the_shares_exactly_over_a_period_whatever_the_seed() {
        for seed in 0..20 {
            let mut schedule = LoadSchedule::new(&mixed(seed), 0);
            let mut counts = BTreeMap::new();
            for _ in 0..1_000 {
                let planned = schedule.take();
                *counts.entry((planned.request, planned.arm)).or_insert(0) += 1;
            }
            let expected =
                [((0, Arm::New), 300), ((0, Arm::Reused), 300), ((0, Arm::Blind), 300), ((1, Arm::New), 100)];
            assert_eq!(counts, BTreeMap::from(expected), "seed {seed}");
        }
    }

    #[test]
    fn no_arm_is_bunched() {
        let mut schedule =
            LoadSchedule::new(&plan(10.0, 3, vec![kind(1.0, &[(Arm::New, 1.0), (Arm::Reused, 1.0)])]), 0);
        let arms: Vec<Arm> = (0..100).map(|_| schedule.take().arm).collect();
        assert!(arms.windows(2).all(|pair| pair[0] != pair[1]), "two equal arms must alternate");
    }

    #[test]
    fn a_seed_repeats_the_order_and_another_one_changes_it() {
        let order = |seed| {
            let mut schedule = LoadSchedule::new(&mixed(seed), 0);
            (0..50).map(|_| schedule.take()).collect::<Vec<_>>()
        };
        assert_eq!(order(5), order(5));
        assert!((0..20).any(|seed| order(seed) != order(5)));
    }

    #[test]
    fn planned_times_do_not_drift() {
        let mut schedule = LoadSchedule::new(&plan(3.0, 1, vec![kind(1.0, &[(Arm::New, 1.0)])]), 1_000);
        let mut last = 0;
        for _ in 0..=3_000_000 {
            last = schedule.take().at;
        }
        assert_eq!(last, 1_000 + 1_000_000_000 * 1_000_000, "attempt 3,000,000 at 3 a second");
    }

    #[test]
    fn plans_that_send_nothing_or_make_no_sense_are_refused() {
        assert!(mixed(1).check().is_ok());
        let nothing = plan(10.0, 1, vec![kind(1.0, &[(Arm::New, 0.0)])]);
        assert!(nothing.check().unwrap_err().to_string().contains("nothing to send"));
        assert!(plan(0.0, 1, mixed(1).spec.requests).check().unwrap_err().to_string().contains("the rate is 0"));
        assert!(plan(f64::NAN, 1, mixed(1).spec.requests).check().is_err());
        let negative = plan(10.0, 1, vec![kind(1.0, &[(Arm::New, -1.0)])]);
        assert!(negative.check().unwrap_err().to_string().contains("weight -1"));
        let without = LoadPlan { connections: 0, ..mixed(1) };
        assert!(without.check().unwrap_err().to_string().contains("`connections` is 0"));
    }
}
