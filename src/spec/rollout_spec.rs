//! What a trial does to the workload.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::adapters::nanoseconds;

/// A rollout and its time limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutSpec {
    /// What is done.
    pub action: RolloutAction,
    /// The longest that it may take.
    #[serde(rename = "timeout_ns", with = "nanoseconds")]
    pub timeout: Duration,
}

impl Default for RolloutSpec {
    fn default() -> Self {
        Self { action: RolloutAction::Restart, timeout: Duration::from_mins(5) }
    }
}

/// What a trial does to the workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RolloutAction {
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
        #[serde(rename = "duration_ns", with = "nanoseconds")]
        duration: Duration,
    },
}

impl RolloutAction {
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
