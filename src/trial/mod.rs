//! One trial: a rollout of one variant under load, with everything started, marked and stopped in order.
//!
//! It wires `load`, `observe` and `rollout` together and decides nothing about what they saw.
//!
//! - `astray`: where new connections are routed after a complete rollout, and the cause if nowhere
//! - `eviction`: a rollout by eviction
//! - `run_trial`: runs one trial: lead-in, rollout, drain, tail
//! - `running_variant`: a variant on the cluster: its workload, its load, its rollout
//! - `settle`: waits until a workload is at rest before a trial, and resets it once
//! - `site`: where a variant's load and watches run: in this process or in the agent
//! - `trial_step`: the step that a running trial is at, for its progress line

mod astray;
mod eviction;
mod run_trial;
mod running_variant;
mod settle;
mod site;
mod trial_step;

use crate::cluster::kube::ApplyError;
use crate::rollout::{RolloutError, api_words};

pub use run_trial::{TrialSetup, run};
pub use running_variant::{RunningVariant, TrialAction};
pub use settle::{SettleResult, settle};
pub use site::{AgentSite, LoadSite, LocalSite, SiteError, SiteLoad};
pub use trial_step::TrialStep;

/// A trial could not be run to its end.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The load could not start, or the agent is in trouble.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// The API went away.
    #[error(transparent)]
    Rollout(#[from] RolloutError),
    /// The API refused something that a trial needs.
    #[error("{doing} in namespace {namespace}: {}", api_words(source))]
    Api {
        /// What was being done.
        doing: String,
        /// Where.
        namespace: String,
        /// What the API said.
        source: Box<kube::Error>,
    },
    /// The workload could not be recreated.
    #[error("recreating the workload in namespace {namespace}: {source}")]
    Apply {
        /// Where.
        namespace: String,
        /// Why not.
        source: Box<ApplyError>,
    },
    /// The run was stopped.
    #[error("the run was stopped during trial {trial}")]
    Stopped {
        /// The trial.
        trial: u32,
    },
    /// The workload was not at rest before a trial, twice.
    #[error(
        "{workload} in namespace {namespace} was not at rest within {waited_s} s, and again after it was recreated: {stood}"
    )]
    Unsettled {
        /// The workload, for example `deployment/web`.
        workload: String,
        /// Its namespace.
        namespace: String,
        /// How long each wait was.
        waited_s: u64,
        /// Where it stood.
        stood: String,
    },
}
