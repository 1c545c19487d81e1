//! Fewer blocks where a plan would take longer than the time there is.

use std::time::Duration;

use super::plan_error::PlanError;
use super::types::RunPlan;

impl RunPlan {
    /// Leaves out the last blocks where not all fit into `budget` by the plan's longest estimate. What is left has the order
    /// that it had.
    pub(crate) fn fit(&mut self, budget: Duration) -> Result<(), PlanError> {
        let block: Duration = self.variants.iter().map(|variant| self.longest(variant)).sum();
        let fitting = u32::try_from(budget.as_nanos() / block.as_nanos().max(1)).unwrap_or(u32::MAX);
        let (block_s, budget_s) = (block.as_secs_f64().ceil(), budget.as_secs_f64());
        if fitting == 0 {
            return Err(PlanError::plain(
                format!(
                    "one block takes up to {block_s} s, and --time-budget is {budget_s} s, expected time for at least one"
                ),
                &format!("give at least --time-budget {block_s}s, or leave out variants"),
            ));
        }
        if fitting < self.settings.trials {
            self.settings.notes.push(format!(
                "{fitting} of {} blocks fit into --time-budget of {budget_s} s, at up to {block_s} s each",
                self.settings.trials
            ));
            self.settings.trials = fitting;
            self.order_trials();
        }
        self.time_budget = Some(budget);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests;
    use super::*;

    fn plan(trials: u32) -> RunPlan {
        tests::plan(&format!("trials: {trials}\nvariants: {{a: {{}}, b: {{}}}}\n"))
    }

    fn block() -> Duration {
        plan(1).summary().longest
    }

    #[test]
    fn blocks_that_do_not_fit_are_left_out_and_the_others_keep_their_order() {
        let whole = plan(10);
        let mut fitted = whole.clone();
        fitted.fit(block() * 7 + block() / 2).unwrap();
        assert_eq!((fitted.settings.trials, fitted.order.as_slice()), (7, &whole.order[..14]));
        assert!(
            fitted.settings.notes.iter().any(|note| note.contains("7 of 10 blocks fit")),
            "{:?}",
            fitted.settings.notes
        );
        assert!(fitted.summary().longest <= block() * 7);
        assert!(fitted.time_budget.is_some());
    }

    #[test]
    fn a_plan_that_fits_stays_as_it_is_and_says_nothing() {
        let whole = plan(3);
        let mut fitted = whole.clone();
        fitted.fit(block() * 3).unwrap();
        assert_eq!(
            (fitted.settings.trials, &fitted.order, &fitted.settings.notes),
            (3, &whole.order, &whole.settings.notes)
        );
    }

    #[test]
    fn less_than_one_block_is_refused_with_the_figures() {
        for budget in [Duration::ZERO, block().saturating_sub(Duration::from_millis(1))] {
            let error = plan(3).fit(budget).unwrap_err();
            let PlanError::Plain { message, help } = &error else { panic!("{error}") };
            assert!(message.contains(&format!("up to {} s", block().as_secs_f64().ceil())), "{message}");
            assert!(help.contains(&format!("--time-budget {}s", block().as_secs_f64().ceil())), "{help}");
        }
        plan(3).fit(block()).unwrap();
    }
}
