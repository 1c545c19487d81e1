//! `--until-loss`: a run that ends when a loss has shown. Pure.

use std::collections::BTreeMap;

use crate::plan::{RunPlan, TrialPlan};
use crate::stats::zero_upper_bound;

/// The most trials of each variant where the user gives no number.
pub(super) const MOST_TRIALS: u32 = 20;

/// What the trials of such a run have shown so far.
#[derive(Debug, Default)]
pub(super) struct UntilLoss {
    ran: u32,
    /// Counting trials without a loss, by variant.
    without: BTreeMap<usize, u32>,
}

impl UntilLoss {
    /// Takes the next trial: what it lost, if it counts. The sentence with which the run ends here, once a loss has shown.
    pub(super) fn take(&mut self, plan: &RunPlan, planned: TrialPlan, lost: Option<u64>) -> Option<String> {
        self.ran += 1;
        // The control is there to lose.
        let lost = lost.filter(|_| plan.control() != Some(planned.variant));
        match lost? {
            0 => {
                *self.without.entry(planned.variant).or_default() += 1;
                None
            }
            lost => {
                let variant = plan.variants.get(planned.variant).map_or("", |variant| variant.spec.name.as_str());
                let attempts = if lost == 1 { "1 attempt".to_owned() } else { format!("{lost} attempts") };
                let ran = rollouts(self.ran);
                Some(format!(
                    "a loss has shown after {ran}: trial {} of {variant} lost {attempts}; the run ends here",
                    planned.trial
                ))
            }
        }
    }

    /// What is said when all trials have run and no loss has shown: for each variant, how large the share of rollouts that
    /// lose something may be all the same.
    pub(super) fn not_shown(&self, plan: &RunPlan) -> Vec<String> {
        let line = |(index, variant): (usize, &crate::plan::VariantPlan)| {
            let count = self.without.get(&index).copied().unwrap_or_default();
            let name = &variant.spec.name;
            if count == 0 {
                return format!("no loss has shown: {name} has no rollout that counts, so that nothing is known of it");
            }
            let share = zero_upper_bound(count) * 100.0;
            format!(
                "no loss has shown in {} of {name}; up to {share:.1} % of its rollouts could lose something all the same (at \
                 95 %)",
                rollouts(count)
            )
        };
        let looked_at = plan.variants.iter().enumerate().filter(|(index, _)| plan.control() != Some(*index));
        looked_at.map(line).collect()
    }
}

/// `1 rollout`, `2 rollouts`.
pub(super) fn rollouts(count: u32) -> String {
    if count == 1 { "1 rollout".to_owned() } else { format!("{count} rollouts") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{PlanOverrides, WorkloadChoice, build_for_manifests};
    use crate::yaml::YamlSource;

    fn plan() -> RunPlan {
        let sources = [YamlSource::new("web.yaml", include_str!("../../manifests/target.yaml"))];
        build_for_manifests(&sources, &WorkloadChoice::default(), &PlanOverrides::default()).unwrap()
    }

    fn trial(trial: u32) -> TrialPlan {
        TrialPlan { trial, block: trial, variant: 0 }
    }

    #[test]
    fn it_ends_with_the_trial_in_which_a_counting_loss_shows() {
        let (plan, mut until) = (plan(), UntilLoss::default());
        assert_eq!(until.take(&plan, trial(1), Some(0)), None);
        assert_eq!(until.take(&plan, trial(2), None), None, "an invalid trial decides nothing");
        let said = until.take(&plan, trial(3), Some(2)).unwrap();
        assert_eq!(said, "a loss has shown after 3 rollouts: trial 3 of as-written lost 2 attempts; the run ends here");
    }

    #[test]
    fn what_the_control_loses_ends_nothing() {
        let (mut plan, mut until) = (plan(), UntilLoss::default());
        plan.add_control().unwrap();
        let control = TrialPlan { trial: 1, block: 1, variant: plan.control().unwrap() };
        assert_eq!(until.take(&plan, control, Some(12)), None);
        assert_eq!(until.take(&plan, trial(2), Some(0)), None);
        assert_eq!(until.not_shown(&plan).len(), 1, "and it is not what was looked at");
        assert!(until.take(&plan, trial(3), Some(1)).unwrap().contains("of as-written lost 1 attempt"));
    }

    #[test]
    fn without_a_loss_it_says_what_could_still_be() {
        let (plan, mut until) = (plan(), UntilLoss::default());
        assert!(until.not_shown(&plan)[0].contains("nothing is known of it"));
        for number in 1..=5 {
            assert_eq!(until.take(&plan, trial(number), Some(0)), None);
        }
        assert_eq!(until.take(&plan, trial(6), None), None);
        // 1 - 0.05^(1/5) = 0.4507
        assert_eq!(
            until.not_shown(&plan),
            [
                "no loss has shown in 5 rollouts of as-written; up to 45.1 % of its rollouts could lose something all the \
              same (at 95 %)"
            ]
        );
    }
}
