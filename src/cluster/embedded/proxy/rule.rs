//! When a change of endpoints takes effect: kube-proxy's rule, pure and in virtual time.
//!
//! A change is seen by the proxy `base` after it was made (API, watch and the kernel's own update; jittered). It asks
//! for a sync then. A sync runs at once if the last one ended at least `min_sync_period` ago, else at the end of that
//! period (`k8s.io/kubernetes/pkg/util/async`, `BoundedFrequencyRunner`). In a rolling update the readiness of the
//! replacement often takes the slot just before the old pod is deleted, so the lag has two humps, near `base` and near
//! `base + min_sync_period`.

use std::collections::VecDeque;

use crate::clock::Stamp;
use crate::rng::Rng;

/// Changes that may wait for a sync; the newest then stands for what came after.
const MAX_WAITING: usize = 1_024;

/// The rule's two times, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SyncRule {
    /// From a change until the proxy sees it; jittered by half of it to either side.
    pub(crate) base_ns: u64,
    /// From the end of one sync until the next may run.
    pub(crate) min_sync_period_ns: u64,
}

impl Default for SyncRule {
    /// 0.1 s and kube-proxy's default of 1 s.
    fn default() -> Self {
        Self { base_ns: 100_000_000, min_sync_period_ns: 1_000_000_000 }
    }
}

/// The rule at work on states of type `T`, each of which replaces the one before.
#[derive(Debug)]
pub(crate) struct SyncSchedule<T> {
    rule: SyncRule,
    rng: Rng,
    waiting: VecDeque<(Stamp, T)>,
    last_sync: Option<Stamp>,
}

impl<T> SyncSchedule<T> {
    /// Nothing has been synced or waits yet. The jitter comes from `seed`.
    pub(crate) fn new(rule: SyncRule, seed: u64) -> Self {
        Self { rule, rng: Rng::stream(seed, "proxy-lag"), waiting: VecDeque::new(), last_sync: None }
    }

    /// The state changed to `state` at `now`.
    pub(crate) fn changed(&mut self, now: Stamp, state: T) {
        let seen = now.saturating_add(self.jittered());
        // A watch keeps its order, so no change overtakes an earlier one.
        let seen = self.waiting.back().map_or(seen, |(earlier, _)| seen.max(*earlier));
        if self.waiting.len() >= MAX_WAITING {
            self.waiting.pop_back();
        }
        self.waiting.push_back((seen, state));
    }

    /// When the next sync is due; `None` while nothing waits.
    pub(crate) fn due(&self) -> Option<Stamp> {
        let (seen, _) = self.waiting.front()?;
        let free = self.last_sync.map_or(0, |ended| ended.saturating_add(self.rule.min_sync_period_ns));
        Some((*seen).max(free))
    }

    /// Syncs if a sync is due at `now`: the newest state that the proxy has seen.
    pub(crate) fn sync(&mut self, now: Stamp) -> Option<T> {
        if self.due().is_none_or(|due| due > now) {
            return None;
        }
        let mut newest = None;
        while let Some((_, state)) = self.waiting.pop_front_if(|(seen, _)| *seen <= now) {
            newest = Some(state);
        }
        self.last_sync = Some(now);
        newest
    }

    /// `base`, by a factor uniform in 0.5 to 1.5.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a positive time far below 2^53 ns"
    )]
    fn jittered(&mut self) -> u64 {
        (self.rule.base_ns as f64 * (0.5 + self.rng.unit())) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn run(rule: SyncRule, seed: u64, changes: &[u64]) -> Vec<(u64, usize)> {
        let mut syncing = SyncSchedule::new(rule, seed);
        let mut syncs = Vec::new();
        let mut due_by = |syncing: &mut SyncSchedule<usize>, until: u64| {
            while let Some(due) = syncing.due().filter(|due| *due <= until) {
                syncs.push((due / MS, syncing.sync(due).unwrap()));
            }
        };
        for (index, at) in changes.iter().enumerate() {
            due_by(&mut syncing, *at * MS - 1);
            syncing.changed(*at * MS, index);
        }
        due_by(&mut syncing, u64::MAX);
        syncs
    }

    #[test]
    fn a_lone_change_takes_effect_after_base() {
        for seed in 0..200 {
            let syncs = run(SyncRule::default(), seed, &[5_000]);
            assert!(matches!(syncs[..], [(at, 0)] if (5_050..=5_150).contains(&at)), "{syncs:?}");
        }
    }

    #[test]
    fn a_change_just_after_a_sync_waits_for_the_end_of_the_period() {
        for seed in 0..200 {
            let syncs = run(SyncRule::default(), seed, &[5_000, 5_200]);
            let [(first, 0), (second, 1)] = syncs[..] else { panic!("{syncs:?}") };
            assert_eq!(second - first, 1_000, "seed {seed}");
        }
    }

    #[test]
    fn changes_within_a_period_are_synced_together_and_the_newest_counts() {
        let syncs = run(SyncRule::default(), 1, &[5_000, 5_300, 5_400, 5_500]);
        assert_eq!(syncs.iter().map(|sync| sync.1).collect::<Vec<_>>(), [0, 3]);
    }

    #[test]
    fn the_lag_of_a_deletion_after_a_replacement_has_two_humps() {
        // A replacement gets ready at 5 s; the old pod is deleted soon after, before or after that change was synced.
        let (mut near, mut far, mut between) = (0, 0, 0);
        for seed in 0..400 {
            let syncs = run(SyncRule::default(), seed, &[5_000, 5_060]);
            let effective = syncs.iter().find(|sync| sync.1 == 1).unwrap().0 - 5_060;
            match effective {
                0..=200 => near += 1,
                900..=1_200 => far += 1,
                _ => between += 1,
            }
        }
        assert!(near > 20 && far > 200 && between == 0, "{near} near, {far} far, {between} between");
    }

    #[test]
    fn a_waiting_queue_is_bounded_and_ends_with_the_newest() {
        let changes: Vec<u64> = (0..5_000).map(|_| 1).collect();
        let mut syncing = SyncSchedule::new(SyncRule { base_ns: 1, min_sync_period_ns: 0 }, 1);
        for index in 0..changes.len() {
            syncing.changed(MS, index);
        }
        assert_eq!(syncing.sync(u64::MAX), Some(4_999));
        assert_eq!(syncing.due(), None);
    }
}
