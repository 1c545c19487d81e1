//! Verdicts and comparisons, as a report shows them.
//!
//! - `comparisons`: variants beside the baseline
//! - `simulation`: what comparisons claim, checked on simulated runs
//! - `states`: trials that count or do not, and verdicts

mod comparisons;
mod simulation;
mod states;
