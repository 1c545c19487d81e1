//! Fisher's exact test of two shares.

use super::Alternative;

/// How many of a group of trials showed something, and how many did not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrialSplit {
    /// Trials that showed it.
    pub with: u32,
    /// Trials that did not.
    pub without: u32,
}

impl TrialSplit {
    /// All of them.
    #[must_use]
    pub fn total(self) -> u32 {
        self.with.saturating_add(self.without)
    }
}

/// The exact p of the variant's share of trials `with` against the baseline's; [`Alternative::Less`] is a smaller share.
///
/// Given how many trials showed it in all, the variant's number is hypergeometric if both are alike (R. A. Fisher, The
/// Logic of Inductive Inference, 1935). One-sided p is its tail; two-sided p adds up every number that is no likelier than
/// the one observed, as R's `fisher.test` does. `None` if either group is empty.
#[must_use]
pub fn fisher(baseline: TrialSplit, variant: TrialSplit, alternative: Alternative) -> Option<f64> {
    if baseline.total() == 0 || variant.total() == 0 {
        return None;
    }
    let with = baseline.with.saturating_add(variant.with);
    let least = with.saturating_sub(baseline.total());
    let weights = weights(baseline.total(), variant.total(), with, least);
    let observed = usize::try_from(variant.with - least).unwrap_or(usize::MAX);
    let all: f64 = weights.iter().sum();
    let extreme: f64 = match alternative {
        Alternative::Less => weights.iter().take(observed.saturating_add(1)).sum(),
        Alternative::Greater => weights.iter().skip(observed).sum(),
        Alternative::TwoSided => {
            // Equal weights may differ by rounding.
            let limit = weights.get(observed).copied().unwrap_or(0.0) * (1.0 + 1e-7);
            weights.iter().filter(|weight| **weight <= limit).sum()
        }
    };
    Some((extreme / all).min(1.0))
}

/// How likely each number of the variant's trials is, from the least on, relative to the likeliest: from there the
/// ratios of neighbours lead to both ends, so that nothing overflows.
fn weights(baseline: u32, variant: u32, with: u32, least: u32) -> Vec<f64> {
    let most = variant.min(with);
    let [of_variant, of_baseline, of_with] = [variant, baseline, with].map(f64::from);
    // From x to x + 1.
    let ratio = |x: u32| {
        let x = f64::from(x);
        (of_variant - x) * (of_with - x) / ((x + 1.0) * (of_baseline - of_with + x + 1.0))
    };
    let likeliest = (u64::from(variant) + 1) * (u64::from(with) + 1) / (u64::from(variant) + u64::from(baseline) + 2);
    let likeliest = u32::try_from(likeliest).unwrap_or(most).clamp(least, most);
    let down = |weight: &mut f64, x: u32| {
        *weight /= ratio(x);
        Some(*weight)
    };
    let up = |weight: &mut f64, x: u32| {
        *weight *= ratio(x);
        Some(*weight)
    };
    let mut below: Vec<f64> = (least..likeliest).rev().scan(1.0, down).collect();
    below.reverse();
    below.into_iter().chain(std::iter::once(1.0)).chain((likeliest..most).scan(1.0, up)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use statrs::distribution::{Discrete, Hypergeometric};

    use super::*;

    fn split(with: u32, of: u32) -> TrialSplit {
        TrialSplit { with, without: of - with }
    }

    #[test]
    fn known_tables() {
        let p = |baseline, variant| fisher(baseline, variant, Alternative::Less).unwrap();
        assert!((p(split(5, 5), split(0, 5)) - 1.0 / 252.0).abs() < 1e-12);
        assert!((p(split(4, 5), split(0, 5)) - 5.0 / 210.0).abs() < 1e-12);
        assert!((p(split(3, 5), split(0, 5)) - 10.0 / 120.0).abs() < 1e-12);
        assert!((p(split(0, 5), split(0, 5)) - 1.0).abs() < 1e-12);
        let two_sided = fisher(split(5, 5), split(0, 5), Alternative::TwoSided).unwrap();
        assert!((two_sided - 2.0 / 252.0).abs() < 1e-12);
    }

    #[test]
    fn without_trials_there_is_no_p() {
        assert_eq!(fisher(split(0, 0), split(1, 2), Alternative::Less), None);
        assert_eq!(fisher(split(1, 2), split(0, 0), Alternative::TwoSided), None);
    }

    #[test]
    fn a_thousand_trials_do_not_overflow() {
        let p = fisher(split(1_000, 1_000), split(0, 1_000), Alternative::Less).unwrap();
        assert!((0.0..1e-300).contains(&p), "{p}");
        let alike = fisher(split(500, 1_000), split(500, 1_000), Alternative::TwoSided).unwrap();
        assert!((alike - 1.0).abs() < 1e-9, "{alike}");
    }

    proptest! {
        #[test]
        fn it_is_the_hypergeometric_sum(
            (of_baseline, in_baseline) in (1_u32..=30).prop_flat_map(|of| (Just(of), 0..=of)),
            (of_variant, in_variant) in (1_u32..=30).prop_flat_map(|of| (Just(of), 0..=of)),
        ) {
            let with = in_baseline + in_variant;
            let oracle = Hypergeometric::new(
                u64::from(of_baseline + of_variant), u64::from(with), u64::from(of_variant)).unwrap();
            let least = u64::from(with.saturating_sub(of_baseline));
            let most = u64::from(of_variant.min(with));
            let observed = u64::from(in_variant);
            let sum = |keep: &dyn Fn(u64) -> bool| (least..=most).filter(|x| keep(*x)).map(|x| oracle.pmf(x)).sum::<f64>();
            let limit = oracle.pmf(observed) * (1.0 + 1e-7);
            for (alternative, expected) in [
                (Alternative::Less, sum(&|x| x <= observed)),
                (Alternative::Greater, sum(&|x| x >= observed)),
                (Alternative::TwoSided, sum(&|x| oracle.pmf(x) <= limit)),
            ] {
                let found =
                    fisher(split(in_baseline, of_baseline), split(in_variant, of_variant), alternative).unwrap();
                prop_assert!((found - expected).abs() < 1e-9, "{alternative:?} {found} {expected}");
            }
        }
    }
}
