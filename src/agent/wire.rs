//! What driver and agent say to each other: JSON in both directions. Both are the same program, of the same version, so
//! there is no negotiation; the versions are compared once.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::clock::Stamp;
use crate::record::Arm;

/// The header that carries the run's token; `Authorization` belongs to the API server.
pub(super) const TOKEN_HEADER: &str = "x-rollproof-token";
/// The header that numbers a command, so that one which is sent again is carried out once.
pub(super) const CALL_HEADER: &str = "x-rollproof-call";
/// The answer's header that names the agent's life.
pub(super) const BOOT_HEADER: &str = "x-rollproof-boot";
/// The port that the agent listens on.
pub(super) const PORT: u16 = 8_476;

/// Who answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AgentHello {
    /// The program's version.
    pub(super) version: String,
    /// A new one each time the program starts.
    pub(super) boot: String,
}

/// A moment on the agent's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ClockReading {
    pub(super) at_ns: Stamp,
}

/// An answer that says no more than that it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CommandDone {}

/// Which namespace's side probes start or end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ProbeSwitch {
    pub(super) namespace: String,
    pub(super) on: bool,
}

/// How many connections to make to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ReachOrder {
    pub(super) address: SocketAddr,
    pub(super) tries: usize,
}

/// How the first connection that came nowhere ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ReachResult {
    pub(super) why: Option<String>,
}

/// How the running load is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EndLoad {
    /// What is in flight is not awaited.
    pub(super) abort: bool,
}

/// How the load stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum LoadState {
    /// Attempts are in flight.
    Running,
    /// It has ended; the attempts planned by each arm.
    Ended(BTreeMap<Arm, u64>),
    /// It could not be carried out.
    Failed(String),
}

/// An error of the agent's own, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AgentRefusal {
    pub(super) error: String,
}

/// The first line of each answer with lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StreamStart {
    /// The agent's life.
    pub(super) boot: String,
    /// The number of the first line that follows.
    pub(super) from: u64,
}

/// Counters of the running load, sent between the lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentCounters {
    /// Attempts that have ended.
    pub ended: u64,
    /// Attempts that were lost.
    pub lost: u64,
    /// Why nothing more is spooled; `None` while all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}
