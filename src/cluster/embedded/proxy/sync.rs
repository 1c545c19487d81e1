//! When the table follows a change. Pure.

use std::time::Duration;

use crate::clock::{Stamp, saturating_ns};
use crate::rng::Rng;

/// Decides when a sync is due.
///
/// Source: kube-proxy's runner (`pkg/proxy/runner/bounded_frequency_runner.go`, v1.34) runs a sync at once if the last
/// one ended at least `minSyncPeriod` ago, else at the end of that period; changes meanwhile join it. `base` stands for
/// what comes before and after: the watch of the slices and the writing of the rules.
#[derive(Debug)]
pub(super) struct SyncRule {
    base: Duration,
    min_sync_period: Duration,
    jitter: Rng,
    due: Option<Stamp>,
    last_end: Option<Stamp>,
}

impl SyncRule {
    pub(super) fn new(base: Duration, min_sync_period: Duration, jitter: Rng) -> Self {
        Self { base, min_sync_period, jitter, due: None, last_end: None }
    }

    /// A slice changed at `now`. The base is drawn between half and one and a half times its length.
    pub(super) fn changed(&mut self, now: Stamp) {
        if self.due.is_some() {
            return;
        }
        let base = self.base.mul_f64(0.5 + self.jitter.unit());
        let allowed = self.last_end.map_or(0, |end| end.saturating_add(saturating_ns(self.min_sync_period)));
        self.due = Some(now.saturating_add(saturating_ns(base)).max(allowed));
    }

    /// When the next sync is due; `None` while nothing has changed.
    pub(super) fn due(&self) -> Option<Stamp> {
        self.due
    }

    /// A sync ended at `now`.
    pub(super) fn synced(&mut self, now: Stamp) {
        self.due = None;
        self.last_end = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn rule() -> SyncRule {
        SyncRule::new(Duration::from_millis(100), Duration::from_secs(1), Rng::stream(1, "test"))
    }

    #[test]
    fn a_change_after_a_quiet_period_is_followed_after_the_base() {
        let mut rule = rule();
        assert_eq!(rule.due(), None);
        rule.synced(0);
        rule.changed(5_000 * MS);
        let due = rule.due().unwrap();
        assert!((5_050 * MS..5_150 * MS).contains(&due), "{due}");
    }

    #[test]
    fn a_change_soon_after_a_sync_waits_for_the_end_of_the_period() {
        let mut rule = rule();
        rule.synced(1_000 * MS);
        rule.changed(1_100 * MS);
        assert_eq!(rule.due(), Some(2_000 * MS));
        // Further changes join the sync that is due already.
        rule.changed(1_900 * MS);
        assert_eq!(rule.due(), Some(2_000 * MS));
    }

    #[test]
    fn the_lag_has_two_humps() {
        let mut lags = Vec::new();
        for quiet in [true, false] {
            let mut rule = rule();
            rule.synced(0);
            let changed = if quiet { 3_000 * MS } else { 10 * MS };
            rule.changed(changed);
            lags.push((rule.due().unwrap() - changed) / MS);
        }
        assert!(lags[0] < 150 && lags[1] > 900, "{lags:?}");
    }
}
