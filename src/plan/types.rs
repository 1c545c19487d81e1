//! The plan of a run: everything that is decided before it starts. Nothing changes it afterwards.

use std::time::Duration;

use serde_json::Value;

use crate::manifest::{ManifestError, ManifestWorkload, strategic_merge};
use crate::spec::{RolloutAction, RunSettings, VariantSpec};

/// The load before a rollout's first mark.
pub const LEAD_IN: Duration = Duration::from_secs(3);
/// The load after a rollout is complete and its old pods are gone.
pub const TAIL: Duration = Duration::from_secs(2);

/// The plan of a run: its spec, with order and sizes.
#[derive(Debug, Clone, PartialEq)]
pub struct RunPlan {
    /// What the variants share.
    pub settings: RunSettings,
    /// The variants, in the scenario's order.
    pub variants: Vec<VariantPlan>,
    /// The trials in their order: complete blocks, each in random order.
    pub order: Vec<TrialPlan>,
    /// The time after which no further block is begun, counted from the first trial.
    pub time_budget: Option<Duration>,
    /// What else should be said: which objects the cluster at hand is not given, see [`RunPlan::set_aside`].
    pub aside: Vec<String>,
}

impl RunPlan {
    /// The variant that the others are compared with, as an index.
    #[must_use]
    pub fn baseline(&self) -> Option<usize> {
        self.index_of(self.settings.baseline.as_deref())
    }

    /// The control, as an index: it shows whether the run sees a loss, and is compared with none.
    #[must_use]
    pub fn control(&self) -> Option<usize> {
        self.index_of(self.settings.control.as_deref())
    }

    fn index_of(&self, name: Option<&str>) -> Option<usize> {
        self.variants.iter().position(|variant| Some(variant.spec.name.as_str()) == name)
    }
}

/// One variant: its spec, and what was read from its manifests.
#[derive(Debug, Clone, PartialEq)]
pub struct VariantPlan {
    /// Its spec.
    pub spec: VariantSpec,
    /// Its workload, as its manifest has it.
    pub workload: ManifestWorkload,
    /// Objects of its manifests that are recorded and not applied, see [`RunPlan::set_aside`].
    pub ignored: Vec<Value>,
}

impl VariantPlan {
    /// The workload's manifest.
    #[must_use]
    pub fn workload_manifest(&self) -> &Value {
        self.spec.manifests().get(self.workload.index).unwrap_or(&Value::Null)
    }

    /// The workload's manifest with a rollout's patch in it; `None` for any other rollout.
    #[must_use]
    pub fn patched(&self) -> Option<Value> {
        let RolloutAction::Patch { patch } = &self.spec.rollout.action else { return None };
        let mut manifest = self.spec.manifests().get(self.workload.index)?.clone();
        strategic_merge(&mut manifest, patch).ok()?;
        Some(manifest)
    }

    /// Fills in how many pods the workload has, once they are counted: those of a `DaemonSet` are not in its manifest.
    ///
    /// # Errors
    /// The manifest's strategy is wrong, which the plan has found out before.
    pub fn set_pods(&mut self, pods: u32) -> Result<(), ManifestError> {
        self.workload = self.workload.with_pods(self.workload_manifest(), pods)?;
        let (replicas, surge) = (self.workload.replicas, self.workload.surge);
        let deployed = self.spec.deployed_mut();
        (deployed.replicas, deployed.surge) = (replicas, surge);
        Ok(())
    }
}

/// One trial, in the order of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrialPlan {
    /// Its number, from 1.
    pub trial: u32,
    /// Its block, from 1.
    pub block: u32,
    /// Its variant, as an index.
    pub variant: usize,
}

/// What the command line decides over the scenario.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PlanOverrides {
    /// Requests a second, for every variant.
    pub rate: Option<f64>,
    /// Trials of each variant.
    pub trials: Option<u32>,
    /// The seed; the caller draws one where the user gave none.
    pub seed: u64,
}

/// What the command line chooses in manifests that come without a scenario.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkloadChoice {
    /// The workload, for example `deployment/web`.
    pub workload: Option<String>,
    /// The Service's name.
    pub service: Option<String>,
    /// The Service's port.
    pub port: Option<crate::manifest::PortName>,
}
