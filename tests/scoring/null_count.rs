//! Counts the trials of variants that must always lose something, or never: right, wrong and inconclusive ones. Pure.

use rollproof::spec::Expect;
use rollproof::verdict::State;
use serde::Deserialize;

/// The largest share of a variant's trials that may be inconclusive is one of so many.
const INCONCLUSIVE: u64 = 5;

/// What these tests need of `report.json`.
#[derive(Debug, Deserialize)]
pub(crate) struct Report {
    variants: Vec<VariantSeen>,
}

#[derive(Debug, Deserialize)]
struct VariantSeen {
    name: String,
    trials_list: Vec<TrialSeen>,
}

/// One trial.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct TrialSeen {
    pub(crate) state: State,
    /// Why it does not count.
    #[serde(default)]
    pub(crate) reason: String,
    pub(crate) attempts: u64,
    pub(crate) lost: u64,
    /// Whether the rollout completed.
    pub(crate) complete: bool,
}

impl Report {
    /// The trials of a variant; none if it is not there.
    pub(crate) fn trials(&self, variant: &str) -> &[TrialSeen] {
        self.variants.iter().find(|seen| seen.name == variant).map_or(&[], |seen| &seen.trials_list)
    }
}

/// What a trial showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Right,
    Wrong,
    Inconclusive,
}

/// What a trial showed of a variant of which `expect` is known to be true.
pub(crate) fn shown(expect: Expect, trial: &TrialSeen) -> Shown {
    if trial.state != State::Counts || trial.attempts == 0 {
        return Shown::Inconclusive;
    }
    match (expect, trial.lost > 0) {
        (Expect::Loss, true) => Shown::Right,
        (Expect::Loss, false) | (Expect::Clean, true) => Shown::Wrong,
        // Pods that were never replaced lose nothing.
        (Expect::Clean, false) if trial.complete => Shown::Right,
        (Expect::Clean, false) => Shown::Inconclusive,
    }
}

/// How many trials showed what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) right: u64,
    pub(crate) wrong: u64,
    pub(crate) inconclusive: u64,
}

impl Tally {
    /// Of one run that was to make `planned` trials of the variant. Those that it did not make showed nothing.
    pub(crate) fn of(expect: Expect, trials: &[TrialSeen], planned: u32) -> Self {
        let mut tally = Self::default();
        for trial in trials {
            match shown(expect, trial) {
                Shown::Right => tally.right += 1,
                Shown::Wrong => tally.wrong += 1,
                Shown::Inconclusive => tally.inconclusive += 1,
            }
        }
        tally.inconclusive += u64::from(planned).saturating_sub(tally.trials());
        tally
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.right += other.right;
        self.wrong += other.wrong;
        self.inconclusive += other.inconclusive;
    }

    pub(crate) const fn trials(&self) -> u64 {
        self.right + self.wrong + self.inconclusive
    }

    const fn decides(&self) -> bool {
        self.trials() > 0 && self.inconclusive * INCONCLUSIVE <= self.trials()
    }
}

/// What all variants together came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NullResult {
    Passed,
    Failed,
    /// Too many trials of a variant were inconclusive, or they were not run as they should be.
    Nothing,
}

impl NullResult {
    /// A wrong trial is one, however few others count.
    pub(crate) fn of(tallies: &[Tally]) -> Self {
        if tallies.iter().any(|tally| tally.wrong > 0) {
            Self::Failed
        } else if tallies.is_empty() || !tallies.iter().all(Tally::decides) {
            Self::Nothing
        } else {
            Self::Passed
        }
    }

    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Nothing => 3,
        }
    }

    pub(crate) const fn sentence(self) -> &'static str {
        match self {
            Self::Passed => "**Passed**: no trial was wrong.",
            Self::Failed => "**Failed**: a clean variant lost something, or a losing one nothing.",
            Self::Nothing => {
                "**Nothing is decided**: more than a fifth of a variant's trials are inconclusive, or the machine was not busy \
                 until the end."
            }
        }
    }
}

/// `trials` in runs of at most `most`, as even as they can be.
pub(crate) fn split(trials: u32, most: u32) -> Vec<u32> {
    let runs = trials.div_ceil(most.max(1));
    (0..runs).map(|run| trials / runs + u32::from(run < trials % runs)).collect()
}
