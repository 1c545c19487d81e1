//! A rollout by eviction: the workload's pods leave one node, one after the other, as the disruption budgets allow.

use std::time::Duration;

use super::run_trial::{RolloutResult, rolled};
use super::{RunningVariant, TrialError};
use crate::record::entry::MarkName;
use crate::rollout::{
    CordonError, Eviction, EvictionAnswer, PodToEvict, ReplacedPods, RolloutError, cordon, evict, pods_to_evict,
};

/// How long a node's return may take at the end of a trial.
const UNCORDON_WITHIN: Duration = Duration::from_secs(10);

/// Evicts and follows until the workload is whole again. The whole takes at most the rollout's timeout.
pub(super) async fn evict_and_follow(
    variant: &RunningVariant,
    trial: u32,
    eviction: &Eviction,
) -> Result<RolloutResult, TrialError> {
    let (site, handle) = (&variant.site, &variant.handle);
    let chosen = pods_to_evict(handle, eviction).await.map_err(RolloutError::from)?;
    let begun = site.now().await?;
    if eviction.cordon {
        cordon::cordon(&handle.client, &chosen.node, &handle.run).await.map_err(RolloutError::from)?;
        site.mark(trial, MarkName::RolloutStep, begun, &format!("cordoned node {}", chosen.node)).await?;
    }
    let mut stood = String::new();
    let each = async {
        for pod in &chosen.pods {
            evict_one(variant, trial, &chosen.node, pod, &mut stood).await?;
        }
        Ok::<(), TrialError>(())
    };
    let Ok(done) = tokio::time::timeout(variant.timeout, each).await else {
        let reason = format!("the eviction was not complete after {} s: {stood}", variant.timeout.as_secs());
        return Ok(RolloutResult { reason, ..RolloutResult::default() });
    };
    done?;
    let replaced: ReplacedPods = chosen.pods.into_iter().map(|pod| pod.uid).collect();
    let spent = Duration::from_nanos(site.now().await?.saturating_sub(begun));
    rolled(variant, trial, &replaced, variant.timeout.saturating_sub(spent)).await
}

/// Asks for one pod's eviction until it is granted; each refusal is kept in `stood`, in words.
async fn evict_one(
    variant: &RunningVariant,
    trial: u32,
    node: &str,
    pod: &PodToEvict,
    stood: &mut String,
) -> Result<(), TrialError> {
    let site = &variant.site;
    let mut refusals = 0_u32;
    loop {
        let before = site.now().await?;
        let detail = match evict(&variant.handle, pod).await.map_err(RolloutError::from)? {
            EvictionAnswer::Evicted => {
                format!("evicted pod {} from node {node}, refused {refusals} times before", pod.name)
            }
            EvictionAnswer::Gone => format!("pod {} was gone from node {node} before its eviction", pod.name),
            EvictionAnswer::Refused { after, why } => {
                refusals = refusals.saturating_add(1);
                *stood = format!("the eviction of pod {} was refused {refusals} times, the last time: {why}", pod.name);
                tokio::time::sleep(after).await;
                continue;
            }
        };
        return Ok(site.mark(trial, MarkName::RolloutStep, before, &detail).await?);
    }
}

/// Uncordons what the eviction of this trial cordoned, however the trial ended.
pub(super) async fn uncordon(variant: &RunningVariant) -> Result<(), RolloutError> {
    let handle = &variant.handle;
    let given = tokio::time::timeout(UNCORDON_WITHIN, cordon::uncordon(&handle.client, &handle.run)).await;
    match given {
        Ok(given) => Ok(given.map(|_| ())?),
        Err(_) => Err(CordonError::Left { run: handle.run.clone(), after_s: UNCORDON_WITHIN.as_secs() }.into()),
    }
}
