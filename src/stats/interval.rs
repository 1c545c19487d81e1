//! The interval of a mean difference that the sign-flip test leaves open.

use crate::rng::Rng;

/// The blocks whose signs are flipped independently of each other. Beyond, what is enumerated would not end.
const MOST_FREE: usize = 16;
/// A part of all sign patterns that 95 % leaves to each side: 1 in 40.
const EACH_SIDE: usize = 40;

/// The values of a mean difference that a two-sided test does not reject.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The smallest.
    pub low: f64,
    /// The largest.
    pub high: f64,
    /// The attained level, between 0 and 1: the interval holds the true difference with at least this probability.
    pub level: f64,
}

/// The interval of the mean of paired `differences`, one of each block, in their unit; `None` of fewer than two, which leave
/// everything open.
///
/// It holds every t for which the two-sided sign-flip test of `differences - t` has a p above 1 - level. Flipping the signs of
/// a subset S keeps the sum at least as large exactly if the mean of S is at most t, so that the ends are read off
/// the 2^k - 1 means of the non-empty subsets in ascending order: the j-th from below and the j-th from above hold
/// the centre with a probability of at least 1 - 2j / 2^k, if each difference is symmetric about it (J. A. Hartigan,
/// Using Subsample Values as Typical Values, Journal of the American Statistical Association 64, 1969). j is the smallest
/// with a level of at most 0.95, so that the level is the largest that is not above it, or, with few blocks, that of
/// the widest interval there is: 0.9375 with five blocks, 0.5 with two.
///
/// More than sixteen blocks have too many subsets. Then the same is done with a subgroup of 2^16 sign patterns, for which it
/// holds as well (the same source): the first sixteen signs are free, and each further one is flipped with a fixed
/// random half of them. The level is exact for these, and the interval little wider.
#[must_use]
pub fn mean_interval(differences: &[i64]) -> Option<Interval> {
    if differences.len() < 2 {
        return None;
    }
    let mut means = subset_means(differences);
    means.sort_unstable_by(f64::total_cmp);
    let patterns = means.len() + 1;
    let rank = patterns.div_ceil(EACH_SIDE);
    let (low, high) = (*means.get(rank - 1)?, *means.get(means.len().checked_sub(rank)?)?);
    Some(Interval { low, high, level: 1.0 - 2.0 * share(rank, patterns) })
}

#[expect(clippy::cast_precision_loss, reason = "at most 2^16 patterns")]
fn share(part: usize, of: usize) -> f64 {
    part as f64 / of as f64
}

/// The mean of the differences that each sign pattern but the one without a flip would flip.
#[expect(clippy::cast_precision_loss, reason = "sums of counts and of milliseconds are far below 2^53")]
fn subset_means(differences: &[i64]) -> Vec<f64> {
    let free = differences.len().min(MOST_FREE);
    let flips = generators(differences.len(), free);
    let mut inside = vec![false; differences.len()];
    let (mut sum, mut count) = (0_i128, 0_i64);
    let mut means = Vec::with_capacity((1 << free) - 1);
    // A Gray code: each step changes one generator, and every combination comes once.
    for step in 1_usize..1 << free {
        for &index in flips.get(step.trailing_zeros() as usize).into_iter().flatten() {
            let sign = if inside[index] { -1 } else { 1 };
            inside[index] = !inside[index];
            sum += i128::from(sign) * i128::from(differences[index]);
            count += sign;
        }
        means.push(sum as f64 / count as f64);
    }
    means
}

/// For each free sign, the blocks that are flipped with it, itself first. Every combination but the empty one
/// has one of the free blocks in it, so that none is empty.
fn generators(blocks: usize, free: usize) -> Vec<Vec<usize>> {
    let mut rng = Rng::stream(0, "sign-patterns");
    let mut flips: Vec<Vec<usize>> = (0..free).map(|block| vec![block]).collect();
    for block in free..blocks {
        let with = rng.next_u64();
        let chosen = flips.iter_mut().enumerate().filter(|(sign, _)| with >> sign & 1 == 1);
        chosen.for_each(|(_, flipped)| flipped.push(block));
    }
    flips
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rng::Rng;
    use crate::stats::{Alternative, sign_flip};

    #[test]
    fn the_level_is_the_largest_that_is_not_above_95_percent_or_the_widest_s() {
        let level = |blocks: usize| mean_interval(&vec![3; blocks]).unwrap().level;
        let levels = [(2, 0.5), (3, 0.75), (4, 0.875), (5, 0.937_5), (6, 0.937_5), (7, 0.937_5), (8, 242.0 / 256.0)];
        for (blocks, expected) in levels {
            assert!((level(blocks) - expected).abs() < 1e-12, "{blocks}: {}", level(blocks));
        }
        for blocks in [16, 17, 40, 200] {
            assert!((0.949..=0.95).contains(&level(blocks)), "{blocks}: {}", level(blocks));
        }
    }

    #[test]
    fn one_block_leaves_everything_open() {
        assert_eq!(mean_interval(&[]), None);
        assert_eq!(mean_interval(&[-8]), None);
    }

    #[test]
    fn five_blocks_reach_from_the_smallest_to_the_largest() {
        let found = mean_interval(&[-8, -9, -7, -8, -9]).unwrap();
        assert_eq!((found.low, found.high), (-9.0, -7.0));
    }

    #[test]
    fn many_blocks_give_a_narrow_interval_about_the_mean() {
        let mut rng = Rng::stream(3, "test");
        let differences: Vec<i64> = (0..60).map(|_| 100 + i64::try_from(rng.below(41)).unwrap() - 20).collect();
        let found = mean_interval(&differences).unwrap();
        // The standard error is about 11.8 / sqrt(60), 1.5.
        assert!(found.low > 94.0 && found.low < 100.0 && found.high > 100.0 && found.high < 106.0, "{found:?}");
        assert_eq!(mean_interval(&differences), Some(found), "the same differences give the same interval");
    }

    /// How often of 2,000 the interval holds the centre of symmetric differences.
    fn coverage(blocks: usize, mut draw: impl FnMut(&mut Rng) -> i64) -> (u32, f64) {
        let mut rng = Rng::stream(5, "coverage");
        let mut level = 0.0;
        let held = (0..2_000).filter(|_| {
            let differences: Vec<i64> = (0..blocks).map(|_| 7 + draw(&mut rng)).collect();
            let found = mean_interval(&differences).unwrap();
            level = found.level;
            (found.low..=found.high).contains(&7.0)
        });
        (u32::try_from(held.count()).unwrap(), level)
    }

    #[test]
    fn it_holds_the_true_difference_as_often_as_it_says() {
        use statrs::distribution::{Binomial, DiscreteCDF};
        for blocks in [2, 5, 8] {
            let signed = |rng: &mut Rng, size: i64| if rng.next_u64() & 1 == 0 { size } else { -size };
            let wide = |rng: &mut Rng| {
                let size = i64::try_from(rng.below(1_000_000)).unwrap();
                signed(rng, size)
            };
            let coarse = |rng: &mut Rng| {
                let size = i64::try_from(rng.below(3)).unwrap();
                signed(rng, size)
            };
            let ((fine, level), (tied, _)) = (coverage(blocks, wide), coverage(blocks, coarse));
            let held = Binomial::new(level, 2_000).unwrap();
            let (least, most) = (held.inverse_cdf(1e-6), held.inverse_cdf(1.0 - 1e-6));
            assert!((least..=most).contains(&u64::from(fine)), "{blocks}: {fine} of {least} to {most}");
            assert!(u64::from(tied) >= least, "{blocks}: ties only make it wider, {tied} of {least}");
        }
    }

    proptest! {
        #[test]
        fn it_holds_exactly_what_the_two_sided_test_does_not_reject(
            differences in prop::collection::vec(-9_i64..=9, 2..=9), num in -60_i64..=60, den in 1_i64..=7
        ) {
            let found = mean_interval(&differences).unwrap();
            // Every subset's mean is an end that could be; other fractions lie between them.
            let subsets = (1_u32..1 << differences.len()).map(|set| {
                let members = differences.iter().enumerate().filter(|(i, _)| set >> i & 1 == 1).map(|(_, d)| *d);
                (members.sum::<i64>(), i64::from(set.count_ones()))
            });
            for (num, den) in subsets.chain([(num, den)]) {
                let shifted: Vec<i64> = differences.iter().map(|d| d * den - num).collect();
                let kept = sign_flip(&shifted, Alternative::TwoSided) > 1.0 - found.level + 1e-9;
                let t = f64::from(i32::try_from(num).unwrap()) / f64::from(i32::try_from(den).unwrap());
                prop_assert_eq!((found.low..=found.high).contains(&t), kept, "{} of {:?}", t, found);
            }
        }
    }
}
