//! How late a trial's own sends and watches were, moment by moment.

use std::collections::BTreeMap;

use crate::clock::Stamp;

/// A slice of the load's punctuality.
const SLICE_NS: u64 = 100_000_000;

/// The harness's own lateness in a trial. What it stamped at a moment may have happened as much earlier.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lateness {
    /// How late something was at most between two moments, by the later and the earlier one.
    slices: BTreeMap<(Stamp, Stamp), u64>,
    /// The longest time between such two moments: what ends later than that after a moment began after it.
    longest_ns: u64,
}

impl Lateness {
    /// Something was so late at some moment between these.
    pub(super) fn add(&mut self, from_ns: Stamp, until_ns: Stamp, late_ns: u64) {
        if late_ns > 0 {
            let known = self.slices.entry((until_ns, from_ns)).or_default();
            *known = late_ns.max(*known);
            self.longest_ns = self.longest_ns.max(until_ns.saturating_sub(from_ns));
        }
    }

    /// The load sent something so late in the slice that begins then.
    pub(super) fn add_send(&mut self, slice_ns: Stamp, late_ns: u64) {
        // A send that is planned in a slice may be made after it.
        self.add(slice_ns, slice_ns.saturating_add(SLICE_NS).saturating_add(late_ns), late_ns);
    }

    /// The most between two moments, in nanoseconds.
    #[must_use]
    pub fn between(&self, from_ns: Stamp, until_ns: Stamp) -> u64 {
        let ends = (from_ns, 0)..=(until_ns.saturating_add(self.longest_ns), Stamp::MAX);
        let late = self.slices.range(ends).filter(|((_, begun_ns), _)| *begun_ns <= until_ns);
        late.map(|(_, late_ns)| *late_ns).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_late_counts_where_it_was() {
        let mut lateness = Lateness::default();
        lateness.add_send(1_000_000_000, 30_000_000);
        lateness.add(1_050_000_000, 1_150_000_000, 50_000_000);
        assert_eq!(lateness.between(0, 999_999_999), 0);
        assert_eq!(lateness.between(0, 1_000_000_000), 30_000_000);
        assert_eq!(lateness.between(1_100_000_000, 1_200_000_000), 50_000_000);
        assert_eq!(lateness.between(1_140_000_000, 1_140_000_000), 50_000_000);
        assert_eq!(lateness.between(1_150_000_001, 2_000_000_000), 0);
    }
}
