//! Before a trial the workload must be at rest: complete, with no terminating pod. A workload that does not come to
//! rest is recreated once; a second failure ends the variant.

use std::sync::atomic::Ordering;
use std::time::Duration;

use kube::Api;
use kube::api::{DeleteParams, DynamicObject};
use tokio_util::sync::CancellationToken;

use super::in_place::bring;
use super::running_variant::TrialAction;
use super::{RunningVariant, TrialError};
use crate::cluster::kube::apply;
use crate::rollout::{ReplacedPods, RolloutEnd, RolloutError, perform, wait_complete};

/// How long a workload may take to come to rest.
const REST_WITHIN: Duration = Duration::from_mins(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SettleResult {
    /// As it was.
    AtRest,
    /// Recreated.
    Reset,
}

/// Within this time a workload at rest is seen to be so: two lists of the API.
const AT_ONCE: Duration = Duration::from_millis(750);

/// Brings `variant` to rest before trial `number`, and undoes a change that alternates, unmeasured.
pub(crate) async fn settle(
    stop: &CancellationToken,
    variant: &RunningVariant,
    number: u32,
) -> Result<SettleResult, TrialError> {
    let mut rolled_back = roll_back(stop, variant, number).await?;
    if let Some(in_place) = &variant.in_place {
        rolled_back |= bring(variant, in_place, number).await?;
    }
    // A workload that comes to rest only now has replaced pods meanwhile: after a rollout that ran into its timeout, or was
    // left when the agent was lost.
    let quick = tokio::time::timeout(AT_ONCE, at_rest(stop, variant, number)).await;
    let moved = rolled_back || quick.is_err();
    let first = match quick {
        Ok(first) => first?,
        Err(_) => at_rest(stop, variant, number).await?,
    };
    let Some(stood) = first else {
        if moved {
            routing_follows(stop, variant, number).await?;
        }
        return Ok(SettleResult::AtRest);
    };
    if variant.in_place.is_some() {
        return Err(unsettled(variant, "", stood));
    }
    recreate(variant).await?;
    variant.changed.store(false, Ordering::Relaxed);
    match at_rest(stop, variant, number).await? {
        None => {
            routing_follows(stop, variant, number).await?;
            Ok(SettleResult::Reset)
        }
        Some(stood) => Err(unsettled(variant, ", nor after it was recreated", stood)),
    }
}

fn unsettled(variant: &RunningVariant, again: &'static str, stood: String) -> TrialError {
    TrialError::Unsettled {
        workload: variant.handle.workload.reference(),
        namespace: variant.handle.workload.namespace.clone(),
        waited_s: REST_WITHIN.as_secs(),
        again,
        stood,
    }
}

/// Undoes the change of an earlier trial, if there is one that has to be undone.
async fn roll_back(stop: &CancellationToken, variant: &RunningVariant, number: u32) -> Result<bool, TrialError> {
    let TrialAction::Roll { back: Some(back), .. } = &variant.action else { return Ok(false) };
    if !variant.changed.load(Ordering::Relaxed) {
        return Ok(false);
    }
    let performed = tokio::select! {
        performed = perform(&variant.handle, back, number, variant.timeout) => performed,
        () = stop.cancelled() => return Err(TrialError::Stopped { trial: number }),
    };
    performed.map_err(RolloutError::from)?;
    variant.changed.store(false, Ordering::Relaxed);
    Ok(true)
}

/// After pods were replaced without load, routing may still lead to those that are gone: its lag is waited out, so that
/// they are not the next trial's losses.
async fn routing_follows(stop: &CancellationToken, variant: &RunningVariant, number: u32) -> Result<(), TrialError> {
    tokio::select! {
        () = tokio::time::sleep(variant.routing_lag) => Ok(()),
        () = stop.cancelled() => Err(TrialError::Stopped { trial: number }),
    }
}

/// `None` once at rest, else where it stood.
async fn at_rest(
    stop: &CancellationToken,
    variant: &RunningVariant,
    number: u32,
) -> Result<Option<String>, TrialError> {
    let nothing = ReplacedPods::new();
    let followed = tokio::select! {
        followed = wait_complete(&variant.handle, &nothing, REST_WITHIN, || {}) => followed?,
        () = stop.cancelled() => return Err(TrialError::Stopped { trial: number }),
    };
    Ok(match followed {
        RolloutEnd::Done => None,
        RolloutEnd::Failed(why) | RolloutEnd::Gone(why) => Some(why),
        RolloutEnd::TimedOut(stood) => Some(stood),
    })
}

async fn recreate(variant: &RunningVariant) -> Result<(), TrialError> {
    let workload = &variant.handle.workload;
    let failed = |doing: &str, source: kube::Error| TrialError::Api {
        doing: doing.to_owned(),
        namespace: workload.namespace.clone(),
        source: Box::new(source),
    };
    let api: Api<DynamicObject> =
        Api::namespaced_with(variant.handle.client.clone(), &workload.namespace, &workload.resource());
    match api.delete(&workload.name, &DeleteParams::background()).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        Err(source) => return Err(failed("deleting the workload to recreate it", source)),
    }
    apply(&variant.handle.client, &workload.namespace, &variant.manifests)
        .await
        .map(|_| ())
        .map_err(|source| TrialError::Apply { namespace: workload.namespace.clone(), source: Box::new(source) })
}
