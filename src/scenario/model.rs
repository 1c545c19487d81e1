//! The scenario file, key by key. What is optional here gets its default in the plan.

use schemars::JsonSchema;
use serde::Deserialize;

use super::http::{ExpectedStatus, RequestHeaders, RequestMethod, RequestPath, ResponseHeader};
use super::shapes::{ArmWeights, NamedList, OneOrMore, PatchSource, PortSetting, ScenarioCommand};
use super::values::{LoadShare, RequestRate, ScenarioDuration, ScenarioName, TrialCount};
use crate::record::Arm;
use crate::spec::{Expect, LoadUrl, UrlHost};
use crate::yaml::Located;

/// A scenario: manifests, the workload in them, load, rollout, variants and what is expected of them.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "rollproof scenario")]
pub(crate) struct ScenarioFile {
    /// The scenario's name; reports are named after it.
    pub(crate) name: Located<ScenarioName>,
    /// The manifests: paths relative to this file.
    #[serde(default)]
    pub(crate) manifests: OneOrMore<String>,
    /// What is measured in place of a copy of manifests.
    pub(crate) target: Option<Located<ScenarioTarget>>,
    /// The workload that is rolled, for example `deployment/web`; needed where there is a choice.
    pub(crate) workload: Option<Located<String>>,
    /// The Service that carries the load; needed where there is a choice.
    pub(crate) service: Option<Located<String>>,
    /// The Service's port, by number or name; needed where there is a choice.
    pub(crate) port: Option<Located<PortSetting>>,
    /// The load.
    #[serde(default)]
    pub(crate) load: ScenarioLoad,
    /// What a trial does to the workload; `restart` by default.
    pub(crate) rollout: Option<Located<ScenarioRollout>>,
    /// Trials of each variant, 1 by default.
    pub(crate) trials: Option<TrialCount>,
    /// The variant that the others are compared with.
    pub(crate) baseline: Option<Located<String>>,
    /// The variants, by name. Without any, the manifests are tried as they are written.
    #[serde(default)]
    pub(crate) variants: NamedList<ScenarioVariant>,
    /// The embedded cluster's routing lag.
    #[serde(default)]
    pub(crate) embedded: ScenarioEmbedded,
    /// A send later than this during a rollout makes the trial invalid, in milliseconds; 100 by default.
    #[schemars(range(min = 1, max = 60_000))]
    pub(crate) max_lag_ms: Option<Located<u64>>,
    /// `off` leaves out the side probe, which connects to each old pod to see when its listener closes.
    pub(crate) probe: Option<bool>,
}

/// What is measured in place of a copy of manifests.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScenarioTarget {
    /// A workload that is there already.
    pub(crate) existing: ScenarioExisting,
}

/// A workload that is there already, on a real cluster.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScenarioExisting {
    /// Its namespace.
    #[schemars(length(min = 1, max = 63))]
    pub(crate) namespace: Located<String>,
    /// The workload, for example `deployment/web`.
    pub(crate) workload: Located<String>,
}

impl ScenarioFile {
    /// The workload that is rolled, where one is named.
    pub(crate) fn rolled(&self) -> Option<&Located<String>> {
        let existing = self.target.as_ref().map(|target| &target.value.existing.workload);
        existing.or(self.workload.as_ref())
    }
}

/// The load: which requests, how often, over which connections.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScenarioLoad {
    /// Requests a second, all arms together; 100 by default.
    pub(crate) rate: Option<RequestRate>,
    /// The time that a request may take; 10 s by default.
    pub(crate) timeout: Option<Located<ScenarioDuration>>,
    /// Kept-alive connections of each of the arms `reused` and `blind`; chosen from rate and replicas by default.
    #[schemars(range(min = 1, max = 10_000))]
    pub(crate) connections: Option<Located<u32>>,
    /// Where requests of the door `url` go: scheme, host and port; paths belong to `requests`. In its host
    /// `$(ROLLPROOF_NAMESPACE)` stands for the namespace of the variant.
    pub(crate) url: Option<Located<LoadUrl>>,
    /// The address that the URL's name is taken to have, in place of what the resolver says, or another name that has it.
    pub(crate) resolve: Option<Located<UrlHost>>,
    /// The Service, in the workload's namespace, of the proxy that answers at the URL: what it cuts while it is itself replaced is
    /// told apart by it.
    pub(crate) proxy: Option<Located<String>>,
    /// Where requests go that have no `door` of their own; to the `url` where there is one, else to the Service, by default.
    pub(crate) door: Option<Located<DoorChoice>>,
    /// TLS of the connections to the `url` if that begins with `https`, else of those to the Service; plain text without it.
    pub(crate) tls: Option<Located<ScenarioTls>>,
    /// The response header that names the pod; `X-Pod` by default.
    pub(crate) pod_header: Option<ResponseHeader>,
    /// A response header in which a proxy says how often it tried: a number, or the addresses that it asked, parted by commas, as
    /// nginx's `$upstream_addr` is. Envoy's `x-envoy-attempt-count` is known without it.
    pub(crate) retry_header: Option<ResponseHeader>,
    /// The arms that decide the verdict; `new` and `reused` by default.
    pub(crate) judge: Option<Located<OneOrMore<Arm>>>,
    /// The kinds of request; `GET /` on the arms `new` and `reused` by default.
    pub(crate) requests: Option<Located<Vec<Located<ScenarioRequest>>>>,
}

/// TLS of the load's connections. `{}` trusts the CAs of the platform.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScenarioTls {
    /// A file with the certificates of the CAs to trust in place of the platform's, as PEM; its path is relative to this file.
    pub(crate) ca: Option<Located<String>>,
    /// The name or address that the server's certificate must be for; that of the URL or of the Service by default.
    pub(crate) server_name: Option<Located<String>>,
    /// Takes any certificate.
    pub(crate) insecure: Option<Located<bool>>,
}

/// Where requests go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DoorChoice {
    /// The Service.
    Service,
    /// The `url`.
    Url,
    /// Half of them to the Service and half to the `url`.
    Both,
}

/// One kind of request.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScenarioRequest {
    /// Its path, with query.
    pub(crate) path: RequestPath,
    /// Where it goes; the load's `door` by default.
    pub(crate) door: Option<Located<DoorChoice>>,
    /// Its method; `GET` by default.
    pub(crate) method: Option<RequestMethod>,
    /// Its headers.
    #[serde(default)]
    pub(crate) headers: RequestHeaders,
    /// Its body.
    pub(crate) body: Option<Located<String>>,
    /// The status or statuses that are expected; any 2xx or 3xx by default.
    pub(crate) status: Option<OneOrMore<ExpectedStatus>>,
    /// The part of all attempts that are of this kind; by default the kinds without one share what is left.
    pub(crate) share: Option<Located<LoadShare>>,
    /// The arms that carry it, as a list or with weights; `new` and `reused` by default.
    pub(crate) arms: Option<Located<ArmWeights>>,
}

/// What a trial does to the workload: exactly one kind, and how long it may take.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub(crate) struct ScenarioRollout {
    /// Restarts every pod, as `kubectl rollout restart` does.
    pub(crate) restart: Option<EmptyMapping>,
    /// Changes an image, and back in the next trial.
    pub(crate) image: Option<ScenarioImage>,
    /// Sets an environment variable to the trial's number.
    pub(crate) env: Option<ScenarioEnv>,
    /// Patches the workload, and undoes it before the next trial.
    pub(crate) patch: Option<Located<PatchSource>>,
    /// Changes the number of replicas, and back before the next trial.
    pub(crate) scale: Option<ScenarioScale>,
    /// Runs a command of one's own, without a shell. `$(ROLLPROOF_NAMESPACE)` and `$(ROLLPROOF_TRIAL)` stand for the
    /// namespace and the trial's number, which are in its environment too.
    pub(crate) command: Option<Located<ScenarioCommand>>,
    /// Evicts the workload's pods from one node.
    pub(crate) evict: Option<ScenarioEvict>,
    /// Drains a node of the workload's pods, as `kubectl drain` does: cordons it, evicts them, and uncordons it after the trial.
    pub(crate) drain: Option<ScenarioDrain>,
    /// Rolls nothing out: the load alone, as a control.
    pub(crate) none: Option<ScenarioNone>,
    /// The longest that a rollout may take; 5 min by default.
    pub(crate) timeout: Option<Located<ScenarioDuration>>,
}

/// A mapping without keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmptyMapping {}

/// A change of image.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScenarioImage {
    /// The image that odd trials roll to.
    #[schemars(length(min = 1))]
    pub(crate) to: Located<String>,
    /// The container; needed where the pod has several.
    pub(crate) container: Option<Located<String>>,
}

/// A change of an environment variable.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScenarioEnv {
    /// The variable; `ROLLPROOF_TRIAL` by default.
    #[schemars(length(min = 1))]
    pub(crate) name: Option<Located<String>>,
    /// The container; needed where the pod has several.
    pub(crate) container: Option<Located<String>>,
}

/// A change of scale.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScenarioScale {
    /// The number of replicas that a trial scales to.
    #[schemars(range(min = 1, max = 1_000))]
    pub(crate) to: Located<u64>,
}

/// An eviction.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScenarioEvict {
    /// The node; the one with most of the workload's pods by default.
    #[schemars(length(min = 1))]
    pub(crate) node: Option<Located<String>>,
    /// Cordon the node before, and give it back after the trial. A node that is cordoned already is refused.
    #[serde(default)]
    pub(crate) cordon: bool,
}

/// A drain.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScenarioDrain {
    /// The node.
    #[schemars(length(min = 1))]
    pub(crate) node: Located<String>,
}

/// No rollout.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScenarioNone {
    /// How long the load goes on in place of a rollout.
    #[serde(rename = "for")]
    pub(crate) for_time: Located<ScenarioDuration>,
}

/// A variant: the manifests with one change.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScenarioVariant {
    /// Strategic merge patches, applied in order.
    #[serde(default)]
    pub(crate) patch: OneOrMore<PatchSource>,
    /// With `target: {existing: ...}`: the command that makes the variant of the workload, such as a `helm upgrade`, and `back`, which
    /// undoes it.
    pub(crate) set: Option<Located<ScenarioCommand>>,
    /// What is expected: `clean` (the default) or `loss`.
    pub(crate) expect: Option<Expect>,
    /// The most that a trial may lose and still be clean; 0 by default.
    pub(crate) lost_at_most: Option<Located<u64>>,
    /// Raced attempts count as lost.
    pub(crate) strict: Option<Located<bool>>,
    /// Its own rollout.
    pub(crate) rollout: Option<Located<ScenarioRollout>>,
    /// Its own load; keys that it leaves out are those of the scenario.
    #[serde(default)]
    pub(crate) load: ScenarioLoad,
}

/// The routing lag of the embedded cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScenarioEmbedded {
    /// From a change of endpoints until a sync is due; 100 ms by default.
    pub(crate) base: Option<ScenarioDuration>,
    /// The least time between the end of one sync and the start of the next; 1 s by default.
    pub(crate) min_sync_period: Option<ScenarioDuration>,
}
