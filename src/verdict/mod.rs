//! What trials, variants and a run are worth: states, verdicts and comparisons.
//!
//! Pure rules over a timeline. It must not know why requests were lost, nor how results are shown.
//!
//! - `compare`: variants beside the baseline, tested
//! - `effect`: how large a difference is, block by block
//! - `rules`: verdicts of variants and of the run
//! - `state`: whether a trial counts
//! - `tests`: verdicts and comparisons, as a report shows them

mod compare;
mod effect;
mod rules;
mod state;
#[cfg(test)]
mod tests;

pub use compare::{Comparison, Conclusion, LostAnything, compare};
pub use effect::{Effect, Metric, Side};
pub use rules::{Ending, Ruling, Verdict, of_run, of_variant};
pub use state::{Judged, Judgement, State, judge};

/// `1 attempt`, `2 attempts`.
pub(crate) fn plural(count: u64, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}
