//! Kubernetes manifests as the user wrote them: untyped values, so that fields newer than this program survive.
//!
//! Must not know scenarios, clusters or requests.

pub mod apply;
pub mod documents;
pub mod error;
pub mod files;
pub mod hash;
pub mod helm_hook;
pub mod kind;
pub mod offset;
pub mod patch;
mod patch_rules;
#[cfg(test)]
mod patch_tests;
pub mod pod_spec;
pub mod scope;
#[cfg(test)]
mod select_tests;
pub mod service;
pub mod slips;
pub mod strategy;
pub mod undo;
pub mod workload;

pub use apply::apply_merge;
pub use documents::{ManifestObject, check_together, list_of, parse};
pub use error::ManifestError;
pub use files::{DiskFiles, FileReadError, FileSource};
pub use hash::{short_hash, without_secrets, without_secrets_and_env};
pub use helm_hook::is_foreign_hook;
pub use kind::WorkloadKind;
pub use offset::offset_ports;
pub use patch::{MergeResult, PatchError, json_merge, strategic_merge};
pub use pod_spec::{DEFAULT_GRACE_S, grace_s};
pub use scope::is_cluster_scoped;
pub use service::{ChosenService, PortName, service};
pub use slips::{MisspeltKey, slips};
pub use undo::undo;
pub use workload::{ManifestContainer, ManifestWorkload, workload};
