//! Comparisons for people: a line of what was lost and a line of what it costs, for each variant.

use super::words::probability;
use crate::analysis::{ComparisonDoc, Difference, LostAnythingDoc};
use crate::stats::{Alternative, LEVEL};
use crate::verdict::{Conclusion, Metric};

/// All comparisons, in the order of the variants.
pub(crate) fn comparison_lines(all: &[ComparisonDoc]) -> Vec<String> {
    let mut lines = Vec::new();
    for lost in all.iter().filter(|found| found.metric == Metric::Lost) {
        lines.push(lost_line(lost));
        let costs = all.iter().filter(|found| found.metric != Metric::Lost && found.variant == lost.variant);
        let known: Vec<String> = costs.filter_map(cost).collect();
        if !known.is_empty() {
            lines.push(format!("{} against {}: {}.", lost.variant, lost.baseline, known.join("; ")));
        }
    }
    lines
}

fn lost_line(found: &ComparisonDoc) -> String {
    let pair = format!("{} against {}", found.variant, found.baseline);
    let (Some(p), Some(difference)) = (found.p_value, found.difference) else {
        return format!("{pair}: no block in which both count, so nothing can be compared.");
    };
    let estimate = difference.estimate;
    let what = if estimate < 0.0 {
        format!("{:.1} fewer lost a rollout", -estimate)
    } else if estimate > 0.0 {
        format!("{estimate:.1} more lost a rollout")
    } else {
        "as many lost a rollout".to_owned()
    };
    let alternative = match found.alternative {
        Some(Alternative::Less) => "one-sided, less, ",
        Some(Alternative::Greater) => "one-sided, greater, ",
        Some(Alternative::TwoSided) => "two-sided, ",
        None => "",
    };
    let blocks = if found.blocks == 1 { "1 block".to_owned() } else { format!("{} blocks", found.blocks) };
    let range = interval(difference, 1.0, 1).map_or_else(String::new, |range| format!(" ({range})"));
    let adjusted = found.p_adjusted.filter(|adjusted| *adjusted > p);
    let adjusted = adjusted.map_or_else(String::new, |p| format!(", {} after Holm's adjustment", probability(p)));
    let anything = found.lost_anything.map_or_else(String::new, anything);
    format!(
        "{pair}: {what}{range}, {} (sign-flip, {alternative}{blocks}){adjusted}: {}{anything}.",
        p_is(p),
        conclusion(found)
    )
}

pub(crate) fn conclusion(found: &ComparisonDoc) -> String {
    match (found.conclusion, found.smallest_p) {
        (Some(Conclusion::Shown), _) => "the difference is shown".to_owned(),
        (Some(Conclusion::Observed), _) => "only observed: so few blocks can show no difference".to_owned(),
        (_, Some(smallest)) if smallest > LEVEL => {
            format!("not shown: these blocks cannot give less than p = {}", probability(smallest))
        }
        _ => "the difference is not shown".to_owned(),
    }
}

fn anything(counted: LostAnythingDoc) -> String {
    let p = counted.fisher_p_value.map_or_else(String::new, |p| format!(" (Fisher, {})", p_is(p)));
    format!(
        "; {} of {} rollouts lost something, against {} of {}{p}",
        counted.variant_trials_with_loss,
        counted.variant_trials,
        counted.baseline_trials_with_loss,
        counted.baseline_trials
    )
}

/// `p = 0.031`, `p < 0.001`.
fn p_is(p: f64) -> String {
    let p = probability(p);
    if p.starts_with('<') { format!("p {p}") } else { format!("p = {p}") }
}

/// What a variant costs in one metric; `None` if no block tells.
fn cost(found: &ComparisonDoc) -> Option<String> {
    let difference = found.difference?;
    let (name, parts, digits, unit) = match found.metric {
        Metric::Lost => return None,
        Metric::RolloutS => ("rollout", 1.0, 1, " s"),
        Metric::PodS => ("pod-seconds", 1.0, 1, ""),
        Metric::P99DuringUs => ("p99 during the rollout", 1e3, 1, " ms"),
    };
    let range = interval(difference, parts, digits).map_or_else(String::new, |range| format!(" ({range})"));
    Some(format!("{name} {}{unit}{range}", signed(difference.estimate / parts, digits)))
}

/// `-9.0 to -7.0 at 93.8 %`; `None` if one block leaves everything open.
pub(crate) fn interval(difference: Difference, parts: f64, digits: usize) -> Option<String> {
    let (low, high, level) = (difference.low?, difference.high?, difference.level?);
    let (low, high) = (signed(low / parts, digits), signed(high / parts, digits));
    Some(format!("{low} to {high} at {:.1} %", 100.0 * level))
}

/// With its sign; what is rounded to zero has none.
pub(crate) fn signed(value: f64, digits: usize) -> String {
    let text = format!("{value:+.digits$}");
    if text.chars().any(|c| c.is_ascii_digit() && c != '0') {
        text
    } else {
        text.trim_start_matches(['+', '-']).to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_and_probabilities() {
        assert_eq!([signed(3.46, 1), signed(-0.04, 1), signed(-12.0, 0)], ["+3.5", "0.0", "-12"]);
        assert_eq!([p_is(0.031_25), p_is(0.000_1)], ["p = 0.031", "p < 0.001"]);
    }
}
