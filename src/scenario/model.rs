//! The scenario file, key by key. What is optional here gets its default in the plan.

use schemars::JsonSchema;
use serde::Deserialize;

use super::http::{ExpectedStatus, PodHeader, RequestHeaders, RequestMethod, RequestPath};
use super::scenario_command::ScenarioCommand;
use super::shapes::{ArmWeights, NamedList, OneOrMore, PatchSource, PortSetting};
use super::values::{LoadShare, RequestRate, ScenarioDuration, ScenarioName, TrialCount};
use crate::record::Arm;
use crate::spec::Expect;
use crate::yaml::Located;

/// A scenario: manifests, the workload in them, load, rollout, variants and what is expected of them.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "rollproof scenario")]
pub struct ScenarioFile {
    /// The scenario's name; reports are named after it.
    pub name: Located<ScenarioName>,
    /// The manifests: paths relative to this file.
    pub manifests: OneOrMore<String>,
    /// The workload that is rolled, for example `deployment/web`; needed where there is a choice.
    #[serde(default)]
    pub workload: Option<Located<String>>,
    /// The Service that carries the load; needed where there is a choice.
    #[serde(default)]
    pub service: Option<Located<String>>,
    /// The Service's port, by number or name; needed where there is a choice.
    #[serde(default)]
    pub port: Option<Located<PortSetting>>,
    /// The load.
    #[serde(default)]
    pub load: ScenarioLoad,
    /// What a trial does to the workload; `restart` by default.
    #[serde(default)]
    pub rollout: Option<Located<ScenarioRollout>>,
    /// Trials of each variant, 1 by default.
    #[serde(default)]
    pub trials: Option<TrialCount>,
    /// The variant that the others are compared with.
    #[serde(default)]
    pub baseline: Option<Located<String>>,
    /// The variants, by name. Without any, the manifests are tried as they are written.
    #[serde(default)]
    pub variants: NamedList<ScenarioVariant>,
    /// The embedded cluster's routing lag.
    #[serde(default)]
    pub embedded: ScenarioEmbedded,
    /// A send later than this during a rollout makes the trial invalid, in milliseconds; 100 by default.
    #[serde(default)]
    #[schemars(range(min = 1, max = 60_000))]
    pub max_lag_ms: Option<Located<u64>>,
    /// `off` leaves out the side probe, which connects to each old pod to see when its listener closes.
    #[serde(default)]
    pub probe: Option<bool>,
}

/// The load: which requests, how often, over which connections.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScenarioLoad {
    /// Requests a second, all arms together; 100 by default.
    #[serde(default)]
    pub rate: Option<RequestRate>,
    /// The time that a request may take; 10 s by default.
    #[serde(default)]
    pub timeout: Option<Located<ScenarioDuration>>,
    /// Kept-alive connections of each of the arms `reused` and `blind`; chosen from rate and replicas by default.
    #[serde(default)]
    #[schemars(range(min = 1, max = 10_000))]
    pub connections: Option<Located<u32>>,
    /// The response header that names the pod; `X-Pod` by default.
    #[serde(default)]
    pub pod_header: Option<PodHeader>,
    /// The arms that decide the verdict; `new` and `reused` by default.
    #[serde(default)]
    pub judge: Option<Located<OneOrMore<Arm>>>,
    /// The kinds of request; `GET /` on the arms `new` and `reused` by default.
    #[serde(default)]
    pub requests: Option<Located<Vec<Located<ScenarioRequest>>>>,
}

/// One kind of request.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScenarioRequest {
    /// Its path, with query.
    pub path: RequestPath,
    /// Its method; `GET` by default.
    #[serde(default)]
    pub method: Option<RequestMethod>,
    /// Its headers.
    #[serde(default)]
    pub headers: RequestHeaders,
    /// Its body.
    #[serde(default)]
    pub body: Option<Located<String>>,
    /// The status or statuses that are expected; any 2xx or 3xx by default.
    #[serde(default)]
    pub status: Option<OneOrMore<ExpectedStatus>>,
    /// The part of all attempts that are of this kind; by default the kinds without one share what is left.
    #[serde(default)]
    pub share: Option<Located<LoadShare>>,
    /// The arms that carry it, as a list or with weights; `new` and `reused` by default.
    #[serde(default)]
    pub arms: Option<Located<ArmWeights>>,
}

/// What a trial does to the workload: exactly one kind, and how long it may take.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub struct ScenarioRollout {
    /// Restarts every pod, as `kubectl rollout restart` does.
    #[serde(default)]
    pub restart: Option<EmptyMapping>,
    /// Changes an image, and back in the next trial.
    #[serde(default)]
    pub image: Option<ScenarioImage>,
    /// Sets an environment variable to the trial's number.
    #[serde(default)]
    pub env: Option<ScenarioEnv>,
    /// Patches the workload, and undoes it before the next trial.
    #[serde(default)]
    pub patch: Option<Located<PatchSource>>,
    /// Changes the number of replicas, and back before the next trial.
    #[serde(default)]
    pub scale: Option<ScenarioScale>,
    /// Runs a command of one's own, without a shell. `$(ROLLPROOF_NAMESPACE)` and `$(ROLLPROOF_TRIAL)` stand for the
    /// namespace and the trial's number, which are in its environment too.
    #[serde(default)]
    pub command: Option<Located<ScenarioCommand>>,
    /// Evicts the workload's pods from one node.
    #[serde(default)]
    pub evict: Option<ScenarioEvict>,
    /// Rolls nothing out: the load alone, as a control.
    #[serde(default)]
    pub none: Option<ScenarioNone>,
    /// The longest that a rollout may take; 5 min by default.
    #[serde(default)]
    pub timeout: Option<Located<ScenarioDuration>>,
}

/// A mapping without keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmptyMapping {}

/// A change of image.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScenarioImage {
    /// The image that odd trials roll to.
    #[schemars(length(min = 1))]
    pub to: Located<String>,
    /// The container; needed where the pod has several.
    #[serde(default)]
    pub container: Option<Located<String>>,
}

/// A change of an environment variable.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScenarioEnv {
    /// The variable; `ROLLPROOF_TRIAL` by default.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub name: Option<Located<String>>,
    /// The container; needed where the pod has several.
    #[serde(default)]
    pub container: Option<Located<String>>,
}

/// A change of scale.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScenarioScale {
    /// The number of replicas that a trial scales to.
    #[schemars(range(min = 1, max = 1_000))]
    pub to: Located<u64>,
}

/// An eviction.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScenarioEvict {
    /// The node; the one with most of the workload's pods by default.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub node: Option<Located<String>>,
    /// Cordon the node before, and give it back after the trial. A node that is cordoned already is refused.
    #[serde(default)]
    pub cordon: bool,
}

/// No rollout.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScenarioNone {
    /// How long the load goes on in place of a rollout.
    #[serde(rename = "for")]
    pub for_time: Located<ScenarioDuration>,
}

/// A variant: the manifests with one change.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScenarioVariant {
    /// Strategic merge patches, applied in order.
    #[serde(default)]
    pub patch: OneOrMore<PatchSource>,
    /// What is expected: `clean` (the default) or `loss`.
    #[serde(default)]
    pub expect: Option<Expect>,
    /// The most that a trial may lose and still be clean; 0 by default.
    #[serde(default)]
    pub lost_at_most: Option<Located<u64>>,
    /// Raced attempts count as lost.
    #[serde(default)]
    pub strict: Option<Located<bool>>,
    /// Its own rollout.
    #[serde(default)]
    pub rollout: Option<Located<ScenarioRollout>>,
    /// Its own load; keys that it leaves out are those of the scenario.
    #[serde(default)]
    pub load: ScenarioLoad,
}

/// The routing lag of the embedded cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScenarioEmbedded {
    /// From a change of endpoints until a sync is due; 100 ms by default.
    #[serde(default)]
    pub base: Option<ScenarioDuration>,
    /// The least time between the end of one sync and the start of the next; 1 s by default.
    #[serde(default)]
    pub min_sync_period: Option<ScenarioDuration>,
}
