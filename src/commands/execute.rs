//! Carries a plan out: cluster, record, trials, and the reports of what there is, however it ended.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use super::context::{RunContext, RunMode};
use super::drive::drive;
use super::ending::{CommandFailure, FinishedCommand, UserOutput};
use super::host;
use super::options::WhereArgs;
use super::outputs::{self, Outputs};
use super::stage::RunStage;
use super::variants::VariantPlaces;
use crate::clock::{Clock, wall_unix_ns};
use crate::load::raise_descriptors;
use crate::plan::{RunFacts, RunPlan};
use crate::record::Writer;
use crate::record::sink::{CAPACITY, channel};
use crate::report::TerminalStyle;

/// How long the runtime's own threads may take to end after everything else has.
const RUNTIME_ENDS_WITHIN: Duration = Duration::from_secs(5);

/// Runs `plan` and returns how it ended. Whatever happens once the record is begun, it is reported. `stage` is where the
/// embedded cluster runs; without it the cluster is a real one.
pub(super) fn execute(
    plan: &RunPlan,
    stage: Option<&RunStage>,
    place: &WhereArgs,
    mode: RunMode,
    style: TerminalStyle,
    output: &dyn UserOutput,
) -> Result<FinishedCommand, CommandFailure> {
    let clock = Clock::start();
    let started_unix_ns = wall_unix_ns();
    let started = outputs::rfc3339(started_unix_ns);
    raise_descriptors().map_err(|error| CommandFailure::Machine(error.to_string()))?;
    let runtime = runtime()?;
    let found = runtime.block_on(host::find(place, plan, stage, output))?;
    let fitted = runtime.block_on(host::fitted(&found, plan, output))?;
    let plan = fitted.as_ref().unwrap_or(plan);
    host::agreed(&found, plan, mode, output)?;
    let outputs = Outputs::create(place.out.as_deref(), &plan.settings.scenario, &started)?;
    let id = if stage.is_some() { String::new() } else { random(8)? };
    let places = VariantPlaces::of(plan, &id);
    let (sink, source) = channel(CAPACITY);
    let header = plan.header(RunFacts {
        started,
        started_unix_ns,
        cluster: found.header(),
        choice: place.cluster().to_string(),
        // Where it cannot be told, the record's folders stay relative.
        folder: std::env::current_dir().unwrap_or_default(),
        places: places.all(),
    });
    // Beyond the header, which has the ports as the user wrote them: another run moves them elsewhere.
    let moved = stage.and_then(|stage| stage.moved(plan));
    let plan = moved.as_ref().unwrap_or(plan);
    let secrets = plan.secrets();
    let source = source.hiding(secrets.clone());
    let writer =
        Writer::create(&outputs.record(), header, source, clock).map_err(|error| Outputs::cannot_write(&error))?;
    let run = RunContext {
        plan,
        secrets,
        cluster: place.cluster(),
        id,
        token: random(32)?,
        started_unix_ns,
        shared_network: stage.is_some_and(|stage| stage.host_network.is_some()),
        places: &places,
        mode,
        outputs: &outputs,
        output,
        clock,
        stop: CancellationToken::new(),
        writer: writer.status(),
    };
    let ended = runtime.block_on(drive(&run, found, sink));
    runtime.shutdown_timeout(RUNTIME_ENDS_WITHIN);
    let written = writer.finish();
    outputs.conclude(ended, written, style, output)
}

/// The runtime of a command, on two threads of its own.
pub(super) fn runtime() -> Result<Runtime, CommandFailure> {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| CommandFailure::Machine(format!("starting the runtime: {error}")))
}

/// So many random hexadecimal digits, from the kernel: at most 32.
fn random(digits: usize) -> Result<String, CommandFailure> {
    let uuid = std::fs::read_to_string("/proc/sys/kernel/random/uuid")
        .map_err(|error| CommandFailure::Machine(format!("reading a random number of the kernel: {error}")))?;
    Ok(uuid.chars().filter(char::is_ascii_hexdigit).take(digits).collect())
}
