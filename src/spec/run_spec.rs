//! A whole run.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::VariantSpec;
use super::adapters::nanoseconds;

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSpec {
    /// What all variants share.
    #[serde(flatten)]
    pub settings: RunSettings,
    /// The variants, in the scenario's order.
    pub variants: Vec<VariantSpec>,
}

/// What the variants of a run share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSettings {
    /// The scenario's name.
    pub scenario: String,
    /// The seed of everything that is drawn.
    pub seed: u64,
    /// Trials of each variant, which is also the number of blocks.
    pub trials: u32,
    /// The variant that the others are compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
    /// The variant that only shows whether this run sees a loss: compared with none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<String>,
    /// A send later than this during a rollout makes the trial invalid.
    #[serde(rename = "max_lag_ns", with = "nanoseconds")]
    pub max_lag: Duration,
    /// The load before a rollout's first mark.
    #[serde(rename = "lead_in_ns", with = "nanoseconds", default = "lead_in", skip_serializing_if = "is_lead_in")]
    pub lead_in: Duration,
    /// The load after a rollout is complete and its old pods are gone; longer where routing lags longer.
    #[serde(rename = "tail_ns", with = "nanoseconds", default = "tail", skip_serializing_if = "is_tail")]
    pub tail: Duration,
    /// Whether the side probe watches the old pods' listeners.
    pub side_probe: bool,
    /// How often it connects to each.
    #[serde(
        rename = "side_probe_every_ns",
        with = "nanoseconds",
        default = "side_probe_every",
        skip_serializing_if = "is_side_probe_every"
    )]
    pub side_probe_every: Duration,
    /// Where it takes place.
    pub cluster: ClusterSpec,
    /// The folders that the manifests stand in, beside which `images/NAME/` is looked for.
    pub folders: Vec<PathBuf>,
    /// What was decided for the user and is said before the start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl RunSettings {
    /// A run on the embedded cluster with everything else as it is by default.
    #[must_use]
    pub fn new(scenario: &str, seed: u64, trials: u32) -> Self {
        Self {
            scenario: scenario.to_owned(),
            seed,
            trials,
            baseline: None,
            control: None,
            max_lag: Duration::from_millis(100),
            lead_in: lead_in(),
            tail: tail(),
            side_probe: true,
            side_probe_every: side_probe_every(),
            cluster: ClusterSpec { choice: "embedded".to_owned(), routing: RoutingSpec::default() },
            folders: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// [`Self::max_lag`] in whole milliseconds.
    #[must_use]
    pub fn max_lag_ms(&self) -> u64 {
        u64::try_from(self.max_lag.as_millis()).unwrap_or(u64::MAX)
    }
}

/// [`RunSettings::lead_in`] of a usual run.
const fn lead_in() -> Duration {
    Duration::from_secs(3)
}

fn is_lead_in(time: &Duration) -> bool {
    *time == lead_in()
}

/// [`RunSettings::tail`] of a usual run.
const fn tail() -> Duration {
    Duration::from_secs(2)
}

fn is_tail(time: &Duration) -> bool {
    *time == tail()
}

/// [`RunSettings::side_probe_every`] of a usual run.
const fn side_probe_every() -> Duration {
    Duration::from_millis(20)
}

fn is_side_probe_every(time: &Duration) -> bool {
    *time == side_probe_every()
}

/// Where a run takes place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterSpec {
    /// As `--cluster` names it, for example `kind:two`.
    pub choice: String,
    /// How the embedded cluster's routing lags; a real one's is its own.
    pub routing: RoutingSpec,
}

/// How the embedded cluster's routing follows a change of endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutingSpec {
    /// From a change of endpoints until a sync is due.
    #[serde(rename = "base_ns", with = "nanoseconds")]
    pub base: Duration,
    /// The least time from the end of one sync to the start of the next.
    #[serde(rename = "min_sync_period_ns", with = "nanoseconds")]
    pub min_sync_period: Duration,
}

impl RoutingSpec {
    /// The longest that routing lags behind a change: the base with its jitter of half of it, then a whole period.
    #[must_use]
    pub fn lag_max(&self) -> Duration {
        self.base.mul_f64(1.5) + self.min_sync_period
    }
}

impl Default for RoutingSpec {
    fn default() -> Self {
        Self { base: Duration::from_millis(100), min_sync_period: Duration::from_secs(1) }
    }
}
