//! Connections to node ports that lead to the pods of their own node only (`externalTrafficPolicy: Local`): what the rules say of a
//! Service holds of each node. kube-proxy drops what comes to a node without an endpoint, so that the connect times out.

use std::collections::BTreeMap;

use super::cause::Cause;
use super::connect;
use super::finding::{Finding, Proof};
use super::scene::{Certainty, Scene};
use crate::record::entry::Attempt;
use crate::record::header::Header;
use crate::spec::VariantSpec;
use crate::timeline::Trial;

/// The scene of one node, of which the trial has only what can be seen at its port.
pub(super) fn scene_of<'a>(node: &'a str, at_node: &'a Trial, variant: &'a VariantSpec, header: &Header) -> Scene<'a> {
    let mut scene = Scene::new(at_node, variant, header, BTreeMap::new());
    scene.node = Some(node);
    scene
}

pub(super) fn explain<'a>(attempt: &'a Attempt, scene: &Scene<'a>) -> Finding<'a> {
    if let Some(finding) = connect::stale_conntrack(attempt, scene) {
        return finding;
    }
    let node = scene.trial.node_of(attempt);
    match scene.nodes.iter().find(|one| one.node.is_some() && one.node == node) {
        Some(node) => at(attempt, scene, node),
        None => somewhere(attempt, scene),
    }
}

fn at<'a>(attempt: &'a Attempt, scene: &Scene<'a>, node: &Scene<'a>) -> Finding<'a> {
    let finding = connect::explain(attempt, node);
    if finding.cause != Cause::NoEndpoint {
        return Finding { node: node.node, ..finding };
    }
    let everywhere = connect::explain(attempt, scene);
    if everywhere.cause == Cause::NoEndpoint {
        return everywhere;
    }
    let at_ns = attempt.started_ns.unwrap_or(attempt.planned_ns);
    let there: Vec<&str> = scene.serving(at_ns, Certainty::Sure).map(|pod| pod.name.as_str()).collect();
    let policy =
        Proof::Fact("externalTrafficPolicy is Local: a node port leads to the pods of its own node only".into());
    let others = (!there.is_empty()).then(|| {
        let words = format!("on other nodes, {} could serve", there.join(", "));
        Proof::Fact(words.into())
    });
    let node = node.node;
    Finding { node, ..Finding::without_pod(Cause::NoLocalEndpoint, vec![policy]).and(finding.proofs).and(others) }
}

/// The client did not tell which node it went to: a cause must hold at one node, and none other at another.
fn somewhere<'a>(attempt: &'a Attempt, scene: &Scene<'a>) -> Finding<'a> {
    let at_each: Vec<Finding<'a>> = scene.nodes.iter().map(|node| at(attempt, scene, node)).collect();
    let mut decided = at_each.iter().filter(|finding| finding.torn || finding.cause != Cause::Unknown);
    let Some(first) = decided.next() else {
        return at_each.into_iter().next().unwrap_or_else(|| connect::explain(attempt, scene));
    };
    let mut alone = true;
    for other in decided {
        alone = false;
        if first.torn || other.cause != first.cause {
            return Finding::torn(
                "which node the connection went to is not known, and what may have stopped it differs from node to node",
            );
        }
    }
    let same = first.clone();
    if alone { same } else { Finding { pod: None, node: None, ..same } }
}
