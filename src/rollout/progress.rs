//! Decides from a Deployment and its pods how far a rollout is. Pure.

use std::collections::BTreeSet;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

/// The pods that a rollout replaces, by uid: those that were there before its first step.
pub type Replaced = BTreeSet<String>;

/// How far a rollout is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The controller has not finished; in words for people.
    Rolling(String),
    /// The Deployment is complete; this many replaced (or terminating) pods are left.
    OldPodsLeft(usize),
    /// Complete, and none is left.
    Done,
    /// The controller gave up: `ProgressDeadlineExceeded`.
    Failed(String),
}

/// Complete as `kubectl rollout status` defines it (kubectl `polymorphichelpers/rollout_status.go`, v1.34), and
/// beyond that with no replaced and no terminating pod left: `rollout status` returns before those end.
#[must_use]
pub fn progress(deployment: &Deployment, pods: &[Pod], replaced: &Replaced) -> Progress {
    let spec_replicas = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let status = deployment.status.clone().unwrap_or_default();
    let generation = deployment.metadata.generation.unwrap_or_default();
    if status.observed_generation.unwrap_or_default() < generation {
        return Progress::Rolling("the controller has not seen the change yet".to_owned());
    }
    let conditions = status.conditions.unwrap_or_default();
    let deadline = conditions
        .iter()
        .find(|one| one.type_ == "Progressing" && one.reason.as_deref() == Some("ProgressDeadlineExceeded"));
    if let Some(condition) = deadline {
        return Progress::Failed(condition.message.clone().unwrap_or_else(|| "ProgressDeadlineExceeded".to_owned()));
    }
    let updated = status.updated_replicas.unwrap_or_default();
    let total = status.replicas.unwrap_or_default();
    let available = status.available_replicas.unwrap_or_default();
    if updated < spec_replicas {
        return Progress::Rolling(format!("{updated} of {spec_replicas} replicas updated"));
    }
    if total > updated {
        return Progress::Rolling(format!("{} old replicas left", total - updated));
    }
    if available < updated {
        return Progress::Rolling(format!("{available} of {updated} updated replicas available"));
    }
    let left = pods
        .iter()
        .filter(|pod| pod.metadata.deletion_timestamp.is_some() || pod.uid().is_some_and(|uid| replaced.contains(&uid)))
        .count();
    if left > 0 { Progress::OldPodsLeft(left) } else { Progress::Done }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::serde_json::{from_value, json};

    use super::*;

    fn deployment(generation: i64, observed: i64, updated: i32, total: i32, available: i32) -> Deployment {
        from_value(json!({
            "metadata": {"name": "web", "generation": generation},
            "spec": {"replicas": 2, "selector": {}, "template": {}},
            "status": {"observedGeneration": observed, "updatedReplicas": updated, "replicas": total,
                "availableReplicas": available}
        }))
        .unwrap()
    }

    fn pod(uid: &str, deleted: bool) -> Pod {
        let mut pod = json!({"metadata": {"name": uid, "uid": uid}});
        if deleted {
            pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:30Z");
        }
        from_value(pod).unwrap()
    }

    #[test]
    fn each_condition_of_completeness_is_asked_for() {
        let none = Replaced::new();
        let rolling = |deployment: &Deployment| matches!(progress(deployment, &[], &none), Progress::Rolling(_));
        assert!(rolling(&deployment(2, 1, 2, 2, 2)), "not observed");
        assert!(rolling(&deployment(2, 2, 1, 2, 2)), "not updated");
        assert!(rolling(&deployment(2, 2, 2, 3, 2)), "old replicas left");
        assert!(rolling(&deployment(2, 2, 2, 2, 1)), "not available");
        assert_eq!(progress(&deployment(2, 2, 2, 2, 2), &[], &none), Progress::Done);
    }

    #[test]
    fn a_terminating_or_replaced_pod_is_still_part_of_the_rollout() {
        let complete = deployment(2, 2, 2, 2, 2);
        let replaced: Replaced = ["old".to_owned()].into();
        assert_eq!(progress(&complete, &[pod("other", true)], &replaced), Progress::OldPodsLeft(1));
        assert_eq!(progress(&complete, &[pod("old", false)], &replaced), Progress::OldPodsLeft(1));
        assert_eq!(progress(&complete, &[pod("new", false)], &replaced), Progress::Done);
    }

    #[test]
    fn an_exceeded_deadline_fails_with_the_controllers_words() {
        let mut stalled = deployment(2, 2, 1, 3, 2);
        let status = stalled.status.as_mut().unwrap();
        status.conditions = from_value(json!([{"type": "Progressing", "status": "False",
            "reason": "ProgressDeadlineExceeded", "message": "has timed out progressing."}]))
        .unwrap();
        assert_eq!(
            progress(&stalled, &[], &Replaced::new()),
            Progress::Failed("has timed out progressing.".to_owned())
        );
    }
}
