//! Several comparisons at once: Holm's adjustment, and what it leaves a plan to reach.

use super::LEVEL;
use super::detection_limits::{at_least, smallest_p};

/// Blocks beyond which no plan is looked for: 2^-64 is below any level that is divided by a number of comparisons.
const MOST_BLOCKS: u32 = 64;

/// The adjusted p of each of a family of comparisons, in the family's order (S. Holm, A Simple Sequentially Rejective
/// Multiple Test Procedure, Scandinavian Journal of Statistics 6, 1979): the i-th smallest of m is multiplied by m - i + 1,
/// is never below a smaller one's, and never above 1. Calling different what is at most 0.05 then calls any of those
/// that are equal different with a probability of at most 0.05, whichever they are. It is never above m times p.
#[must_use]
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut ascending: Vec<(usize, f64)> = p_values.iter().copied().enumerate().collect();
    ascending.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut largest = 0.0_f64;
    for ((index, p), left) in ascending.into_iter().zip((1..=p_values.len()).rev()) {
        largest = largest.max(p * number(left)).min(1.0);
        if let Some(place) = adjusted.get_mut(index) {
            *place = largest;
        }
    }
    adjusted
}

/// The smallest adjusted p that each comparison of a family can reach with this many blocks: reached when all are as
/// extreme as can be. `two_sided` says of each comparison whether it is.
#[must_use]
pub fn smallest_adjusted(two_sided: &[bool], blocks: u32) -> Vec<f64> {
    let alone: Vec<f64> = two_sided.iter().map(|two_sided| smallest_p(blocks, *two_sided)).collect();
    holm(&alone)
}

/// The fewest blocks with which the comparison at `index` of the family can reach [`LEVEL`]: 5, 6, 6 and 7 for 1, 2, 3 and
/// 5 one-sided ones. `None` if there is no such comparison.
#[must_use]
pub fn blocks_to_reach(two_sided: &[bool], index: usize) -> Option<u32> {
    (1..=MOST_BLOCKS).find(|blocks| smallest_adjusted(two_sided, *blocks).get(index).is_some_and(|p| *p <= LEVEL))
}

/// The number of blocks which, all differing to the same side while no other block differs to the other, show a
/// difference whatever the family's other comparisons come to.
///
/// A sign-flip p of b such blocks is exactly 2^-b (2^(1-b) two-sided), whatever the sizes of the differences, because
/// blocks without difference add nothing and only one sign pattern is as extreme; and Holm multiplies by at most m.
#[must_use]
pub fn blocks_that_suffice(comparisons: usize, two_sided: bool) -> u32 {
    let suffices = |blocks: &u32| number(comparisons) * smallest_p(*blocks, two_sided) <= LEVEL;
    (1..=MOST_BLOCKS).find(suffices).unwrap_or(MOST_BLOCKS)
}

/// The power of a plan of `blocks` blocks against a baseline that loses something in each rollout with probability `chance`,
/// independently, while the variant never does: that of at least [`blocks_that_suffice`] blocks in which it does. One
/// comparison alone is shown in exactly these cases; among several it may be shown in more.
#[must_use]
pub fn power(blocks: u32, comparisons: usize, two_sided: bool, chance: f64) -> f64 {
    at_least(blocks, blocks_that_suffice(comparisons, two_sided), chance)
}

#[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^53 comparisons")]
fn number(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use statrs::distribution::{Binomial, DiscreteCDF};

    use super::*;

    fn same(a: &[f64], b: &[f64]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12)
    }

    #[test]
    fn it_multiplies_steps_down_and_keeps_the_order() {
        assert!(same(&holm(&[0.01, 0.04, 0.03]), &[0.03, 0.06, 0.06]));
        assert!(same(&holm(&[0.5, 0.9]), &[1.0, 1.0]));
        assert!(same(&holm(&[0.03]), &[0.03]));
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn more_comparisons_need_more_blocks() {
        let one_sided = |comparisons: usize| blocks_to_reach(&vec![false; comparisons], 0).unwrap();
        assert_eq!([1, 2, 3, 5].map(one_sided), [5, 6, 6, 7]);
        assert_eq!([1, 2, 3, 5].map(|count| blocks_that_suffice(count, false)), [5, 6, 6, 7]);
        assert_eq!((blocks_to_reach(&[true], 0), blocks_that_suffice(1, true)), (Some(6), 6));
        assert_eq!(blocks_to_reach(&[false], 1), None);
        // The two-sided one is reached after the one-sided one was, but does not stand by itself yet.
        assert_eq!((blocks_to_reach(&[false, true], 1), blocks_that_suffice(2, true)), (Some(6), 7));
    }

    #[test]
    fn power_is_the_binomial_tail() {
        for (blocks, chance) in [(5, 0.9), (10, 0.9), (30, 0.3), (1_000, 0.5), (7, 1.0), (7, 0.0)] {
            let oracle = Binomial::new(chance, u64::from(blocks)).unwrap().sf(4);
            let found = power(blocks, 1, false, chance);
            assert!((found - oracle).abs() < 1e-9, "{blocks} {chance}: {found} {oracle}");
        }
        assert!(power(4, 1, false, 1.0).abs() < 1e-12, "four blocks cannot show it");
        assert!((power(5, 1, false, 1.0) - 1.0).abs() < 1e-12, "five blocks that all differ show it surely");
    }

    /// Bonferroni's bound over every set of hypotheses that holds the one in question: the closed test that Holm shortens.
    fn by_closure(p_values: &[f64], index: usize) -> f64 {
        let sets = (1_u32..1 << p_values.len()).filter(|set| set >> index & 1 == 1);
        let bound = |set: u32| {
            let members = p_values.iter().enumerate().filter(|(i, _)| set >> i & 1 == 1).map(|(_, p)| *p);
            (f64::from(set.count_ones()) * members.fold(1.0, f64::min)).min(1.0)
        };
        sets.map(bound).fold(0.0, f64::max)
    }

    proptest! {
        #[test]
        fn it_is_the_closed_bonferroni_test(p_values in prop::collection::vec(0.0_f64..=1.0, 1..=6)) {
            let adjusted = holm(&p_values);
            for (index, found) in adjusted.iter().enumerate() {
                prop_assert!((found - by_closure(&p_values, index)).abs() < 1e-12);
            }
        }
    }
}
