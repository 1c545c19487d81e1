//! The limits of a score, and what a score decides by them. Pure.

use crate::conditions::Conditions;
use crate::forced::Verdict;
use crate::score::{Score, Shares};

/// The least share of the trials that must be valid, in percent: a machine that spoils more of them leaves the easy ones.
const LEAST_VALID: u64 = 80;

/// The fewest incidents whose true cause is known: of 500, 1 % are five.
const LEAST_INCIDENTS: u64 = 500;

/// The largest shares, in percent, of the requests and of the incidents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) wrong: u64,
    pub(crate) unknown: u64,
}

/// What a score decides.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Met,
    /// What was missed.
    Missed(Vec<String>),
    /// What is lacking to decide.
    Nothing(Vec<String>),
}

impl Limits {
    /// On a busy machine more may stay unknown, and nothing more may be wrong.
    pub(crate) const fn of(busy: bool) -> Self {
        Self { wrong: 1, unknown: if busy { 15 } else { 5 } }
    }

    /// What exceeds them in `shares`.
    fn exceeded(self, what: &str, shares: &Shares) -> Vec<String> {
        let parts = [("wrong", shares.wrong, self.wrong), ("unknown", shares.unknown, self.unknown)];
        let over = parts.into_iter().filter(|(_, part, limit)| part * 100 > limit * shares.all);
        over.map(|(word, part, limit)| {
            format!("{:.2} % of the {what} are {word}, at most {limit} % are allowed", shares.percent(part))
        })
        .collect()
    }

    /// In a sentence.
    pub(crate) fn sentence(self) -> String {
        let Self { wrong, unknown } = self;
        format!(
            "Limits: at most {wrong} % wrong and {unknown} % unknown, by request and by incident; at least {LEAST_VALID} % of the \
             trials valid and {LEAST_INCIDENTS} incidents decided."
        )
    }
}

/// What `score` and the real servers decide.
pub(crate) fn decide(score: &Score, forced: &[Verdict], conditions: &Conditions) -> Decision {
    let (requests, incidents) = (Shares::of(&score.requests), Shares::of(&score.incidents));
    let lacking = lacking(score, &incidents, conditions);
    if !lacking.is_empty() {
        return Decision::Nothing(lacking);
    }
    let limits = Limits::of(conditions.busy);
    let mut missed = limits.exceeded("requests", &requests);
    missed.extend(limits.exceeded("incidents", &incidents));
    let other = forced.iter().filter(|verdict| !verdict.said.is_empty() && !verdict.good());
    missed.extend(
        other.map(|verdict| {
            format!("most of what {} lost was not explained by {}", verdict.name, verdict.expected.name())
        }),
    );
    if missed.is_empty() { Decision::Met } else { Decision::Missed(missed) }
}

fn lacking(score: &Score, incidents: &Shares, conditions: &Conditions) -> Vec<String> {
    let mut lacking = Vec::new();
    if !conditions.complete {
        lacking.push("the runs did not all end under these conditions".to_owned());
    }
    let trials = score.trials + score.trials_invalid + score.trials_failed;
    if trials == 0 || score.trials * 100 < LEAST_VALID * trials {
        lacking.push(format!("{} of {trials} trials are valid, at least {LEAST_VALID} % are needed", score.trials));
    }
    if incidents.all < LEAST_INCIDENTS {
        lacking.push(format!("{} incidents are decided, at least {LEAST_INCIDENTS} are needed", incidents.all));
    }
    lacking
}

impl Decision {
    /// In a sentence.
    pub(crate) fn sentence(&self) -> String {
        match self {
            Self::Met => "**The limits are met.**".to_owned(),
            Self::Missed(why) => format!("**The limits are not met**: {}.", why.join("; ")),
            Self::Nothing(why) => format!("**Nothing is decided**: {}.", why.join("; ")),
        }
    }

    /// The exit code.
    pub(crate) const fn code(&self) -> u8 {
        match self {
            Self::Met => 0,
            Self::Missed(_) => 1,
            Self::Nothing(_) => 3,
        }
    }
}
