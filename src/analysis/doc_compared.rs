//! The view model of comparisons, a part of `report.json`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::stats::Alternative;
use crate::verdict::{Conclusion, Metric};

/// How it is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Test {
    /// The exact sign-flip permutation test on per-block differences.
    SignFlip,
}

/// A variant beside the baseline, in one metric. Each variant has one entry for each metric, `lost` first. Only `lost` is
/// tested; in the others what belongs to a test is `null`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ComparisonDoc {
    /// What is compared.
    pub metric: Metric,
    /// The baseline's name.
    pub baseline: String,
    /// The variant's name.
    pub variant: String,
    /// Blocks in which both count and have a value.
    pub blocks: u32,
    /// How large the difference is; `null` without such a block.
    pub difference: Option<Difference>,
    /// How it is tested; `null` if it is not.
    pub test: Option<Test>,
    /// What was tested for, fixed by what was expected.
    pub alternative: Option<Alternative>,
    /// The p of this comparison alone; `null` without such a block.
    pub p_value: Option<f64>,
    /// The same, adjusted by Holm's method for all of this run's comparisons of `lost`.
    pub p_adjusted: Option<f64>,
    /// The smallest adjusted p that these blocks could have given.
    pub smallest_p: Option<f64>,
    /// Trials that lost anything, beside the baseline's.
    pub lost_anything: Option<LostAnythingDoc>,
    /// What follows from the adjusted p, at the level of 0.05.
    pub conclusion: Option<Conclusion>,
}

/// Counting trials that lost anything. They are taken as independent; no conclusion follows from them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LostAnythingDoc {
    /// The baseline's counting trials.
    pub baseline_trials: u32,
    /// Those that lost something.
    pub baseline_trials_with_loss: u32,
    /// The variant's counting trials.
    pub variant_trials: u32,
    /// Those that lost something.
    pub variant_trials_with_loss: u32,
    /// The p of Fisher's exact test for the same alternative, not adjusted; `null` if either has no counting trial.
    pub fisher_p_value: Option<f64>,
}

/// A difference, variant minus baseline, in the metric's unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// The mean over blocks.
    pub estimate: f64,
    /// The lower end of the interval of all differences that the two-sided sign-flip test leaves open at `level`; `null` with
    /// one block, which leaves all open.
    pub low: Option<f64>,
    /// Its upper end.
    pub high: Option<f64>,
    /// The level that it attains, of this comparison alone: the largest that is not above 0.95, or with fewer than five
    /// blocks that of the widest interval there is.
    pub level: Option<f64>,
}
