//! Rolls the workload: sends what the plan says to the API and follows until the rollout is complete and no old pod is
//! left, or has failed. It must not know the load or the observer.

mod follow;
mod progress;
mod step;

use std::time::Duration;

use kube::Client;

pub use follow::{Followed, wait_complete};
pub use progress::{Progress, Replaced, progress};
pub use step::{Roll, StepError, api_words, perform};

/// The Deployment that is rolled.
#[derive(Debug, Clone)]
pub struct Workload {
    /// Where it lives.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The label selector of its pods, as the API wants it.
    pub selector: String,
}

/// What went wrong while a rollout was followed.
#[derive(Debug, thiserror::Error)]
pub enum RolloutError {
    /// The API did not take a step.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The API could not be followed.
    #[error("following deployment/{name} in namespace {namespace}: the API has not answered for 30 s: {why}")]
    Api {
        /// The Deployment.
        name: String,
        /// Its namespace.
        namespace: String,
        /// What the API said.
        why: String,
    },
}

/// How long the API may be silent while a rollout is followed, before it counts as gone.
pub const API_SILENCE_MAX: Duration = Duration::from_secs(30);

/// A shorthand that keeps the client beside what it is asked about.
#[derive(Clone)]
pub struct Handle {
    /// The client.
    pub client: Client,
    /// The workload.
    pub workload: Workload,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").field("workload", &self.workload).finish_non_exhaustive()
    }
}
