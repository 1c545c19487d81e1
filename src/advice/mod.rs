//! What to change so that a variant's losses do not come again: for each cause a field and a value from this measurement, and
//! one patch for all of them.
//!
//! Pure, from the timeline, the diagnosis and the manifests in the record's header. Figures are measured; where one is
//! missing, that is said, and nothing is made up in its place. It must not know how a trial is judged or how results are shown.
//!
//! - `advise`: advice for each cause of a variant's losses
//! - `error_at_stop`: advice where terminating pods answer with errors
//! - `measured`: the figures that it is made of
//! - `outage`: advice where no pod could serve
//! - `patch`: all changes as one patch
//! - `stop_plan`: the preStop hook and grace period
//! - `subject`: the workload's manifest
//! - `tests`: advice from timelines and manifests

mod advise;
mod error_at_stop;
mod measured;
mod outage;
mod patch;
mod stop_plan;
mod subject;
#[cfg(test)]
mod tests;

pub use advise::{Advice, advise};
