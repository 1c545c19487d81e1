//! `diff.json` as types, and its writer. Its schema is `docs/diff.schema.json`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::analysis::ClusterDoc;
use crate::report::pretty;
use crate::verdict::{Conclusion, Verdict};

/// The version of the format. It grows when a reader must change.
pub const FORMAT: u32 = 1;

/// Two runs of one scenario beside each other. Differences are new minus old.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DiffDoc {
    /// The version of this format.
    pub format: u32,
    /// The scenario's name.
    pub scenario: String,
    /// The run that is compared with.
    pub old: RunDoc,
    /// The run that is compared.
    pub new: RunDoc,
    /// The variants, in the new run's order, the control left out.
    pub variants: Vec<VariantDiff>,
    /// What a reader should know besides, in sentences: what else differs between the runs, among it.
    pub notes: Vec<String>,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunDoc {
    /// The version of rollproof that made it.
    pub rollproof: String,
    /// When it began, RFC 3339.
    pub started: String,
    /// Where it ran.
    pub cluster: ClusterDoc,
    /// Its seed.
    pub seed: u64,
    /// Its verdict, which comes from itself alone.
    pub verdict: Verdict,
}

/// A variant in both runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VariantDiff {
    /// Its name.
    pub name: String,
    /// It in the old run.
    pub old: SideDoc,
    /// It in the new run.
    pub new: SideDoc,
    /// Lost attempts of the judged arms, a trial.
    pub lost: LostDiff,
    /// The rollout's length in seconds; `null` if a run has no counting trial that tells it, here and below.
    pub rollout_s: Option<Shift>,
    /// The pod-seconds used during the rollout.
    pub pod_s: Option<Shift>,
    /// The 99th percentile of the latencies of the judged arms' ok attempts during the rollout, in microseconds.
    pub p99_during_us: Option<Shift>,
}

/// A variant's counting trials in one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SideDoc {
    /// Its verdict.
    pub verdict: Verdict,
    /// Trials that count.
    pub trials: u32,
    /// Counting trials that lost something.
    pub trials_with_loss: u32,
    /// Lost attempts of each counting trial, in their blocks' order.
    pub lost: Vec<i64>,
}

/// How lost attempts are tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Test {
    /// The two-sided permutation test of two means, over every way to deal the trials out to the two runs.
    PermutationExact,
    /// The same over 65,536 ways, the one seen among them; the others are random, and the same each time.
    PermutationSampled,
}

/// Lost attempts a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LostDiff {
    /// How large the difference is; `null` if a run has no counting trial, here and below.
    pub difference: Option<Shift>,
    /// How it is tested.
    pub test: Option<Test>,
    /// The two-sided p of this variant alone.
    pub p_value: Option<f64>,
    /// The same, adjusted by Holm's method for all variants.
    pub p_adjusted: Option<f64>,
    /// The smallest adjusted p that this many trials could have given.
    pub smallest_p: f64,
    /// The two-sided p of Fisher's exact test on trials that lost anything, not adjusted; nothing is concluded from it.
    pub fisher_p_value: Option<f64>,
    /// What follows from the adjusted p, at the level of 0.05. `observed`: no p of so few trials could have shown anything.
    pub conclusion: Conclusion,
}

/// A difference, new minus old, in the metric's unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Shift {
    /// The difference of the means over counting trials.
    pub estimate: f64,
    /// The lower end of the interval of all differences that the permutation test leaves open at `level`, supposing that one
    /// run's trials are the other's, moved; `null` with one trial in each, which leave all open.
    pub low: Option<f64>,
    /// Its upper end.
    pub high: Option<f64>,
    /// The level that it attains, of this variant alone: the largest that is not above 0.95, or with few trials that of the
    /// widest interval there is.
    pub level: Option<f64>,
}

/// The comparison as JSON with two spaces of indent and a last newline. The same records give the same bytes.
#[must_use]
pub fn to_json(diff: &DiffDoc) -> String {
    pretty(diff)
}

/// The JSON Schema of `diff.json`.
#[must_use]
pub fn schema() -> Value {
    schemars::schema_for!(DiffDoc).to_value()
}
