//! The plan of a run: scenario, manifests and the command line's wishes joined, checked, and never changed again.
//!
//! It also goes the way back, from a record's header to the plan of that run. Must not know clusters, tokio or the load's engine: it hands them numbers and objects.

mod advised;
mod aside;
mod budget;
mod build;
mod compared;
mod control;
mod error;
#[cfg(test)]
mod error_tests;
mod from_record;
#[cfg(test)]
mod from_record_tests;
mod give_again;
mod header;
mod hooks;
mod load;
pub mod order;
mod patches;
mod rollout;
mod rollout_kinds;
pub mod summary;
#[cfg(test)]
mod tests;
pub mod types;

pub use advised::ADVISED;
pub use build::{SOLE_VARIANT, build, build_for_manifests};
pub use compared::ComparisonSummary;
pub use control::CONTROL;
pub use error::PlanError;
pub use from_record::from_record;
pub use give_again::GivenValues;
pub use header::RunFacts;
pub use summary::{PlanSummary, VariantSummary};
pub use types::{LEAD_IN, PlanOverrides, RunPlan, TAIL, TrialPlan, VariantPlan, WorkloadChoice};
