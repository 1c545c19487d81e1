//! The order of trials: complete blocks, each one trial of every variant in random order.

use super::types::{RunPlan, TrialPlan, VariantPlan};
use crate::rng::Rng;
use crate::spec::RunSettings;

impl RunPlan {
    /// The plan of these variants, its trials in the order that the settings' seed decides.
    pub(super) fn new(settings: RunSettings, variants: Vec<VariantPlan>) -> Self {
        let mut plan = Self { settings, variants, order: Vec::new(), time_budget: None, aside: Vec::new() };
        plan.order_trials();
        plan
    }

    /// Orders the trials anew, after a change of their number or of the variants.
    pub(super) fn order_trials(&mut self) {
        self.order = blocks(self.variants.len(), self.settings.trials, self.settings.seed);
    }
}

/// `trials` blocks of `variants` trials each. The seed decides the order within each block.
fn blocks(variants: usize, trials: u32, seed: u64) -> Vec<TrialPlan> {
    let mut rng = Rng::stream(seed, "block-order");
    let mut order = Vec::new();
    for block in 1..=trials {
        let mut turn = (0..variants).collect::<Vec<_>>();
        rng.shuffle(&mut turn);
        for variant in turn {
            let trial = u32::try_from(order.len()).unwrap_or(u32::MAX).saturating_add(1);
            order.push(TrialPlan { trial, block, variant });
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_seed_repeats_its_order_and_another_differs() {
        assert_eq!(blocks(3, 20, 7), blocks(3, 20, 7));
        assert_ne!(blocks(3, 20, 7), blocks(3, 20, 8));
    }

    #[test]
    fn each_variant_comes_first_about_as_often() {
        let first = blocks(2, 1_000, 1).chunks(2).filter(|block| block[0].variant == 0).count();
        assert!((400..600).contains(&first), "{first}");
    }

    proptest! {
        #[test]
        fn every_block_is_complete_and_trials_count_up(variants in 1_usize..6, trials in 1_u32..20, seed in any::<u64>()) {
            let order = blocks(variants, trials, seed);
            prop_assert!(order.iter().zip(1..).all(|(planned, number)| planned.trial == number));
            for (block, number) in order.chunks(variants).zip(1..) {
                prop_assert!(block.iter().all(|planned| planned.block == number));
                let mut turn = block.iter().map(|planned| planned.variant).collect::<Vec<_>>();
                turn.sort_unstable();
                prop_assert_eq!(turn, (0..variants).collect::<Vec<_>>());
            }
            prop_assert_eq!(order.len(), variants * usize::try_from(trials).unwrap());
        }
    }
}
