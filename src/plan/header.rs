//! The record's first line, made from the plan and what the cluster added to it.

use super::types::{RequestPlan, RunPlan, VariantLoad, VariantPlan};
use crate::manifest::without_secrets;
use crate::record::entry::FORMAT;
use crate::record::header::{ClusterHeader, Header, LoadHeader, RequestHeader, VariantHeader};

/// What a plan does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Wall-clock time of the run's origin, RFC 3339.
    pub started: String,
    /// The same in nanoseconds since 1970.
    pub started_unix_ns: u64,
    /// Where the run takes place.
    pub cluster: ClusterHeader,
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
        }
    }

    fn name_of(&self, index: Option<usize>) -> Option<String> {
        index.and_then(|index| self.variants.get(index)).map(|variant| variant.name.clone())
    }
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
        rollout: variant.rollout.describe(),
        replicas: variant.workload.replicas,
        surge: variant.surge(),
        load: load_header(&variant.load, facts.connections),
        manifests: [&variant.manifests, &variant.ignored].into_iter().flat_map(|part| without_secrets(part)).collect(),
    }
}

fn load_header(load: &VariantLoad, connections: u32) -> LoadHeader {
    LoadHeader {
        rate: load.rate,
        timeout_ms: u64::try_from(load.timeout.as_millis()).unwrap_or(u64::MAX),
        connections,
        judged: load.judged.clone(),
        pod_header: load.pod_header.as_str().to_owned(),
        requests: load.requests.iter().map(request_header).collect(),
    }
}

fn request_header(request: &RequestPlan) -> RequestHeader {
    RequestHeader {
        method: request.method.as_str().to_owned(),
        path: request.path.as_str().to_owned(),
        share: request.share,
        arms: request.arms.clone(),
    }
}
