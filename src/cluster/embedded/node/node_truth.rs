//! What the node did, for the truth log that tests score diagnosis against. Diagnosis never reads it.

use std::sync::Arc;

use serde::Serialize;

use crate::clock::Stamp;

/// One thing that the node did to a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeEntry {
    /// When, on the run's clock.
    pub at: Stamp,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The container's name.
    pub container: String,
    /// What.
    #[serde(flatten)]
    pub action: NodeAction,
}

/// What the node did or saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "deed", rename_all = "kebab-case")]
pub enum NodeAction {
    /// The main process was started.
    ContainerStarted {
        /// Its process id.
        pid: i32,
    },
    /// A lifecycle hook began.
    HookStarted {
        /// `preStop` or `postStart`.
        hook: &'static str,
    },
    /// A lifecycle hook ended.
    HookEnded {
        /// `preStop` or `postStart`.
        hook: &'static str,
        /// Whether it succeeded.
        success: bool,
    },
    /// The stop signal was sent.
    StopSignal {
        /// Its number.
        signal: i32,
        /// Whether the main process had a handler for it; without one the kernel discards it for PID 1.
        delivered: bool,
    },
    /// The container was killed because its grace was over.
    Killed,
    /// The main process and all its descendants are gone.
    ContainerFinished {
        /// The exit code, 128 plus the signal's number where one ended it.
        exit_code: i32,
    },
}

/// Takes the entries; must not block.
pub(super) type NodeTruth = Arc<dyn Fn(NodeEntry) + Send + Sync>;
