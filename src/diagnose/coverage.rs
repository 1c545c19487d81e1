//! Whether some pod serves at a moment, of any number of pods: asked for each lost attempt, and at each change around it.

use crate::clock::Stamp;
use crate::timeline::Trial;

/// Stretches of time, put together.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    /// The starts of the stretches in ascending order, each with the latest end of those that begin until then.
    ends: Vec<(Stamp, Stamp)>,
}

impl Coverage {
    /// Of stretches from a moment until another, which is not in it; `None` is without end.
    pub(super) fn of(stretches: impl Iterator<Item = (Stamp, Option<Stamp>)>) -> Self {
        let mut ends: Vec<(Stamp, Stamp)> =
            stretches.map(|(from, until)| (from, until.unwrap_or(Stamp::MAX))).collect();
        ends.sort_unstable();
        let mut latest = 0;
        for (_, until) in &mut ends {
            latest = latest.max(*until);
            *until = latest;
        }
        Self { ends }
    }

    pub(super) fn covers(&self, at_ns: Stamp) -> bool {
        let begun = self.ends.partition_point(|(from, _)| *from <= at_ns);
        self.ends[..begun].last().is_some_and(|(_, until)| at_ns < *until)
    }
}

/// Whether no endpoint of the Service was ready at some moment.
pub(super) fn falls_back(trial: &Trial) -> bool {
    let ready = trial.pods.iter().filter_map(|pod| {
        let from_ns = if pod.new { pod.endpoint_ready?.high_ns } else { 0 };
        Some((from_ns, pod.endpoint_not_ready.map(|not_ready| not_ready.high_ns)))
    });
    let ready = Coverage::of(ready);
    // The slices come in the order of their changes: of what was received, the order is certain and only the time is not.
    let left = trial.pods.iter().filter_map(|pod| pod.endpoint_not_ready);
    left.map(|left| left.high_ns)
        .any(|left_ns| !ready.covers(left_ns) && !trial.neighbours.iter().any(|other| other.is_ready(left_ns)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_what_one_of_the_stretches_covers(
            stretches in prop::collection::vec((0_u64..20, prop::option::of(0_u64..20)), 0..8),
        ) {
            let coverage = Coverage::of(stretches.iter().copied());
            for at_ns in 0..25 {
                let one = |(from, until): &(Stamp, Option<Stamp>)| {
                    *from <= at_ns && until.is_none_or(|until| at_ns < until)
                };
                prop_assert_eq!(coverage.covers(at_ns), stretches.iter().any(one), "{}", at_ns);
            }
        }
    }
}
