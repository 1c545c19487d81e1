//! The view model: `report.json` as types. Its schema is `docs/report.schema.json`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::doc_compared::ComparisonDoc;
use super::doc_doors::DoorDoc;
use super::doc_incident::IncidentDoc;
use super::first_lost::FirstLost;
use crate::advice::Advice;
use crate::diagnose::Cause;
use crate::hidden::Client;
use crate::record::{Arm, Outcome, is_zero};
use crate::spec::Expect;
use crate::timeline::PodEdge;
use crate::verdict::{Ending, State, Verdict};

/// The version of the report's format. It grows when a reader must change.
pub const FORMAT: u32 = 1;

/// A run's report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReportDoc {
    /// The version of this format.
    pub format: u32,
    /// The version of rollproof that made the run.
    pub rollproof: String,
    /// The scenario's name.
    pub scenario: String,
    /// The run's seed.
    pub seed: u64,
    /// When the run began, RFC 3339.
    pub started: String,
    /// Where it ran.
    pub cluster: ClusterDoc,
    /// How it ended.
    pub ending: Ending,
    /// The run's verdict.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// Whether this run saw any loss. If not, it does not show that it would have seen one.
    pub sensitivity_shown: bool,
    /// Whether the control, a server that exits at once, was seen to lose something; `null` without `--control`.
    pub control_seen: Option<bool>,
    /// What a reader should know besides, in sentences.
    pub notes: Vec<String>,
    /// The variants, in the scenario's order.
    pub variants: Vec<VariantDoc>,
    /// Each variant beside the baseline, the control left out.
    pub comparison: Vec<ComparisonDoc>,
    /// The incidents: runs of lost attempts with one cause, of all trials and arms. At most a thousand, the largest ones.
    pub incidents: Vec<IncidentDoc>,
    /// How many incidents there were.
    pub incidents_total: u64,
    /// The harness's own punctuality, over the whole run.
    pub harness: HarnessDoc,
}

/// Where a run took place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterDoc {
    /// `embedded`, `kind` or `context`.
    pub kind: String,
    /// The server's version.
    pub version: String,
    /// Whether the run had a network namespace of its own (embedded only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_network: Option<bool>,
}

/// One variant. Its counts are those of its judged arms in its counting trials, planned from the rollout's first mark
/// to the end of the load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VariantDoc {
    /// Its name.
    pub name: String,
    /// What its rollout does.
    pub rollout: String,
    /// What it was expected to do.
    pub expect: Expect,
    /// The most that a trial could lose and still be clean.
    pub lost_at_most: u64,
    /// Whether raced attempts count as lost in its verdict.
    pub strict: bool,
    /// Its verdict.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// Trials that count.
    pub trials: u32,
    /// Trials that were to count.
    pub trials_planned: u32,
    /// Counting trials that lost something.
    pub trials_with_loss: u32,
    /// Trials in which a judged attempt was lost before the rollout.
    pub trials_dirty: u32,
    /// Trials in which the harness had trouble of its own.
    pub trials_invalid: u32,
    /// Trials that did not come to a rollout, or whose end is not in the record.
    pub trials_incomplete: u32,
    /// Attempts: ok + lost + raced + unsent + harness.
    pub attempts: u64,
    /// Answered as expected.
    pub ok: u64,
    /// Lost for a client that does not repeat requests.
    pub lost: u64,
    /// Lost in the race between a closing kept-alive connection and a write.
    pub raced: u64,
    /// Never written, on a dead kept-alive connection.
    pub unsent: u64,
    /// The harness's own trouble.
    pub harness: u64,
    /// Answered as expected, but only after a proxy had tried more than once, as the answer itself says; part of `ok`. Left out where no
    /// answer says so.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hidden_by_proxy: u64,
    /// The same by door; left out where all requests go to one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doors: Vec<DoorDoc>,
    /// How many of the lost each common client or proxy would have hidden by sending the request again. Every one is named.
    pub hidden_by: BTreeMap<Client, u64>,
    /// What to change, for each cause of a loss, that of the most lost requests first.
    pub advice: Vec<Advice>,
    /// A strategic merge patch of the workload that does all of it, as `kubectl patch` takes it, but for causes of few losses;
    /// `null` if nothing in its manifest would help, or if the Service, another object or the program is to be changed too.
    pub advice_patch: Option<Value>,
    /// Every arm, judged or not, over the same trials and time.
    pub arms: BTreeMap<Arm, ArmDoc>,
    /// Why the lost attempts of the judged arms were lost: how many by each cause.
    pub causes: BTreeMap<Cause, u64>,
    /// Of the lost attempts of the judged arms, how many went to each node whose port was loaded; left out where there is one, or none.
    /// Those of an arm that does not tell its connections are in no number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lost_by_node: BTreeMap<String, u64>,
    /// Latencies of ok attempts of the judged arms in counting trials, from their planned time, in microseconds.
    pub latency_us: LatencyDoc,
    /// The same by kind of request, in the scenario's order; left out where judged arms carry one kind only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub latency_by_request: Vec<RequestLatencyDoc>,
    /// The rollout's length in seconds.
    pub rollout_s: Median,
    /// The pod-seconds used during the rollout.
    pub pod_s: Median,
    /// How long new connections were still routed to deleted pods, over the counting trials' pods.
    pub propagation_lag_ms: PropagationDoc,
    /// The same, pod by pod.
    pub propagation_lag_values_ms: PropagationValues,
    /// What a zero leaves open.
    pub detection_limit: DetectionLimit,
    /// Every trial, in the order in which they began.
    pub trials_list: Vec<TrialDoc>,
    /// The first lost attempts, for people; the record has them all.
    #[serde(skip)]
    pub first_lost: Vec<FirstLost>,
}

/// One arm of a variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ArmDoc {
    /// Whether it decides the verdict.
    pub judged: bool,
    /// Attempts: ok + lost + raced + unsent + harness.
    pub attempts: u64,
    /// Answered as expected.
    pub ok: u64,
    /// Lost for a client that does not repeat requests.
    pub lost: u64,
    /// Lost in the race between a closing kept-alive connection and a write.
    pub raced: u64,
    /// Never written, on a dead kept-alive connection.
    pub unsent: u64,
    /// The harness's own trouble.
    pub harness: u64,
    /// How they ended.
    pub outcomes: BTreeMap<Outcome, u64>,
}

/// Quantiles of each phase; `null` where nothing was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LatencyDoc {
    /// Before the rollout's first mark.
    pub before: Option<Quantiles>,
    /// From the first mark until the old pods were gone.
    pub during: Option<Quantiles>,
    /// From then until the load stopped.
    pub after: Option<Quantiles>,
}

/// The latencies of one kind of request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RequestLatencyDoc {
    /// The kind: its method and path, for example `GET /slow`.
    pub request: String,
    /// Its latencies, counted as the variant's are.
    pub latency_us: LatencyDoc,
}

/// Quantiles in microseconds, to three significant digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Quantiles {
    /// The median.
    pub p50: u64,
    /// The 99th percentile.
    pub p99: u64,
    /// The largest.
    pub max: u64,
}

/// A median over counting trials; `null` where none has the value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Median {
    /// The median.
    pub median: Option<f64>,
}

/// How long new connections were still routed to deleted pods, to the spacing of these connections. It is told by the
/// last one of the arm `new` that reached a pod, of pods whose listener accepted beyond it. Both counts begin with a watch's
/// receipt, which may come late, so values can be negative.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PropagationDoc {
    /// After the pod's deletion was seen; `null` if no pod shows it.
    pub after_deletion: Option<LagDoc>,
    /// After the pod's endpoint was seen not ready, or gone; `null` if no pod shows it.
    pub after_not_ready: Option<LagDoc>,
    /// Deleted pods that new connections had reached and that show neither: the listener closed first, the load ended too
    /// early, too few connections, or the watch was blind.
    pub pods_not_observed: u32,
}

/// Lags of pods, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LagDoc {
    /// Pods that show one.
    pub count: u32,
    /// The median.
    pub p50: f64,
    /// The largest.
    pub max: f64,
}

/// The lags themselves, in milliseconds, sorted. Of more than a thousand, a thousand that are evenly spread over them, the
/// smallest and the largest included.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PropagationValues {
    /// After the pod's deletion was seen.
    pub after_deletion: Vec<f64>,
    /// After the pod's endpoint was seen not ready, or gone.
    pub after_not_ready: Vec<f64>,
}

/// What a zero leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DetectionLimit {
    /// The largest share of rollouts that lose something which this many trials without a loss leave possible at 95 %;
    /// `null` if something was lost or nothing counts.
    pub rollouts_losing_at_most_95: Option<f64>,
    /// The shortest time for which a listener can be gone and still be met by a new connection at 95 %, in milliseconds;
    /// `null` if no judged arm makes new connections.
    pub gap_ms: Option<f64>,
}

/// One trial. Its counts are those of its judged arms from the rollout's first mark on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrialDoc {
    /// Its number in the run.
    pub trial: u32,
    /// Its block.
    pub block: u32,
    /// What it is worth.
    pub state: State,
    /// Why it does not count; empty if it counts.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Attempts.
    pub attempts: u64,
    /// Lost ones.
    pub lost: u64,
    /// Raced ones.
    pub raced: u64,
    /// Those that a retry of a proxy hid; left out where there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hidden_by_proxy: u64,
    /// The rollout's length in seconds; `null` if its end was not seen.
    pub rollout_s: Option<f64>,
    /// How long new connections were still routed to the pods that were deleted.
    pub propagation_lag_ms: PropagationDoc,
    /// Whether the rollout completed and no old pod was left.
    pub complete: bool,
    /// Whether the workload had to be made anew before it.
    pub reset: bool,
    /// What was done to roll it out, step by step.
    #[serde(default)]
    pub steps: Vec<String>,
    /// The pods that the rollout replaced.
    #[serde(default)]
    pub replaced_pods: Vec<String>,
    /// The pods that took their place.
    #[serde(default)]
    pub new_pods: Vec<String>,
    /// The lives of its pods: the old ones first.
    #[serde(default)]
    pub pods: Vec<PodDoc>,
}

/// One pod's life in a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PodDoc {
    /// Its name.
    pub name: String,
    /// Whether the rollout made it.
    pub new: bool,
    /// Its preStop hook, in words.
    pub hook: String,
    /// The exit code of its container.
    pub exit_code: Option<i32>,
    /// Its edges, in the order in which a pod usually passes them; those that are not known are left out.
    pub edges: Vec<EdgeDoc>,
    /// Its other containers that ended after its deletion, the first one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_containers: Vec<ContainerDoc>,
}

/// The end of a container that does not serve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContainerDoc {
    /// Its name.
    pub name: String,
    /// Its preStop hook, in words.
    pub hook: String,
    /// Its exit code.
    pub exit_code: Option<i32>,
    /// When it finished, in seconds after the rollout's first mark: not before.
    pub from_s: f64,
    /// Not after.
    pub to_s: f64,
}

/// A moment in a pod's life, in seconds after the rollout's first mark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EdgeDoc {
    /// Which.
    pub edge: PodEdge,
    /// Not before.
    pub from_s: f64,
    /// Not after; of an observed edge, when it was seen.
    pub to_s: f64,
    /// `observed`, `derived by ...`, or `bounded by a gap in the watch`.
    pub basis: String,
}

/// The harness's own punctuality.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HarnessDoc {
    /// How much later than planned attempts were sent, in microseconds; `null` if none was.
    pub send_lag_us: Option<Quantiles>,
    /// The largest gap between two sends, in milliseconds.
    pub largest_gap_ms: f64,
}
