//! The part of the header that analysis does without: what it takes to run a record's plan again.
//!
//! It must not know how a plan is made. A record without it is of an earlier version, and reads as before.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::spec::RolloutAction;

/// What running again needs beside the rest of the header.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Again {
    /// The cluster as `--cluster` names it, for example `kind:two`.
    pub cluster: String,
    /// The embedded cluster's routing lag: from a change of endpoints until a sync is due, in nanoseconds.
    pub base_ns: u64,
    /// The least time between two syncs, in nanoseconds.
    pub min_sync_period_ns: u64,
    /// Whether the side probe watched the old pods' listeners.
    pub probe: bool,
    /// The folders that hold a recipe of an image which the run took.
    pub folders: Vec<String>,
    /// What was decided for the user, as it was said before the start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The variants, by name.
    pub variants: BTreeMap<String, VariantAgain>,
}

/// What running a variant again needs beside the rest of its header.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VariantAgain {
    /// What a trial does to the workload.
    pub rollout: RolloutAction,
    /// The longest that a rollout may take, in nanoseconds.
    pub rollout_timeout_ns: u64,
    /// A request's timeout, in nanoseconds.
    pub timeout_ns: u64,
    /// Kept-alive connections as they were asked for; `None` leaves them to the load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<u32>,
    /// The Service's port.
    pub service_port: u16,
    /// The port's name, empty if it has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub service_port_name: String,
    /// The port that the pods listen on.
    pub target_port: u16,
    /// The Service is none of the user's own manifests: it was made up for the single port of the pods.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub service_added: bool,
    /// Every manifest and patch is compiled in, word for word, and the rollout brings nothing else.
    pub shipped: bool,
    /// What was said of the variant before the start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The rest of each kind of request, in the order of [`super::header::LoadHeader::requests`].
    pub requests: Vec<RequestAgain>,
}

/// What sending a kind of request again needs beside the rest of its header.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestAgain {
    /// Its headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<HeaderField>,
    /// Its body, empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// The statuses that are expected; empty for any 2xx or 3xx.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<u16>,
}

/// A header of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderField {
    /// Its name, in lower case.
    pub name: String,
    /// Its value, or the value's hash.
    pub value: String,
    /// The value is a credential, of which only the hash is kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hashed: bool,
}
