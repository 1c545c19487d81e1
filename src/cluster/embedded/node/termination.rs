//! The arithmetic of stopping a container (`pkg/kubelet/kuberuntime/kuberuntime_container.go`, `killContainer` and
//! `executePreStopHook`, and `pkg/kubelet/pod_workers.go`, `calculateEffectiveGracePeriod`, v1.34).

use std::time::Duration;

/// What is always left for the stop signal, however much of the grace the hook used (`minimumGracePeriodInSeconds`).
const MINIMUM_GRACE_S: i64 = 2;

/// The grace of a pod that is deleted: what the API server wrote at the deletion, else the pod's own; never below one
/// second.
pub(super) fn effective_grace_s(deletion_grace_s: Option<i64>, spec_grace_s: i64) -> i64 {
    deletion_grace_s.filter(|grace| *grace > 0).unwrap_or(spec_grace_s).max(1)
}

/// How long the preStop hook is waited for. It is not stopped then: it ends with its container.
pub(super) fn hook_limit(grace_s: i64) -> Duration {
    Duration::from_secs(grace_s.try_into().unwrap_or(0))
}

/// From the stop signal to SIGKILL: the grace without the whole seconds that the hook took.
pub(super) fn after_hook(grace_s: i64, hook_took: Duration) -> Duration {
    let took = i64::try_from(hook_took.as_secs()).unwrap_or(i64::MAX);
    let left = grace_s.saturating_sub(took).max(MINIMUM_GRACE_S);
    Duration::from_secs(left.try_into().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hooks_whole_seconds_count_against_the_grace() {
        for (grace, took_ms, left) in [(30, 0, 30), (30, 999, 30), (30, 1_000, 29), (40, 33_500, 7)] {
            assert_eq!(after_hook(grace, Duration::from_millis(took_ms)).as_secs(), left, "{grace} {took_ms}");
        }
    }

    #[test]
    fn two_seconds_are_always_left() {
        for (grace, took_s) in [(30, 30), (30, 29), (10, 100), (1, 0), (0, 0)] {
            assert_eq!(after_hook(grace, Duration::from_secs(took_s)).as_secs(), 2, "{grace} {took_s}");
        }
    }

    #[test]
    fn the_deletions_grace_wins_and_zero_is_the_pods_own() {
        assert_eq!(effective_grace_s(Some(5), 30), 5);
        assert_eq!(effective_grace_s(None, 30), 30);
        assert_eq!(effective_grace_s(Some(0), 30), 30);
        assert_eq!(effective_grace_s(None, 0), 1);
    }
}
