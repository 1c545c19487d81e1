//! Carries a plan out: cluster, record, trials, and the reports of what there is, however it ended.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::context::Run;
use super::drive::drive;
use super::ending::{Failure, Finished, Talk};
use super::options::WhereArgs;
use super::outputs::{self, Outputs};
use super::stage::Stage;
use super::variants::Places;
use crate::clock::{Clock, wall_unix_ns};
use crate::cluster::embedded;
use crate::load::raise_descriptors;
use crate::plan::{Facts, RunPlan};
use crate::record::Writer;
use crate::record::header::ClusterHeader;
use crate::record::sink::{CAPACITY, channel};

/// How long the runtime's own threads may take to end after everything else has.
const RUNTIME_ENDS_WITHIN: Duration = Duration::from_secs(5);

/// Runs `plan` on the embedded cluster.
pub(super) fn execute(
    plan: &RunPlan,
    stage: &Stage,
    place: &WhereArgs,
    record_all: bool,
    colour: bool,
    talk: &dyn Talk,
) -> Result<Finished, Failure> {
    let clock = Clock::start();
    let started_unix_ns = wall_unix_ns();
    let started = outputs::rfc3339(started_unix_ns);
    let outputs = Outputs::create(place.out.as_deref(), &plan.name, &started)?;
    let places = Places::of(plan);
    let (sink, source) = channel(CAPACITY);
    let cluster = ClusterHeader {
        kind: "embedded".to_owned(),
        version: embedded::VERSION.to_owned(),
        private_network: Some(stage.host_network.is_none()),
    };
    let header = plan.header(Facts { started, started_unix_ns, cluster, variants: places.facts() });
    let writer =
        Writer::create(&outputs.record(), header, source, clock).map_err(|error| Outputs::cannot_write(&error))?;
    raise_descriptors().map_err(|error| Failure::Machine(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::Machine(format!("starting the runtime: {error}")))?;
    let run = Run {
        plan,
        stage,
        places: &places,
        record_all,
        outputs: &outputs,
        talk,
        clock,
        stop: CancellationToken::new(),
        writer: writer.status(),
    };
    let ended = runtime.block_on(drive(&run, sink));
    runtime.shutdown_timeout(RUNTIME_ENDS_WITHIN);
    let written = writer.finish();
    outputs.conclude(ended, written, colour, talk)
}
