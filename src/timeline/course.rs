//! A trial's course: what its attempts came to, bin by bin, and a bounded choice of those that were raced, unsent or the harness's
//! own trouble. For pictures; nothing is judged by it.

use std::collections::BTreeMap;

use super::distribution::Distribution;
use crate::clock::Stamp;
use crate::record::Sum;
use crate::record::entry::{Attempt, Pulse};

/// The shortest bin. Pulses are 100 ms long, and shorter bins would show the beat of the two.
const SHORTEST_NS: u64 = 500_000_000;
const MOST_BINS: u64 = 240;
/// Attempts that are neither ok nor lost and are kept whole.
const MOST_OTHERS: usize = 2_000;

/// A trial's attempts on every arm, bin by bin. The rollout's first mark is a bin's border.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Course {
    /// The length of a bin, in nanoseconds; 0 if there is none.
    pub width_ns: u64,
    /// The bins in which something happened, in the order of time.
    pub bins: Vec<Bin>,
}

/// A part of a trial. An ok attempt belongs to the moment for which it was planned, any other to its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bin {
    /// Which: 0 begins at the rollout's first mark, or at the trial's start where nothing was rolled out; those before it are
    /// negative.
    pub number: i64,
    /// Answered as expected.
    pub ok: u64,
    /// Lost.
    pub lost: u64,
    /// Lost in the keep-alive race.
    pub raced: u64,
    /// Never written.
    pub unsent: u64,
    /// The harness's own trouble.
    pub harness: u64,
    /// The median latency of the ok ones from their planned time, in microseconds.
    pub p50_us: Option<u64>,
    /// Their 99th percentile.
    pub p99_us: Option<u64>,
}

/// Sorts moments into bins.
#[derive(Debug)]
pub(super) struct Builder {
    origin_ns: Stamp,
    width_ns: u64,
    bins: BTreeMap<i64, (Bin, Distribution)>,
}

impl Builder {
    /// For attempts that happened between the first and the last of these moments.
    pub(super) fn new(origin_ns: Stamp, moments: impl Iterator<Item = Stamp> + Clone) -> Self {
        let length_ns = moments.clone().max().zip(moments.min()).map_or(0, |(last, first)| last - first);
        Self { origin_ns, width_ns: width_ns(length_ns), bins: BTreeMap::new() }
    }

    fn bin(&mut self, at_ns: Stamp) -> &mut (Bin, Distribution) {
        let since = i128::from(at_ns) - i128::from(self.origin_ns);
        let number = i64::try_from(since.div_euclid(i128::from(self.width_ns))).unwrap_or(i64::MAX);
        self.bins.entry(number).or_insert_with(|| (Bin { number, ..Bin::default() }, Distribution::default()))
    }

    pub(super) fn pulse(&mut self, pulse: &Pulse, latencies: &Distribution) {
        let (bin, all) = self.bin(pulse.at_ns);
        bin.ok = bin.ok.saturating_add(pulse.ok);
        all.merge(latencies);
    }

    pub(super) fn ended(&mut self, at_ns: Stamp, sum: Sum) {
        let (bin, _) = self.bin(at_ns);
        let counter = match sum {
            Sum::Ok => &mut bin.ok,
            Sum::Lost => &mut bin.lost,
            Sum::Raced => &mut bin.raced,
            Sum::Unsent => &mut bin.unsent,
            Sum::Harness => &mut bin.harness,
        };
        *counter = counter.saturating_add(1);
    }

    pub(super) fn finish(self) -> Course {
        let done = self.bins.into_values().map(|(bin, latencies)| Bin {
            p50_us: latencies.per_mille(500),
            p99_us: latencies.per_mille(990),
            ..bin
        });
        Course { width_ns: self.width_ns, bins: done.collect() }
    }
}

/// The shortest of half a second, one, two and so on, doubled, of which so many make up the length.
const fn width_ns(length_ns: u64) -> u64 {
    let mut width_ns = SHORTEST_NS;
    // One more is needed where neither end is a bin's border.
    while length_ns / width_ns + 2 > MOST_BINS {
        width_ns = width_ns.saturating_mul(2);
    }
    width_ns
}

/// Keeps every attempt until there are too many, then every second, every fourth and so on, so that those kept are even over
/// the trial.
#[derive(Debug, Default)]
pub(super) struct Thinned {
    kept: Vec<Attempt>,
    seen: usize,
    /// How often every second one was left out.
    halved: u32,
}

impl Thinned {
    pub(super) fn push(&mut self, attempt: Attempt) {
        if self.seen.is_multiple_of(1 << self.halved) {
            if self.kept.len() == MOST_OTHERS {
                let mut at = 0;
                self.kept.retain(|_| {
                    at += 1;
                    at % 2 == 1
                });
                self.halved += 1;
            }
            // Their number is even, so that this one is the next of every second, too.
            self.kept.push(attempt);
        }
        self.seen += 1;
    }

    /// Those that were kept, in the order in which they ended.
    pub(super) fn finish(mut self) -> Vec<Attempt> {
        self.kept.sort_by_key(|attempt| (attempt.end_ns, attempt.id));
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Arm, Outcome, sample};

    #[test]
    fn bins_begin_at_the_origin_and_hold_what_happened_in_them() {
        let moments = [700_000_000, 1_000_000_000, 1_999_999_999];
        let mut builder = Builder::new(1_000_000_000, moments.into_iter());
        for at_ns in moments {
            builder.ended(at_ns, Sum::Lost);
        }
        builder.ended(1_100_000_000, Sum::Unsent);
        let course = builder.finish();
        let found: Vec<_> = course.bins.iter().map(|bin| (bin.number, bin.lost, bin.unsent, bin.p50_us)).collect();
        assert_eq!((course.width_ns, found), (500_000_000, vec![(-1, 1, 0, None), (0, 1, 1, None), (1, 1, 0, None)]));
    }

    #[test]
    fn bins_are_never_many_whatever_the_stamps() {
        for last in [0, 119_000_000_000, 3_600_000_000_000, u64::MAX] {
            let mut builder = Builder::new(1_234_567, [0, last].into_iter());
            for part in 0..=1_000_u64 {
                builder.ended(last / 1_000 * part, Sum::Lost);
            }
            let course = builder.finish();
            assert!(course.bins.len() <= 240, "{last}: {}", course.bins.len());
            assert_eq!(course.bins.iter().map(|bin| bin.lost).sum::<u64>(), 1_001);
        }
        assert_eq!(width_ns(118_000_000_000), SHORTEST_NS, "an ordinary trial has the finest bins");
    }

    #[test]
    fn too_many_attempts_are_thinned_evenly() {
        let mut thinned = Thinned::default();
        for id in 0..9_000 {
            thinned.push(sample::attempt(id, Arm::Reused, Outcome::Unsent, Sum::Unsent, id * 1_000_000));
        }
        let kept: Vec<u64> = thinned.finish().iter().map(|attempt| attempt.id).collect();
        assert!((1_000..=2_000).contains(&kept.len()), "{}", kept.len());
        assert!(kept.windows(2).all(|pair| pair[1] - pair[0] == 8), "{kept:?}");
        let mut few = Thinned::default();
        (0..9).for_each(|id| few.push(sample::attempt(id, Arm::Reused, Outcome::Unsent, Sum::Unsent, id)));
        assert_eq!(few.finish().len(), 9);
    }
}
