//! Kubernetes manifests as the user wrote them: untyped values, so that fields newer than this program survive.
//!
//! Must not know scenarios, clusters or requests.

pub mod patch;
mod patch_rules;
#[cfg(test)]
mod patch_tests;

pub use patch::{Merged, PatchError, json_merge, strategic_merge};
