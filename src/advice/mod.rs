//! What to change so that a variant's losses do not come again: for each cause a field and a value from this measurement, and
//! one patch for all of them.
//!
//! Pure, from the timeline, the diagnosis and the manifests in the record's header. Figures are measured; where one is
//! missing, that is said, and nothing is made up in its place. It must not know how a trial is judged or how results are shown.
//!
//! - `advise`: advice for each cause of a variant's losses
//! - `budget`: whether a `PodDisruptionBudget` guards the pods
//! - `error_at_stop`: advice where terminating pods answer with errors
//! - `figures`: the measured figures in sentences
//! - `killed`: advice where the grace period ran out
//! - `lapses`: pods that lacked something although nobody stopped them
//! - `local_outage`: advice where a node had no pod of its own
//! - `measured`: the figures that it is made of
//! - `outage`: advice where no pod could serve
//! - `patch`: all changes as one patch
//! - `reaction`: whether killed servers reacted to their stop signal
//! - `readiness`: advice for new pods
//! - `stop_notes`: what the ends of pods show, also where nothing was lost
//! - `stop_plan`: the preStop hook and grace period
//! - `subject`: the workload's manifest
//! - `reason_tests`: advice where Service, strategy, budget or the server itself is the reason
//! - `tests`: advice from timelines and manifests

mod advise;
mod budget;
mod error_at_stop;
mod figures;
mod killed;
mod lapses;
mod local_outage;
mod measured;
mod outage;
mod patch;
mod reaction;
mod readiness;
#[cfg(test)]
mod reason_tests;
mod stop_notes;
mod stop_plan;
mod subject;
#[cfg(test)]
mod tests;

pub use advise::{Advice, advise};
pub(crate) use stop_notes::stop_notes;
