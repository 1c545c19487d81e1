//! The typed description of a run, from the scenario to the engine and back from the record.
//!
//! The scenario parser produces it, the plan adds order and sizes, the record's header stores it, the agent receives it,
//! the engine carries it out, and `--from` reads it back. It is data: it decides nothing and does no I/O.
//!
//! - `adapters`: serde for types of other libraries; durations are nanoseconds on disk
//! - `arm`: how a request is carried
//! - `run_spec`: what the variants of a run share, and where it takes place
//! - `variant_spec`: one variant, and what is expected of it
//! - `target_spec`: what is measured, and how it is reached
//! - `load_spec`: rate, connections, judged arms
//! - `door`: the way of a request to what is measured
//! - `request_spec`: one kind of request
//! - `tls_spec`: TLS of the load's connections
//! - `url_door`: a URL as the way to what is measured
//! - `own_namespace`: the namespace of a variant, where it is not known yet
//! - `rollout_spec`: what a trial does to the workload

mod adapters;
mod arm;
mod door;
mod load_spec;
mod own_namespace;
mod request_spec;
mod rollout_spec;
mod run_spec;
mod target_spec;
mod tls_spec;
mod url_door;
mod variant_spec;

pub use arm::Arm;
pub use door::Door;
pub use load_spec::LoadSpec;
pub use own_namespace::{OWN_NAMESPACE, name_in, named};
pub use request_spec::{HeaderSpec, HeaderText, RequestSpec};
pub use rollout_spec::{RolloutAction, RolloutSpec};
pub use run_spec::{ClusterSpec, RoutingSpec, RunSettings, RunSpec};
pub use target_spec::{ExistingTarget, ServiceSpec, SetCommands, TargetObjects, TargetSpec};
pub use tls_spec::TlsSpec;
pub use url_door::{LoadUrl, UrlDoor, UrlHost};
pub use variant_spec::{Expect, VariantSpec};
