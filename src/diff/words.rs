//! A comparison of two runs in words, for the terminal and the page.

use super::doc::{DiffDoc, LostDiff, Shift, VariantDiff};
use crate::report::{self, difference_words, in_brackets, one_line, p_is, probability, signed};
use crate::stats::LEVEL;
use crate::verdict::Conclusion;

/// Variants and notes that a terminal shows.
const MOST: usize = 12;

/// The comparison for a terminal, ended by a newline.
#[must_use]
pub fn render(diff: &DiffDoc) -> String {
    let mut lines = vec![title(diff), String::new()];
    for variant in diff.variants.iter().take(MOST) {
        lines.push(lost_line(variant));
        lines.extend(cost_line(variant));
    }
    let more = diff.variants.len().saturating_sub(MOST);
    lines.extend((more > 0).then(|| format!("{more} more variants are in diff.md.")));
    let left_out = diff.notes.len().saturating_sub(MOST);
    // The last note holds of every comparison.
    lines.extend(diff.notes.iter().skip(left_out).map(|note| format!("note: {note}")));
    lines.extend((left_out > 0).then(|| format!("{left_out} more notes are in diff.md.")));
    let mut text = lines.iter().map(|line| one_line(line)).collect::<Vec<String>>().join("\n");
    text.push('\n');
    text
}

/// `apache-prestop: the run of 2026-11-24T10:00:00Z against that of 2026-11-23T10:00:00Z`.
pub(super) fn title(diff: &DiffDoc) -> String {
    format!("{}: the run of {} against that of {}", diff.scenario, diff.new.started, diff.old.started)
}

/// What a variant lost, beside the old run.
pub(super) fn lost_line(variant: &VariantDiff) -> String {
    let VariantDiff { name, old, new, lost, .. } = variant;
    let (Some(p), Some(difference)) = (lost.p_value, lost.difference) else {
        return format!("{name}: a run has no trial that counts, so nothing can be compared.");
    };
    let than = if difference.estimate == 0.0 { "as before" } else { "than before" };
    let what = format!("{} {than}", difference_words(difference.estimate));
    let range = in_brackets(interval(difference, 1.0));
    let adjusted = lost.p_adjusted.filter(|adjusted| *adjusted > p);
    let adjusted = adjusted.map_or_else(String::new, |p| format!(", {} after Holm's adjustment", probability(p)));
    let fisher = in_brackets(lost.fisher_p_value.map(|p| format!("Fisher, {}", p_is(p))));
    format!(
        "{name}: {what}{range}, {} (permutation, two-sided, {} trials against {}){adjusted}: {}; {} of {} rollouts lost something, \
         before {} of {}{fisher}.",
        p_is(p),
        new.trials,
        old.trials,
        conclusion(lost),
        new.trials_with_loss,
        new.trials,
        old.trials_with_loss,
        old.trials
    )
}

pub(super) fn conclusion(lost: &LostDiff) -> String {
    match lost.conclusion {
        Conclusion::Shown => "the difference is shown".to_owned(),
        Conclusion::Observed => format!(
            "only observed: so few trials cannot show a difference (they cannot give less than p = {}, and {LEVEL} is needed)",
            probability(lost.smallest_p)
        ),
        Conclusion::NotShown => "the difference is not shown".to_owned(),
    }
}

/// What else a variant costs more or less than before; `None` if nothing is known.
fn cost_line(variant: &VariantDiff) -> Option<String> {
    let costs = costs(variant).into_iter().filter_map(|(name, told)| Some(format!("{name} {}", told?)));
    let known: Vec<String> = costs.collect();
    (!known.is_empty()).then(|| format!("{}: {}.", variant.name, known.join("; ")))
}

/// Rollout, pod-seconds and latency: the difference with its interval.
pub(super) fn costs(variant: &VariantDiff) -> [(&'static str, Option<String>); 3] {
    let told = |shift: Option<Shift>, parts: f64, unit: &str| {
        let shift = shift?;
        let range = in_brackets(interval(shift, parts));
        Some(format!("{}{unit}{range}", signed(shift.estimate / parts)))
    };
    [
        ("rollout", told(variant.rollout_s, 1.0, " s")),
        ("pod-seconds", told(variant.pod_s, 1.0, "")),
        ("p99 during the rollout", told(variant.p99_during_us, 1e3, " ms")),
    ]
}

/// `-9.0 to -7.0 at 93.8 %`; `None` if it leaves everything open.
pub(super) fn interval(shift: Shift, parts: f64) -> Option<String> {
    report::interval(shift.low, shift.high, shift.level, parts)
}
