//! Rolls the workload: sends what the plan says to the API and follows until the rollout is complete and no old pod is
//! left, or has failed.
//!
//! - `cordon`: cordons and uncordons a node
//! - `evict_pods`: evicts pods through the Eviction API
//! - `owned`: which pods are a workload's own
//! - `restarts`: restarts that make one new revision at most (pure)
//! - `rollout_command`: a rollout by the user's own program
//! - `rollout_error`: why a rollout could not be made or followed
//! - `rollout_follow`: follows a rollout through two watches
//! - `rollout_progress`: how far a rollout is (pure)
//! - `rollout_step`: the step with which a rollout begins
//!
//! It must not know the load or the observer.

pub mod cordon;
mod evict_pods;
mod owned;
mod restarts;
mod rollout_command;
mod rollout_error;
mod rollout_follow;
mod rollout_progress;
mod rollout_step;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use kube::Client;
use kube::api::ApiResource;

use crate::manifest::WorkloadKind;

pub use crate::cluster::kube::resource;

pub(crate) use evict_pods::PodToEvict;
pub use evict_pods::{Eviction, EvictionAnswer, evict, pods_to_evict};
pub(crate) use owned::finished;
pub use owned::own_pods;
pub use restarts::RestartValues;
pub(crate) use restarts::{KeptRevision, PlannedRestarts, plan_restarts};
pub(crate) use rollout_error::{CordonError, RolloutError};
pub(crate) use rollout_follow::follow;
pub use rollout_follow::{RolloutEnd, wait_complete};
pub use rollout_progress::ReplacedPods;
pub(crate) use rollout_progress::RolloutCounts;
pub use rollout_step::{RolloutStep, StepOutcome, perform};

/// The workload that is rolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolledWorkload {
    /// What it is.
    pub kind: WorkloadKind,
    /// Where it lives.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The label selector of its pods, as the API wants it.
    pub selector: String,
}

impl RolledWorkload {
    /// Kind and name as kubectl writes them, for example `statefulset/web`.
    pub(crate) fn reference(&self) -> String {
        self.kind.reference(&self.name)
    }

    /// Its resource in the API.
    #[must_use]
    pub fn resource(&self) -> ApiResource {
        resource(self.kind)
    }
}

/// How long the API may be silent while a rollout is followed, before it counts as gone.
pub(crate) const API_SILENCE_MAX: Duration = Duration::from_secs(30);

/// A shorthand that keeps the client beside what it is asked about.
#[derive(Clone)]
pub struct RolloutHandle {
    /// The client.
    pub client: Client,
    /// The workload.
    pub workload: RolledWorkload,
    /// The run, as the marks that it leaves on nodes name it.
    pub run: String,
    /// Environment variables of the user's command, beside those for the trial and the namespace.
    pub variables: BTreeMap<String, String>,
    /// Where the end of a failed command's output is kept.
    pub command_log: Option<PathBuf>,
}

impl std::fmt::Debug for RolloutHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RolloutHandle")
            .field("workload", &self.workload)
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}
