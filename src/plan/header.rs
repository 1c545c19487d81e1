//! The record's first line, made from the plan and what the cluster added to it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::types::{RunPlan, VariantPlan};
use crate::manifest::{short_hash, without_secrets};
use crate::record::again::{Again, HeaderField, RequestAgain, VariantAgain};
use crate::record::entry::FORMAT;
use crate::record::header::{ClusterHeader, Header, LoadHeader, RequestHeader, VariantHeader};
use crate::spec::{HeaderText, LoadSpec, RequestSpec};

/// Parts of the names of headers whose values are credentials, or may be.
const CREDENTIALS: [&str; 10] =
    ["auth", "cookie", "token", "secret", "password", "credential", "session", "signature", "api-key", "apikey"];

/// What a plan does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Wall-clock time of the run's origin, RFC 3339.
    pub started: String,
    /// The same in nanoseconds since 1970.
    pub started_unix_ns: u64,
    /// Where the run takes place.
    pub cluster: ClusterHeader,
    /// The same as `--cluster` names it.
    pub choice: String,
    /// The folder that the plan's folders are relative to; empty leaves them as they are.
    pub folder: PathBuf,
    /// For each variant, in the plan's order: its namespace and its kept-alive connections.
    pub variants: Vec<VariantFacts>,
}

/// What a plan does not know of a variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariantFacts {
    /// The namespace that it lives in.
    pub namespace: String,
    /// Kept-alive connections of each of the arms `reused` and `blind`.
    pub connections: u32,
}

impl RunPlan {
    /// The record's header. Variants beyond those of `facts` are left without namespace and connections.
    #[must_use]
    pub fn header(&self, facts: Facts) -> Header {
        let again = self.again(&facts.choice, &facts.folder);
        let mut known = facts.variants.into_iter();
        let mut next = || known.next().unwrap_or(VariantFacts { namespace: String::new(), connections: 0 });
        Header {
            format: FORMAT,
            rollproof: env!("CARGO_PKG_VERSION").to_owned(),
            scenario: self.name.clone(),
            seed: self.seed,
            started: facts.started,
            started_unix_ns: facts.started_unix_ns,
            cluster: facts.cluster,
            trials: self.trials,
            baseline: self.name_of(self.baseline),
            control: self.name_of(self.control),
            max_lag_ms: u64::try_from(self.max_lag.as_millis()).unwrap_or(u64::MAX),
            variants: self.variants.iter().map(|variant| variant_header(variant, next())).collect(),
            again: Some(again),
        }
    }

    /// The name of a variant, where there is one.
    #[must_use]
    pub fn name_of(&self, index: Option<usize>) -> Option<String> {
        index.and_then(|index| self.variants.get(index)).map(|variant| variant.name.clone())
    }

    fn again(&self, cluster: &str, folder: &Path) -> Again {
        Again {
            cluster: cluster.to_owned(),
            base_ns: ns(self.embedded.base),
            min_sync_period_ns: ns(self.embedded.min_sync_period),
            probe: self.probe,
            folders: self.folders.iter().map(|known| folder.join(known).to_string_lossy().into_owned()).collect(),
            notes: self.notes.clone(),
            variants: self.variants.iter().map(|variant| (variant.name.clone(), variant_again(variant))).collect(),
        }
    }
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn variant_header(variant: &VariantPlan, facts: VariantFacts) -> VariantHeader {
    VariantHeader {
        name: variant.name.clone(),
        expect: variant.expect,
        lost_at_most: variant.lost_at_most,
        strict: variant.strict,
        namespace: facts.namespace,
        workload: variant.workload.reference.clone(),
        service: variant.service.name.clone(),
        rollout: variant.rollout.action.describe(),
        replicas: variant.workload.replicas,
        surge: variant.surge(),
        load: load_header(&variant.load, facts.connections),
        manifests: [&variant.manifests, &variant.ignored].into_iter().flat_map(|part| without_secrets(part)).collect(),
    }
}

fn variant_again(variant: &VariantPlan) -> VariantAgain {
    let service = &variant.service;
    VariantAgain {
        rollout: variant.rollout.action.clone(),
        rollout_timeout_ns: ns(variant.rollout.timeout),
        timeout_ns: ns(variant.load.timeout),
        connections: variant.load.connections,
        service_port: service.port,
        service_port_name: service.port_name.clone(),
        target_port: service.target_port,
        service_added: service.added.is_some(),
        shipped: variant.shipped,
        notes: variant.notes.clone(),
        requests: variant.load.requests.iter().map(request_again).collect(),
    }
}

fn load_header(load: &LoadSpec, connections: u32) -> LoadHeader {
    LoadHeader {
        rate: load.rate,
        timeout_ms: u64::try_from(load.timeout.as_millis()).unwrap_or(u64::MAX),
        connections,
        judged: load.judged.clone(),
        pod_header: load.pod_header.as_str().to_owned(),
        requests: load.requests.iter().map(request_header).collect(),
    }
}

fn request_header(request: &RequestSpec) -> RequestHeader {
    RequestHeader {
        method: request.method.as_str().to_owned(),
        path: request.path.as_str().to_owned(),
        share: request.share,
        arms: request.arms.clone(),
    }
}

fn request_again(request: &RequestSpec) -> RequestAgain {
    let headers = request.headers.iter().map(|header| {
        let name = header.name.as_str().to_owned();
        match &header.value {
            HeaderText::Value(value) if is_credential(&name) => {
                HeaderField { value: short_hash(value), name, hashed: true }
            }
            HeaderText::Value(value) => HeaderField { value: value.clone(), name, hashed: false },
            HeaderText::Hash(hash) => HeaderField { value: hash.clone(), name, hashed: true },
        }
    });
    RequestAgain { headers: headers.collect(), body: request.body.clone(), statuses: request.statuses.clone() }
}

/// Whether values of the header `name` (in lower case) are kept as hashes only. One too many has to be given again; one too
/// few would stand in a file that people hand on.
fn is_credential(name: &str) -> bool {
    CREDENTIALS.iter().any(|part| name.contains(part))
}
