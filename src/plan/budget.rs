//! Fewer blocks where a plan would take longer than the time there is.

use std::time::Duration;

use super::error::PlanError;
use super::order;
use super::summary::longest;
use super::types::RunPlan;

impl RunPlan {
    /// Leaves out the last blocks where not all fit into `budget` by the plan's longest estimate. What is left has the order
    /// that it had.
    ///
    /// # Errors
    /// Not one block fits.
    pub fn fit(&mut self, budget: Duration) -> Result<(), PlanError> {
        let block: Duration = self.variants.iter().map(longest).sum();
        let fitting = u32::try_from(budget.as_nanos() / block.as_nanos().max(1)).unwrap_or(u32::MAX);
        let (block_s, budget_s) = (block.as_secs_f64().ceil(), budget.as_secs_f64());
        if fitting == 0 {
            return Err(PlanError::Plain {
                message: format!(
                    "one block takes up to {block_s} s, and --time-budget is {budget_s} s, expected time for at least one"
                ),
                help: format!("give at least --time-budget {block_s}s, or leave out variants"),
            });
        }
        if fitting < self.trials {
            self.notes.push(format!(
                "{fitting} of {} blocks fit into --time-budget of {budget_s} s, at up to {block_s} s each",
                self.trials
            ));
            self.trials = fitting;
            self.order = order::blocks(self.variants.len(), fitting, self.seed);
        }
        self.time_budget = Some(budget);
        Ok(())
    }
}
