//! How a run fares, in a line: while a trial runs, and when it has ended. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::trial::TrialStep;

/// What the line of a trial under way shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct TrialProgress {
    pub(super) ended: u64,
    /// Those among them that were lost.
    pub(super) lost: u64,
    /// Since the trial began.
    pub(super) elapsed: Duration,
    pub(super) step: TrialStep,
    /// Until the last trial has ended, roughly.
    pub(super) left: Duration,
}

/// `trial 2 of 6 (with-prestop): 1,040 requests, 100/s, 0 lost; 1 of 2 ready, 2 old left; about 40 s left`.
pub(super) fn line(title: &str, shown: &TrialProgress) -> String {
    let step = match shown.step {
        TrialStep::LeadIn => "before the rollout".to_owned(),
        TrialStep::Rolling(None) => "rolling".to_owned(),
        TrialStep::Rolling(Some(now)) => {
            format!("{} of {} new ready, {} old left", now.ready, now.wanted, now.old_left)
        }
        TrialStep::Control => "no rollout".to_owned(),
        TrialStep::Tail => "after the rollout".to_owned(),
    };
    let TrialProgress { ended, lost, .. } = *shown;
    let rate = rate(ended, shown.elapsed).map_or_else(String::new, |rate| format!(", {}/s", grouped(rate)));
    format!("{title}: {} requests{rate}, {} lost; {step}; {}", grouped(ended), grouped(lost), left(shown.left))
}

/// `0 lost of 1,040, rollout 5.5 s`.
pub(super) fn came_to(lost: u64, attempts: u64, rollout_s: Option<f64>) -> String {
    let rollout = rollout_s.map_or_else(|| "rollout not finished".to_owned(), |s| format!("rollout {s:.1} s"));
    format!("{} lost of {}, {rollout}", grouped(lost), grouped(attempts))
}

/// Attempts a second; `None` as long as it would be a guess.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate for people"
)]
fn rate(ended: u64, elapsed: Duration) -> Option<u64> {
    (elapsed >= Duration::from_secs(1)).then(|| (ended as f64 / elapsed.as_secs_f64()).round() as u64)
}

/// `about 40 s left`, in steps that a guess deserves.
fn left(left: Duration) -> String {
    match left.as_secs() {
        seconds @ 0..90 => format!("about {} s left", (seconds / 5 + 1) * 5),
        seconds => format!("about {} min left", seconds.div_ceil(60)),
    }
}

/// `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How long the trials of each variant take, as far as is known.
#[derive(Debug)]
pub(super) struct TrialLengths {
    guess: Duration,
    ended: BTreeMap<usize, (u32, Duration)>,
}

impl TrialLengths {
    /// Before any trial has ended, each is taken to last for `guess`.
    pub(super) const fn new(guess: Duration) -> Self {
        Self { guess, ended: BTreeMap::new() }
    }

    pub(super) fn ended(&mut self, variant: usize, length: Duration) {
        let (count, sum) = self.ended.entry(variant).or_default();
        (*count, *sum) = (count.saturating_add(1), sum.saturating_add(length));
    }

    fn of(&self, variant: usize) -> Duration {
        self.ended.get(&variant).map_or(self.guess, |(count, sum)| *sum / (*count).max(1))
    }

    /// What is left of a trial of `current` that has lasted for `elapsed`, and of those that wait.
    pub(super) fn left(&self, waiting: impl Iterator<Item = usize>, current: usize, elapsed: Duration) -> Duration {
        let others: Duration = waiting.map(|variant| self.of(variant)).sum();
        others.saturating_add(self.of(current).saturating_sub(elapsed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::RolloutCounts;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_line_has_the_rate_the_losses_the_step_and_the_time_left() {
        let step = TrialStep::Rolling(Some(RolloutCounts { wanted: 2, ready: 1, old_left: 2 }));
        let shown = TrialProgress { ended: 1_040, lost: 3, elapsed: 10 * SECOND, step, left: 33 * SECOND };
        let expected =
            "trial 2 of 6 (web): 1,040 requests, 104/s, 3 lost; 1 of 2 new ready, 2 old left; about 35 s left";
        assert_eq!(line("trial 2 of 6 (web)", &shown), expected);
        let begun =
            TrialProgress { ended: 2, lost: 0, elapsed: SECOND / 2, step: TrialStep::LeadIn, left: 300 * SECOND };
        assert_eq!(line("t", &begun), "t: 2 requests, 0 lost; before the rollout; about 5 min left");
    }

    #[test]
    fn a_trial_that_has_ended_is_told_in_a_line() {
        assert_eq!(came_to(0, 1_040, Some(5.46)), "0 lost of 1,040, rollout 5.5 s");
        assert_eq!(came_to(1_234_567, 2_000_000, None), "1,234,567 lost of 2,000,000, rollout not finished");
        assert_eq!([0, 999, 1_000].map(grouped), ["0", "999", "1,000"]);
    }

    #[test]
    fn the_time_left_is_of_each_variants_own_trials_once_they_are_known() {
        let mut lengths = TrialLengths::new(40 * SECOND);
        assert_eq!(lengths.left([0, 1].into_iter(), 0, 10 * SECOND), 110 * SECOND);
        lengths.ended(0, 10 * SECOND);
        lengths.ended(0, 20 * SECOND);
        assert_eq!(lengths.left([0, 1].into_iter(), 0, 5 * SECOND), (15 + 40 + 10) * SECOND);
        assert_eq!(
            lengths.left(std::iter::empty(), 0, 60 * SECOND),
            Duration::ZERO,
            "it takes longer than the others did"
        );
    }
}
