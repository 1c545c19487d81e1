//! Trials that are run again, because the harness itself spoilt them: a late send, a lost agent, a full channel. That is
//! decided without looking at losses, so that no trial is left out for what it showed.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

use super::trial_progress;
use crate::plan::TrialPlan;
use crate::record::entry::Entry;
use crate::record::reader::Reader;
use crate::timeline::Collector;
use crate::verdict::{State, judge};

/// Extra trials of each variant.
const EXTRA: u32 = 2;

/// The trials still to come.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: VecDeque<TrialPlan>,
    /// The number of the next extra trial.
    number: u32,
    extra: BTreeMap<usize, u32>,
}

impl Queue {
    pub(super) fn new(order: &[TrialPlan]) -> Self {
        let number = order.iter().map(|planned| planned.trial).max().unwrap_or_default() + 1;
        Self { waiting: order.iter().copied().collect(), number, extra: BTreeMap::new() }
    }

    /// Trials in all, extra ones included.
    pub(super) fn total(&self) -> u32 {
        self.number - 1
    }

    /// The variants of the trials still to come, in their order.
    pub(super) fn waiting(&self) -> impl Iterator<Item = usize> + '_ {
        self.waiting.iter().map(|planned| planned.variant)
    }

    pub(super) fn take(&mut self) -> Option<TrialPlan> {
        self.waiting.pop_front()
    }

    /// Plans `spoilt` again, at once and in its block's place; false if its variant has had all its extra trials.
    pub(super) fn again(&mut self, spoilt: TrialPlan) -> bool {
        let extra = self.extra.entry(spoilt.variant).or_default();
        if *extra == EXTRA {
            return false;
        }
        *extra += 1;
        self.waiting.push_front(TrialPlan { trial: self.number, ..spoilt });
        self.number += 1;
        true
    }
}

/// What the record has of a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Recorded {
    /// Not its end, or not yet.
    NoEnd,
    /// Nothing that spoils it.
    Sound {
        /// What its judged arms lost, if it counts.
        lost: Option<u64>,
        /// What it came to, in words.
        words: String,
    },
    /// The harness spoilt it; why, in a sentence.
    Spoilt(String),
}

/// What `record` has of `trial`. Blocks.
pub(super) fn recorded(record: &Path, trial: u32) -> Recorded {
    judged(record, trial).unwrap_or(Recorded::NoEnd)
}

fn judged(record: &Path, trial: u32) -> Option<Recorded> {
    let mut reader = Reader::open(record).ok()?;
    let mut collector = Collector::new(reader.header().clone());
    for entry in reader.by_ref() {
        let entry = entry.ok()?;
        if of_another(&entry, trial) {
            continue;
        }
        collector.push(entry).ok()?;
    }
    let timeline = collector.finish(reader.is_cut()).ok()?;
    let found = timeline.trials.iter().find(|one| one.start.trial == trial && one.end.is_some())?;
    let variant = timeline.header.spec.variants.iter().find(|variant| variant.name == found.start.variant)?;
    let judged = judge(found, variant, timeline.header.spec.settings.max_lag_ms());
    Some(match judged.state {
        State::Invalid => Recorded::Spoilt(judged.reason),
        State::Counts => {
            let rollout_s = found.window.and_then(|window| window.rollout_s());
            let words = trial_progress::came_to(judged.loss, judged.counts.attempts(), rollout_s);
            Recorded::Sound { lost: Some(judged.loss), words }
        }
        State::Dirty | State::Incomplete => {
            Recorded::Sound { lost: None, words: format!("does not count: {}", judged.reason) }
        }
    })
}

/// Whether the entry tells of another trial only. Leaving those out keeps the work of a long run's trials alike.
fn of_another(entry: &Entry, trial: u32) -> bool {
    match entry {
        Entry::Attempt(one) => one.trial != trial,
        Entry::Pulse(one) => one.trial != trial,
        Entry::Punctuality(one) => one.trial != trial,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> Vec<TrialPlan> {
        [(1, 1, 0), (2, 1, 1), (3, 2, 1), (4, 2, 0)]
            .map(|(trial, block, variant)| TrialPlan { trial, block, variant })
            .into()
    }

    #[test]
    fn a_spoilt_trial_comes_again_at_once_in_its_block_at_most_twice_a_variant() {
        let mut queue = Queue::new(&order());
        let mut ran = Vec::new();
        while let Some(planned) = queue.take() {
            // Every trial of variant 0 is spoilt.
            if planned.variant == 0 {
                queue.again(planned);
            }
            ran.push((planned.trial, planned.block, planned.variant));
        }
        assert_eq!(ran, [(1, 1, 0), (5, 1, 0), (6, 1, 0), (2, 1, 1), (3, 2, 1), (4, 2, 0)]);
        assert_eq!(queue.total(), 6);
    }
}
