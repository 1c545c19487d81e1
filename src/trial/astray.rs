//! Where new connections are routed after a complete rollout, and the cause if they are not routed to a pod.
//!
//! The Service's `EndpointSlices` decide. Where they have no endpoint, routing has nowhere to lead: that is the manifests' fault, and
//! the trial counts. Where they have some, routing has not followed them: that is the cluster's, and the trial tells nothing of the
//! workload. Where they cannot be read, a loss cannot be blamed on the workload either: the trial is invalid and says why.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};
use kube::Api;
use kube::api::ListParams;

use super::RunningVariant;
use super::site::SiteError;
use crate::cluster::kube::api_words;
use crate::rollout::finished;
use crate::spec::Door;

/// Connections that show whether routing leads anywhere: enough that a dead endpoint among a few is met.
const ROUTED_TRIES: usize = 16;
/// How often that is tried, and with which pause between: routing gets ten seconds and more.
const ROUTED_ROUNDS: u32 = 6;
const ROUTED_PAUSE: Duration = Duration::from_secs(1);

/// After a complete rollout every connection must lead to a pod, or be refused by one. Where some lead nowhere for so long although
/// the Service has endpoints, what makes the trial invalid; empty otherwise.
pub(super) async fn astray(variant: &RunningVariant) -> Result<String, SiteError> {
    // What stands behind a URL routes by itself.
    if variant.load.spec.doors().all(|door| door == Door::Url) {
        return Ok(String::new());
    }
    let mut why = String::new();
    for round in 0..ROUTED_ROUNDS {
        if round > 0 {
            tokio::time::sleep(ROUTED_PAUSE).await;
        }
        match variant.site.reach(ROUTED_TRIES).await? {
            None => return Ok(String::new()),
            Some(nowhere) => why = nowhere,
        }
    }
    let nowhere = format!("after the rollout, new connections to the Service got no answer ({why})");
    let found = match Endpoints::list(variant).await {
        Ok(found) => found,
        Err(error) => {
            let error = api_words(&error);
            return Ok(format!(
                "{nowhere}; it is unknown whether the Service had endpoints, because listing them failed: {error}"
            ));
        }
    };
    if variant.site.node_ports().is_none_or(|ports| !ports.local) {
        return whose(variant, &nowhere, &found, None).await;
    }
    // Each node stands for itself: it leads to its own pods only.
    for (node, why) in variant.site.silent_nodes(ROUTED_TRIES).await {
        let nowhere = format!("after the rollout, new connections to node {} got no answer ({why})", node.node);
        let fault = whose(variant, &nowhere, &found, Some(&node.node)).await?;
        if !fault.is_empty() {
            return Ok(fault);
        }
    }
    Ok(String::new())
}

/// What of the cluster's makes the trial invalid, where connections to the Service, or to one node of it, led nowhere.
async fn whose(
    variant: &RunningVariant,
    nowhere: &str,
    found: &Endpoints,
    node: Option<&str>,
) -> Result<String, SiteError> {
    let endpoints = routed_to(&found.slices, &variant.service_port_name, node);
    let present = match judge(&endpoints, &found.pods) {
        AstrayFault::Manifest => return Ok(String::new()),
        AstrayFault::Endpoints => {
            return Ok(format!(
                "{nowhere}, and its EndpointSlices list only deleted pods: the cluster's endpoint controller had not \
                 caught up; check kube-controller-manager"
            ));
        }
        AstrayFault::RoutingUnlessSilent(present) => present,
    };
    for address in present {
        // A pod whose own address is as silent as the Service hangs, which is the workload's fault. From this machine a pod's own
        // address may lead nowhere on any cluster, so that nothing is told.
        if variant.site.reach_pod(address).await?.is_some() {
            return Ok(String::new());
        }
    }
    Ok(format!(
        "{nowhere}, although the Service had endpoints: the cluster's routing had not caught up; check kube-proxy or its \
         replacement"
    ))
}

struct Endpoints {
    slices: Vec<EndpointSlice>,
    /// The addresses of the namespace's pods.
    pods: BTreeSet<IpAddr>,
}

impl Endpoints {
    async fn list(variant: &RunningVariant) -> Result<Self, kube::Error> {
        let client = &variant.handle.client;
        let namespace = &variant.handle.workload.namespace;
        let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), namespace);
        let own = ListParams::default().labels(&format!("kubernetes.io/service-name={}", variant.service));
        let slices = slices.list(&own).await?.items;
        let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
        let pods = pods.list(&ListParams::default()).await?.items.into_iter().filter(|pod| !finished(pod));
        Ok(Self { slices, pods: pods.filter_map(|pod| pod.status?.pod_ip?.parse().ok()).collect() })
    }
}

/// What prevents new connections from reaching a pod.
#[derive(Debug, PartialEq, Eq)]
enum AstrayFault {
    /// The Service has no endpoint: the manifests'.
    Manifest,
    /// Its endpoints are of pods that are gone: the cluster's.
    Endpoints,
    /// It has endpoints of pods that are there, at these addresses: the routing's, unless the pods themselves are as silent.
    RoutingUnlessSilent(Vec<SocketAddr>),
}

fn judge(endpoints: &BTreeSet<SocketAddr>, pods: &BTreeSet<IpAddr>) -> AstrayFault {
    if endpoints.is_empty() {
        return AstrayFault::Manifest;
    }
    let present: Vec<SocketAddr> = endpoints.iter().copied().filter(|at| pods.contains(&at.ip())).collect();
    if present.is_empty() { AstrayFault::Endpoints } else { AstrayFault::RoutingUnlessSilent(present) }
}

/// Where routing must lead new connections to a port of the slices' Service: to every ready endpoint, whoever's it is; if there are none,
/// to those that are serving and terminating (`CategorizeEndpoints` in kubernetes/pkg/proxy/topology.go, v1.34; KEP-1669). A slice
/// without the port leads nowhere: its pods have none of that name. With a node, only its own endpoints count, as under
/// `externalTrafficPolicy: Local`.
fn routed_to(slices: &[EndpointSlice], port_name: &str, node: Option<&str>) -> BTreeSet<SocketAddr> {
    let at = |wanted: fn(&Endpoint) -> bool| -> BTreeSet<SocketAddr> {
        let in_slices = slices.iter().filter_map(|slice| Some((slice, port(slice, port_name)?)));
        let addresses = in_slices.flat_map(|(slice, port)| {
            let endpoints = slice.endpoints.iter().filter(move |endpoint| wanted(endpoint) && is_on(endpoint, node));
            let ips = endpoints.flat_map(|endpoint| &endpoint.addresses).filter_map(|ip| ip.parse().ok());
            ips.map(move |ip: IpAddr| SocketAddr::new(ip, port))
        });
        addresses.collect()
    };
    let ready = at(is_ready);
    if ready.is_empty() { at(serves_while_terminating) } else { ready }
}

fn is_on(endpoint: &Endpoint, node: Option<&str>) -> bool {
    node.is_none_or(|node| endpoint.node_name.as_deref() == Some(node))
}

fn port(slice: &EndpointSlice, name: &str) -> Option<u16> {
    let mut ports = slice.ports.iter().flatten();
    let port = ports.find(|port| port.name.as_deref().unwrap_or_default() == name)?;
    u16::try_from(port.port?).ok()
}

/// Unset means ready, serving as ready, and not terminating (discovery/v1 `EndpointConditions`).
fn is_ready(endpoint: &Endpoint) -> bool {
    endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true)
}

fn serves_while_terminating(endpoint: &Endpoint) -> bool {
    let conditions = endpoint.conditions.clone().unwrap_or_default();
    conditions.serving.unwrap_or_else(|| is_ready(endpoint)) && conditions.terminating.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::serde_json::{Value, from_value, json};

    use super::*;

    fn slice(ports: &Value, endpoints: &[(&str, Value)]) -> EndpointSlice {
        let endpoints: Vec<Value> = endpoints
            .iter()
            .map(|(address, conditions)| json!({"addresses": [address], "conditions": conditions}))
            .collect();
        from_value(json!({"addressType": "IPv4", "metadata": {}, "ports": ports, "endpoints": endpoints})).unwrap()
    }

    fn http() -> Value {
        json!([{"name": "http", "port": 8080, "protocol": "TCP"}])
    }

    fn routed(slices: &[EndpointSlice]) -> Vec<String> {
        routed_to(slices, "http", None).iter().map(ToString::to_string).collect()
    }

    fn ips(of: &[&str]) -> BTreeSet<IpAddr> {
        of.iter().map(|ip| ip.parse().unwrap()).collect()
    }

    #[test]
    fn ready_endpoints_come_before_terminating_ones_and_those_before_none() {
        let ready = json!({"ready": true, "serving": true, "terminating": false});
        let leaving = json!({"ready": false, "serving": true, "terminating": true});
        let unready = json!({"ready": false, "serving": false, "terminating": false});
        let both = slice(&http(), &[("10.0.0.1", ready), ("10.0.0.2", leaving.clone()), ("10.0.0.3", unready.clone())]);
        assert_eq!(routed(&[both]), ["10.0.0.1:8080"]);
        let ending = slice(&http(), &[("10.0.0.2", leaving), ("10.0.0.3", unready.clone())]);
        assert_eq!(routed(&[ending]), ["10.0.0.2:8080"]);
        assert!(routed(&[slice(&http(), &[("10.0.0.3", unready)]), slice(&http(), &[])]).is_empty());
        assert_eq!(routed(&[slice(&http(), &[("10.0.0.4", json!({}))])]), ["10.0.0.4:8080"], "unset is ready");
    }

    #[test]
    fn a_pod_that_is_published_before_it_is_ready_is_an_endpoint() {
        // What the controller writes for publishNotReadyAddresses.
        let published = json!({"ready": true, "serving": false, "terminating": false});
        assert_eq!(routed(&[slice(&http(), &[("10.0.0.1", published)])]), ["10.0.0.1:8080"]);
    }

    #[test]
    fn a_node_stands_for_its_own_endpoints() {
        let mut both = slice(&http(), &[("10.0.0.1", json!({})), ("10.0.0.2", json!({}))]);
        both.endpoints[0].node_name = Some("a".to_owned());
        let at = |node: &str| routed_to(std::slice::from_ref(&both), "http", Some(node)).len();
        assert_eq!((at("a"), at("b"), routed_to(std::slice::from_ref(&both), "http", None).len()), (1, 0, 2));
    }

    #[test]
    fn a_slice_without_the_services_port_leads_nowhere() {
        for ports in [json!(null), json!([]), json!([{"name": "admin", "port": 9090}]), json!([{"name": "http"}])] {
            assert!(routed(&[slice(&ports, &[("10.0.0.1", json!({}))])]).is_empty(), "{ports}");
        }
        let nameless = slice(&json!([{"port": 8080}]), &[("10.0.0.1", json!({}))]);
        assert_eq!(routed_to(&[nameless], "", None).len(), 1);
    }

    #[test]
    fn what_the_slices_say_decides_whose_fault_silence_is() {
        let of = |addresses: &[&str]| -> BTreeSet<SocketAddr> {
            addresses.iter().map(|address| address.parse().unwrap()).collect()
        };
        let pods = ips(&["10.0.0.1", "10.0.0.2"]);
        assert_eq!(judge(&of(&[]), &pods), AstrayFault::Manifest);
        assert_eq!(judge(&of(&["10.0.0.9:80"]), &pods), AstrayFault::Endpoints, "its pod is gone");
        let routing = AstrayFault::RoutingUnlessSilent(vec!["10.0.0.1:80".parse().unwrap()]);
        assert_eq!(judge(&of(&["10.0.0.1:80", "10.0.0.9:80"]), &pods), routing);
    }
}
