//! A variant that runs: where it lives, how it is reached, loaded, watched and rolled.

use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::site::LoadSite;
use super::trial_step::TrialStep;
use crate::load::LoadPlan;
use crate::rollout::{Eviction, RolloutHandle, RolloutStep};

/// A variant that runs.
pub struct RunningVariant {
    /// Its name.
    pub name: String,
    /// The workload, in the variant's own namespace.
    pub handle: RolloutHandle,
    /// Its merged manifests, from which it is recreated.
    pub manifests: Vec<Value>,
    /// The name of the Service that carries the load.
    pub service: String,
    /// The name of the Service's port, empty if it has none.
    pub service_port_name: String,
    /// Where its load and watches live.
    pub site: LoadSite,
    /// Its load; the trial's number and seed are filled in for each trial.
    pub load: LoadPlan,
    /// What is measured.
    pub action: TrialAction,
    /// A measured change stands, which its way back has yet to undo.
    pub changed: AtomicBool,
    /// Where its present trial stands, to be shown.
    pub step: Mutex<TrialStep>,
    /// The longest that a rollout may take.
    pub timeout: Duration,
    /// How long the Service's routing may take to follow a change of its endpoints.
    pub routing_lag: Duration,
}

impl RunningVariant {
    /// Where its present trial stands.
    #[must_use]
    pub fn step(&self) -> TrialStep {
        *self.step.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_step(&self, step: TrialStep) {
        *self.step.lock().unwrap_or_else(PoisonError::into_inner) = step;
    }
}

/// What a trial measures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrialAction {
    /// A rollout, and for one that alternates the way back, which is not measured.
    Roll {
        /// The measured change.
        roll: RolloutStep,
        /// The change that undoes it.
        back: Option<RolloutStep>,
    },
    /// Pods are evicted from a node.
    Evict(Eviction),
    /// Nothing is rolled out for this long: a control.
    None {
        /// How long.
        duration: Duration,
    },
}

impl TrialAction {
    /// In a few words.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Roll { roll, .. } => roll.describe(),
            Self::Evict(eviction) => eviction.describe(),
            Self::None { .. } => "none".to_owned(),
        }
    }
}

impl std::fmt::Debug for RunningVariant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Variant").field("name", &self.name).field("handle", &self.handle).finish_non_exhaustive()
    }
}
