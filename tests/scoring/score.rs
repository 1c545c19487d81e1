//! Counts what diagnosis said of each lost attempt against the truth, by attempt and by incident.

use std::collections::BTreeMap;
use std::path::Path;

use rollproof::diagnose::{Cause, diagnose};
use rollproof::record::Arm;
use rollproof::record::entry::Attempt;
use rollproof::verdict::{State, judge};

use crate::join;
use crate::label::{Truth, label};
use crate::logs;

/// Examples of each kind of error that are kept.
const MOST_EXAMPLES: usize = 4;

/// What diagnosis said; `None` if it said nothing.
pub(crate) type Said = Option<Cause>;

/// A true cause and what was said of it, with how often.
pub(crate) type Matrix = BTreeMap<(Cause, Said), u64>;

/// One attempt that shows an error.
#[derive(Debug, Clone)]
pub(crate) struct Example {
    pub(crate) scenario: String,
    pub(crate) trial: u32,
    pub(crate) attempt: u64,
    pub(crate) arm: Arm,
    pub(crate) outcome: &'static str,
}

/// The score of one scenario or of many.
#[derive(Debug, Default)]
pub(crate) struct Score {
    pub(crate) requests: Matrix,
    pub(crate) incidents: Matrix,
    pub(crate) undecidable: BTreeMap<&'static str, (u64, Vec<Example>)>,
    pub(crate) errors: BTreeMap<(Cause, Said), Vec<Example>>,
    pub(crate) scenarios: u64,
    pub(crate) trials: u64,
    pub(crate) trials_invalid: u64,
    /// Planned trials of the scenarios that gave nothing.
    pub(crate) trials_failed: u64,
    /// Scenarios that gave nothing to score, with the reason.
    pub(crate) failed: Vec<(String, String)>,
}

/// Shares of everything that truth decides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shares {
    pub(crate) all: u64,
    pub(crate) wrong: u64,
    /// Unknown, or not mentioned at all.
    pub(crate) unknown: u64,
}

impl Shares {
    pub(crate) fn of(matrix: &Matrix) -> Self {
        let mut shares = Self { all: 0, wrong: 0, unknown: 0 };
        for ((truth, said), count) in matrix {
            shares.all += count;
            match said {
                None | Some(Cause::Unknown) => shares.unknown += count,
                Some(cause) if cause != truth => shares.wrong += count,
                Some(_) => {}
            }
        }
        shares
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of a test run")]
    pub(crate) fn percent(&self, part: u64) -> f64 {
        if self.all == 0 { 0.0 } else { 100.0 * part as f64 / self.all as f64 }
    }
}

impl Score {
    pub(crate) fn merge(&mut self, other: Self) {
        add(&mut self.requests, other.requests);
        add(&mut self.incidents, other.incidents);
        for (why, (count, examples)) in other.undecidable {
            let known = self.undecidable.entry(why).or_default();
            known.0 += count;
            for example in examples {
                keep(&mut known.1, example);
            }
        }
        for (kind, examples) in other.errors {
            let known = self.errors.entry(kind).or_default();
            for example in examples {
                keep(known, example);
            }
        }
        self.scenarios += other.scenarios;
        self.trials += other.trials;
        self.trials_invalid += other.trials_invalid;
        self.trials_failed += other.trials_failed;
        self.failed.extend(other.failed);
    }
}

/// The score of a scenario with this many trials and without anything to score.
pub(crate) fn failed(name: &str, trials: u32, why: String) -> Score {
    Score { failed: vec![(name.to_owned(), why)], trials_failed: trials.into(), ..Score::default() }
}

fn add(into: &mut Matrix, from: Matrix) {
    for (cell, count) in from {
        *into.entry(cell).or_default() += count;
    }
}

/// Keeps a few examples, from as many scenarios as possible.
fn keep(examples: &mut Vec<Example>, example: Example) {
    if examples.len() < MOST_EXAMPLES && examples.iter().all(|known| known.scenario != example.scenario) {
        examples.push(example);
    }
}

/// Scores the run in `folder`, whose files are those that `rollproof run --record-all` leaves.
pub(crate) fn score(name: &str, folder: &Path) -> Result<Score, String> {
    let mut run = join::read(folder)?;
    let mut world = logs::read(folder, run.header.started_unix_ns)?;
    world.slices = run.slices();
    for pod in run.timeline.trials.iter().flat_map(|trial| &trial.pods) {
        if let Some(life) = world.pods.get_mut(&pod.name) {
            life.grace_ns = pod.grace_s.map(|seconds| seconds * 1_000_000_000);
        }
    }
    if let Some(why) = world.broken {
        return Err(why.to_owned());
    }
    let mut score = Score { scenarios: 1, ..Score::default() };
    let mut valid = Vec::new();
    for trial in &run.timeline.trials {
        let variant = run.header.spec.variants.iter().find(|variant| variant.name == trial.start.variant);
        let state = variant.map(|variant| judge(trial, variant, run.header.spec.settings.max_lag_ms()).state);
        if matches!(state, Some(State::Counts | State::Dirty)) {
            valid.push(trial.start.trial);
        } else {
            score.trials_invalid += 1;
        }
    }
    score.trials = valid.len() as u64;
    run.lost.retain(|attempt| valid.contains(&attempt.trial));
    let labels = label(&world, &run.lost, &run.answered);
    compare(&mut score, name, &run, &labels);
    Ok(score)
}

fn compare(score: &mut Score, name: &str, run: &join::Run, labels: &[Truth]) {
    let diagnosis = diagnose(&run.timeline);
    let said: BTreeMap<(u32, u64), _> = diagnosis.attempts.iter().map(|e| ((e.trial, e.id), e)).collect();
    let mut incidents: BTreeMap<Group, BTreeMap<Truth, u64>> = BTreeMap::new();
    for (attempt, truth) in run.lost.iter().zip(labels) {
        let explained = said.get(&(attempt.trial, attempt.id));
        let group = match explained {
            Some(explained) => Group::Said(explained.incident, explained.cause),
            None => Group::Missing(attempt.trial, attempt.arm, *truth),
        };
        *incidents.entry(group).or_default().entry(*truth).or_default() += 1;
        let said = explained.map(|explained| explained.cause);
        match truth {
            Truth::Undecidable(why) => {
                let known = score.undecidable.entry(why).or_default();
                known.0 += 1;
                keep(&mut known.1, example(name, attempt));
            }
            Truth::Is(cause) => {
                *score.requests.entry((*cause, said)).or_default() += 1;
                if said != Some(*cause) {
                    keep(score.errors.entry((*cause, said)).or_default(), example(name, attempt));
                }
            }
        }
    }
    for (group, truths) in incidents {
        let most = truths.into_iter().max_by_key(|(_, count)| *count).map(|(truth, _)| truth);
        if let Some(Truth::Is(cause)) = most {
            let said = match group {
                Group::Said(_, cause) => Some(cause),
                Group::Missing(..) => None,
            };
            *score.incidents.entry((cause, said)).or_default() += 1;
        }
    }
}

/// An incident of diagnosis, or attempts that it does not mention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Said(u32, Cause),
    Missing(u32, Arm, Truth),
}

fn example(name: &str, attempt: &Attempt) -> Example {
    Example {
        scenario: name.to_owned(),
        trial: attempt.trial,
        attempt: attempt.id,
        arm: attempt.arm,
        outcome: attempt.outcome.name(),
    }
}
