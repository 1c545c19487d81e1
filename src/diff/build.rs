//! From two runs to their comparison.

use super::doc::{DiffDoc, FORMAT, LostDiff, RunDoc, Shift, SideDoc, Test, VariantDiff};
use super::same::{mismatches, notes, variants};
use crate::analysis::Analysis;
use crate::stats::{TrialSplit, TwoSample, fisher, holm, two_sample, two_sample_smallest_p};
use crate::verdict::{Conclusion, Ending, Metric, Side, Verdict};

/// Why two runs cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// Both records are of one run.
    #[error(
        "comparing two runs: both records are of the run that began at {started}, and a run says nothing against itself; name \
         the record of another run with --against"
    )]
    SameRun {
        /// When it began, RFC 3339.
        started: String,
    },
    /// They are not of one scenario.
    #[error(
        "comparing two runs: they are not of one scenario, so that a difference would not tell of the workload: {}; expected \
         the same scenario, variants, load and rollout; run the scenario of one of them again and compare with that",
        differences.join("; ")
    )]
    NotOneScenario {
        /// What differs, each in a sentence without its end.
        differences: Vec<String>,
    },
}

/// A variant of one run, in the numbers that are compared.
struct Values {
    verdict: Verdict,
    lost: Vec<i64>,
    costs: [Vec<i64>; 3],
}

impl Values {
    /// Of the variant with this name; `None` if the run has none.
    fn of(run: &Analysis, name: &str) -> Option<Self> {
        let (variant, trials) = run.variants().find(|(variant, _)| variant.name == name)?;
        let side = Side { variant, trials: &trials };
        let known = run.report.variants.iter().find(|known| known.name == name);
        Some(Self {
            verdict: known.map_or(Verdict::Inconclusive, |known| known.verdict),
            lost: side.values(Metric::Lost),
            costs: Metric::COSTS.map(|metric| side.values(metric)),
        })
    }

    fn split(&self) -> TrialSplit {
        let with = count(self.lost.iter().filter(|lost| **lost > 0).count());
        TrialSplit { with, without: count(self.lost.len()) - with }
    }

    fn doc(&self) -> SideDoc {
        let TrialSplit { with, without } = self.split();
        SideDoc { verdict: self.verdict, trials: with + without, trials_with_loss: with, lost: self.lost.clone() }
    }
}

/// Compares two runs of one scenario. The variants are one family: Holm's method adjusts for all of them, also for those of
/// which a run has no counting trial, because they were planned.
pub fn compare(old: &Analysis, new: &Analysis) -> Result<DiffDoc, DiffError> {
    let (before, after) = (old.header(), new.header());
    if (before.started_unix_ns, before.spec.settings.seed) == (after.started_unix_ns, after.spec.settings.seed) {
        return Err(DiffError::SameRun { started: after.started.clone() });
    }
    let differences = mismatches(before, after);
    if !differences.is_empty() {
        return Err(DiffError::NotOneScenario { differences });
    }
    let pairs = variants(after).filter_map(|variant| {
        Some((variant.name.clone(), Values::of(old, &variant.name)?, Values::of(new, &variant.name)?))
    });
    let mut found: Vec<VariantDiff> = pairs.map(|(name, old, new)| variant_diff(name, &old, &new)).collect();
    adjust(&mut found);
    Ok(DiffDoc {
        format: FORMAT,
        scenario: after.spec.settings.scenario.clone(),
        old: run(old),
        new: run(new),
        variants: found,
        notes: all_notes(old, new),
    })
}

fn run(of: &Analysis) -> RunDoc {
    RunDoc {
        rollproof: of.report.rollproof.clone(),
        started: of.report.started.clone(),
        cluster: of.report.cluster.clone(),
        seed: of.report.seed,
        verdict: of.report.verdict,
    }
}

fn variant_diff(name: String, old: &Values, new: &Values) -> VariantDiff {
    let lost = two_sample(&old.lost, &new.lost);
    let [rollout_s, pod_s, p99_during_us] = [0, 1, 2].map(|index| {
        let found = two_sample(old.costs.get(index)?, new.costs.get(index)?)?;
        Some(shift(&found, *Metric::COSTS.get(index)?))
    });
    VariantDiff {
        name,
        old: old.doc(),
        new: new.doc(),
        lost: LostDiff {
            difference: lost.as_ref().map(|found| shift(found, Metric::Lost)),
            test: lost.map(|found| if found.exact { Test::PermutationExact } else { Test::PermutationSampled }),
            p_value: lost.map(|found| found.p_value),
            p_adjusted: None,
            smallest_p: 1.0,
            fisher_p_value: fisher(old.split(), new.split(), crate::stats::Alternative::TwoSided),
            conclusion: Conclusion::NotShown,
        },
        rollout_s,
        pod_s,
        p99_during_us,
    }
}

/// Holm's adjustment over the variants, and what follows.
fn adjust(found: &mut [VariantDiff]) {
    let all = |of: fn(&VariantDiff) -> f64| holm(&found.iter().map(of).collect::<Vec<f64>>());
    let adjusted = all(|one| one.lost.p_value.unwrap_or(1.0));
    let reachable = all(|one| two_sample_smallest_p(one.old.trials, one.new.trials));
    for ((one, p), reachable) in found.iter_mut().zip(adjusted).zip(reachable) {
        let lost = &mut one.lost;
        lost.p_adjusted = lost.p_value.map(|_| p);
        lost.smallest_p = reachable;
        lost.conclusion = Conclusion::of(lost.p_adjusted, reachable);
    }
}

fn shift(found: &TwoSample, metric: Metric) -> Shift {
    // As in report.json: digits beyond the measurement's own are noise.
    let steps = if metric == Metric::P99DuringUs { 1.0 } else { 1e3 };
    let told = |value: f64| (value / metric.parts() * steps).round() / steps;
    Shift {
        estimate: told(found.difference),
        low: found.interval.map(|interval| told(interval.low)),
        high: found.interval.map(|interval| told(interval.high)),
        level: found.interval.map(|interval| interval.level),
    }
}

fn all_notes(old: &Analysis, new: &Analysis) -> Vec<String> {
    let ended = [("old", old), ("new", new)].into_iter().filter_map(|(which, run)| {
        let how = match run.report.ending {
            Ending::Finished => return None,
            Ending::Interrupted => "was interrupted",
            Ending::Failed => "ended with an error",
            Ending::Cut => "has a record that is cut",
        };
        Some(format!("the {which} run {how}; it is compared as far as it goes."))
    });
    let mut all: Vec<String> = ended.collect();
    all.extend(notes(old.header(), new.header()).into_iter().map(|note| format!("{note}.")));
    all.push(
        "the runs were not interleaved and their trials are not paired: whatever else changed between them, the machine and \
         what it was busy with among it, is in each difference."
            .to_owned(),
    );
    all
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
