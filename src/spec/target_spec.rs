//! What is measured, and how it is reached.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is measured. A URL in place of the Service is a part of the load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetSpec {
    /// The run's own copy of the manifests, in a namespace of its own.
    Deployed(TargetObjects),
    /// A workload that is there already.
    Existing(ExistingTarget),
}

/// A workload that is there already. Nothing is created in its namespace but, for the run, a Role and its binding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExistingTarget {
    /// Its namespace.
    pub namespace: String,
    /// The strategic merge patches of the workload that make the variant, in their order; none for the workload as it stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<Value>,
    /// The commands that make the variant, in place of patches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<SetCommands>,
    /// What the cluster had when the run was planned, with the patches: only to be read.
    pub objects: TargetObjects,
}

/// A command of the user's that makes a variant, and the one that undoes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetCommands {
    /// The program and its arguments.
    pub run: Vec<String>,
    /// What undoes it.
    pub back: Vec<String>,
}

/// The manifests of a target, and what was chosen in them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetObjects {
    /// The manifests whole, patched, an added Service included, in the order in which they would be applied. In a record the
    /// data of Secrets is hashed.
    pub manifests: Vec<Value>,
    /// The workload that is rolled, for example `deployment/web`.
    pub workload: String,
    /// The pods that it has at rest: `spec.replicas`, or one for each node of a `DaemonSet`.
    pub replicas: u32,
    /// The pods that its strategy may add during a rollout, resolved to a number.
    pub surge: u32,
    /// The Service that carries the load.
    pub service: ServiceSpec,
}

impl ServiceSpec {
    /// A Service of the manifests, whose port has no name.
    #[must_use]
    pub fn new(name: &str, port: u16, target_port: u16) -> Self {
        Self { name: name.to_owned(), port, port_name: String::new(), target_port, added: false }
    }
}

/// The Service that carries the load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceSpec {
    /// Its name.
    pub name: String,
    /// The port that clients connect to.
    pub port: u16,
    /// The port's name, empty if it has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub port_name: String,
    /// The port that the pods listen on.
    pub target_port: u16,
    /// It is none of the user's own manifests: it was made up for the single port of the pods.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub added: bool,
}
