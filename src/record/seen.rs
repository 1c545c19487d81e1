//! The record's lines about the cluster: what the API showed, and what the side probe saw.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Stamp;

/// What happened to an object between two looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SeenChange {
    /// Seen for the first time.
    Seen,
    /// Seen again, changed.
    Changed,
    /// Gone.
    Gone,
}

/// A pod as the API showed it, stamped when the watch delivered it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodSeen {
    /// Receipt.
    pub at_ns: Stamp,
    /// What happened.
    pub change: SeenChange,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// The controlling object, for example `ReplicaSet/web-5d9c`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Its labels; empty in records of earlier versions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// Its node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Its phase.
    pub phase: String,
    /// Its Ready condition.
    pub ready: bool,
    /// `metadata.creationTimestamp`, server time, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// `metadata.deletionTimestamp`: the time of the request plus the grace period, in whole seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_timestamp: Option<String>,
    /// `metadata.deletionGracePeriodSeconds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_grace_s: Option<i64>,
    /// Its containers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<ContainerSeen>,
}

/// What a container's status says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContainerState {
    /// It has not started.
    Waiting,
    /// It runs.
    Running,
    /// It has ended.
    Terminated,
}

/// A container's status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerSeen {
    /// Its name.
    pub name: String,
    /// Its readiness.
    pub ready: bool,
    /// Its restarts.
    pub restarts: i32,
    /// Its state.
    pub state: ContainerState,
    /// The state's reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The state's message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The exit code, if terminated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Start, server time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    /// Finish, server time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<String>,
}

/// An `EndpointSlice` as the API showed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointsSeen {
    /// Receipt.
    pub at_ns: Stamp,
    /// What happened.
    pub change: SeenChange,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its Service, by the label `kubernetes.io/service-name`; `None` in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Its endpoints.
    pub endpoints: Vec<EndpointSeen>,
}

/// One endpoint of a slice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointSeen {
    /// The pod's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// Its address.
    pub address: String,
    /// Its node; `None` in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Condition `ready`.
    pub ready: bool,
    /// Condition `serving`.
    pub serving: bool,
    /// Condition `terminating`.
    pub terminating: bool,
}

/// The workload as the API showed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadSeen {
    /// Receipt.
    pub at_ns: Stamp,
    /// Its namespace.
    pub namespace: String,
    /// Its kind and name, for example `deployment/web`.
    pub name: String,
    /// `metadata.generation`.
    pub generation: i64,
    /// Its status, as served.
    pub status: Value,
}

/// A Kubernetes Event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventSeen {
    /// Receipt.
    pub at_ns: Stamp,
    /// Its namespace.
    pub namespace: String,
    /// What it is about, for example `Pod/web-5d9c-x`.
    pub about: String,
    /// The container that it is about, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Its reason.
    pub reason: String,
    /// Its message.
    pub message: String,
    /// `Normal` or `Warning`.
    pub kind: String,
    /// How often.
    pub count: i32,
    /// Server time of the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
}

/// What answered the side probe's connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ListenerState {
    /// A connection was made.
    Open,
    /// ECONNREFUSED.
    Refused,
    /// No answer, or no route.
    Silent,
}

/// The side probe saw a change: the state held at `after_ns`, and the earlier one, if any, still at `before_ns`. Of a pod that
/// is gone and whose listener was open to the last, a further `Open` tells when that was seen last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerSeen {
    /// The last probe that saw the earlier state, or the first probe of all.
    pub before_ns: Stamp,
    /// The first probe that saw this state.
    pub after_ns: Stamp,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// What the probe saw.
    pub state: ListenerState,
}

/// The last lines that a container of a pod that is no more wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogTail {
    /// When the log had been read to its end.
    pub at_ns: Stamp,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// The container.
    pub container: String,
    /// The lines, oldest first: at most 20, each at most 512 bytes, control characters replaced. A longer line is cut and
    /// ends in `…`.
    pub lines: Vec<String>,
    /// There were lines before these.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub earlier: bool,
    /// How many of the lines were cut.
    #[serde(default, skip_serializing_if = "super::is_zero")]
    pub shortened: u32,
}

/// A source of observations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum GapSource {
    /// The watch of the pods.
    #[serde(rename = "watch pods")]
    Pods,
    /// The watch of the `EndpointSlice`s.
    #[serde(rename = "watch endpointslices")]
    EndpointSlices,
    /// The watch of the Events.
    #[serde(rename = "watch events")]
    Events,
    /// The watch of the workload.
    #[serde(rename = "watch workload")]
    Workload,
    /// A pod's log.
    #[serde(rename = "log")]
    Log,
}

/// A source of observations was blind for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservationGap {
    /// Which source.
    pub source: GapSource,
    /// Its namespace.
    pub namespace: String,
    /// Last known good.
    pub from_ns: Stamp,
    /// Good again.
    pub to_ns: Stamp,
    /// Why.
    pub why: String,
}

/// The tasks of the watches and of the side probe ran late, so that what they received meanwhile may have come as much earlier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchLateness {
    /// From when.
    pub at_ns: Stamp,
    /// Until when.
    pub until_ns: Stamp,
    /// The namespace that they watch.
    pub namespace: String,
    /// How late they ran at most, in nanoseconds.
    pub late_ns: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_keeps_its_words() {
        let sources = [
            (GapSource::Pods, "watch pods"),
            (GapSource::EndpointSlices, "watch endpointslices"),
            (GapSource::Events, "watch events"),
            (GapSource::Workload, "watch workload"),
            (GapSource::Log, "log"),
        ];
        for (source, word) in sources {
            assert_eq!(serde_json::to_value(source).unwrap(), word);
        }
        let states = [
            (ContainerState::Waiting, "waiting"),
            (ContainerState::Running, "running"),
            (ContainerState::Terminated, "terminated"),
        ];
        for (state, word) in states {
            assert_eq!(serde_json::to_value(state).unwrap(), word);
        }
    }
}
