//! Why each lost attempt was lost: causes from the closed list, each with the evidence that decided it.
//!
//! Pure, from the timeline alone. A cause needs positive evidence; what decides nothing is `unknown`. It must not know how a
//! trial is judged, how results are shown, or what a cluster's own log of truth says.

mod cause;
mod incident;

pub use cause::Cause;
pub use incident::{Diagnosis, Evidence, Explained, Incident};

use crate::timeline::Timeline;

/// Explains every lost attempt of a run.
#[must_use]
pub fn diagnose(_timeline: &Timeline) -> Diagnosis {
    Diagnosis::default()
}
