//! What to change so that a variant's losses do not come again: for each cause a field and a value from this measurement, and
//! one patch for all of them.
//!
//! Pure, from the timeline, the diagnosis and the manifests in the record's header. Figures are measured; where one is
//! missing, that is said, and nothing is made up in its place. It must not know how a trial is judged or how results are shown.

mod advise;
mod measured;
mod outage;
mod patch;
mod stop_plan;
mod subject;
#[cfg(test)]
mod tests;

pub use advise::{Advice, Advised, advise};
pub use measured::Measured;
