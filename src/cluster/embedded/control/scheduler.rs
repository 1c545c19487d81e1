//! The scheduler: there is one node, so every pod goes there.

use serde_json::{Value, json};

use super::action::ControllerAction;
use super::view::{ControllerPlan, ControllerView, ended};
use crate::cluster::embedded::store::{ObjectKind, meta};

/// Binds each pod without a node to the first ready one.
pub(super) fn step(view: &ControllerView, plan: &mut ControllerPlan) {
    let Some(node) = view.nodes.iter().find(|node| usable(node)).map(|node| meta::name(node)) else { return };
    for pod in &view.pods {
        if !meta::text(pod, "/spec/nodeName").is_empty() || meta::terminating(pod) || ended(pod) {
            continue;
        }
        let now = plan.now_text();
        let mut conditions = meta::list(pod, "/status/conditions").to_vec();
        conditions.retain(|condition| condition["type"] != "PodScheduled");
        conditions.push(json!({
            "type": "PodScheduled", "status": "True", "lastTransitionTime": now,
        }));
        let patch = json!({"spec": {"nodeName": node}, "status": {"conditions": conditions}});
        plan.push(ControllerAction::merge(ObjectKind::Pod, pod, patch));
        let message = format!("Successfully assigned {}/{} to {node}", meta::namespace(pod), meta::name(pod));
        plan.push(ControllerAction::event(ObjectKind::Pod, pod, "default-scheduler", "Scheduled", &message, &now));
    }
}

fn usable(node: &Value) -> bool {
    meta::condition_true(node, "Ready") && node["spec"]["unschedulable"] != true && !meta::terminating(node)
}
