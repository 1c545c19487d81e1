//! What the table holds, and which endpoint a new connection gets. Pure.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde_json::Value;

use crate::rng::Rng;

/// A Service's port: namespace, Service name, and the name of the port (empty where it has none).
pub(super) type ServicePort = (String, String, String);

/// An endpoint that a Service may route to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) address: SocketAddr,
    pub(super) pod: String,
}

/// The endpoints of one Service's port, sorted by what they may be used for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Endpoints {
    /// Ready: used first.
    pub(super) ready: Vec<Endpoint>,
    /// Serving and terminating: used where none is ready (KEP-1669; kube-proxy `pkg/proxy/topology.go`, v1.34).
    pub(super) fallback: Vec<Endpoint>,
}

impl Endpoints {
    /// The endpoint of a new connection, uniformly drawn, as the iptables rules' statistic match does; `None` where
    /// there is none and the kernel must refuse.
    pub(super) fn pick(&self, rng: &mut Rng) -> Option<&Endpoint> {
        let choice = if self.ready.is_empty() { &self.fallback } else { &self.ready };
        choice.get(rng.below(choice.len()))
    }
}

/// The table.
pub(super) type Table = BTreeMap<ServicePort, Endpoints>;

/// The table that the slices, as the API holds them, ask for.
pub(super) fn of_slices<'a>(slices: impl Iterator<Item = &'a Value>) -> Table {
    let mut table = Table::new();
    for slice in slices {
        let text = |pointer: &str| slice.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let service = text("/metadata/labels/kubernetes.io~1service-name");
        for port in slice["ports"].as_array().into_iter().flatten() {
            let Some(number) = port["port"].as_u64().and_then(|number| u16::try_from(number).ok()) else { continue };
            let name = port["name"].as_str().unwrap_or_default().to_owned();
            let entry = table.entry((text("/metadata/namespace"), service.clone(), name)).or_default();
            for endpoint in slice["endpoints"].as_array().into_iter().flatten() {
                add(entry, endpoint, number);
            }
        }
    }
    table
}

fn add(endpoints: &mut Endpoints, endpoint: &Value, port: u16) {
    // Unset conditions mean ready, serving, and not terminating (discovery/v1).
    let condition = |name: &str| endpoint["conditions"][name].as_bool();
    let ready = condition("ready").unwrap_or(true);
    let serving = condition("serving").unwrap_or(ready);
    let terminating = condition("terminating").unwrap_or(false);
    let pod = endpoint.pointer("/targetRef/name").and_then(Value::as_str).unwrap_or_default();
    for address in endpoint["addresses"].as_array().into_iter().flatten() {
        let Some(ip) = address.as_str().and_then(|text| text.parse::<IpAddr>().ok()) else { continue };
        let endpoint = Endpoint { address: SocketAddr::new(ip, port), pod: pod.to_owned() };
        if ready {
            endpoints.ready.push(endpoint);
        } else if serving && terminating {
            endpoints.fallback.push(endpoint);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn slice(endpoints: &Value) -> Value {
        json!({"metadata": {"namespace": "shop", "name": "web-1", "labels": {"kubernetes.io/service-name": "web"}},
            "ports": [{"name": "http", "port": 8080}], "endpoints": endpoints})
    }

    fn endpoint(pod: &str, last: u8, ready: bool, serving: bool, terminating: bool) -> Value {
        json!({"addresses": [format!("127.0.0.{last}")], "targetRef": {"name": pod},
            "conditions": {"ready": ready, "serving": serving, "terminating": terminating}})
    }

    fn pods(endpoints: &Value) -> Vec<String> {
        let slices = [slice(endpoints)];
        let table = of_slices(slices.iter());
        let endpoints = &table[&("shop".to_owned(), "web".to_owned(), "http".to_owned())];
        let mut rng = Rng::stream(1, "test");
        let mut seen: Vec<String> =
            (0..200).filter_map(|_| endpoints.pick(&mut rng)).map(|picked| picked.pod.clone()).collect();
        seen.sort();
        seen.dedup();
        seen
    }

    #[test]
    fn ready_endpoints_come_first_then_serving_terminating_ones_then_none() {
        let old = endpoint("old", 1, false, true, true);
        let starting = endpoint("starting", 2, false, false, false);
        let failing = endpoint("failing", 3, false, false, true);
        let new = endpoint("new", 4, true, true, false);
        assert_eq!(pods(&json!([old, starting, failing, new])), ["new"]);
        assert_eq!(pods(&json!([old, starting, failing])), ["old"]);
        assert!(pods(&json!([starting, failing])).is_empty());
    }

    #[test]
    fn connections_are_spread_evenly() {
        let slices = [slice(&json!([endpoint("a", 1, true, true, false), endpoint("b", 2, true, true, false)]))];
        let table = of_slices(slices.iter());
        let endpoints = table.values().next().unwrap();
        let mut rng = Rng::stream(1, "test");
        let first = (0..1_000).filter(|_| endpoints.pick(&mut rng).unwrap().pod == "a").count();
        assert!((430..570).contains(&first), "{first}");
    }
}
