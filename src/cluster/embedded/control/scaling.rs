//! Scaling a Deployment while it is being rolled out: in proportion (`pkg/controller/deployment/sync.go`, `scale`).

use super::history::{DESIRED, MAX, OwnedReplicaSet};
use super::rollout_sizes::RolloutBounds;

/// Whether `spec.replicas` changed since the `ReplicaSet`s were last scaled (`isScalingEvent`).
pub(super) fn is_event(bounds: RolloutBounds, sets: &[&OwnedReplicaSet]) -> bool {
    let mut active = sets.iter().filter(|set| set.replicas > 0);
    active.any(|set| set.annotated(DESIRED).is_some_and(|desired| desired != bounds.replicas))
}

/// The sizes that the `ReplicaSet`s should have, by position in `sets`; `new` is the position of the new one. `status`
/// is the Deployment's `status.replicas`.
pub(super) fn sizes(bounds: RolloutBounds, sets: &[&OwnedReplicaSet], new: Option<usize>, status: i64) -> Vec<i64> {
    let mut sizes: Vec<i64> = sets.iter().map(|set| set.replicas).collect();
    if let Some(only) = active_or_latest(sets, new) {
        sizes[only] = bounds.replicas;
        return sizes;
    }
    if new.is_some_and(|new| saturated(bounds, sets[new])) {
        for (at, size) in sizes.iter_mut().enumerate() {
            if Some(at) != new {
                *size = 0;
            }
        }
        return sizes;
    }
    if bounds.rolling {
        in_proportion(bounds, sets, status, &mut sizes);
    }
    sizes
}

/// The one active `ReplicaSet`; with none, the new one or else the youngest; `None` if several are active.
fn active_or_latest(sets: &[&OwnedReplicaSet], new: Option<usize>) -> Option<usize> {
    let active: Vec<usize> = (0..sets.len()).filter(|at| sets[*at].replicas > 0).collect();
    match active.as_slice() {
        [] => new.or_else(|| sets.len().checked_sub(1)),
        [only] => Some(*only),
        _ => None,
    }
}

fn saturated(bounds: RolloutBounds, new: &OwnedReplicaSet) -> bool {
    new.annotated(DESIRED) == Some(bounds.replicas)
        && new.replicas == bounds.replicas
        && new.available == bounds.replicas
}

fn in_proportion(bounds: RolloutBounds, sets: &[&OwnedReplicaSet], status: i64, sizes: &mut [i64]) {
    let total: i64 = sizes.iter().sum();
    let allowed = if bounds.replicas > 0 { bounds.most() } else { 0 };
    let to_add = allowed - total;
    let mut order: Vec<usize> = (0..sets.len()).filter(|at| sets[*at].replicas > 0).collect();
    // Growing starts with the largest, of equals the newest; shrinking with the largest, of equals the oldest.
    if to_add > 0 {
        order.reverse();
    }
    order.sort_by_key(|at| std::cmp::Reverse(sets[*at].replicas));
    let mut added = 0;
    for at in &order {
        let left = to_add - added;
        let share = if left == 0 { 0 } else { share(bounds, sets[*at], status) };
        let share = if to_add > 0 { share.min(left) } else { share.max(left) };
        sizes[*at] += share;
        added += share;
    }
    // What rounding left over goes to the first.
    if let Some(first) = order.first() {
        sizes[*first] = (sizes[*first] + to_add - added).max(0);
    }
}

/// How much one `ReplicaSet` grows or shrinks (`getReplicaSetFraction`).
fn share(bounds: RolloutBounds, set: &OwnedReplicaSet, status: i64) -> i64 {
    if bounds.replicas == 0 {
        return -set.replicas;
    }
    let before = set.annotated(MAX).filter(|max| *max > 0).unwrap_or(status).max(1);
    // Rounded to the nearest, halves up; all numbers are positive.
    (2 * set.replicas * bounds.most() + before) / (2 * before) - set.replicas
}
