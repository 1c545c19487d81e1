//! What the parts of a run share while it is under way.

use tokio_util::sync::CancellationToken;

use super::ending::UserOutput;
use super::host::ClusterChoice;
use super::outputs::Outputs;
use super::variants::VariantPlaces;
use crate::clock::Clock;
use crate::plan::RunPlan;
use crate::record::WriterStatus;
use crate::redact::KnownSecrets;

/// How a plan is carried out, beside where.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub(super) struct RunMode {
    /// Keep each attempt in the record.
    pub(super) record_all: bool,
    /// End after the trial in which a loss shows.
    pub(super) until_loss: bool,
    /// Nobody has yet agreed to what is done to a workload that is there already.
    pub(super) asks: bool,
    /// Then try what the report advises.
    pub(super) try_advice: bool,
}

pub(super) struct RunContext<'a> {
    pub(super) plan: &'a RunPlan,
    /// What must not be shown of it, in whatever pods and programs say.
    pub(super) secrets: KnownSecrets,
    /// The cluster as the user named it.
    pub(super) cluster: &'a ClusterChoice,
    /// Distinguishes this run from others on the same cluster.
    pub(super) id: String,
    /// Whoever commands this run's agent must know it.
    pub(super) token: String,
    pub(super) started_unix_ns: u64,
    /// The embedded cluster shares this machine's network.
    pub(super) shared_network: bool,
    pub(super) places: &'a VariantPlaces,
    pub(super) mode: RunMode,
    pub(super) outputs: &'a Outputs,
    pub(super) output: &'a dyn UserOutput,
    pub(super) clock: Clock,
    pub(super) stop: CancellationToken,
    pub(super) writer: WriterStatus,
}
