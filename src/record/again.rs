//! The part of the header that analysis does without: what it takes to run a record's plan again.
//!
//! It must not know how a plan is made. A record without it is of an earlier version, and reads as before.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

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
    pub rollout: Rollout,
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

/// What a trial does to the workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rollout {
    /// Restart every pod.
    Restart,
    /// Odd trials roll to `to`; the way back to `from` is not measured.
    Image {
        /// The container.
        container: String,
        /// The manifest's image.
        from: String,
        /// The other image.
        to: String,
    },
    /// Set a variable to the trial's number.
    Env {
        /// The container.
        container: String,
        /// The variable.
        name: String,
    },
    /// Patch the workload; the way back is not measured.
    Patch {
        /// The strategic merge patch, without kind, name and namespace.
        patch: Value,
    },
    /// Change the number of replicas; the way back is not measured.
    Scale {
        /// The manifest's number.
        from: u32,
        /// The other.
        to: u32,
    },
    /// Run a command of the user's own.
    Command {
        /// The program and its arguments.
        run: Vec<String>,
        /// What undoes it, unmeasured.
        back: Option<Vec<String>>,
    },
    /// Evict the workload's pods from one node.
    Evict {
        /// The node; the one with most of them by default.
        node: Option<String>,
        /// Cordon it for the length of the trial.
        cordon: bool,
    },
    /// Roll nothing out.
    None {
        /// How long the load goes on in its place.
        duration: Duration,
    },
}

impl Rollout {
    /// The rollout in a few words.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Restart => "restart".to_owned(),
            Self::Image { container, from, to } => format!("image of {container} from {from} to {to}"),
            Self::Env { container, name } => format!("env {name} of {container}"),
            Self::Patch { .. } => "patch".to_owned(),
            Self::Scale { from, to } => format!("scale from {from} to {to}"),
            // Not its arguments: they may hold what nobody should read in a report.
            Self::Command { run, .. } => format!("command {}", run.first().map_or("", String::as_str)),
            Self::Evict { node, cordon } => format!(
                "evict from {}{}",
                node.as_deref().unwrap_or("the fullest node"),
                if *cordon { ", cordoned" } else { "" }
            ),
            Self::None { .. } => "none".to_owned(),
        }
    }
}
