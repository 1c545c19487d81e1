//! Comparisons for people: a line of what was lost and a line of what it costs, for each variant.

use super::words::probability;
use crate::analysis::{ComparisonDoc, Difference, LostAnythingDoc};
use crate::stats::{Alternative, LEVEL};
use crate::verdict::{Conclusion, Metric, plural};

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
    let what = difference_words(difference.estimate);
    let alternative = match found.alternative {
        Some(Alternative::Less) => "one-sided, less, ",
        Some(Alternative::Greater) => "one-sided, greater, ",
        Some(Alternative::TwoSided) => "two-sided, ",
        None => "",
    };
    let blocks = plural(u64::from(found.blocks), "block");
    let range = in_brackets(range_words(difference, 1.0));
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

/// How many more or fewer a variant lost.
pub(crate) fn difference_words(estimate: f64) -> String {
    match estimate {
        fewer if fewer < 0.0 => format!("{:.1} fewer lost a rollout", -fewer),
        more if more > 0.0 => format!("{more:.1} more lost a rollout"),
        _ => "as many lost a rollout".to_owned(),
    }
}

/// ` (words)`; empty without any.
pub(crate) fn in_brackets(words: Option<String>) -> String {
    words.map_or_else(String::new, |words| format!(" ({words})"))
}

fn anything(counted: LostAnythingDoc) -> String {
    let p = in_brackets(counted.fisher_p_value.map(|p| format!("Fisher, {}", p_is(p))));
    format!(
        "; {} of {} rollouts lost something, against {} of {}{p}",
        counted.variant_trials_with_loss,
        counted.variant_trials,
        counted.baseline_trials_with_loss,
        counted.baseline_trials
    )
}

/// `p = 0.031`, `p < 0.001`.
pub(crate) fn p_is(p: f64) -> String {
    let p = probability(p);
    if p.starts_with('<') { format!("p {p}") } else { format!("p = {p}") }
}

/// What a variant costs in one metric; `None` if no block tells.
fn cost(found: &ComparisonDoc) -> Option<String> {
    let difference = found.difference?;
    let (name, parts, unit) = match found.metric {
        Metric::Lost => return None,
        Metric::RolloutS => ("rollout", 1.0, " s"),
        Metric::PodS => ("pod-seconds", 1.0, ""),
        Metric::P99DuringUs => ("p99 during the rollout", 1e3, " ms"),
    };
    let range = in_brackets(range_words(difference, parts));
    Some(format!("{name} {}{unit}{range}", signed(difference.estimate / parts)))
}

pub(crate) fn range_words(Difference { low, high, level, .. }: Difference, parts: f64) -> Option<String> {
    interval(low, high, level, parts)
}

/// `-9.0 to -7.0 at 93.8 %`; `None` if so few values leave everything open.
pub(crate) fn interval(low: Option<f64>, high: Option<f64>, level: Option<f64>, parts: f64) -> Option<String> {
    Some(format!("{} to {} at {:.1} %", signed(low? / parts), signed(high? / parts), 100.0 * level?))
}

/// With its sign; what is rounded to zero has none.
pub(crate) fn signed(value: f64) -> String {
    let text = format!("{value:+.1}");
    if text.contains(|c: char| c.is_ascii_digit() && c != '0') { text } else { "0.0".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_and_probabilities() {
        assert_eq!([3.46, -0.04, -12.0].map(signed), ["+3.5", "0.0", "-12.0"]);
        assert_eq!([p_is(0.031_25), p_is(0.000_1)], ["p = 0.031", "p < 0.001"]);
    }
}
