//! Runs one trial: lead-in, rollout, drain, tail.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use super::variant::Action;
use super::{Session, TrialError, Variant};
use crate::load::{self, LoadError, Running, Summary};
use crate::plan::{LEAD_IN, TAIL};
use crate::record::entry::{MarkName, TrialEnd, TrialStart};
use crate::record::{Arm, Entry};
use crate::rollout::{Followed, Replaced, perform, wait_complete};

/// Load beyond the longest routing lag, where that is longer than the usual tail.
const BEYOND_LAG: Duration = Duration::from_millis(500);
/// How often the end of the load is looked for.
const FINISH_POLL: Duration = Duration::from_millis(10);

/// How the middle of a trial went.
struct Middle {
    complete: bool,
    reason: String,
}

/// Runs trial `number` of `variant`, which must have settled. Everything that it starts has stopped when it returns,
/// also when it returns an error; what was recorded until then stays. `live` is shown the load now and then.
pub async fn run(
    session: &Session,
    variant: &Variant,
    number: u32,
    block: u32,
    reset: bool,
    every: Duration,
    live: &(dyn Fn(&Running) + Sync),
) -> Result<(), TrialError> {
    session.sink.send(Entry::TrialStart(TrialStart {
        at_ns: session.clock.now(),
        trial: number,
        block,
        variant: variant.name.clone(),
        namespace: variant.handle.workload.namespace.clone(),
    }));
    let (outcome, planned) = under_load(session, variant, number, every, live).await;
    variant.observer.stop_probes();
    let (complete, reason) = match &outcome {
        Ok(middle) => (middle.complete, middle.reason.clone()),
        Err(error) => (false, error.to_string()),
    };
    session.sink.send(Entry::TrialEnd(TrialEnd {
        at_ns: session.clock.now(),
        trial: number,
        complete,
        reason,
        reset,
        planned,
    }));
    outcome.map(|_| ())
}

/// The trial between its first line and its last: how it went, and what the load planned.
async fn under_load(
    session: &Session,
    variant: &Variant,
    number: u32,
    every: Duration,
    live: &(dyn Fn(&Running) + Sync),
) -> (Result<Middle, TrialError>, BTreeMap<Arm, u64>) {
    let replaced = match present_pods(variant).await {
        Ok(replaced) => replaced,
        Err(error) => return (Err(error), BTreeMap::new()),
    };
    variant.observer.probe_present_pods();
    let before = session.clock.now();
    let load = match start_load(session, variant, number).await {
        Ok(load) => load,
        Err(error) => return (Err(error), BTreeMap::new()),
    };
    session.mark(number, MarkName::LoadStarted, before, "");
    let watching = async {
        loop {
            live(&load);
            tokio::time::sleep(every).await;
        }
    };
    let middle = tokio::select! {
        middle = measured(session, variant, number, &replaced) => middle,
        () = session.stop.cancelled() => Err(TrialError::Stopped { trial: number }),
        () = watching => Err(TrialError::Stopped { trial: number }),
    };
    if middle.is_err() {
        load.abort();
    }
    let finished = finish_load(session, number, load).await;
    let planned = finished.as_ref().map(Summary::planned).unwrap_or_default();
    (finished.map_err(TrialError::from).and(middle), planned)
}

async fn measured(
    session: &Session,
    variant: &Variant,
    number: u32,
    replaced: &Replaced,
) -> Result<Middle, TrialError> {
    tokio::time::sleep(LEAD_IN).await;
    let before = session.clock.now();
    let middle = match &variant.action {
        Action::None { duration } => {
            session.mark(number, MarkName::RolloutStep, before, "none");
            tokio::time::sleep(*duration).await;
            let end = session.clock.now();
            session.mark(number, MarkName::RolloutComplete, end, "none");
            session.mark(number, MarkName::OldPodsGone, end, "none");
            Middle { complete: true, reason: String::new() }
        }
        Action::Roll { roll, .. } => {
            perform(&variant.handle, roll, number).await.map_err(crate::rollout::RolloutError::from)?;
            session.mark(number, MarkName::RolloutStep, before, &roll.describe());
            rolled(session, variant, number, replaced).await?
        }
    };
    // New connections may go to a pod that is gone for as long as routing lags: the load must still be there.
    tokio::time::sleep(TAIL.max(variant.routing_lag + BEYOND_LAG)).await;
    Ok(middle)
}

async fn rolled(session: &Session, variant: &Variant, number: u32, replaced: &Replaced) -> Result<Middle, TrialError> {
    let complete = || session.mark(number, MarkName::RolloutComplete, session.clock.now(), "");
    let followed = wait_complete(&variant.handle, replaced, variant.timeout, complete).await?;
    Ok(match followed {
        Followed::Done => {
            session.mark(number, MarkName::OldPodsGone, session.clock.now(), "");
            Middle { complete: true, reason: String::new() }
        }
        Followed::Failed(why) => {
            Middle { complete: false, reason: format!("the Deployment's controller gave up: {why}") }
        }
        Followed::TimedOut(stood) => Middle {
            complete: false,
            reason: format!("the rollout was not complete after {} s: {stood}", variant.timeout.as_secs()),
        },
    })
}

async fn present_pods(variant: &Variant) -> Result<Replaced, TrialError> {
    // A control replaces nothing, so that no pod has to go before it is over.
    if matches!(variant.action, Action::None { .. }) {
        return Ok(Replaced::new());
    }
    let workload = &variant.handle.workload;
    let pods: Api<Pod> = Api::namespaced(variant.handle.client.clone(), &workload.namespace);
    let listed =
        pods.list(&ListParams::default().labels(&workload.selector)).await.map_err(|source| TrialError::Api {
            doing: "listing the pods".to_owned(),
            namespace: workload.namespace.clone(),
            source: Box::new(source),
        })?;
    Ok(listed.items.iter().filter_map(ResourceExt::uid).collect())
}

/// The load opens its connections before it returns, which blocks, so it is started off the runtime's threads.
async fn start_load(session: &Session, variant: &Variant, number: u32) -> Result<Running, TrialError> {
    let mut plan = variant.load.clone();
    plan.trial = number;
    plan.seed = plan.seed.wrapping_add(u64::from(number));
    let (route, clock, sink) = (Arc::clone(&variant.route), session.clock, session.sink.clone());
    let started = tokio::task::spawn_blocking(move || load::start(plan, route, clock, sink)).await;
    match started {
        Ok(result) => Ok(result?),
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// Stops the load and waits for what is in flight, which ends within its own timeout, or at once if the run is stopped.
async fn finish_load(session: &Session, number: u32, load: Running) -> Result<Summary, LoadError> {
    let before = session.clock.now();
    load.stop();
    session.mark(number, MarkName::LoadStopped, before, "");
    let before = session.clock.now();
    while !load.is_finished() {
        tokio::select! {
            () = tokio::time::sleep(FINISH_POLL) => {}
            () = session.stop.cancelled() => {
                load.abort();
                tokio::time::sleep(FINISH_POLL).await;
            }
        }
    }
    let joined = tokio::task::spawn_blocking(move || load.wait()).await;
    session.mark(number, MarkName::LoadDrained, before, "");
    match joined {
        Ok(summary) => summary,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
