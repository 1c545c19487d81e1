//! A variant that runs: where it lives, how it is reached, loaded, watched and rolled.

use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::in_place::InPlace;
use super::site::LoadSite;
use crate::load::LoadPlan;
use crate::rollout::{Eviction, RolloutCounts, RolloutHandle, RolloutStep};

pub(crate) struct RunningVariant {
    pub(crate) name: String,
    /// The workload, in the variant's own namespace.
    pub(crate) handle: RolloutHandle,
    /// Its merged manifests, from which it is recreated.
    pub(crate) manifests: Vec<Value>,
    /// The name of the Service that carries the load.
    pub(crate) service: String,
    /// The name of the Service's port, empty if it has none.
    pub(crate) service_port_name: String,
    /// Set where the workload was there before the run.
    pub(crate) in_place: Option<InPlace>,
    /// Where its load and watches live.
    pub(crate) site: LoadSite,
    /// Its load; the trial's number and seed are filled in for each trial.
    pub(crate) load: LoadPlan,
    pub(crate) action: TrialAction,
    /// A measured change stands, which its way back has yet to undo.
    pub(crate) changed: AtomicBool,
    pub(crate) step: Mutex<TrialStep>,
    /// The longest that a rollout may take.
    pub(crate) timeout: Duration,
    /// The load before the rollout, and the least after it.
    pub(crate) lead_in: Duration,
    pub(crate) tail: Duration,
    /// How long the Service's routing may take to follow a change of its endpoints.
    pub(crate) routing_lag: Duration,
}

impl RunningVariant {
    pub(crate) fn step(&self) -> TrialStep {
        *self.step.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_step(&self, step: TrialStep) {
        *self.step.lock().unwrap_or_else(PoisonError::into_inner) = step;
    }
}

/// Where a trial stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum TrialStep {
    /// The load runs, and nothing is rolled out yet.
    #[default]
    LeadIn,
    /// The rollout is under way; how far it is, once its watches have told.
    Rolling(Option<RolloutCounts>),
    /// Nothing is to be rolled out: a control.
    Control,
    /// The rollout is over, and the load goes on for a moment.
    Tail,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TrialAction {
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
    None { duration: Duration },
}

impl std::fmt::Debug for RunningVariant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunningVariant").field("name", &self.name).field("handle", &self.handle).finish_non_exhaustive()
    }
}
