//! The comparisons of the view model: every variant but the control beside the baseline, in every metric.

use super::build::rounded;
use super::doc_compared::{ComparisonDoc, Difference, LostAnythingDoc, Test};
use crate::record::header::Header;
use crate::verdict::{Comparison, Effect, Judged, LostAnything, Metric, Side, compare};

/// The comparisons of a run, from its variants' trials in the header's order; none without a baseline.
pub(super) fn comparisons(header: &Header, judged: &[Vec<Judged<'_>>]) -> Vec<ComparisonDoc> {
    let sides = || header.spec.variants.iter().zip(judged).map(|(variant, trials)| Side { variant, trials });
    let is = |name: &Option<String>, side: &Side<'_>| name.as_ref() == Some(&side.variant.name);
    let Some(baseline) = sides().find(|side| is(&header.spec.settings.baseline, side)) else { return Vec::new() };
    let others: Vec<Side<'_>> = sides()
        .filter(|side| !is(&header.spec.settings.baseline, side) && !is(&header.spec.settings.control, side))
        .collect();
    let lost = compare(baseline, &others, header.spec.settings.trials);
    let mut docs = Vec::new();
    for (variant, found) in others.into_iter().zip(lost) {
        docs.push(lost_doc(baseline, variant, &found));
        docs.extend(Metric::COSTS.map(|metric| cost_doc(baseline, variant, metric)));
    }
    docs
}

fn lost_doc(baseline: Side<'_>, variant: Side<'_>, found: &Comparison) -> ComparisonDoc {
    let LostAnything { baseline: of_baseline, variant: of_variant, p_value } = found.lost_anything;
    ComparisonDoc {
        blocks: found.blocks,
        difference: found.effect.map(|effect| difference(effect, Metric::Lost)),
        test: Some(Test::SignFlip),
        alternative: Some(found.alternative),
        p_value: found.p_value,
        p_adjusted: found.p_adjusted,
        smallest_p: Some(found.smallest_p),
        lost_anything: Some(LostAnythingDoc {
            baseline_trials: of_baseline.total(),
            baseline_trials_with_loss: of_baseline.with,
            variant_trials: of_variant.total(),
            variant_trials_with_loss: of_variant.with,
            fisher_p_value: p_value,
        }),
        conclusion: Some(found.conclusion),
        ..untested(baseline, variant, Metric::Lost)
    }
}

fn cost_doc(baseline: Side<'_>, variant: Side<'_>, metric: Metric) -> ComparisonDoc {
    let effect = Effect::between(baseline, variant, metric);
    ComparisonDoc {
        blocks: effect.map_or(0, |effect| effect.blocks),
        difference: effect.map(|effect| difference(effect, metric)),
        ..untested(baseline, variant, metric)
    }
}

fn untested(baseline: Side<'_>, variant: Side<'_>, metric: Metric) -> ComparisonDoc {
    ComparisonDoc {
        metric,
        baseline: baseline.variant.name.clone(),
        variant: variant.variant.name.clone(),
        blocks: 0,
        difference: None,
        test: None,
        alternative: None,
        p_value: None,
        p_adjusted: None,
        smallest_p: None,
        lost_anything: None,
        conclusion: None,
    }
}

fn difference(effect: Effect, metric: Metric) -> Difference {
    let steps = if metric == Metric::P99DuringUs { 1.0 } else { 1e3 };
    let end = |of: fn(crate::stats::Interval) -> f64| effect.interval.map(|interval| rounded(of(interval), steps));
    Difference {
        estimate: rounded(effect.mean, steps),
        low: end(|interval| interval.low),
        high: end(|interval| interval.high),
        level: effect.interval.map(|interval| interval.level),
    }
}
