//! The record's first line: what was planned, so that a record can be analysed and repeated without anything else.

use serde::{Deserialize, Serialize};

use crate::spec::{RunSpec, VariantSpec};

/// What was planned, and where it took place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The record's format, [`super::FORMAT`].
    pub format: u32,
    /// The version of rollproof that wrote it.
    pub rollproof: String,
    /// Wall-clock time of the run's origin, RFC 3339.
    pub started: String,
    /// The same in nanoseconds since 1970: stamp 0.
    pub started_unix_ns: u64,
    /// The cluster that was found.
    pub cluster: ClusterHeader,
    /// For each variant, in the spec's order, where it lives.
    pub places: Vec<VariantPlace>,
    /// The run. Data of Secrets and credentials in request headers are hashed.
    pub spec: RunSpec,
}

/// Where a run took place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterHeader {
    /// `embedded`, `kind` or `context`.
    pub kind: String,
    /// The server's version.
    pub version: String,
    /// Whether the run had a network namespace of its own (embedded only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_network: Option<bool>,
}

/// Where a variant lives, and what was sized for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariantPlace {
    /// The namespace that it lives in.
    pub namespace: String,
    /// Kept-alive connections of each of the arms `reused` and `blind`.
    pub connections: u32,
}

impl Header {
    /// The variant of that name.
    #[must_use]
    pub fn variant(&self, name: &str) -> Option<&VariantSpec> {
        self.spec.variants.iter().find(|variant| variant.name == name)
    }

    /// The variant that lives in that namespace.
    #[must_use]
    pub fn variant_in(&self, namespace: &str) -> Option<&VariantSpec> {
        self.variants_in(namespace).next()
    }

    /// All of them: those of a workload that was there already share its namespace.
    pub fn variants_in(&self, namespace: &str) -> impl Iterator<Item = &VariantSpec> {
        let places = self.places.iter().zip(&self.spec.variants);
        places.filter(move |(place, _)| place.namespace == namespace).map(|(_, variant)| variant)
    }
}
