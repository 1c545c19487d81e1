//! Repeats trials that the harness itself invalidated: a late send, a lost agent, a full channel. That is decided without looking at
//! losses, so that no trial is left out for what it showed.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::trial_progress;
use crate::plan::TrialPlan;
use crate::record::Reader;
use crate::timeline::Collector;
use crate::verdict::{State, judge};

const EXTRA: u32 = 2;

#[derive(Debug)]
pub(super) struct TrialQueue {
    waiting: VecDeque<TrialPlan>,
    /// The number of the next extra trial.
    number: u32,
    extra: BTreeMap<usize, u32>,
}

impl TrialQueue {
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

    /// Plans `invalid` again, at once and in its block's place; false if its variant has had all its extra trials.
    pub(super) fn rerun(&mut self, invalid: TrialPlan) -> bool {
        let extra = self.extra.entry(invalid.variant).or_default();
        if *extra == EXTRA {
            return false;
        }
        *extra += 1;
        self.waiting.push_front(TrialPlan { trial: self.number, ..invalid });
        self.number += 1;
        true
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RecordedTrial {
    /// Not its end, or not yet.
    NoEnd,
    Valid {
        /// What its judged arms lost, if it counts.
        lost: Option<u64>,
        words: String,
    },
    /// The harness invalidated it; why, in a sentence.
    Invalid(String),
}

/// Reads the record of a run as it grows: after each trial only what has come since.
pub(super) struct RecordFollower {
    path: PathBuf,
    /// `None` before the first trial ended, and after an error: then the record is read from its beginning.
    reading: Option<OpenRecord>,
}

impl RecordFollower {
    pub(super) const fn new(record: PathBuf) -> Self {
        Self { path: record, reading: None }
    }

    /// What the record has of `trial`. Each trial is asked for until its end is there, and no trial before another that was.
    pub(super) async fn recorded(&mut self, trial: u32) -> RecordedTrial {
        let (path, reading) = (self.path.clone(), self.reading.take());
        let read = tokio::task::spawn_blocking(move || {
            let mut reading = reading.or_else(|| OpenRecord::open(&path))?;
            let found = reading.recorded(trial)?;
            Some((reading, found))
        });
        let Ok(Some((reading, found))) = read.await else { return RecordedTrial::NoEnd };
        self.reading = Some(reading);
        found
    }
}

struct OpenRecord {
    reader: Reader<BufReader<File>>,
    collector: Collector,
}

impl OpenRecord {
    fn open(record: &Path) -> Option<Self> {
        let reader = Reader::open(record).ok()?;
        let collector = Collector::new(reader.header().clone());
        Some(Self { reader, collector })
    }

    /// Reads on and judges `trial`; `None` after an error. Blocks.
    fn recorded(&mut self, trial: u32) -> Option<RecordedTrial> {
        while let Some(entry) = self.reader.next_whole().ok()? {
            self.collector.push(entry).ok()?;
        }
        let Some(found) = self.collector.take_ended(trial) else { return Some(RecordedTrial::NoEnd) };
        let header = self.reader.header();
        let variant = header.variant(&found.start.variant)?;
        let judgement = judge(&found, variant, header.spec.settings.max_lag_ms());
        Some(match judgement.state {
            State::Invalid => RecordedTrial::Invalid(judgement.reason),
            State::Counts => {
                let rollout_s = found.window.and_then(|window| window.rollout_s());
                let words = trial_progress::came_to(judgement.loss, judgement.counts.attempts(), rollout_s);
                RecordedTrial::Valid { lost: Some(judgement.loss), words }
            }
            State::Dirty | State::Incomplete => {
                RecordedTrial::Valid { lost: None, words: format!("does not count: {}", judgement.reason) }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::FileExt;

    use super::*;
    use crate::record::entry::{Attempt, Entry, Mark, MarkName, TrialEnd, TrialStart};
    use crate::record::{Arm, Outcome, Sum, sample};

    fn order() -> Vec<TrialPlan> {
        [(1, 1, 0), (2, 1, 1), (3, 2, 1), (4, 2, 0)]
            .map(|(trial, block, variant)| TrialPlan { trial, block, variant })
            .into()
    }

    #[test]
    fn an_invalid_trial_comes_again_at_once_in_its_block_at_most_twice_a_variant() {
        let mut queue = TrialQueue::new(&order());
        let mut ran = Vec::new();
        while let Some(planned) = queue.take() {
            // Every trial of variant 0 is invalid.
            if planned.variant == 0 {
                queue.rerun(planned);
            }
            ran.push((planned.trial, planned.block, planned.variant));
        }
        assert_eq!(ran, [(1, 1, 0), (5, 1, 0), (6, 1, 0), (2, 1, 1), (3, 2, 1), (4, 2, 0)]);
        assert_eq!(queue.total(), 6);
    }

    fn write(file: &mut File, entries: &[Entry]) {
        for entry in entries {
            let line = serde_json::to_string(entry).unwrap() + "\n";
            file.write_all(line.as_bytes()).unwrap();
        }
    }

    /// A trial in which `lost` attempts were lost; the last one is not in the plan if the harness invalidated it.
    fn trial(trial: u32, lost: u64, invalid: bool) -> Vec<Entry> {
        let at_ns = u64::from(trial) * 10_000_000_000;
        let start =
            TrialStart { at_ns, trial, block: trial, variant: "web".into(), namespace: "a".into(), node_ports: None };
        let mark = Mark {
            trial,
            name: MarkName::RolloutStep,
            before_ns: at_ns + 1,
            after_ns: at_ns + 1,
            detail: String::new(),
        };
        let attempt = |id| sample::attempt(id, Arm::New, Outcome::Refused, Sum::Lost, at_ns + 1_000);
        let lines = (0..lost).map(|id| Entry::Attempt(Attempt { trial, ..attempt(id) }));
        let end = TrialEnd {
            at_ns: at_ns + 5_000_000_000,
            trial,
            complete: true,
            reason: String::new(),
            reset: false,
            trouble: String::new(),
            planned: [(Arm::New, lost - u64::from(invalid))].into(),
        };
        let punctuality = Entry::Punctuality(sample::punctuality(trial, at_ns, lost - u64::from(invalid)));
        let before = [Entry::TrialStart(start), Entry::Mark(mark), punctuality].into_iter();
        before.chain(lines).chain([Entry::TrialEnd(end)]).collect()
    }

    #[test]
    fn each_trial_is_read_from_where_the_one_before_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.jsonl");
        let mut file = File::create(&path).unwrap();
        write(&mut file, &[Entry::Header(Box::new(sample::header()))]);
        let mut reading = OpenRecord::open(&path).unwrap();
        for (number, lost, invalid) in [(1, 2, false), (2, 3, true), (3, 1, false)] {
            let entries = trial(number, lost, invalid);
            let (end, before) = entries.split_last().unwrap();
            write(&mut file, before);
            let line = serde_json::to_string(end).unwrap() + "\n";
            let (first, rest) = line.split_at(line.len() / 2);
            file.write_all(first.as_bytes()).unwrap();
            assert_eq!(reading.recorded(number), Some(RecordedTrial::NoEnd), "its last line is half there");
            file.write_all(rest.as_bytes()).unwrap();
            let found = reading.recorded(number).unwrap();
            match &found {
                RecordedTrial::Invalid(why) => {
                    assert!(invalid && why.contains("2 attempts of arm new planned"), "{why}");
                }
                RecordedTrial::Valid { lost: told, .. } => assert_eq!((*told, invalid), (Some(lost), false)),
                RecordedTrial::NoEnd => panic!("trial {number} has ended"),
            }
            if number == 1 {
                assert_eq!(OpenRecord::open(&path).unwrap().recorded(1), Some(found), "as from the beginning");
                // What was read is not read again: it could be anything now.
                file.write_all_at(b"nonsense", 0).unwrap();
            }
        }
        assert!(OpenRecord::open(&path).is_none(), "its beginning is nonsense by now");
    }

    #[test]
    fn a_damaged_line_gives_no_answer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.jsonl");
        let mut file = File::create(&path).unwrap();
        write(&mut file, &[Entry::Header(Box::new(sample::header()))]);
        file.write_all(b"nonsense\n").unwrap();
        write(&mut file, &trial(1, 1, false));
        assert_eq!(OpenRecord::open(&path).unwrap().recorded(1), None);
    }
}
