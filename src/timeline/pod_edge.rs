//! The names of the moments in a pod's life, the same from the timeline to the page.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A moment in a pod's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum PodEdge {
    /// The watch saw the pod for the first time.
    #[serde(rename = "created")]
    Created,
    /// It was assigned to a node.
    #[serde(rename = "scheduled")]
    Scheduled,
    /// Its main container runs.
    #[serde(rename = "started")]
    Started,
    /// The side probe reached its listener for the first time.
    #[serde(rename = "listener opened")]
    ListenerOpened,
    /// Its Ready condition is true for the first time.
    #[serde(rename = "ready")]
    Ready,
    /// Its endpoint is ready for the first time.
    #[serde(rename = "endpoint ready")]
    EndpointReady,
    /// The API server accepted its deletion.
    #[serde(rename = "deletion")]
    Deletion,
    /// Its endpoint is not ready any more, or gone.
    #[serde(rename = "endpoint not ready")]
    EndpointNotReady,
    /// Its preStop hook began.
    #[serde(rename = "hook start")]
    HookStart,
    /// Its preStop hook was reported to have failed.
    #[serde(rename = "hook failed")]
    HookFailed,
    /// Its preStop hook ended.
    #[serde(rename = "hook end")]
    HookEnd,
    /// Its main process was sent the stop signal.
    #[serde(rename = "stop signal")]
    StopSignal,
    /// Its listener refuses or is silent.
    #[serde(rename = "listener closed")]
    ListenerClosed,
    /// Its endpoint is neither ready nor serving, or gone.
    #[serde(rename = "endpoint not serving")]
    EndpointNotServing,
    /// Its grace period is over.
    #[serde(rename = "grace end")]
    GraceEnd,
    /// The first of its other containers has finished.
    #[serde(rename = "other container finished")]
    OtherFinished,
    /// Its main container has finished.
    #[serde(rename = "container finished")]
    ContainerFinished,
    /// Its endpoint is in no slice any more.
    #[serde(rename = "endpoint gone")]
    EndpointGone,
    /// Its object is gone.
    #[serde(rename = "gone")]
    Gone,
}

impl PodEdge {
    /// Every edge, in the order in which a pod usually passes them.
    pub const ALL: [Self; 19] = [
        Self::Created,
        Self::Scheduled,
        Self::Started,
        Self::ListenerOpened,
        Self::Ready,
        Self::EndpointReady,
        Self::Deletion,
        Self::EndpointNotReady,
        Self::HookStart,
        Self::HookFailed,
        Self::HookEnd,
        Self::StopSignal,
        Self::ListenerClosed,
        Self::EndpointNotServing,
        Self::GraceEnd,
        Self::OtherFinished,
        Self::ContainerFinished,
        Self::EndpointGone,
        Self::Gone,
    ];

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Scheduled => "scheduled",
            Self::Started => "started",
            Self::ListenerOpened => "listener opened",
            Self::Ready => "ready",
            Self::EndpointReady => "endpoint ready",
            Self::Deletion => "deletion",
            Self::EndpointNotReady => "endpoint not ready",
            Self::HookStart => "hook start",
            Self::HookFailed => "hook failed",
            Self::HookEnd => "hook end",
            Self::StopSignal => "stop signal",
            Self::ListenerClosed => "listener closed",
            Self::EndpointNotServing => "endpoint not serving",
            Self::GraceEnd => "grace end",
            Self::OtherFinished => "other container finished",
            Self::ContainerFinished => "container finished",
            Self::EndpointGone => "endpoint gone",
            Self::Gone => "gone",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_has_one_name_everywhere() {
        for edge in PodEdge::ALL {
            assert_eq!(serde_json::to_value(edge).unwrap(), edge.name());
        }
        assert!(PodEdge::ALL.is_sorted(), "they are listed in the order in which they are declared");
    }
}
