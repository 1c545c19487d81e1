//! The plan of a run: scenario, manifests and the command line's wishes joined, checked, and never changed again.
//!
//! It also goes the way back, from a record's header to the plan of that run. Must not know clusters, tokio or the load's engine: it hands them numbers and objects.
//!
//! - `advised`: adds a variant with the advised patch
//! - `build_plan`: joins scenario, manifests and arguments into a plan
//! - `control`: the control variant, which is known to lose requests
//! - `error_tests`: errors as users see them
//! - `existing`: what a plan of a workload that is there already may do
//! - `existing_tests`: such plans
//! - `from_record`: the plan of a recorded run
//! - `from_record_tests`: from a plan to a record and back
//! - `give_again`: secrets and credentials, which a record holds as hashes
//! - `hooks`: what preStop hooks mean for a plan
//! - `limits`: what a load and a rollout may be
//! - `patches`: applies a variant's patches
//! - `plan_budget`: leaves out blocks that do not fit the time budget
//! - `plan_comparison`: what the comparisons with the baseline can show
//! - `plan_error`: why no plan could be made
//! - `plan_header`: the record's header, from the plan and the cluster
//! - `plan_load`: the load of a variant
//! - `plan_rollout`: what a trial does to the workload
//! - `plan_summary`: the summary that is printed before a run
//! - `plan_tls`: TLS of a load, and the CAs that it trusts
//! - `plan_url`: a URL in place of the Service
//! - `rollout_kinds`: patch, scale, command and evict
//! - `set_aside_objects`: objects that are recorded and not applied
//! - `tests`: plans as the rest of the program sees them
//! - `trial_order`: the order of trials: blocks in random order
//! - `types`: the plan's types

mod advised;
mod build_plan;
mod control;
#[cfg(test)]
mod error_tests;
mod existing;
#[cfg(test)]
mod existing_tests;
mod from_record;
#[cfg(test)]
mod from_record_tests;
mod give_again;
mod hooks;
mod limits;
mod patches;
mod plan_budget;
mod plan_comparison;
mod plan_error;
mod plan_header;
mod plan_load;
mod plan_rollout;
mod plan_summary;
mod plan_tls;
mod plan_url;
mod rollout_kinds;
mod set_aside_objects;
#[cfg(test)]
mod tests;
mod trial_order;
mod types;

pub(crate) use advised::ADVISED;
pub(crate) use build_plan::{build, build_for_existing, build_for_manifests, check_door};
pub(crate) use existing::LiveTarget;
pub(crate) use from_record::from_record;
pub(crate) use give_again::GivenValues;
#[cfg(test)]
use plan_error::PlanError;
pub(crate) use plan_header::RunFacts;
#[cfg(test)]
pub(crate) use tests::manifest_plan;
pub(crate) use types::{PlanOverrides, RunPlan, TrialPlan, VariantPlan, WorkloadChoice};
