//! Variants beside the baseline, block by block. It never decides a verdict.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::effect::{Effect, Metric, Side, differences};
use super::state::State;
use crate::spec::Expect;
use crate::stats::{Alternative, LEVEL, TrialSplit, fisher, holm, sign_flip, smallest_adjusted};

/// What a comparison concludes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Conclusion {
    /// The difference is shown at the level of 0.05, after Holm's adjustment for all comparisons of lost attempts.
    Shown,
    /// It is not.
    NotShown,
    /// The plan had too few blocks to show any difference.
    Observed,
}

impl Conclusion {
    /// What follows from an adjusted p, where the smallest that the plan can reach is `reachable`.
    pub(crate) fn of(p_adjusted: Option<f64>, reachable: f64) -> Self {
        match p_adjusted {
            _ if reachable > LEVEL => Self::Observed,
            Some(p) if p <= LEVEL => Self::Shown,
            _ => Self::NotShown,
        }
    }
}

/// A variant's losses beside the baseline's.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// What was tested for, fixed by what was expected.
    pub alternative: Alternative,
    /// Blocks in which both count.
    pub blocks: u32,
    /// The sign-flip p of this comparison alone; `None` without such a block.
    pub p_value: Option<f64>,
    /// The same after Holm's adjustment for all comparisons with the baseline; `None` without such a block.
    pub p_adjusted: Option<f64>,
    /// The smallest adjusted p that the blocks which count could have given.
    pub smallest_p: f64,
    /// The difference of lost attempts a rollout, variant minus baseline; `None` without such a block.
    pub effect: Option<Effect>,
    /// The trials that lost anything, beside those of the baseline.
    pub lost_anything: LostAnything,
    /// What follows.
    pub conclusion: Conclusion,
}

/// Counting trials with a lost attempt and without.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LostAnything {
    /// The baseline's.
    pub baseline: TrialSplit,
    /// The variant's.
    pub variant: TrialSplit,
    /// Fisher's exact p, for the same alternative; `None` if either has no counting trial. It takes trials as independent
    /// and leaves their blocks out of account, and it is not adjusted: no conclusion follows from it.
    pub p_value: Option<f64>,
}

/// Compares the lost attempts of each variant's counting trials with the baseline's, in a plan of `planned` blocks. The
/// variants are one family: each is judged by a p that is adjusted for all of them, also for those that have no
/// block in common with the baseline, because they were planned.
#[must_use]
pub fn compare(baseline: Side<'_>, variants: &[Side<'_>], planned: u32) -> Vec<Comparison> {
    let mut found: Vec<Comparison> = variants.iter().map(|variant| alone(baseline, *variant)).collect();
    let adjusted = holm(&found.iter().map(|one| one.p_value.unwrap_or(1.0)).collect::<Vec<f64>>());
    let two_sided: Vec<bool> = found.iter().map(|one| one.alternative == Alternative::TwoSided).collect();
    let reachable = smallest_adjusted(&two_sided, planned);
    for (((index, one), p), reachable) in found.iter_mut().enumerate().zip(adjusted).zip(reachable) {
        one.p_adjusted = one.p_value.map(|_| p);
        one.smallest_p = smallest_adjusted(&two_sided, one.blocks).get(index).copied().unwrap_or(1.0);
        one.conclusion = Conclusion::of(one.p_adjusted, reachable);
    }
    found
}

/// A comparison before it is put beside the others.
fn alone(baseline: Side<'_>, variant: Side<'_>) -> Comparison {
    let alternative = match (baseline.variant.expect, variant.variant.expect) {
        (Expect::Loss, Expect::Clean) => Alternative::Less,
        (Expect::Clean, Expect::Loss) => Alternative::Greater,
        _ => Alternative::TwoSided,
    };
    let differences = differences(baseline, variant, Metric::Lost);
    let (of_baseline, of_variant) = (lost_anything(baseline), lost_anything(variant));
    Comparison {
        alternative,
        blocks: u32::try_from(differences.len()).unwrap_or(u32::MAX),
        p_value: (!differences.is_empty()).then(|| sign_flip(&differences, alternative)),
        p_adjusted: None,
        smallest_p: 1.0,
        effect: Effect::of(&differences, Metric::Lost),
        lost_anything: LostAnything {
            baseline: of_baseline,
            variant: of_variant,
            p_value: fisher(of_baseline, of_variant, alternative),
        },
        conclusion: Conclusion::NotShown,
    }
}

fn lost_anything(side: Side<'_>) -> TrialSplit {
    let counting = || side.trials.iter().filter(|judged| judged.state == State::Counts);
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let with = counting().filter(|judged| judged.loss > 0).count();
    TrialSplit { with: count(with), without: count(counting().count() - with) }
}
