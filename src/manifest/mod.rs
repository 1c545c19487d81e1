//! Kubernetes manifests as the user wrote them: untyped values, so that fields newer than this program survive.
//!
//! Must not know scenarios, clusters or requests.
//!
//! - `cluster_scope`: which objects have no namespace
//! - `documents`: objects with their kind, version and name; takes lists apart
//! - `files`: reads manifests and patches from the disk or any other set of files
//! - `hash`: copies of manifests with hashes in place of secrets
//! - `helm_hook`: hooks in the output of `helm template`
//! - `manifest_error`: why manifests cannot be used
//! - `misspelt_keys`: keys of a patch that look misspelt
//! - `offset`: moves every port of a pod by one number
//! - `patch_error`: why a patch cannot be applied
//! - `patch_merge`: strategic merge patch and JSON merge patch
//! - `patch_rules`: which lists are merged, and by which keys
//! - `patch_tests`: patches against what `kubectl patch` gives
//! - `pod_spec`: what every reader of a pod's `spec` needs
//! - `select_tests`: reading objects, and the choice of workload, Service and port
//! - `server_side_apply`: server-side apply with one field manager
//! - `service`: the Service that carries the load, and its port
//! - `strategy`: `maxSurge` and `maxUnavailable`, resolved as the controllers do
//! - `undo`: the patch from one manifest to another
//! - `workload`: the workload that is rolled
//! - `workload_kind`: the kinds of workload that can be rolled

mod cluster_scope;
pub mod documents;
mod files;
pub mod hash;
mod helm_hook;
mod manifest_error;
mod misspelt_keys;
mod offset;
mod patch_error;
pub mod patch_merge;
mod patch_rules;
#[cfg(test)]
mod patch_tests;
mod pod_spec;
#[cfg(test)]
mod select_tests;
mod server_side_apply;
mod service;
pub mod strategy;
pub mod undo;
pub mod workload;
mod workload_kind;

pub use cluster_scope::is_cluster_scoped;
pub use documents::{ManifestObject, check_together, list_of, parse};
pub use files::{DiskFiles, FileReadError, FileSource};
pub use hash::{short_hash, without_secrets};
pub use helm_hook::is_foreign_hook;
pub use manifest_error::ManifestError;
pub use misspelt_keys::{MisspeltKey, slips};
pub use offset::offset_ports;
pub use patch_error::PatchError;
pub use patch_merge::{MergeResult, json_merge, strategic_merge};
pub use pod_spec::{DEFAULT_GRACE_S, grace_s};
pub use server_side_apply::apply_merge;
pub use service::{ChosenService, PortName, service};
pub use undo::undo;
pub use workload::{ManifestContainer, ManifestWorkload, workload};
pub use workload_kind::WorkloadKind;
