//! The record's first line: what was planned, so that a record can be analysed and repeated without anything else.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::again::Again;
use crate::spec::Arm;

/// What was planned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The record's format, [`super::FORMAT`].
    pub format: u32,
    /// The version of rollproof that wrote it.
    pub rollproof: String,
    /// The scenario's name.
    pub scenario: String,
    /// The run's seed.
    pub seed: u64,
    /// Wall-clock time of the run's origin, RFC 3339.
    pub started: String,
    /// The same in nanoseconds since 1970: stamp 0.
    pub started_unix_ns: u64,
    /// Where it ran.
    pub cluster: ClusterHeader,
    /// Trials of each variant.
    pub trials: u32,
    /// The variant that the others are compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
    /// The variant that only shows whether this run sees a loss: compared with none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<String>,
    /// A send later than this during a rollout makes the trial invalid, in milliseconds.
    pub max_lag_ms: u64,
    /// The variants, in the scenario's order.
    pub variants: Vec<VariantHeader>,
    /// What it takes to run the plan again; `None` in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Again>,
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

/// What a variant is expected to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Expect {
    /// It loses nothing (more than allowed).
    Clean,
    /// It loses something.
    Loss,
}

/// One variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VariantHeader {
    /// Its name.
    pub name: String,
    /// What it is expected to do.
    pub expect: Expect,
    /// The most that a counting trial may lose and still be clean.
    pub lost_at_most: u64,
    /// Raced attempts count as lost.
    pub strict: bool,
    /// The namespace that it lives in.
    pub namespace: String,
    /// The workload, for example `deployment/web`.
    pub workload: String,
    /// The Service.
    pub service: String,
    /// What its rollout does, for people, for example `restart`; `none` when nothing is rolled out.
    pub rollout: String,
    /// `spec.replicas`.
    pub replicas: u32,
    /// The extra pods that a rollout may add, resolved to a number.
    pub surge: u32,
    /// Its load.
    pub load: LoadHeader,
    /// The manifests whole, as they were written and patched, Secret data hashed.
    pub manifests: Vec<Value>,
}

/// A variant's load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadHeader {
    /// Requests a second, all arms together.
    pub rate: f64,
    /// A request's timeout, in milliseconds.
    pub timeout_ms: u64,
    /// Kept-alive connections of each of the arms `reused` and `blind`.
    pub connections: u32,
    /// The arms that decide the verdict.
    pub judged: Vec<Arm>,
    /// The response header that names the pod.
    pub pod_header: String,
    /// The request kinds; attempts and pulses refer to them by index.
    pub requests: Vec<RequestHeader>,
}

impl VariantHeader {
    /// The manifest of this kind and name; `None` if the record does not hold it.
    #[must_use]
    pub fn manifest(&self, kind: &str, name: &str) -> Option<&Value> {
        let is = |manifest: &&Value| {
            let text = |pointer| manifest.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            text("/kind").eq_ignore_ascii_case(kind) && text("/metadata/name") == name
        };
        self.manifests.iter().find(is)
    }

    /// The workload's manifest; `None` if the record does not hold it.
    #[must_use]
    pub fn workload_manifest(&self) -> Option<&Value> {
        let (kind, name) = self.workload.split_once('/')?;
        self.manifest(kind, name)
    }
}

impl LoadHeader {
    /// The method of a request kind; empty, which is no method, where a damaged record names none.
    #[must_use]
    pub fn method(&self, request: u16) -> &str {
        self.requests.get(usize::from(request)).map_or("", |kind| kind.method.as_str())
    }
}

/// One kind of request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestHeader {
    /// Its method.
    pub method: String,
    /// Its path, with query.
    pub path: String,
    /// The share of all attempts that are of this kind, 0 to 1.
    pub share: f64,
    /// The part of this kind's attempts that each arm carries, 0 to 1.
    pub arms: Vec<(Arm, f64)>,
}
