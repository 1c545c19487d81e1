//! A Deployment's status and whether it progresses (`pkg/controller/deployment/{sync,progress}.go`).

use serde_json::{Value, json};

use super::conditions::DeploymentConditions;
use super::history::OwnedReplicaSet;
use super::rollout_sizes::RolloutBounds;
use super::view::{ControllerPlan, after};
use crate::cluster::embedded::store::meta;

const PROGRESSING: &str = "Progressing";
/// The reason of `Progressing` once a rollout is complete.
pub(super) const COMPLETE: &str = "NewReplicaSetAvailable";
const TIMED_OUT: &str = "ProgressDeadlineExceeded";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReplicaCounts {
    pub(super) replicas: i64,
    pub(super) updated: i64,
    pub(super) ready: i64,
    pub(super) available: i64,
    unavailable: i64,
}

impl ReplicaCounts {
    pub(super) fn of(new: Option<&OwnedReplicaSet>, old: &[OwnedReplicaSet]) -> Self {
        let sum = |number: fn(&OwnedReplicaSet) -> i64| old.iter().chain(new).map(number).sum::<i64>();
        let available = sum(|set| set.available);
        Self {
            replicas: sum(|set| set.actual),
            updated: new.map_or(0, |set| set.actual),
            ready: sum(|set| set.ready),
            available,
            unavailable: (sum(|set| set.replicas) - available).max(0),
        }
    }

    fn shown(deployment: &Value) -> Self {
        let number = |field: &str| deployment["status"][field].as_i64().unwrap_or(0);
        Self {
            replicas: number("replicas"),
            updated: number("updatedReplicas"),
            ready: number("readyReplicas"),
            available: number("availableReplicas"),
            unavailable: number("unavailableReplicas"),
        }
    }

    /// Every replica is of the new template and available (`DeploymentComplete`).
    pub(super) fn complete(self, replicas: i64) -> bool {
        self.updated == replicas && self.replicas == replicas && self.available == replicas
    }

    /// Closer to completion than before (`DeploymentProgressing`).
    fn progressed(self, before: Self) -> bool {
        self.updated > before.updated
            || self.replicas - self.updated < before.replicas - before.updated
            || self.ready > before.ready
            || self.available > before.available
    }

    fn status(self, deployment: &Value, conditions: DeploymentConditions) -> Value {
        let mut status = json!({
            "observedGeneration": deployment["metadata"]["generation"], "conditions": conditions.into_value(),
        });
        if let Some(collisions) = deployment["status"].get("collisionCount") {
            status["collisionCount"] = collisions.clone();
        }
        // The API server leaves zeros out.
        for (field, number) in [
            ("replicas", self.replicas),
            ("updatedReplicas", self.updated),
            ("readyReplicas", self.ready),
            ("availableReplicas", self.available),
            ("unavailableReplicas", self.unavailable),
        ] {
            if number != 0 {
                status[field] = json!(number);
            }
        }
        status
    }
}

/// The status of a Deployment; `rolling_out` unless it is paused, being scaled or deleted, where progress is not
/// judged.
pub(super) fn status(
    deployment: &Value,
    bounds: RolloutBounds,
    new: Option<&OwnedReplicaSet>,
    old: &[OwnedReplicaSet],
    mut conditions: DeploymentConditions,
    rolling_out: bool,
    plan: &mut ControllerPlan,
) -> Value {
    let counts = ReplicaCounts::of(new, old);
    if counts.available >= bounds.fewest() {
        conditions.set("Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.");
    } else {
        let message = "Deployment does not have minimum availability.";
        conditions.set("Available", "False", "MinimumReplicasUnavailable", message);
    }
    if rolling_out {
        progress(deployment, bounds, new, counts, &mut conditions, plan);
    }
    counts.status(deployment, conditions)
}

fn progress(
    deployment: &Value,
    bounds: RolloutBounds,
    new: Option<&OwnedReplicaSet>,
    counts: ReplicaCounts,
    conditions: &mut DeploymentConditions,
    plan: &mut ControllerPlan,
) {
    let deadline_s = meta::number(deployment, "/spec/progressDeadlineSeconds").unwrap_or(i64::from(i32::MAX));
    if deadline_s == i64::from(i32::MAX) {
        conditions.remove(PROGRESSING);
        return;
    }
    if counts.replicas == counts.updated && conditions.reason(PROGRESSING) == COMPLETE {
        return;
    }
    let subject = new.map_or_else(
        || format!("Deployment \"{}\"", meta::name(deployment)),
        |set| format!("ReplicaSet \"{}\"", set.name()),
    );
    if counts.complete(bounds.replicas) {
        conditions.set(PROGRESSING, "True", COMPLETE, &format!("{subject} has successfully progressed."));
    } else if counts.progressed(ReplicaCounts::shown(deployment)) {
        conditions.renew(PROGRESSING, "True", "ReplicaSetUpdated", &format!("{subject} is progressing."));
    } else if let Some(condition) = conditions.get(PROGRESSING) {
        let reason = meta::text(condition, "/reason");
        if reason == COMPLETE || reason == TIMED_OUT {
            return;
        }
        let Some(deadline) = after(meta::text(condition, "/lastUpdateTime"), deadline_s) else { return };
        if deadline < plan.now {
            conditions.set(PROGRESSING, "False", TIMED_OUT, &format!("{subject} has timed out progressing."));
            return;
        }
    }
    // Nothing else may happen before the deadline; update times are whole seconds, so a second later it has passed.
    if let Some(condition) = conditions.get(PROGRESSING).filter(|condition| condition["reason"] != COMPLETE)
        && let Some(at) = after(meta::text(condition, "/lastUpdateTime"), deadline_s.saturating_add(1))
    {
        plan.look_again(at);
    }
}
