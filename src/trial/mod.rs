//! One trial: a rollout of one variant under load, with everything started, marked and stopped in order.
//!
//! It wires `load`, `observe` and `rollout` together and decides nothing about what they saw.
//!
//! - `astray`: where new connections are routed after a complete rollout, and the cause if nowhere
//! - `eviction`: a rollout by eviction
//! - `in_place`: a workload that was there before the run
//! - `run_trial`: runs one trial: lead-in, rollout, drain, tail
//! - `running_variant`: a variant on the cluster: its workload, its load, its rollout
//! - `settle`: waits until a workload is at rest before a trial, and resets it once
//! - `site`: where a variant's load and watches run: in this process or in the agent

mod astray;
mod eviction;
mod in_place;
mod run_trial;
mod running_variant;
mod settle;
mod site;

use crate::cluster::kube::{ApplyError, api_words};
use crate::rollout::RolloutError;

pub(crate) use in_place::{InPlace, SetState, WantedSpec, leave};
pub(crate) use run_trial::{TrialSetup, run};
pub(crate) use running_variant::{RunningVariant, TrialAction, TrialStep};
pub(crate) use settle::{SettleResult, settle};
pub(crate) use site::{AgentSite, LoadSite, LocalSite, SiteError, SiteLoad};

#[derive(Debug, thiserror::Error)]
pub(crate) enum TrialError {
    #[error(transparent)]
    Site(#[from] SiteError),
    #[error(transparent)]
    Rollout(#[from] RolloutError),
    #[error("{doing} in namespace {namespace}: {}", api_words(source))]
    Api { doing: String, namespace: String, source: Box<kube::Error> },
    #[error("recreating the workload in namespace {namespace}: {source}")]
    Apply { namespace: String, source: Box<ApplyError> },
    #[error("{workload} in namespace {namespace} was changed by somebody else, and stays as it is: {what}{by}")]
    Meddled { workload: String, namespace: String, what: String, by: String },
    #[error("the run was stopped during trial {trial}")]
    Stopped { trial: u32 },
    #[error("{workload} in namespace {namespace} did not become stable within {waited_s} s{again}: {stood}")]
    Unsettled { workload: String, namespace: String, waited_s: u64, again: &'static str, stood: String },
}
