//! Where the load connects to on a real cluster: the Service's `ClusterIP`, or its node port at every node from this machine.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Service};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use super::reach_cluster::nodes;
use super::{LoadPlace, NotReady};
use crate::cluster::kube::api_words;
use crate::load::{NodeRoute, Route};
use crate::plan::VariantPlan;
use crate::record::entry::{LoadedNode, NodePorts};
use crate::redact::clipped;
use crate::spec::Door;

/// Load balancers of cloud providers leave such a node out (`nodeIncludedPredicate` in
/// cloud-provider/controllers/service/controller.go, v1.34).
const EXCLUDED: &str = "node.kubernetes.io/exclude-from-external-load-balancers";

/// Where connections go.
pub(super) struct ServiceAddress {
    /// The only address, or the first node's.
    pub(super) first: SocketAddr,
    pub(super) node_ports: Option<NodePorts>,
}

impl ServiceAddress {
    const fn only(first: SocketAddr) -> Self {
        Self { first, node_ports: None }
    }

    pub(super) fn route(&self) -> Arc<dyn Route> {
        let nodes = self.node_ports.iter().flat_map(|ports| &ports.nodes);
        match NodeRoute::new(nodes.map(|node| node.address).collect()) {
            Some(route) => Arc::new(route),
            None => Arc::new(self.first),
        }
    }
}

/// Where the load of a variant in `namespace` connects to.
pub(super) async fn service_address(
    client: &Client,
    from: LoadPlace,
    namespace: &str,
    planned: &VariantPlan,
) -> Result<ServiceAddress, NotReady> {
    let services: Api<Service> = Api::namespaced(client.clone(), namespace);
    if let Some(proxy) = planned.spec.load.url.as_ref().and_then(|door| door.proxy.as_ref()) {
        proxy_is_there(&services, namespace, proxy, &planned.spec.name).await?;
    }
    // The load finds its way to a URL by itself.
    let elsewhere = planned.spec.load.url.as_ref().filter(|_| planned.spec.load.doors().all(|door| door == Door::Url));
    if let Some(door) = elsewhere {
        let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        return Ok(ServiceAddress::only(SocketAddr::new(door.url.address().unwrap_or(unknown), door.url.port())));
    }
    let name = &planned.spec.service().name;
    let failed = |error: kube::Error| {
        NotReady::Machine(format!("reading service {name} in namespace {namespace}: {}", api_words(&error)))
    };
    let refused = |why: String| NotReady::User(format!("service {name} of variant {}: {why}", planned.spec.name));
    let service = services.get(name).await.map_err(failed)?.spec.unwrap_or_default();
    let ip = service.cluster_ip.unwrap_or_default();
    if from == LoadPlace::Host {
        let local = service.external_traffic_policy.as_deref() == Some("Local");
        let ports = service.ports.unwrap_or_default();
        let port = ports.into_iter().find(|port| port.port == i32::from(planned.spec.service().port));
        let port = port.and_then(|port| u16::try_from(port.node_port?).ok());
        let port = port.ok_or_else(|| {
            refused(
                "it has no node port, so that this machine cannot reach it; load it with --load-from pod".to_owned(),
            )
        })?;
        let all = nodes(client).await.map_err(NotReady::Machine)?;
        let v6 = ip.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6());
        let nodes = loaded(&all, v6, port).map_err(NotReady::Machine)?;
        let first =
            nodes.first().map_or_else(|| SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port), |node| node.address);
        return Ok(ServiceAddress { first, node_ports: Some(NodePorts { local, nodes }) });
    }
    match ip.parse() {
        Ok(ip) => Ok(ServiceAddress::only(SocketAddr::new(ip, planned.spec.service().port))),
        Err(_) => Err(refused(format!(
            "its clusterIP is `{ip}`, expected an address: connections to a headless Service are not routed"
        ))),
    }
}

/// A name that stands for no Service would leave every rollout of the proxy unseen.
async fn proxy_is_there(services: &Api<Service>, namespace: &str, proxy: &str, variant: &str) -> Result<(), NotReady> {
    let found = services.get_opt(proxy).await.map_err(|error| {
        NotReady::Machine(format!("reading service {proxy} in namespace {namespace}: {}", api_words(&error)))
    })?;
    found.map(drop).ok_or_else(|| {
        let shown = clipped(proxy, 80);
        NotReady::User(format!(
            "`proxy` of variant {variant} is `{}`, and namespace {namespace} has no Service of that name; a proxy elsewhere is not \
             watched: leave `proxy` out",
            shown.escape_debug()
        ))
    })
}

/// The nodes that a load balancer of a cloud provider would use: those that are ready and not excluded by their label. Where the label
/// would leave none, as on a cluster of one node that is a control plane, it excludes none.
fn loaded(all: &[Node], v6: bool, port: u16) -> Result<Vec<LoadedNode>, String> {
    let ready: Vec<&Node> = all.iter().filter(|node| is_ready(node)).collect();
    if ready.is_empty() {
        return Err("no node is ready, so that no node port can be reached".to_owned());
    }
    let included: Vec<&Node> = ready.iter().copied().filter(|node| !node.labels().contains_key(EXCLUDED)).collect();
    let used = if included.is_empty() { ready } else { included };
    let mut nodes: Vec<LoadedNode> = used
        .into_iter()
        .filter_map(|node| {
            Some(LoadedNode { node: node.name_any(), address: SocketAddr::new(internal(node, v6)?, port) })
        })
        .collect();
    nodes.sort_by(|a, b| a.node.cmp(&b.node));
    if nodes.is_empty() {
        let family = if v6 { "IPv6" } else { "IPv4" };
        return Err(format!("no node has an InternalIP of family {family} to reach its node ports at"));
    }
    Ok(nodes)
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn internal(node: &Node, v6: bool) -> Option<IpAddr> {
    let addresses = node.status.as_ref()?.addresses.iter().flatten();
    let mut internal = addresses.filter(|one| one.type_ == "InternalIP").filter_map(|one| one.address.parse().ok());
    internal.find(|ip: &IpAddr| ip.is_ipv6() == v6)
}

/// The manifests with a node port for the Service: in them, and not patched onto it, so that what is made anew has it too.
pub(super) fn with_node_port(manifests: &mut [Value], service: &str) {
    let is = |object: &Value| object["kind"] == "Service" && object["metadata"]["name"] == service;
    for object in manifests.iter_mut().filter(|object| is(object)) {
        object["spec"]["type"] = json!("NodePort");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, ready: &str, labels: &Value, addresses: &[&str]) -> Node {
        let addresses: Vec<Value> =
            addresses.iter().map(|address| json!({"type": "InternalIP", "address": address})).collect();
        serde_json::from_value(json!({
            "metadata": {"name": name, "labels": labels},
            "status": {"conditions": [{"type": "Ready", "status": ready}], "addresses": addresses},
        }))
        .unwrap()
    }

    fn names(all: &[Node]) -> Vec<String> {
        loaded(all, false, 30_000).unwrap().into_iter().map(|node| format!("{} {}", node.node, node.address)).collect()
    }

    #[test]
    fn ready_nodes_that_no_label_excludes_are_loaded() {
        let (none, excluded) = (json!({}), json!({EXCLUDED: ""}));
        let worker = node("b", "True", &none, &["192.0.2.2"]);
        let other = node("a", "True", &none, &["2001:db8::1", "192.0.2.1"]);
        let broken = node("c", "Unknown", &none, &["192.0.2.3"]);
        let control = node("d", "True", &excluded, &["192.0.2.4"]);
        let all = [worker, other, broken.clone(), control.clone()];
        assert_eq!(names(&all), ["a 192.0.2.1:30000", "b 192.0.2.2:30000"]);
        assert_eq!(loaded(&all, true, 30_000).unwrap().len(), 1, "one has an IPv6 address");
        assert_eq!(names(&[control.clone(), broken.clone()]), ["d 192.0.2.4:30000"], "a node must be left");
        assert!(loaded(&[broken], false, 30_000).unwrap_err().contains("no node is ready"));
        assert!(loaded(&[control], true, 30_000).unwrap_err().contains("IPv6"));
    }
}
