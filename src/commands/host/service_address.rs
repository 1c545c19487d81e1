//! Where the load connects to on a real cluster: the Service's `ClusterIP`, or a node port of it from this machine.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use k8s_openapi::api::core::v1::Service;
use kube::{Api, Client};
use serde_json::{Value, json};

use super::reach_cluster::nodes;
use super::{LoadPlace, NotReady};
use crate::cluster::kube::api_words;
use crate::plan::VariantPlan;
use crate::spec::Door;

/// Where the load of a variant in `namespace` connects to.
pub(super) async fn service_address(
    client: &Client,
    from: LoadPlace,
    namespace: &str,
    planned: &VariantPlan,
) -> Result<SocketAddr, NotReady> {
    // The load finds its way to a URL by itself.
    let elsewhere = planned.spec.load.url.as_ref().filter(|_| planned.spec.load.doors().all(|door| door == Door::Url));
    if let Some(door) = elsewhere {
        let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        return Ok(SocketAddr::new(door.url.address().unwrap_or(unknown), door.url.port()));
    }
    let name = &planned.spec.service().name;
    let services: Api<Service> = Api::namespaced(client.clone(), namespace);
    let failed = |error: kube::Error| {
        NotReady::Machine(format!("reading service {name} in namespace {namespace}: {}", api_words(&error)))
    };
    let refused = |why: String| NotReady::User(format!("service {name} of variant {}: {why}", planned.spec.name));
    let service = services.get(name).await.map_err(failed)?;
    if from == LoadPlace::Host {
        if service.spec.as_ref().and_then(|spec| spec.external_traffic_policy.as_deref()) == Some("Local") {
            return Err(refused(
                "its externalTrafficPolicy is Local, so that a node port leads to that node's pods only; load it with \
                     --load-from pod"
                    .to_owned(),
            ));
        }
        let ports = service.spec.and_then(|spec| spec.ports).unwrap_or_default();
        let port = ports.into_iter().find(|port| port.port == i32::from(planned.spec.service().port));
        let port = port.and_then(|port| u16::try_from(port.node_port?).ok());
        let port = port.ok_or_else(|| {
            refused(
                "it has no node port, so that this machine cannot reach it; load it with --load-from pod".to_owned(),
            )
        })?;
        return Ok(SocketAddr::new(node_address(client).await?, port));
    }
    let ip = service.spec.and_then(|spec| spec.cluster_ip).unwrap_or_default();
    match ip.parse() {
        Ok(ip) => Ok(SocketAddr::new(ip, planned.spec.service().port)),
        Err(_) => Err(refused(format!(
            "its clusterIP is `{ip}`, expected an address: connections to a headless Service are not routed"
        ))),
    }
}

async fn node_address(client: &Client) -> Result<IpAddr, NotReady> {
    let nodes = nodes(client).await.map_err(NotReady::Machine)?;
    let addresses = nodes.into_iter().flat_map(|node| node.status.unwrap_or_default().addresses.unwrap_or_default());
    let internal = addresses.filter(|address| address.type_ == "InternalIP").find_map(|one| one.address.parse().ok());
    internal.ok_or_else(|| NotReady::Machine("no node has an InternalIP to reach its node ports at".to_owned()))
}

/// The manifests with a node port for the Service: in them, and not patched onto it, so that what is made anew has it too.
pub(super) fn with_node_port(manifests: &mut [Value], service: &str) {
    let is = |object: &Value| object["kind"] == "Service" && object["metadata"]["name"] == service;
    for object in manifests.iter_mut().filter(|object| is(object)) {
        object["spec"]["type"] = json!("NodePort");
    }
}
