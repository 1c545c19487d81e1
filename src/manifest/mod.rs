//! Kubernetes manifests as the user wrote them: untyped values, so that fields newer than this program can be applied.
//!
//! Must not know scenarios, clusters or requests.
//!
//! - `cluster_scope`: which objects have no namespace
//! - `documents`: objects with their kind, version and name; takes lists apart
//! - `expand`: `$(NAME)` in commands and values
//! - `exported`: fields and objects of an export that a cluster makes itself
//! - `files`: reads manifests and patches from the disk or any other set of files
//! - `helm_hook`: hooks in the output of `helm template`
//! - `manifest_error`: why manifests cannot be used
//! - `object_places`: where objects and their fields stand
//! - `offset`: moves every port of a pod by one number
//! - `patch_error`: why a patch cannot be applied
//! - `patch_merge`: strategic merge patch and JSON merge patch
//! - `patch_rules`: which lists are merged, and by which keys
//! - `patch_tests`: patches against what `kubectl patch` gives
//! - `schema`: fields that a kind does not have
//! - `select_tests`: reading objects, and the choice of workload, Service and port
//! - `served_versions`: API versions that no cluster serves any more
//! - `server_side_apply`: server-side apply with one field manager
//! - `service`: the Service that carries the load, and its port
//! - `strategy`: `maxSurge` and `maxUnavailable`, resolved as the controllers do
//! - `undo`: the patch from one manifest to another
//! - `workload`: the workload that is rolled
//! - `workload_kind`: the kinds of workload that can be rolled

mod cluster_scope;
pub(crate) mod documents;
mod expand;
mod exported;
mod files;
mod helm_hook;
mod manifest_error;
mod object_places;
mod offset;
mod patch_error;
pub(crate) mod patch_merge;
mod patch_rules;
#[cfg(test)]
mod patch_tests;
mod schema;
#[cfg(test)]
mod select_tests;
mod served_versions;
mod server_side_apply;
mod service;
pub(crate) mod strategy;
pub mod undo;
pub(crate) mod workload;
mod workload_kind;

pub(crate) use cluster_scope::is_cluster_scoped;
pub(crate) use documents::{ManifestObject, ObjectName, check_together, list_of, parse};
pub(crate) use expand::expand;
pub(crate) use exported::{clean_exported, without_exported};
pub(crate) use files::DiskFiles;
pub use files::{FileReadError, FileSource};
pub(crate) use helm_hook::is_foreign_hook;
pub(crate) use manifest_error::ManifestError;
pub(crate) use object_places::ObjectPlaces;
pub(crate) use offset::offset_ports;
pub(crate) use patch_merge::json_merge;
pub use patch_merge::strategic_merge;
pub(crate) use schema::{KNOWN_MINOR, UnknownField, unknown_fields};
pub(crate) use served_versions::check_served;
pub(crate) use server_side_apply::apply_merge;
pub(crate) use service::{ChosenService, PortName, selects_labels, service, service_name};
pub use undo::undo;
pub(crate) use workload::{DEFAULT_GRACE_S, ManifestContainer, ManifestWorkload, grace_s, workload};
pub use workload_kind::WorkloadKind;
