//! Before the first trial: the cluster is started, each variant applied, at rest, and answering.

use std::sync::Arc;
use std::time::Duration;

use super::context::Run;
use super::variants;
use crate::cluster::embedded::{Config, Embedded};
use crate::cluster::kube::{apply, create_namespace};
use crate::load::{Preflight, Route, preflight, sizing};
use crate::observe::Observer;
use crate::plan::VariantPlan;
use crate::record::{Outcome, Sink};
use crate::rollout::{Followed, Replaced, api_words, wait_complete};
use crate::trial::Variant;

/// How long a workload may take to be complete before the first trial.
const READY_WITHIN: Duration = Duration::from_mins(1);
/// How long a variant may take to answer after its pods are ready: the routing table follows at its own pace.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
const ANSWER_POLL: Duration = Duration::from_millis(100);
/// How many lines of a pod's log an error shows.
const LOG_LINES: usize = 10;

/// Why the first trial cannot begin.
#[derive(Debug)]
pub(super) enum NotReady {
    /// The machine or the cluster.
    Machine(String),
    /// What the user wrote.
    User(String),
}

/// Starts the embedded cluster.
pub(super) fn cluster(run: &Run<'_>) -> Result<Embedded, String> {
    let config = Config {
        clock: run.clock,
        seed: run.plan.seed,
        base: run.plan.embedded.base,
        min_sync_period: run.plan.embedded.min_sync_period,
        shared_network: run.stage.host_network.is_some(),
        image_folders: run.plan.folders.clone(),
        truth: run.outputs.truth(),
    };
    Embedded::start(config).map_err(|error| format!("starting the embedded cluster: {error}"))
}

/// Applies all variants, then waits for each: they start side by side.
pub(super) async fn variants(run: &Run<'_>, embedded: &Embedded, sink: &Sink) -> Result<Vec<Variant>, NotReady> {
    let client = embedded.client();
    let mut started = Vec::new();
    for (index, planned) in run.plan.variants.iter().enumerate() {
        let namespace = run.places.namespace(index);
        let failed = |error: kube::Error| {
            NotReady::User(format!("applying the manifests of variant {}: {}", planned.name, api_words(&error)))
        };
        create_namespace(&client, namespace, &run.plan.name).await.map_err(failed)?;
        let target = variants::target(run.plan, run.places, index, planned);
        let observer = Observer::start(&client, &target, run.clock, sink);
        apply(&client, namespace, &planned.manifests).await.map_err(failed)?;
        let route: Arc<dyn Route> = Arc::new(embedded.route(namespace, &planned.service.name, planned.service.port));
        let variant =
            variants::variant(run.plan, run.places, index, &client, Arc::clone(&route), observer, run.record_all);
        started.extend(variant);
    }
    for (planned, variant) in run.plan.variants.iter().zip(&started) {
        run.talk.progress(&format!("waiting for variant {} to be ready", planned.name));
        complete(embedded, planned, variant).await?;
        let service_times = answers(run, planned, variant).await?;
        sizing::check_busy(&variant.load, &service_times)
            .map_err(|error| NotReady::User(format!("variant {}: {error}", planned.name)))?;
    }
    Ok(started)
}

async fn complete(embedded: &Embedded, planned: &VariantPlan, variant: &Variant) -> Result<(), NotReady> {
    let nothing = Replaced::new();
    let followed = wait_complete(&variant.handle, &nothing, READY_WITHIN, || {})
        .await
        .map_err(|error| NotReady::Machine(error.to_string()))?;
    let stood = match followed {
        Followed::Done => return Ok(()),
        Followed::Failed(why) => why,
        Followed::TimedOut(stood) => format!("not complete within {} s: {stood}", READY_WITHIN.as_secs()),
    };
    let namespace = &variant.handle.workload.namespace;
    let why = embedded.why_not_ready(namespace, LOG_LINES);
    Err(NotReady::Machine(format!(
        "variant {}: {} was not ready before the first trial ({stood})\n{why}",
        planned.name, planned.workload.reference
    )))
}

/// One request of each kind must be answered as expected; how long each took is what its connections are sized by.
async fn answers(run: &Run<'_>, planned: &VariantPlan, variant: &Variant) -> Result<Vec<Duration>, NotReady> {
    let deadline = run.clock.now() + crate::clock::saturating_ns(ANSWERS_WITHIN);
    loop {
        let (mut plan, route, clock) = (variant.load.clone(), Arc::clone(&variant.route), run.clock);
        plan.timeout = plan.timeout.min(ANSWERS_WITHIN);
        let sent = tokio::task::spawn_blocking(move || preflight(&plan, route, clock)).await;
        let answers: Vec<Preflight> = match sent {
            Ok(Ok(answers)) => answers,
            Ok(Err(error)) => return Err(NotReady::Machine(format!("variant {}: {error}", planned.name))),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        let Some(bad) = answers.iter().find(|answer| answer.attempt.outcome != Outcome::Ok) else {
            return Ok(answers.iter().map(|answer| answer.duration).collect());
        };
        if run.clock.now() > deadline {
            return Err(NotReady::Machine(unanswered(planned, bad)));
        }
        tokio::time::sleep(ANSWER_POLL).await;
    }
}

fn unanswered(planned: &VariantPlan, bad: &Preflight) -> String {
    let attempt = &bad.attempt;
    let request = planned.load.requests.get(usize::from(attempt.request));
    let what = request.map_or_else(String::new, |request| format!("{} {}", request.method, request.path));
    let status = attempt.status.map_or_else(String::new, |status| format!(", status {status}"));
    format!(
        "variant {}: {what} was not answered as expected within {} s after the pods were ready: {}{status}; correct the \
         request's path or expected status, or the workload",
        planned.name,
        ANSWERS_WITHIN.as_secs(),
        attempt.outcome.name()
    )
}
