//! The view model of incidents, a part of `report.json`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::diagnose::Cause;
use crate::record::{Arm, Outcome};
use crate::spec::Door;

/// A run of lost attempts of one arm at one door of one trial with one cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IncidentDoc {
    /// Its number in the run; `rollproof report DIR --incident N` shows it.
    pub id: u32,
    /// Its trial.
    pub trial: u32,
    /// The trial's variant.
    pub variant: String,
    /// The arm.
    pub arm: Arm,
    /// The door; left out where all requests of the variant go to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub door: Option<Door>,
    /// Whether its attempts are in the variant's counts: a judged arm's, in a trial that counts, after the rollout's first mark.
    pub counts: bool,
    /// The cause.
    pub cause: Cause,
    /// The pod, where all its attempts are known to be of one.
    pub pod: Option<String>,
    /// The node that its connections went to, where only that node's pods could have answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// When its first attempt failed, in seconds after the rollout's first mark.
    pub first_s: f64,
    /// When its last attempt failed.
    pub last_s: f64,
    /// Lost attempts.
    pub attempts: u64,
    /// How they ended.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// What decided, for its first attempt.
    pub evidence: Vec<EvidenceDoc>,
    /// Of an unknown cause: what is missing to decide.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub missing: String,
}

/// One piece of evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EvidenceDoc {
    /// What was seen, for example `listener closed`.
    pub edge: String,
    /// Of which pod.
    pub pod: Option<String>,
    /// `observed`, `derived by ...`, or `not observed`.
    pub basis: String,
    /// From the edge, as it was seen, to the incident's first failure, in milliseconds. Negative where the failure came first,
    /// as it can where an edge is only known to lie between two moments.
    pub gap_ms: Option<f64>,
}
