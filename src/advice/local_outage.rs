//! What to change where a node had no pod of its own that could serve, and led to no other node's.

use std::collections::BTreeSet;

use super::measured::of_trials;
use crate::diagnose::{Cause, Diagnosis};
use crate::spec::VariantSpec;
use crate::timeline::Trial;

/// Nodes that are named.
const MOST_NODES: usize = 3;

/// The nodes that had none.
pub(super) fn nodes(variant: &VariantSpec, trials: &[&Trial], diagnosis: &Diagnosis) -> BTreeSet<String> {
    let local = of_trials(variant, trials, diagnosis).filter(|(_, incident)| incident.cause == Cause::NoLocalEndpoint);
    local.filter_map(|(_, incident)| incident.node.clone()).collect()
}

/// Why, and what helps. `safe`: the workload's strategy takes no pod away before another is ready.
pub(super) fn words(nodes: &BTreeSet<String>, kind: &str, safe: bool) -> String {
    let mut named: Vec<&str> = nodes.iter().take(MOST_NODES).map(String::as_str).collect();
    let more = format!("{} more", nodes.len().saturating_sub(MOST_NODES));
    if nodes.len() > MOST_NODES {
        named.push(&more);
    }
    let which = match nodes.len() {
        0 => "A node".to_owned(),
        1 => format!("Node {}", named[0]),
        _ => format!("Each of the nodes {}", named.join(", ")),
    };
    let first = match (kind, safe) {
        ("DaemonSet", false) => "maxSurge 1 with maxUnavailable 0 starts a node's next pod before the last one goes",
        ("DaemonSet", true) => "the DaemonSet does so where its pods tolerate the node's taints",
        (_, false) => {
            "topologySpreadConstraints over kubernetes.io/hostname (whenUnsatisfiable: DoNotSchedule, matchLabelKeys: \
             [pod-template-hash]), and maxSurge 1 with maxUnavailable 0, which take no pod away before another is ready"
        }
        (_, true) => {
            "topologySpreadConstraints over kubernetes.io/hostname (whenUnsatisfiable: DoNotSchedule, matchLabelKeys: \
             [pod-template-hash]); the strategy takes no pod away before another is ready, but not on the same node"
        }
    };
    format!(
        "{which} had no pod of its own that could serve, and under externalTrafficPolicy Local kube-proxy drops such a node's new connections. \
         Keep a ready pod on every node that is loaded: {first}. Or let only nodes with a pod be loaded: a load balancer that watches the \
         Service's healthCheckNodePort, with a preStop sleep that is longer than the load balancer needs to notice. Or set \
         externalTrafficPolicy Cluster, if the pods need not see the clients' addresses."
    )
}
