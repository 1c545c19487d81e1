//! How long a container that ended waits for its restart: at once the first time, then 10 s, doubling up to 5 min
//! (`pkg/kubelet/kuberuntime/kuberuntime_manager.go`, `doBackOff`, and `k8s.io/client-go/util/flowcontrol/backoff.go`,
//! v1.34).

use std::time::Duration;

/// The first delay (`pkg/kubelet/kubelet.go`, `initialBackOff`... 10 s).
const INITIAL: Duration = Duration::from_secs(10);
/// The longest delay (`MaxContainerBackOff`).
const MAX: Duration = Duration::from_mins(5);

/// One container's restarts. Times are durations since any fixed moment.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Backoff {
    entry: Option<BackoffEntry>,
}

#[derive(Debug, Clone, Copy)]
struct BackoffEntry {
    delay: Duration,
    updated: Duration,
}

impl Backoff {
    /// The delay that the next restart of a container that `finished` is given, and remembers it. A delay that has not
    /// been used for twice the longest delay is forgotten.
    pub(super) fn next(&mut self, finished: Duration) -> Duration {
        let known = self.entry.filter(|entry| finished.saturating_sub(entry.updated) <= 2 * MAX);
        let wait = known.map_or(Duration::ZERO, |entry| entry.delay);
        let delay = known.map_or(INITIAL, |entry| (entry.delay * 2).min(MAX));
        // The entry is renewed when the container starts again, after the wait.
        self.entry = Some(BackoffEntry { delay, updated: finished + wait });
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_restart_is_at_once_then_ten_seconds_doubling_to_five_minutes() {
        let mut backoff = Backoff::default();
        let mut now = Duration::ZERO;
        let mut waits = Vec::new();
        for _ in 0..9 {
            now += Duration::from_secs(1);
            let wait = backoff.next(now);
            waits.push(wait.as_secs());
            now += wait;
        }
        assert_eq!(waits, [0, 10, 20, 40, 80, 160, 300, 300, 300]);
    }

    #[test]
    fn ten_good_minutes_are_a_fresh_start() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.next(Duration::from_secs(1)), Duration::ZERO);
        assert_eq!(backoff.next(Duration::from_secs(2)), Duration::from_secs(10));
        assert_eq!(backoff.next(Duration::from_secs(12 + 601)), Duration::ZERO);
    }
}
