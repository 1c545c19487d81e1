//! The lines of the record. Everything that analysis knows is in them; `FORMAT` grows when a reader must change.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::header::Header;
use crate::spec::Arm;

pub use super::attempt::{Attempt, AttemptStage, ConnectionUse, Pulse, Punctuality};
pub use super::seen::{
    ContainerSeen, ContainerState, EndpointSeen, EndpointsSeen, EventSeen, GapSource, ListenerSeen, ListenerState,
    LogTail, ObservationGap, PodSeen, SeenChange, WatchLateness, WorkloadSeen,
};
use crate::clock::Stamp;

/// The version of the record's format. A reader refuses a newer one.
pub const FORMAT: u32 = 2;

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
    /// The last lines of a container that has ended with its pod.
    Log(LogTail),
    /// A source of observations was blind for a while.
    Gap(ObservationGap),
    /// The watches' own tasks ran late.
    WatchLateness(WatchLateness),
    /// Lines were lost because the channel to the writer was full. The trial is invalid.
    Overflow(Overflow),
    /// The harness had trouble of its own. The trial that ran there is invalid.
    HarnessTrouble(HarnessTrouble),
    /// What a reader must know of the cluster.
    ClusterNote(ClusterNote),
    /// A trial ended.
    TrialEnd(TrialEnd),
    /// The run ended; a record without this line was cut.
    RunEnd(RunEnd),
}

/// What a reader must know of the cluster, such as a field of the manifests that it dropped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterNote {
    /// When it was noticed.
    pub at_ns: Stamp,
    /// In a sentence.
    pub note: String,
}

/// A trial begins: one rollout of one variant under load.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The node ports that the load goes to; `None` where it goes elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_ports: Option<NodePorts>,
}

/// The node ports that the load goes to, in turn.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodePorts {
    /// Each leads to the pods of its own node only: the Service's `externalTrafficPolicy` is `Local`.
    pub local: bool,
    /// The nodes, in the order of their turns.
    pub nodes: Vec<LoadedNode>,
}

/// A node whose port the load goes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadedNode {
    /// Its name.
    pub node: String,
    /// Its address with the node port.
    pub address: SocketAddr,
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

/// Lines were lost because the channel to the writer was full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overflow {
    /// When it was noticed.
    pub at_ns: Stamp,
    /// How many since the last such line.
    pub lines: u64,
}

/// The harness had trouble of its own, for example a supervisor of the embedded cluster that was killed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HarnessTrouble {
    /// When it was noticed.
    pub at_ns: Stamp,
    /// The namespace that it befell.
    pub namespace: String,
    /// What happened, in a sentence.
    pub what: String,
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
    /// The workload had to be recreated before this trial.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reset: bool,
    /// The harness's own trouble, in a sentence, which makes the trial invalid; empty without any.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub trouble: String,
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
