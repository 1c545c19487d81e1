//! From a variant of the plan to a variant that runs: its namespace, its load, its watches.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use kube::discovery::ApiResource;
use serde_json::Value;

use super::context::Run;
use crate::agent::Watch;
use crate::load::{Expected, LoadPlan, RequestKind, sizing};
use crate::manifest::short_hash;
use crate::plan::{Rollout, RunPlan, VariantFacts, VariantLoad, VariantPlan};
use crate::record::Arm;
use crate::rollout::{Handle, Roll, Workload};
use crate::trial::{Action, Site, Variant};

/// Where each variant lives and how many connections it keeps, in the plan's order.
#[derive(Debug)]
pub(super) struct Places {
    places: Vec<VariantFacts>,
}

impl Places {
    /// `run` tells the namespaces of several runs on one cluster apart; it is empty on a cluster of the run's own.
    pub(super) fn of(plan: &RunPlan, run: &str) -> Self {
        let places = plan.variants.iter().map(|variant| VariantFacts {
            namespace: namespace(&plan.name, &variant.name, run),
            connections: connections(variant),
        });
        Self { places: places.collect() }
    }

    pub(super) fn facts(&self) -> Vec<VariantFacts> {
        self.places.clone()
    }

    pub(super) fn namespace(&self, variant: usize) -> &str {
        self.places.get(variant).map_or("", |place| place.namespace.as_str())
    }

    fn connections(&self, variant: usize) -> usize {
        self.places.get(variant).map_or(1, |place| place.connections as usize)
    }
}

/// A namespace's name has at most 63 characters (RFC 1123 label); both parts are such labels already. A longer one is cut,
/// and a hash of the whole keeps it apart from others that begin alike.
fn namespace(scenario: &str, variant: &str, run: &str) -> String {
    let end = if run.is_empty() { String::new() } else { format!("-{run}") };
    let whole = format!("{scenario}-{variant}");
    let room = 63 - end.len();
    if whole.len() <= room {
        return whole + &end;
    }
    let hash: String = short_hash(&whole).chars().filter(char::is_ascii_alphanumeric).take(8).collect();
    format!("{}-{hash}{end}", whole[..room - 9].trim_end_matches('-'))
}

/// The scenario's number, else the default of the slowest kept-alive arm, so that none rests longer than 2 s.
fn connections(variant: &VariantPlan) -> u32 {
    let load = &variant.load;
    let chosen = load.connections.or_else(|| {
        let arms = [Arm::Reused, Arm::Blind].into_iter().map(|arm| load.rate_of(arm)).filter(|rate| *rate > 0.0);
        let sized = arms.map(|rate| sizing::default_connections(variant.workload.replicas, rate));
        sized.min().and_then(|number| u32::try_from(number).ok())
    });
    chosen.unwrap_or(0)
}

/// The longest time between two uses of a kept-alive connection, in seconds; `None` without such an arm.
pub(super) fn idle_s(variant: &VariantPlan) -> Option<f64> {
    let arms = [Arm::Reused, Arm::Blind].into_iter().map(|arm| variant.load.rate_of(arm)).filter(|rate| *rate > 0.0);
    let idle = arms.map(|rate| sizing::idle_between_uses_s(connections(variant) as usize, rate));
    idle.reduce(f64::max)
}

/// What is asked of the cluster to watch `variant`.
pub(super) fn watch(plan: &RunPlan, places: &Places, index: usize, variant: &VariantPlan) -> Watch {
    Watch {
        namespace: places.namespace(index).to_owned(),
        workload: ApiResource::erase::<k8s_openapi::api::apps::v1::Deployment>(&()),
        name: variant.workload.name.clone(),
        selector: selector(variant),
        probe_port: plan.probe.then_some(variant.service.target_port),
    }
}

/// The variant, running at `site` from `manifests`.
pub(super) fn variant(
    run: &Run<'_>,
    index: usize,
    variant: &VariantPlan,
    client: &kube::Client,
    site: Site,
    manifests: Vec<Value>,
    routing_lag: Duration,
) -> Variant {
    let workload = Workload {
        namespace: run.places.namespace(index).to_owned(),
        name: variant.workload.name.clone(),
        selector: selector(variant),
    };
    Variant {
        name: variant.name.clone(),
        handle: Handle { client: client.clone(), workload },
        manifests,
        site,
        load: load(variant, run.places.connections(index), run.plan.seed, run.record_all),
        action: action(&variant.rollout),
        timeout: variant.rollout_timeout,
        routing_lag,
    }
}

fn selector(variant: &VariantPlan) -> String {
    let labels = variant.workload.labels.iter().map(|(key, value)| format!("{key}={value}"));
    labels.collect::<Vec<_>>().join(",")
}

fn action(rollout: &Rollout) -> Action {
    match rollout.clone() {
        Rollout::Restart => Action::Roll { roll: Roll::Restart, back: None },
        Rollout::Env { container, name } => Action::Roll { roll: Roll::Env { container, name }, back: None },
        Rollout::Image { container, from, to } => Action::Roll {
            roll: Roll::Image { container: container.clone(), image: to },
            back: Some(Roll::Image { container, image: from }),
        },
        Rollout::None { duration } => Action::None { duration },
    }
}

fn load(variant: &VariantPlan, connections: usize, seed: u64, record_all: bool) -> LoadPlan {
    let VariantLoad { rate, timeout, pod_header, requests, .. } = &variant.load;
    LoadPlan {
        trial: 0,
        rate: *rate,
        timeout: *timeout,
        connections,
        requests: requests.iter().map(|request| kind(request, &host(variant))).collect(),
        max_in_flight: sizing::max_in_flight(*rate, *timeout),
        seed,
        record_all,
        pod_header: pod_header.clone(),
        attempt_header: None,
        local_ports: crate::load::LocalPorts::Kernel,
    }
}

fn kind(request: &crate::plan::RequestPlan, host: &HeaderValue) -> RequestKind {
    let mut headers = request.headers.clone();
    if !headers.contains_key(http::header::HOST) {
        headers.insert(http::header::HOST, host.clone());
    }
    RequestKind {
        method: request.method.clone(),
        path_and_query: request.path.clone(),
        headers,
        body: Bytes::from(request.body.clone()),
        expected: if request.statuses.is_empty() {
            Expected::SuccessOrRedirect
        } else {
            Expected::Statuses(request.statuses.clone())
        },
        share: request.share,
        arms: request.arms.clone(),
    }
}

/// The Service's name, as a client inside the namespace would say it.
fn host(variant: &VariantPlan) -> HeaderValue {
    let service = &variant.service;
    let text = if service.port == 80 { service.name.clone() } else { format!("{}:{}", service.name, service.port) };
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("service"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_that_begin_alike_get_namespaces_of_their_own() {
        let scenario = "s".repeat(38);
        let names =
            ["a", "b"].map(|end| namespace(&scenario, &format!("variant-with-a-long-name-that-{end}"), "1a2b3c4d"));
        assert_ne!(names[0], names[1]);
        assert!(
            names.iter().all(|name| name.len() <= 63 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
        );
        assert_eq!(namespace("web", "a", ""), "web-a");
        assert_eq!(namespace("web", "a", "1f"), "web-a-1f");
    }
}
