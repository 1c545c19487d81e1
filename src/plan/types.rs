//! The plan of a run: everything that is decided before it starts. Nothing changes it afterwards.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::manifest::{ManifestError, Service, Workload, strategic_merge};
use crate::record::header::Expect;
use crate::spec::{LoadSpec, RolloutAction, RolloutSpec};

/// The load before a rollout's first mark.
pub const LEAD_IN: Duration = Duration::from_secs(3);
/// The load after a rollout is complete and its old pods are gone.
pub const TAIL: Duration = Duration::from_secs(2);

/// The plan of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunPlan {
    /// The scenario's name.
    pub name: String,
    /// The seed of everything that is drawn.
    pub seed: u64,
    /// Trials of each variant, which is also the number of blocks.
    pub trials: u32,
    /// The variant that the others are compared with, as an index.
    pub baseline: Option<usize>,
    /// The control, as an index: it shows whether the run sees a loss, and is compared with none.
    pub control: Option<usize>,
    /// The time after which no further block is begun, counted from the first trial.
    pub time_budget: Option<Duration>,
    /// The variants, in the scenario's order.
    pub variants: Vec<VariantPlan>,
    /// The trials in their order: complete blocks, each in random order.
    pub order: Vec<TrialPlan>,
    /// The embedded cluster's routing lag.
    pub embedded: EmbeddedPlan,
    /// A send later than this during a rollout makes the trial invalid.
    pub max_lag: Duration,
    /// Whether the side probe watches the old pods' listeners.
    pub probe: bool,
    /// The folders that the manifests stand in, beside which `images/NAME/` is looked for.
    pub folders: Vec<PathBuf>,
    /// What was decided for the user and should be said before the start.
    pub notes: Vec<String>,
    /// What else should be said: which objects the cluster at hand is not given, see [`RunPlan::set_aside`].
    pub aside: Vec<String>,
}

/// One variant.
#[derive(Debug, Clone, PartialEq)]
pub struct VariantPlan {
    /// Its name.
    pub name: String,
    /// What is expected of it.
    pub expect: Expect,
    /// The most that a counting trial may lose and still be clean.
    pub lost_at_most: u64,
    /// Raced attempts count as lost.
    pub strict: bool,
    /// Its manifests, patched, an added Service included, in the order in which they are applied.
    pub manifests: Vec<Value>,
    /// Objects of its manifests that are recorded and not applied, see [`RunPlan::set_aside`].
    pub ignored: Vec<Value>,
    /// Its workload.
    pub workload: Workload,
    /// Its Service.
    pub service: Service,
    /// Its load.
    pub load: LoadSpec,
    /// What a trial does to the workload.
    pub rollout: RolloutSpec,
    /// Every manifest and patch of it is compiled in, word for word, and its rollout brings nothing else. What its images are
    /// is not said by that.
    pub shipped: bool,
    /// What should be said of it before the start.
    pub notes: Vec<String>,
}

impl VariantPlan {
    /// The pods that a trial may have beyond `workload.replicas`.
    #[must_use]
    pub fn surge(&self) -> u32 {
        match self.rollout.action {
            RolloutAction::Scale { from, to } => to.saturating_sub(from),
            _ => self.workload.surge,
        }
    }

    /// The workload's manifest with a rollout's patch in it; `None` for any other rollout.
    #[must_use]
    pub fn patched(&self) -> Option<Value> {
        let RolloutAction::Patch { patch } = &self.rollout.action else { return None };
        let mut manifest = self.manifests.get(self.workload.index)?.clone();
        strategic_merge(&mut manifest, patch).ok()?;
        Some(manifest)
    }

    /// Fills in how many pods the workload has, once they are counted: those of a `DaemonSet` are not in its manifest.
    ///
    /// # Errors
    /// The manifest's strategy is wrong, which the plan has found out before.
    pub fn set_pods(&mut self, pods: u32) -> Result<(), ManifestError> {
        let manifest = self.manifests.get(self.workload.index).unwrap_or(&Value::Null);
        self.workload = self.workload.with_pods(manifest, pods)?;
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

/// The embedded cluster's routing lag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmbeddedPlan {
    /// From a change of endpoints until a sync is due.
    pub base: Duration,
    /// The least time between two syncs.
    pub min_sync_period: Duration,
}

impl EmbeddedPlan {
    /// The longest that routing lags behind a change: the base with its jitter of half of it, then a whole period.
    #[must_use]
    pub fn lag_max(&self) -> Duration {
        self.base.mul_f64(1.5) + self.min_sync_period
    }
}

impl Default for EmbeddedPlan {
    fn default() -> Self {
        Self { base: Duration::from_millis(100), min_sync_period: Duration::from_secs(1) }
    }
}

/// What the command line decides over the scenario.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Overrides {
    /// Requests a second, for every variant.
    pub rate: Option<f64>,
    /// Trials of each variant.
    pub trials: Option<u32>,
    /// The seed; the caller draws one where the user gave none.
    pub seed: u64,
}

/// What the command line chooses in manifests that come without a scenario.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// The workload, for example `deployment/web`.
    pub workload: Option<String>,
    /// The Service's name.
    pub service: Option<String>,
    /// The Service's port.
    pub port: Option<crate::manifest::PortName>,
}
