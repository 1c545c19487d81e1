//! `--until-loss`: a run that ends once it has seen a loss. Pure.

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
    /// Takes the next trial: what it lost, if it counts. A sentence once the run has seen a loss and ends here.
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
                let requests = if lost == 1 { "1 request".to_owned() } else { format!("{lost} requests") };
                let ran = rollouts(self.ran);
                Some(format!(
                    "a loss was seen after {ran}: trial {} of {variant} lost {requests}; the run ends here",
                    planned.trial
                ))
            }
        }
    }

    /// What is printed when all trials have run without a loss: for each variant, how large the share of rollouts that lose
    /// something may still be.
    pub(super) fn not_shown(&self, plan: &RunPlan) -> Vec<String> {
        let line = |(index, variant): (usize, &crate::plan::VariantPlan)| {
            let count = self.without.get(&index).copied().unwrap_or_default();
            let name = &variant.spec.name;
            if count == 0 {
                return format!("no loss was seen: no rollout of {name} counts, so nothing is known of it");
            }
            let share = zero_upper_bound(count) * 100.0;
            format!(
                "no loss was seen in {} of {name}; up to {share:.1} % of its rollouts could still lose something (at 95 %)",
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
    use crate::plan::manifest_plan;

    fn plan() -> RunPlan {
        manifest_plan("web.yaml", include_str!("../../manifests/target.yaml"))
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
        assert_eq!(said, "a loss was seen after 3 rollouts: trial 3 of as-written lost 2 requests; the run ends here");
    }

    #[test]
    fn what_the_control_loses_ends_nothing() {
        let (mut plan, mut until) = (plan(), UntilLoss::default());
        plan.add_control().unwrap();
        let control = TrialPlan { trial: 1, block: 1, variant: plan.control().unwrap() };
        assert_eq!(until.take(&plan, control, Some(12)), None);
        assert_eq!(until.take(&plan, trial(2), Some(0)), None);
        assert_eq!(until.not_shown(&plan).len(), 1, "and it is not what was looked at");
        assert!(until.take(&plan, trial(3), Some(1)).unwrap().contains("of as-written lost 1 request"));
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
                "no loss was seen in 5 rollouts of as-written; up to 45.1 % of its rollouts could still lose something (at 95 %)"
            ]
        );
    }
}
