//! Decides from a workload and its pods how far a rollout is. Pure.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::Value;

use super::owned::finished;
use crate::manifest::WorkloadKind;

/// The pods that a rollout replaces, by uid: those that were there before its first step.
pub type ReplacedPods = BTreeSet<String>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RolloutProgress {
    /// The controller has not finished; in words for people.
    Rolling(String),
    /// The workload is complete; this many replaced (or terminating) pods are left.
    OldPodsLeft(usize),
    /// Complete, and none is left.
    Done,
    /// The workload no longer exists, in a sentence.
    Gone(String),
    /// The controller gave up: `ProgressDeadlineExceeded`.
    Failed(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RolloutCounts {
    /// Pods that there should be.
    pub(crate) wanted: i64,
    /// Pods that are ready and stay: neither replaced nor terminating.
    pub(crate) ready: usize,
    /// Pods that are to go and are not gone.
    pub(crate) old_left: usize,
}

/// How far a rollout is, in numbers. `pods` are the workload's own.
pub(super) fn rollout_counts(
    kind: WorkloadKind,
    workload: &DynamicObject,
    pods: &[Pod],
    replaced: &ReplacedPods,
) -> RolloutCounts {
    let status = WorkloadStatus { data: &workload.data };
    let wanted = match kind {
        WorkloadKind::DaemonSet => status.number("/status/desiredNumberScheduled"),
        WorkloadKind::Deployment | WorkloadKind::StatefulSet => status.replicas(),
    };
    let (leaving, staying): (Vec<&Pod>, Vec<&Pod>) = pods
        .iter()
        .filter(|pod| !finished(pod) || terminating(pod))
        .partition(|pod| terminating(pod) || old(pod, replaced));
    RolloutCounts { wanted, ready: staying.into_iter().filter(|pod| ready(pod)).count(), old_left: leaving.len() }
}

/// Complete as `kubectl rollout status` defines it for each kind (kubectl `polymorphichelpers/rollout_status.go`, v1.34),
/// and beyond that as many ready pods as there should be, none of them replaced, none too many, and no replaced and no
/// terminating pod left: `rollout status` returns before those end, and knows nothing of an eviction. `pods` are the
/// workload's own.
pub(crate) fn progress(
    kind: WorkloadKind,
    workload: &DynamicObject,
    pods: &[Pod],
    replaced: &ReplacedPods,
) -> RolloutProgress {
    if workload.metadata.deletion_timestamp.is_some() {
        return RolloutProgress::Gone(being_deleted(workload));
    }
    let status = WorkloadStatus { data: &workload.data };
    if status.number("/status/observedGeneration") < workload.metadata.generation.unwrap_or_default() {
        return RolloutProgress::Rolling("the controller has not seen the change yet".to_owned());
    }
    let reported = match kind {
        WorkloadKind::Deployment => status.deployment(),
        WorkloadKind::StatefulSet => status.stateful_set(),
        WorkloadKind::DaemonSet => status.daemon_set(),
    };
    let desired = match reported {
        Ok(desired) => desired,
        Err(progress) => return progress,
    };
    with_pods(desired, pods, replaced)
}

/// A workload in deletion may stand for as long as it has finalizers, and its pods may go at any moment.
fn being_deleted(workload: &DynamicObject) -> String {
    let finalizers = workload.metadata.finalizers.as_deref().unwrap_or_default();
    let name = workload.name_any();
    match finalizers {
        [] => format!("{name} is being deleted (it has a deletionTimestamp)"),
        waiting => format!("{name} is being deleted and waits for its finalizers {}", waiting.join(", ")),
    }
}

struct WorkloadStatus<'a> {
    data: &'a Value,
}

impl WorkloadStatus<'_> {
    /// The number at `pointer`; 0 where there is none, as the API leaves zeros out.
    fn number(&self, pointer: &str) -> i64 {
        self.data.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
    }

    fn replicas(&self) -> i64 {
        self.data.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1)
    }

    fn deployment(&self) -> Result<i64, RolloutProgress> {
        let conditions = self.data.pointer("/status/conditions").and_then(Value::as_array);
        let deadline = conditions
            .into_iter()
            .flatten()
            .find(|one| one["type"] == "Progressing" && one["reason"] == "ProgressDeadlineExceeded");
        if let Some(condition) = deadline {
            let message = condition["message"].as_str().unwrap_or("ProgressDeadlineExceeded");
            return Err(RolloutProgress::Failed(message.to_owned()));
        }
        let (wanted, total) = (self.replicas(), self.number("/status/replicas"));
        let (updated, available) = (self.number("/status/updatedReplicas"), self.number("/status/availableReplicas"));
        if updated < wanted {
            return rolling(format!("{updated} of {wanted} replicas updated"));
        }
        if total > updated {
            return rolling(format!("{} old replicas left", total - updated));
        }
        if available < updated {
            return rolling(format!("{available} of {updated} updated replicas available"));
        }
        Ok(wanted)
    }

    /// `rollout status` looks at the revisions only where no partition is set; the plan has refused one, so they must
    /// agree in any case.
    fn stateful_set(&self) -> Result<i64, RolloutProgress> {
        let (wanted, ready) = (self.replicas(), self.number("/status/readyReplicas"));
        let updated = self.number("/status/updatedReplicas");
        if ready < wanted {
            return rolling(format!("{ready} of {wanted} replicas ready"));
        }
        if updated < wanted {
            return rolling(format!("{updated} of {wanted} replicas updated"));
        }
        if self.data.pointer("/status/updateRevision") != self.data.pointer("/status/currentRevision") {
            return rolling("the new revision is not the current one yet".to_owned());
        }
        Ok(wanted)
    }

    fn daemon_set(&self) -> Result<i64, RolloutProgress> {
        let wanted = self.number("/status/desiredNumberScheduled");
        let updated = self.number("/status/updatedNumberScheduled");
        let available = self.number("/status/numberAvailable");
        if updated < wanted {
            return rolling(format!("{updated} of {wanted} nodes updated"));
        }
        if available < wanted {
            return rolling(format!("{available} of {wanted} updated pods available"));
        }
        // A new DaemonSet that nobody has counted nodes for is complete by these numbers.
        if wanted == 0 {
            return rolling("no node is scheduled to run it yet".to_owned());
        }
        Ok(wanted)
    }
}

fn rolling(words: String) -> Result<i64, RolloutProgress> {
    Err(RolloutProgress::Rolling(words))
}

fn with_pods(desired: i64, pods: &[Pod], replaced: &ReplacedPods) -> RolloutProgress {
    let old = |pod: &&Pod| old(pod, replaced);
    let terminating = |pod: &&Pod| terminating(pod);
    let live = || pods.iter().filter(|pod| !terminating(pod) && !finished(pod));
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let fresh = live().filter(|pod| !old(pod)).collect::<Vec<_>>();
    let serving = count(fresh.iter().filter(|pod| ready(pod)).count());
    if serving < desired {
        return RolloutProgress::Rolling(format!("{serving} of {desired} pods ready"));
    }
    if count(fresh.len()) > desired {
        return RolloutProgress::Rolling(format!("{} pods too many", count(fresh.len()) - desired));
    }
    let left = pods.iter().filter(|pod| terminating(pod) || (old(pod) && !finished(pod))).count();
    if left > 0 { RolloutProgress::OldPodsLeft(left) } else { RolloutProgress::Done }
}

fn terminating(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

fn old(pod: &Pod, replaced: &ReplacedPods) -> bool {
    pod.uid().is_some_and(|uid| replaced.contains(&uid))
}

fn ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    conditions.iter().any(|one| one.type_ == "Ready" && one.status == "True")
}

#[cfg(test)]
mod tests {
    use k8s_openapi::serde_json::{from_value, json};

    use super::*;

    fn workload(generation: i64, status: &Value) -> DynamicObject {
        from_value(json!({
            "apiVersion": "apps/v1", "kind": "Any",
            "metadata": {"name": "web", "generation": generation}, "spec": {"replicas": 2}, "status": status
        }))
        .unwrap()
    }

    fn deployment(generation: i64, updated: i32, total: i32, available: i32) -> DynamicObject {
        workload(
            generation,
            &json!({"observedGeneration": 2, "updatedReplicas": updated, "replicas": total,
            "availableReplicas": available}),
        )
    }

    fn stateful_set(generation: i64, ready: i32, updated: i32, current: &str) -> DynamicObject {
        workload(
            generation,
            &json!({"observedGeneration": 2, "replicas": 2, "readyReplicas": ready, "updatedReplicas": updated,
                "updateRevision": "web-b", "currentRevision": current}),
        )
    }

    fn daemon_set(generation: i64, updated: i32, available: i32) -> DynamicObject {
        workload(
            generation,
            &json!({"observedGeneration": 2, "desiredNumberScheduled": 2, "updatedNumberScheduled": updated,
                "numberAvailable": available}),
        )
    }

    fn pod(uid: &str, state: &str) -> Pod {
        let ready = if state == "ready" { "True" } else { "False" };
        let mut pod = json!({"metadata": {"name": uid, "uid": uid},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]}});
        match state {
            "deleted" => pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:30Z"),
            "finished" => pod["status"]["phase"] = json!("Succeeded"),
            _ => {}
        }
        from_value(pod).unwrap()
    }

    fn with(pods: &[(&str, &str)], replaced: &[&str]) -> RolloutProgress {
        let pods = pods.iter().map(|(uid, state)| pod(uid, state)).collect::<Vec<_>>();
        let replaced = replaced.iter().map(|uid| (*uid).to_owned()).collect();
        progress(WorkloadKind::Deployment, &deployment(2, 2, 2, 2), &pods, &replaced)
    }

    #[test]
    fn each_condition_of_completeness_is_asked_for() {
        let pods = [pod("a", "ready"), pod("b", "ready")];
        let cases = [
            (WorkloadKind::Deployment, deployment(3, 2, 2, 2), "not seen the change"),
            (WorkloadKind::Deployment, deployment(2, 1, 2, 2), "1 of 2 replicas updated"),
            (WorkloadKind::Deployment, deployment(2, 2, 3, 2), "1 old replicas left"),
            (WorkloadKind::Deployment, deployment(2, 2, 2, 1), "1 of 2 updated replicas available"),
            (WorkloadKind::StatefulSet, stateful_set(3, 2, 2, "web-b"), "not seen the change"),
            (WorkloadKind::StatefulSet, stateful_set(2, 1, 2, "web-b"), "1 of 2 replicas ready"),
            (WorkloadKind::StatefulSet, stateful_set(2, 2, 1, "web-b"), "1 of 2 replicas updated"),
            (WorkloadKind::StatefulSet, stateful_set(2, 2, 2, "web-a"), "not the current one"),
            (WorkloadKind::DaemonSet, daemon_set(3, 2, 2), "not seen the change"),
            (WorkloadKind::DaemonSet, daemon_set(2, 1, 2), "1 of 2 nodes updated"),
            (WorkloadKind::DaemonSet, daemon_set(2, 2, 1), "1 of 2 updated pods available"),
        ];
        for (kind, object, why) in cases {
            match progress(kind, &object, &pods, &ReplacedPods::new()) {
                RolloutProgress::Rolling(words) => assert!(words.contains(why), "{words}, not {why}"),
                other => panic!("{kind:?} that is not complete ({why}): {other:?}"),
            }
        }
        for (kind, object) in [
            (WorkloadKind::Deployment, deployment(2, 2, 2, 2)),
            (WorkloadKind::StatefulSet, stateful_set(2, 2, 2, "web-b")),
            (WorkloadKind::DaemonSet, daemon_set(2, 2, 2)),
        ] {
            assert_eq!(progress(kind, &object, &pods, &ReplacedPods::new()), RolloutProgress::Done, "{kind:?}");
        }
    }

    #[test]
    fn a_daemon_set_that_nobody_has_counted_nodes_for_is_not_complete() {
        let uncounted = workload(1, &json!({"observedGeneration": 1}));
        let found = progress(WorkloadKind::DaemonSet, &uncounted, &[], &ReplacedPods::new());
        assert!(matches!(found, RolloutProgress::Rolling(_)), "{found:?}");
    }

    #[test]
    fn a_workload_in_deletion_is_never_complete() {
        let mut leaving = deployment(2, 2, 2, 2);
        let pods = [pod("a", "ready"), pod("b", "ready")];
        let of = |workload: &DynamicObject| progress(WorkloadKind::Deployment, workload, &pods, &ReplacedPods::new());
        assert_eq!(of(&leaving), RolloutProgress::Done, "the good twin");
        leaving.metadata.deletion_timestamp = Some(from_value(json!("2026-01-02T03:04:05Z")).unwrap());
        leaving.metadata.finalizers = Some(vec!["shop.example.com/keep".to_owned()]);
        let RolloutProgress::Gone(why) = of(&leaving) else { panic!("{:?}", of(&leaving)) };
        assert!(why.contains("is being deleted") && why.contains("shop.example.com/keep"), "{why}");
    }

    #[test]
    fn a_terminating_or_replaced_pod_is_still_part_of_the_rollout() {
        let (a, b) = (("a", "ready"), ("b", "ready"));
        assert_eq!(with(&[a, b, ("other", "deleted")], &["old"]), RolloutProgress::OldPodsLeft(1));
        assert_eq!(with(&[a, b, ("old", "ready")], &["old"]), RolloutProgress::OldPodsLeft(1));
        assert_eq!(with(&[a, b], &["old"]), RolloutProgress::Done);
    }

    #[test]
    fn the_numbers_tell_new_from_old() {
        let of = |pods: &[(&str, &str)], replaced: &[&str]| {
            let pods = pods.iter().map(|(uid, state)| pod(uid, state)).collect::<Vec<_>>();
            let replaced = replaced.iter().map(|uid| (*uid).to_owned()).collect();
            let RolloutCounts { wanted, ready, old_left } =
                rollout_counts(WorkloadKind::Deployment, &deployment(2, 2, 2, 2), &pods, &replaced);
            (wanted, ready, old_left)
        };
        assert_eq!(of(&[("a", "ready"), ("b", "ready")], &["a", "b"]), (2, 0, 2));
        assert_eq!(of(&[("a", "deleted"), ("b", "ready"), ("c", "ready"), ("d", "starting")], &["a", "b"]), (2, 1, 2));
        assert_eq!(of(&[("c", "ready"), ("d", "ready"), ("a", "finished")], &["a", "b"]), (2, 2, 0));
    }

    #[test]
    fn a_pod_that_has_ended_by_itself_is_awaited_by_nobody() {
        let (a, b) = (("a", "ready"), ("b", "ready"));
        assert_eq!(with(&[a, b, ("old", "finished")], &["old"]), RolloutProgress::Done);
        assert_eq!(with(&[a, b, ("other", "finished")], &[]), RolloutProgress::Done);
    }

    #[test]
    fn the_numbers_of_the_status_are_checked_against_the_pods() {
        let rolling = |pods: &[(&str, &str)], replaced: &[&str]| match with(pods, replaced) {
            RolloutProgress::Rolling(words) => words,
            other => panic!("{other:?}"),
        };
        // An eviction changes no generation: the status may be that from before it.
        assert_eq!(rolling(&[("a", "ready"), ("b", "deleted")], &["b"]), "1 of 2 pods ready");
        assert_eq!(rolling(&[("a", "ready"), ("c", "starting")], &["b"]), "1 of 2 pods ready");
        // Fewer replicas: the pod that is too many may still be there.
        assert_eq!(rolling(&[("a", "ready"), ("b", "ready"), ("c", "ready")], &[]), "1 pods too many");
        assert_eq!(with(&[("a", "ready"), ("c", "ready")], &["b"]), RolloutProgress::Done);
    }

    #[test]
    fn an_exceeded_deadline_fails_with_the_controllers_words() {
        let mut stalled = deployment(2, 1, 3, 2);
        stalled.data["status"]["conditions"] = json!([{"type": "Progressing", "status": "False",
            "reason": "ProgressDeadlineExceeded", "message": "has timed out progressing."}]);
        assert_eq!(
            progress(WorkloadKind::Deployment, &stalled, &[], &ReplacedPods::new()),
            RolloutProgress::Failed("has timed out progressing.".to_owned())
        );
    }
}
