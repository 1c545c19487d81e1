//! A variant beside the baseline, block by block. It never decides a verdict.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::state::{Judged, State};
use crate::record::header::Expect;
use crate::stats::{Alternative, LEVEL, sign_flip, smallest_p};

/// What a comparison concludes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Conclusion {
    /// The difference is shown at the level of 0.05.
    Shown,
    /// It is not.
    NotShown,
    /// The plan had too few blocks to show any difference.
    Observed,
}

/// A variant's losses beside the baseline's.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// What was tested for, fixed by what was expected.
    pub alternative: Alternative,
    /// Blocks in which both count.
    pub blocks: u32,
    /// The sign-flip p; `None` without such a block.
    pub p_value: Option<f64>,
    /// The smallest p that these blocks could have given.
    pub smallest_p: f64,
    /// The mean difference of lost attempts a rollout, variant minus baseline; `None` without such a block.
    pub mean_difference: Option<f64>,
    /// What follows.
    pub conclusion: Conclusion,
}

/// Compares the lost attempts of a variant's counting trials with the baseline's, in a plan of `planned` blocks.
#[must_use]
pub fn compare(baseline: (Expect, &[Judged<'_>]), variant: (Expect, &[Judged<'_>]), planned: u32) -> Comparison {
    let alternative = match (baseline.0, variant.0) {
        (Expect::Loss, Expect::Clean) => Alternative::Less,
        (Expect::Clean, Expect::Loss) => Alternative::Greater,
        _ => Alternative::TwoSided,
    };
    let two_sided = alternative == Alternative::TwoSided;
    let (of_baseline, of_variant) = (lost_by_block(baseline.1), lost_by_block(variant.1));
    let both = of_variant.iter().filter_map(|(block, lost)| Some(lost - of_baseline.get(block)?));
    let differences: Vec<i64> = both.collect();
    let blocks = u32::try_from(differences.len()).unwrap_or(u32::MAX);
    let p_value = (blocks > 0).then(|| sign_flip(&differences, alternative));
    let conclusion = if smallest_p(planned, two_sided) > LEVEL {
        Conclusion::Observed
    } else if p_value.is_some_and(|p| p <= LEVEL) {
        Conclusion::Shown
    } else {
        Conclusion::NotShown
    };
    let smallest_p = smallest_p(blocks, two_sided);
    Comparison { alternative, blocks, p_value, smallest_p, mean_difference: mean(&differences), conclusion }
}

/// The lost attempts of each block's counting trial.
fn lost_by_block(trials: &[Judged<'_>]) -> BTreeMap<u32, i64> {
    let counting = trials.iter().filter(|judged| judged.state == State::Counts);
    counting.map(|judged| (judged.trial.start.block, i64::try_from(judged.counts.lost).unwrap_or(i64::MAX))).collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts of attempts are far below 2^53")]
fn mean(values: &[i64]) -> Option<f64> {
    let sum: i128 = values.iter().map(|value| i128::from(*value)).sum();
    (!values.is_empty()).then(|| sum as f64 / values.len() as f64)
}
