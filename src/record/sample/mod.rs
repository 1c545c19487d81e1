//! Sample records for tests and benchmarks. It must not know how a record is analysed.
//!
//! - `pods`: pods of a trial, as the watches and the side probe see them
//! - `run`: whole runs, trial by trial

#![expect(
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    clippy::unwrap_used,
    reason = "only tests and benchmarks use it"
)]

pub mod pods;
mod run;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use base64::Engine as _;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};

pub use run::{SampleRun, SampleTrial};

use super::entry::{Attempt, AttemptStage, ConnectionUse, Entry, PodSeen, Pulse, Punctuality, SeenChange};
use super::header::{ClusterHeader, Header, VariantPlace};
use super::{Arm, FORMAT, Outcome, Sum};
use crate::spec::{
    Door, Expect, LoadSpec, RequestSpec, RunSettings, RunSpec, ServiceSpec, TargetObjects, UrlDoor, VariantSpec,
};

/// A run of one trial of `web`, which is expected to be clean.
pub fn header() -> Header {
    header_of(1, &[("web", Expect::Clean)])
}

fn header_of(trials: u32, variants: &[(&str, Expect)]) -> Header {
    let place = |name: &str| VariantPlace { namespace: format!("rollproof-{name}"), connections: 8 };
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
        places: variants.iter().map(|(name, _)| place(name)).collect(),
        spec: RunSpec {
            settings: RunSettings::new("sample", 1, trials),
            variants: variants.iter().map(|(name, expect)| variant(name, *expect)).collect(),
        },
    }
}

/// A variant with two replicas and one extra pod, whose judged arms are `new` and `reused`.
pub fn variant(name: &str, expect: Expect) -> VariantSpec {
    let request = RequestSpec::get("/".parse().unwrap(), vec![(Arm::New, 0.6), (Arm::Reused, 0.2), (Arm::Blind, 0.2)]);
    let load = LoadSpec::new(90.0, Duration::from_secs(10), vec![request]);
    let target = TargetObjects {
        manifests: Vec::new(),
        workload: "deployment/web".to_owned(),
        replicas: 2,
        surge: 1,
        service: ServiceSpec::new("web", 80, 8080),
    };
    VariantSpec::new(name, expect, target, LoadSpec { judged: vec![Arm::New, Arm::Reused], ..load })
}

/// The load's only kind of request, as kind 0 to the Service and as kind 1 to a URL.
pub fn both_doors(load: &mut LoadSpec) {
    load.url = Some(UrlDoor { url: "http://shop.example/".parse().unwrap(), resolve: None, proxy: None });
    let kind = RequestSpec { share: 0.5, ..load.requests[0].clone() };
    load.requests = Door::ALL.map(|door| RequestSpec { door: Some(door), ..kind.clone() }).to_vec();
}

/// A lost attempt of trial 1 on the arm `new`, planned at second 5.
pub fn lost(id: u64) -> Entry {
    Entry::Attempt(attempt(id, Arm::New, Outcome::Refused, Sum::Lost, 5_000_000_000))
}

/// An attempt of trial 1 that was refused within 0.35 ms.
pub fn attempt(id: u64, arm: Arm, outcome: Outcome, sum: Sum, planned_ns: u64) -> Attempt {
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
        secured_ns: None,
        sent_ns: None,
        first_byte_ns: None,
        end_ns: planned_ns + 350_000,
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
            tls_answered: false,
        }),
        node: None,
        pod: None,
        pod_from_connection: false,
        error: String::new(),
    }
}

/// A slice in which `planned` attempts were planned, and sent 50 µs late.
pub fn punctuality(trial: u32, at_ns: u64, planned: u64) -> Punctuality {
    Punctuality { trial, at_ns, planned, lag_us: encoded(50, 45), lag_max_ns: 50_000, gap_max_ns: 12_000_000 }
}

/// Ok attempts of one latency, in a slice that begins at `at_ns`.
pub fn pulse(trial: u32, at_ns: u64, arm: Arm, ok: u64, latency_us: u64) -> Pulse {
    let latency_us = encoded(latency_us, ok);
    let (request, retried) = (0, 0);
    let (pod, last_connect_ns, first_connect_ns) = (None, None, None);
    Pulse { trial, at_ns, arm, request, pod, ok, latency_us, last_connect_ns, first_connect_ns, retried }
}

/// A ready pod of a `ReplicaSet`, as a watch first shows it.
pub fn pod_seen(at_ns: u64, namespace: &str, name: &str, uid: &str) -> PodSeen {
    PodSeen {
        at_ns,
        change: SeenChange::Seen,
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        uid: uid.to_owned(),
        owner: Some("ReplicaSet/web-1".to_owned()),
        labels: BTreeMap::new(),
        ip: None,
        node: None,
        phase: "Running".to_owned(),
        ready: true,
        created: None,
        deletion_timestamp: None,
        deletion_grace_s: None,
        containers: Vec::new(),
    }
}

/// The histogram of one value; kept, because a record holds few of them many times.
pub fn encoded(value: u64, count: u64) -> String {
    static KEPT: Mutex<BTreeMap<(u64, u64), String>> = Mutex::new(BTreeMap::new());
    KEPT.lock().unwrap().entry((value, count)).or_insert_with(|| encode(value, count)).clone()
}

fn encode(value: u64, count: u64) -> String {
    let mut histogram = Histogram::<u64>::new(3).unwrap();
    histogram.record_n(value, count).unwrap();
    let mut bytes = Vec::new();
    V2DeflateSerializer::new().serialize(&histogram, &mut bytes).unwrap();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
