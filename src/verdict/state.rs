//! Whether a trial counts. Trouble of the harness is looked at first and never at losses, so that no trial is left out
//! for what it showed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::plural;
use crate::record::{Arm, Outcome, OutcomeGroup};
use crate::spec::{Door, LoadSpec, RolloutAction, VariantSpec};
use crate::timeline::{Counts, Trial};

/// What a trial is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It decides.
    Counts,
    /// A judged attempt was lost before the rollout began: shown, decides nothing.
    Dirty,
    /// The harness had trouble of its own: shown, decides nothing.
    Invalid,
    /// The record ended before it did, or nothing was rolled out: shown, decides nothing.
    Incomplete,
}

impl State {
    /// Its word in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counts => "counts",
            Self::Dirty => "dirty",
            Self::Invalid => "invalid",
            Self::Incomplete => "incomplete",
        }
    }
}

/// What a trial is worth, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Its state.
    pub state: State,
    /// Why it does not count, in a sentence; empty if it counts.
    pub reason: String,
    /// What the judged arms' attempts from the rollout's first mark on came to.
    pub counts: Counts,
    /// What counts as lost among them: the lost, and with `strict` the raced.
    pub loss: u64,
}

impl Judgement {
    /// Beside its trial.
    #[must_use]
    pub fn of<'a>(&'a self, trial: &'a Trial) -> Judged<'a> {
        Judged { trial, state: self.state, reason: &self.reason, counts: &self.counts, loss: self.loss }
    }
}

/// A trial with its judgement.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    /// The trial.
    pub trial: &'a Trial,
    /// Its state.
    pub state: State,
    /// Why it does not count, in a sentence; empty if it counts.
    pub reason: &'a str,
    /// What the judged arms' attempts from the rollout's first mark on came to.
    pub counts: &'a Counts,
    /// What counts as lost among them: the lost, and with `strict` the raced.
    pub loss: u64,
}

impl Judged<'_> {
    /// What the judged arms' attempts at `door` from the first mark on came to.
    #[must_use]
    pub fn at_door(&self, load: &LoadSpec, door: Door) -> Counts {
        self.trial.counts_of(|arm, request| load.judged.contains(&arm) && load.door(request) == door)
    }
}

/// Judges one trial of `variant`.
#[must_use]
pub fn judge(trial: &Trial, variant: &VariantSpec, max_lag_ms: u64) -> Judgement {
    let counts = trial.judged_counts(&variant.load.judged);
    let loss = counts.lost + if variant.strict { counts.raced } else { 0 };
    let at_end = trial.end.as_ref().map_or("", |end| end.trouble.as_str());
    let trouble = [trial.trouble.as_str(), at_end].into_iter().find(|trouble| !trouble.is_empty());
    let (state, reason) = if let Some(reason) = trouble {
        (State::Invalid, reason.to_owned())
    } else if let Some(reason) = overflowed(trial) {
        // Before what seems to be missing: it may be what was lost.
        (State::Invalid, reason)
    } else if let Some(reason) = incomplete(trial) {
        (State::Incomplete, reason)
    } else if let Some(reason) = invalid(trial, variant, max_lag_ms) {
        (State::Invalid, reason)
    } else if let Some(reason) = dirty(trial, variant) {
        (State::Dirty, reason)
    } else {
        (State::Counts, String::new())
    };
    Judgement { state, reason, counts, loss }
}

fn incomplete(trial: &Trial) -> Option<String> {
    let Some(end) = &trial.end else { return Some("the record ends before the trial does".to_owned()) };
    if trial.window.is_some() {
        return None;
    }
    let why = if end.reason.is_empty() { "no reason was recorded" } else { &end.reason };
    Some(format!("nothing was rolled out: {why}"))
}

fn overflowed(trial: &Trial) -> Option<String> {
    (trial.overflowed > 0)
        .then(|| format!("{} of the record were lost because its channel was full", plural(trial.overflowed, "line")))
}

fn invalid(trial: &Trial, variant: &VariantSpec, max_lag_ms: u64) -> Option<String> {
    if trial.late_lines > 0 {
        return Some(format!("{} of it came after its end", plural(trial.late_lines, "line")));
    }
    if let Some(reason) = miscounted(trial) {
        return Some(reason);
    }
    if let Some(reason) = unpunctual(trial).or_else(|| replaced_nothing(trial, variant)) {
        return Some(reason);
    }
    let all = trial.lead_in.values().chain(trial.judged.values());
    // A deferred attempt tells of the plan, not of the machine: it makes the verdict inconclusive instead.
    let own: u64 = all.map(|counts| counts.harness - counts.outcome(Outcome::Deferred).min(counts.harness)).sum();
    if own > 0 {
        let kinds = Outcome::ALL.into_iter().filter(|kind| kind.group() == OutcomeGroup::Harness);
        let named: Vec<String> = kinds
            .filter(|kind| *kind != Outcome::Deferred)
            .map(|kind| (kind, trial.all_with(kind)))
            .filter(|(_, count)| *count > 0)
            .map(|(kind, count)| format!("{} {count}", kind.name()))
            .collect();
        return Some(format!("{} failed in the harness itself ({})", plural(own, "attempt"), named.join(", ")));
    }
    if trial.judged_lag_max_ns > max_lag_ms.saturating_mul(1_000_000) {
        // Rounded up, so that it is never told as what is allowed.
        let tenths_ms = trial.judged_lag_max_ns.div_ceil(100_000);
        return Some(format!(
            "a send during the rollout or its tail was {}.{} ms late; at most {max_lag_ms} ms are allowed",
            tenths_ms / 10,
            tenths_ms % 10
        ));
    }
    None
}

/// Attempts that were planned and are not in the record, or the other way round.
fn miscounted(trial: &Trial) -> Option<String> {
    let planned: &BTreeMap<Arm, u64> = &trial.end.as_ref()?.planned;
    Arm::ALL.into_iter().find_map(|arm| {
        let planned = planned.get(&arm).copied().unwrap_or(0);
        let recorded = trial.recorded(arm);
        (planned != recorded)
            .then(|| format!("{} of arm {} planned and {recorded} recorded", plural(planned, "attempt"), arm.name()))
    })
}

/// How late the load was is told slice by slice, with the attempts that were planned in it. Lines that are missing hide lateness.
fn unpunctual(trial: &Trial) -> Option<String> {
    let planned: u64 = trial.end.as_ref()?.planned.values().sum();
    (planned != trial.punctual)
        .then(|| format!("the lines on its own punctuality tell of {} of {planned} planned attempts", trial.punctual))
}

/// A rollout that is complete and replaced none of the pods that were there measured nothing.
fn replaced_nothing(trial: &Trial, variant: &VariantSpec) -> Option<String> {
    let complete = trial.end.as_ref().is_some_and(|end| end.complete);
    let pods = trial.pods.iter().filter(|pod| !pod.new).count() as u64;
    let replaces = matches!(
        variant.rollout.action,
        RolloutAction::Restart | RolloutAction::Image { .. } | RolloutAction::Env { .. } | RolloutAction::Patch { .. }
    );
    (complete && replaces && pods > 0 && trial.replaced().0.is_empty())
        .then(|| format!("the rollout is complete and replaced none of its {}", plural(pods, "pod")))
}

fn dirty(trial: &Trial, variant: &VariantSpec) -> Option<String> {
    let lost = trial.lead_in_counts(&variant.load.judged).lost;
    (lost > 0).then(|| format!("{} lost before the rollout began", plural(lost, "attempt")))
}
