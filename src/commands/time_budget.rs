//! When a run has used its time up: between two blocks, never within one, so that what was begun can be compared.

use std::time::Duration;

#[derive(Debug)]
pub(super) struct TimeBudget {
    length: Option<Duration>,
    /// The block that was begun last; 0 before the first.
    block: u32,
}

impl TimeBudget {
    pub(super) const fn new(length: Option<Duration>) -> Self {
        Self { length, block: 0 }
    }

    /// Why no trial of `block` is begun so long after the first one; `None` if it may be. The first block always is, and a
    /// trial that is repeated belongs to a block that was begun.
    pub(super) fn spent(&mut self, block: u32, elapsed: Duration) -> Option<String> {
        let begun = self.block;
        if block == begun {
            return None;
        }
        match self.length {
            Some(length) if begun > 0 && elapsed >= length => Some(format!(
                "the time budget of {} s was used up after block {begun}, so that no further one was begun",
                length.as_secs_f64()
            )),
            _ => {
                self.block = block;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn a_block_that_was_begun_is_finished_and_the_next_is_not_begun() {
        let mut budget = TimeBudget::new(Some(MINUTE));
        assert_eq!(budget.spent(1, Duration::ZERO), None);
        assert_eq!(budget.spent(1, 2 * MINUTE), None, "the second trial of the first block");
        let why = budget.spent(2, 2 * MINUTE).unwrap();
        assert!(why.contains("60 s") && why.contains("after block 1"), "{why}");
    }

    #[test]
    fn within_its_time_a_run_goes_on_and_without_a_budget_always() {
        let mut budget = TimeBudget::new(Some(MINUTE));
        assert_eq!([1, 2, 3].map(|block| budget.spent(block, MINUTE / 2)), [const { None }; 3]);
        let mut endless = TimeBudget::new(None);
        assert_eq!([1, 2].map(|block| endless.spent(block, 1_000 * MINUTE)), [const { None }; 2]);
    }

    #[test]
    fn the_first_block_is_begun_however_late_it_is() {
        assert_eq!(TimeBudget::new(Some(MINUTE)).spent(1, 2 * MINUTE), None);
    }
}
