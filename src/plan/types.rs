//! The plan of a run: everything that is decided before it starts. Nothing changes it afterwards.

use std::time::Duration;

use serde_json::Value;

use crate::manifest::{ManifestError, ManifestWorkload, ObjectPlaces, strategic_merge};
use crate::spec::{RolloutAction, RunSettings, VariantSpec};

/// The plan of a run: its spec, with order and sizes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RunPlan {
    pub(crate) settings: RunSettings,
    /// The variants, in the scenario's order.
    pub(crate) variants: Vec<VariantPlan>,
    /// The trials in their order: complete blocks, each in random order.
    pub(crate) order: Vec<TrialPlan>,
    /// The time after which no further block is begun, counted from the first trial.
    pub(crate) time_budget: Option<Duration>,
    /// What else should be said: which objects the cluster at hand is not given, see [`RunPlan::set_aside`].
    pub(crate) aside: Vec<String>,
}

impl RunPlan {
    /// The variant that the others are compared with, as an index.
    pub(crate) fn baseline(&self) -> Option<usize> {
        self.index_of(self.settings.baseline.as_deref())
    }

    /// The control, as an index: it shows whether the run sees a loss, and is compared with none.
    pub(crate) fn control(&self) -> Option<usize> {
        self.index_of(self.settings.control.as_deref())
    }

    fn index_of(&self, name: Option<&str>) -> Option<usize> {
        self.variants.iter().position(|variant| Some(variant.spec.name.as_str()) == name)
    }
}

/// One variant: its spec, and what was read from its manifests.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct VariantPlan {
    pub(crate) spec: VariantSpec,
    pub(crate) workload: ManifestWorkload,
    /// Objects of its manifests that are recorded and not applied, see [`RunPlan::set_aside`].
    pub(crate) ignored: Vec<Value>,
    /// Where its objects stand, for errors that are found later; empty where they come from a record.
    pub(crate) places: ObjectPlaces,
}

impl VariantPlan {
    pub(crate) fn workload_manifest(&self) -> &Value {
        self.spec.manifests().get(self.workload.index).unwrap_or(&Value::Null)
    }

    /// The variant as it lives in `namespace`.
    pub(crate) fn in_namespace(&self, namespace: &str) -> Self {
        Self { spec: self.spec.in_namespace(namespace), ..self.clone() }
    }

    /// The workload's manifest with a rollout's patch in it; `None` for any other rollout.
    pub(crate) fn patched(&self) -> Option<Value> {
        let RolloutAction::Patch { patch } = &self.spec.rollout.action else { return None };
        let mut manifest = self.spec.manifests().get(self.workload.index)?.clone();
        strategic_merge(&mut manifest, patch).ok()?;
        Some(manifest)
    }

    /// Fills in how many pods the workload has, once they are counted: those of a `DaemonSet` are not in its manifest.
    pub(crate) fn set_pods(&mut self, pods: u32) -> Result<(), ManifestError> {
        self.workload = self.workload.with_pods(self.workload_manifest(), pods)?;
        let (replicas, surge) = (self.workload.replicas, self.workload.surge);
        let objects = self.spec.objects_mut();
        (objects.replicas, objects.surge) = (replicas, surge);
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TrialPlan {
    /// From 1, as is `block`.
    pub(crate) trial: u32,
    pub(crate) block: u32,
    /// An index into the plan's variants.
    pub(crate) variant: usize,
}

/// What the command line decides over the scenario.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct PlanOverrides {
    pub(crate) rate: Option<f64>,
    pub(crate) trials: Option<u32>,
    /// The seed; the caller draws one where the user gave none.
    pub(crate) seed: u64,
}

/// What the command line chooses in manifests that come without a scenario.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct WorkloadChoice {
    pub(crate) workload: Option<String>,
    pub(crate) service: Option<String>,
    pub(crate) port: Option<crate::manifest::PortName>,
}

/// Whether a rollout runs what its variant's manifests do not hold.
pub(super) fn brings_its_own(rollout: &RolloutAction) -> bool {
    matches!(rollout, RolloutAction::Image { .. } | RolloutAction::Patch { .. } | RolloutAction::Command { .. })
}
