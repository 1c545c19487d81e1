//! A small header and entries that tests of this crate share.

use std::time::Duration;

use http::uri::PathAndQuery;

use super::entry::{Attempt, AttemptStage, ConnectionUse, Entry};
use super::header::{ClusterHeader, Header, VariantPlace};
use super::{Arm, FORMAT, Outcome, Sum};
use crate::spec::{DeployedTarget, Expect, LoadSpec, RequestSpec, RunSettings, RunSpec, ServiceSpec, VariantSpec};

/// The header of a run with one variant, `web`, that is expected to be clean.
pub(crate) fn header() -> Header {
    Header {
        format: FORMAT,
        rollproof: "0.1.0".to_owned(),
        started: "2026-11-23T10:00:00Z".to_owned(),
        started_unix_ns: 1_795_514_400_000_000_000,
        cluster: ClusterHeader {
            kind: "embedded".to_owned(),
            version: "v1.34".to_owned(),
            private_network: Some(true),
        },
        places: vec![VariantPlace { namespace: "rollproof-web".to_owned(), connections: 8 }],
        spec: RunSpec { settings: RunSettings::new("sample", 1, 1), variants: vec![variant("web", Expect::Clean)] },
    }
}

/// A variant with two replicas and one extra pod, whose judged arms are `new` and `reused`.
pub(crate) fn variant(name: &str, expect: Expect) -> VariantSpec {
    let arms = vec![(Arm::New, 0.5), (Arm::Reused, 0.25), (Arm::Blind, 0.25)];
    let request = RequestSpec::get(PathAndQuery::from_static("/"), arms);
    let load = LoadSpec::new(90.0, Duration::from_secs(10), vec![request]);
    let target = DeployedTarget {
        manifests: Vec::new(),
        workload: "deployment/web".to_owned(),
        replicas: 2,
        surge: 1,
        service: ServiceSpec::new("web", 80, 8080),
    };
    VariantSpec::new(name, expect, target, LoadSpec { judged: vec![Arm::New, Arm::Reused], ..load })
}

/// A lost attempt of trial 1 on the arm `new`, planned at second 5.
pub(crate) fn lost(id: u64) -> Entry {
    Entry::Attempt(attempt(id, Arm::New, Outcome::Refused, Sum::Lost, 5_000_000_000))
}

/// An attempt of trial 1 that ended a millisecond after it was planned.
pub(crate) fn attempt(id: u64, arm: Arm, outcome: Outcome, sum: Sum, planned_ns: u64) -> Attempt {
    Attempt {
        trial: 1,
        id,
        arm,
        request: 0,
        outcome,
        sum,
        planned_ns,
        started_ns: Some(planned_ns + 50_000),
        connected_ns: None,
        sent_ns: None,
        first_byte_ns: None,
        end_ns: planned_ns + 1_000_000,
        late_ns: 0,
        bytes_out: Some(0),
        bytes_in: Some(0),
        errno: Some(nix::libc::ECONNREFUSED),
        status: None,
        stage: Some(AttemptStage::Connect),
        connection: Some(ConnectionUse {
            id: 7,
            age_ns: 0,
            uses: 0,
            rtt_ns: 0,
            least_rtt_ns: 0,
            local_port: 40_000,
            ended_before_write: false,
            bytes_acked: None,
        }),
        pod: None,
        pod_from_connection: false,
        error: String::new(),
    }
}
