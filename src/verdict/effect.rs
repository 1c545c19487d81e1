//! How large a difference between a variant and the baseline is, block by block, whatever it is that differs.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::state::{Judged, State};
use crate::spec::VariantSpec;
use crate::stats::{Interval, mean_interval};
use crate::timeline::Phase;

/// What is compared, of each counting trial. Units stand last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Lost attempts of the judged arms.
    Lost,
    /// The rollout's length in seconds.
    RolloutS,
    /// The pod-seconds used during the rollout.
    PodS,
    /// The 99th percentile of the latencies of the judged arms' ok attempts during the rollout, in microseconds.
    P99DuringUs,
}

impl Metric {
    /// What a variant costs besides what it loses: estimated, never tested.
    pub const COSTS: [Self; 3] = [Self::RolloutS, Self::PodS, Self::P99DuringUs];

    /// The parts into which its unit is divided, so that whole numbers of them can be added up exactly.
    #[must_use]
    pub const fn parts(self) -> f64 {
        match self {
            Self::Lost | Self::P99DuringUs => 1.0,
            Self::RolloutS | Self::PodS => 1e3,
        }
    }

    /// Its value in a trial of `variant`, in these parts; `None` if the trial has none.
    fn of(self, judged: &Judged<'_>, variant: &VariantSpec) -> Option<i64> {
        let trial = judged.trial;
        match self {
            Self::Lost => i64::try_from(judged.loss).ok(),
            Self::RolloutS => trial.window?.rollout_s().map(|s| whole(s * self.parts())),
            Self::PodS => trial.pod_s.map(|s| whole(s * self.parts())),
            Self::P99DuringUs => {
                let all = trial.latencies(Phase::During, &variant.load.judged);
                all.per_mille(990).and_then(|us| i64::try_from(us).ok())
            }
        }
    }
}

/// The nearest whole number.
#[expect(clippy::cast_possible_truncation, reason = "a rollout is far shorter than 2^53 milliseconds")]
fn whole(value: f64) -> i64 {
    value.round() as i64
}

/// A variant with its trials.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// The variant.
    pub variant: &'a VariantSpec,
    /// Its trials, whether they count or not.
    pub trials: &'a [Judged<'a>],
}

impl Side<'_> {
    /// The values of its counting trials, in the metric's parts; those that have none are left out.
    #[must_use]
    pub fn values(self, metric: Metric) -> Vec<i64> {
        self.by_block(metric).into_values().collect()
    }

    /// The value of each block's counting trial. A trial that did not count is not there, so that its repeat takes
    /// its block's place.
    fn by_block(self, metric: Metric) -> BTreeMap<u32, i64> {
        let counting = self.trials.iter().filter(|judged| judged.state == State::Counts);
        counting.filter_map(|judged| Some((judged.trial.start.block, metric.of(judged, self.variant)?))).collect()
    }
}

/// The differences, variant minus baseline, of the blocks in which both have a value, in the metric's parts.
pub(super) fn differences(baseline: Side<'_>, variant: Side<'_>, metric: Metric) -> Vec<i64> {
    let (of_baseline, of_variant) = (baseline.by_block(metric), variant.by_block(metric));
    of_variant.iter().filter_map(|(block, value)| Some(value - of_baseline.get(block)?)).collect()
}

/// A difference, variant minus baseline, in the metric's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// Blocks in which both have a value.
    pub blocks: u32,
    /// The mean over them.
    pub mean: f64,
    /// The interval that the sign-flip test leaves open; `None` with one block.
    pub interval: Option<Interval>,
}

impl Effect {
    /// The effect in `metric` of a variant beside the baseline; `None` without a block in which both have a value.
    #[must_use]
    pub fn between(baseline: Side<'_>, variant: Side<'_>, metric: Metric) -> Option<Self> {
        Self::of(&differences(baseline, variant, metric), metric)
    }

    #[expect(clippy::cast_precision_loss, reason = "counts and milliseconds are far below 2^53")]
    pub(super) fn of(differences: &[i64], metric: Metric) -> Option<Self> {
        if differences.is_empty() {
            return None;
        }
        let sum: i128 = differences.iter().map(|difference| i128::from(*difference)).sum();
        let interval = mean_interval(differences).map(|Interval { low, high, level }| Interval {
            low: low / metric.parts(),
            high: high / metric.parts(),
            level,
        });
        Some(Self {
            blocks: u32::try_from(differences.len()).unwrap_or(u32::MAX),
            mean: sum as f64 / differences.len() as f64 / metric.parts(),
            interval,
        })
    }
}
