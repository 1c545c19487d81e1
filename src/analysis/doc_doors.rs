//! The view model of doors, a part of `report.json`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::diagnose::Cause;
use crate::spec::Door;

/// What a variant's requests at one door came to, counted as the variant's are. Where a loss appears is evidence, not a cause: the doors
/// carry different requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DoorDoc {
    /// The door.
    pub door: Door,
    /// Attempts: ok + lost + raced + unsent + harness.
    pub attempts: u64,
    /// Answered as expected.
    pub ok: u64,
    /// Lost for a client that does not repeat requests.
    pub lost: u64,
    /// Those of them in rollouts in which nothing was lost at the other door.
    pub lost_here_only: u64,
    /// Lost in the race between a closing kept-alive connection and a write.
    pub raced: u64,
    /// Never written, on a dead kept-alive connection.
    pub unsent: u64,
    /// The harness's own trouble.
    pub harness: u64,
    /// Counting trials that lost something here.
    pub trials_with_loss: u32,
    /// Why the lost ones were lost: how many by each cause.
    pub causes: BTreeMap<Cause, u64>,
}
