//! The arithmetic of a rollout (`pkg/controller/deployment/{rolling,recreate}.go`). Numbers in, numbers out.

use serde_json::Value;

use super::history::OwnedReplicaSet;
use crate::cluster::embedded::store::meta;

/// What a Deployment's strategy allows, resolved to numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RolloutBounds {
    /// `spec.replicas`.
    pub(super) replicas: i64,
    /// Pods above `replicas`.
    pub(super) surge: i64,
    /// Pods that may be missing below `replicas`.
    pub(super) unavailable: i64,
    /// The strategy is `RollingUpdate`.
    pub(super) rolling: bool,
}

impl RolloutBounds {
    /// `maxSurge` rounds up, `maxUnavailable` down; if both come to nothing one pod may be missing, because the
    /// rollout could not begin (`ResolveFenceposts`).
    pub(super) fn of(deployment: &Value) -> Self {
        let spec = &deployment["spec"];
        let replicas = meta::number(spec, "/replicas").unwrap_or(1);
        let rolling = spec["strategy"]["type"] != "Recreate";
        if !rolling {
            return Self { replicas, surge: 0, unavailable: 0, rolling };
        }
        let limits = &spec["strategy"]["rollingUpdate"];
        let surge = resolve(&limits["maxSurge"], replicas, true);
        let unavailable = resolve(&limits["maxUnavailable"], replicas, false);
        let unavailable = if surge == 0 && unavailable == 0 { 1 } else { unavailable };
        Self { replicas, surge, unavailable: unavailable.min(replicas), rolling }
    }

    /// The most pods at a time.
    pub(super) fn most(self) -> i64 {
        self.replicas + self.surge
    }

    /// The fewest available pods at a time.
    pub(super) fn fewest(self) -> i64 {
        self.replicas - self.unavailable
    }
}

fn resolve(amount: &Value, replicas: i64, up: bool) -> i64 {
    let percent = |text: &str| -> Option<i64> {
        let part = text.strip_suffix('%')?.parse::<i64>().ok()?.checked_mul(replicas)?;
        Some(if up { part.saturating_add(99) / 100 } else { part / 100 })
    };
    match amount {
        Value::String(text) => percent(text).unwrap_or(0),
        other => other.as_i64().unwrap_or(0),
    }
}

/// The size that the new `ReplicaSet` should have now (`NewRSNewReplicas`), given its size and that of all together.
pub(super) fn new_size(bounds: RolloutBounds, current: i64, total: i64) -> i64 {
    if current >= bounds.replicas || !bounds.rolling {
        return bounds.replicas;
    }
    let room = (bounds.most() - total).max(0);
    current + room.min(bounds.replicas - current)
}

/// Scales old `ReplicaSet`s down as far as availability allows; unhealthy replicas first. Returns the new sizes by
/// position in `old`, which is sorted oldest first.
pub(super) fn old_sizes(bounds: RolloutBounds, new: &OwnedReplicaSet, old: &[OwnedReplicaSet]) -> Vec<i64> {
    let mut sizes: Vec<i64> = old.iter().map(|set| set.replicas).collect();
    let total: i64 = sizes.iter().sum::<i64>() + new.replicas;
    let new_unavailable = new.replicas - new.available;
    // Even if every new pod fails, this many old ones can go.
    let most = total - bounds.fewest() - new_unavailable;
    if most <= 0 {
        return sizes;
    }
    let mut removed = 0;
    for (set, size) in old.iter().zip(&mut sizes) {
        let unhealthy = (*size - set.available).max(0);
        let fewer = unhealthy.min(most - removed).max(0);
        *size -= fewer;
        removed += fewer;
    }
    let available: i64 = old.iter().map(|set| set.available).sum::<i64>() + new.available;
    let mut surplus = (available - bounds.fewest()).max(0);
    for size in &mut sizes {
        let fewer = surplus.min(*size);
        *size -= fewer;
        surplus -= fewer;
    }
    sizes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn surge_rounds_up_and_unavailable_down_and_never_are_both_nothing() {
        for (replicas, surge, unavailable, expected) in [
            (4, json!("25%"), json!("25%"), (1, 1)),
            (3, json!("25%"), json!("25%"), (1, 0)),
            (1, json!("25%"), json!("25%"), (1, 0)),
            (10, json!("25%"), json!("25%"), (3, 2)),
            (3, json!(0), json!("10%"), (0, 1)),
            (2, json!(1), json!(0), (1, 0)),
            (2, json!("100%"), json!("100%"), (2, 2)),
            (2, json!(0), json!(5), (0, 2)),
            (0, json!("25%"), json!("25%"), (0, 0)),
        ] {
            let deployment = json!({"spec": {"replicas": replicas, "strategy": {"type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}}});
            let bounds = RolloutBounds::of(&deployment);
            assert_eq!((bounds.surge, bounds.unavailable), expected, "{replicas} {surge} {unavailable}");
        }
    }

    #[test]
    fn the_new_set_takes_the_room_that_is_left() {
        let bounds = RolloutBounds { replicas: 4, surge: 1, unavailable: 1, rolling: true };
        for (current, total, expected) in [(0, 4, 1), (0, 5, 0), (2, 4, 3), (2, 3, 4), (3, 9, 3), (6, 6, 4)] {
            assert_eq!(new_size(bounds, current, total), expected, "{current} of {total}");
        }
        assert_eq!(new_size(RolloutBounds { rolling: false, ..bounds }, 0, 4), 4);
    }
}
