//! What diagnosis leaves: incidents, and the explanation of each lost attempt.

use std::collections::BTreeMap;

use super::cause::Cause;
use crate::clock::Stamp;
use crate::record::{Arm, Outcome};
use crate::spec::Door;
use crate::timeline::PodEdge;

/// One piece of evidence for a cause.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The pod's edge; `None` if it is something else.
    pub edge: Option<PodEdge>,
    /// What was seen, in words, for example `listener closed`.
    pub words: String,
    /// Of which pod; `None` if it is no pod's.
    pub pod: Option<String>,
    /// `observed`, `derived by ...` or `not observed`.
    pub basis: String,
    /// From the edge to the incident's first failure, in milliseconds; `None` where the edge has no moment.
    pub gap_ms: Option<f64>,
}

/// A run of lost attempts of one arm at one door of one trial with one cause.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// Its number in the run, from 1.
    pub id: u32,
    /// The trial.
    pub trial: u32,
    /// The trial's variant.
    pub variant: String,
    /// The arm.
    pub arm: Arm,
    /// Where they went.
    pub door: Door,
    /// The cause.
    pub cause: Cause,
    /// The pod, where all its attempts are known to be of one.
    pub pod: Option<String>,
    /// The node that its connections went to, where only that node's pods could have answered.
    pub node: Option<String>,
    /// When its first attempt failed.
    pub first_ns: Stamp,
    /// When its last attempt failed.
    pub last_ns: Stamp,
    /// When that last attempt was begun: routing led it then, however long it waited.
    pub last_begun_ns: Stamp,
    /// Lost attempts.
    pub attempts: u64,
    /// How they ended.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// What decided, for its first attempt.
    pub evidence: Vec<Evidence>,
    /// Of an unknown cause: what is missing to decide, in a sentence; else empty.
    pub missing: String,
}

/// The explanation of one lost attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explained {
    /// Its trial.
    pub trial: u32,
    /// Its number in the trial.
    pub id: u64,
    /// Its arm.
    pub arm: Arm,
    /// Where it went.
    pub door: Door,
    /// When it failed.
    pub end_ns: Stamp,
    /// Its cause.
    pub cause: Cause,
    /// Its incident.
    pub incident: u32,
}

/// Why everything that was lost was lost.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Diagnosis {
    /// The incidents, in the order of trials and time.
    pub incidents: Vec<Incident>,
    /// Every lost attempt, in the order of trials and time.
    pub attempts: Vec<Explained>,
}
