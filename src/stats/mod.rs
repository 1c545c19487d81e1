//! Exact statistics of trials: tests, bounds and detection limits, as pure functions of numbers.
//!
//! - `detection_limits`: what a plan can show, and what a zero leaves open
//! - `fisher`: Fisher's exact test of two shares
//! - `holm`: Holm's adjustment for several comparisons
//! - `interval`: the interval of a mean difference
//! - `median`: the median of a small sample
//! - `sign_flip`: the sign-flip test of paired differences
//! - `two_sample`: the permutation test of two groups
//!
//! It must not know records, scenarios or reports: plans are judged with it before a run, and results after it.

mod detection_limits;
mod fisher;
mod holm;
mod interval;
mod median;
mod sign_flip;
mod two_sample;

pub use detection_limits::{gap_ms, smallest_p, zero_upper_bound};
pub use fisher::{TrialSplit, fisher};
pub use holm::{blocks_that_suffice, blocks_to_reach, holm, power, smallest_adjusted};
pub use interval::{Interval, mean_interval};
pub use median::median;
pub use sign_flip::{Alternative, sign_flip};
pub use two_sample::{TwoSample, two_sample, two_sample_smallest_p};

/// The level at which a difference counts as shown.
pub const LEVEL: f64 = 0.05;
