//! Runs one trial: lead-in, rollout, drain, tail.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kube::ResourceExt;
use kube::api::DynamicObject;
use tokio_util::sync::CancellationToken;

use super::astray::astray;
use super::eviction::{evict_and_follow, uncordon};
use super::in_place::{meddling, no_longer, standing as standing_now};
use super::running_variant::{TrialAction, TrialStep};
use super::site::{SiteError, SiteLoad};
use super::{RunningVariant, TrialError};
use crate::record::entry::{MarkName, TrialEnd, TrialStart};
use crate::record::{Arm, Entry};
use crate::rollout::{
    ReplacedPods, RolloutEnd, RolloutError, RolloutStep, StepOutcome, finished, follow, own_pods, perform,
};

/// Load beyond the longest routing lag, where that is longer than the usual tail.
const BEYOND_LAG: Duration = Duration::from_millis(100);

/// How the middle of a trial went.
#[derive(Default)]
pub(super) struct RolloutResult {
    pub(super) complete: bool,
    pub(super) reason: String,
    /// What makes the trial invalid; empty without any.
    pub(super) trouble: String,
    /// A workload that was there before the run, as the trial's own step left it.
    pub(super) standing: Option<DynamicObject>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct TrialSetup {
    pub(crate) trial: u32,
    pub(crate) block: u32,
    /// The workload was recreated before it.
    pub(crate) reset: bool,
    /// How often the load is shown.
    pub(crate) every: Duration,
}

/// Runs one trial of `variant`, which must have settled. Everything that it starts has stopped when it returns, also when
/// it returns an error, unless that is the site's own: then nobody can be asked to stop. What was recorded until then
/// stays. `live` is shown the load now and then.
pub(crate) async fn run(
    stop: &CancellationToken,
    variant: &RunningVariant,
    run: TrialSetup,
    live: &(dyn Fn(&SiteLoad) + Sync),
) -> Result<(), TrialError> {
    let (site, trial) = (&variant.site, run.trial);
    variant.set_step(TrialStep::LeadIn);
    let start = TrialStart {
        at_ns: site.now().await?,
        trial,
        block: run.block,
        variant: variant.name.clone(),
        namespace: variant.handle.workload.namespace.clone(),
        node_ports: site.node_ports().cloned(),
    };
    site.record(Entry::TrialStart(start)).await?;
    let (mut outcome, planned) = under_load(stop, variant, run, live).await;
    if matches!(&variant.action, TrialAction::Evict(eviction) if eviction.cordon) {
        let given = uncordon(variant).await;
        outcome = outcome.and_then(|middle| given.map(|()| middle).map_err(TrialError::from));
    }
    if let Err(error @ TrialError::Site(SiteError::Agent(_))) = outcome {
        return Err(error);
    }
    site.stop_probes().await?;
    let mut trouble = match &outcome {
        Ok(middle) if middle.complete => astray(variant).await?,
        Ok(middle) => middle.trouble.clone(),
        Err(_) => String::new(),
    };
    if let Ok(RolloutResult { standing: Some(standing), .. }) = &outcome
        && trouble.is_empty()
    {
        trouble = meddling(variant, standing).await;
    }
    let (complete, reason) = match &outcome {
        Ok(middle) => (middle.complete, middle.reason.clone()),
        Err(error) => (false, error.to_string()),
    };
    let at_ns = site.now().await?;
    let end = TrialEnd { at_ns, trial, complete, reason, reset: run.reset, planned, trouble };
    site.record(Entry::TrialEnd(end)).await?;
    outcome.map(|_| ())
}

/// The trial between its first line and its last: how it went, and what the load planned.
async fn under_load(
    stop: &CancellationToken,
    variant: &RunningVariant,
    run: TrialSetup,
    live: &(dyn Fn(&SiteLoad) + Sync),
) -> (Result<RolloutResult, TrialError>, BTreeMap<Arm, u64>) {
    let begun = async {
        let replaced = present_pods(variant).await?;
        variant.site.probe_present_pods().await?;
        let before = variant.site.now().await?;
        let mut plan = variant.load.clone();
        plan.trial = run.trial;
        plan.seed = plan.seed.wrapping_add(u64::from(run.trial));
        let load = variant.site.start_load(plan).await?;
        variant.site.mark(run.trial, MarkName::LoadStarted, before, "").await?;
        Ok((replaced, load))
    };
    let (replaced, load) = match begun.await {
        Ok(begun) => begun,
        Err(error) => return (Err(error), BTreeMap::new()),
    };
    let watching = async {
        loop {
            live(&load);
            tokio::time::sleep(run.every).await;
        }
    };
    let middle = tokio::select! {
        middle = measured(variant, run.trial, &replaced) => middle,
        () = stop.cancelled() => Err(TrialError::Stopped { trial: run.trial }),
        () = watching => Err(TrialError::Stopped { trial: run.trial }),
    };
    let finished = finish_load(stop, variant, run.trial, load, middle.is_err()).await;
    match finished {
        Ok(planned) => (middle, planned),
        Err(error) => (Err(middle.err().unwrap_or(error)), BTreeMap::new()),
    }
}

async fn measured(variant: &RunningVariant, number: u32, replaced: &ReplacedPods) -> Result<RolloutResult, TrialError> {
    let site = &variant.site;
    tokio::time::sleep(variant.lead_in).await;
    let before = site.now().await?;
    variant.set_step(TrialStep::Rolling(None));
    let mut standing = standing_now(variant).await?;
    if let Some(trouble) = standing.as_ref().and_then(|standing| no_longer(variant, standing)) {
        return Ok(RolloutResult { trouble, ..RolloutResult::default() });
    }
    let mut middle = match &variant.action {
        TrialAction::None { duration } => {
            variant.set_step(TrialStep::Control);
            site.mark(number, MarkName::RolloutStep, before, "none").await?;
            tokio::time::sleep(*duration).await;
            let end = site.now().await?;
            site.mark(number, MarkName::RolloutComplete, end, "none").await?;
            site.mark(number, MarkName::OldPodsGone, end, "none").await?;
            RolloutResult { complete: true, ..RolloutResult::default() }
        }
        TrialAction::Roll { roll, .. } => {
            // Also a step that fails may have changed something.
            variant.changed.store(true, Ordering::Relaxed);
            let took = perform(&variant.handle, roll, number, variant.timeout).await;
            let failed = if took.is_err() { " (failed)" } else { "" };
            // A step that fails may have replaced pods all the same: what was lost belongs to it.
            site.mark(number, MarkName::RolloutStep, before, &format!("{}{failed}", roll.describe())).await?;
            standing = standing_now(variant).await?;
            if took.map_err(RolloutError::from)? == StepOutcome::Nothing {
                nothing_changed(variant, roll)
            } else {
                rolled(variant, number, replaced, variant.timeout).await?
            }
        }
        TrialAction::Evict(eviction) => evict_and_follow(variant, number, eviction).await?,
    };
    middle.standing = standing;
    variant.set_step(TrialStep::Tail);
    // New connections may go to a pod that is gone for as long as routing lags: the load must still be there.
    tokio::time::sleep(variant.tail.max(variant.routing_lag + BEYOND_LAG)).await;
    Ok(middle)
}

/// The old pods stay, so there is nothing to wait for.
fn nothing_changed(variant: &RunningVariant, roll: &RolloutStep) -> RolloutResult {
    let workload = variant.handle.workload.reference();
    let reason = format!(
        "the step ({}) changed nothing in {workload}, so no pod is replaced; choose a change that differs from what the \
         workload already has",
        roll.describe()
    );
    RolloutResult { reason, ..RolloutResult::default() }
}

/// Follows a rollout that has begun, for at most `bound`.
pub(super) async fn rolled(
    variant: &RunningVariant,
    number: u32,
    replaced: &ReplacedPods,
    bound: Duration,
) -> Result<RolloutResult, TrialError> {
    let site = &variant.site;
    let (tell, told) = tokio::sync::oneshot::channel();
    let mut tell = Some(tell);
    // It owns the sender, which so goes with it: a rollout that ends otherwise must not be waited for.
    let complete = move || {
        if let Some(tell) = tell.take() {
            let _ = tell.send(());
        }
    };
    let marking = async {
        // It is never told when the rollout does not complete.
        if told.await.is_ok() {
            let now = site.now().await?;
            site.mark(number, MarkName::RolloutComplete, now, "").await?;
        }
        Ok::<(), SiteError>(())
    };
    let shows = |counts| variant.set_step(TrialStep::Rolling(Some(counts)));
    let following = async move { follow(&variant.handle, replaced, bound, complete, shows).await };
    let (followed, marked) = tokio::join!(following, marking);
    marked?;
    let followed = followed?;
    Ok(match followed {
        RolloutEnd::Done => {
            let now = site.now().await?;
            site.mark(number, MarkName::OldPodsGone, now, "").await?;
            RolloutResult { complete: true, ..RolloutResult::default() }
        }
        RolloutEnd::Failed(why) => {
            let workload = variant.handle.workload.reference();
            RolloutResult { reason: format!("the rollout of {workload} ended: {why}"), ..RolloutResult::default() }
        }
        // What was lost then is not the variant's doing.
        RolloutEnd::Gone(why) => RolloutResult { trouble: why, ..RolloutResult::default() },
        RolloutEnd::TimedOut(stood) => RolloutResult {
            reason: format!("the rollout was not complete after {} s: {stood}", variant.timeout.as_secs()),
            ..RolloutResult::default()
        },
    })
}

async fn present_pods(variant: &RunningVariant) -> Result<ReplacedPods, TrialError> {
    // A control replaces nothing, so that no pod has to go before it is over; whom a change of scale removes is for the
    // controller to say, and an eviction chooses for itself.
    if !matches!(&variant.action, TrialAction::Roll { roll, .. } if !matches!(roll, RolloutStep::Scale { .. })) {
        return Ok(ReplacedPods::new());
    }
    let pods = own_pods(&variant.handle).await.map_err(|source| TrialError::Api {
        doing: "listing the pods".to_owned(),
        namespace: variant.handle.workload.namespace.clone(),
        source: Box::new(source),
    })?;
    Ok(pods.iter().filter(|pod| !finished(pod)).filter_map(ResourceExt::uid).collect())
}

/// Ends the load and waits for what is in flight, at most for its own timeout: the load sees to that. With `abort`, or
/// once the run is stopped, nothing is awaited.
async fn finish_load(
    stop: &CancellationToken,
    variant: &RunningVariant,
    number: u32,
    load: SiteLoad,
    abort: bool,
) -> Result<BTreeMap<Arm, u64>, TrialError> {
    let site = &variant.site;
    if abort {
        // Before anything else that may fail: a load that nobody ends goes on.
        load.abort().await?;
    }
    let before = site.now().await?;
    if !abort {
        load.stop().await?;
    }
    site.mark(number, MarkName::LoadStopped, before, "").await?;
    let before = site.now().await?;
    let stopped = tokio::select! {
        finished = load.finished() => { finished?; false }
        () = stop.cancelled() => true,
    };
    if stopped {
        load.abort().await?;
        load.finished().await?;
    }
    let planned = load.planned().await?;
    site.mark(number, MarkName::LoadDrained, before, "").await?;
    Ok(planned)
}
