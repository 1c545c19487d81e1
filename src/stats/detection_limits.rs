//! What a plan can show at best, and what a zero leaves open.

/// The smallest p that [`super::sign_flip`] can reach with this many blocks: 2^-k one-sided, 2^(1-k) two-sided,
/// never more than 1. No blocks show nothing, so they give 1.
#[must_use]
pub fn smallest_p(blocks: u32, two_sided: bool) -> f64 {
    let halvings = if two_sided { blocks.saturating_sub(1) } else { blocks };
    // Beyond this the power is zero in a double anyway.
    0.5_f64.powi(i32::try_from(halvings.min(1_100)).unwrap_or(1_100))
}

/// The largest share of rollouts that lose something which `trials` trials without a loss leave possible at 95 %:
/// 1 - 0.05^(1/n), the exact form of the rule of three (Clopper and Pearson, one-sided). No trials exclude nothing,
/// so they give 1.
#[must_use]
pub fn zero_upper_bound(trials: u32) -> f64 {
    if trials == 0 {
        return 1.0;
    }
    1.0 - 0.05_f64.powf(1.0 / f64::from(trials))
}

/// The probability that at least `least` of `blocks` independent blocks show what each shows with probability `chance`: the
/// upper tail of the binomial distribution. A chance outside of 0 to 1 is taken as the nearer of these.
#[must_use]
pub(super) fn at_least(blocks: u32, least: u32, chance: f64) -> f64 {
    let chance = if chance.is_nan() { 0.0 } else { chance.clamp(0.0, 1.0) };
    // After each block, how likely each number below `least` is; what leaves them has reached it.
    let Ok(length) = usize::try_from(least.min(blocks.saturating_add(1))) else { return 0.0 };
    let mut below = vec![0.0; length];
    let Some(none) = below.first_mut() else { return 1.0 };
    *none = 1.0;
    let mut reached = 0.0;
    for _ in 0..blocks {
        let mut carried = 0.0;
        for share in &mut below {
            let shows = *share * chance;
            *share += carried - shows;
            carried = shows;
        }
        reached += carried;
    }
    reached
}

/// The shortest time, in milliseconds, for which one pod's listener can be gone and still be met by a new connection
/// with a probability of about 95 %.
///
/// With `r` new connections a second spread over `pods` pods, one pod expects `r w / pods` of them in a window `w`; three
/// are expected at w = 3 pods / r, and a Poisson count with mean three is zero with probability e^-3, about 5 %.
/// The result is never less than the largest lag of a send, because a late send may step over a shorter gap. `None`
/// when no new connections are made (a rate that is not a positive number), or there is no pod.
#[must_use]
pub fn gap_ms(pods: u32, new_connection_rate: f64, largest_lag_ms: f64) -> Option<f64> {
    if pods == 0 || !new_connection_rate.is_finite() || new_connection_rate <= 0.0 {
        return None;
    }
    Some((3_000.0 * f64::from(pods) / new_connection_rate).max(largest_lag_ms))
}

#[cfg(test)]
mod tests {
    use statrs::distribution::{Binomial, Discrete, Poisson};

    use super::*;

    #[test]
    fn five_blocks_can_show_a_one_sided_difference_and_four_cannot() {
        assert!(smallest_p(5, false) <= 0.05);
        assert!(smallest_p(4, false) > 0.05);
        assert!(smallest_p(6, true) <= 0.05);
        assert!(smallest_p(5, true) > 0.05);
    }

    #[test]
    fn no_blocks_and_one_two_sided_block_show_nothing() {
        assert!((smallest_p(0, false) - 1.0).abs() < 1e-12);
        assert!((smallest_p(0, true) - 1.0).abs() < 1e-12);
        assert!((smallest_p(1, true) - 1.0).abs() < 1e-12);
        assert!((smallest_p(1, false) - 0.5).abs() < 1e-12);
        assert!(smallest_p(u32::MAX, false) >= 0.0);
    }

    #[test]
    fn at_the_upper_bound_no_loss_in_n_trials_has_probability_five_percent() {
        for n in [1, 3, 5, 10, 29, 59] {
            let none = Binomial::new(zero_upper_bound(n), u64::from(n)).unwrap().pmf(0);
            assert!((none - 0.05).abs() < 1e-9, "{n}: {none}");
        }
        assert!((zero_upper_bound(0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_gap_is_the_window_that_expects_three_new_connections_on_one_pod() {
        let gap = gap_ms(3, 90.0, 0.0).unwrap();
        assert!((gap - 100.0).abs() < 1e-9, "{gap}");
        let missed = Poisson::new(90.0 / 3.0 * gap / 1_000.0).unwrap().pmf(0);
        assert!((missed - (-3.0_f64).exp()).abs() < 1e-9);
    }

    #[test]
    fn the_gap_is_never_shorter_than_the_largest_lag_and_needs_new_connections() {
        assert_eq!(gap_ms(3, 90.0, 250.0), Some(250.0));
        for (pods, rate) in [(3, 0.0), (3, -1.0), (3, f64::NAN), (3, f64::INFINITY), (0, 90.0)] {
            assert_eq!(gap_ms(pods, rate, 1.0), None, "{pods} {rate}");
        }
    }
}
