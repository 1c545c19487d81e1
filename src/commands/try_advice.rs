//! `run --try-advice`: what a run advises is tried at once, beside the variant that it is about.
//!
//! It is tried in trials of its own: those that the advice comes from cannot also show that it helps.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::ending::{CommandFailure, FinishedCommand, RunEnding, UserOutput};
use super::outputs;
use super::until_loss::rollouts;
use crate::analysis::{ReportDoc, VariantDoc};
use crate::plan::{ADVISED, RunPlan};
use crate::report::{TerminalStyle, one_line};
use crate::verdict::{Metric, Verdict};

/// The folder beside the run's own reports, for the first variant; the others' have a number more.
pub(super) const FOLDER: &str = "advised";

/// The folder of the variant that is tried as the `index`-th.
pub(super) fn folder(index: usize) -> String {
    if index == 0 { FOLDER.to_owned() } else { format!("{FOLDER}-{}", index + 1) }
}

/// Tries what the run in `first` advises, and adds what came of it. The tried variants count too: what is advised should lose nothing.
/// An interruption is one all the same, and a machine that failed is named where nothing worse is.
pub(super) fn try_all(
    plan: &RunPlan,
    first: FinishedCommand,
    left: impl Fn() -> Option<Duration>,
    style: TerminalStyle,
    output: &dyn UserOutput,
    mut run: impl FnMut(&RunPlan, PathBuf) -> Result<FinishedCommand, CommandFailure>,
) -> FinishedCommand {
    let RunEnding::Judged(mut verdict) = first.ending else { return first };
    let mut finished = first;
    let chosen = Choice::of(&finished.report, plan.settings.control.as_deref());
    chosen.said.iter().for_each(|line| output.say(&format!("--try-advice: {line}")));
    for (index, source) in chosen.tried.iter().enumerate() {
        let directory = finished.directory.join(folder(index));
        let tried = planned(plan, source, left(), output).and_then(|advised| {
            let Some(advised) = advised else { return Ok(None) };
            output.say(advised.summary().to_string().trim_end());
            run(&advised, directory).map(Some)
        });
        match tried {
            Ok(None) => {}
            Ok(Some(tried)) => {
                let outcome = style.wrapped(&outcome(&tried.report));
                finished.summary = format!("{}\n{}{outcome}", finished.summary, tried.summary);
                finished.ending = match tried.ending {
                    RunEnding::Interrupted => return FinishedCommand { ending: RunEnding::Interrupted, ..finished },
                    RunEnding::Judged(of_tried) => {
                        verdict = verdict.max(of_tried);
                        RunEnding::Judged(verdict)
                    }
                    RunEnding::Broken(of_tried) => {
                        return FinishedCommand { ending: RunEnding::Broken(verdict.max(of_tried)), ..finished };
                    }
                };
            }
            Err(failure) => {
                output.say(&format!("--try-advice: its run did not finish: {failure}"));
                match failure {
                    CommandFailure::Interrupted => finished.ending = RunEnding::Interrupted,
                    CommandFailure::Machine(_) | CommandFailure::Bug(_) => finished.ending = RunEnding::Broken(verdict),
                    CommandFailure::Input(_) | CommandFailure::User(_) => continue,
                }
                return finished;
            }
        }
    }
    finished
}

/// Which variants' advice is tried, and what is said of the others.
#[derive(Debug, Default)]
struct Choice {
    /// With a patch each.
    tried: Vec<VariantDoc>,
    said: Vec<String>,
}

impl Choice {
    /// Every variant that lost something and should not have; where there is none, the first that lost something and has a patch.
    fn of(report: &ReportDoc, control: Option<&str>) -> Self {
        let lossy = report.variants.iter().filter(|variant| variant.trials_with_loss > 0);
        let lossy: Vec<&VariantDoc> = lossy.filter(|variant| control != Some(variant.name.as_str())).collect();
        let mut choice = Self::default();
        if lossy.is_empty() {
            choice.said.push("nothing was lost, so there is nothing to advise".to_owned());
            return choice;
        }
        let unexpected = lossy.iter().any(|variant| variant.verdict == Verdict::Fail);
        for variant in lossy {
            let (name, wanted) = (&variant.name, (variant.verdict == Verdict::Fail) == unexpected);
            if wanted && variant.advice_patch.is_none() {
                choice.said.push(format!("{name}: no patch of the workload alone would help; the advice says why"));
            } else if wanted && (unexpected || choice.tried.is_empty()) {
                choice.tried.push(variant.clone());
            } else {
                choice.said.push(format!("{name} was expected to lose and is not tried"));
            }
        }
        choice
    }
}

/// The plan that tries a variant's advice; `None`, with the reason said, if that cannot be.
fn planned(
    plan: &RunPlan,
    source: &VariantDoc,
    left: Option<Duration>,
    output: &dyn UserOutput,
) -> Result<Option<RunPlan>, CommandFailure> {
    let index = plan.variants.iter().position(|variant| variant.spec.name == source.name);
    let (Some(index), Some(patch)) = (index, &source.advice_patch) else { return Ok(None) };
    let Some(mut advised) = plan.advised(index, patch)? else { return Ok(None) };
    if let Some(left) = left
        && let Err(error) = advised.fit(left)
    {
        output.say(&format!("--try-advice: {} is not tried: {error}", source.name));
        return Ok(None);
    }
    output.say(&format!("--try-advice: {} again, beside the same with its advice", source.name));
    Ok(Some(advised))
}

/// What came of advice that was tried earlier, from the records in a run's directory; empty without any.
pub(super) fn earlier(directory: &Path) -> String {
    let folders = (0..).map(|index| directory.join(folder(index)));
    let records = folders.take_while(|folder| folder.join(outputs::RECORD).exists());
    records.filter_map(|folder| Some(outcome(&outputs::analysis(&folder).ok()?.report))).collect()
}

/// Whether the advice cured what it was about, and what it costs, in sentences.
fn outcome(report: &ReportDoc) -> String {
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
    let rest = advised.advice.first().filter(|_| advised.lost > 0);
    let rest = rest.map_or_else(String::new, |next| {
        format!("What is still lost is mostly {}: {}\n", next.cause.name(), one_line(&next.text))
    });
    let costs: Vec<String> = [(Metric::RolloutS, "s of rollout"), (Metric::PodS, "pod-seconds")]
        .into_iter()
        .filter_map(|(metric, unit)| {
            let found = report.comparison.iter().find(|one| one.metric == metric && one.variant == *name)?;
            Some(format!("{:+.1} {unit}", found.difference.as_ref()?.estimate))
        })
        .collect();
    if costs.is_empty() {
        format!("{said}.\n{rest}")
    } else {
        format!("{said}; it costs {} a rollout.\n{rest}", costs.join(" and "))
    }
}

/// What the plan says before it starts.
pub(super) fn note(plan: &RunPlan) -> String {
    let trials = plan.settings.trials.saturating_mul(2);
    format!(
        "  --try-advice: each variant that loses something and should not (else the first that loses something) runs again in up to \
         {trials} further trials, beside the same named {ADVISED} with its advice, in {FOLDER}/"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::record::sample::SampleRun;
    use crate::spec::Expect;

    /// Variants that lost something each, with a patch where their names have a `p`.
    fn choice(variants: &[(&'static str, Expect)]) -> (Vec<String>, String) {
        let mut run = SampleRun::new(1, variants);
        for (name, _) in variants {
            run = run.trial(1, name, |trial| trial.lost_times(2));
        }
        let mut report = run.finished().report();
        for variant in &mut report.variants {
            variant.advice_patch = variant.name.contains('p').then(|| json!({"spec": {}}));
        }
        let chosen = Choice::of(&report, None);
        (chosen.tried.into_iter().map(|variant| variant.name).collect(), chosen.said.join("; "))
    }

    #[test]
    fn every_unexpected_loss_is_tried_and_the_rest_is_named() {
        let (clean, loss) = (Expect::Clean, Expect::Loss);
        let (tried, said) = choice(&[("p-shell", loss), ("p-one", clean), ("two", clean), ("p-three", clean)]);
        assert_eq!(tried, ["p-one", "p-three"]);
        assert!(said.contains("p-shell was expected to lose") && said.contains("two: no patch"), "{said}");
        let (tried, said) = choice(&[("bare", loss), ("p-one", loss), ("p-two", loss)]);
        assert_eq!(tried, ["p-one"], "without an unexpected loss, an expected one is tried");
        assert!(said.contains("bare: no patch") && said.contains("p-two was expected"), "{said}");
    }

    #[test]
    fn advice_that_did_not_cure_names_what_is_still_lost() {
        let report = |lost| {
            SampleRun::new(1, &[("web", Expect::Loss), ("web-advised", Expect::Clean)])
                .baseline("web")
                .trial(1, "web", |trial| trial.lost_times(9))
                .trial(1, "web-advised", |trial| trial.lost_times(lost))
                .finished()
                .report()
        };
        let less = outcome(&report(2));
        assert!(less.contains("did not cure it") && less.contains("What is still lost is mostly"), "{less}");
        let cured = outcome(&report(0));
        assert!(cured.contains("the advice cured it") && !cured.contains("still lost"), "{cured}");
    }
}
