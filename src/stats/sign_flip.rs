//! The exact sign-flip permutation test on paired differences.
//!
//! If a block's two variants do not differ, its difference is as likely to have either sign. Under that hypothesis all
//! 2^k sign patterns of the k differences are equally likely, and p is the share of them whose sum is at least as
//! extreme as the one observed (R. A. Fisher, The Design of Experiments, 1935, section 21; E. S. Edgington,
//! Randomization Tests). A difference of zero has the same sum with either sign, so it adds nothing, and the smallest
//! p that can be reached grows accordingly.

/// Which differences speak against the hypothesis; fixed before the run.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Alternative {
    /// The differences tend to be below zero.
    Less,
    /// The differences tend to be above zero.
    Greater,
    /// They tend to be on one side of zero.
    TwoSided,
}

/// The most distinct sums that are kept for each half of the differences. Forty differences reach it whatever they
/// are; more do only when they are both many and large.
const MOST_SUMS: usize = 1 << 20;

/// The exact p of `differences` (variant minus baseline, one of each block) against `alternative`.
///
/// Whole numbers keep it exact: sums are compared without rounding, and the shares are dyadic. The two halves of the
/// differences are enumerated apart and met in the middle, so that the cost is that of half the blocks. No
/// differences, or more distinct sums than are kept (not below 41 differences), give 1: nothing is shown.
#[must_use]
pub fn sign_flip(differences: &[i64], alternative: Alternative) -> f64 {
    let observed: i128 = differences.iter().map(|d| i128::from(*d)).sum();
    let moving: Vec<i128> = differences.iter().map(|d| i128::from(*d).abs()).filter(|d| *d != 0).collect();
    let (left, right) = moving.split_at(moving.len() / 2);
    let (Some(left), Some(right)) = (sums(left), sums(right)) else { return 1.0 };
    // The distribution is symmetric about zero, so one tail serves all three alternatives.
    match alternative {
        Alternative::Greater => tail(&left, &right, observed),
        Alternative::Less => tail(&left, &right, -observed),
        Alternative::TwoSided if observed == 0 => 1.0,
        Alternative::TwoSided => (2.0 * tail(&left, &right, observed.abs())).min(1.0),
    }
}

/// A sum of signed differences, and the share of sign patterns that give it.
type WeightedSum = (i128, f64);

/// Every sum of `sizes` with signs, ascending, each with its share; `None` if there are too many.
fn sums(sizes: &[i128]) -> Option<Vec<WeightedSum>> {
    let mut all: Vec<WeightedSum> = vec![(0, 1.0)];
    for size in sizes {
        all = merge(&all, *size);
        if all.len() > MOST_SUMS {
            return None;
        }
    }
    Some(all)
}

/// The sums after one more difference: each moved down and up by `size`, at half its share, equal ones joined.
fn merge(all: &[WeightedSum], size: i128) -> Vec<WeightedSum> {
    let mut down = all.iter().map(|(sum, share)| (sum - size, share / 2.0)).peekable();
    let mut up = all.iter().map(|(sum, share)| (sum + size, share / 2.0)).peekable();
    let mut merged = Vec::with_capacity(all.len() * 2);
    loop {
        match (down.peek().copied(), up.peek().copied()) {
            (Some(low), Some(high)) if low.0 == high.0 => {
                merged.push((low.0, low.1 + high.1));
                down.next();
                up.next();
            }
            (Some(low), Some(high)) if low.0 > high.0 => {
                merged.push(high);
                up.next();
            }
            (Some(low), _) => {
                merged.push(low);
                down.next();
            }
            (None, Some(high)) => {
                merged.push(high);
                up.next();
            }
            (None, None) => return merged,
        }
    }
}

/// The share of sign patterns whose sum is at least `at_least`, over two independent halves.
fn tail(left: &[WeightedSum], right: &[WeightedSum], at_least: i128) -> f64 {
    // As the left sum grows, the right sums that suffice begin ever lower: one pass over each.
    let mut from = right.len();
    let mut enough = 0.0;
    let mut total = 0.0;
    for (sum, share) in left {
        while from > 0 && right[from - 1].0 + sum >= at_least {
            from -= 1;
            enough += right[from].1;
        }
        total += share * enough;
    }
    total
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::smallest_p;

    /// The definition, pattern by pattern.
    fn by_enumeration(differences: &[i64], alternative: Alternative) -> f64 {
        let observed: i64 = differences.iter().sum();
        let patterns = 1_u32 << differences.len();
        let extreme = (0..patterns).filter(|pattern| {
            let signed = |(i, d): (usize, &i64)| if pattern >> i & 1 == 1 { -d } else { *d };
            let sum: i64 = differences.iter().enumerate().map(signed).sum();
            match alternative {
                Alternative::Less => sum <= observed,
                Alternative::Greater => sum >= observed,
                Alternative::TwoSided => sum.abs() >= observed.abs(),
            }
        });
        f64::from(u32::try_from(extreme.count()).unwrap()) / f64::from(patterns)
    }

    fn same(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn equal_differences_reach_the_smallest_p() {
        for blocks in 1..=20_u32 {
            let lower = vec![-8; blocks as usize];
            assert!(same(sign_flip(&lower, Alternative::Less), smallest_p(blocks, false)), "{blocks}");
            assert!(same(sign_flip(&lower, Alternative::TwoSided), smallest_p(blocks, true)), "{blocks}");
            assert!(same(sign_flip(&lower, Alternative::Greater), 1.0), "{blocks}");
        }
    }

    #[test]
    fn a_block_without_difference_shows_nothing_and_costs_a_block() {
        assert!(same(sign_flip(&[-9, -8, 0, -7, -9], Alternative::Less), smallest_p(4, false)));
        assert!(same(sign_flip(&[0, 0, 0], Alternative::Less), 1.0));
        assert!(same(sign_flip(&[0, 0, 0], Alternative::TwoSided), 1.0));
        assert!(same(sign_flip(&[], Alternative::Less), 1.0));
    }

    #[test]
    fn forty_large_differences_are_still_exact() {
        let many: Vec<i64> = (0..40).map(|i| -(1 << i)).collect();
        assert!(same(sign_flip(&many, Alternative::Less) * 2_f64.powi(40), 1.0));
        // Beyond what is kept the answer is that nothing is shown, never a small p.
        let too_many: Vec<i64> = (0..60).map(|i| -(1 << i)).collect();
        assert!(same(sign_flip(&too_many, Alternative::Less), 1.0));
        let many_alike = vec![-3; 200];
        assert!(sign_flip(&many_alike, Alternative::Less) < 1e-50);
    }

    proptest! {
        #[test]
        fn it_is_the_definition(differences in prop::collection::vec(-6_i64..=6, 0..=10)) {
            for alternative in [Alternative::Less, Alternative::Greater, Alternative::TwoSided] {
                let (p, expected) = (sign_flip(&differences, alternative), by_enumeration(&differences, alternative));
                prop_assert!(same(p, expected), "{alternative:?} {p} {expected}");
            }
        }

        #[test]
        fn it_never_beats_the_smallest_p_and_is_a_probability(differences in prop::collection::vec(any::<i64>(), 1..=12)) {
            let blocks = u32::try_from(differences.len()).unwrap();
            for (alternative, two_sided) in
                [(Alternative::Less, false), (Alternative::Greater, false), (Alternative::TwoSided, true)]
            {
                let p = sign_flip(&differences, alternative);
                prop_assert!(p <= 1.0 && p >= smallest_p(blocks, two_sided) - 1e-15, "{p}");
            }
        }

        #[test]
        fn under_the_hypothesis_p_is_at_most_alpha_with_at_most_that_probability(
            sizes in prop::collection::vec(0_i64..=5, 1..=8), alpha in 0.0_f64..0.5
        ) {
            let patterns = 1_u32 << sizes.len();
            for alternative in [Alternative::Less, Alternative::Greater, Alternative::TwoSided] {
                let rejected = (0..patterns).filter(|pattern| {
                    let signed: Vec<i64> =
                        sizes.iter().enumerate().map(|(i, d)| if pattern >> i & 1 == 1 { -d } else { *d }).collect();
                    sign_flip(&signed, alternative) <= alpha
                });
                let share = f64::from(u32::try_from(rejected.count()).unwrap()) / f64::from(patterns);
                prop_assert!(share <= alpha + 1e-12, "{alternative:?} {share} {alpha}");
            }
        }
    }
}
