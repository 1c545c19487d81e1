//! Exact statistics of trials: tests, bounds and detection limits, as pure functions of numbers.
//!
//! It must not know records, scenarios or reports: plans are judged with it before a run, and results after it.

pub mod limits;
pub mod median;
pub mod sign_flip;

pub use limits::{gap_ms, smallest_p, zero_upper_bound};
pub use median::median;
pub use sign_flip::{Alternative, sign_flip};

/// The level at which a difference counts as shown.
pub const LEVEL: f64 = 0.05;
