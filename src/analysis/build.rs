//! From a timeline to the view model.

use super::causes::incidents;
use super::comparison::comparisons;
use super::doc::{ClusterDoc, FORMAT, HarnessDoc, Quantiles, ReportDoc, VariantDoc};
use super::said;
use super::variant::variant_doc;
use crate::advice;
use crate::diagnose::Diagnosis;
use crate::spec::VariantSpec;
use crate::timeline::{Distribution, Timeline, Trial};
use crate::verdict::{self, Ending, Judged, Ruling, State, Verdict};

/// The view model of a timeline whose trials are judged, by variant in the header's order, and whose losses are explained.
pub(super) fn build(timeline: &Timeline, judged: &[Vec<Judged<'_>>], diagnosis: &Diagnosis) -> ReportDoc {
    let header = &timeline.header;
    let with_trials = || header.spec.variants.iter().zip(judged);
    let control_seen = control_seen(timeline, judged);
    let failed = control_seen == Some(false);
    let rulings: Vec<(&str, Ruling)> = with_trials()
        .map(|(variant, trials)| {
            let beside = lossy_under_the_same_load(variant, with_trials());
            let planned = header.spec.settings.trials;
            (variant.name.as_str(), verdict::of_variant(variant, trials, planned, failed, beside))
        })
        .collect();
    let variants: Vec<VariantDoc> = with_trials()
        .zip(&rulings)
        .map(|((variant, trials), (_, ruling))| {
            variant_doc(variant, trials, header.spec.settings.trials, ruling, diagnosis)
        })
        .collect();
    let (incidents, incidents_total) = incidents(diagnosis, &header.spec.variants, judged);
    let ending = Ending::of(timeline);
    let ruling = verdict::of_run(&rulings, ending);
    let sensitivity_shown = variants.iter().any(|variant| variant.trials_with_loss > 0);
    ReportDoc {
        format: FORMAT,
        rollproof: header.rollproof.clone(),
        scenario: header.spec.settings.scenario.clone(),
        seed: header.spec.settings.seed,
        started: header.started.clone(),
        cluster: ClusterDoc {
            kind: header.cluster.kind.clone(),
            version: header.cluster.version.clone(),
            private_network: header.cluster.private_network,
        },
        ending,
        verdict: ruling.verdict,
        reason: sentence(&ruling.reason),
        sensitivity_shown,
        control_seen,
        notes: notes(timeline, ending, ruling.verdict, sensitivity_shown, control_seen)
            .into_iter()
            .chain(said_of(timeline))
            .chain(with_trials().zip(&variants).flat_map(|((variant, trials), doc)| stop_notes(variant, trials, doc)))
            .collect(),
        comparison: comparisons(header, judged),
        incidents,
        incidents_total,
        harness: harness(timeline),
        variants,
    }
}

/// What Kubernetes said of the pods of each variant that is not the control.
fn said_of(timeline: &Timeline) -> impl Iterator<Item = String> {
    let settings = &timeline.header.spec.settings;
    let own = timeline.header.spec.variants.iter().filter(|variant| settings.control.as_ref() != Some(&variant.name));
    let notes = own.flat_map(|variant| {
        let trials: Vec<_> = timeline.trials.iter().filter(|trial| trial.start.variant == variant.name).collect();
        said::notes(&variant.name, &trials)
    });
    notes.map(|note| sentence(&note))
}

/// Another variant that lost something in a trial that counts, under the load of this one.
fn lossy_under_the_same_load<'a>(
    variant: &VariantSpec,
    mut with_trials: impl Iterator<Item = (&'a VariantSpec, &'a Vec<Judged<'a>>)>,
) -> Option<&'a str> {
    let found = with_trials.find(|(other, trials)| {
        let lost = trials.iter().any(|judged| judged.state == State::Counts && judged.loss > 0);
        other.name != variant.name && other.load == variant.load && lost
    });
    found.map(|(other, _)| other.name.as_str())
}

/// How the pods of a variant ended, in sentences that name it.
fn stop_notes(variant: &VariantSpec, trials: &[Judged<'_>], doc: &VariantDoc) -> Vec<String> {
    let trials: Vec<&Trial> = trials.iter().map(|judged| judged.trial).collect();
    let notes = advice::stop_notes(variant, &trials, doc.rollout_s.median);
    notes.into_iter().map(|note| sentence(&format!("{}: {note}", variant.name))).collect()
}

/// Whether a counting trial of the control lost something; `None` without a control.
fn control_seen(timeline: &Timeline, judged: &[Vec<Judged<'_>>]) -> Option<bool> {
    let name = timeline.header.spec.settings.control.as_ref()?;
    let mut with_trials = timeline.header.spec.variants.iter().zip(judged);
    let (_, trials) = with_trials.find(|(variant, _)| variant.name == *name)?;
    Some(trials.iter().any(|judged| judged.state == State::Counts && judged.loss > 0))
}

fn notes(
    timeline: &Timeline,
    ending: Ending,
    verdict: Verdict,
    sensitivity_shown: bool,
    control_seen: Option<bool>,
) -> Vec<String> {
    let mut notes = Vec::new();
    let detail = timeline.end.as_ref().map_or("", |end| end.detail.as_str());
    match ending {
        // Fewer blocks than planned, if anything is said.
        Ending::Finished if !detail.is_empty() => notes.push(detail.to_owned()),
        Ending::Finished => {}
        Ending::Interrupted => notes.push(format!("the run was interrupted ({detail}); it never passes")),
        Ending::Failed => notes.push(format!("the run ended with an error ({detail}); it never passes")),
        Ending::Cut => {
            notes.push("the record ends before the run does; it is read as far as it goes and never passes".to_owned());
        }
    }
    notes.extend(timeline.cluster_notes.iter().cloned());
    if timeline.orphans > 0 {
        notes.push(format!("{} lines of the record are of trials whose beginning it does not have", timeline.orphans));
    }
    if control_seen == Some(true) {
        notes.push(
            "sensitivity was shown: the control, a server that exits at once, lost requests in this run under the same \
             rate"
                .to_owned(),
        );
    }
    let compared = timeline
        .header
        .spec
        .variants
        .len()
        .saturating_sub(usize::from(timeline.header.spec.settings.control.is_some()));
    if compared > 1 && timeline.header.spec.settings.baseline.is_none() {
        notes.push("the scenario names no baseline, so nothing is compared; `baseline:` names one".to_owned());
    }
    if !sensitivity_shown && verdict == Verdict::Pass {
        notes.push(
            "nothing was lost in this run, so it does not show that it would have seen a loss; a variant that is \
             expected to lose requests would show it"
                .to_owned(),
        );
    }
    notes.iter().map(|note| sentence(note)).collect()
}

#[expect(clippy::cast_precision_loss, reason = "gaps between sends are far below 2^53 nanoseconds")]
fn harness(timeline: &Timeline) -> HarnessDoc {
    let mut lags = Distribution::default();
    timeline.trials.iter().for_each(|trial| lags.merge(&trial.lag_us));
    let gap_ns = timeline.trials.iter().map(|trial| trial.gap_max_ns).max().unwrap_or(0);
    HarnessDoc { send_lag_us: quantiles(&lags), largest_gap_ms: rounded(gap_ns as f64 / 1e6, 1e3) }
}

/// The quantiles of all values; `None` of nothing.
pub(super) fn quantiles(values: &Distribution) -> Option<Quantiles> {
    Some(Quantiles { p50: values.per_mille(500)?, p99: values.per_mille(990)?, max: values.per_mille(1_000)? })
}

/// Rounded to a whole number of `1 / steps`: digits beyond the measurement's own are noise.
pub(super) fn rounded(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}

/// A reason as a sentence: with its full stop.
pub(super) fn sentence(text: &str) -> String {
    if text.is_empty() || text.ends_with('.') { text.to_owned() } else { format!("{text}.") }
}
