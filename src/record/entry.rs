//! The lines of the record. Everything that analysis knows is in them; `FORMAT` grows when a reader must change.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::header::Header;
use super::outcome::{Arm, Outcome, Sum};
use crate::clock::Stamp;

/// The version of the record's format. A reader refuses a newer one.
pub const FORMAT: u32 = 1;

/// One line of `record.jsonl`. Stamps are nanoseconds since the run's origin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "kebab-case")]
pub enum Entry {
    /// What was planned; always the first line.
    Header(Box<Header>),
    /// A trial begins.
    TrialStart(TrialStart),
    /// A step of a trial, bracketed by the stamps taken before and after it.
    Mark(Mark),
    /// Successful attempts of 100 ms.
    Pulse(Pulse),
    /// The load's own punctuality in the same 100 ms.
    Punctuality(Punctuality),
    /// One attempt.
    Attempt(Attempt),
    /// A pod as the API showed it.
    Pod(PodSeen),
    /// An `EndpointSlice` as the API showed it.
    Endpoints(EndpointsSeen),
    /// The workload as the API showed it.
    Workload(WorkloadSeen),
    /// A Kubernetes Event.
    Event(EventSeen),
    /// The side probe saw a pod's listener change.
    Listener(ListenerSeen),
    /// A source of observations was blind for a while.
    Gap(Gap),
    /// Lines were lost because the channel to the writer was full. The trial is invalid.
    Overflow(Overflow),
    /// A trial ended.
    TrialEnd(TrialEnd),
    /// The run ended; a record without this line was cut.
    RunEnd(RunEnd),
}

/// A trial begins: one rollout of one variant under load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialStart {
    /// When.
    pub at_ns: Stamp,
    /// The trial's number in the run, from 1.
    pub trial: u32,
    /// The block it belongs to, from 1.
    pub block: u32,
    /// The variant's name.
    pub variant: String,
    /// The namespace that the variant lives in.
    pub namespace: String,
}

/// The steps that marks name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MarkName {
    /// The load began.
    LoadStarted,
    /// A request of the rollout was sent to the API and answered. The first of a trial is the rollout's first mark.
    RolloutStep,
    /// The workload reported the rollout complete.
    RolloutComplete,
    /// The last pod that the rollout replaced was gone.
    OldPodsGone,
    /// The load stopped planning attempts.
    LoadStopped,
    /// Every attempt in flight had ended.
    LoadDrained,
}

/// A step of a trial, bracketed by two stamps of the load's process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The trial.
    pub trial: u32,
    /// Which step.
    pub name: MarkName,
    /// Stamped before the step.
    pub before_ns: Stamp,
    /// Stamped after it.
    pub after_ns: Stamp,
    /// What was done, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// Successful attempts of one arm, request kind and pod in one slice of 100 ms (by their planned time).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pulse {
    /// The trial.
    pub trial: u32,
    /// Start of the slice.
    pub at_ns: Stamp,
    /// The arm.
    pub arm: Arm,
    /// Index of the request kind in the header's load plan.
    pub request: u16,
    /// The pod that answered, from its response header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// Attempts that ended ok.
    pub ok: u64,
    /// Latency from the planned time, in microseconds: an `HdrHistogram` V2 (deflate) encoding in base64.
    pub latency_us: String,
}

/// The load's own punctuality in one slice of 100 ms, over all arms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Punctuality {
    /// The trial.
    pub trial: u32,
    /// Start of the slice.
    pub at_ns: Stamp,
    /// Attempts planned in the slice.
    pub planned: u64,
    /// Send lag in microseconds (started minus planned, of attempts that did not wait for a connection), encoded as
    /// the latencies of [`Pulse`] are.
    pub lag_us: String,
    /// The largest send lag in the slice, in nanoseconds.
    pub lag_max_ns: u64,
    /// The largest gap between two successive sends that ended in the slice, in nanoseconds.
    pub gap_max_ns: u64,
}

/// How far an attempt got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Waiting for a connection to come free.
    Waiting,
    /// Connecting.
    Connect,
    /// Writing the request, or waiting for the response's first byte.
    Request,
    /// Inside the response's head.
    Head,
    /// Inside the response's body.
    Body,
    /// The response was complete.
    Done,
}

/// One attempt. Times are stamps; what did not happen is `None`. On the pooled arm the bytes, the stage and the
/// connection are unknown and `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The trial.
    pub trial: u32,
    /// The attempt's number in its trial, in planned order, from 0.
    pub id: u64,
    /// The arm.
    pub arm: Arm,
    /// Index of the request kind in the header's load plan.
    pub request: u16,
    /// How it ended.
    pub outcome: Outcome,
    /// Which of the five sums it falls into.
    pub sum: Sum,
    /// When it was planned to be sent.
    pub planned_ns: Stamp,
    /// When the engine began to carry it: the call of connect, or the request handed to an open connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_ns: Option<Stamp>,
    /// When the connection made for this attempt was established.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected_ns: Option<Stamp>,
    /// When the request's first byte was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_ns: Option<Stamp>,
    /// When the response's first byte was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte_ns: Option<Stamp>,
    /// When it ended.
    pub end_ns: Stamp,
    /// Bytes of this request written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_out: Option<u64>,
    /// Bytes of this response read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_in: Option<u64>,
    /// The system's error number, if one decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno: Option<i32>,
    /// The response's status, if its head was complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How far it got.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// The connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<ConnectionUse>,
    /// The pod, from this response's header, or (`pod_from_connection`) from an earlier one on the same connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// The pod was named by an earlier response on the same connection.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pod_from_connection: bool,
    /// The client library's own words, where there is no errno.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
}

/// The connection that carried an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionUse {
    /// The connection's number in its trial.
    pub id: u64,
    /// Time since it was established, at the start of the attempt, in nanoseconds.
    pub age_ns: u64,
    /// Requests that it carried before this one.
    pub uses: u32,
    /// Its connect time, taken as the round-trip time, in nanoseconds.
    pub rtt_ns: u64,
    /// Its local port.
    pub local_port: u16,
}

/// What happened to an object between two looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
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
    pub change: Change,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// The controlling object, for example `ReplicaSet/web-5d9c`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
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

/// A container's status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerSeen {
    /// Its name.
    pub name: String,
    /// Its readiness.
    pub ready: bool,
    /// Its restarts.
    pub restarts: i32,
    /// `waiting`, `running` or `terminated`.
    pub state: String,
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
    pub change: Change,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
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
pub enum Listener {
    /// A connection was made.
    Open,
    /// ECONNREFUSED.
    Refused,
    /// No answer, or no route.
    Silent,
}

/// The side probe saw a change: the state held at `after_ns`, and the earlier one, if any, still at `before_ns`.
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
    pub state: Listener,
}

/// A source of observations was blind for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Which source, for example `watch pods`.
    pub source: String,
    /// Its namespace.
    pub namespace: String,
    /// Last known good.
    pub from_ns: Stamp,
    /// Good again.
    pub to_ns: Stamp,
    /// Why.
    pub why: String,
}

/// Lines were lost because the channel to the writer was full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overflow {
    /// When it was noticed.
    pub at_ns: Stamp,
    /// How many since the last such line.
    pub lines: u64,
}

/// A trial ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialEnd {
    /// When.
    pub at_ns: Stamp,
    /// The trial.
    pub trial: u32,
    /// The rollout completed and no old pod was left.
    pub complete: bool,
    /// Why not, in a sentence; empty if complete.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The workload had to be made anew before this trial.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reset: bool,
    /// Attempts planned by the load, over all arms, by arm name.
    pub planned: BTreeMap<Arm, u64>,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndReason {
    /// All trials were run.
    Finished,
    /// A signal.
    Interrupted,
    /// An error, named in `detail`.
    Failed,
}

/// The run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEnd {
    /// When.
    pub at_ns: Stamp,
    /// Why.
    pub reason: EndReason,
    /// In a sentence; empty when finished.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}
