//! Why a rollout could not be made or followed.

use super::cordon::TRIES;
use super::evict_pods::EvictError;
use super::rollout_step::StepError;
use crate::cluster::kube::api_words;

#[derive(Debug, thiserror::Error)]
pub enum RolloutError {
    #[error(transparent)]
    Step(#[from] StepError),
    #[error(transparent)]
    Evict(#[from] EvictError),
    #[error(transparent)]
    Cordon(#[from] CordonError),
    #[error("following {workload} in namespace {namespace}: the API has not answered for 30 s: {why}")]
    Api { workload: String, namespace: String, why: String },
}

#[derive(Debug, thiserror::Error)]
pub enum CordonError {
    #[error("cordoning node {node}: it is already cordoned; uncordon it, choose another node, or remove `cordon`")]
    Already { node: String },
    #[error("cordoning node {node}: {TRIES} updates in a row conflicted with another client; try again")]
    Contended { node: String },
    #[error(
        "uncordoning the nodes of run {run}: the API did not answer within {after_s} s; run `rollproof cluster clean` to uncordon them"
    )]
    Left { run: String, after_s: u64 },
    #[error("{doing}: {}", api_words(source))]
    Api { doing: String, source: Box<kube::Error> },
}
