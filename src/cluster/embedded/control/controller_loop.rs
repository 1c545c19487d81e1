//! Runs the controllers whenever the store changes, and when time alone is due to change an answer.

use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::view::{ControllerPlan, ControllerView};
use super::{deployment, endpoints, replica_set, scheduler};
use crate::cluster::embedded::store::Store;

/// Rounds of steps after one change; a rollout's step needs fewer than ten.
const MAX_ROUNDS: usize = 64;
/// What failed or did not settle is tried again after this.
const RETRY: Duration = Duration::from_secs(1);
/// The longest sleep; a later moment is looked at again then.
const LONGEST_SLEEP: Duration = Duration::from_hours(1);

pub(crate) async fn run(store: Store, stop: CancellationToken) {
    let mut changed = store.changed();
    loop {
        changed.mark_unchanged();
        let nap = settle(&store);
        tokio::select! {
            () = stop.cancelled() => return,
            // The sender lives in the store, which is held here, so this never fails.
            _ = changed.changed() => {}
            () = tokio::time::sleep(nap) => {}
        }
    }
}

/// Steps until there is nothing more to do. Returns how long nothing will change by time alone.
fn settle(store: &Store) -> Duration {
    for _ in 0..MAX_ROUNDS {
        let plan = plan(&ControllerView::of(store), store.now());
        if plan.actions.is_empty() {
            return plan.look_at.map_or(LONGEST_SLEEP, |at| until(at, store.now()));
        }
        let mut done = false;
        for action in plan.actions {
            done |= action.apply(store);
        }
        if !done {
            return RETRY;
        }
    }
    RETRY
}

pub(super) fn plan(view: &ControllerView, now: Timestamp) -> ControllerPlan {
    let mut plan = ControllerPlan::at(now);
    deployment::step(view, &mut plan);
    replica_set::step(view, &mut plan);
    scheduler::step(view, &mut plan);
    endpoints::step(view, &mut plan);
    plan
}

fn until(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or_default().clamp(Duration::from_millis(1), LONGEST_SLEEP)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::embedded::store::ObjectKind;
    use crate::cluster::embedded::testing::virtual_wall;

    #[tokio::test(start_paused = true)]
    async fn steps_come_to_rest() {
        let store = Store::new(virtual_wall(), 1);
        let deployment = json!({
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}}},
        });
        store.create(ObjectKind::Deployment, deployment).unwrap();
        for _ in 0..10 {
            let plan = plan(&ControllerView::of(&store), store.now());
            if plan.actions.is_empty() {
                return;
            }
            for action in plan.actions {
                action.apply(&store);
            }
        }
        panic!("the steps do not come to rest");
    }
}
