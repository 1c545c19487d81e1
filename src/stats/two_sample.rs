//! Two groups that are not paired: a permutation test of their means, and the interval of the difference that it leaves open.
//!
//! If the groups do not differ, every way to deal their values out to two groups of these sizes is equally likely, and p is the
//! share of ways whose means are at least as far apart as those seen (E. J. G. Pitman, Significance Tests Which May Be Applied
//! to Samples from Any Populations, Supplement to the Journal of the Royal Statistical Society 4, 1937).

use super::Interval;
use crate::rng::Rng;

/// Ways that are looked at. Up to nine values against nine all of them are; beyond, as many random ones, with which the
/// test and the interval hold their level too, because the way seen is as likely to have any rank among them.
const MOST_WAYS: usize = 1 << 16;
/// A part of all ways that 95 % leaves to each side: 1 in 40.
const EACH_SIDE: usize = 40;
/// Values of both groups that a way can be told of.
const MOST_VALUES: usize = 128;

/// What the test of two groups says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TwoSample {
    /// Mean of the new group minus mean of the old one.
    pub difference: f64,
    /// The two-sided p.
    pub p_value: f64,
    /// All ways were looked at; if not, a fixed random part of them.
    pub exact: bool,
    /// The differences that the test leaves open, if one group is the other moved by the difference; `None` with one value
    /// in each, which leave everything open.
    pub interval: Option<Interval>,
}

/// Compares the values of two groups; `None` if either is empty, or both together have more than 128.
#[must_use]
pub fn two_sample(old: &[i64], new: &[i64]) -> Option<TwoSample> {
    let all: Vec<i64> = old.iter().chain(new).copied().collect();
    if old.is_empty() || new.is_empty() || all.len() > MOST_VALUES {
        return None;
    }
    let (ways, exact) = ways(all.len(), new.len());
    let (total, count) = (sum(&all), i128::try_from(all.len()).ok()?);
    let size = i128::try_from(new.len()).ok()?;
    // The means' difference is in proportion to this, which is exact.
    let apart = |of_new: i128| (of_new * count - total * size).abs();
    let seen = sum(new);
    let mut extreme = 1_usize;
    let mut centres = Vec::with_capacity(ways.len());
    for way in &ways {
        let (inside, moved, moved_sum) = dealt(&all, old.len(), *way);
        extreme += usize::from(apart(inside) >= apart(seen));
        centres.push(ratio(moved_sum, moved));
    }
    let patterns = ways.len() + 1;
    Some(TwoSample {
        difference: ratio(seen, size) - ratio(total - seen, count - size),
        p_value: share(extreme, patterns),
        exact,
        interval: interval(centres),
    })
}

/// The smallest p that two groups of these sizes can give: only the way seen is as extreme, and with equal sizes its mirror image.
#[must_use]
pub fn two_sample_smallest_p(old: u32, new: u32) -> f64 {
    if old == 0 || new == 0 {
        return 1.0;
    }
    let (smaller, larger) = (old.min(new), old.max(new));
    // C(n, k) as a product that stays whole at each step.
    let ways = (1..=smaller).fold(1.0_f64, |ways, k| ways * (f64::from(larger) + f64::from(k)) / f64::from(k));
    let sides = if old == new { 2.0 } else { 1.0 };
    // Where not all ways are looked at, the way seen is one of so many.
    let least = if ways > as_f64(MOST_WAYS) { share(1, MOST_WAYS) } else { 0.0 };
    (sides / ways).max(least).min(1.0)
}

/// With a moved group the two-sided test leaves open what lies between the j-th smallest and the j-th largest centre: a
/// way that swaps some values of one group for as many of the other has means at least as far apart exactly if their mean
/// difference is at most the true one.
fn interval(mut centres: Vec<f64>) -> Option<Interval> {
    centres.sort_unstable_by(f64::total_cmp);
    let patterns = centres.len() + 1;
    let rank = patterns.div_ceil(EACH_SIDE);
    let level = 1.0 - 2.0 * share(rank, patterns);
    let (low, high) = (*centres.get(rank - 1)?, *centres.get(centres.len().checked_sub(rank)?)?);
    (level > 0.0).then_some(Interval { low, high, level })
}

/// A way: the sum of the values that it gives to the new group, how many of these are the old group's, and the sum of
/// the new values that it takes away minus the old ones that it brings.
fn dealt(all: &[i64], old: usize, way: u128) -> (i128, i128, i128) {
    let (mut inside, mut moved, mut moved_sum) = (0, 0, 0);
    for (index, value) in all.iter().enumerate() {
        let (value, chosen) = (i128::from(*value), way >> index & 1 == 1);
        if chosen {
            inside += value;
        }
        if index < old && chosen {
            (moved, moved_sum) = (moved + 1, moved_sum - value);
        } else if index >= old && !chosen {
            moved_sum += value;
        }
    }
    (inside, moved, moved_sum)
}

/// Ways to choose `size` of `count` values, as bits, but for the one seen, which chooses the last ones; and whether these are all.
fn ways(count: usize, size: usize) -> (Vec<u128>, bool) {
    let chosen = |bits: usize| if bits >= 128 { u128::MAX } else { (1_u128 << bits) - 1 };
    let (seen, end) = (chosen(size) << (count - size), chosen(count));
    let mut all = Vec::new();
    let mut way = chosen(size);
    // The next larger number with as many bits (R. W. Gosper, HAKMEM item 175); the way seen is the last of them.
    while way != seen {
        if all.len() == MOST_WAYS {
            return (random(count, size, seen), false);
        }
        all.push(way);
        let lowest = way & way.wrapping_neg();
        let ripple = way + lowest;
        way = (((ripple ^ way) >> 2) / lowest) | ripple;
        debug_assert!(way <= end, "a way chooses among the values there are");
    }
    (all, true)
}

/// Random ways other than the one seen; the same ones for the same sizes.
fn random(count: usize, size: usize, seen: u128) -> Vec<u128> {
    let mut rng = Rng::stream(0, "two-sample-ways");
    let mut order: Vec<usize> = (0..count).collect();
    let draws = std::iter::repeat_with(|| {
        rng.shuffle(&mut order);
        order.iter().take(size).fold(0_u128, |way, index| way | 1 << index)
    });
    draws.filter(|way| *way != seen).take(MOST_WAYS - 1).collect()
}

fn sum(values: &[i64]) -> i128 {
    values.iter().map(|value| i128::from(*value)).sum()
}

#[expect(clippy::cast_precision_loss, reason = "sums of counts and of milliseconds are far below 2^53")]
fn ratio(sum: i128, count: i128) -> f64 {
    sum as f64 / count as f64
}

fn share(part: usize, of: usize) -> f64 {
    as_f64(part) / as_f64(of)
}

#[expect(clippy::cast_precision_loss, reason = "at most 2^16 ways")]
fn as_f64(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn p(old: &[i64], new: &[i64]) -> f64 {
        two_sample(old, new).unwrap().p_value
    }

    #[test]
    fn known_cases() {
        // Of the C(6, 3) = 20 ways only the one seen and its mirror image are as far apart.
        assert!((p(&[5, 6, 7], &[0, 0, 0]) - 0.1).abs() < 1e-12);
        assert!((p(&[5, 6, 7, 8], &[0, 0, 0, 0]) - 2.0 / 70.0).abs() < 1e-12);
        // Without a mirror image: the other way round would be as far apart only with as many values.
        assert!((p(&[9, 9, 9], &[0]) - 0.25).abs() < 1e-12);
        assert!((p(&[3, 3], &[3, 3]) - 1.0).abs() < 1e-12);
        assert!((p(&[1], &[100]) - 1.0).abs() < 1e-12);
        assert_eq!(two_sample(&[], &[1]), None);
        assert_eq!(two_sample(&[0; 128], &[1]), None);
    }

    #[test]
    fn the_smallest_p_is_reached_and_never_passed() {
        for (old, new) in [(1, 1), (2, 2), (3, 3), (3, 4), (5, 5), (2, 9)] {
            let values = |from: i64, count: u32| (0..i64::from(count)).map(|i| from + i).collect::<Vec<i64>>();
            let found = p(&values(0, old), &values(1_000, new));
            let smallest = two_sample_smallest_p(old, new);
            assert!((found - smallest).abs() < 1e-12, "{old} {new}: {found} {smallest}");
        }
        assert!((two_sample_smallest_p(0, 4) - 1.0).abs() < 1e-12);
        let many = two_sample_smallest_p(40, 40);
        let found = two_sample(&[0; 40], &[1; 40]).unwrap();
        assert!(!found.exact && (found.p_value - many).abs() < 1e-12, "{found:?} {many}");
    }

    #[test]
    fn one_value_each_leaves_everything_open_and_more_have_the_level_that_they_attain() {
        assert_eq!(two_sample(&[1], &[5]).unwrap().interval, None);
        let found = two_sample(&[1, 2], &[5, 7]).unwrap().interval.unwrap();
        assert!((found.level - 2.0 / 3.0).abs() < 1e-12 && found.low <= 4.5 && found.high >= 4.5, "{found:?}");
        let many = two_sample(&[100; 20], &[103; 20]).unwrap().interval.unwrap();
        assert!((many.level - 0.95).abs() < 0.001 && (many.low - 3.0).abs() < 1e-9, "{many:?}");
    }

    /// p by its definition, over the indices of every way.
    fn by_definition(old: &[i64], new: &[i64]) -> f64 {
        let all: Vec<i64> = old.iter().chain(new).copied().collect();
        let mean = |values: Vec<i64>| ratio(sum(&values), values.len() as i128);
        let apart = |chosen: u32| {
            let part = |inside: bool| {
                let of = all.iter().enumerate().filter(|(i, _)| (chosen >> i & 1 == 1) == inside);
                mean(of.map(|(_, value)| *value).collect())
            };
            (part(true) - part(false)).abs()
        };
        let seen = apart(((1_u32 << new.len()) - 1) << old.len());
        let ways = (0_u32..1 << all.len()).filter(|way| way.count_ones() as usize == new.len());
        let (mut as_far, mut count) = (0, 0);
        for way in ways {
            as_far += usize::from(apart(way) >= seen - 1e-9);
            count += 1;
        }
        share(as_far, count)
    }

    proptest! {
        #[test]
        fn it_is_the_definition(
            old in prop::collection::vec(-20_i64..20, 1..6),
            new in prop::collection::vec(-20_i64..20, 1..6),
        ) {
            let found = two_sample(&old, &new).unwrap();
            prop_assert!((found.p_value - by_definition(&old, &new)).abs() < 1e-9);
            let sizes = [&old, &new].map(|group| u32::try_from(group.len()).unwrap());
            prop_assert!(found.exact && found.p_value >= two_sample_smallest_p(sizes[0], sizes[1]) - 1e-12);
        }

        /// A difference inside the interval is not rejected at its level by the one-sided tests that it inverts, one outside is.
        #[test]
        fn the_interval_inverts_the_test(
            old in prop::collection::vec(0_i64..1_000, 2..6),
            new in prop::collection::vec(0_i64..1_000, 2..6),
            t in -1_500_i32..1_500,
        ) {
            let found = two_sample(&old, &new).unwrap().interval.unwrap();
            let moved: Vec<i64> = new.iter().map(|value| value - i64::from(t)).collect();
            let all: Vec<i64> = old.iter().chain(&moved).copied().collect();
            let seen = sum(&moved);
            let of_new = |way: u32| -> i128 {
                all.iter().enumerate().filter(|(i, _)| way >> i & 1 == 1).map(|(_, value)| i128::from(*value)).sum()
            };
            let ways: Vec<u32> =
                (0_u32..1 << all.len()).filter(|way| way.count_ones() as usize == new.len()).collect();
            let tail = |extreme: &dyn Fn(i128) -> bool| share(ways.iter().filter(|way| extreme(of_new(**way))).count(), ways.len());
            let each_side = (1.0 - found.level) / 2.0;
            let rejected = tail(&|sum| sum >= seen) <= each_side + 1e-12 || tail(&|sum| sum <= seen) <= each_side + 1e-12;
            let t = f64::from(t);
            prop_assert_eq!(rejected, t < found.low - 1e-9 || t > found.high + 1e-9);
        }
    }
}
