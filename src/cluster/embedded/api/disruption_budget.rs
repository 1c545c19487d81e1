//! Whether disruption budgets allow an eviction (`pkg/registry/core/pod/storage/eviction.go`), computed when it is
//! asked for; a real cluster keeps the count in the budget's status.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::cluster::embedded::store::{LabelSelector, meta};

/// Whether `pod` may be evicted now. All lists are those of its namespace.
pub(super) fn allowed(pod: &Value, budgets: &[Arc<Value>], pods: &[Arc<Value>], sets: &[Arc<Value>]) -> bool {
    // A pod that is going or has ended disturbs nothing.
    let harmless =
        meta::terminating(pod) || matches!(meta::text(pod, "/status/phase"), "Pending" | "Succeeded" | "Failed");
    harmless || budgets.iter().all(|budget| allows(budget, pod, pods, sets))
}

fn allows(budget: &Value, pod: &Value, pods: &[Arc<Value>], sets: &[Arc<Value>]) -> bool {
    let Some(selector) = LabelSelector::from_object(&budget["spec"]["selector"]) else { return false };
    if !selector.matches(pod) {
        return true;
    }
    let covered: Vec<&Value> = pods.iter().map(|pod| &**pod).filter(|pod| selector.matches(pod)).collect();
    let healthy = covered.iter().filter(|pod| healthy(pod)).count();
    let healthy = i64::try_from(healthy).unwrap_or(i64::MAX);
    let desired = desired(budget, expected(&covered, sets));
    // A pod that is not healthy anyway may go while the healthy ones are enough (`IfHealthyBudget`, the default).
    if self::healthy(pod) { healthy > desired } else { healthy >= desired && desired > 0 }
}

fn healthy(pod: &Value) -> bool {
    meta::condition_true(pod, "Ready") && !meta::terminating(pod)
}

/// How many pods there should be: the replicas of every controller that has one of these, and pods without one.
fn expected(covered: &[&Value], sets: &[Arc<Value>]) -> i64 {
    let mut replicas: BTreeMap<&str, i64> = BTreeMap::new();
    for pod in covered {
        let owner = meta::controller_uid(pod);
        let set = sets.iter().find(|set| meta::uid(set) == owner);
        let count = set.map_or(1, |set| meta::number(set, "/spec/replicas").unwrap_or(1));
        replicas.insert(if set.is_some() { owner } else { meta::uid(pod) }, count);
    }
    replicas.values().sum()
}

/// The least healthy pods that the budget wants. Percentages are rounded up, as the disruption controller does.
fn desired(budget: &Value, expected: i64) -> i64 {
    let resolve = |amount: &Value| match amount {
        Value::String(text) => {
            let percent = text.strip_suffix('%').and_then(|text| text.parse::<i64>().ok()).unwrap_or(100);
            percent.saturating_mul(expected).saturating_add(99) / 100
        }
        other => other.as_i64().unwrap_or(0),
    };
    let spec = &budget["spec"];
    if !spec["maxUnavailable"].is_null() {
        return (expected - resolve(&spec["maxUnavailable"])).max(0);
    }
    if spec["minAvailable"].is_null() { expected } else { resolve(&spec["minAvailable"]) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_budget_counts_healthy_pods_against_what_it_wants() {
        let pod = |n: usize, ready: bool| {
            json!({"metadata": {"uid": format!("p{n}"), "labels": {"app": "web"}, "ownerReferences": [{"uid": "s", "controller": true}]},
                "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]}})
        };
        let sets = [Arc::new(json!({"metadata": {"uid": "s"}, "spec": {"replicas": 4}}))];
        for (ready, spec, evicted_is_ready, expected) in [
            (4, json!({"minAvailable": 3}), true, true),
            (3, json!({"minAvailable": 3}), true, false),
            (3, json!({"minAvailable": 3}), false, true),
            (2, json!({"minAvailable": 3}), false, false),
            (4, json!({"maxUnavailable": 1}), true, true),
            (3, json!({"maxUnavailable": 1}), true, false),
            (4, json!({"maxUnavailable": 0}), true, false),
            (4, json!({"minAvailable": "51%"}), true, true),
            (3, json!({"minAvailable": "51%"}), true, false),
        ] {
            let mut budget = json!({ "spec": spec });
            budget["spec"]["selector"] = json!({"matchLabels": {"app": "web"}});
            let pods: Vec<_> = (0..4).map(|n| Arc::new(pod(n, n < ready))).collect();
            let chosen = pod(9, evicted_is_ready);
            let found = allowed(&chosen, &[Arc::new(budget)], &pods, &sets);
            assert_eq!(found, expected, "{ready} ready of 4, {spec}, evicting a ready one: {evicted_is_ready}");
        }
    }
}
