//! The typed description of a run, from the scenario to the engine and back from the record.
//!
//! The scenario parser produces it, the plan adds order and sizes, the record's header stores it, the agent receives it,
//! the engine carries it out, and `--from` reads it back. It is data: it decides nothing and does no I/O.
//!
//! - `adapters`: serde for types of other libraries; durations are nanoseconds on disk
//! - `arm`: how a request is carried
//! - `run`: what the variants of a run share, and where it takes place
//! - `variant`: one variant, and what is expected of it
//! - `target`: what is measured, and how it is reached
//! - `load`: rate, connections, judged arms
//! - `request`: one kind of request
//! - `rollout`: what a trial does to the workload

mod adapters;
mod arm;
mod load;
mod request;
mod rollout;
mod run;
mod target;
mod variant;

pub use arm::Arm;
pub use load::LoadSpec;
pub use request::{HeaderSpec, HeaderText, RequestSpec};
pub use rollout::{RolloutAction, RolloutSpec};
pub use run::{ClusterSpec, RoutingSpec, RunSettings, RunSpec};
pub use target::{DeployedTarget, ServiceSpec, TargetSpec};
pub use variant::{Expect, VariantSpec};
