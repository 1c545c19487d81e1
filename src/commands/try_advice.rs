//! `run --try-advice`: what a run advises is tried at once, beside the variant that it is about.
//!
//! It is tried in trials of its own: those that the advice comes from cannot also show that it helps.

use std::time::Duration;

use super::ending::{CommandFailure, UserOutput};
use super::until_loss::rollouts;
use crate::analysis::ReportDoc;
use crate::plan::{ADVISED, RunPlan};
use crate::verdict::Metric;

/// The folder beside the run's own reports.
pub(super) const FOLDER: &str = "advised";

/// What a run's report advises, as a plan; `None`, with the reason said, if there is nothing to try.
pub(super) fn plan(
    plan: &RunPlan,
    report: &ReportDoc,
    left: Option<Duration>,
    output: &dyn UserOutput,
) -> Result<Option<RunPlan>, CommandFailure> {
    let lossy = report.variants.iter().filter(|variant| variant.trials_with_loss > 0);
    let mut lossy = lossy.filter(|variant| plan.settings.control.as_ref() != Some(&variant.name)).peekable();
    if lossy.peek().is_none() {
        output.say("--try-advice: nothing was lost, so there is nothing to advise");
        return Ok(None);
    }
    let Some((source, patch)) = lossy.find_map(|variant| Some((variant, variant.advice_patch.as_ref()?))) else {
        output.say("--try-advice: no patch of the workload alone would help; the advice says why");
        return Ok(None);
    };
    let Some(index) = plan.variants.iter().position(|variant| variant.spec.name == source.name) else {
        return Ok(None);
    };
    let Some(mut advised) = plan.advised(index, patch)? else { return Ok(None) };
    if let Some(left) = left
        && let Err(error) = advised.fit(left)
    {
        output.say(&format!("--try-advice: not tried: {error}"));
        return Ok(None);
    }
    output.say(&format!("--try-advice: {} again, beside the same with its advice", source.name));
    Ok(Some(advised))
}

/// Whether the advice cured what it was about, and what it costs, in sentences.
pub(super) fn outcome(report: &ReportDoc) -> String {
    let [source, advised] = report.variants.as_slice() else { return String::new() };
    let (name, of_source) = (&advised.name, rollouts(source.trials));
    let lost = format!(
        "{name} lost {} in {} where {} lost {} in {of_source}",
        advised.lost,
        rollouts(advised.trials),
        source.name,
        source.lost
    );
    let said = if advised.trials == 0 || source.trials == 0 {
        format!("{name}: no trial of one of the two counts, so nothing was shown")
    } else if source.lost == 0 {
        format!("{lost}: the loss did not show again, so nothing was shown")
    } else if advised.lost == 0 {
        format!("{lost}: the advice cured it in these trials")
    } else if u128::from(advised.lost) * u128::from(source.trials)
        < u128::from(source.lost) * u128::from(advised.trials)
    {
        format!("{lost}: less, but the advice did not cure it")
    } else {
        format!("{lost}: the advice did not help")
    };
    let costs: Vec<String> = [(Metric::RolloutS, "s of rollout"), (Metric::PodS, "pod-seconds")]
        .into_iter()
        .filter_map(|(metric, unit)| {
            let found = report.comparison.iter().find(|one| one.metric == metric && one.variant == *name)?;
            Some(format!("{:+.1} {unit}", found.difference.as_ref()?.estimate))
        })
        .collect();
    if costs.is_empty() {
        format!("{said}.\n")
    } else {
        format!("{said}; it costs {} a rollout.\n", costs.join(" and "))
    }
}

/// What the plan says before it starts.
pub(super) fn note(plan: &RunPlan) -> String {
    let trials = plan.settings.trials.saturating_mul(2);
    format!(
        "  --try-advice: if something is lost, up to {trials} further trials follow: that variant, and the same named {ADVISED} \
         with its advice, in {FOLDER}/"
    )
}
