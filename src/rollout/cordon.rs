//! Cordons and uncordons a node. A cordoned node carries the run's mark, so that it is found again also after a
//! crash.

use k8s_openapi::api::core::v1::Node;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::json;

use super::rollout_error::CordonError;
use crate::cluster::kube::CORDONED_BY;

/// How often a node is read again because somebody else wrote it in between.
pub(super) const TRIES: u32 = 5;

/// A node that a run has cordoned and not uncordoned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CordonedNode {
    /// The node.
    pub node: String,
    /// The run.
    pub run: String,
}

fn failed(doing: String) -> impl FnOnce(kube::Error) -> CordonError {
    move |source| CordonError::Api { doing, source: Box::new(source) }
}

fn unschedulable(node: &Node) -> bool {
    node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or(false)
}

/// Cordons `node` for `run`, unless it is cordoned already.
pub async fn cordon(client: &Client, node: &str, run: &str) -> Result<(), CordonError> {
    let nodes: Api<Node> = Api::all(client.clone());
    let doing = || format!("cordoning node {node}");
    for _ in 0..TRIES {
        let found = nodes.get(node).await.map_err(failed(doing()))?;
        if unschedulable(&found) {
            return Err(CordonError::Already { node: node.to_owned() });
        }
        // The version makes sure that nobody cordons it between the two requests.
        let patch = json!({"metadata": {"resourceVersion": found.resource_version(), "annotations": {CORDONED_BY: run}},
            "spec": {"unschedulable": true}});
        match nodes.patch(node, &PatchParams::default(), &Patch::Merge(patch)).await {
            Ok(_) => return Ok(()),
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(source) => return Err(failed(doing())(source)),
        }
    }
    Err(CordonError::Contended { node: node.to_owned() })
}

/// The nodes that runs have cordoned and not uncordoned, by name.
pub async fn leftovers(client: &Client) -> Result<Vec<CordonedNode>, CordonError> {
    let nodes: Api<Node> = Api::all(client.clone());
    let listed = nodes.list(&ListParams::default()).await.map_err(failed("listing the nodes".to_owned()))?;
    let marked = listed.items.into_iter().filter_map(|node| {
        let run = node.annotations().get(CORDONED_BY)?.clone();
        Some(CordonedNode { node: node.name_any(), run })
    });
    let mut marked = marked.collect::<Vec<_>>();
    marked.sort_by(|a, b| a.node.cmp(&b.node));
    Ok(marked)
}

/// Uncordons one node and removes the mark. A node that no longer exists needs nothing.
pub async fn release(client: &Client, node: &str) -> Result<(), CordonError> {
    let nodes: Api<Node> = Api::all(client.clone());
    let patch = json!({"metadata": {"annotations": {CORDONED_BY: null}}, "spec": {"unschedulable": null}});
    match nodes.patch(node, &PatchParams::default(), &Patch::Merge(patch)).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(source) => Err(failed(format!("uncordoning node {node}"))(source)),
    }
}

/// Uncordons all nodes that `run` has cordoned; returns their names.
pub async fn uncordon(client: &Client, run: &str) -> Result<Vec<String>, CordonError> {
    let mut given = Vec::new();
    for leftover in leftovers(client).await?.into_iter().filter(|leftover| leftover.run == run) {
        release(client, &leftover.node).await?;
        given.push(leftover.node);
    }
    Ok(given)
}
